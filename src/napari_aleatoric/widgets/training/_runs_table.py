"""The trainings of a workspace, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_aleatoric.session import TrainingRow

__all__ = ["RunsTable"]

_HEADERS = (
    ("When", "When it began."),
    ("In use", "The model that predicts, and that the next one is compared with."),
    ("Dice, held out [95 %]", "Mean Dice on the cases that no network learns from, with its 95 % interval."),
    ("State", "A stopped or failed one can go on."),
    ("Preset", "How long and how large."),
    ("Loss", "What was minimised."),
)


class RunsTable(QTableWidget):
    """One training a row.

    Signals
    -------
    chosen(str)
        Key of the row that was chosen.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_HEADERS), parent)
        self.setHorizontalHeaderLabels([title for title, _ in _HEADERS])
        for column, (_, words) in enumerate(_HEADERS):
            self.horizontalHeaderItem(column).setToolTip(words)
        self.setAccessibleName("Trainings, the newest first")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)  # Tab goes on to the buttons
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        self._rows: tuple[TrainingRow, ...] = ()
        self.itemSelectionChanged.connect(self._chosen)

    def show_rows(self, rows: Sequence[TrainingRow], chosen: TrainingRow | None) -> None:
        """Fill in the rows, and mark the chosen one."""
        was = self.blockSignals(True)
        if tuple(rows) != self._rows:
            self._rows = tuple(rows)
            self.setRowCount(len(rows))
            for number, row in enumerate(rows):
                for column, text in enumerate(_cells(row)):
                    self.setItem(number, column, _cell(text, row))
        place = next((i for i, row in enumerate(rows) if chosen is not None and row.key == chosen.key), -1)
        if place >= 0 and self.currentRow() != place:
            self.selectRow(place)
        self.blockSignals(was)

    def _chosen(self) -> None:
        number = self.currentRow()
        if 0 <= number < len(self._rows):
            self.chosen.emit(self._rows[number].key)


def _cells(row: TrainingRow) -> tuple[str, ...]:
    return (
        f"{row.when.astimezone():%d %b %H:%M}",
        "✓" if row.is_promoted else "",
        row.dice,
        row.state,
        row.preset,
        row.loss,
    )


def _cell(text: str, row: TrainingRow) -> QTableWidgetItem:
    cell = QTableWidgetItem(text)
    cell.setToolTip("\n".join(part for part in (row.selection, row.sentence) if part))
    if row.is_promoted:
        font = cell.font()
        font.setBold(True)
        cell.setFont(font)
    if text == "✓":
        cell.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
    return cell
