"""What every measure says of the labels of a workspace, and what its maps say of wrong voxels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_aleatoric.foundation import Box
from napari_aleatoric.io import Workspace, map_names, read_map
from napari_aleatoric.model import WHOLE_CASE, ItemKey, LabelMap, Question
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import LABEL_RISK_MAP, MEASURES, STRATEGIES, ScoreTable, rank

__all__ = ["FLAGS", "Contender", "Histograms", "all_scores", "contenders", "heat_of_errors"]

FLAGS = "flags"
"""Name of the geometry checks among the measures."""

_NEAR = 3.0  # voxels
_SAME_ORDER = {"perception_scale": "difficulty", "volume_ml": "volume_voxels"}  # as another that is shown

FloatArray = NDArray[np.float64]
Histograms = dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]
"""By name of a map: counts of wrong and of right voxels, by the map's value."""


@dataclass(frozen=True)
class Contender:
    """A measure, or a rule that orders the queue, that may find errors.

    Parameters
    ----------
    name, title : str
        Identifier, and a few words.
    question : str
        The one question it answers; "" for none.
    order : bool
        Whether the queue can be ordered by it: ``name`` is a key of `STRATEGIES`.
    detail : bool
        For researchers; left out of short lists.
    map_name : str
        Its voxel map; "" if it has none.
    """

    name: str
    title: str
    question: str
    order: bool
    detail: bool
    map_name: str


def contenders(table: ScoreTable) -> Iterator[Contender]:
    """List everything that a table of scores holds: orders of the queue first, then measures that are none."""
    stored = {name for name, _ in table.columns}
    for name, strategy in STRATEGIES.items():
        arranged = strategy.diverse or strategy.check_rate > 0  # the order of another rule, dealt out otherwise
        if arranged or _SAME_ORDER.get(name) in {*stored, *STRATEGIES}:
            continue
        measure = MEASURES.get(name)
        of_risk = strategy.question is Question.LABEL_RISK
        named = LABEL_RISK_MAP if of_risk else measure.map_name if measure is not None else ""
        detail = measure.detail if measure is not None else False
        yield Contender(name, strategy.title, str(strategy.question or ""), True, detail, named)
    for name, measure in MEASURES.items():
        if name in stored and name not in STRATEGIES and _SAME_ORDER.get(name) not in {*stored, *STRATEGIES}:
            yield Contender(name, measure.title, str(measure.question), False, measure.detail, measure.map_name)
    yield Contender(FLAGS, "Geometry checks", str(Question.LABEL_RISK), False, False, "")


def all_scores(store: ReviewStore) -> tuple[ScoreTable, list[Contender], dict[str, FloatArray]]:
    """Read what every contender says of every scored label.

    Returns
    -------
    table : ScoreTable
        Of the n scored labels.
    listed : list of Contender
        Those that say anything.
    scores : dict of str to numpy.ndarray of float64, shape (n,)
        By name; high = suspicious, NaN = not measured. Of an order of the queue: minus its place, so that equal
        scores stand as the queue lets them stand.
    """
    table = store.score_table()
    listed, scores = [], {}
    for contender in contenders(table):
        if contender.name == FLAGS:
            found = _flags(table, store)
        elif contender.name in MEASURES and MEASURES[contender.name].stored:
            found = _of_measure(table, contender.name)
        else:
            found = _of_order(table, contender.name)
        if np.isfinite(found).any():
            listed.append(contender)
            scores[contender.name] = found
    return table, listed, scores


def _of_measure(table: ScoreTable, name: str) -> FloatArray:
    """Return the whole case's value in the direction of the measure, else the worst class's place."""
    whole = table.column(name)
    if np.isfinite(whole).any():
        return np.asarray(MEASURES[name].sign * whole)
    places = [table.percentile(name, c) for c in table.class_indices]
    return np.asarray(np.fmax.reduce([np.full(len(table), np.nan), *places]))


def _of_order(table: ScoreTable, name: str) -> FloatArray:
    ranking = rank(table, name)
    return np.where(np.isnan(ranking.score), np.nan, -ranking.position.astype(np.float64))


def _flags(table: ScoreTable, store: ReviewStore) -> FloatArray:
    """Return severity of the worst finding of the geometry checks, then their number (our proposal)."""
    found = np.zeros(len(table))
    for row, key in enumerate(table.keys):
        flags = store.flags(key)
        if flags:
            found[row] = max(flag.severity for flag in flags) + 1e-3 * min(len(flags), 100)
    return found


def heat_of_errors(
    ws: Workspace, key: ItemKey, before: LabelMap, after: LabelMap, also: NDArray[np.bool_] | None = None
) -> Histograms:
    """Count the values of the voxel maps of one label, apart for wrong and right voxels.

    Only voxels within 3 voxels of the label with the error or of the label without it count: elsewhere nothing
    could be wrong, and a map would be praised for saying so.

    Parameters
    ----------
    ws : Workspace
        That the label with the error was scored in.
    key : ItemKey
        The label.
    before, after : LabelMap
        Without and with the error, in any axis order.
    also : numpy.ndarray of bool, shape (Z, Y, X), optional
        Voxels of another object whose surroundings count too, upright: what was predicted.

    Returns
    -------
    dict of str to (numpy.ndarray of int64, numpy.ndarray of int64), shapes (256,)
        By name of the map: counts of wrong and of right voxels, by the map's value.
    """
    index = ws.dataset.classes.index_map
    right, wrong = index(before.upright().data), index(after.upright().data)
    here = (right > 0) | (wrong > 0)
    if also is not None:
        here |= also
    around = Box.around(here)
    if around is None:
        return {}
    box = around.grown(int(_NEAR) + 1, (here.shape[0], here.shape[1], here.shape[2]))
    near = ndimage.distance_transform_edt(~here[box.slices]) <= _NEAR
    changed = (right != wrong)[box.slices]
    result: Histograms = {}
    for name in map_names(ws, key):
        found = read_map(ws, key, name)
        if WHOLE_CASE in found.class_indices:
            heat = found.of(WHOLE_CASE)[box.slices]
            result[name] = (_counts(heat[near & changed]), _counts(heat[near & ~changed]))
    return result


def _counts(values: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.bincount(values, minlength=256).astype(np.int64)
