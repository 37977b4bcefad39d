"""How far the review is, and how far a job is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QProgressBar, QWidget

from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import Status
from napari_aleatoric.widgets._progress_line import ProgressLine

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


class JobCard(ProgressLine):
    """The running job: bar, words, cancel. Hidden while there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("the background job", "Stop the job; what is finished is kept.", parent)
        self.hide()

    def show_status(self, status: JobStatus | None) -> None:
        """Show a job's state; a finished one disappears, a failed one stays to be read."""
        if status is None or status.status is Status.COMPLETED:
            self.show_busy(False)
            self.hide()
            return
        busy = not status.is_over
        self.show_busy(busy)
        if busy:
            self.show_fraction(status.fraction if status.total else None)
        self.say(status.sentence)
        self.show()
