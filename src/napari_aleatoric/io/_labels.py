"""Reading label maps: whatever the file's type, small integers come out."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Geometry, LabelMap

from ._formats import is_picture
from ._volumes import read_file

__all__ = ["SoftLabelWarning", "as_integers", "read_label_array", "read_label_map", "smallest_type"]

_SOFT_RANGE = (-0.25, 1.25)  # interpolation overshoots 0 and 1 a little
_SOFT_THRESHOLD = 0.5


class SoftLabelWarning(UserWarning):
    """A label file holds fractions; it was clipped to 0..1 and cut at one half."""


def smallest_type(lowest: int, highest: int) -> np.dtype[Any]:
    """Return the smallest integer type that holds both values: uint8, uint16, int16, int32, uint32 or int64."""
    for kind in (np.uint8, np.uint16, np.int16, np.int32, np.uint32):
        if np.iinfo(kind).min <= lowest and highest <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.int64)


def as_integers(data: NDArray[Any], name: str) -> tuple[NDArray[Any], str]:
    """Turn voxels of any type into label values of the smallest integer type that holds them.

    Parameters
    ----------
    data : numpy.ndarray of bool, integer or float, any shape
        Integers, floats that hold integers, or a soft map with values from 0 to 1 (a little more or less, as
        interpolation leaves them), which is clipped and cut at one half.
    name : str
        The file's name, for the sentences.

    Returns
    -------
    labels : numpy.ndarray of integer, same shape
        Label values.
    remark : str
        A sentence if the map was soft; else "".

    Raises
    ------
    DataError
        If the values are neither integers nor between 0 and 1.
    """
    if data.dtype.kind == "b":
        return data.astype(np.uint8), ""
    if data.size == 0:
        raise DataError(f"{name} holds no voxels.")
    lowest, highest = data.min(), data.max()
    if data.dtype.kind in "iu":
        return np.ascontiguousarray(data, dtype=smallest_type(int(lowest), int(highest))), ""
    if data.dtype.kind != "f" or not (np.isfinite(lowest) and np.isfinite(highest)):
        raise DataError(
            f"Expected integers in the label file {name}, got {data.dtype} with values that are not numbers "
            "(NaN or infinite). Save the label again as integers."
        )
    whole = np.rint(data)
    if float(np.abs(data - whole).max()) <= 1e-4:
        return whole.astype(smallest_type(int(whole.min()), int(whole.max()))), ""
    if _SOFT_RANGE[0] <= lowest and highest <= _SOFT_RANGE[1]:
        remark = (
            f"{name} is a soft map with values from {lowest:.3g} to {highest:.3g}: it was clipped to 0..1 and "
            f"voxels of at least {_SOFT_THRESHOLD} count as labelled."
        )
        return (np.clip(data, 0.0, 1.0) >= _SOFT_THRESHOLD).astype(np.uint8), remark
    raise DataError(
        f"Expected integers in the label file {name}, got fractions between {lowest:.4g} and {highest:.4g}. "
        "This looks like an image, not a label; check that the pair is not swapped."
    )


def _palette_indices(path: Path) -> NDArray[Any] | None:
    """Label values of a PNG that shows its classes as palette colours, or None."""
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture)[np.newaxis] if picture.mode == "P" else None


def read_label_array(path: Path) -> tuple[NDArray[Any], Geometry, str]:
    """Read one label file; returns (label values (Z, Y, X), grid, remark), the remark as in `as_integers`.

    Raises
    ------
    DataError
        If the file cannot be read, has colours or several channels, or holds no labels.
    """
    data, geometry, n_channels = read_file(path)
    if n_channels > 1:
        raise DataError(
            f"Expected one label map in {path.name}, got {n_channels} channels. Save one 3-D label map, or one "
            "file per structure."
        )
    if data.ndim == 4:
        palette = _palette_indices(path) if is_picture(path) else None
        if palette is not None:
            data = palette
        elif is_picture(path) and (data.shape[-1] == 2 or (data[..., :1] == data[..., :3]).all()):
            data = data[..., 0]
        else:
            raise DataError(
                f"Expected label values in {path.name}, got {data.shape[-1]} components in each voxel. Save the "
                "label as a grey or indexed picture whose values are the classes."
            )
    labels, remark = as_integers(data, path.name)
    return labels, geometry, remark


def read_label_map(path: Path, *, reader: str = "") -> LabelMap:
    """Read one label map from a volume or picture file, in the stored order.

    Any integer type, floats that hold integers, 1-bit and indexed pictures, and soft maps (with a
    `SoftLabelWarning`) are understood. A DICOM structure set needs its image's grid: use `load_label`.

    Parameters
    ----------
    path : Path
        The file.
    reader : str
        Whose label it is.

    Returns
    -------
    LabelMap
        Values in the smallest integer type that holds them.

    Raises
    ------
    DataError
        If the file cannot be read or holds no labels.
    """
    path = Path(path)
    labels, geometry, remark = read_label_array(path)
    if remark:
        warnings.warn(remark, SoftLabelWarning, stacklevel=2)
    return LabelMap(labels, geometry, reader)
