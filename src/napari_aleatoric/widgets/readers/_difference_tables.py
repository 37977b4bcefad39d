"""The cases that several readers drew, and the regions of one of them."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractItemView, QTableWidgetItem, QWidget

from napari_aleatoric.session import AdjudicationView, CaseRow, RegionRow
from napari_aleatoric.widgets._row_table import PickedRows

__all__ = ["CaseTable", "RegionTable"]

_CASES = (
    ("Case", "Two readers or more drew it. Click it, or press Enter on it, to settle where they differ."),
    ("Differences", "How many of its regions are open."),
)
_REGIONS = (
    ("#", "Largest first, of equal ones the most central first."),
    ("Size", "Volume where the size of a voxel is known, else voxels."),
    ("Who says what", "What each reader gave most of it to; readers by the numbers at the right."),
    ("Taken", "Whose answer was taken; – while it is open."),
)


class _Rows(PickedRows):
    """Rows whose cells all look alike."""

    def __init__(self, columns: tuple[tuple[str, str], ...], stretched: int, parent: QWidget | None = None) -> None:
        super().__init__(columns, stretched, parent)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)

    def _fill(self, number: int, texts: tuple[str, ...], tip: str, *, bold: bool, grey: bool) -> None:
        for column, text in enumerate(texts):
            cell = QTableWidgetItem(text)
            cell.setToolTip(tip)
            font = cell.font()
            font.setBold(bold)
            cell.setFont(font)
            if grey:
                cell.setForeground(self.palette().placeholderText())
            self.setItem(number, column, cell)


class CaseTable(_Rows):
    """One case a row.

    Signals
    -------
    picked(str)
        The case that is to be settled.
    """

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_CASES, 0, parent)
        self.setAccessibleName("Cases that several readers drew, and how many regions of each are open")
        self._cases: tuple[CaseRow, ...] = ()
        self._shown = ""

    def chosen(self) -> str:
        """Return the case of the row that is selected; "" for none."""
        row = self.currentRow()
        return self._cases[row].case_id if 0 <= row < len(self._cases) else ""

    def show_view(self, view: AdjudicationView) -> None:
        """Show the cases, and mark the one that is settled."""
        if view.cases == self._cases and view.shown == self._shown:
            return
        kept = self.chosen()
        before, self._cases, self._shown = self._cases, view.cases, view.shown
        marked = [row for row in range(len(before)) if before[row].case_id == view.shown]
        self.setRowCount(len(view.cases))
        for number, row in enumerate(view.cases):
            is_shown = row.case_id == view.shown
            if (
                before[number : number + 1] != (row,)
                or is_shown
                or number in marked
                or self.item(number, 0) is None
            ):
                mark = "▸ " if is_shown else ""
                self._fill(
                    number, (f"{mark}{row.case_id}", row.words), row.case_id, bold=is_shown, grey=not row.n_open
                )
            elif self.item(number, 0).font().bold():
                self._fill(number, (row.case_id, row.words), row.case_id, bold=False, grey=not row.n_open)
        names = [row.case_id for row in view.cases]
        place = next((names.index(name) for name in (view.shown, kept) if name in names), -1)
        if place >= 0 and place != self.currentRow():
            self.selectRow(place)

    def _pick(self, number: int) -> None:
        if 0 <= number < len(self._cases):
            self.picked.emit(self._cases[number].case_id)


class RegionTable(_Rows):
    """One region a row.

    Signals
    -------
    picked(int)
        The region that is to be looked at.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_REGIONS, 2, parent)
        self.setAccessibleName("Regions in which the readers differ, and what was taken for each")
        self._regions: tuple[RegionRow, ...] = ()

    def show_view(self, view: AdjudicationView) -> None:
        """Show the regions, and select the one in question."""
        before, self._regions = self._regions, view.regions
        if len(before) != len(view.regions):
            self.setRowCount(len(view.regions))
        for number, row in enumerate(view.regions):
            if before[number : number + 1] != (row,):
                texts = (str(row.number), row.size, row.said, row.choice)
                self._fill(number, texts, row.tip, bold=False, grey=not row.is_open)
        if view.regions and view.row != self.currentRow():
            self.selectRow(view.row)

    def _pick(self, number: int) -> None:
        if 0 <= number < len(self._regions):
            self.picked.emit(number)
