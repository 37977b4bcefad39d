"""The queue as a Qt table: lazy, so that a hundred thousand rows open at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from napari_aleatoric.model import ClassTable, ItemKey

if TYPE_CHECKING:
    from napari_aleatoric.review import Queue

__all__ = ["COLUMNS", "KEY_ROLE", "QueueModel"]

COLUMNS = (
    ("place", "#", "Place in the queue: 1 is the worst."),
    ("case", "Case", "Case, and whose label where there are several readers."),
    ("class", "Class", "The class that puts the case where it is."),
    ("score", "Score", "Share of the data set that looks less suspicious: 1.00 = the worst of all."),
    ("status", "Status", "What was said of it."),
)
_HELD = "◔"  # somebody else has it open
KEY_ROLE = int(Qt.ItemDataRole.UserRole)
_MARKS = {
    "pending": "",
    "accepted": "✓ accepted",
    "corrected": "✎ corrected",
    "rejected": "✗ rejected",
    "excluded": "⊘ excluded",
    "skipped": "↷ skipped",
}


class QueueModel(QAbstractTableModel):
    """Rows of a queue snapshot; asks for a row only when it is drawn.

    Attributes
    ----------
    marks_only : bool
        Whether a status is shown as its mark, and in words only as a tool tip.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue: Queue | None = None
        self._classes = ClassTable(())
        self.marks_only = False
        self._held: Mapping[ItemKey, str] = {}

    def show(self, queue: Queue, classes: ClassTable) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self._queue, self._classes = queue, classes
        self.endResetModel()

    def show_held(self, held: Mapping[ItemKey, str]) -> None:
        """Take note of who else has what before them."""
        self._held = held
        if self.rowCount():
            column = self.columnCount() - 1
            self.dataChanged.emit(self.index(0, column), self.index(self.rowCount() - 1, column))

    def row_of(self, key: ItemKey) -> int | None:
        """Return the row of an item, or None."""
        return None if self._queue is None else self._queue.find(key)

    def key_at(self, row: int) -> ItemKey | None:
        """Return the item of a row."""
        if self._queue is None or not 0 <= row < len(self._queue):
            return None
        return self._queue.key(row)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of rows."""
        return 0 if self._queue is None or (parent is not None and parent.isValid()) else len(self._queue)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return titles and their explanation."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section][1]
        if role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section][2]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if self._queue is None or not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(index)
        if role == Qt.ItemDataRole.ToolTipRole:
            row = self._queue.row(index.row())
            if COLUMNS[index.column()][0] != "status":
                return row.reason
            holder = self._held.get(row.key, "")
            return f"{row.status}; {holder} has it open now" if holder else row.status
        if role == Qt.ItemDataRole.TextAlignmentRole and self.marks_only and COLUMNS[index.column()][0] == "status":
            return int(Qt.AlignmentFlag.AlignCenter)
        if role == Qt.ItemDataRole.TextAlignmentRole and COLUMNS[index.column()][0] in ("place", "score"):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == KEY_ROLE:
            return self._queue.key(index.row())
        return None

    def _text(self, index: QModelIndex) -> str:
        assert self._queue is not None
        row = self._queue.row(index.row())
        scored = not math.isnan(row.score)
        name = COLUMNS[index.column()][0]
        if name == "place":
            return str(row.place) if scored else "–"
        if name == "case":
            return str(row.key)
        if name == "class":
            return row.class_name
        if name == "score":
            return f"{row.score:.2f}{' ↻' if row.stale else ''}" if scored else "–"
        words = _MARKS.get(row.status, row.status)
        if row.key in self._held and row.status in ("pending", "skipped"):
            words = f"{_HELD} {self._held[row.key]}"
        return words[:1] if self.marks_only else words
