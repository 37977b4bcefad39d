"""Short file work off the main thread, with the answer back on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal

__all__ = ["MainThread", "run"]


class MainThread(QObject):
    """Runs functions in the thread that made this object: the main thread."""

    _call = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._call.connect(self._run)

    def deliver(self, call: Callable[[], None]) -> None:
        """Queue a function; callable from any thread, does nothing once the window is gone."""
        try:
            self._call.emit(call)
        except RuntimeError:  # the Qt object was deleted with its window
            return

    def _run(self, call: Callable[[], None]) -> None:
        call()


def run(work: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[BaseException], None]) -> Any:
    """Run ``work`` in napari's thread pool and hand its result, or its error, to the main thread.

    Parameters
    ----------
    work : callable
        Touches no layer and no widget.
    done, failed : callable
        Called in the main thread.

    Returns
    -------
    worker
        napari's worker; the window asks before it closes while one runs.
    """
    from napari.qt.threading import create_worker

    outcome: dict[str, Any] = {}

    def guarded() -> None:
        try:
            outcome["result"] = work()
        except Exception as error:  # noqa: BLE001 - handed to `failed`, which tells the user
            outcome["error"] = error

    def finished() -> None:
        if "error" in outcome:
            failed(outcome["error"])
        elif "result" in outcome:
            done(outcome["result"])

    return create_worker(guarded, _connect={"finished": finished})
