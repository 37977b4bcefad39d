"""Probabilities of the classes that another program has written, on the grid of the image they belong to."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, GeometryMismatchError
from napari_aleatoric.model import ClassTable, Geometry, describe

from ._formats import is_nifti
from ._itk import array_of, geometry_of, image_of, permissive_nifti, reader_for, reason_of, sitk
from ._nifti import check_whole, nifti_geometry, read_nifti_header
from ._probability_files import ProbabilityFiles

__all__ = ["read_probabilities"]

_KEYS = ("probabilities", "softmax")  # nnU-Net, second and first version
_TOLERANCE = 0.02  # of sums and limits: half precision, interpolation
_MOST_OFF = 1e-3  # part of the voxels whose sum may be further off
_LEAST_COVERED = 0.9  # part of the image that other grids must reach
_FLOAT32_BYTES = 1 << 28  # larger results are kept in half precision

FloatArray = NDArray[Any]


def read_probabilities(files: ProbabilityFiles, classes: ClassTable, stored: Geometry) -> FloatArray:
    """Read the probabilities of a case.

    Parameters
    ----------
    files : ProbabilityFiles
        From a `ProbabilityFolder`.
    classes : ClassTable
        Of the data set. Channels of one file belong to background and the label values in ascending order, or, if
        there are more of them, to the label value of their number, as nnU-Net writes them.
    stored : Geometry
        Grid of the case's image, as stored. Files without a position (.npz, .npy) must lie on it; others are turned
        or, where they lie on other points, interpolated linearly by their position in the patient.

    Returns
    -------
    numpy.ndarray of float32 (float16 beyond 256 MB), shape (K, Z, Y, X)
        By class index, upright (see `Geometry.upright_reorientation`); sums to 1 over K. Classes without a file of
        their own have 0; what the given ones leave to 1 is background.

    Raises
    ------
    DataError
        If a file cannot be read, has another shape, or does not hold probabilities.
    GeometryMismatchError
        If a file does not cover the image.
    """
    upright = _upright(stored)
    large = 4 * classes.n_rows * int(np.prod(upright.shape_zyx)) > _FLOAT32_BYTES
    found = np.zeros((classes.n_rows, *upright.shape_zyx), np.float16 if large else np.float32)
    given = set(files.class_indices)
    if given:
        for path, class_index in zip(files.paths, files.class_indices, strict=True):
            channels, geometry = _read(path, stored)
            if len(channels) != 1:
                raise DataError(
                    f"{path.name} holds {len(channels)} volumes; a file of one class must hold one. "
                    "Give one file with all classes, or one file for each."
                )
            found[class_index] = _placed(_as_parts(channels[0], path.name), geometry, upright, path.name)
    else:
        path = files.paths[0]
        channels, geometry = _read(path, stored)
        rows = _rows_of(len(channels), classes, path.name)
        given = {row for row, _ in rows}
        for row, channel in rows:
            found[row] += _placed(_as_parts(channels[channel], path.name), geometry, upright, path.name)
    _make_whole(found, complete=given == set(range(classes.n_rows)), name=files.case_id)
    return found


def _upright(geometry: Geometry) -> Geometry:
    if geometry.is_flat and not geometry.spacing_known:
        return geometry
    return geometry.upright_reorientation().apply_geometry(geometry)


def _read(path: Path, stored: Geometry) -> tuple[FloatArray, Geometry]:
    """Channels (C, Z, Y, X) as stored, and their grid."""
    if path.suffix.lower() in (".npz", ".npy"):
        channels = _read_numpy(path)
        if channels.shape[1:] != stored.shape_zyx:
            raise DataError(
                f"{path.name} holds an array of shape {channels.shape} (classes, Z, Y, X), its image has "
                f"{stored.shape_zyx} voxels (Z, Y, X). Save the probabilities on the grid of the image (nnU-Net: "
                "--save_probabilities; its first version cuts away empty margins, which cannot be placed)."
            )
        return channels, stored
    return _read_volumes(path)


def _read_numpy(path: Path) -> FloatArray:
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.lib.npyio.NpzFile):
            with found as pack:
                key = next((k for k in _KEYS if k in pack.files), pack.files[0] if len(pack.files) == 1 else None)
                if key is None:
                    raise DataError(
                        f"{path.name} holds {', '.join(sorted(pack.files)) or 'nothing'}; expected an array named "
                        "'probabilities' or 'softmax'."
                    )
                found = pack[key]
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path.name} cannot be read ({type(error).__name__}): it is damaged or no plain array. Write it again."
        ) from error
    channels = np.asarray(found)
    if channels.ndim == 3:  # (classes, Y, X) of a picture
        channels = channels[:, np.newaxis]
    if channels.ndim != 4:
        raise DataError(f"{path.name} holds an array of shape {channels.shape}; expected (classes, Z, Y, X).")
    return channels


def _read_volumes(path: Path) -> tuple[FloatArray, Geometry]:
    geometry = None
    if is_nifti(path):
        header = read_nifti_header(path)
        check_whole(path, header)
        geometry = nifti_geometry(path, header)
    reader = reader_for(path)
    if geometry is None:
        geometry = geometry_of(reader)
    try:
        image = reader.Execute()
    except RuntimeError:
        with permissive_nifti():
            try:
                image = reader.Execute()
            except RuntimeError as error:
                raise DataError(
                    f"The voxels of {path.name} cannot be read; the file is damaged or cut short "
                    f"({reason_of(error)}). Copy it again from where it came."
                ) from error
    values = np.asarray(sitk().GetArrayFromImage(image)) if image.GetDimension() > 3 else array_of(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        values = np.moveaxis(values, -1, 0)
    elif values.ndim == 3:
        values = values[np.newaxis]
    return values.reshape(-1, *geometry.shape_zyx), geometry


def _rows_of(n: int, classes: ClassTable, name: str) -> list[tuple[int, int]]:
    """Class index and channel of everything that a file of all classes holds; some class indices may come twice."""
    by_value = {0: 0, **{c.label_value: c.class_index for c in classes}}
    values = sorted(by_value, key=lambda value: (value != 0, value))  # background first, even below it
    if n == 1 and len(values) == 2:  # the only class; the rest is background
        return [(1, 0)]
    if n == len(values):
        return [(by_value[value], channel) for channel, value in enumerate(values)]
    if n == values[-1] + 1 and min(values) == 0:  # a channel for every number up to the largest label value
        return [(by_value.get(channel, 0), channel) for channel in range(n)]
    listed = ", ".join(["background", *(c.class_name for c in classes)])
    raise DataError(
        f"{name} holds {n} channels; the data set has {len(values)} classes ({listed}). Give one channel for each, "
        "in the order of their label values, or one file for each class."
    )


def _as_parts(channel: FloatArray, name: str) -> NDArray[np.float32]:
    """Values from 0 to 1: bytes are divided by 255."""
    kind = channel.dtype.kind
    values = channel.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if kind in "iu" and high > 1:
        if channel.dtype != np.uint8:
            raise DataError(
                f"{name} holds whole numbers up to {high:.0f}; expected probabilities from 0 to 1, or bytes from 0 "
                "to 255. A segmentation holds no probabilities."
            )
        return values / np.float32(255)
    if not (np.isfinite(low) and np.isfinite(high)) or low < -_TOLERANCE or high > 1 + _TOLERANCE:
        raise DataError(
            f"{name} holds values from {low:.3g} to {high:.3g}; expected probabilities from 0 to 1. If these are "
            "logits, save what comes after the softmax."
        )
    return np.asarray(np.clip(values, 0, 1))


def _placed(values: NDArray[np.float32], own: Geometry, upright: Geometry, name: str) -> NDArray[np.float32]:
    """Bring one channel onto the image's upright grid by its position in the patient."""
    if _is_picture(own) or _is_picture(upright):
        if own.shape_zyx != upright.shape_zyx:
            raise GeometryMismatchError(
                f"{name} has {own.shape_zyx[2]}×{own.shape_zyx[1]} pixels, its image {upright.shape_zyx[2]}×"
                f"{upright.shape_zyx[1]}. Save the probabilities in the size of the image."
            )
        return values
    turn = own.reorientation_to(upright, tolerance_voxels=0.01)
    if turn is not None:
        return turn.apply(values)
    module = sitk()
    reference = image_of(np.zeros(upright.shape_zyx, dtype=np.uint8), upright)
    inside = module.Resample(
        image_of(np.ones(own.shape_zyx, dtype=np.uint8), own),
        reference,
        module.Transform(),
        module.sitkNearestNeighbor,
    )
    covered = float(array_of(inside).mean())
    if covered < _LEAST_COVERED:
        raise GeometryMismatchError(
            f"{name} covers only {covered:.0%} of its image: it lies on {describe(own)}; the image on "
            f"{describe(upright)}. Check that they belong together, or save the probabilities of the whole image."
        )
    resample = module.ResampleImageFilter()
    resample.SetReferenceImage(reference)
    resample.SetInterpolator(module.sitkLinear)
    resample.SetOutputPixelType(module.sitkFloat32)
    resample.UseNearestNeighborExtrapolatorOn()
    return array_of(resample.Execute(image_of(values, own)))


def _is_picture(geometry: Geometry) -> bool:
    return geometry.is_flat and not geometry.spacing_known


def _make_whole(found: FloatArray, *, complete: bool, name: str) -> None:
    """Check the sums, give the rest to background and divide by the sum, a slice at a time; in place."""
    off, least, most = 0, np.inf, -np.inf
    tolerance = _TOLERANCE + len(found) / 510  # bytes are rounded
    for z in range(found.shape[1]):
        plane = found[:, z].astype(np.float32)
        total = plane.sum(axis=0)
        wrong = total > 1 + tolerance
        if complete:
            wrong |= total < 1 - tolerance
        off += int(np.count_nonzero(wrong))
        least, most = min(least, float(total.min())), max(most, float(total.max()))
        plane[0] += np.maximum(0, 1 - total)
        found[:, z] = plane / plane.sum(axis=0)
    if off > _MOST_OFF * found[0].size:
        raise DataError(
            f"The probabilities of case '{name}' sum to {least:.3g} to {most:.3g} over the classes; expected 1 at "
            "every voxel. Save all classes, background too, after the softmax."
        )
