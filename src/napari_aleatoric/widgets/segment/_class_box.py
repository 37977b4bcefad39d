"""Which class is drawn: the selected label of the Label layer, by its name."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QComboBox, QWidget

from napari_aleatoric.model import ClassTable
from napari_aleatoric.viewer import class_colour

__all__ = ["ClassBox"]


class ClassBox(QComboBox):
    """List of classes with their colours, and the background, which erases.

    Signals
    -------
    chosen(int)
        A label value, when the user chose it.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Class to draw")
        self.setToolTip("What is drawn: the selected label of the Label layer.")
        self.setMinimumContentsLength(12)
        self._n_known = 0
        self.activated.connect(lambda row: self.chosen.emit(self.itemData(row)))

    def show_classes(self, classes: ClassTable, value: int) -> None:
        """Replace the list and mark a label value."""
        self.clear()
        for item in classes:
            self.addItem(_swatch(class_colour(item.class_index)), item.class_name, item.label_value)
        self.addItem("background (erase)", 0)
        self._n_known = self.count()
        self.mark(value)

    def mark(self, value: int) -> None:
        """Mark a label value; one that is no class is shown by its number."""
        row = self.findData(value)
        if row < self._n_known:
            for extra in range(self.count() - 1, self._n_known - 1, -1):
                self.removeItem(extra)
        if row < 0:
            self.addItem(f"label {value} (no class)", value)
            row = self.count() - 1
        self.setCurrentIndex(row)


def _swatch(colour: str) -> QIcon:
    picture = QPixmap(12, 12)
    picture.fill(QColor(colour))
    return QIcon(picture)
