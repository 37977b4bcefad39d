"""The job in napari's activity area, without its turning wheel."""

from __future__ import annotations

import weakref
from typing import Any

from qtpy.QtWidgets import QLabel

from napari_aleatoric.jobs import JobStatus

__all__ = ["ActivityBar"]


class ActivityBar:
    """A bar in napari's activity area while a job runs.

    The wheel beside it stands still: each turn draws the whole window anew, which without a fast graphics card
    takes a third of a processor core for as long as the job runs.

    Parameters
    ----------
    window : QMainWindow
        Napari's.
    """

    def __init__(self, window: Any) -> None:
        self._window = weakref.ref(window)
        self._progress: Any = None

    def show(self, status: JobStatus | None) -> None:
        """Keep in step with the job; a finished one takes its bar away."""
        if status is None or status.is_over:
            self.close()
            return
        if self._progress is None:
            from napari.utils import progress

            self._progress = progress(total=100, desc="Aleatoric")
            self._still()
        self._progress.update(max(0, int(100 * status.fraction) - self._progress.n))
        self._progress.set_description(status.message[:60] or "Aleatoric")

    def _still(self) -> None:
        window = self._window()
        for label in window.statusBar().findChildren(QLabel) if window is not None else ():
            if label.movie() is not None:
                label.movie().setPaused(True)

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None
