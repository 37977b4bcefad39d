"""The trainings of a workspace, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QItemSelectionModel, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem, QWidget

from napari_aleatoric.session import TrainingRow
from napari_aleatoric.widgets._row_table import dress

__all__ = ["RunsTable"]

_HEADERS = (
    ("When", "When it began."),
    ("In use", "The model that predicts, and that the next one is compared with."),
    ("Dice, held out [95 %]", "Mean Dice on the cases that no network learns from, with its 95 % interval."),
    ("State", "A stopped or failed one can go on."),
    ("Preset", "How long and how large."),
    ("Loss", "What was minimised."),
)
_HOW = "Mark two rows (Ctrl+click, or Shift and an arrow key) to draw their curves together and compare the models."


class RunsTable(QTableWidget):
    """One training a row.

    Signals
    -------
    chosen(str)
        Key of the row that was chosen.
    beside(str)
        Key of the other row where two are marked; "" else.
    """

    chosen = Signal(str)
    beside = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_HEADERS), parent)
        dress(self, _HEADERS)
        self.setAccessibleName("Trainings, the newest first")
        self.setAccessibleDescription(_HOW)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.horizontalHeader().setStretchLastSection(True)
        self._rows: tuple[TrainingRow, ...] = ()
        self.itemSelectionChanged.connect(self._chosen)

    @property
    def n_marked(self) -> int:
        """How many rows are marked."""
        return len(self.selectionModel().selectedRows())

    def show_rows(self, rows: Sequence[TrainingRow], chosen: TrainingRow | None, beside: str = "") -> None:
        """Fill in the rows, and mark the chosen one, and the one beside it where there is one."""
        was = self.blockSignals(True)
        if tuple(rows) != self._rows:
            self._rows = tuple(rows)
            self.setRowCount(len(rows))
            for number, row in enumerate(rows):
                for column, text in enumerate(_cells(row)):
                    self.setItem(number, column, _cell(text, row))
        self._mark([] if chosen is None else [chosen.key, beside])
        self.blockSignals(was)

    def _mark(self, keys: Sequence[str]) -> None:
        """Mark rows, the first key's as the one that is stood on, unless these are marked."""
        places = [i for key in keys for i, row in enumerate(self._rows) if row.key == key]
        marked = {index.row() for index in self.selectionModel().selectedRows()}
        if not places or (places[0] in marked and (len(marked) > 2 or marked == set(places))):
            return
        self.selectRow(places[0])
        rows = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for place in places[1:]:
            self.selectionModel().select(self.model().index(place, 0), rows)

    def _chosen(self) -> None:
        marked = [index.row() for index in self.selectionModel().selectedRows()]
        if not marked or max(marked) >= len(self._rows):
            return
        main = self.currentRow() if self.currentRow() in marked else marked[0]
        others = [self._rows[row].key for row in marked if row != main]
        self.chosen.emit(self._rows[main].key)
        self.beside.emit(others[0] if len(others) == 1 else "")


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
    cell.setToolTip("\n".join(part for part in (row.selection, row.sentence, _HOW) if part))
    if row.is_promoted:
        font = cell.font()
        font.setBold(True)
        cell.setFont(font)
    if text == "✓":
        cell.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
    return cell
