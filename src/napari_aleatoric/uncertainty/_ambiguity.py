"""How ambiguous an image is to a model, from its probabilities alone: no label is looked at."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import WHOLE_CASE, HotSpot, ScoreValue

from ._ensemble import EnsembleMaps, binary_entropy
from ._hot_spots import hot_spot
from ._label_risk import local_mean
from ._measures import AMBIGUITY_MAP, EXPECTED_ENTROPY_MAP, MUTUAL_INFORMATION_MAP, PREDICTIVE_ENTROPY_MAP
from ._packed import PackedRows, map_rows
from ._rim import RIM_REACH, near_rim, rim_distance
from ._slabs import Slab

__all__ = ["LEVELS", "AmbiguityScorer", "AmbiguityScores", "levelset_spread", "mean_entropy"]

LEVELS = (0.2, 0.4, 0.6, 0.8)
"""Probabilities whose level sets are compared."""

_INSIDE = 0.1  # voxels of a class are those with at least this probability of it
_LN_2 = np.float32(np.log(2))
_LEAST = 0.02  # probabilities below it count as none in the map, so that it can be kept packed
_BYTE_ENTROPY = binary_entropy(np.arange(256) / 255.0)  # of probabilities that were kept as bytes


def levelset_spread(probability: NDArray[Any]) -> float:
    """1 − mean pairwise Dice of the sets {p > 0.2}, {p > 0.4}, {p > 0.6}, {p > 0.8}.

    0 where the class ends sharply; near 1 where its extent depends on how sure one wants to be. Two sets of which
    one or both are empty agree in nothing (our proposal: so a class that is never likely is an ambiguous one).
    Only connected parts of {p > 0.2} count that reach the highest of these levels, or, if none does, the highest
    that any reaches (ours as well): what looks a little like the class elsewhere says nothing about where it ends.
    So it follows the readers' disagreement about LIDC nodules better (chosen on one seed, which is not reported).

    Parameters
    ----------
    probability : numpy.ndarray of float, any shape
        Of one class.

    Returns
    -------
    float
        In [0, 1]; NaN where the class is likely nowhere (no voxel above 0.2).
    """
    return _spread_of_levels(_levels_of(probability))


def _levels_of(probability: NDArray[Any]) -> NDArray[np.uint8]:
    """How many of the levels each voxel is above."""
    above = np.zeros(probability.shape, dtype=np.uint8)
    for level in LEVELS:
        above += probability > level
    return above


def _spread_of_levels(above: NDArray[np.uint8]) -> float:
    """Return the spread, from how many levels each voxel is above."""
    parts, n = ndimage.label(above)
    if n == 0:
        return float("nan")
    highest = np.asarray(ndimage.maximum(above, parts, np.arange(n + 1)), dtype=np.uint8)
    highest[0] = 0  # what is in no part
    counted = above[(highest == highest.max())[parts]]
    return _spread_of_counts([int(np.count_nonzero(counted > k)) for k in range(len(LEVELS))])


def _spread_of_counts(counts: Sequence[int]) -> float:
    """Level sets lie inside each other, so their sizes say how much they overlap."""
    overlaps = [
        2.0 * counts[j] / (counts[i] + counts[j]) if counts[i] + counts[j] else 0.0
        for j in range(len(counts))
        for i in range(j)
    ]
    return 1.0 - float(np.mean(overlaps))


def mean_entropy(probability: NDArray[Any], entropy: NDArray[Any] | None = None) -> float:
    """Entropy per expected voxel of a class: Σ H / Σ p over the voxels with p of at least 0.1, in nats (ours).

    Parameters
    ----------
    probability : numpy.ndarray of float, any shape
        Of one class.
    entropy : numpy.ndarray of float, the same shape, optional
        Of "is it this class or not"; by default that of the probability.

    Returns
    -------
    float
        0 or more; NaN where no voxel is inside.
    """
    inside = probability >= _INSIDE
    p = probability[inside]
    h = binary_entropy(p) if entropy is None else entropy[inside]
    return float(h.sum(dtype=np.float64) / p.sum(dtype=np.float64)) if p.size else float("nan")


@dataclass(frozen=True, eq=False)
class AmbiguityScores:
    """Result of `AmbiguityScorer`.

    Parameters
    ----------
    values : tuple of ScoreValue
        Raw values by class, and their mean over the classes that are likely somewhere as that of the whole case.
    hot_spots : tuple of HotSpot
        At most one per map and class, and one of the whole case; none without maps.
    maps : mapping of str to numpy.ndarray of uint8, shape (n, Z, Y, X)
        Voxel maps by name, 0..255 for 0..1, on the whole grid; 0 where nothing was looked at.
    map_classes : tuple of int
        The class of every row; the first is the whole case: the largest of all classes.
    """

    values: tuple[ScoreValue, ...]
    hot_spots: tuple[HotSpot, ...]
    maps: Mapping[str, NDArray[np.uint8]]
    map_classes: tuple[int, ...]


@dataclass(eq=False)
class _Sums:
    """Running sums of one class."""

    levels: PackedRows  # how many of the levels each voxel is above
    probability: float = 0.0
    entropy: dict[str, float] = field(default_factory=dict)
    n_members: int = 1
    sizes: int = 0  # of all members' outlines together
    both: int = 0  # overlaps of all pairs of them

    def add(self, first: int, p: NDArray[Any], entropies: Mapping[str, NDArray[Any]]) -> None:
        self.levels.put(first, _levels_of(p))
        inside = p >= _INSIDE
        self.probability += float(p[inside].sum(dtype=np.float64))
        for name, values in entropies.items():
            self.entropy[name] = self.entropy.get(name, 0.0) + float(values[inside].sum(dtype=np.float64))

    def vote(self, votes: NDArray[Any], n_members: int) -> None:
        n = votes.astype(np.int64)
        self.n_members = n_members
        self.sizes += int(n.sum())
        self.both += int((n * (n - 1) // 2).sum())

    def values(self) -> Iterator[tuple[str, float]]:
        yield "levelset", self._spread()
        for name, total in self.entropy.items():
            yield name, total / self.probability if self.probability else float("nan")
        if self.n_members > 1 and self.sizes:
            yield "member_spread", 1.0 - 2.0 * self.both / ((self.n_members - 1) * self.sizes)

    def _spread(self) -> float:
        above = self.levels.values
        box = Box.around(above)
        return float("nan") if box is None else _spread_of_levels(above[box.slices])


class AmbiguityScorer:
    """Measures one case from probabilities that come a few slices at a time, whoever they are from.

    The scores belong to the image and the model, so all readers' labels of a case share them.

    Parameters
    ----------
    shape_zyx : tuple of int
        The whole grid.
    box : Box
        The part of it that was looked at.
    known : collection of int
        Class indices that the model has learned.
    maps : bool
        Whether to make voxel maps.
    voxel_zyx : tuple of float
        Edges of a voxel, in any unit: what is near a border depends on them.
    """

    def __init__(
        self,
        shape_zyx: tuple[int, int, int],
        box: Box,
        known: Collection[int],
        *,
        maps: bool = True,
        voxel_zyx: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        self._shape, self._box, self._make_maps, self._voxel = shape_zyx, box, maps, voxel_zyx
        self._sums = {c: _Sums(PackedRows(box.shape_zyx)) for c in sorted(known) if c != WHOLE_CASE}
        self._kept: dict[tuple[str, int], PackedRows] = {}

    def add(self, slab: Slab, ensemble: EnsembleMaps | None = None) -> None:
        """Take in some slices; all of them must come once.

        Parameters
        ----------
        slab : Slab
            Probabilities; of several networks, their mean.
        ensemble : EnsembleMaps, optional
            What the networks say together, of the slices that are meant.
        """
        for c, sums in self._sums.items():
            p = slab.values[c, slab.inner].astype(np.float32)
            if ensemble is not None:
                sums.vote(ensemble.votes[c], ensemble.n_members)
            if float(p.max(initial=0.0)) < _LEAST:
                continue
            maps = {}
            if ensemble is None:
                sums.add(slab.start, p, {"predictive_entropy": binary_entropy(p)})
            else:
                predictive, expected = ensemble.class_predictive[c], ensemble.class_expected[c]
                sums.add(
                    slab.start,
                    p,
                    {
                        "predictive_entropy": predictive,
                        "expected_entropy": expected,
                        "mutual_information": predictive - expected,
                    },
                )
                maps = {
                    PREDICTIVE_ENTROPY_MAP: predictive / _LN_2,
                    EXPECTED_ENTROPY_MAP: expected / _LN_2,
                    MUTUAL_INFORMATION_MAP: (predictive - expected) / _LN_2,
                }
            if self._make_maps:
                maps[AMBIGUITY_MAP] = np.where(p < _LEAST, np.float32(0), p)
                for name, values in maps.items():
                    rows = self._kept.setdefault((name, c), PackedRows(self._box.shape_zyx))
                    rows.put(slab.start, _bytes_of(values))

    def result(self) -> AmbiguityScores:
        """Package what was measured, when all slices are in."""
        found: dict[str, dict[int, float]] = {}
        for c, sums in self._sums.items():
            for name, value in sums.values():
                if np.isfinite(value):
                    found.setdefault(name, {})[c] = value
        values = []
        for name, by_class in found.items():
            whole = float(np.mean(list(by_class.values())))
            values += [ScoreValue(name, c, v) for c, v in sorted({WHOLE_CASE: whole, **by_class}.items())]
        spreads = found.get("levelset", {})
        if not self._make_maps or not spreads:
            return AmbiguityScores(tuple(values), (), {}, ())
        classes = map_rows(spreads, self._shape)
        maps: dict[str, NDArray[np.uint8]] = {}
        spots: list[HotSpot] = []
        for name in dict.fromkeys(name for name, _ in self._kept):
            maps[name] = np.zeros((len(classes), *self._shape), dtype=np.uint8)
            spots += self._draw(name, maps[name], classes)
        return AmbiguityScores(tuple(values), tuple(spots), maps, classes)

    def _draw(self, name: str, rows: NDArray[np.uint8], classes: tuple[int, ...]) -> list[HotSpot]:
        """Fill in one map, the largest of all classes first; returns where it is hottest."""
        spots = []
        for c in self._sums:
            kept = self._kept.pop((name, c), None)
            steps = None if kept is None else kept.values
            box = None if steps is None else Box.around(steps)
            if steps is None or box is None:
                continue
            if name == AMBIGUITY_MAP:
                box = box.grown(math.ceil(RIM_REACH), self._box.shape_zyx)
                steps = self._near_rim(steps[box.slices])
            else:
                steps = steps[box.slices]
            corner = [a + b for a, b in zip(self._box.start_zyx, box.start_zyx, strict=True)]
            start = (corner[0], corner[1], corner[2])
            z, y, x = (slice(a, a + n) for a, n in zip(start, steps.shape, strict=True))
            for row in {0, classes.index(c) if c in classes else 0}:
                inside = rows[row, z, y, x]
                np.maximum(inside, steps, out=inside)
            spot = hot_spot(local_mean(steps.astype(np.float32)), name, c, start)
            spots += [] if spot is None else [spot]
        if spots:
            hottest = max(spots, key=lambda spot: int(rows[0][spot.index_zyx]))
            spots.insert(0, replace(hottest, class_index=WHOLE_CASE))
        return spots

    def _near_rim(self, steps: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn probabilities of a class into its ambiguity; both as bytes, shape (Z, Y, X).

        The border is that of {p > 0.5}, or of the highest level set that is not empty where there is none.
        """
        level = next((level for level in (0.5, *reversed(LEVELS)) if (steps > 255 * level).any()), 0.0)
        return _bytes_of(near_rim(_BYTE_ENTROPY[steps], rim_distance(steps > 255 * level, self._voxel)))


def _bytes_of(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(values, 0, 1) * np.float32(255)), dtype=np.uint8)
