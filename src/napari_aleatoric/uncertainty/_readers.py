"""How far several readers' labels of one case differ: the answer to the third question, without any model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import WHOLE_CASE, HotSpot, ScoreValue

from ._blocks import classes_in
from ._hot_spots import hot_spot
from ._label_risk import local_mean
from ._measures import READER_SPREAD_MAP
from ._packed import map_rows

__all__ = ["ReaderScores", "score_readers"]


@dataclass(frozen=True, eq=False)
class ReaderScores:
    """Result of `score_readers`.

    Parameters
    ----------
    values : tuple of ScoreValue
        ``reader_spread`` of every class that any reader drew, after their mean as that of the whole case.
    hot_spots : tuple of HotSpot
        At most one per class, and one of the whole case.
    map_values : numpy.ndarray of uint8, shape (n, Z, Y, X)
        Voxel map on the whole grid, 0..255 for 0..1.
    map_classes : tuple of int
        The class of every row; the first is the whole case: the largest of all classes.
    """

    values: tuple[ScoreValue, ...]
    hot_spots: tuple[HotSpot, ...]
    map_values: NDArray[np.uint8]
    map_classes: tuple[int, ...]


def score_readers(labels: NDArray[Any], *, maps: bool = True) -> ReaderScores:
    """Compare all readers' labels of one case.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices by reader. A reader who drew nothing counts: "nothing there" is an answer.
    maps : bool
        Whether to make the voxel map: 4 m (1 − m) with m the part of the readers who drew the class, four times the
        variance of their yes and no.

    Returns
    -------
    ReaderScores
        1 − mean Dice of all pairs; a pair of which neither drew the class agrees. Nothing with fewer than two
        readers.
    """
    shape = (int(labels.shape[1]), int(labels.shape[2]), int(labels.shape[3]))
    n = len(labels)
    present = [c for c in classes_in(labels) if c != WHOLE_CASE] if n > 1 else []
    spreads = {c: _spread(labels, c) for c in present}
    whole = {WHOLE_CASE: float(np.mean(list(spreads.values())))} if spreads else {}
    values = tuple(ScoreValue("reader_spread", c, v) for c, v in sorted({**whole, **spreads}.items()))
    if not maps or not spreads:
        return ReaderScores(values, (), np.zeros((0, *shape), np.uint8), ())
    classes = map_rows(spreads, shape)
    rows = np.zeros((len(classes), *shape), dtype=np.uint8)
    steps = np.array([round(255 * 4 * k * (n - k) / n**2) for k in range(n + 1)], dtype=np.uint8)
    spots: list[HotSpot] = []
    for c in present:
        votes = np.zeros(shape, dtype=np.uint8 if n < 256 else np.uint16)
        for label in labels:
            votes += label == c
        heat = steps[votes]
        np.maximum(rows[0], heat, out=rows[0])
        if c in classes:
            rows[classes.index(c)] = heat
        spot = _spot(heat, c)
        spots += [] if spot is None else [spot]
    first = _spot(rows[0], WHOLE_CASE)
    return ReaderScores(values, tuple(spots if first is None else [first, *spots]), rows, classes)


def _spread(labels: NDArray[Any], class_index: int) -> float:
    """1 − mean Dice of all pairs of readers, of one class."""
    sizes = [int(np.count_nonzero(label == class_index)) for label in labels]
    dice = []
    for a, b in combinations(range(len(labels)), 2):
        both = int(np.count_nonzero((labels[a] == class_index) & (labels[b] == class_index)))
        dice.append(2.0 * both / (sizes[a] + sizes[b]) if sizes[a] + sizes[b] else 1.0)
    return 1.0 - float(np.mean(dice))


def _spot(heat: NDArray[np.uint8], class_index: int) -> HotSpot | None:
    box = Box.around(heat)
    if box is None:
        return None
    z, y, x = heat.shape
    box = box.grown(1, (int(z), int(y), int(x)))
    part = heat[box.slices]
    smooth = np.where(part > 0, local_mean(part.astype(np.float32)), np.float32(0))  # a place where they do differ
    return hot_spot(smooth, READER_SPREAD_MAP, class_index, box.start_zyx)
