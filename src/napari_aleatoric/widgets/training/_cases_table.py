"""The held-out cases of a training, the one that lost most first."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QTableWidgetItem, QWidget

from napari_aleatoric.session import HeldOutRow
from napari_aleatoric.widgets._row_table import PickedRows

__all__ = ["CasesTable"]

_COLUMNS = (
    ("Case", "Held back: no network of the workspace learned from it. Click it, or press Enter, to see it."),
    ("Before", "Dice of the network that this one is compared with, where it was judged on the case."),
    ("After", "Dice of the chosen training's network."),
    ("Change", "After minus before; the case that lost most comes first."),
)
_SHOWN = "▸ "


class CasesTable(PickedRows):
    """One held-out case a row.

    Signals
    -------
    picked(str)
        The case that is to be seen.
    """

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_COLUMNS, parent=parent)
        self.setAccessibleName("Held-out cases with their Dice before and after, the one that lost most first")
        self._rows: tuple[HeldOutRow, ...] = ()
        self._shown = ""

    def show_rows(self, rows: Sequence[HeldOutRow], shown: str) -> None:
        """Fill in the rows, and mark the case whose masks are shown."""
        if tuple(rows) == self._rows and shown == self._shown:
            return
        current = self.currentRow()
        kept = self._rows[current].case_id if 0 <= current < len(self._rows) else ""
        self._rows, self._shown = tuple(rows), shown
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, text in enumerate(_cells(row, shown)):
                self.setItem(number, column, _cell(text, column, row, row.case_id == shown))
        names = [row.case_id for row in rows]
        place = next((names.index(name) for name in (shown, kept) if name in names), -1)
        if place >= 0:
            self.selectRow(place)

    def _pick(self, number: int) -> None:
        if 0 <= number < len(self._rows):
            self.picked.emit(self._rows[number].case_id)


def _cells(row: HeldOutRow, shown: str) -> tuple[str, ...]:
    return (
        f"{_SHOWN if row.case_id == shown else ''}{row.case_id}",
        "–" if row.before is None else f"{row.before:.3f}",
        f"{row.after:.3f}",
        "–" if row.change is None else f"{row.change:+.3f}".replace("-", "−"),
    )


def _cell(text: str, column: int, row: HeldOutRow, is_shown: bool) -> QTableWidgetItem:
    cell = QTableWidgetItem(text)
    cell.setToolTip("\n".join(_of_class(*each) for each in row.by_class))
    if column:
        cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    if is_shown:
        font = cell.font()
        font.setBold(True)
        cell.setFont(font)
    return cell


def _of_class(name: str, before: float | None, after: float) -> str:
    return f"{name}: {after:.3f}" if before is None else f"{name}: {before:.3f} → {after:.3f}"
