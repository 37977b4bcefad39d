"""The one place that talks to SimpleITK."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Geometry

__all__ = ["array_of", "geometry_of", "image_of", "permissive_nifti", "reader_for", "reason_of", "sitk"]

_permissive_lock = threading.Lock()


def sitk() -> Any:
    """Return SimpleITK, imported when first needed, with its printed warnings switched off.

    What its warnings tell (a sheared matrix, an uneven slice gap) is checked here and said in a sentence.
    """
    import SimpleITK

    module: Any = SimpleITK
    if module.ProcessObject.GetGlobalWarningDisplay():
        module.ProcessObject.SetGlobalWarningDisplay(False)
    return module


@contextmanager
def permissive_nifti() -> Iterator[None]:
    """Let ITK read voxels of a NIfTI file whose matrix it would refuse; the geometry is judged by us."""
    name = "ITK_NIFTI_SFORM_PERMISSIVE"
    with _permissive_lock:
        before = os.environ.get(name)
        os.environ[name] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


def reason_of(error: Exception) -> str:
    """Shorten an ITK error to its last line, without folder names."""
    line = next((part.strip() for part in reversed(str(error).splitlines()) if part.strip()), "no reason given")
    words = [Path(w.strip("\"'")).name if "/" in w or "\\" in w else w for w in line.split()]
    return " ".join(words).removeprefix("sitk::ERROR: ").removeprefix("ITK ERROR: ").rstrip(".")


def reader_for(path: Path) -> Any:
    """Return an ``ImageFileReader`` whose header has been read.

    Raises
    ------
    DataError
        If the file is absent, empty or in no known format.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path.name} in the folder {path.parent.name}.")
    if path.stat().st_size == 0:
        raise DataError(f"{path.name} is empty (0 bytes). Copy it again from where it came.")
    reader = sitk().ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise DataError(
            f"{path.name} cannot be read: it is damaged, cut short or in a format that is not known "
            f"({reason_of(error)}). Check the file, or convert it to NIfTI."
        ) from error
    return reader


def geometry_of(header: Any, *, spacing_known: bool = True) -> Geometry:
    """Return the grid of a SimpleITK image or of a reader that has read its header (2 to 4 dimensions).

    Raises
    ------
    DataError
        If the axes are not at right angles.
    """
    size, spacing, origin = (list(v)[:3] for v in (header.GetSize(), header.GetSpacing(), header.GetOrigin()))
    n = len(header.GetSize())
    direction = np.asarray(header.GetDirection(), dtype=np.float64).reshape(n, n)[:3, :3]
    if n == 2:
        size, spacing, origin = [*size, 1], [*spacing, 1.0], [*origin, 0.0]
        full = np.eye(3)
        full[:2, :2] = direction
        full[2, 2] = np.linalg.det(direction)  # keeps the frame right-handed
        direction = full
    return Geometry(
        shape_zyx=(size[2], size[1], size[0]),
        spacing_zyx_mm=(spacing[2], spacing[1], spacing[0]),
        origin_lps=(origin[0], origin[1], origin[2]),
        direction_lps=tuple(map(tuple, direction.tolist())),
        spacing_known=spacing_known,
    )


def array_of(image: Any) -> NDArray[Any]:
    """Return the voxels (Z, Y, X[, C]) of a 2-D or 3-D SimpleITK image."""
    array = np.asarray(sitk().GetArrayFromImage(image))
    return array[np.newaxis] if image.GetDimension() == 2 else array


def image_of(data: NDArray[Any], geometry: Geometry, *, flat: bool = False) -> Any:
    """Build a SimpleITK image from voxels (Z, Y, X[, C]) and their grid.

    Parameters
    ----------
    data : numpy.ndarray, shape (Z, Y, X) or (Z, Y, X, C)
        Voxels.
    geometry : Geometry
        Their grid.
    flat : bool
        Make a 2-D image of the only slice, without a place in the patient.
    """
    module = sitk()
    if flat:
        return module.GetImageFromArray(np.ascontiguousarray(data[0]), isVector=data.ndim == 4)
    image = module.GetImageFromArray(np.ascontiguousarray(data), isVector=data.ndim == 4)
    image.SetSpacing(geometry.spacing_zyx_mm[::-1])
    image.SetOrigin(geometry.origin_lps)
    image.SetDirection([value for row in geometry.direction_lps for value in row])
    return image
