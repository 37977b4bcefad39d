"""Writing files whole: beside the target, flushed, read back, and only then put in its place."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, WorkspaceError
from napari_aleatoric.model import Geometry, LabelMap, Volume, describe

from ._formats import is_image_file, is_picture, suffix_of
from ._itk import image_of, reason_of, sitk
from ._labels import smallest_type
from ._volumes import read_file

__all__ = [
    "flush_folder",
    "flush_path",
    "sweep_torn",
    "whole_file",
    "write_label_map",
    "write_volume",
    "write_whole",
]

_GRID_TOLERANCE_VOXELS = 0.01  # file formats keep the grid in 32-bit floats


def flush_path(path: Path) -> None:
    """Make the system put a file's content on the disk."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def flush_folder(folder: Path) -> None:
    """Make the system put a folder's entries on the disk, where it can."""
    if os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; what was written there replaces ``path`` if the block succeeds.

    Raises
    ------
    WorkspaceError
        If the folder cannot be written to.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}.tmp{suffix_of(path) or path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        flush_path(temporary)
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        raise WorkspaceError(
            f"{path.name} could not be written ({error.strerror or type(error).__name__}); what was there before "
            "is unchanged. Check free space and permissions of the folder."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file's content at once: readers see the old or the new content, never a part.

    Raises
    ------
    WorkspaceError
        If it could not be written, or reads back differently; the old content is then unchanged.
    """
    path = Path(path)
    with whole_file(path) as temporary:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if temporary.read_bytes() != data:
            raise WorkspaceError(f"{path.name} reads back differently than written; the disk may be damaged.")


def sweep_torn(folder: Path, spare: str = "") -> None:
    """Remove the files that writers left half-written when they were killed.

    Parameters
    ----------
    folder : Path
        Where nobody else writes now; folders in it are swept, too.
    spare : str
        Name of folders in it where somebody else may write.
    """
    for path in folder.rglob(".*.tmp*"):
        if spare not in path.relative_to(folder).parts:
            with suppress(OSError):  # it does no harm
                path.unlink()


def write_volume(path: Path, volume: Volume) -> None:
    """Write an image on exactly its grid, in its stored order, read it back and compare.

    Parameters
    ----------
    path : Path
        Target; its suffix decides the format (NIfTI, NRRD, MetaImage; PNG or TIFF for flat images).
    volume : Volume
        The image.

    Raises
    ------
    DataError
        If the format cannot hold these voxels or this grid; nothing is left behind.
    WorkspaceError
        If the folder cannot be written to.
    """
    _write(Path(path), volume.data, volume.geometry)


def write_label_map(path: Path, label_map: LabelMap) -> None:
    """Write a label map on exactly its grid as small integers, read it back and compare; see `write_volume`."""
    data = label_map.data
    kind = smallest_type(int(data.min()), int(data.max()))
    _write(Path(path), data.astype(kind, copy=False), label_map.geometry)


def _write(path: Path, data: NDArray[np.generic], geometry: Geometry) -> None:
    if not is_image_file(path) or suffix_of(path) in (".mhd", ".nhdr", ".jpg", ".jpeg"):
        raise DataError(
            f"Expected a file name ending in .nii.gz, .nii, .nrrd, .mha, .png or .tif, got {path.name}: other "
            "formats lose voxels or need a second file."
        )
    flat = is_picture(path)
    if flat and not geometry.is_flat:
        raise DataError(f"{path.name} can hold one slice only, got {geometry.shape_zyx[0]}. Use .nii.gz.")
    if data.dtype == np.bool_:
        data = data.astype(np.uint8)
    with whole_file(path) as temporary:
        try:
            sitk().WriteImage(image_of(data, geometry, flat=flat), str(temporary), useCompression=True)
        except (RuntimeError, TypeError, NotImplementedError, KeyError) as error:
            raise DataError(
                f"{path.name} could not be written: the format cannot hold {data.dtype} voxels, or the disk is "
                f"full ({reason_of(error)}). Use .nii.gz."
            ) from error
        _compare(path.name, temporary, data, geometry)


def _compare(name: str, written: Path, data: NDArray[np.generic], geometry: Geometry) -> None:
    again, grid, _ = read_file(written)
    if again.ndim == 4 and data.ndim == 3 and again.shape[3] == 1:
        again = again[..., 0]
    if again.shape != data.shape or not np.array_equal(again, data, equal_nan=data.dtype.kind == "f"):
        raise DataError(
            f"{name} reads back with other voxels than written, so it was not kept. Use .nii.gz, or check the disk."
        )
    if not is_picture(written) and not grid.same_grid(
        replace(geometry, spacing_known=True), _GRID_TOLERANCE_VOXELS
    ):
        raise DataError(
            f"{name} reads back on another grid ({describe(grid)}) than written ({describe(geometry)}), so it was "
            "not kept. Use .nii.gz or .nrrd."
        )
