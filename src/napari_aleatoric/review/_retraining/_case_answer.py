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
    binary_entropy,
)

from ._case_figures import dice

if TYPE_CHECKING:
    from napari_aleatoric.training import Prediction

__all__ = ["MODEL_MEASURES", "Values", "entropy_maps", "image_values", "label_values_of"]

UNCERTAINTY, INFORMATION, DISAGREEMENT = "model_uncertainty", "model_information", "model_disagreement"

MODEL_MEASURES = (UNCERTAINTY, INFORMATION, DISAGREEMENT)
"""Measures that a trained model adds to the scores of a label."""

Values = list[tuple[str, int, float]]  # measure, class index, value

_INSIDE = 0.1  # voxels of a class are those with at least this probability of it, as in the score of ambiguity


def image_values(prediction: Prediction, class_indices: Sequence[int]) -> Values:
    """Return how sure the model is of each class, and of the case: the mean over the classes that it finds.

    ``model_uncertainty`` is the entropy of "is it this class" per expected voxel of the class;
    ``model_information`` what the checkpoints disagree about, per expected voxel, over the same voxels. The latter
    is absent with a single checkpoint. Both in nats; the form is that of the score of ambiguity.
    """
    found: dict[str, dict[int, float]] = {UNCERTAINTY: {}, INFORMATION: {}}
    disagreed = prediction.mutual_information if prediction.n_members > 1 else None
    for c in class_indices:
        p = prediction.probabilities[c].astype(np.float32)
        inside = p >= _INSIDE
        expected = float(p[inside].sum(dtype=np.float64))
        if expected > 0:
            found[UNCERTAINTY][c] = float(binary_entropy(p[inside]).sum(dtype=np.float64)) / expected
            if disagreed is not None:
                found[INFORMATION][c] = float(disagreed[inside].sum(dtype=np.float64)) / expected
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


def entropy_maps(prediction: Prediction) -> dict[str, NDArray[np.float32]]:
    """Return the maps of a case, each (1, Z, Y, X) from 0 to 1: entropies over all K classes as part of ln K."""
    most = np.float32(np.log(len(prediction.probabilities)))
    maps = {PREDICTIVE_ENTROPY_MAP: prediction.predictive_entropy / most}
    if prediction.n_members > 1:
        maps[EXPECTED_ENTROPY_MAP] = prediction.expected_entropy / most
        maps[MUTUAL_INFORMATION_MAP] = prediction.mutual_information / most
    return {name: np.clip(values, 0, 1)[np.newaxis] for name, values in maps.items()}


def _with_whole(found: dict[str, dict[int, float]]) -> Values:
    values: Values = []
    for name, by_class in found.items():
        if by_class:
            values.append((name, WHOLE_CASE, float(np.mean(list(by_class.values())))))
            values += [(name, c, value) for c, value in sorted(by_class.items())]
    return values
