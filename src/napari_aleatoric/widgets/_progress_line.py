"""A bar with a button to cancel, and words below it: the look of all long work."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

__all__ = ["ProgressLine"]

_STEPS = 1000  # of the bar


class ProgressLine(QWidget):
    """Bar, cancel, and a sentence.

    Parameters
    ----------
    work : str
        What goes on, for screen readers, as in "Progress of …".
    hint : str
        What cancelling does, for the button's tool tip.
    parent : QWidget, optional
        Qt's owner.

    Signals
    -------
    cancel_requested()
    """

    cancel_requested = Signal()

    def __init__(self, work: str, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = QProgressBar()
        self.bar.setMaximumHeight(18)
        self.bar.setAccessibleName(f"Progress of {work}")
        self.cancel = QPushButton("Cancel")
        self.cancel.setAccessibleName(f"Cancel {work}")
        self.cancel.setToolTip(hint)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.words.setAccessibleName(f"How {work} goes")
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.words)
        self.cancel.clicked.connect(self._cancel)
        self.show_busy(False)

    def show_busy(self, busy: bool, stopping: bool | None = None) -> None:
        """Show bar and button while there is work; the button is off once a stop was asked for (None: as it is)."""
        if stopping is None:
            stopping = busy and not self.cancel.isEnabled()
        self.bar.setVisible(busy)
        self.cancel.setVisible(busy)
        self.cancel.setEnabled(not stopping)
        self.cancel.setText("Stopping …" if stopping else "Cancel")

    def show_fraction(self, fraction: float | None) -> None:
        """Show how far it is, 0 to 1; None = not known: the bar is then empty and still.

        Qt's moving bar would draw the whole window anew up to sixty times a second, beside a canvas of OpenGL: a
        third of a processor core and more, taken from the very work that it tells of.
        """
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(fraction is not None)
        self.bar.setValue(0 if fraction is None else int(_STEPS * fraction))
        self.bar.setFormat(f"{fraction or 0.0:.0%}")  # as the words below round it; Qt would cut

    def say(self, words: str) -> None:
        """Show a sentence."""
        if self.words.text() != words:  # a new text lays out the whole dock: not several times a second
            self.words.setText(words)

    def _cancel(self) -> None:
        self.show_busy(True, stopping=True)
        self.cancel_requested.emit()
