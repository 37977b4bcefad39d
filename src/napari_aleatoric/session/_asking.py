"""Which of the four questions the window answers: order of the queue, map and words follow it together."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from napari_aleatoric.model import WHOLE_CASE, Question
from napari_aleatoric.uncertainty import MAPS, MEASURES, QUESTIONS, ScoreTable, strategy_of

from ._options import ViewOptions

__all__ = ["Asking", "answered", "measured"]

_SIZES = ("volume_voxels", "volume_ml")  # counted in every label; they answer nothing by themselves
_DERIVED = {"label_risk": "nll_union", "auv": "perception_scale", "auv_size_adjusted": "perception_scale"}


@lru_cache(maxsize=4)
def measured(table: ScoreTable) -> frozenset[str]:
    """Return the measures that the scores of a data set have any value of, derived ones among them."""
    found = {name for (name, c), column in table.columns.items() if c == WHOLE_CASE and np.isfinite(column).any()}
    return frozenset(name for name in MEASURES if _DERIVED.get(name, name) in found)


def answered(table: ScoreTable) -> frozenset[Question]:
    """Return the questions that the scores of a data set have any answer to."""
    return frozenset(MEASURES[name].question for name in measured(table) if name not in _SIZES)


class Asking:
    """Keeps the question, the order of the queue and the map in step, whichever of them is changed.

    Parameters
    ----------
    options : ViewOptions
        Holds the question and the map.
    order_by : callable
        Orders the queue by a strategy.
    """

    def __init__(self, options: ViewOptions, order_by: Callable[[str], None]) -> None:
        self._options, self._order_by = options, order_by
        self._strategy = ""  # of the queue
        self._chosen: dict[Question, str] = {}  # the last order under each question
        options.events.question.connect(self._asked)
        options.events.map_name.connect(self._shown)

    def begin(self, strategy: str) -> None:
        """Start with the order that a data set has by default."""
        self._chosen = {}
        self.follow(strategy)

    def follow(self, strategy: str) -> None:
        """Take note of the order of the queue: its question is asked from now on."""
        if strategy == self._strategy:
            return
        self._strategy = strategy
        question = strategy_of(strategy).question
        if question is None:  # random: an order under any question
            return
        self._chosen[question] = strategy
        chosen = MAPS[self._options.map_name]
        self._options.question = question
        own = MEASURES[strategy].map_name if strategy in MEASURES else ""
        if own and chosen.question is not question:
            self._options.map_name = own

    def step(self, step: int = 1) -> None:
        """Go to the next question, and round again."""
        listed = list(Question)
        self._options.question = listed[(listed.index(self._options.question) + step) % len(listed)]

    def _asked(self, question: Question) -> None:
        info = QUESTIONS[question]
        if MAPS[self._options.map_name].question is not question:
            self._options.map_name = info.map_name
        ordered_by = strategy_of(self._strategy).question if self._strategy else question
        if ordered_by is not question:
            self._order_by(self._chosen.get(question, info.strategy))

    def _shown(self, map_name: str) -> None:
        self._options.question = MAPS[map_name].question
