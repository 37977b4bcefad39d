"""What a trained network's readers' uncertainty says of the labels of one case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ._cases import NetCase
from ._train import need_torch

__all__ = ["READERS_FILE", "ReaderUncertainty", "reader_uncertainty"]

READERS_FILE = "readers.safetensors"
"""Beside ``model.json``: the small network that says how unsure a reader's label is."""


@dataclass(frozen=True, eq=False)
class ReaderUncertainty:
    """How unsure each reader's label of a case is.

    Parameters
    ----------
    maps : numpy.ndarray of float16, shape (R, Z, Y, X)
        u_r = sigmoid(s_r), 0 to 1, high where the label contradicts what the network has learned from all; on the
        grid that was asked for.
    quality_by_reader : tuple of float
        q_r = 1 − mean of u_r over the union of all labels and what lies near it, on the network's grid; 1 where
        nobody drew anything.
    quality : float
        Their mean.
    """

    maps: NDArray[np.float16]
    quality_by_reader: tuple[float, ...]
    quality: float


def reader_uncertainty(
    folder: Path,
    case: NetCase,
    shape_zyx: tuple[int, int, int] | None = None,
    *,
    device: str | None = None,
    go_on: Callable[[], None] | None = None,
) -> ReaderUncertainty:
    """Say how unsure each reader's label of a case is, by what `train_model` learned with readers 'uma'.

    Parameters
    ----------
    folder : Path
        Where the model was left.
    case : NetCase
        From `model_case` with the model's plan; with labels of one reader or more.
    shape_zyx : tuple of int, optional
        Grid that the maps are wanted on (of the box that the case was cut from); default: the network's.
    device : str, optional
        Where it runs; default: as the model's settings say.
    go_on : callable, optional
        Asked between windows; may raise `Cancelled`.

    Raises
    ------
    NotFoundError
        If the model was not trained so.
    """
    need_torch()
    from ._torch._uma_maps import reader_uncertainty as asked

    return asked(Path(folder), case, shape_zyx, device, go_on or _always)


def _always() -> None:
    """Go on."""
