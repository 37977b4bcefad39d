"""Which brush: its kind and the numbers that it needs."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_aleatoric.session import BRUSHES
from napari_aleatoric.widgets._editing import BRUSH_WORDS, Editing

from ._operation_grid import number_box

__all__ = ["BrushRow"]


class BrushRow(QWidget):
    """The kind of napari's brush and eraser.

    Parameters
    ----------
    editing : Editing
        Has the wishes.
    """

    def __init__(self, editing: Editing) -> None:
        super().__init__()
        wishes = self._wishes = editing.wishes
        self.kind = QComboBox()
        self.kind.setAccessibleName("Kind of brush")
        self.kind.setToolTip("What napari's brush and eraser cover; their size is napari's (keys [ and ]).")
        for kind in BRUSHES:
            self.kind.addItem(BRUSH_WORDS[kind][0], kind)
        self.low = number_box("Least intensity that is painted", -1e6, 1e6, 1, wishes.low, "-1000.0")
        self.high = number_box("Largest intensity that is painted", -1e6, 1e6, 1, wishes.high, "-1000.0")
        self.measure = QPushButton("As class")
        self.measure.setToolTip("Take the range that the class has on this slice (5th to 95th percentile).")
        self.measure.setAccessibleName("Range of the class")
        self.tolerance = number_box("Standard deviations that belong to the tissue", 0.5, 20.0, 1, wishes.tolerance)
        self.tolerance.setSuffix(" SD")
        self.range = QWidget()
        row = QHBoxLayout(self.range)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for box in (self.low, self.high):
            row.addWidget(box)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        first = QHBoxLayout()
        first.setSpacing(4)
        first.addWidget(self.kind, 1)
        first.addWidget(self.measure)
        layout.addLayout(first)
        for part in (self.range, self.tolerance):
            layout.addWidget(part)
        self.kind.activated.connect(lambda row: setattr(wishes, "brush", self.kind.itemData(row)))
        self.low.valueChanged.connect(lambda number: setattr(wishes, "low", number))
        self.high.valueChanged.connect(lambda number: setattr(wishes, "high", number))
        self.tolerance.valueChanged.connect(lambda number: setattr(wishes, "tolerance", number))
        self.measure.clicked.connect(lambda: editing.range_of_class())
        self.show_wishes()

    def show_wishes(self) -> None:
        """Show what is wished now."""
        wishes = self._wishes
        self.kind.setCurrentIndex(BRUSHES.index(wishes.brush))
        self.kind.setItemData(self.kind.currentIndex(), wishes.brush)
        for box, number in ((self.low, wishes.low), (self.high, wishes.high), (self.tolerance, wishes.tolerance)):
            if box.value() != number:
                was = box.blockSignals(True)
                box.setValue(number)
                box.blockSignals(was)
        for part in (self.range, self.measure):
            part.setVisible(wishes.brush == "range")
        self.tolerance.setVisible(wishes.brush == "edge")
