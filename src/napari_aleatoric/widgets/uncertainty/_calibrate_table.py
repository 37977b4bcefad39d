"""The measures of a calibration, the best first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

if TYPE_CHECKING:
    from napari_aleatoric.review import CalibrationRecord, MeasureRow

__all__ = ["CalibrateTable"]

_HEADERS = (
    ("Measure", "What was asked to find the planted errors. Bold: the order that the evidence speaks for."),
    ("AUROC [95 %]", "How often a label with an error stands above one without; 0.5 is chance, 1 is perfect."),
    ("AP", "Average precision: how clean the top of the queue is; chance is the part that was planted."),
    ("Top", "Part with an error among as many labels as there were errors."),
    ("Weakest kind", "The kind of error that it finds least: its AUROC, and how many were planted."),
    ("Voxels", "How often its map is hotter at a wrong voxel than at a right one close by; 0.5 is chance."),
    ("It asks", "The one question that the measure answers."),
)
_RIGHT = (2, 3, 5)


class CalibrateTable(QTableWidget):
    """One measure a row; options for researchers are left out (the files beside the record have all)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_HEADERS), parent)
        self.setHorizontalHeaderLabels([title for title, _ in _HEADERS])
        for column, (_, words) in enumerate(_HEADERS):
            self.horizontalHeaderItem(column).setToolTip(words)
        self.setAccessibleName("Measures, the best first")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        self.setMinimumHeight(6 * 24)  # its header and five rows, however long the sentences are
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def show_record(self, record: CalibrationRecord) -> None:
        """Fill in the rows."""
        from napari_aleatoric.review import question_in_words, weakest_in_words

        rows = [row for row in record.rows if not row.detail or row.name == record.chosen_order]
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            texts = (
                row.title,
                row.auroc.words(),
                _short(row.average_precision.value),
                _short(row.precision_top.value),
                weakest_in_words(row),
                _short(row.voxel_auroc),
                question_in_words(row),
            )
            for column, text in enumerate(texts):
                self.setItem(number, column, self._cell(text, column, row, record))

    def _cell(self, text: str, column: int, row: MeasureRow, record: CalibrationRecord) -> QTableWidgetItem:
        cell = QTableWidgetItem(text)
        cell.setData(Qt.ItemDataRole.UserRole, row.name)
        cell.setToolTip(_kinds_in_words(row) if column else row.title)
        if column in _RIGHT:
            cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if row.name == record.chosen_order:
            font = cell.font()
            font.setBold(True)
            cell.setFont(font)
        return cell


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _kinds_in_words(row: MeasureRow) -> str:
    """AUROC of every kind of error, one a line."""
    from napari_aleatoric.samples import ErrorKind

    return "\n".join(f"{ErrorKind(kind).words}: {_short(value)} ({n})" for kind, (value, n) in row.by_kind.items())
