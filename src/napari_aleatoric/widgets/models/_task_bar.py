"""What is going on with weights, and how the last piece of work ended."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_aleatoric.session import Kind, ModelTask, Notice
from napari_aleatoric.widgets._progress_line import ProgressLine

__all__ = ["TaskBar"]


class TaskBar(ProgressLine):
    """Bar, cancel, and a sentence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("the work on models", "Stop; what was downloaded is kept for the next time.", parent)

    def show_task(self, task: ModelTask | None) -> None:
        """Show what is going on; None for nothing."""
        self.show_busy(task is not None, task is not None and task.stopping)
        if task is None:
            return
        self.show_fraction(task.fraction)
        self.bar.setFormat(task.amount)
        self.say(task.what)

    def tell(self, notice: Notice) -> None:
        """Say how something ended; stays until the next piece of work."""
        mark = {Kind.SUCCESS: "✓ ", Kind.ERROR: "✗ ", Kind.WARNING: "⚠ "}.get(notice.kind, "")
        self.say(f"{mark}{notice.text}")
