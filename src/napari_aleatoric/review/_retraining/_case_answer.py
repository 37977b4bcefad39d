"""What a trained model says of one case: numbers for its labels, maps, and the label it would draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import WHOLE_CASE
from napari_aleatoric.uncertainty import (
    EXPECTED_ENTROPY_MAP,
    MUTUAL_INFORMATION_MAP,
    PREDICTIVE_ENTROPY_MAP,
    dice,
    map_rows,
)

if TYPE_CHECKING:
    from napari_aleatoric.training import Prediction

__all__ = ["MODEL_MEASURES", "Values", "entropy_maps", "image_values", "label_values_of"]

UNCERTAINTY, INFORMATION, DISAGREEMENT = "model_uncertainty", "model_information", "model_disagreement"

MODEL_MEASURES = (UNCERTAINTY, INFORMATION, DISAGREEMENT)
"""Measures that a trained model adds to the scores of a label."""

Values = list[tuple[str, int, float]]  # measure, class index, value

_LN_2 = np.float32(np.log(2))
_INSIDE = 0.1  # voxels of a class are those with at least this probability of it, as in the score of ambiguity


def image_values(prediction: Prediction, class_indices: Sequence[int]) -> Values:
    """Return how sure the model is of each class, and of the case: the mean over the classes that it finds.

    ``model_uncertainty`` is the entropy of "is it this class" per expected voxel of the class;
    ``model_information`` is how much of it the checkpoints disagree about, over the same voxels. The latter is
    absent with a single checkpoint. Both in nats; the form is that of the score of ambiguity.
    """
    found: dict[str, dict[int, float]] = {UNCERTAINTY: {}, INFORMATION: {}}
    for c in class_indices:
        p = prediction.probabilities[c].astype(np.float32)
        inside = p >= _INSIDE
        size = float(p[inside].sum(dtype=np.float64))
        if size > 0:
            predictive, expected = prediction.class_entropies(c)
            found[UNCERTAINTY][c] = float(predictive[inside].sum(dtype=np.float64)) / size
            if prediction.n_members > 1:
                found[INFORMATION][c] = float((predictive - expected)[inside].sum(dtype=np.float64)) / size
    return _with_whole(found)


def label_values_of(
    label: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], class_indices: Sequence[int]
) -> Values:
    """Return 1 − Dice between a label and what the model would draw, of classes that either has, and their mean."""
    values = {
        c: 1.0 - dice(label == c, predicted == c)
        for c in class_indices
        if bool((label == c).any()) or bool((predicted == c).any())
    }
    return _with_whole({DISAGREEMENT: values})


def entropy_maps(
    prediction: Prediction, class_indices: Sequence[int]
) -> tuple[tuple[int, ...], dict[str, NDArray[np.uint8]]]:
    """Return the classes of the rows, the whole case first, and the maps of a case by name.

    Each map is (n, Z, Y, X) in 255 steps: the entropy of "is it this class or not" as part of ln 2; of the whole
    case, the largest of all classes'. Where there is no room for all classes, the least sure have rows.
    """
    unsure = {c: v for name, c, v in image_values(prediction, class_indices) if name == UNCERTAINTY}
    unsure.pop(WHOLE_CASE, None)
    shape = prediction.predictive_entropy.shape
    rows = map_rows(unsure, (shape[0], shape[1], shape[2]))
    names = [PREDICTIVE_ENTROPY_MAP]
    if prediction.n_members > 1:
        names += [EXPECTED_ENTROPY_MAP, MUTUAL_INFORMATION_MAP]
    maps = {name: np.zeros((len(rows), *shape), dtype=np.uint8) for name in names}
    for c in class_indices:
        predictive, expected = prediction.class_entropies(c)
        for name, values in zip(names, (predictive, expected, predictive - expected), strict=False):
            steps = np.rint(np.clip(values / _LN_2, 0, 1) * 255).astype(np.uint8)
            np.maximum(maps[name][0], steps, out=maps[name][0])
            if c in rows:
                maps[name][rows.index(c)] = steps
    return rows, maps


def _with_whole(found: dict[str, dict[int, float]]) -> Values:
    values: Values = []
    for name, by_class in found.items():
        if by_class:
            values.append((name, WHOLE_CASE, float(np.mean(list(by_class.values())))))
            values += [(name, c, value) for c, value in sorted(by_class.items())]
    return values
