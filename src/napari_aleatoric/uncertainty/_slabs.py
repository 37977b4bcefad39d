"""Probabilities of a large case, a few slices after the other, each with what its surroundings need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._label_risk import SMOOTH_REACH, smoothed

__all__ = ["HALO", "Slab", "evened"]

HALO = 1
"""Slices on either side of a slab that the 3×3×3 means reach into."""


@dataclass(frozen=True, eq=False)
class Slab:
    """Smoothed probabilities of some slices.

    Parameters
    ----------
    first : int
        Slice of the first row of ``values``, counted from the start of the box.
    start, stop : int
        The slices meant; ``values`` has `HALO` more on either side, as far as there are any.
    values : numpy.ndarray of float, shape (K, n, Y, X)
        Probabilities.
    """

    first: int
    start: int
    stop: int
    values: NDArray[Any]

    @property
    def inner(self) -> slice:
        """The rows of ``values`` that are meant."""
        return slice(self.start - self.first, self.stop - self.first)


def evened(slabs: Iterable[NDArray[Any]], depth: int) -> Iterator[Slab]:
    """Smooth probabilities that come a few slices at a time, as `smoothed` does on the whole.

    Parameters
    ----------
    slabs : iterable of numpy.ndarray of float, shape (K, n, Y, X)
        Raw probabilities; together all slices.
    depth : int
        Number of all slices.

    Yields
    ------
    Slab
        Every slice once; the result does not depend on how the slices came.
    """
    margin = SMOOTH_REACH + HALO
    held: NDArray[Any] | None = None
    first = done = 0  # slice of the first row that is held; slices handed out
    for values in slabs:
        held = values if held is None else np.concatenate([held, values], axis=1)
        end = first + held.shape[1]
        upto = depth if end == depth else end - margin
        if upto <= done:
            continue
        low, high = max(0, done - HALO), min(depth, upto + HALO)
        even = np.empty((len(held), high - low, *held.shape[2:]), dtype=held.dtype)
        for row, part in zip(even, held, strict=True):  # one class after the other: only what is needed is kept
            row[:] = smoothed(part[np.newaxis])[0, low - first : high - first]
        kept = max(0, upto - margin)
        held, first = held[:, kept - first :].copy(), kept
        yield Slab(low, done, upto, even)
        del even
        done = upto
