"""How a table of whole rows looks that is read and chosen from, never edited."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QWidget

__all__ = ["PickedRows", "dress"]

_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class PickedRows(QTableWidget):
    """One thing a row, picked by a click or Enter; who builds upon it says in ``_pick`` what that does.

    Parameters
    ----------
    columns : sequence of (str, str)
        Title and words of every column.
    stretched : int
        The column that takes the room that is left.
    parent : QWidget, optional
        Whose part it is.
    """

    def __init__(
        self, columns: Sequence[tuple[str, str]], stretched: int = 0, parent: QWidget | None = None
    ) -> None:
        super().__init__(0, len(columns), parent)
        dress(self, columns)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.horizontalHeader().setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
        self.cellClicked.connect(lambda row, _: self._pick(row))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Enter picks the row, on every system."""
        if event is not None and event.key() in _ENTER:
            self._pick(self.currentRow())
            event.accept()
            return
        super().keyPressEvent(event)

    def _pick(self, number: int) -> None:
        raise NotImplementedError


def dress(table: QTableWidget, columns: Sequence[tuple[str, str]]) -> None:
    """Give a table its headers, rows that are chosen as a whole, and lines of one height.

    Parameters
    ----------
    table : QTableWidget
        With as many columns.
    columns : sequence of (str, str)
        Title and words of every column.
    """
    table.setHorizontalHeaderLabels([title for title, _ in columns])
    for column, (_, words) in enumerate(columns):
        table.horizontalHeaderItem(column).setToolTip(words)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)  # Tab goes on to the buttons
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 8)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionsClickable(False)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
