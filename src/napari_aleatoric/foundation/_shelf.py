"""Embedded slices in bounded memory: as many as fit are held, the others brought again when asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import overload

from ._segmenter import Embedding

__all__ = ["Shelf"]


class Shelf(Sequence[Embedding]):
    """The embedded slices of one image, in their order.

    Parameters
    ----------
    n : int
        How many slices there are.
    bring : callable
        Gives the slice of a number, from a disk or by looking at it anew; asked for what is not held.
    most_bytes : int
        What the held ones take at most. At least one is held.
    """

    def __init__(self, n: int, bring: Callable[[int], Embedding], most_bytes: int) -> None:
        self._n, self._bring, self._most = n, bring, most_bytes
        self._held: OrderedDict[int, Embedding] = OrderedDict()
        self._bytes = 0

    @property
    def n_bytes(self) -> int:
        """What the held ones take."""
        return self._bytes

    def offer(self, number: int, embedding: Embedding) -> bool:
        """Hold a slice if there is room left; return whether it is held."""
        if self._bytes + embedding.n_bytes > self._most and self._held:
            return False
        self._hold(number, embedding)
        return True

    def _hold(self, number: int, embedding: Embedding) -> None:
        before = self._held.pop(number, None)
        self._bytes += embedding.n_bytes - (before.n_bytes if before is not None else 0)
        self._held[number] = embedding

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, index: int) -> Embedding: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Embedding]: ...
    def __getitem__(self, index: int | slice) -> Embedding | Sequence[Embedding]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._n))]
        number = index + self._n if index < 0 else index
        if not 0 <= number < self._n:
            raise IndexError(f"Expected a slice of 0 … {self._n - 1}, got {index}.")
        found = self._held.get(number)
        if found is None:
            found = self._bring(number)
            self._hold(number, found)
            while self._bytes > self._most and len(self._held) > 1:
                # the newest of the others goes: on the way through a volume and back, the oldest are wanted first
                gone = next(each for each in reversed(self._held) if each != number)
                self._bytes -= self._held.pop(gone).n_bytes
        return found
