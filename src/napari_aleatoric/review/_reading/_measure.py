"""One case's readers against each other. Nothing here reads a file."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import WHOLE_CASE, CaseFiles, ClassTable
from napari_aleatoric.review._scoring._case import ReadLabels
from napari_aleatoric.uncertainty import (
    KappaSums,
    Standing,
    band,
    classes_in,
    compare_pairs,
    kappa_sums,
    reader_habits,
    reader_weights,
)

from ._cases import cut_out, names_of
from ._record import HabitRow, PairRow, ReadCase, ReadStructure
from ._spec import ReadersSpec

__all__ = ["measure_case"]


def measure_case(
    files: CaseFiles, case: ReadLabels, readers: Sequence[str], classes: ClassTable, spec: ReadersSpec
) -> tuple[ReadCase, KappaSums | None]:
    """Compare the readers of one case.

    Parameters
    ----------
    files : CaseFiles
        Which; its patient is what intervals draw.
    case : ReadLabels
        Its labels, upright.
    readers : sequence of str
        All readers of the data set: those who are not in the case are missing.
    classes : ClassTable
        Of the data set.
    spec : ReadersSpec
        What was chosen.

    Returns
    -------
    ReadCase
        Lengths in millimetres where the spacing is known, else in voxels.
    KappaSums or None
        What the case adds to Fleiss' kappa; None with one reader, or where nobody drew anything and only the band
        counts.
    """
    names = names_of(case)
    known = case.geometry.spacing_known
    cut = cut_out(case.labels, math.ceil(spec.band_voxels) + 1).labels
    found = ReadCase(
        case_id=case.case_id,
        unit=files.patient or case.case_id,
        readers=names,
        missing=tuple(r for r in readers if r not in case.readers),
        length_unit="mm" if known else "voxels",
        no_object=not cut.any(),
        structures=tuple(_structure(case, cut, names, classes, c, spec) for c in classes_in(cut) if c),
    )
    if len(names) < 2:
        return found, None
    weights = reader_weights(cut, spec.weights, n_rows=classes.n_rows) if spec.weights != "dice" else None
    case_of = Standing.of(cut, weights, n_rows=classes.n_rows, band_voxels=spec.band_voxels)
    quality = {
        name: 1.0 - case_of.over_band(case_of.departure(r, WHOLE_CASE), WHOLE_CASE) for r, name in enumerate(names)
    }
    sums: KappaSums | None = None
    if spec.kappa_over == "image":
        sums = kappa_sums(case.labels, n_rows=classes.n_rows)
    elif cut.any():
        near = band(np.asarray(cut.any(axis=0)), spec.band_voxels)
        sums = kappa_sums(cut, near, n_rows=classes.n_rows)
    kappa = math.nan if sums is None else sums.kappa
    update = {
        "kappa": None if math.isnan(kappa) else kappa,
        "quality": float(np.mean(list(quality.values()))),
        "quality_by_reader": quality,
        "weight_by_reader": dict(zip(names, case_of.weights.tolist(), strict=True)),
        "mean_entropy": case_of.over_band(case_of.entropy(WHOLE_CASE), WHOLE_CASE),
    }
    return found.model_copy(update=update), sums


def _structure(
    case: ReadLabels,
    cut: NDArray[np.uint16],
    names: Sequence[str],
    classes: ClassTable,
    class_index: int,
    spec: ReadersSpec,
) -> ReadStructure:
    geometry = case.geometry
    known = geometry.spacing_known
    spacing = geometry.spacing_zyx_mm if known else (1.0, 1.0, 1.0)
    masks = _masks(cut, class_index)
    voxels = {name: int(mask.sum()) for name, mask in zip(names, masks, strict=True)}
    pairs = compare_pairs(masks, spacing, spec.tolerance_mm if known else spec.tolerance_voxels)
    distances = [p.hd95 for p in pairs if p.hd95 is not None]
    return ReadStructure(
        class_name=classes.name_of(class_index),
        n_drew=sum(n > 0 for n in voxels.values()),
        voxels=voxels,
        volume_ml={r: n * geometry.voxel_volume_ml for r, n in voxels.items()} if known else None,
        mean_dice=_mean([p.dice for p in pairs]),
        lowest_dice=min((p.dice for p in pairs), default=None),
        mean_surface_dice=_mean([p.surface_dice for p in pairs]),
        mean_hd95=_mean(distances),
        pairs=tuple(
            PairRow(
                first=names[p.first],
                second=names[p.second],
                dice=p.dice,
                surface_dice=p.surface_dice,
                hd95=p.hd95,
                presence_differs=p.presence_differs,
            )
            for p in pairs
        ),
        habits=tuple(
            HabitRow(
                reader=names[h.reader],
                drew=h.drew,
                others_drew=h.others_drew,
                relative_volume=h.relative_volume,
                slices_top=h.slices_top,
                slices_bottom=h.slices_bottom,
                offset=h.offset,
            )
            for h in reader_habits(masks, spacing)
        ),
    )


def _masks(cut: NDArray[np.uint16], class_index: int) -> list[NDArray[np.bool_]]:
    """Return the readers' masks of a class, cut to what encloses them all and one voxel more."""
    box = Box.around(np.asarray((cut == class_index).any(axis=0)))
    if box is None:
        return [label == class_index for label in cut]
    z, y, x = (int(n) for n in cut.shape[1:])
    around = box.grown((int(z > 1), 1, 1), (z, y, x)).slices
    return [label[around] == class_index for label in cut]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
