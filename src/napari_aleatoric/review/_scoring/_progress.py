"""Where a run is: told to its reporter, whose wish to stop is handed on to the threads at work."""

from __future__ import annotations

import threading

from napari_aleatoric.model import Reporter

__all__ = ["ScoreProgress"]


class ScoreProgress:
    """A `Reporter` that remembers the last step and tells the threads of a stop.

    Parameters
    ----------
    parent : Reporter
        Who is told.
    stopping : threading.Event
        Set when the parent wants the work to stop, or when it fails.
    """

    def __init__(self, parent: Reporter, stopping: threading.Event) -> None:
        self._parent = parent
        self._stopping = stopping
        self._last: tuple[float, float, str] = (0.0, 1.0, "")

    def step(self, done: float, total: float, message: str = "") -> None:
        """Tell the parent; sets ``stopping`` before a wish to stop goes on."""
        self._last = (done, total, message)
        try:
            self._parent.step(done, total, message)
        except BaseException:
            self._stopping.set()
            raise

    def again(self) -> None:
        """Tell the last step once more, to hear whether to go on."""
        self.step(*self._last)

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Hand on."""
        self._parent.metric(name, value, step)
