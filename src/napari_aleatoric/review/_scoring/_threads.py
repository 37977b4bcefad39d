"""Work on several cases at a time, in threads: the work is numpy's and scikit-learn's, outside the interpreter."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from napari_aleatoric.model import Reporter

__all__ = ["in_threads", "one_by_one", "together", "usable_cores"]

T = TypeVar("T")
R = TypeVar("R")

_MAX_WORKERS = 4  # every worker holds a case in memory
_ASK_S = 0.5  # how often it is asked whether to go on


def usable_cores() -> int:
    """Count the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(
    function: Callable[[T], R], items: Iterable[T], waiting: Callable[[], None] | None = None
) -> Generator[R, None, None]:
    """Apply a function to items in threads; results in the order of the items, few of them ahead.

    ``waiting`` is called twice a second while a result is waited for, and may raise. Closing the generator early
    drops what has not begun and waits for what has.
    """
    n = min(_MAX_WORKERS, usable_cores())
    executor = ThreadPoolExecutor(n, thread_name_prefix="score")
    ahead: deque[Future[R]] = deque()
    try:
        for item in items:
            ahead.append(executor.submit(function, item))
            if len(ahead) > n:
                yield _result(ahead.popleft(), waiting)
        while ahead:
            yield _result(ahead.popleft(), waiting)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def one_by_one(
    function: Callable[[T], R], items: Iterable[T], waiting: Callable[[], None] | None = None
) -> Generator[R, None, None]:
    """Apply a function to items, each after the result of the one before was taken; see `in_threads`."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="score")
    try:
        for item in items:
            yield _result(executor.submit(function, item), waiting)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _result(future: Future[R], waiting: Callable[[], None] | None) -> R:
    if waiting is not None:
        while wait([future], timeout=_ASK_S).not_done:
            waiting()
    return future.result()


def together(
    function: Callable[[T], R], items: list[T], reporter: Reporter, done: float, total: float, message: str
) -> list[R]:
    """Apply a function to a few items at once, asking the reporter twice a second whether to go on."""
    executor = ThreadPoolExecutor(max(1, min(len(items), usable_cores())), thread_name_prefix="learn")
    futures = [executor.submit(function, item) for item in items]
    try:
        waiting = set(futures)
        while waiting:
            reporter.step(done, total, message)
            waiting = wait(waiting, timeout=_ASK_S).not_done
        return [future.result() for future in futures]
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
