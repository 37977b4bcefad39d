"""What is going on with weights, and how the last piece of work ended."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_aleatoric.session import Kind, ModelTask, Notice

__all__ = ["TaskBar"]


class TaskBar(QWidget):
    """Bar, cancel, and a sentence.

    Signals
    -------
    cancel_requested()
    """

    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = QProgressBar()
        self.bar.setMaximumHeight(18)
        self.bar.setAccessibleName("Progress of the work on models")
        self.cancel = QPushButton("Cancel")
        self.cancel.setAccessibleName("Cancel the work on models")
        self.cancel.setToolTip("Stop; what was downloaded is kept for the next time.")
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.words.setAccessibleName("How the work on models goes")
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.words)
        self.cancel.clicked.connect(lambda: self.cancel_requested.emit())
        self.show_task(None)

    def show_task(self, task: ModelTask | None) -> None:
        """Show what is going on; None for nothing."""
        self.bar.setVisible(task is not None)
        self.cancel.setVisible(task is not None)
        if task is None:
            return
        self.cancel.setEnabled(not task.stopping)
        if task.fraction is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, 1000)
            self.bar.setValue(int(1000 * task.fraction))
        self.bar.setFormat(task.amount)
        if self.words.text() != task.what:  # a new text lays out the whole dock: not several times a second
            self.words.setText(task.what)

    def tell(self, notice: Notice) -> None:
        """Say how something ended; stays until the next piece of work."""
        mark = {Kind.SUCCESS: "✓ ", Kind.ERROR: "✗ ", Kind.WARNING: "⚠ "}.get(notice.kind, "")
        self.words.setText(f"{mark}{notice.text}")
