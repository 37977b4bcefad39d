"""Decoded maps: what a promptable segmenter makes of every labelled class, slice by slice.

The AUV paper (arXiv 2604.10963) reads its measure from one decoded map per class. Which prompt its extractor was
given could not be recovered; what is done here is our own proposal: the box of a class's largest slice is the
prompt, the answer's box is the prompt of the next slice, upwards and downwards, and the logits are collected
without a threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import Geometry, Volume

from ._box import Box
from ._intensity import intensity_range, to_uint8
from ._segmenter import Embedding, Prompt, PromptSegmenter, bilinear

__all__ = [
    "LOGIT_LIMIT",
    "DecodedMaps",
    "EmbeddedVolume",
    "EmbeddingKeeper",
    "JitteredMaps",
    "decode_classes",
    "embed_volume",
    "jittered_prompts",
    "put_bytes",
    "slice_axis",
]

LOGIT_LIMIT = 12.0
"""Logits are clipped to ± this; where the propagation did not come, the map holds minus this."""

_AT_ONCE = 16  # slices handed to the segmenter in one call
_THICK = 1.5  # times the finest spacing: slices along this axis were acquired as slices
_GROWTH = 1.4  # a propagated box may have at most so many times the extent of the first
_LEAST = 2  # cells of the mask grid; a smaller answer ends the propagation

BoxXYXY = tuple[float, float, float, float]


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
    slices : tuple of Embedding
        One for each slice of the box.
    """

    axis: int
    box: Box
    slices: tuple[Embedding, ...]


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


@dataclass(frozen=True, eq=False)
class JitteredMaps:
    """How far the answers move when the prompts move.

    Parameters
    ----------
    spread : numpy.ndarray of float32, shape (K, D, h, w)
        Twice the standard deviation of the probabilities over the moved prompts, 0 … 1.
    overlap : tuple of float
        Mean Dice between two answers, by class; NaN where no prompt gave an answer.
    class_indices, axis, box
        As of `DecodedMaps`.
    """

    spread: NDArray[np.float32]
    overlap: tuple[float, ...]
    class_indices: tuple[int, ...]
    axis: int
    box: Box

    def on_grid(self, row: int, shape_zyx: tuple[int, int, int]) -> NDArray[np.float32]:
        """Return the spread of one row at every voxel of the upright image, shape (Z, Y, X)."""
        return to_grid(self.spread[row], self.axis, self.box, shape_zyx, 0.0)


def slice_axis(geometry: Geometry) -> int:
    """Return the array axis along which an upright image was acquired in slices: the coarse one, else z."""
    spacing = np.asarray(geometry.spacing_zyx_mm)
    if 1 in geometry.shape_zyx:
        return int(np.flatnonzero(np.asarray(geometry.shape_zyx) == 1)[0])
    coarse = int(spacing.argmax())
    return coarse if spacing[coarse] > _THICK * spacing.min() else 0


def to_grid(
    values: NDArray[np.float32], axis: int, box: Box, shape_zyx: tuple[int, int, int], outside: float
) -> NDArray[np.float32]:
    """Bring a map from the mask grid (D, h, w) to the voxels of the upright image, bilinear within slices."""
    moved = (shape_zyx[axis], *(n for a, n in enumerate(shape_zyx) if a != axis))
    found = np.full(moved, outside, dtype=np.float32)
    inner = box.shape_zyx[1:]
    found[box.slices] = np.stack([bilinear(plane, inner) for plane in values])
    return np.ascontiguousarray(np.moveaxis(found, 0, axis))


def put_bytes(values: NDArray[np.float32], axis: int, box: Box, into: NDArray[np.uint8]) -> None:
    """Write a map (D, h, w) of 0 … 1 as bytes to its voxels of the upright image (Z, Y, X), slice by slice."""
    moved = np.moveaxis(into, axis, 0)
    _, ys, xs = box.slices
    inner = box.shape_zyx[1:]
    for z, plane in enumerate(values, start=box.start_zyx[0]):
        moved[z, ys, xs] = np.rint(np.clip(bilinear(plane, inner), 0, 1) * 255)


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
        Only a few slices are held as pixels at a time.
    """
    limits = intensity_range(volume.data) if limits is None else limits
    stack = np.moveaxis(volume.data, axis, 0)
    _, ys, xs = box.slices
    numbers = range(box.start_zyx[0], box.stop_zyx[0])
    found: dict[int, Embedding] = {}
    missing = []
    for z in numbers:
        kept = keeper.get(key, z) if keeper is not None else None
        if kept is not None and kept.segmenter == segmenter.name:
            found[z] = kept
        else:
            missing.append(z)
    for first in range(0, len(missing), _AT_ONCE):
        chosen = missing[first : first + _AT_ONCE]
        pixels = [np.ascontiguousarray(to_uint8(stack[z][ys, xs], limits)) for z in chosen]
        for z, embedding in zip(chosen, segmenter.embed(pixels), strict=True):
            found[z] = embedding
            if keeper is not None:
                keeper.put(key, z, embedding)
    return EmbeddedVolume(axis, box, tuple(found[z] for z in numbers))


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
        The one that embedded.
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
    chains = []
    for row, c in enumerate(present):
        mask = label == c
        key_slice = int(mask.sum(axis=(1, 2)).argmax())
        box = _box_of(mask[key_slice])
        if box is not None:
            chains.append(_Chain(row, key_slice, 0, box, _extent(box)))
    while chains:
        prompts = [Prompt(box_xyxy=chain.box) for chain in chains]
        answers = segmenter.predict([embedded.slices[chain.at] for chain in chains], prompts)
        following: list[_Chain] = []
        for chain, answer in zip(chains, answers, strict=True):
            logits[chain.row, chain.at] = np.clip(answer.logits, -LOGIT_LIMIT, LOGIT_LIMIT)
            following += chain.next(answer.logits, answer.shape_yx, label.shape[0])
        chains = following
    return DecodedMaps(logits, present, embedded.axis, embedded.box)


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
        box = _on_pixels(_box_of(mask), mask.shape, shape_yx)
        width, height = _extent(box)
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


def jittered_prompts(
    segmenter: PromptSegmenter,
    embedded: EmbeddedVolume,
    label_index: NDArray[np.integer],
    class_indices: Sequence[int],
    *,
    n: int = 4,
    voxels: float = 2.0,
    seed: int = 0,
) -> JitteredMaps:
    """Move the box of every class in every slice by a few voxels and see how far the answers move.

    Our proposal. High where the image does not say by itself where the object ends.

    Parameters
    ----------
    segmenter, embedded, label_index, class_indices
        As of `decode_classes`.
    n : int
        Boxes per slice and class, at least 2.
    voxels : float
        Standard deviation of the movement of every side, in voxels; at most a tenth of the object's extent.
    seed : int
        Of the movements.
    """
    rng = np.random.default_rng(seed)
    label = np.moveaxis(label_index, embedded.axis, 0)[embedded.box.slices]
    present = tuple(c for c in class_indices if (label == c).any())
    h, w = embedded.slices[0].mask_yx
    spread = np.zeros((len(present), label.shape[0], h, w), dtype=np.float32)
    overlaps: Mapping[int, list[float]] = {row: [] for row in range(len(present))}
    places, boxes = [], []
    for row, c in enumerate(present):
        for z in range(label.shape[0]):
            box = _box_of(label[z] == c)
            if box is not None:
                places.append((row, z))
                boxes += [Prompt(box_xyxy=_moved(box, voxels, rng, label.shape[1:])) for _ in range(n)]
    answers = segmenter.predict([embedded.slices[z] for _, z in places for _ in range(n)], boxes)
    for number, (row, z) in enumerate(places):
        stack = np.stack([answer.logits for answer in answers[number * n : (number + 1) * n]])
        spread[row, z] = 2 * (1 / (1 + np.exp(-np.clip(stack, -30, 30)))).std(axis=0)
        overlaps[row] += _pairwise_dice(stack > 0)
    means = tuple(float(np.mean(overlaps[row])) if overlaps[row] else float("nan") for row in range(len(present)))
    return JitteredMaps(np.clip(spread, 0, 1), means, present, embedded.axis, embedded.box)


def _moved(box: BoxXYXY, voxels: float, rng: np.random.Generator, shape_yx: tuple[int, ...]) -> BoxXYXY:
    width, height = _extent(box)
    by = np.array([min(voxels, 0.1 * width), min(voxels, 0.1 * height)] * 2)
    x0, y0, x1, y1 = (float(v) for v in np.array(box) + rng.normal(0, 1, 4) * by)
    x0, x1 = sorted((min(max(x0, 0.0), shape_yx[1] - 1.0), min(max(x1, 0.0), shape_yx[1] - 1.0)))
    y0, y1 = sorted((min(max(y0, 0.0), shape_yx[0] - 1.0), min(max(y1, 0.0), shape_yx[0] - 1.0)))
    return (x0, y0, x1, y1)


def _pairwise_dice(masks: NDArray[np.bool_]) -> list[float]:
    """Dice of every two of n masks (n, h, w); pairs of two empty masks say nothing and are left out."""
    flat = masks.reshape(len(masks), -1).astype(np.int64)
    both, sizes = flat @ flat.T, flat.sum(axis=1)
    total = sizes[:, np.newaxis] + sizes
    pairs = np.triu_indices(len(masks), 1)
    known = total[pairs] > 0
    return [float(v) for v in 2 * both[pairs][known] / total[pairs][known]]


def _box_of(mask: NDArray[np.bool_]) -> BoxXYXY | None:
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (float(xs[0]), float(ys[0]), float(xs[-1]), float(ys[-1])) if len(xs) else None


def _extent(box: BoxXYXY) -> tuple[float, float]:
    return (box[2] - box[0] + 1, box[3] - box[1] + 1)
