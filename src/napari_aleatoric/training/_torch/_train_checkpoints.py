"""Weights on disk, as safetensors; written whole, and checked when they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.io import write_whole

__all__ = ["checkpoint_path", "digest_of", "read_weights", "write_weights"]


def checkpoint_path(folder: Path, name: str) -> Path:
    """Where a checkpoint of a model lies."""
    return folder / "checkpoints" / f"{name}.safetensors"


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Keep weights; a kill leaves the file before, or this one."""
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
    write_whole(path, safetensors.torch.save(tensors))


def read_weights(path: Path, digest: str) -> dict[str, Tensor]:
    """Read weights to the computer's memory.

    Raises
    ------
    NotFoundError, DataError
        If they are not there, or not those that were written.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotFoundError(f"The model's weights {path.name} are missing. Train it anew.") from error
    if _digest(content) != digest:
        raise DataError(f"The model's weights {path.name} are not those that were learned. Train it anew.")
    return dict(safetensors.torch.load(content))


def digest_of(path: Path) -> str:
    """16 hexadecimal digits that change with any weight of a file."""
    return _digest(path.read_bytes())


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
