"""The two tables of the dock: what was measured, and the figures of the label."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QTableWidget, QTableWidgetItem

from napari_aleatoric.model import ClassTable
from napari_aleatoric.session import ClassStatistics, MeasuredRow
from napari_aleatoric.widgets._row_table import PickedRows, dress

__all__ = ["FiguresTable", "MeasurementsTable"]

_MEASURED = (
    ("#", "In the order in which they were made"),
    ("Kind", "Distance, ellipse, rectangle or outline"),
    ("Size", "In millimetres where the spacing is known, else in voxels"),
    ("Inside", "Mean and standard deviation (n − 1) of the image inside"),
    ("Range", "Smallest and largest value inside"),
    ("Slice", "Plane and number of the slice; a click goes there"),
)
_FIGURES = (
    ("Class", "The class of the label"),
    ("Before", "Size in the label as the data set has it"),
    ("Now", "Size in the label on the screen"),
    ("Change", "Now minus before"),
    ("Pieces", "Connected parts before → now; voxels that touch at a corner are connected"),
    ("Mean ± SD", "Of the image inside the label on the screen; standard deviation n − 1"),
    ("Slices", "First and last axial slice of the label on the screen"),
)


class MeasurementsTable(PickedRows):
    """Measurements, one a row; a click or Enter goes to it, Delete deletes it.

    Parameters
    ----------
    on_picked, on_deleted : callable
        Called with the id of the measurement.
    """

    def __init__(self, on_picked: Callable[[str], None], on_deleted: Callable[[str], None]) -> None:
        super().__init__(_MEASURED, stretched=3)
        self.setAccessibleName("Measurements of this case")
        self._on_picked, self._on_deleted = on_picked, on_deleted
        self._ids: list[str] = []

    @property
    def current_id(self) -> str:
        """Id of the measurement that is chosen; "" for none."""
        row = self.currentRow()
        return self._ids[row] if 0 <= row < len(self._ids) else ""

    def show_rows(self, rows: Sequence[MeasuredRow]) -> None:
        """Fill the table; the row that was chosen stays chosen while it is there."""
        chosen = self.current_id
        self._ids = [row.measurement.measurement_id for row in rows]
        self.setRowCount(len(rows))
        for n, row in enumerate(rows):
            known = bool(row.inside)
            spread = f"{row.low:.4g} … {row.high:.4g} {row.unit}".rstrip() if known else ""
            kind = "outline" if row.measurement.kind == "polygon" else row.measurement.kind
            _fill(self, n, (str(row.number), kind, row.size, row.inside, spread, row.place))
        if chosen in self._ids:
            self.selectRow(self._ids.index(chosen))
        else:
            self.clearSelection()
            self.setCurrentCell(-1, -1)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Delete the chosen measurement with Delete or Backspace."""
        if event is not None and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.current_id:
            self._on_deleted(self.current_id)
            event.accept()
            return
        super().keyPressEvent(event)

    def _pick(self, number: int) -> None:
        if 0 <= number < len(self._ids):
            self._on_picked(self._ids[number])


class FiguresTable(QTableWidget):
    """Classes, one a row: size before and now, pieces, intensities, slices."""

    def __init__(self) -> None:
        super().__init__(0, len(_FIGURES))
        dress(self, _FIGURES)
        self.setAccessibleName("Figures of the label, per class")

    def show_figures(
        self, classes: ClassTable, before: Sequence[ClassStatistics], after: Sequence[ClassStatistics], unit: str
    ) -> None:
        """Fill the table; classes that are in neither label are left out."""
        first = {each.label_value: each for each in before}
        rows = []
        for each in after:
            was = first.get(each.label_value)
            if each.n_voxels or (was is not None and was.n_voxels):
                rows.append(_cells(classes.names[each.label_value], was, each, unit))
        self.setRowCount(len(rows))
        for n, cells in enumerate(rows):
            _fill(self, n, cells)


def _cells(name: str, was: ClassStatistics | None, now: ClassStatistics, unit: str) -> tuple[str, ...]:
    return (
        name,
        "" if was is None else _size(was.n_voxels, was.volume_ml),
        _size(now.n_voxels, now.volume_ml),
        "" if was is None else _change(was, now),
        str(now.n_pieces) if was is None else f"{was.n_pieces} → {now.n_pieces}",
        "" if np.isnan(now.mean) else f"{now.mean:.4g} ± {now.sd:.3g} {unit}".rstrip(),
        "" if now.slices is None else f"{now.slices[0]} – {now.slices[1]}",
    )


def _size(n_voxels: int, volume_ml: float | None) -> str:
    return f"{n_voxels:,d} voxels" if volume_ml is None else f"{volume_ml:.4g} ml"


def _change(was: ClassStatistics, now: ClassStatistics) -> str:
    if now.n_voxels == was.n_voxels:
        return "0"
    if was.volume_ml is None or now.volume_ml is None:
        return f"{now.n_voxels - was.n_voxels:+,d} voxels"
    return f"{now.volume_ml - was.volume_ml:+.3g} ml"


def _fill(table: QTableWidget, row: int, cells: Sequence[str]) -> None:
    for column, text in enumerate(cells):
        table.setItem(row, column, QTableWidgetItem(text))
