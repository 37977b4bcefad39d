"""DICOM structure sets (RTSTRUCT): closed planar contours become voxels of the image's grid."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, GeometryMismatchError, MissingExtraError
from napari_aleatoric.model import Geometry

from ._dicom import dicom_kind
from ._labels import smallest_type

__all__ = ["OverlapWarning", "is_rtstruct", "rasterise_rtstruct", "rtstruct_names", "structure_name"]

_PLANE_TOLERANCE = 0.3  # of a voxel: how far the points of one contour may leave their plane


class OverlapWarning(UserWarning):
    """Two structures claim the same voxels; a label map can hold only one of them."""


def is_rtstruct(path: Path) -> bool:
    """Whether the file is a DICOM structure set, by its first bytes."""
    return path.is_file() and dicom_kind(path) == "rtstruct"


def structure_name(roi_name: str, path: Path) -> str:
    """Return the class that a structure belongs to: its name, less a suffix that repeats a folder's name.

    ``GTV_Mass_CT`` below ``.../CT/mask/`` is ``GTV_Mass``, so that it is one class over all modalities.
    """
    name = roi_name.strip()
    for parent in path.parents[:3]:
        if parent.name and len(parent.name) < len(name):
            found = re.fullmatch(rf"(.+?)[ _\-.]+{re.escape(parent.name)}", name, re.IGNORECASE)
            if found:
                return found.group(1)
    return name


def _read(path: Path) -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise MissingExtraError.for_extra("dicom", "read DICOM structure sets (RTSTRUCT)") from error
    try:
        content = pydicom.dcmread(path)
        _ = content.StructureSetROISequence, content.ROIContourSequence
    except (pydicom.errors.InvalidDicomError, AttributeError, OSError, EOFError, ValueError, KeyError) as error:
        raise DataError(
            f"{path.name} is not a whole DICOM structure set ({type(error).__name__}). Export it again."
        ) from error
    return content


def _contours_of(content: Any) -> dict[str, list[NDArray[np.float64]]]:
    """Points (N, 3) in LPS millimetres of every closed contour, by the structure's name as written."""
    names = {int(s.ROINumber): str(s.ROIName) for s in content.StructureSetROISequence}
    result: dict[str, list[NDArray[np.float64]]] = {name: [] for name in names.values()}
    for roi in content.ROIContourSequence:
        name = names.get(int(roi.ReferencedROINumber))
        if name is None:
            continue
        for contour in getattr(roi, "ContourSequence", None) or ():
            points = np.asarray(contour.ContourData, dtype=np.float64)
            if str(getattr(contour, "ContourGeometricType", "")).startswith("CLOSED_PLANAR") and points.size >= 9:
                result[name].append(points.reshape(-1, 3))
    return result


def rtstruct_names(path: Path) -> tuple[str, ...]:
    """Return the classes of a structure set (see `structure_name`), in the order of the file.

    Raises
    ------
    MissingExtraError
        If pydicom is not installed.
    DataError
        If the file is damaged.
    """
    content = _read(path)
    return tuple(dict.fromkeys(structure_name(str(s.ROIName), path) for s in content.StructureSetROISequence))


def _fill(contours: list[NDArray[np.float64]], geometry: Geometry) -> tuple[NDArray[np.bool_], int]:
    """Fill contours by the even-odd rule: a contour within another one is a hole.

    A voxel belongs to a contour if its centre lies within the polygon. Returns the mask (Z, Y, X) and how many
    contours lie on no slice of the grid.
    """
    from skimage import draw

    polygon: Any = draw.polygon
    mask = np.zeros(geometry.shape_zyx, dtype=np.bool_)
    outside = 0
    seen: set[bytes] = set()
    for points in contours:
        key = np.round(points, 3).tobytes()
        if key in seen:  # the same contour twice would cancel itself
            continue
        seen.add(key)
        index = geometry.index_from_lps(points)
        axis = int(np.argmin(np.ptp(index, axis=0)))
        if np.ptp(index[:, axis]) > 2 * _PLANE_TOLERANCE:
            raise GeometryMismatchError(
                "The contours of the structure set do not lie in the slices of the image; they were drawn on "
                "another image. Resample the structure set, or name the image that it belongs to."
            )
        number = round(float(index[:, axis].mean()))
        if not 0 <= number < geometry.shape_zyx[axis]:
            outside += 1
            continue
        plane = np.moveaxis(mask, axis, 0)[number]  # a view: writing to it writes to the mask
        flat = np.delete(index, axis, axis=1)
        rows, columns = polygon(flat[:, 0], flat[:, 1], shape=plane.shape)
        plane[rows, columns] ^= True
    return mask, outside


def rasterise_rtstruct(path: Path, geometry: Geometry, values: Mapping[str, int]) -> NDArray[Any]:
    """Turn a structure set into a label map.

    Parameters
    ----------
    path : Path
        The RTSTRUCT file.
    geometry : Geometry
        Grid of the image that it was drawn on; may be oblique.
    values : mapping of str to int
        Label value of each class name (see `structure_name`), case ignored; other structures are left out.

    Returns
    -------
    numpy.ndarray of integer, shape (Z, Y, X)
        Label values. Where structures overlap, the one with the higher value stays, with an `OverlapWarning`.

    Raises
    ------
    MissingExtraError
        If pydicom is not installed.
    DataError
        If the file is damaged, or its contours belong to another image.
    """
    wanted = {name.casefold(): value for name, value in values.items()}
    labels = np.zeros(geometry.shape_zyx, dtype=smallest_type(0, max(wanted.values(), default=1)))
    contours: dict[int, list[NDArray[np.float64]]] = {}
    for name, points in _contours_of(_read(path)).items():
        value = wanted.get(structure_name(name, path).casefold())
        if value is not None:
            contours.setdefault(value, []).extend(points)
    total = outside = overlap = 0
    for value in sorted(contours):
        mask, missed = _fill(contours[value], geometry)
        total += len(contours[value])
        outside += missed
        overlap += int((labels[mask] != 0).sum())
        labels[mask] = value
    if total and outside == total:
        raise GeometryMismatchError(
            f"None of the {total} contours of {path.name} lies within the image; the structure set belongs to "
            "another image. Check the pair."
        )
    if outside:
        warnings.warn(
            f"{outside} of {total} contours of {path.name} lie outside the image.", OverlapWarning, stacklevel=2
        )
    if overlap:
        warnings.warn(
            f"Structures of {path.name} overlap in {overlap} voxels; the structure with the higher value was kept "
            "there.",
            OverlapWarning,
            stacklevel=2,
        )
    return labels
