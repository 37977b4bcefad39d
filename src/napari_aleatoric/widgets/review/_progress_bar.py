"""How far the review is, and how far a job is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import Status

if TYPE_CHECKING:
    from napari_aleatoric.review import Progress

__all__ = ["JobCard", "ReviewProgress"]


class ReviewProgress(QProgressBar):
    """Cases decided, of all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextVisible(True)
        self.setMaximumHeight(18)
        self.setAccessibleName("Progress of the review")
        self.setFormat("nothing open")
        self.setRange(0, 1)
        self.setValue(0)

    def show_progress(self, progress: Progress) -> None:
        """Show a new state."""
        self.setRange(0, max(1, progress.total))
        self.setValue(progress.done)
        self.setFormat(f"{progress.done} of {progress.total} reviewed")


class JobCard(QWidget):
    """The running job: bar, words, cancel. Hidden while there is none.

    Signals
    -------
    cancel_requested()
    """

    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = QProgressBar()
        self.bar.setMaximumHeight(18)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress of the background job")
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop the job; what is finished is kept.")
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
        self.hide()

    def show_status(self, status: JobStatus | None) -> None:
        """Show a job's state; a finished one disappears, a failed one stays to be read."""
        if status is None or status.status is Status.COMPLETED:
            self.hide()
            return
        busy = not status.is_over
        self.bar.setVisible(busy)
        self.cancel.setVisible(busy)
        if not busy:
            self.cancel.setEnabled(True)
            self.cancel.setText("Cancel")
        if busy and status.total:
            self.bar.setRange(0, 1000)
            self.bar.setValue(int(1000 * status.fraction))
        elif busy:
            self.bar.setRange(0, 0)
        self.words.setText(status.sentence)
        self.show()

    def _cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.cancel.setText("Stopping …")
        self.cancel_requested.emit()
