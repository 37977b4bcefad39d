"""How a table of whole rows looks that is read and chosen from, never edited."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget

__all__ = ["dress"]


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
