"""A first batch whose cases differ from each other, and known-good cases mixed in to check readers."""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import ItemKey, Question

from ._measures import MEASURES
from ._table import ScoreTable

if TYPE_CHECKING:
    from ._rank import Ranking

__all__ = ["spread_out", "with_honeypots"]

IntArray = NDArray[np.int64]

_MOST, _POOL = 20, 60  # cases of the batch, and of the top of the queue that it is chosen from
_PART_OF_QUEUE, _PART_OF_POOL = 0.25, 1 / 3  # in small data sets


def spread_out(table: ScoreTable, ranking: Ranking, question: Question | None) -> Ranking:
    """Put cases first that stand at the top of the queue and differ from each other (our proposal).

    Greedy, farthest first: the worst case, then always the one of the pool whose nearest chosen case is farthest
    away. Two cases are apart by 1 (squared) if another class drives them, by 1 if another measure does, and by up
    to 1 in the percentile ranks of all measures of the question. Behind the batch all go on in their order.

    Parameters
    ----------
    table : ScoreTable
        Raw scores.
    ranking : Ranking
        An order of them, worst first.
    question : Question or None
        Whose measures are compared.

    Returns
    -------
    Ranking
        With a batch of a third of the pool, at most 20; the pool is the first quarter of the queue, at most 60.
    """
    known = ranking.order[~np.isnan(ranking.score[ranking.order])]
    pool = known[: min(_POOL, math.ceil(_PART_OF_QUEUE * len(known)))]
    n = min(_MOST, math.ceil(_PART_OF_POOL * len(pool)))
    if n < 2:
        return ranking
    columns = [table.percentile(m.name)[pool] for m in MEASURES.values() if m.question is question and m.stored]
    places = np.stack(
        [np.where(np.isnan(c), 0.5, c) for c in columns if not np.isnan(c).all()] or [np.zeros(len(pool))]
    )
    driver, part = ranking.class_index[pool], ranking.part[pool]
    chosen = [0]
    nearest = np.full(len(pool), np.inf)
    while len(chosen) < n:
        last = chosen[-1]
        away = ((places - places[:, last : last + 1]) ** 2).mean(axis=0)
        away += (driver != driver[last]).astype(np.float64) + (part != part[last])
        nearest = np.minimum(nearest, away)
        nearest[chosen] = -1.0
        chosen.append(int(np.argmax(np.round(nearest, 12))))  # the higher of equal ones in the queue
    first = pool[chosen]
    rest = ranking.order[~np.isin(ranking.order, first)]
    return replace(ranking, order=np.concatenate([first, rest]))


def with_honeypots(
    table: ScoreTable, ranking: Ranking, good: Collection[ItemKey], rate: float, seed: int = 0
) -> Ranking:
    """Mix cases that are known to be good into the queue, to see whether its readers tell them (our proposal).

    Each block of 1/rate places gets one of them, at a place in the block and in an order that nobody can foresee.
    The ranking is ``blind`` then: it tells neither scores nor places, of no case, as they would give them away.

    Parameters
    ----------
    table : ScoreTable
        Raw scores.
    ranking : Ranking
        An order of them, worst first.
    good : collection of ItemKey
        What is known to be good; keys that are not in the table are passed over. Those that find no place in the
        queue come last.
    rate : float
        Part of the places that they take, above 0 and up to 0.5.
    seed : int
        Another number mixes them otherwise.

    Raises
    ------
    DataError
        If the rate is not in this range, or none of them is in the table.
    """
    if not 0 < rate <= 0.5:
        raise DataError(f"Expected a rate of known-good cases above 0 and up to 0.5, got {rate:g}.")
    is_good = np.fromiter((key in good for key in table.keys), dtype=bool, count=len(table))
    if not is_good.any():
        raise DataError("There is no known-good case in the queue to mix in. Let another reader accept some first.")
    draws = {row: _draw(table.keys[row], seed) for row in np.flatnonzero(is_good).tolist()}
    honey = sorted(draws, key=lambda row: (draws[row], table.keys[row]))
    others = [row for row in ranking.order.tolist() if not is_good[row]]
    block = round(1 / rate)
    order: list[int] = []
    for number in range(0, len(others), block - 1):
        part = others[number : number + block - 1]
        if honey:
            row = honey.pop(0)
            part.insert(_draw(table.keys[row], seed + 1) % (len(part) + 1), row)
        order += part
    return replace(ranking, order=np.array(order + honey, dtype=np.int64), blind=True)


def _draw(key: ItemKey, seed: int) -> int:
    """Return a number that looks random, and is the same for a key tomorrow."""
    return zlib.crc32(f"{seed}\0{key.label_reader}\0{key.case_id}".encode()) * 2654435761 % 2**32 >> 8
