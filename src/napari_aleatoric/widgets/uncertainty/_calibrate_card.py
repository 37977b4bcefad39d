"""The result of a calibration: verdict, table, what the line means, and the button to act on it."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_aleatoric.session import CalibrationNews
from napari_aleatoric.uncertainty import strategy_of
from napari_aleatoric.widgets._whole_text import WholeText

from ._calibrate_table import CalibrateTable

__all__ = ["CalibrateCard"]


class CalibrateCard(QWidget):
    """Shows a `CalibrationNews`.

    Signals
    -------
    order_wanted(str)
        The order that the queue is to have from now on.
    """

    order_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._order = ""
        self._methods = ""
        self.nothing = _words("That nothing is known yet")
        self.nothing.setText(
            "Nothing is known yet. After the calibration a table stands here with how well every measure found the "
            "planted errors, which order the evidence speaks for, and what a place in the queue then means."
        )
        self.verdict = _words("What the calibration shows")
        font = self.verdict.font()
        font.setBold(True)
        self.verdict.setFont(font)
        self.stale = _words("Whether it still holds")
        self.table = CalibrateTable()
        self.line = _words("What a place in the queue means")
        self.notes = _words("What must be known to read it")
        self.use = QPushButton("Use this order")
        self.use.setToolTip("Makes it the order of the queue for this data set, now and when it is opened again.")
        self.copy = QPushButton("Copy for a methods section")
        self.copy.setToolTip("Puts the sentences with all figures onto the clipboard.")
        buttons = QHBoxLayout()
        buttons.addWidget(self.use)
        buttons.addWidget(self.copy)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.nothing, self.verdict, self.stale):
            layout.addWidget(part)
        layout.addWidget(self.table, 1)
        for part in (self.line, self.notes):
            layout.addWidget(part)
        layout.addLayout(buttons)
        self.use.clicked.connect(lambda: self.order_wanted.emit(self._order))
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._methods))
        self.show_news(None)

    def show_news(self, news: CalibrationNews | None) -> None:
        """Show the last calibration; None = nothing is known."""
        record = news.record if news is not None else None
        has_rows = record is not None and bool(record.rows)
        for part in (self.table, self.line, self.notes, self.use, self.copy):
            part.setVisible(has_rows)
        self.nothing.setVisible(news is not None and record is None)
        self.verdict.setVisible(record is not None)
        self.stale.setVisible(record is not None and news is not None and not news.current)
        if record is None or news is None:
            return
        self.verdict.setText(record.verdict)
        self.stale.setText("Images or labels have changed since; calibrate again to be sure.")
        self.table.show_record(record)
        self.line.setText(record.line_sentence)
        self.line.setVisible(bool(record.line_sentence))
        self.notes.setText(" ".join(record.notes))
        self.notes.setToolTip("\n".join(record.notes))
        self._order, self._methods = record.chosen_order, record.methods
        used = news.order == record.chosen_order
        title = strategy_of(record.chosen_order).title
        self.use.setText(f"In use: {title}" if used else f"Use this order: {title}")
        self.use.setEnabled(record.enough and not used)


def _words(name: str) -> WholeText:
    label = WholeText()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setAlignment(Qt.AlignmentFlag.AlignTop)  # of the room that the table leaves while there is none
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setAccessibleName(name)
    return label
