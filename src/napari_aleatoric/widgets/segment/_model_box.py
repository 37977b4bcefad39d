"""Which segmenter answers; those that cannot are grey and say why."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QWidget

from napari_aleatoric.session import SegmenterChoice
from napari_aleatoric.widgets._narrow_box import NarrowBox

__all__ = ["ModelBox"]


class ModelBox(NarrowBox):
    """List of segmenters.

    Signals
    -------
    chosen(str)
        A segmenter's name, when the user chose it.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Segmenter")
        self.setMinimumContentsLength(8)
        self.activated.connect(lambda row: self.chosen.emit(self.itemData(row)))
        self.currentIndexChanged.connect(self._show_words)

    def show_choices(self, choices: Iterable[SegmenterChoice], current: str) -> None:
        """Replace the list."""
        was = self.blockSignals(True)
        self.clear()
        for choice in choices:
            title = Path(choice.name).name  # of a folder only what it is called
            self.addItem(title if choice.ready else f"{title} (not here)", choice.name)
            row = self.count() - 1
            self.setItemData(row, choice.sentence, Qt.ItemDataRole.ToolTipRole)
            self.model().item(row).setEnabled(choice.ready)
        self.setCurrentIndex(max(0, self.findData(current)))
        self.blockSignals(was)
        self._show_words(self.currentIndex())

    def _show_words(self, row: int) -> None:
        self.setToolTip(str(self.itemData(row, Qt.ItemDataRole.ToolTipRole) or ""))
