"""Everything that is measured on one label of one case, from the out-of-sample probabilities of the case."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import WHOLE_CASE, HotSpot, ScoreValue

from ._facts import LabelFacts, label_facts
from ._hot_spots import spot_of_slices
from ._label_risk import RiskSums, smoothed
from ._measures import LABEL_RISK_MAP
from ._scale import scale_of_map
from ._slabs import Slab
from ._spec import ScoreSpec

__all__ = ["CaseProbabilities", "LabelScorer", "LabelScores", "class_scale", "score_label"]

_PARTS = ("nll_union", "local_max", "dice_gap", "softmin")
_LOGIT_LIMIT = 12.0
_LOGIT_SIGMA = 1.0  # voxels
_MAP_BYTES = 1 << 29  # of a label's voxel map; classes that stand out least are left out beyond


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
    scorer = LabelScorer(
        label_index, probabilities.box, probabilities.known, spec, voxel_ml=voxel_ml, facts=facts, scales=scales
    )
    depth = probabilities.box.shape_zyx[0]
    scorer.add(Slab(0, 0, depth, probabilities.values))
    return scorer.result()


class LabelScorer:
    """Measures one label from probabilities that come a few slices at a time: what is large is never whole.

    Parameters
    ----------
    label_index : numpy.ndarray of integer, shape (Z, Y, X)
        Class indices on the whole grid, upright.
    box : Box
        The part of the grid that was looked at.
    known : collection of int
        Class indices that the models have learned.
    spec, voxel_ml, facts, scales
        As of `score_label`.
    """

    def __init__(
        self,
        label_index: NDArray[Any],
        box: Box,
        known: Collection[int],
        spec: ScoreSpec,
        *,
        voxel_ml: float = float("nan"),
        facts: LabelFacts | None = None,
        scales: bool = True,
    ) -> None:
        self._shape = label_index.shape
        self._box = box
        self._spec = spec
        self._label = label_index[box.slices]
        self._facts = label_facts(label_index, voxel_ml) if facts is None else facts
        self._sums = RiskSums(box.shape_zyx[0], known)
        self._heat: list[tuple[int, dict[int, _Packed]]] = []  # first slice, and map by class
        self._objects: dict[int, tuple[Box, list[NDArray[Any]]]] = {}
        for c in sorted(set(known) & set(self._facts.classes)) if scales else ():
            around = Box.around(self._label == c)
            if around is not None:
                self._objects[c] = (around.grown(spec.scale_margin, box.shape_zyx), [])

    def add(self, slab: Slab) -> None:
        """Take in some slices; all of them must come once, in their order."""
        whole = slab.stop - slab.start == len(self._label)
        heat = {}
        label = self._label[slab.first : slab.first + slab.values.shape[1]]
        for c, risk in self._sums.add(slab.values, label, slab.first, slab.inner):
            if self._spec.maps:
                heat[c] = _Packed(np.rint(risk * np.float32(255)).astype(np.uint8), pack=not whole)
        self._heat.append((slab.start, heat))
        for c, (around, parts) in self._objects.items():
            z, y, x = around.slices
            low, high = max(z.start, slab.start), min(z.stop, slab.stop)
            if low < high:
                part = slab.values[c, low - slab.first : high - slab.first, y, x]
                parts.append(part if whole else part.astype(np.float16))

    def result(self) -> LabelScores:
        """Package what was measured, when all slices are in."""
        values: list[ScoreValue] = []
        spots: list[HotSpot] = []
        extent: dict[int, float] = {}
        for found in self._sums.result():
            c = found.class_index
            values += [ScoreValue(name, c, getattr(found, name)) for name in _PARTS]
            spot = spot_of_slices(found.by_slice, found.hottest_zyx, LABEL_RISK_MAP, c, self._box.start_zyx)
            if spot is not None:
                spots.append(spot)
            if c != WHOLE_CASE:
                extent[c] = found.dice_gap
        values += self._scales()
        values += _volumes(self._facts)
        map_values, map_classes = self._map(extent)
        return LabelScores(tuple(values), tuple(spots), map_values, map_classes, self._facts)

    def _scales(self) -> list[ScoreValue]:
        """Perception scales of the labelled classes, and their mean as that of the case."""
        found: dict[int, tuple[float, float]] = {}
        for c in list(self._objects):
            parts = self._objects.pop(c)[1]  # let go of one after the other
            found[c] = _scale_of(parts[0] if len(parts) == 1 else np.concatenate(parts))
        if found:
            mean = np.mean(list(found.values()), axis=0)
            found[WHOLE_CASE] = (float(mean[0]), float(mean[1]))
        names = ("perception_scale", "perception_scale_sigma")
        return [ScoreValue(name, c, s[i]) for c, s in sorted(found.items()) for i, name in enumerate(names)]

    def _map(self, extent: dict[int, float]) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
        """Return the voxel map on the whole grid; of a large volume only of the classes that stand out most."""
        if not self._spec.maps:
            return np.zeros((0, *self._shape), dtype=np.uint8), ()
        room = max(1, _MAP_BYTES // int(np.prod(self._shape))) - 1
        present = sorted(extent)
        if len(present) > room:
            present = sorted(sorted(present, key=lambda c: -extent[c])[:room])
        classes = (WHOLE_CASE, *present)
        result = np.zeros((len(classes), *self._shape), dtype=np.uint8)
        for row, c in enumerate(classes):
            inside = result[(row, *self._box.slices)]
            for first, heat in self._heat:
                if c in heat:
                    part = heat[c].values
                    inside[first : first + len(part)] = part
        self._heat.clear()
        return result, classes


class _Packed:
    """A map of bytes, packed while others are made: mostly zeros."""

    def __init__(self, values: NDArray[np.uint8], *, pack: bool) -> None:
        self._shape = values.shape
        self._held: NDArray[np.uint8] | bytes = zlib.compress(values.tobytes(), 1) if pack else values

    @property
    def values(self) -> NDArray[np.uint8]:
        """The map."""
        if isinstance(self._held, bytes):
            return np.frombuffer(zlib.decompress(self._held), dtype=np.uint8).reshape(self._shape)
        return self._held


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
    return _scale_of(probability[around.grown(margin, shape).slices])


def _scale_of(probability: NDArray[Any]) -> tuple[float, float]:
    """Perception scales of the clipped, smoothed log-odds of one object."""
    p = probability.astype(np.float32)
    tiny = np.float32(np.exp(-_LOGIT_LIMIT))
    logits = np.log(np.maximum(p, tiny))
    np.subtract(np.float32(1), p, out=p)
    logits -= np.log(np.maximum(p, tiny, out=p), out=p)
    np.clip(logits, -_LOGIT_LIMIT, _LOGIT_LIMIT, out=logits)
    sigma = [_LOGIT_SIGMA if n > 1 else 0.0 for n in logits.shape]
    return scale_of_map(ndimage.gaussian_filter(logits, sigma, mode="nearest", output=p))


def _volumes(facts: LabelFacts) -> list[ScoreValue]:
    counts = {c: f.n_voxels for c, f in facts.classes.items()}
    counts[WHOLE_CASE] = sum(counts.values())
    values = [ScoreValue("volume_voxels", c, float(n)) for c, n in sorted(counts.items())]
    if np.isfinite(facts.voxel_ml):
        values += [ScoreValue("volume_ml", c, n * facts.voxel_ml) for c, n in sorted(counts.items())]
    return values
