"""The slices of an image as a segmenter sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from napari_aleatoric.model import Geometry, Volume

from ._box import Box
from ._intensity import intensity_range, to_uint8
from ._segmenter import Embedding, PromptSegmenter
from ._shelf import Shelf

__all__ = ["EmbeddedVolume", "EmbeddingKeeper", "embed_volume", "slice_axis"]

_AT_ONCE = 16  # slices handed to the segmenter in one call
_THICK = 1.5  # times the finest spacing: slices along this axis were acquired as slices
_HELD_BYTES = 1_500_000_000  # of embeddings of one image; further ones are brought again from the keeper


class EmbeddingKeeper(Protocol):
    """Keeps embeddings between runs; see `EmbeddingCache`."""

    def get(self, key: str, index: int) -> Embedding | None:
        """Return what was kept, or None."""

    def put(self, key: str, index: int, embedding: Embedding) -> None:
        """Keep one slice."""


@dataclass(frozen=True, eq=False)
class EmbeddedVolume:
    """The embedded slices of one image.

    Parameters
    ----------
    axis : int
        Array axis of the upright image that the slices follow each other on.
    box : Box
        What was looked at, with that axis moved to the front: (slice, y, x).
    slices : sequence of Embedding
        One for each slice of the box; of a large image not all are in memory at the same time.
    """

    axis: int
    box: Box
    slices: Sequence[Embedding]


def slice_axis(geometry: Geometry) -> int:
    """Return the array axis along which an upright image was acquired in slices: the coarse one, else z."""
    spacing = np.asarray(geometry.spacing_zyx_mm)
    if 1 in geometry.shape_zyx:
        return int(np.flatnonzero(np.asarray(geometry.shape_zyx) == 1)[0])
    coarse = int(spacing.argmax())
    return coarse if spacing[coarse] > _THICK * spacing.min() else 0


def embed_volume(
    segmenter: PromptSegmenter,
    volume: Volume,
    box: Box,
    *,
    axis: int = 0,
    limits: tuple[float, float] | None = None,
    keeper: EmbeddingKeeper | None = None,
    key: str = "",
) -> EmbeddedVolume:
    """Embed the slices of a part of an image.

    Parameters
    ----------
    segmenter : PromptSegmenter
        The frozen model.
    volume : Volume
        The image, upright, grey or colour.
    box : Box
        The part, with ``axis`` moved to the front.
    axis : int
        Along which slices are cut.
    limits : tuple of float, optional
        Intensities that become 0 and 255; by default the 0.5 and 99.5 percentiles of the whole image.
    keeper : EmbeddingKeeper, optional
        Where embeddings are kept between runs, under ``key``, which must name image, segmenter, axis, box and
        limits.

    Returns
    -------
    EmbeddedVolume
        Only a few slices are held as pixels at a time, and 1.5 GB of embeddings: those beyond are read from the
        keeper when they are asked for, or, without one, looked at anew.
    """
    limits = intensity_range(volume.data) if limits is None else limits
    stack = np.moveaxis(volume.data, axis, 0)
    _, ys, xs = box.slices
    numbers = range(box.start_zyx[0], box.stop_zyx[0])

    def look(chosen: Sequence[int]) -> list[Embedding]:
        pixels = [np.ascontiguousarray(to_uint8(stack[z][ys, xs], limits)) for z in chosen]
        found = segmenter.embed(pixels)
        for z, embedding in zip(chosen, found, strict=True):
            if keeper is not None:
                keeper.put(key, z, embedding)
        return found

    def kept(z: int) -> Embedding | None:
        found = keeper.get(key, z) if keeper is not None else None
        return found if found is not None and found.segmenter == segmenter.name else None

    def bring(number: int) -> Embedding:
        return kept(numbers[number]) or look([numbers[number]])[0]

    shelf = Shelf(len(numbers), bring, _HELD_BYTES)
    missing = []
    for z in numbers:
        found = kept(z)
        if found is None:
            missing.append(z)
        else:
            shelf.offer(z - numbers[0], found)
    for first in range(0, len(missing), _AT_ONCE):
        chosen = missing[first : first + _AT_ONCE]
        held = [shelf.offer(z - numbers[0], each) for z, each in zip(chosen, look(chosen), strict=True)]
        if keeper is None and not all(held):
            break  # what cannot be held is looked at when it is asked for
    return EmbeddedVolume(axis, box, shelf)
