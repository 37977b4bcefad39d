"""Work of many seconds that has no place to stop at: done aside, while it is asked whether anybody still waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

__all__ = ["aside"]

T = TypeVar("T")

_ASK_S = 0.5


def aside(work: Callable[[], T], go_on: Callable[[], object]) -> T:
    """Do some work in a thread of its own and return what came out, or raise what it raised.

    Parameters
    ----------
    work : callable
        Only reads and computes: whoever is stopped leaves it behind, and the end of the program ends it.
    go_on : callable
        Called before, and then twice a second; may raise `Cancelled`, which ends the waiting at once.
    """
    go_on()
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(work())
        except BaseException as error:  # noqa: BLE001  whoever waits raises it
            found.set_exception(error)

    threading.Thread(target=run, name="calibrate", daemon=True).start()
    while wait([found], timeout=_ASK_S).not_done:
        go_on()
    return found.result()
