"""The next cases are read while the present one is looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

__all__ = ["Prefetcher"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")


class Prefetcher(Generic[K, V]):
    """A small cache of futures, filled by one reading thread.

    Parameters
    ----------
    load : callable
        ``load(key)`` reads one value; runs in the reading thread.
    capacity : int
        How many values are kept at most.
    """

    def __init__(self, load: Callable[[K], V], capacity: int = 4) -> None:
        self._load = load
        self._capacity = capacity
        self._futures: OrderedDict[K, Future[V]] = OrderedDict()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aleatoric-read")

    def get(self, key: K) -> Future[V]:
        """Return the future of a value; asks for it if nobody has, ahead of what is only prefetched."""
        future = self._futures.get(key)
        if future is None or (future.done() and future.exception() is not None):
            for other, waiting in list(self._futures.items()):
                if waiting.cancel():  # not started yet: the one that is looked at comes first
                    del self._futures[other]
            future = self._executor.submit(self._load, key)
            self._futures[key] = future
        self._futures.move_to_end(key)
        self._trim()
        return future

    def ask(self, keys: Sequence[K]) -> None:
        """Read these ahead, in order; without waiting."""
        for key in keys:
            if key not in self._futures:
                self._futures[key] = self._executor.submit(self._load, key)
        self._trim()

    def run(self, call: Callable[[], T]) -> Future[T]:
        """Do something else in the reading thread, after what it is reading."""
        return self._executor.submit(call)

    def forget(self, key: K | None = None) -> None:
        """Drop one value (its files changed), or all."""
        gone = list(self._futures) if key is None else [key]
        for item in gone:
            future = self._futures.pop(item, None)
            if future is not None:
                future.cancel()

    def close(self) -> None:
        """Stop reading."""
        self.forget()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _trim(self) -> None:
        while len(self._futures) > self._capacity:
            _, future = self._futures.popitem(last=False)
            future.cancel()
