"""The queue table: click or Return opens a case, a header click sorts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_aleatoric.model import ClassTable, ItemKey

from ._case_names import CaseNames
from ._queue_model import COLUMNS, QueueModel

if TYPE_CHECKING:
    from napari_aleatoric.review import Queue

__all__ = ["QueueView"]


class QueueView(QTableView):
    """Shows a queue and says which item was asked for.

    Signals
    -------
    item_requested(ItemKey)
    sort_requested(str, bool)
        Column name and whether descending.
    """

    item_requested = Signal(object)
    sort_requested = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = QueueModel(self)
        self._quiet = False
        self._sorted: tuple[int, bool] = (0, False)
        self.setModel(self._model)
        self.setAccessibleName("Queue of labels, the most suspicious first")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # ids differ at their ends
        self.setItemDelegateForColumn(1, CaseNames(self))
        self.setWordWrap(False)
        self.setAlternatingRowColors(False)
        self.setMinimumHeight(130)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(self.fontMetrics().height() + 8)
        header = self.horizontalHeader()
        header.setSectionsClickable(True)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        width = self.fontMetrics().horizontalAdvance
        for column, sample in ((0, "0000"), (2, "right kidney"), (3, "0.00 ↻"), (4, "✎ corrected")):
            header.resizeSection(column, width(sample) + 8)
        header.sectionClicked.connect(self._header_clicked)
        self.selectionModel().currentRowChanged.connect(self._row_changed)

    def show_queue(self, queue: Queue, classes: ClassTable, current: ItemKey | None) -> None:
        """Replace the rows and keep the present item selected."""
        self._quiet = True
        try:
            position = self.verticalScrollBar().value()
            self._model.show(queue, classes)
            self._fit_columns(queue, classes)
            self.executeDelayedItemsLayout()  # else the bar still ends where the rows before ended
            self.verticalScrollBar().setValue(position)
            if current is not None:
                self.select(current)
        finally:
            self._quiet = False

    def set_readers(self, readers: Collection[str]) -> None:
        """Leave the names room: where labels have readers, names are long, and a status is its mark alone."""
        self._model.marks_only = bool(readers)
        width = self.fontMetrics().horizontalAdvance("Status" if readers else "✎ corrected")
        self.horizontalHeader().resizeSection(4, width + 8)

    def show_held(self, held: Mapping[ItemKey, str]) -> None:
        """Mark the items that other readers have before them."""
        self._model.show_held(held)

    def _fit_columns(self, queue: Queue, classes: ClassTable) -> None:
        """Give places and classes what they need, and no class column where there is one class."""
        self.setColumnHidden(2, len(classes) < 2)
        width, header = self.fontMetrics().horizontalAdvance, self.horizontalHeader()
        header.resizeSection(0, width("0" * max(2, len(str(queue.progress().total)))) + 10)
        header.resizeSection(2, min(max((width(c.class_name) for c in classes), default=0) + 12, 110))

    def select(self, key: ItemKey) -> None:
        """Mark an item without asking for it."""
        row = self._model.row_of(key)
        was, self._quiet = self._quiet, True
        try:
            if row is None:
                self.clearSelection()
            elif row != self.currentIndex().row() or not self.selectionModel().hasSelection():
                index = self._model.index(row, 1)
                was_in_sight = self._in_sight(index, self.viewport().height())
                self.selectRow(row)
                if not was_in_sight:  # with its neighbours on both sides
                    self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        finally:
            self._quiet = was

    def _in_sight(self, index: QModelIndex, height: int) -> bool:
        place = self.visualRect(index)
        return index.isValid() and place.top() >= 0 and place.bottom() < height

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the present item in sight where it was: the words below the table need more or less room."""
        here = self.currentIndex()
        was_in_sight = event is not None and self._in_sight(here, event.oldSize().height())
        super().resizeEvent(event)
        if was_in_sight:
            self.scrollTo(here)

    def _row_changed(self, current: QModelIndex, previous: QModelIndex) -> None:
        key = self._model.key_at(current.row())
        if key is not None and not self._quiet:
            self.item_requested.emit(key)

    def _header_clicked(self, section: int) -> None:
        column, descending = self._sorted
        name = COLUMNS[section][0]
        descending = not descending if section == column else name == "score"
        self._sorted = (section, descending)
        header = self.horizontalHeader()
        header.setSortIndicatorShown(True)
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        header.setSortIndicator(section, order)
        self.sort_requested.emit(name, descending)
