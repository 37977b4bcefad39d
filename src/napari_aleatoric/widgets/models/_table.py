"""The table of frozen models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, QSize, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_aleatoric.session import ModelRow

__all__ = ["ModelTable"]

_COLUMNS = (
    ("name", "Model", "Name; a dot marks those that answer boxes, clicks and words."),
    ("state", "State", "Whether its file is on this computer, and whether it was found whole."),
    ("size", "Size  ", "Of the file."),
    ("licence", "Licence", "Whose terms hold between its authors and you."),
    ("good_for", "Good for", "What to use it for."),
)
_WIDE = 760  # pixels, from which licence and purpose stand in the table as well as below it
_MARKS = {"shipped": "✓ shipped", "here, verified": "✓ verified", "here": "here", "damaged": "✗ damaged"}


class _Rows(QAbstractTableModel):
    """All models, and which of them are in use."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[ModelRow] = []
        self.used: frozenset[str] = frozenset()

    def show(self, rows: Sequence[ModelRow], used: Iterable[str]) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self.rows, self.used = list(rows), frozenset(used)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of rows."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return titles and their explanation."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(_COLUMNS):
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(_side(section))
        return {
            Qt.ItemDataRole.DisplayRole: _COLUMNS[section][1],
            Qt.ItemDataRole.ToolTipRole: _COLUMNS[section][2],
        }.get(Qt.ItemDataRole(role))

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], _COLUMNS[index.column()][0]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(_side(index.column()))
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            return f"{row.good_for} {row.sentence}".strip()
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if column == "name":
            return f"{'●' if row.name in self.used else '   '} {row.name}"
        if column == "state":
            return _MARKS.get(row.state, row.state)
        return f"{row.size}  " if column == "size" else str(getattr(row, column))


def _side(section: int) -> Qt.AlignmentFlag:
    right = _COLUMNS[section][0] == "size"
    return (Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter


class ModelTable(QTableView):
    """Shows the models and says which is marked.

    Signals
    -------
    marked(str)
        A model's name, when another row became the current one.
    """

    marked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = _Rows(self)
        self.setModel(self._rows)
        self.setAccessibleName("Frozen models")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)  # Tab goes on to the buttons, the arrows walk the rows
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(self.fontMetrics().height() + 8)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, sample in ((1, "✓ verified"), (2, "2,565 MB"), (3, "Apache-2.0 (Meta, Segment An")):
            header.resizeSection(column, self.fontMetrics().horizontalAdvance(sample) + 18)
        self.selectionModel().currentRowChanged.connect(self._row_changed)
        self._fit()

    @property
    def current(self) -> str:
        """Name of the marked model; "" for none."""
        row = self.currentIndex().row()
        return self._rows.rows[row].name if 0 <= row < len(self._rows.rows) else ""

    def show_rows(self, rows: Sequence[ModelRow], used: Sequence[str]) -> None:
        """Replace the rows, and mark the same model again; at first the first one that is used."""
        before = self.current
        was = self.blockSignals(True)
        self._rows.show(rows, used)
        names = [row.name for row in rows]
        if names:
            self.selectRow(next((names.index(name) for name in (before, *used) if name in names), 0))
        self.blockSignals(was)
        self.updateGeometry()

    def mark(self, name: str) -> None:
        """Mark a model."""
        names = [row.name for row in self._rows.rows]
        if name in names:
            self.selectRow(names.index(name))

    def sizeHint(self) -> QSize:
        """Return room for all rows, up to nine."""
        rows = min(9, max(5, self._rows.rowCount()))
        height = self.horizontalHeader().sizeHint().height() + rows * self.verticalHeader().defaultSectionSize()
        return QSize(300, height + 2 * self.frameWidth() + 2)

    def minimumSizeHint(self) -> QSize:
        """Return room for three rows."""
        height = self.horizontalHeader().sizeHint().height() + 3 * self.verticalHeader().defaultSectionSize()
        return QSize(200, height)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Show licence and purpose where there is width for them."""
        self._fit()
        super().resizeEvent(event)

    def _fit(self) -> None:
        wide = self.width() >= _WIDE
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, header.ResizeMode.Interactive if wide else header.ResizeMode.Stretch)
        header.setSectionResizeMode(4, header.ResizeMode.Stretch if wide else header.ResizeMode.Interactive)
        if wide:
            header.resizeSection(0, self.fontMetrics().horizontalAdvance("● medsam-vit-b") + 24)
        for column in (3, 4):
            self.setColumnHidden(column, not wide)

    def _row_changed(self, current: QModelIndex, previous: QModelIndex) -> None:
        if current.isValid() and not self.signalsBlocked():
            self.marked.emit(self._rows.rows[current.row()].name)
