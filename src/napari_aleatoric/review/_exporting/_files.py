"""Files of an export: handed on as links or copies, and what a written one is called."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_aleatoric.errors import WorkspaceError
from napari_aleatoric.model import Geometry

__all__ = ["hand_on", "program", "sha256_of", "suffix_for"]

_BLOCK = 1 << 22  # bytes between two looks at the stop request


def suffix_for(dtype: np.dtype[Any], geometry: Geometry) -> str:
    """Choose PNG for photographs, NIfTI for everything that has a place in a patient."""
    is_picture = geometry.is_flat and not geometry.spacing_known
    return ".png" if is_picture and dtype in (np.dtype(np.uint8), np.dtype(np.uint16)) else ".nii.gz"


def sha256_of(path: Path, tick: Callable[[], None] = lambda: None) -> str:
    """Return the digest of a file; ``tick`` is called now and then and may raise to stop."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            tick()
    return digest.hexdigest()


def program() -> str:
    """Return name and version of this program."""
    from napari_aleatoric import __version__

    return f"napari-aleatoric {__version__}"


def hand_on(
    source: Path, target: Path, how: Literal["link", "copy"], tick: Callable[[], None]
) -> Literal["link", "copy"]:
    """Put a file of the data set into an export, as a link or as a copy that was read back.

    A link is a symbolic one, relative where both lie on one drive, so that the two folders can move together; where
    the system refuses that, a hard link; where it refuses both, the file is copied.

    Parameters
    ----------
    source : Path
        The file.
    target : Path
        Where it shall be; its folder exists. It may be moved with its folder to another name beside it.
    how : {"link", "copy"}
        What is wished.
    tick : callable
        Called now and then; may raise to stop.

    Returns
    -------
    {"link", "copy"}
        What it became.

    Raises
    ------
    WorkspaceError
        If a copy reads back differently.
    OSError
        If it cannot be read or written.
    """
    if how == "link" and _linked(source, target):
        return "link"
    digest = hashlib.sha256()
    with source.open("rb") as reading, target.open("wb") as writing:
        while block := reading.read(_BLOCK):
            digest.update(block)
            writing.write(block)
            tick()
        writing.flush()
        os.fsync(writing.fileno())
    if sha256_of(target, tick) != digest.hexdigest():
        raise WorkspaceError(f"The copy of {source.name} reads back differently; the disk may be damaged.")
    return "copy"


def _linked(source: Path, target: Path) -> bool:
    try:
        try:
            pointer = os.path.relpath(source, target.parent)
        except ValueError:  # another drive
            pointer = str(source)
        target.symlink_to(pointer)
        if target.is_file():
            return True
        target.unlink()
    except OSError:
        target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        return False
    return True
