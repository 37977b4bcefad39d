"""How far a segmenter's answers move when the prompts move by a few voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._box import Box
from ._embedded import EmbeddedVolume
from ._segmenter import Prompt, PromptSegmenter
from ._slice_grid import BoxXYXY, box_of, extent, to_grid

__all__ = ["JitteredMaps", "jittered_prompts"]

_PROMPTS_AT_ONCE = 64


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


def jittered_prompts(
    segmenter: PromptSegmenter,
    embedded: EmbeddedVolume,
    label_index: NDArray[np.integer],
    class_indices: Sequence[int],
    *,
    n: int = 4,
    voxels: float = 2.0,
    seed: int | np.random.Generator = 0,
) -> JitteredMaps:
    """Move the box of every class in every slice by a few voxels and see how far the answers move.

    Our proposal. High where the image does not say by itself where the object ends. Answers are added up as they
    come: 64 of them are held at a time, however many boxes, slices and classes there are.

    Parameters
    ----------
    segmenter, embedded, label_index, class_indices
        As of `decode_classes`.
    n : int
        Boxes per slice and class, at least 2.
    voxels : float
        Standard deviation of the movement of every side, in voxels; at most a tenth of the object's extent.
    seed : int or numpy.random.Generator
        Of the movements. A generator goes on: groups of classes with one generator, in their order, give what all
        classes at once give with its seed.
    """
    rng = np.random.default_rng(seed)
    label = np.moveaxis(label_index, embedded.axis, 0)[embedded.box.slices]
    present = tuple(c for c in class_indices if (label == c).any())
    h, w = embedded.slices[0].mask_yx
    spread = np.zeros((len(present), label.shape[0], h, w), dtype=np.float32)
    overlaps: list[list[float]] = [[] for _ in present]
    places, boxes = [], []
    for row, c in enumerate(present):
        for z in range(label.shape[0]):
            box = box_of(label[z] == c)
            if box is not None:
                places.append((row, z))
                boxes += [Prompt(box_xyxy=_moved(box, voxels, rng, label.shape[1:])) for _ in range(n)]
    answers = _Answers((h, w))
    for first in range(0, len(boxes), _PROMPTS_AT_ONCE):
        prompts = boxes[first : first + _PROMPTS_AT_ONCE]
        asked = [places[number // n] for number in range(first, first + len(prompts))]
        slices = [embedded.slices[z] for _, z in asked]
        for (row, z), answer in zip(asked, segmenter.predict(slices, prompts), strict=True):
            answers.add(answer.logits)
            if answers.n == n:
                spread[row, z] = np.minimum(2 * answers.deviation, 1)
                overlaps[row] += answers.overlaps
                answers = _Answers((h, w))
    means = tuple(float(np.mean(each)) if each else float("nan") for each in overlaps)
    return JitteredMaps(spread, means, present, embedded.axis, embedded.box)


class _Answers:
    """Answers to the moved boxes of one object in one slice, added up one after the other.

    Mean and squared deviations after Welford (Technometrics 4:419, 1962); of an answer itself only its mask is
    kept, a bit a cell.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.n = 0
        self.overlaps: list[float] = []
        self._mean = np.zeros(shape)
        self._squares = np.zeros(shape)
        self._masks: list[tuple[NDArray[np.uint8], int]] = []

    def add(self, logits: NDArray[np.float32]) -> None:
        """Take in an answer (h, w), and its Dice with every one before; two empty masks say nothing."""
        p = 1 / (1 + np.exp(-np.clip(logits, -30, 30).astype(np.float64)))
        self.n += 1
        ahead = p - self._mean
        self._mean += ahead / self.n
        self._squares += ahead * (p - self._mean)
        mask = np.packbits(logits > 0)
        size = _bits(mask)
        for other, other_size in self._masks:
            if size + other_size:
                self.overlaps.append(2 * _bits(mask & other) / (size + other_size))
        self._masks.append((mask, size))

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation of the probabilities, shape (h, w)."""
        return np.asarray(np.sqrt(self._squares / self.n))


def _bits(mask: NDArray[np.uint8]) -> int:
    return int(np.bitwise_count(mask).sum(dtype=np.int64))


def _moved(box: BoxXYXY, voxels: float, rng: np.random.Generator, shape_yx: tuple[int, ...]) -> BoxXYXY:
    width, height = extent(box)
    by = np.array([min(voxels, 0.1 * width), min(voxels, 0.1 * height)] * 2)
    x0, y0, x1, y1 = (float(v) for v in np.array(box) + rng.normal(0, 1, 4) * by)
    x0, x1 = sorted((min(max(x0, 0.0), shape_yx[1] - 1.0), min(max(x1, 0.0), shape_yx[1] - 1.0)))
    y0, y1 = sorted((min(max(y0, 0.0), shape_yx[0] - 1.0), min(max(y1, 0.0), shape_yx[0] - 1.0)))
    return (x0, y0, x1, y1)
