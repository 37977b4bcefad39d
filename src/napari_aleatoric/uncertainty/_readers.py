"""How far several readers' labels of one case differ: the answer to the third question, without any model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import WHOLE_CASE, HotSpot, ScoreValue

from ._hot_spots import hot_spot
from ._label_risk import local_mean
from ._measures import CONSENSUS_ENTROPY_MAP, READER_DEPARTURE_MAP, READER_SPREAD_MAP
from ._packed import map_rows
from ._reading._reader_values import case_values, reader_values
from ._reading._standing import Standing

__all__ = ["READER_MAPS", "ReaderScores", "score_readers"]

READER_MAPS = (READER_SPREAD_MAP, CONSENSUS_ENTROPY_MAP, READER_DEPARTURE_MAP)
"""The voxel maps of several readers; the last is of each reader's label."""

FloatArray = NDArray[np.float64]
Heat = Callable[[int], FloatArray]  # from a class to numbers in 0..1 where the readers differ


@dataclass(frozen=True, eq=False)
class ReaderScores:
    """Result of `score_readers`.

    Parameters
    ----------
    values : tuple of ScoreValue
        Of the case: every reader's label has them; see `case_values`.
    values_by_row : tuple of tuple of ScoreValue
        Of each reader's label; see `reader_values`.
    hot_spots : tuple of HotSpot
        In the maps of the case: at most one per map and class, and one of the whole case.
    hot_spots_by_row : tuple of tuple of HotSpot
        In each reader's own map.
    map_classes : tuple of int
        The class of every row of the maps; the first is the whole case. Empty where there are no maps.
    """

    values: tuple[ScoreValue, ...] = ()
    values_by_row: tuple[tuple[ScoreValue, ...], ...] = ()
    hot_spots: tuple[HotSpot, ...] = ()
    hot_spots_by_row: tuple[tuple[HotSpot, ...], ...] = ()
    map_classes: tuple[int, ...] = ()
    _case: Standing | None = None

    def map_rows(self, map_name: str, row: int = 0) -> NDArray[np.uint8]:
        """Make a voxel map on the whole grid; one at a time, as each may be large.

        Parameters
        ----------
        map_name : str
            One of `READER_MAPS`.
        row : int
            Whose, of the map that each reader has for themself.

        Returns
        -------
        numpy.ndarray of uint8, shape (n, Z, Y, X)
            0..255 for 0..1: 4 m (1 − m) with m the part of the readers who drew the class, four times the variance
            of their yes and no; the entropy of their weighted mean; how far this reader's label departs from it.
            The first row is the largest of all classes.
        """
        assert self._case is not None, "there is no map where nobody differs"
        apart, heat = self._case.apart, _heat(self._case, map_name, row)
        rows = np.zeros((len(self.map_classes), *apart.shape_zyx), dtype=np.uint8)
        for c in apart.present:
            found = _bytes(heat(c))
            for i in {0, self.map_classes.index(c) if c in self.map_classes else 0}:
                flat = rows[i].reshape(-1)
                flat[apart.where] = np.maximum(flat[apart.where], found)
        return rows

    @property
    def map_values(self) -> NDArray[np.uint8]:
        """The map of the spread, shape (n, Z, Y, X), 0..255 for 0..1; no rows where there are no maps."""
        if not self.map_classes:
            return np.zeros((0, 0, 0, 0), np.uint8)
        return self.map_rows(READER_SPREAD_MAP)


def score_readers(
    labels: NDArray[Any],
    *,
    spacing_zyx_mm: tuple[float, float, float] | None = None,
    n_rows: int | None = None,
    maps: bool = True,
) -> ReaderScores:
    """Compare all readers' labels of one case.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices by reader. A reader who drew nothing counts: "nothing there" is an answer; one whose label is
        missing has no row.
    spacing_zyx_mm : tuple of float, optional
        Of the grid; None where it is not known.
    n_rows : int, optional
        C, background included; by default what the labels need.
    maps : bool
        Whether maps can be made, and hot spots are looked for.

    Returns
    -------
    ReaderScores
        Nothing with fewer than two readers. Where nobody drew anything, departures are 0 and qualities 1.
    """
    if len(labels) < 2:
        return ReaderScores()
    case = Standing.of(labels, n_rows=n_rows)
    values, by_row = case_values(case), reader_values(case, spacing_zyx_mm)
    present = case.apart.present
    if not maps or not present:
        return ReaderScores(values, by_row)
    spreads = {v.class_index: v.value for v in values if v.measure == "reader_spread"}
    return ReaderScores(
        values,
        by_row,
        tuple(spot for name in READER_MAPS[:2] for spot in _spots(case, name)),
        tuple(tuple(_spots(case, READER_DEPARTURE_MAP, r)) for r in range(len(labels))),
        map_rows({c: spreads[c] for c in present}, case.apart.shape_zyx),
        case,
    )


def _heat(case: Standing, map_name: str, row: int = 0) -> Heat:
    made: Mapping[str, Heat] = {
        READER_SPREAD_MAP: lambda c: _variance(case.apart.chosen(c)),
        CONSENSUS_ENTROPY_MAP: case.entropy,
        READER_DEPARTURE_MAP: lambda c: case.departure(row, c),
    }
    return made[map_name]


def _variance(chosen: NDArray[np.bool_]) -> FloatArray:
    part = chosen.mean(axis=0)
    return np.asarray(4.0 * part * (1.0 - part))


def _bytes(heat: FloatArray) -> NDArray[np.uint8]:
    return np.asarray(np.rint(255.0 * np.clip(heat, 0.0, 1.0)), dtype=np.uint8)


def _spots(case: Standing, map_name: str, row: int = 0) -> Iterator[HotSpot]:
    """Find the hottest place of the whole case, then of every class, where the readers do differ."""
    where, heat = case.apart.where, _heat(case, map_name, row)
    together = np.zeros(len(where), dtype=np.uint8)
    found = []
    for c in case.apart.present:
        own = _bytes(heat(c))
        np.maximum(together, own, out=together)
        found.append(_spot(own, case, map_name, c))
    for spot in (_spot(together, case, map_name, WHOLE_CASE), *found):
        if spot is not None:
            yield spot


def _spot(heat: NDArray[np.uint8], case: Standing, map_name: str, class_index: int) -> HotSpot | None:
    shape = case.apart.shape_zyx
    at = np.stack(np.unravel_index(case.apart.where[heat > 0], shape))
    if not at.size:
        return None
    (a, b, c), (d, e, f) = at.min(axis=1).tolist(), (at.max(axis=1) + 1).tolist()
    box = Box((a, b, c), (d, e, f)).grown(1, shape)
    part = np.zeros(box.shape_zyx, dtype=np.float32)
    part[tuple(at - np.reshape(box.start_zyx, (3, 1)))] = heat[heat > 0]
    smooth = np.where(part > 0, local_mean(part), np.float32(0))  # a place where they do differ
    return hot_spot(smooth, map_name, class_index, box.start_zyx)
