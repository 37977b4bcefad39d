"""From patches to the pixels of a slice, and from passes to slices that are done; slices in handy parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation._saliency import SaliencySpec
from napari_aleatoric.foundation._segmenter import bilinear
from napari_aleatoric.model import Reporter

__all__ = ["SlicesTold", "best_patches", "in_parts", "on_slice"]

_BEST = 3  # patches


class SlicesTold:
    """Turns passes over some slices into slices that are done."""

    def __init__(self, reporter: Reporter, start: int, total: int, part: Sequence[Any]) -> None:
        self._reporter, self._start, self._total, self._n = reporter, start, total, len(part)

    def __call__(self, done: int, spec: SaliencySpec) -> None:
        share = done / (spec.steps * spec.draws)
        self._reporter.step(round(self._start + share * self._n, 2), self._total, "Looking for what is named")


def on_slice(
    values: NDArray[np.float32],
    shape: tuple[int, ...],
    there: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
) -> NDArray[np.float32]:
    """Bring patches to the pixels of a slice, 0 … 1; ``there`` changes the values on the pixels."""
    fine = bilinear(np.nan_to_num(values), (shape[0], shape[1]))
    fine = fine if there is None else there(fine)
    low, high = float(fine.min()), float(fine.max())
    if not high > low:
        return np.zeros(fine.shape, dtype=np.float32)
    scaled: NDArray[np.float32] = np.clip((fine - low) / (high - low), 0, 1).astype(np.float32)
    return scaled


def best_patches(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of the three greatest of the last axis; of all where there are fewer."""
    n = min(_BEST, values.shape[-1])
    return np.asarray(np.sort(values, axis=-1)[..., values.shape[-1] - n :].mean(axis=-1))


def in_parts(values: Sequence[Any], n: int) -> Iterator[Sequence[Any]]:
    """Yield so many at a time."""
    return (values[start : start + n] for start in range(0, len(values), n))
