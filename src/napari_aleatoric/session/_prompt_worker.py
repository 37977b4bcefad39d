"""One thread that does what is most urgent first."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

__all__ = ["UrgencyWorker"]


class UrgencyWorker:
    """A pool of one thread with urgencies: what was asked for with a smaller number goes first.

    Everything that touches one network happens in one thread, one thing after the other; but an answer that a
    person waits for must not queue behind slices that are only looked at ahead. The thread starts with the first
    task, and does not keep the program alive.

    Parameters
    ----------
    name : str
        Of the thread.
    """

    def __init__(self, name: str = "aleatoric-prompt") -> None:
        self._name = name
        self._waiting: list[tuple[int, int, Future[Any], Callable[[], Any]]] = []
        self._order = itertools.count()
        self._lock = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, urgency: int, work: Callable[[], Any]) -> Future[Any]:
        """Do this when nothing more urgent waits; ``cancel()`` on the future takes it back while it waits."""
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                future.cancel()
                return future
            heapq.heappush(self._waiting, (urgency, next(self._order), future, work))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._lock.notify()
        return future

    def close(self) -> None:
        """Take everything back that has not begun; the thread ends after what it is at."""
        with self._lock:
            self._closed = True
            for *_, future, _work in self._waiting:
                future.cancel()
            self._waiting.clear()
            self._lock.notify()

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._closed:
                    self._lock.wait()
                if self._closed:
                    return
                *_, future, work = heapq.heappop(self._waiting)
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - whoever holds the future is told
                future.set_exception(error)
            del future, work  # or the last task would be kept until the next
