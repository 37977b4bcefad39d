"""File work beside the window: one piece at a time, and of what waits only the newest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Beside", "Worker", "in_a_thread"]

Deliver = Callable[[Callable[[], None]], None]
Worker = Callable[[Callable[[], None]], None]


def in_a_thread(work: Callable[[], None]) -> None:
    """Run a function in a thread that does not outlive the program."""
    threading.Thread(target=work, name="aleatoric-training", daemon=True).start()


class Beside:
    """Runs functions one after the other and hands their answers to the main thread. Main thread only.

    Parameters
    ----------
    deliver : callable
        Runs a function in the main thread.
    worker : callable
        Runs a function elsewhere.
    failed : callable
        Is given what a function raised.
    """

    def __init__(self, deliver: Deliver, worker: Worker, failed: Callable[[BaseException], None]) -> None:
        self._deliver, self._worker, self._failed = deliver, worker, failed
        self._waiting: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {}
        self._busy = self._closed = False

    def ask(self, what: str, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Do something as soon as there is time; takes the place of what waits by the same name."""
        self._waiting[what] = (work, done)
        self._next()

    def forget(self) -> None:
        """Drop what waits."""
        self._waiting.clear()

    def close(self) -> None:
        """Drop what waits, and every answer that is still to come."""
        self._closed = True
        self.forget()

    def _next(self) -> None:
        if self._busy or self._closed or not self._waiting:
            return
        self._busy = True
        what = next(iter(self._waiting))
        work, done = self._waiting.pop(what)

        def run() -> None:
            result, error = None, None
            try:
                result = work()
            except Exception as caught:  # noqa: BLE001 - told to the user
                error = caught
            self._deliver(lambda: self._came(result, error, done))

        self._worker(run)

    def _came(self, result: Any, error: BaseException | None, done: Callable[[Any], None]) -> None:
        self._busy = False
        if self._closed:
            return
        if error is not None:
            self._failed(error)
        else:
            done(result)
        self._next()
