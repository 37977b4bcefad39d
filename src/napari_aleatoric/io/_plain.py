"""Whether a file of a data set can be handed on as it is: what other programs read from it is what we read."""

from __future__ import annotations

import re
from pathlib import Path

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Geometry

from ._formats import is_image_file, is_picture, suffix_of
from ._itk import geometry_of, reader_for, sitk

__all__ = ["channel_files", "is_plain_image", "is_plain_label", "volumes_in"]

_TWO_FILES = (".mhd", ".nhdr")  # a header that names another file
_GRID_TOLERANCE_VOXELS = 0.01
_CHANNEL = re.compile(r"(.+)_0000")


def is_plain_image(path: Path, like: Geometry) -> bool:
    """Whether an image is one whole file that ITK, too, places on the grid ``like``; reads only its header.

    Parameters
    ----------
    path : Path
        File, or folder of a DICOM series (which is not plain).
    like : Geometry
        The grid as we read it.
    """
    if not _is_one_file(path):
        return False
    if is_picture(path):
        return True
    try:
        header = reader_for(path)
        return geometry_of(header).same_grid(like, _GRID_TOLERANCE_VOXELS)
    except DataError:
        return False


def is_plain_label(path: Path, like: Geometry) -> bool:
    """Whether a label is one 3-D file of integers that lies on exactly the grid ``like``; reads only its header.

    Pictures are not plain: what programs make of palettes and single bits differs.
    """
    if not _is_one_file(path) or is_picture(path):
        return False
    try:
        header = reader_for(path)
        return (
            len(header.GetSize()) == 3
            and header.GetNumberOfComponents() == 1
            and header.GetPixelID() in _integer_types()
            and geometry_of(header).same_grid(like, _GRID_TOLERANCE_VOXELS)
        )
    except DataError:
        return False


def channel_files(path: Path) -> tuple[Path, ...]:
    """Return the files of all channels of an image named as nnU-Net does (``x_0000``, ``x_0001``, …), in order.

    The file itself alone where its name does not end so.
    """
    suffix = suffix_of(path)
    match = _CHANNEL.fullmatch(path.name[: -len(suffix)]) if suffix else None
    if match is None or not path.is_file():
        return (path,)
    name = re.compile(rf"{re.escape(match.group(1))}_[0-9]{{4}}{re.escape(suffix)}", re.IGNORECASE)
    return tuple(sorted(p for p in path.parent.iterdir() if name.fullmatch(p.name)))


def _is_one_file(path: Path) -> bool:
    return path.is_file() and is_image_file(path) and suffix_of(path) not in _TWO_FILES


def _integer_types() -> set[int]:
    module = sitk()
    names = ("UInt8", "Int8", "UInt16", "Int16", "UInt32", "Int32", "UInt64", "Int64")
    return {getattr(module, f"sitk{name}") for name in names}


def volumes_in(path: Path) -> int:
    """Return how many volumes the fourth dimension of a file holds, by its header; 1 without one.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    if path.is_dir() or not is_image_file(path):
        return 1
    n = 1
    for size in reader_for(path).GetSize()[3:]:
        n *= int(size)
    return n
