"""What comes first in the queue: the orders of the four questions, each under its heading."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QWidget

from napari_aleatoric.model import Question
from napari_aleatoric.uncertainty import MEASURES, QUESTIONS, STRATEGIES, Strategy, strategy_of

__all__ = ["OrderBox"]

_ORDER = int(Qt.ItemDataRole.UserRole)
_QUESTION = _ORDER + 1


class OrderBox(QComboBox):
    """Lists the orders of the queue; those that the scores cannot give are there, and say what is missing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Order of the queue")
        asked: Question | None = None
        for strategy in STRATEGIES.values():
            if strategy.detail:
                continue
            if strategy.question is not asked and strategy.question is not None:
                self._add_heading(strategy.question)
            asked = strategy.question
            self._add(strategy)
        self.setMaxVisibleItems(self.count())
        self.show_order(next(iter(STRATEGIES)))

    @property
    def order(self) -> str:
        """The order that is chosen, as `strategy_of` understands it."""
        return str(self.currentData(_ORDER))

    def show_order(self, name: str) -> None:
        """Choose an order without telling anybody; one that is not listed is added."""
        row = self.findData(name, _ORDER)
        if row < 0:
            self._add(strategy_of(name))
            row = self.count() - 1
        self.setCurrentIndex(row)
        self.setToolTip(strategy_of(name).sentence)

    def set_measured(self, measured: Collection[str]) -> None:
        """Say which measures the scores have values of; orders by others cannot be chosen."""
        model: Any = self.model()
        for row in range(self.count()):
            question, name = self.itemData(row, _QUESTION), self.itemData(row, _ORDER)
            if name is None or question is None:
                continue
            known = (name if name in MEASURES else QUESTIONS[question].measure) in measured
            model.item(row).setEnabled(known)
            sentence = strategy_of(name).sentence
            words = sentence if known else f"Not measured. {sentence}"
            self.setItemData(row, words, Qt.ItemDataRole.ToolTipRole)

    def _add(self, strategy: Strategy) -> None:
        self.addItem(strategy.title)
        row = self.count() - 1
        self.setItemData(row, strategy.name, _ORDER)
        self.setItemData(row, strategy.question, _QUESTION)
        self.setItemData(row, strategy.sentence, Qt.ItemDataRole.ToolTipRole)

    def _add_heading(self, question: Question) -> None:
        self.addItem(QUESTIONS[question].sentence)
        row = self.count() - 1
        model: Any = self.model()
        item = model.item(row)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        font = item.font()
        font.setBold(True)
        item.setFont(font)
