"""Everything that is measured on one label of one case, from the out-of-sample probabilities of the case."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import WHOLE_CASE, HotSpot, ScoreValue

from ._facts import LabelFacts, label_facts
from ._hot_spots import hot_spot
from ._label_risk import label_risk_of, present_classes, risk_map, smoothed
from ._measures import LABEL_RISK_MAP
from ._scale import scale_of_map
from ._spec import ScoreSpec

__all__ = ["CaseProbabilities", "LabelScores", "class_scale", "score_label"]

_PARTS = ("nll_union", "local_max", "dice_gap", "softmin")
_LOGIT_LIMIT = 12.0
_LOGIT_SIGMA = 1.0  # voxels
_MAP_BYTES = 1 << 30  # of a label's voxel map; classes that stand out least are left out beyond


@dataclass(frozen=True, eq=False)
class CaseProbabilities:
    """What models that never saw a case think of it.

    Parameters
    ----------
    box : Box
        The part of the grid that was looked at.
    values : numpy.ndarray of float, shape (K, Z, Y, X)
        Probabilities on the box, evened out (see `smoothed`).
    known : tuple of int
        Class indices that the models have learned.
    """

    box: Box
    values: NDArray[Any]
    known: tuple[int, ...]

    @classmethod
    def of(cls, raw: NDArray[Any], box: Box, known: Collection[int]) -> CaseProbabilities:
        """Smooth what was predicted."""
        return cls(box, smoothed(raw), tuple(sorted(known)))


@dataclass(frozen=True, eq=False)
class LabelScores:
    """Result of `score_label`.

    Parameters
    ----------
    values : tuple of ScoreValue
        Raw values of all stored measures.
    hot_spots : tuple of HotSpot
        At most one per class, and one of the whole case.
    map_values : numpy.ndarray of uint8, shape (n, Z, Y, X)
        Voxel map on the whole grid, 0..255 for 0..1; 0 where nothing was looked at.
    map_classes : tuple of int
        The class of every row; the first is the whole case.
    facts : LabelFacts
        Counts for the geometry checks.
    """

    values: tuple[ScoreValue, ...]
    hot_spots: tuple[HotSpot, ...]
    map_values: NDArray[np.uint8]
    map_classes: tuple[int, ...]
    facts: LabelFacts


def score_label(
    probabilities: CaseProbabilities,
    label_index: NDArray[Any],
    spec: ScoreSpec,
    *,
    voxel_ml: float = float("nan"),
    facts: LabelFacts | None = None,
    scales: bool = True,
) -> LabelScores:
    """Measure one label.

    Parameters
    ----------
    probabilities : CaseProbabilities
        Of this case, upright.
    label_index : numpy.ndarray of integer, shape (Z, Y, X)
        Class indices on the whole grid, upright.
    spec : ScoreSpec
        Settings.
    voxel_ml : float
        Volume of a voxel in millilitres; NaN where unknown.
    facts : LabelFacts, optional
        Of this label, if counted already.
    scales : bool
        Whether to read the perception scale from these probabilities; not where a frozen model gives it.
    """
    box = probabilities.box
    cut = label_index[box.slices]
    facts = label_facts(label_index, voxel_ml) if facts is None else facts
    values: list[ScoreValue] = []
    spots: list[HotSpot] = []
    for found in label_risk_of(probabilities.values, cut, probabilities.known):
        values += [ScoreValue(name, found.class_index, getattr(found, name)) for name in _PARTS]
        spot = hot_spot(found.local, LABEL_RISK_MAP, found.class_index, box.start_zyx)
        if spot is not None:
            spots.append(spot)
    if scales:
        values += _scales(probabilities, label_index, facts, spec)
    values += _volumes(facts)
    map_values, map_classes = _map(probabilities, label_index, values, keep=spec.maps)
    return LabelScores(tuple(values), tuple(spots), map_values, map_classes, facts)


def class_scale(probability: NDArray[Any], mask: NDArray[np.bool_], margin: int) -> tuple[float, float] | None:
    """Perception scale of one class of one label, in the paper's and in the released form.

    The map is the class's log-odds (clipped to ±12, smoothed with a Gaussian of one voxel) on the object's box
    and a margin. It comes from a classifier that learned the task: a task-specific stand-in for the decoder of a
    foundation model; cropping and smoothing are our proposal.

    Parameters
    ----------
    probability : numpy.ndarray of float, shape (Z, Y, X)
        Of the class.
    mask : numpy.ndarray of bool, shape (Z, Y, X)
        The labelled object.
    margin : int
        Voxels around its box.

    Returns
    -------
    tuple of float, or None
        S from σ², S from σ; None if the class is absent.
    """
    around = Box.around(mask)
    if around is None:
        return None
    shape = (int(mask.shape[0]), int(mask.shape[1]), int(mask.shape[2]))
    p = probability[around.grown(margin, shape).slices].astype(np.float64)
    tiny = np.exp(-_LOGIT_LIMIT)
    logits = np.log(np.maximum(p, tiny)) - np.log(np.maximum(1 - p, tiny))
    np.clip(logits, -_LOGIT_LIMIT, _LOGIT_LIMIT, out=logits)
    sigma = [_LOGIT_SIGMA if n > 1 else 0.0 for n in logits.shape]
    return scale_of_map(ndimage.gaussian_filter(logits, sigma, mode="nearest"))


def _scales(
    probabilities: CaseProbabilities, label_index: NDArray[Any], facts: LabelFacts, spec: ScoreSpec
) -> list[ScoreValue]:
    """Perception scales of the labelled classes, and their mean as that of the case."""
    cut = label_index[probabilities.box.slices]
    found: dict[int, tuple[float, float]] = {}
    for c in facts.classes:
        if c in probabilities.known:
            scales = class_scale(probabilities.values[c], cut == c, spec.scale_margin)
            if scales is not None:
                found[c] = scales
    if found:
        mean = np.mean(list(found.values()), axis=0)
        found[WHOLE_CASE] = (float(mean[0]), float(mean[1]))
    names = ("perception_scale", "perception_scale_sigma")
    return [ScoreValue(name, c, s[i]) for c, s in sorted(found.items()) for i, name in enumerate(names)]


def _volumes(facts: LabelFacts) -> list[ScoreValue]:
    counts = {c: f.n_voxels for c, f in facts.classes.items()}
    counts[WHOLE_CASE] = sum(counts.values())
    values = [ScoreValue("volume_voxels", c, float(n)) for c, n in sorted(counts.items())]
    if np.isfinite(facts.voxel_ml):
        values += [ScoreValue("volume_ml", c, n * facts.voxel_ml) for c, n in sorted(counts.items())]
    return values


def _map(
    probabilities: CaseProbabilities, label_index: NDArray[Any], values: list[ScoreValue], *, keep: bool
) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    if not keep:
        return np.zeros((0, *label_index.shape), dtype=np.uint8), ()
    box, known = probabilities.box, probabilities.known
    cut = label_index[box.slices]
    present = present_classes(probabilities.values, cut, known)
    room = max(1, _MAP_BYTES // label_index.size) - 1
    if len(present) > room:
        extent = {v.class_index: v.value for v in values if v.measure == "dice_gap"}
        present = sorted(sorted(present, key=lambda c: -extent.get(c, 0.0))[:room])
    classes = (WHOLE_CASE, *present)
    judged = np.isin(cut, [0, *known])
    result = np.zeros((len(classes), *label_index.shape), dtype=np.uint8)
    for row, c in enumerate(classes):
        heat = np.where(judged, risk_map(probabilities.values, cut, c), np.float32(0))
        result[(row, *box.slices)] = np.rint(heat * np.float32(255)).astype(np.uint8)
    return result, classes
