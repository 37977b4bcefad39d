"""Which slices of a volume suit the words: a first look, and the slices that masks are carried from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import TextImageModel, likeness
from napari_aleatoric.model import Reporter, SilentReporter

from ._query import QueryVectors, best_three, presence
from ._spec import VolumeSpec
from ._stack import SliceStack

__all__ = ["Look", "choose_key_slices", "look_at_slices"]

_AT_ONCE = 4  # slices between two looks at the stop request
_BLANK = 1.0  # of 255: the standard deviation of a slice that shows something
_APART = 12  # key slices are at least so small a part of the volume apart


@dataclass(frozen=True, eq=False)
class Look:
    """How well slices of a volume suit the words.

    Parameters
    ----------
    numbers : tuple of int
        The slices that were looked at, in order; blank ones are left out.
    scores : numpy.ndarray of float64, shape (N,)
        How well each suits the words, as of `foundation.likeness`.
    advantage : numpy.ndarray of float64, shape (N,)
        The same, less the mean of the other words where there are any.
    score : float
        Mean of the three best scores.
    presence : float
        Part of the other words that suit the volume less, 0 … 1.
    key_slices : tuple of int
        Those that masks are to be carried from, the best first.
    """

    numbers: tuple[int, ...]
    scores: NDArray[np.float64]
    advantage: NDArray[np.float64]
    score: float
    presence: float
    key_slices: tuple[int, ...]


def look_at_slices(
    stack: SliceStack,
    model: TextImageModel,
    vectors: QueryVectors,
    spec: VolumeSpec,
    reporter: Reporter | None = None,
) -> Look:
    """Compare evenly spread slices with the words and choose key slices.

    Raises
    ------
    Cancelled
        If the reporter says so; asked after every four slices.
    """
    reporter = reporter or SilentReporter()
    n = len(stack)
    numbers = np.unique(np.linspace(0, n - 1, min(n, spec.look_at_most)).round().astype(int)).tolist()
    asked = np.concatenate([vectors.wanted[np.newaxis], vectors.others])
    suits: list[NDArray[np.float32]] = []
    seen: list[int] = []
    for first in range(0, len(numbers), _AT_ONCE):
        reporter.step(first, len(numbers), f"Slice {numbers[first] + 1} of {n} is compared with the words")
        some = {z: stack.image(z) for z in numbers[first : first + _AT_ONCE]}
        some = {z: image for z, image in some.items() if image.std() >= _BLANK}
        if some:
            suits.append(likeness(model, list(some.values()), asked))
            seen += some
    if not suits:
        nothing = np.zeros(0)
        return Look((), nothing, nothing, -1.0, 0.0, ())
    values = np.concatenate(suits).astype(np.float64)
    scores, others = values[:, 0], values[:, 1:]
    advantage = scores - others.mean(axis=1) if others.shape[1] else scores
    return Look(
        tuple(seen),
        scores,
        advantage,
        float(best_three(scores[:, np.newaxis])[0]),
        presence(scores, others),
        choose_key_slices(seen, advantage, spec.key_slices, n),
    )


def choose_key_slices(
    numbers: list[int], advantage: NDArray[np.float64], most: int, n_slices: int
) -> tuple[int, ...]:
    """Choose slices that suit the words best, some way apart: our proposal.

    The best first; each next one lies at least a twelfth of the volume away from those before, and is nearer to
    the best than to the median slice.
    """
    apart = max(1, math.ceil(n_slices / _APART))
    least = (float(advantage.max()) + float(np.median(advantage))) / 2
    chosen: list[int] = []
    for row in np.argsort(-advantage, kind="stable"):
        number = numbers[int(row)]
        if chosen and (advantage[row] < least or min(abs(number - other) for other in chosen) < apart):
            continue
        chosen.append(number)
        if len(chosen) == most:
            break
    return tuple(chosen)
