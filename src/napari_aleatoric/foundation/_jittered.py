"""How far a segmenter's answers move when the prompts move by a few voxels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
            box = box_of(label[z] == c)
            if box is not None:
                places.append((row, z))
                boxes += [Prompt(box_xyxy=_moved(box, voxels, rng, label.shape[1:])) for _ in range(n)]
    at_once = max(1, _PROMPTS_AT_ONCE // n)
    for first in range(0, len(places), at_once):
        chosen = places[first : first + at_once]
        asked = [embedded.slices[z] for _, z in chosen]
        answers = segmenter.predict(
            [each for each in asked for _ in range(n)], boxes[first * n : (first + len(chosen)) * n]
        )
        for number, (row, z) in enumerate(chosen):
            stack = np.stack([answer.logits for answer in answers[number * n : (number + 1) * n]])
            spread[row, z] = 2 * (1 / (1 + np.exp(-np.clip(stack, -30, 30)))).std(axis=0)
            overlaps[row] += _pairwise_dice(stack > 0)
    means = tuple(float(np.mean(overlaps[row])) if overlaps[row] else float("nan") for row in range(len(present)))
    return JitteredMaps(np.clip(spread, 0, 1), means, present, embedded.axis, embedded.box)


def _moved(box: BoxXYXY, voxels: float, rng: np.random.Generator, shape_yx: tuple[int, ...]) -> BoxXYXY:
    width, height = extent(box)
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
