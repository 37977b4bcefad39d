"""One held-out case against its reference: every class's figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import ClassTable
from napari_aleatoric.uncertainty import compare_surfaces, dice

from ._judgement import CaseRow
from ._reliability import Reliability, near_region

__all__ = ["case_rows", "mean_rows"]

_FIGURES = ("dice", "surface_dice", "hd95_mm", "calibration_error", "brier")


def case_rows(
    model: str,
    case_id: str,
    unit: str,
    reference: NDArray[np.integer[Any]],
    predicted: NDArray[np.integer[Any]],
    probabilities: NDArray[Any] | None,
    classes: ClassTable,
    spacing_zyx_mm: tuple[float, float, float],
    *,
    tolerance_mm: float,
    margin_mm: float,
) -> tuple[CaseRow, ...]:
    """Judge one prediction of one case, class by class.

    Parameters
    ----------
    model : str
        Whose prediction: "after", "before", "baseline".
    case_id, unit : str
        The case, and what is drawn again in the bootstrap: its patient where known.
    reference, predicted : numpy.ndarray of integer, shape (Z, Y, X)
        Class indices.
    probabilities : numpy.ndarray of float, shape (K, Z, Y, X), optional
        For the calibration; without them it is not told.
    classes : ClassTable
        Of the data set.
    spacing_zyx_mm : tuple of float
        Of the grid; 1 where it is not known.
    tolerance_mm, margin_mm : float
        Of `compare_surfaces` and `near_region`.

    Returns
    -------
    tuple of CaseRow
        In the order of the classes.
    """
    if reference.shape != predicted.shape:
        raise DataError(f"Expected two labels of one grid, got {reference.shape} and {predicted.shape}.")
    rows = []
    for info in classes:
        truth, found = reference == info.class_index, predicted == info.class_index
        outline = compare_surfaces(truth, found, spacing_zyx_mm, tolerance_mm)
        reliability = Reliability()
        if probabilities is not None:
            near = near_region(truth, spacing_zyx_mm, margin_mm)
            reliability.add(probabilities[info.class_index][near], truth[near])
        known = reliability.n_voxels > 0
        rows.append(
            CaseRow(
                model=model,
                case_id=case_id,
                unit=unit,
                class_name=info.class_name,
                dice=dice(truth, found),
                surface_dice=outline.surface_dice,
                hd95_mm=outline.hd95_mm,
                calibration_error=reliability.expected_calibration_error if known else None,
                brier=reliability.brier if known else None,
                reference_voxels=int(truth.sum()),
                predicted_voxels=int(found.sum()),
            )
        )
    return tuple(rows)


def mean_rows(by_reader: Sequence[Sequence[CaseRow]]) -> tuple[CaseRow, ...]:
    """Take the mean over the readers of a case, class by class: every reader is as good a reference as the next."""
    if len(by_reader) == 1:
        return tuple(by_reader[0])
    found = []
    for rows in zip(*by_reader, strict=True):
        update: dict[str, Any] = {"reference_voxels": round(np.mean([r.reference_voxels for r in rows]))}
        for name in _FIGURES:
            values = [v for row in rows if (v := getattr(row, name)) is not None]
            update[name] = float(np.mean(values)) if values else None
        found.append(rows[0].model_copy(update=update))
    return tuple(found)
