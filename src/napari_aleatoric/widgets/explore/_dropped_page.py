"""The labels that a filter drops, with the reason for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

if TYPE_CHECKING:
    from napari_aleatoric.review import FilterPreview

__all__ = ["DroppedTable"]


class _DroppedModel(QAbstractTableModel):
    """Asks for a reason only when it is drawn."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._preview: FilterPreview | None = None

    def show(self, preview: FilterPreview | None) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self._preview = preview
        self.endResetModel()

    def row_at(self, place: int) -> int | None:
        """Return the row of the data set that stands at a place."""
        if self._preview is None or not 0 <= place < len(self._preview.dropped_rows):
            return None
        return int(self._preview.dropped_rows[place])

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return how many are dropped."""
        return (
            0
            if self._preview is None or (parent is not None and parent.isValid())
            else len(self._preview.dropped_rows)
        )

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return case and reason."""
        return 0 if parent is not None and parent.isValid() else 2

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return titles."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("Case", "Why it drops")[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        row = self.row_at(index.row())
        if row is None or self._preview is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            label = self._preview.dropped_label(row)
            whole = role == Qt.ItemDataRole.ToolTipRole
            return str(label.key) if index.column() == 0 else label.sentence if whole else label.words
        return None


class DroppedTable(QTableView):
    """Rows of dropped labels; click or Return opens one.

    Signals
    -------
    opened(int)
        Row of the data set.
    """

    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _DroppedModel(self)
        self.setModel(self._model)
        self.setAccessibleName("Labels that the filter drops, and why")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # ids differ at their ends
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(self.fontMetrics().height() + 8)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setResizeContentsPrecision(50)  # rows that are looked at
        self.clicked.connect(lambda index: self._open(index.row()))
        self.activated.connect(lambda index: self._open(index.row()))

    def show_preview(self, preview: FilterPreview | None) -> None:
        """Replace all rows."""
        self._model.show(preview)
        least = self.fontMetrics().horizontalAdvance("hippocampus_000") + 12
        wished = max(least, self.sizeHintForColumn(0) + 4)
        self.horizontalHeader().resizeSection(0, min(wished, max(least, 6 * self.viewport().width() // 10)))

    def _open(self, place: int) -> None:
        row = self._model.row_at(place)
        if row is not None:
            self.opened.emit(row)
