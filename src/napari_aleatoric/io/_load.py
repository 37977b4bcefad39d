"""Loading a case: its image, and its labels on exactly the image's grid."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import GeometryMismatchError
from napari_aleatoric.model import CaseFiles, ClassTable, Dataset, Geometry, ItemKey, LabelMap, Volume, describe

from ._itk import array_of, image_of, sitk
from ._label_values import UnknownValueWarning, unknown_values_sentence
from ._labels import SoftLabelWarning, read_label_array, smallest_type
from ._rtstruct import OverlapWarning, is_rtstruct, rasterise_rtstruct
from ._volumes import guess_modality, read_volume

__all__ = ["fits", "load_image", "load_label", "on_image_grid", "warn_of_unknown_values"]


def load_image(case: CaseFiles, *, spacing_known: bool | None = None) -> Volume:
    """Read the image of a case.

    Parameters
    ----------
    case : CaseFiles
        The case.
    spacing_known : bool, optional
        False to mark the spacing as made up, as `Dataset.spacing_known` says; by default as the file has it.

    Raises
    ------
    DataError
        If the image cannot be read.
    """
    volume = read_volume(case.image, series_uid=case.series_uid)
    if spacing_known is False and volume.geometry.spacing_known:
        volume = replace(volume, geometry=replace(volume.geometry, spacing_known=False))
    if not volume.modality:
        volume = replace(volume, modality=guess_modality(case.image.parent.name))
    return volume


def fits(label: Geometry, like: Geometry) -> bool:
    """Whether a label can be brought onto the image's grid exactly: same points, any axis order."""
    if _is_flat_picture(label) or _is_flat_picture(like):
        return label.shape_zyx == like.shape_zyx
    return label.reorientation_to(like) is not None


def _is_flat_picture(geometry: Geometry) -> bool:
    return geometry.is_flat and not geometry.spacing_known


def on_image_grid(label: LabelMap, like: Geometry, *, resample: bool = False, name: str = "The label") -> LabelMap:
    """Bring a label onto the grid of its image.

    The same points stored in another axis order are reordered exactly. Any other grid is refused, or resampled by
    position in the patient (nearest neighbour; background outside the label's grid) where asked for.

    Parameters
    ----------
    label : LabelMap
        The label, as stored.
    like : Geometry
        Grid of the image, as stored.
    resample : bool
        Whether another grid is resampled instead of refused.
    name : str
        What the label is called in the sentence.

    Raises
    ------
    GeometryMismatchError
        If the label lies on another grid and ``resample`` is False, or either is a picture without a position.
    """
    if _is_flat_picture(label.geometry) or _is_flat_picture(like):
        if label.geometry.shape_zyx == like.shape_zyx:
            return replace(label, geometry=like)
        (_, h, w), (_, rows, columns) = label.geometry.shape_zyx, like.shape_zyx
        raise GeometryMismatchError(
            f"{name} has {w}×{h} pixels, its image {columns}×{rows}. Label and picture must have the same size; "
            "check that they belong together."
        )
    turn = label.geometry.reorientation_to(like)
    if turn is not None:
        return replace(label, data=np.ascontiguousarray(turn.apply(label.data)), geometry=like)
    if not resample:
        raise GeometryMismatchError(
            f"{name} lies on another grid than its image: {describe(label.geometry)}; the image has "
            f"{describe(like)}. Check that they belong together, or ask for the label to be resampled by its "
            "position in the patient."
        )
    image = image_of(label.data, label.geometry)
    reference = image_of(np.zeros(like.shape_zyx, dtype=np.uint8), like)
    module = sitk()
    moved = module.Resample(image, reference, module.Transform(), module.sitkNearestNeighbor, 0, image.GetPixelID())
    return replace(label, data=array_of(moved), geometry=like)


def _placed(path: Path, like: Geometry, resample: bool) -> NDArray[Any]:
    data, geometry, remark = read_label_array(path)
    if remark:
        warnings.warn(remark, SoftLabelWarning, stacklevel=3)
    return on_image_grid(LabelMap(data, geometry), like, resample=resample, name=path.name).data


def warn_of_unknown_values(classes: ClassTable, key: ItemKey, label: LabelMap) -> None:
    """Give an `UnknownValueWarning` if a label holds values that are in no class."""
    if unknown := classes.unknown_values(label.data):
        warnings.warn(unknown_values_sentence(str(key), unknown), UnknownValueWarning, stacklevel=3)


def load_label(
    dataset: Dataset,
    case: CaseFiles,
    reader: str = "",
    *,
    like: Geometry,
    resample: bool | None = None,
    warn: bool = True,
) -> LabelMap:
    """Read one reader's label of a case, on exactly the grid ``like``.

    Parameters
    ----------
    dataset : Dataset
        Where the case comes from; its classes give structures their values.
    case : CaseFiles
        The case.
    reader : str
        Whose label; "" where there is one per case.
    like : Geometry
        Grid of the image, as stored.
    resample : bool, optional
        Whether a label on another grid is resampled instead of refused; by default as the data set says.
    warn : bool
        Whether an `UnknownValueWarning` is given where the label holds values that are in no class; False for a
        caller who says so by other means. The values are in the result either way.

    Returns
    -------
    LabelMap
        Its geometry is ``like``.

    Raises
    ------
    GeometryMismatchError
        If the label lies on another grid than ``like`` and is not to be resampled.
    NotFoundError
        If the case has no label by that reader.
    DataError
        If a file cannot be read or holds no labels.
    """
    files = case.label_of(reader)
    resample = dataset.resample_labels if resample is None else resample
    if is_rtstruct(files.paths[0]):
        values = {c.class_name: c.label_value for c in dataset.classes}
        return LabelMap(rasterise_rtstruct(files.paths[0], like, values), like, reader)
    if not files.label_values:
        found = LabelMap(_placed(files.paths[0], like, resample), like, reader)
        if warn:
            warn_of_unknown_values(dataset.classes, ItemKey(case.case_id, reader), found)
        return found
    labels = np.zeros(like.shape_zyx, dtype=smallest_type(0, max(files.label_values)))
    overlap = 0
    for path, value in sorted(zip(files.paths, files.label_values, strict=True), key=lambda pair: pair[1]):
        mask = _placed(path, like, resample) > 0
        overlap += int((labels[mask] != 0).sum())
        labels[mask] = value
    if overlap:
        warnings.warn(
            f"Structures of case {case.case_id} overlap in {overlap} voxels; the one with the higher value was "
            "kept there.",
            OverlapWarning,
            stacklevel=2,
        )
    return LabelMap(labels, like, reader)
