"""The state of a training on disk: whole or not there, and only taken up by the work that it belongs to."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from napari_aleatoric.io import write_whole

__all__ = ["keep_state", "read_state"]


def keep_state(path: Path, asked: str, values: Mapping[str, Any]) -> None:
    """Write a state; a kill leaves the one before, or this one.

    Parameters
    ----------
    path : Path
        Where; a file that is there is replaced.
    asked : str
        What the work is: model, data and settings. Only the same text gets the state back.
    values : mapping
        What ``torch.load`` reads without running anything: tensors, numbers, texts, and dicts and lists of them.
    """
    buffer = io.BytesIO()
    torch.save({**values, "asked": asked}, buffer)
    write_whole(path, buffer.getvalue())


def read_state(path: Path, asked: str, *, needed: str, device: torch.device | str = "cpu") -> dict[str, Any] | None:
    """Read a state of the same work; None if there is none or it is damaged (the work starts anew).

    Parameters
    ----------
    path, asked
        As of `keep_state`.
    needed : str
        A value that a whole state has.
    device : torch.device or str
        Where its tensors are put.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        return state if state["asked"] == asked and needed in state else None
    except Exception:  # noqa: BLE001 - unpickling foreign bytes may raise anything; the file is only a cache
        return None
