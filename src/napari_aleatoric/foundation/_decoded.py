"""Decoded maps: what a promptable segmenter makes of every labelled class, slice by slice.

The AUV paper (arXiv 2604.10963) reads its measure from one decoded map per class. Which prompt its extractor was
given could not be recovered; what is done here is our own proposal: the box of a class's largest slice is the
prompt, and the class is followed upwards and downwards from there. A network with a memory of earlier slices does
so by itself (`SliceTracker`: MedSAM2, the paper's own extractor, works so); for any other the answer's box is the
prompt of the next slice. The logits are collected without a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._box import Box
from ._embedded import EmbeddedVolume
from ._segmenter import Prompt, PromptSegmenter, SliceTracker
from ._slice_grid import BoxXYXY, box_of, extent, to_grid

__all__ = ["LOGIT_LIMIT", "DecodedMaps", "class_groups", "decode_classes"]

LOGIT_LIMIT = 12.0
"""Logits are clipped to ± this; where the propagation did not come, the map holds minus this."""

_GROUP_BYTES = 1 << 28  # of maps decoded together; one class's map may take more
_GROWTH = 1.4  # a propagated box may have at most so many times the extent of the first
_LEAST = 2  # cells of the mask grid; a smaller answer ends the propagation


@dataclass(frozen=True, eq=False)
class DecodedMaps:
    """Logits of every class on the mask grid.

    Parameters
    ----------
    logits : numpy.ndarray of float32, shape (K, D, h, w)
        One map per class, clipped to ± `LOGIT_LIMIT`; the mask grid covers ``box`` evenly.
    class_indices : tuple of int
        K classes.
    axis, box
        As of `EmbeddedVolume`.
    """

    logits: NDArray[np.float32]
    class_indices: tuple[int, ...]
    axis: int
    box: Box

    def on_grid(self, row: int, shape_zyx: tuple[int, int, int]) -> NDArray[np.float32]:
        """Return the logits of one row at every voxel of the upright image, shape (Z, Y, X)."""
        return to_grid(self.logits[row], self.axis, self.box, shape_zyx, -LOGIT_LIMIT)


def class_groups(embedded: EmbeddedVolume, class_indices: Sequence[int]) -> list[tuple[int, ...]]:
    """Split classes into groups whose decoded maps take 256 MB at most; at least one class each.

    Decoding one group after the other keeps the memory of a large image that of a group, however many classes
    there are; a small image has one group, and its prompts are answered together.

    Parameters
    ----------
    embedded : EmbeddedVolume
        The image.
    class_indices : sequence of int
        The classes, in their order.
    """
    h, w = embedded.slices[0].mask_yx
    most = max(1, _GROUP_BYTES // (4 * len(embedded.slices) * h * w))
    return [tuple(class_indices[first : first + most]) for first in range(0, len(class_indices), most)]


def decode_classes(
    segmenter: PromptSegmenter,
    embedded: EmbeddedVolume,
    label_index: NDArray[np.integer],
    class_indices: Sequence[int],
) -> DecodedMaps:
    """Prompt every labelled class with the box of its largest slice and follow it from slice to slice.

    Parameters
    ----------
    segmenter : PromptSegmenter
        The one that embedded; if it is a `SliceTracker`, it follows the classes with its own memory.
    embedded : EmbeddedVolume
        The image.
    label_index : numpy.ndarray of integer, shape (Z, Y, X)
        Class indices of the whole upright image.
    class_indices : sequence of int
        Classes to decode; those without a voxel in the box are left out of the result.

    Returns
    -------
    DecodedMaps
        Source of the measure: arXiv 2604.10963; of the prompts: our proposal (see the module).
    """
    label = np.moveaxis(label_index, embedded.axis, 0)[embedded.box.slices]
    present = tuple(c for c in class_indices if (label == c).any())
    h, w = embedded.slices[0].mask_yx
    logits = np.full((len(present), label.shape[0], h, w), -LOGIT_LIMIT, dtype=np.float32)
    starts = []
    for row, c in enumerate(present):
        mask = label == c
        key_slice = int(mask.sum(axis=(1, 2)).argmax())
        box = box_of(mask[key_slice])
        if box is not None:
            starts.append(_Chain(row, key_slice, 0, box, extent(box)))
    if isinstance(segmenter, SliceTracker):
        for start in starts:
            for at, answer in segmenter.track(embedded.slices, start.at, Prompt(box_xyxy=start.box)):
                logits[start.row, at] = np.clip(answer, -LOGIT_LIMIT, LOGIT_LIMIT)
    else:
        _follow_boxes(segmenter, embedded, starts, logits)
    return DecodedMaps(logits, present, embedded.axis, embedded.box)


def _follow_boxes(
    segmenter: PromptSegmenter, embedded: EmbeddedVolume, chains: list[_Chain], logits: NDArray[np.float32]
) -> None:
    """Prompt each next slice with the box of the answer before; write the logits of (K, D, h, w)."""
    while chains:
        prompts = [Prompt(box_xyxy=chain.box) for chain in chains]
        answers = segmenter.predict([embedded.slices[chain.at] for chain in chains], prompts)
        following: list[_Chain] = []
        for chain, answer in zip(chains, answers, strict=True):
            logits[chain.row, chain.at] = np.clip(answer.logits, -LOGIT_LIMIT, LOGIT_LIMIT)
            following += chain.next(answer.logits, answer.shape_yx, logits.shape[1])
        chains = following


@dataclass(frozen=True)
class _Chain:
    """One class on its way up (+1), down (−1), or at its first slice (0)."""

    row: int
    at: int
    direction: int
    box: BoxXYXY
    most: tuple[float, float]  # extent of the first box

    def next(self, logits: NDArray[np.float32], shape_yx: tuple[int, int], n_slices: int) -> list[_Chain]:
        """Where it goes from here; nowhere when the answer is empty or the volume ends."""
        mask = logits > 0
        if int(mask.sum()) < _LEAST:
            return []
        box = _on_pixels(box_of(mask), mask.shape, shape_yx)
        width, height = extent(box)
        if width > _GROWTH * self.most[0] + 2 or height > _GROWTH * self.most[1] + 2:
            box = self.box  # it runs away: keep to where it was
        steps = (1, -1) if self.direction == 0 else (self.direction,)
        return [
            _Chain(self.row, self.at + step, step, box, self.most)
            for step in steps
            if 0 <= self.at + step < n_slices
        ]


def _on_pixels(box: BoxXYXY | None, grid: tuple[int, ...], shape_yx: tuple[int, int]) -> BoxXYXY:
    """Box on the mask grid → box of the same field of view in pixels of the slice, both of whole cells."""
    assert box is not None
    sx, sy = shape_yx[1] / grid[1], shape_yx[0] / grid[0]
    x1 = min(max((box[2] + 1) * sx - 1, box[0] * sx), shape_yx[1] - 1.0)
    y1 = min(max((box[3] + 1) * sy - 1, box[1] * sy), shape_yx[0] - 1.0)
    return (min(box[0] * sx, x1), min(box[1] * sy, y1), x1, y1)
