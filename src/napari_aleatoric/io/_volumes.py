"""Reading images: one file or one DICOM series in, one `Volume` out."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Geometry, Volume

from ._dicom import is_dicom, read_series, series_geometry
from ._formats import is_nifti, is_picture, stem_of
from ._itk import array_of, geometry_of, permissive_nifti, reader_for, reason_of, sitk
from ._nifti import check_whole, nifti_geometry, read_nifti_header

__all__ = ["FirstChannelWarning", "guess_modality", "read_file", "read_geometry", "read_volume"]

_MODALITY_WORDS = {
    "ct": "CT",
    "mr": "MR",
    "mri": "MR",
    "t1": "MR",
    "t1w": "MR",
    "t2": "MR",
    "t2w": "MR",
    "t2s": "MR",
    "flair": "MR",
    "pet": "PET",
    "pt": "PET",
}


class FirstChannelWarning(UserWarning):
    """An image has several channels or time points; only the first was read."""


def guess_modality(words: str) -> str:
    """Guess "CT", "MR" or "PET" from a file or folder name; "" where it says nothing."""
    for word in re.split(r"[^A-Za-z0-9]+", words):
        found = _MODALITY_WORDS.get(word.lower())
        if found:
            return found
    return ""


def read_geometry(path: Path, *, series_uid: str = "") -> Geometry:
    """Read only the grid of an image or label file, or of a DICOM series folder: headers, no voxels.

    A NIfTI file that is cut short is noticed.

    Raises
    ------
    DataError
        If the file cannot be read or its grid cannot be used.
    """
    if path.is_dir() or is_dicom(path):
        return series_geometry(path, series_uid)
    if is_nifti(path):
        header = read_nifti_header(path)
        check_whole(path, header)
        return nifti_geometry(path, header)
    geometry = geometry_of(reader_for(path), spacing_known=not is_picture(path))
    return _photograph(geometry) if is_picture(path) else geometry


def read_file(path: Path) -> tuple[NDArray[Any], Geometry, int]:
    """Read one volume or picture file.

    Returns
    -------
    data : numpy.ndarray, shape (Z, Y, X) or (Z, Y, X, C)
        Voxels of the first time point; C stands for colours or other components, as stored.
    geometry : Geometry
        The grid, in the stored order.
    n_channels : int
        How many volumes the fourth dimension of the file holds; 1 without one.

    Raises
    ------
    DataError
        If the file cannot be read or its grid cannot be used.
    """
    geometry = None
    plain = False
    if is_nifti(path):  # judged before ITK, whose own sentence is less help
        header = read_nifti_header(path)
        geometry = nifti_geometry(path, header)
        check_whole(path, header)
        plain = len(header.shape) == 3
    try:
        image, n_channels = _first_volume(path, plain)
    except DataError:
        if geometry is None:
            raise
        with permissive_nifti():  # a matrix that ITK refuses, and that was judged above
            image, n_channels = _first_volume(path, plain)
    data = array_of(image)
    if geometry is None:
        geometry = geometry_of(image)
        if is_picture(path):
            geometry = _photograph(geometry)
    return data, geometry, n_channels


def _first_volume(path: Path, plain: bool) -> tuple[Any, int]:
    """Image of the first channel or time point, and how many there are; ``plain`` if it is known to be one."""
    n_channels = 1
    if plain:
        reader = sitk().ImageFileReader()
        reader.SetFileName(str(path))
    else:
        reader = reader_for(path)
        size = list(reader.GetSize())
        if len(size) > 3:
            n_channels = int(np.prod(size[3:]))
            reader.SetExtractSize([*size[:3], *([0] * (len(size) - 3))])
    try:
        return reader.Execute(), n_channels
    except RuntimeError as error:
        raise DataError(
            f"The voxels of {path.name} cannot be read; the file is damaged or cut short "
            f"({reason_of(error)}). Copy it again from where it came."
        ) from error


def read_volume(path: Path, *, series_uid: str = "") -> Volume:
    """Read an image: a NIfTI, NRRD, MetaImage, PNG, JPEG or TIFF file, a DICOM file, or a DICOM series folder.

    Of several channels or time points the first is read, with a `FirstChannelWarning`; of colours with
    transparency the colours. Photographs have no physical spacing (``geometry.spacing_known`` is False).

    Parameters
    ----------
    path : Path
        File, or folder that holds DICOM slices.
    series_uid : str
        For a folder with several DICOM series, which one.

    Returns
    -------
    Volume
        Voxels in the stored order.

    Raises
    ------
    DataError
        If the file is absent, damaged, in no known format, or its grid is not regular.
    """
    path = Path(path)
    if path.is_dir() or is_dicom(path):
        return read_series(path, series_uid)
    data, geometry, n_channels = read_file(path)
    name = path.name
    if n_channels > 1:
        warnings.warn(
            f"{name} holds {n_channels} channels or time points; the first one is used.",
            FirstChannelWarning,
            stacklevel=2,
        )
    if data.ndim == 4:
        data = _colours(data, name)
    modality = "RGB" if data.ndim == 4 else guess_modality(stem_of(path))
    return Volume(data, geometry, modality)


def _colours(data: NDArray[Any], name: str) -> NDArray[Any]:
    n = data.shape[-1]
    if data.dtype.kind == "u" and n in (3, 4):
        return np.ascontiguousarray(data[..., :3])
    if n == 2 and data.dtype.kind == "u":  # grey with transparency
        return np.ascontiguousarray(data[..., 0])
    warnings.warn(
        f"{name} holds {n} components in each voxel; the first one is used.", FirstChannelWarning, stacklevel=3
    )
    return np.ascontiguousarray(data[..., 0])


def _photograph(geometry: Geometry) -> Geometry:
    """Forget a printing resolution: pixels of a picture have no size in the patient."""
    return Geometry(geometry.shape_zyx, spacing_known=False)
