"""Two tables: what is to be read, and an answer beside what others say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem, QWidget

from napari_aleatoric.widgets._row_table import dress

if TYPE_CHECKING:
    from napari_aleatoric.review import Assignment, Beside

__all__ = ["BesideTable", "ReadingsTable"]

_COLUMNS = (
    ("Case", "What is to be read."),
    ("State", "Assigned, begun or answered."),
    ("Blinded", "Whether others and the machine are hidden until you answer."),
    ("Kind", "A first reading, a second one, or settling where others differ."),
    ("Remark", "Words of who assigned it."),
)
_BESIDE = (
    ("Beside you", "Another reader, what most of the others drew, or the model in use."),
    ("Dice", "Mean over the structures that either drew."),
    ("Surface", "Surface Dice: outlines within 2 mm; – without a known size of a voxel."),
    ("Lacking", "How many structures they drew and you did not; which, in the tip of the number."),
    ("Added", "How many structures you drew and they did not."),
)
_MARKS = {"assigned": "○ assigned", "begun": "◐ begun", "answered": "● answered"}


class ReadingsTable(QTableWidget):
    """One assignment a row, in the reader's order.

    Signals
    -------
    opened(str)
        Case of the row that was double-clicked, or on which Return was pressed.
    """

    opened = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        dress(self, _COLUMNS)
        self.setAccessibleName("What you are to read")
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.horizontalHeader().setStretchLastSection(True)
        self._rows: tuple[Assignment, ...] = ()
        self.itemActivated.connect(lambda item: self.opened.emit(self._rows[item.row()].case_id))

    @property
    def chosen(self) -> Assignment | None:
        """The marked row."""
        marked = self.selectionModel().selectedRows()
        return self._rows[marked[0].row()] if marked else None

    def show_rows(self, rows: Sequence[Assignment], current: Assignment | None) -> None:
        """Fill in the rows; the one on the screen is bold, and marked unless another is."""
        before = self.chosen
        if tuple(rows) != self._rows:
            self._rows = tuple(rows)
            self.setRowCount(len(rows))
            for number, row in enumerate(rows):
                for column, text in enumerate(_cells(row)):
                    self.setItem(number, column, QTableWidgetItem(text))
        for number, row in enumerate(rows):
            for column in range(len(_COLUMNS)):
                cell = self.item(number, column)
                font = cell.font()
                font.setBold(current is not None and row.case_id == current.case_id)
                cell.setFont(font)
        self._mark(current or before)

    def show_all_columns(self, on: bool) -> None:
        """Show what belongs to an assignment, or case and state alone where there is little room."""
        for column in range(2, len(_COLUMNS)):
            self.setColumnHidden(column, not on)

    def _mark(self, wanted: Assignment | None) -> None:
        place = next((i for i, row in enumerate(self._rows) if wanted and row.case_id == wanted.case_id), None)
        if place is None:
            place = next((i for i, row in enumerate(self._rows) if row.is_waiting), None)
        if place is not None:
            self.selectRow(place)


class BesideTable(QTableWidget):
    """Who says what beside the answer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_BESIDE), parent)
        dress(self, _BESIDE)
        self.setAccessibleName("Your answer beside what others and the machine say")

    def show_rows(self, rows: Sequence[Beside]) -> None:
        """Fill in one row for everybody who says something."""
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            name = {"reader": row.name, "consensus": f"≡ {row.name}", "model": f"⚙ {row.name}"}[row.kind]
            figures = (_number(row.dice), _number(row.surface_dice), str(len(row.missed)), str(len(row.extra)))
            tips = (name, "", "", ", ".join(row.missed), ", ".join(row.extra))
            for column, text in enumerate((name, *figures)):
                cell = QTableWidgetItem(text)
                cell.setToolTip(tips[column])
                if column:
                    cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(number, column, cell)


def _cells(row: Assignment) -> tuple[str, ...]:
    shown = _MARKS.get(row.state, row.state)
    state = "● revealed" if row.state == "answered" and row.revealed is not None else shown
    return row.case_id, state, "yes" if row.blinded else "no", row.shown_kind, row.remark


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
