"""Narrow the queue: words, status, class; and choose what orders it."""

from __future__ import annotations

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QLineEdit, QWidget

from napari_aleatoric.model import ClassTable

from ._order_box import OrderBox

__all__ = ["FilterBar"]

_STATUSES = ("pending", "accepted", "corrected", "rejected", "excluded", "skipped")


class FilterBar(QWidget):
    """Emits ``changed(dict)`` with fields of `QueueFilter`."""

    changed = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.strategy = OrderBox()
        self.text = QLineEdit()
        self.text.setPlaceholderText("Filter by words")
        self.text.setClearButtonEnabled(True)
        self.text.setAccessibleName("Filter by words")
        self.text.setToolTip("Words that occur in case, class, status, reader or comment.")
        self.status = QComboBox()
        self.status.setAccessibleName("Filter by status")
        self.status.addItem("any status", None)
        for status in _STATUSES:
            self.status.addItem(status, status)
        self.classes = QComboBox()
        self.classes.setAccessibleName("Filter by class")
        self.classes.addItem("any class", None)
        for box in (self.strategy, self.status, self.classes):
            box.setMinimumContentsLength(6)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.addWidget(QLabel("Order by"), 0, 0)
        grid.addWidget(self.strategy, 0, 1, 1, 2)
        grid.addWidget(self.text, 1, 0, 1, 1)
        grid.addWidget(self.status, 1, 1)
        grid.addWidget(self.classes, 1, 2)
        grid.setColumnStretch(0, 3)
        grid.setColumnStretch(1, 2)
        grid.setColumnStretch(2, 2)
        self._typing = QTimer(self, singleShot=True, interval=150)
        self._typing.timeout.connect(lambda: self.changed.emit({"text": self.text.text()}))
        self.text.textChanged.connect(lambda _: self._typing.start())
        self.strategy.activated.connect(lambda _: self.changed.emit({"strategy": self.strategy.order}))
        self.status.activated.connect(self._status_chosen)
        self.classes.activated.connect(lambda _: self.changed.emit({"class_index": self.classes.currentData()}))

    def _status_chosen(self, _: int) -> None:
        chosen = self.status.currentData()
        self.changed.emit({"statuses": frozenset((chosen,)) if chosen else frozenset()})

    def set_classes(self, classes: ClassTable) -> None:
        """Offer the classes of the data set, and forget all filters."""
        self.classes.clear()
        self.classes.addItem("any class", None)
        for item in classes:
            self.classes.addItem(item.class_name, item.class_index)
        self.status.setCurrentIndex(0)
        self.text.blockSignals(True)
        self.text.clear()
        self.text.blockSignals(False)
