"""The three tables of the *Agreement* page: readers, pairs of readers, cases."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_aleatoric.session import CaseLine, PairCell, ReaderLine
from napari_aleatoric.widgets._row_table import PickedRows, dress

__all__ = ["CaseTable", "PairTable", "ReaderTable"]

_READER_COLUMNS = (
    ("Reader", "In the colour that the reader has everywhere."),
    ("Quality", "1 − mean departure from the readers' mean, near what anybody drew; 1 = all alike."),
    ("Volume", "Beyond the consensus of the others, as a part of theirs."),
    ("Outline", "How far the outline lies outside that of the others' consensus, on average."),
    ("Missed", "Cases in which more than half of the others drew it and this reader did not."),
    ("Alone", "Cases in which this reader drew it and at most half of the others did."),
)
_CASE_COLUMNS = (
    ("Case", "Least agreement first. Click it, or press Enter, to see it."),
    ("Dice", "Mean Dice of all pairs of readers."),
)
_OUTLINE = 3
_SHORT = {"voxels": "vox."}
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_SWATCH = 12


class ReaderTable(QTableWidget):
    """One reader a row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_READER_COLUMNS), parent)
        dress(self, _READER_COLUMNS)
        self.setAccessibleName("Readers and what each is in the habit of")
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def show_lines(self, lines: Sequence[ReaderLine], unit: str) -> None:
        """Fill in the rows; outlines are in this unit."""
        self.horizontalHeaderItem(_OUTLINE).setText(f"Outline, {_SHORT.get(unit, unit)}")
        self.setRowCount(len(lines))
        for row, line in enumerate(lines):
            cells = (line.name, line.quality, line.volume, line.outline, line.missed, line.alone)
            for column, text in enumerate(cells):
                cell = _cell(text, line.hint, right=column > 0)
                if column == 0:
                    cell.setIcon(_swatch(line.colour))
                self.setItem(row, column, cell)


class PairTable(QTableWidget):
    """Mean Dice of every reader with every other; darker is more alike."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 0, parent)
        self.setAccessibleName("Mean Dice of every pair of readers")
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.horizontalHeader().setSectionsClickable(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setMinimumSectionSize(52)
        self.verticalHeader().setSectionsClickable(False)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)

    def show_cells(self, names: Sequence[str], colours: Sequence[str], cells: Sequence[Sequence[PairCell]]) -> None:
        """Fill in the matrix, row by row."""
        self.setRowCount(len(cells))
        self.setColumnCount(len(cells))
        for i, (name, colour) in enumerate(zip(names, colours, strict=True)):
            for place in (self.setHorizontalHeaderItem, self.setVerticalHeaderItem):
                head = QTableWidgetItem(name)
                head.setIcon(_swatch(colour))
                head.setToolTip(name)
                place(i, head)
        for i, row in enumerate(cells):
            for j, cell in enumerate(row):
                self.setItem(i, j, _pair_cell(cell, blank=i == j))


class CaseTable(PickedRows):
    """One case a row, least agreement first.

    Signals
    -------
    picked(str)
        The case that is to be seen.
    """

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_CASE_COLUMNS, parent=parent)
        self.setTextElideMode(Qt.TextElideMode.ElideLeft)  # ids differ at their ends
        self.setAccessibleName("Cases, those whose readers agree least first")
        self._lines: tuple[CaseLine, ...] = ()

    def show_lines(self, lines: Sequence[CaseLine]) -> None:
        """Fill in the rows."""
        if tuple(lines) == self._lines:
            return
        self._lines = tuple(lines)
        self.setRowCount(len(lines))
        for row, line in enumerate(lines):
            for column, text in enumerate((line.case_id, _number(line.dice))):
                self.setItem(row, column, _cell(text, line.hint, right=column > 0))

    def _pick(self, number: int) -> None:
        if 0 <= number < len(self._lines):
            self.picked.emit(self._lines[number].case_id)


def _cell(text: str, hint: str, *, right: bool) -> QTableWidgetItem:
    cell = QTableWidgetItem(text)
    cell.setToolTip(hint)
    if right:
        cell.setTextAlignment(_RIGHT)
    return cell


def _pair_cell(cell: PairCell, *, blank: bool) -> QTableWidgetItem:
    item = QTableWidgetItem("" if blank else _number(cell.dice))
    item.setToolTip(cell.hint)
    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
    if cell.dice is not None:
        item.setBackground(QColor(8, 88, 158, round(30 + 200 * cell.dice)))
        if cell.dice > 0.5:
            item.setForeground(QColor("white"))
    return item


def _swatch(colour: str) -> QIcon:
    """Return a disc in a colour, with a rim that shows on a light and on a dark ground."""
    picture = QPixmap(_SWATCH, _SWATCH)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor(120, 120, 120))
    painter.setBrush(QColor(colour))
    painter.drawEllipse(1, 1, _SWATCH - 3, _SWATCH - 3)
    painter.end()
    return QIcon(picture)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
