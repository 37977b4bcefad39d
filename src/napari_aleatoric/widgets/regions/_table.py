"""The hot regions of the label on the screen, one a row."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QTableWidgetItem, QWidget

from napari_aleatoric.session import HotRow, HotWalkView
from napari_aleatoric.viewer import class_colour
from napari_aleatoric.widgets._row_table import PickedRows

__all__ = ["HotRegionTable"]

_COLUMNS = (
    ("Class", "Whose map is hot there. The heaviest region comes first: heat times volume."),
    ("Slices", "First and last slice, counted from 1."),
    ("Where", "Side of the patient, from the middle of the image."),
    ("Size", "Millilitres where the size of a voxel is known, else voxels (vx)."),
    ("Heat", "Mean and largest value of the map there, 0 to 1."),
    ("✓", "What was said of it: ✓ right, ✎ repainted, ⊘ not learned from; nothing while it is open."),
)
_SWATCH = 10  # pixels


class HotRegionTable(PickedRows):
    """One region a row.

    Signals
    -------
    picked(int)
        The region that is to be looked at.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_COLUMNS, 2, parent)
        self.setAccessibleName("Hot regions of this label, the heaviest first, and what was said of each")
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._rows: tuple[HotRow, ...] = ()

    def show_view(self, view: HotWalkView) -> None:
        """Show the regions, and select the one in question."""
        before, self._rows = self._rows, view.rows
        if len(before) != len(view.rows):
            self.setRowCount(len(view.rows))
        for number, row in enumerate(view.rows):
            if before[number : number + 1] != (row,):
                self._fill(number, row)
        if not view.rows:
            self.clearSelection()
        elif view.row != self.currentRow() or not self.selectedItems():
            self.selectRow(view.row)

    def _fill(self, number: int, row: HotRow) -> None:
        for column, text in enumerate((row.class_name, row.slices, row.place, row.size, row.heat, row.state[:1])):
            cell = QTableWidgetItem(text)
            cell.setToolTip(row.tip)
            if column == 0:
                cell.setIcon(_swatch(row.class_index))
            self.setItem(number, column, cell)

    def _pick(self, number: int) -> None:
        if 0 <= number < len(self._rows):
            self.picked.emit(number)


def _swatch(class_index: int) -> QIcon:
    pixels = QPixmap(_SWATCH, _SWATCH)
    pixels.fill(QColor(class_colour(class_index)))
    return QIcon(pixels)
