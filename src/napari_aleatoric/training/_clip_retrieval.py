"""How often an image finds its caption among others, and a caption its image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

__all__ = ["RETRIEVAL_RANKS", "Retrieval", "retrieval"]

RETRIEVAL_RANKS = (1, 5, 10)


@dataclass(frozen=True)
class Retrieval:
    """Part of the questions whose answer is among the first 1, 5 and 10; high = good.

    Parameters
    ----------
    image_to_text, text_to_image : tuple of float
        For each of `RETRIEVAL_RANKS`.
    n : int
        Pairs that were searched.
    n_captions : int
        Different captions among them: chance is about k / n_captions from image to text.
    """

    image_to_text: tuple[float, ...]
    text_to_image: tuple[float, ...]
    n: int
    n_captions: int


def retrieval(images: NDArray[np.float32], texts: NDArray[np.float32], captions: Sequence[str]) -> Retrieval:
    """Search all captions for every image and all images for every caption.

    An answer with the same caption is right, whichever pair it comes from. An answer that is exactly as like as the
    right one counts as coming before it, so that a model which maps everything to one place finds nothing.

    Parameters
    ----------
    images, texts : numpy.ndarray, shape (N, D)
        Vectors of length 1; a row of each is a pair.
    captions : sequence of str
        Of every pair.
    """
    n = len(captions)
    if images.shape != texts.shape or len(images) != n or n == 0:
        raise DataError(f"Expected a vector of image and text for {n} pairs, got {images.shape} and {texts.shape}.")
    likeness = images.astype(np.float64) @ texts.astype(np.float64).T
    names = np.unique(np.asarray(captions), return_inverse=True)[1]
    right = names[:, np.newaxis] == names[np.newaxis]

    def part(values: NDArray[np.float64]) -> tuple[float, ...]:
        best = np.where(right, values, -np.inf).max(axis=1, keepdims=True)
        before = ((values >= best) & ~right).sum(axis=1)
        return tuple(float((before < k).mean()) for k in RETRIEVAL_RANKS)

    return Retrieval(part(likeness), part(likeness.T), n, int(names.max()) + 1)
