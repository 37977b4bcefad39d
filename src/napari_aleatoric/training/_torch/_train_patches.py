"""Patches to learn from, with their weights: which, is decided by seed, step and place in the step alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_aleatoric.training._cases import CaseShelf, NetCase
from napari_aleatoric.training._model_plan import ModelPlan
from napari_aleatoric.training._model_spec import TrainSpec
from napari_aleatoric.training._train import TrainingSet

from ._patches import IGNORED, cut_patch
from ._train_augment import Turn, changed_intensities, resampled

__all__ = ["Batch", "TrainDraw", "most_readers"]

_SPOTS = 512  # voxels remembered of every class of a case, to lay patches round

_Start = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Batch:
    """Patches of one step, or the share of one process.

    Parameters
    ----------
    images : torch.Tensor of float32, shape (N, C, z, y, x)
        Slices beside the one in the middle are channels too, in '2.5d'.
    labels : torch.Tensor of int64, shape (N, z, y, x) or (N, R, z, y, x)
        Class indices; `IGNORED` beyond the rim. Of all R readers where all are learned from at once; `IGNORED`
        everywhere where one has no label of a case.
    voxel_weight : torch.Tensor of float32, shape (N, z, y, x)
        How much every voxel counts.
    sample_weight : torch.Tensor of float32, shape (N,)
        How much every patch counts.
    sample_index : torch.Tensor of int64, shape (N,)
        Place of its case among those that are learned from.
    """

    images: Tensor
    labels: Tensor
    voxel_weight: Tensor
    sample_weight: Tensor
    sample_index: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return it on a device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


class TrainDraw:
    """Draws the patches of every step: the same ones after a stop as without, in one process as in several.

    Parameters
    ----------
    shelf : CaseShelf
        Where the cases are.
    training_set : TrainingSet
        Which are learned from, and how much each counts.
    plan : ModelPlan
        Size and number of the patches.
    spec : TrainSpec
        Seed, augmentation, and how many patches lie round a labelled voxel, in equal shares for a case's classes.
    """

    def __init__(self, shelf: CaseShelf, training_set: TrainingSet, plan: ModelPlan, spec: TrainSpec) -> None:
        self._shelf = shelf
        self._set = training_set
        self._plan = plan
        self._spec = spec
        self._spots: dict[tuple[int, int], list[NDArray[np.int64]]] = {}
        self._n_readers = most_readers(shelf, training_set) if spec.readers in ("each", "uma") else 0

    def step(self, number: int, places: Sequence[int]) -> Batch:
        """Return the patches at some places of a step; all places of a step are 0 to ``plan.batch`` − 1."""
        drawn = [self._patch(number, place) for place in places]
        images, labels, weights, rows = zip(*drawn, strict=True)
        return Batch(
            torch.stack(images),
            torch.stack(labels),
            torch.stack(weights),
            torch.tensor([self._set.sample_weight[row] for row in rows], dtype=torch.float32),
            torch.tensor(rows, dtype=torch.int64),
        )

    def _patch(self, number: int, place: int) -> tuple[Tensor, Tensor, Tensor, int]:
        rng = np.random.default_rng([self._spec.seed, number, place])
        row = int(rng.integers(len(self._set.names)))
        case = self._shelf.get(self._set.names[row])
        reader = int(rng.integers(len(case.labels)))
        start = self._start(case, row, reader, rng)
        turn = Turn.drawn(self._plan, self._spec.augmentation, rng)
        image, label, weight = self._block(case, reader, start, turn)
        if self._spec.augmentation > 0:
            for axis in self._plan.mirror_axes:
                if rng.random() < 0.5:
                    image, label, weight = (np.flip(values, axis + 1) for values in (image, label, weight))
        image = changed_intensities(image, self._spec.augmentation, rng)
        pixels = torch.from_numpy(np.ascontiguousarray(image))
        if self._plan.is_flat:  # neighbouring slices are channels
            pixels = pixels.reshape(-1, 1, *pixels.shape[2:])
        if self._n_readers:
            label = np.pad(label, ((0, self._n_readers - len(label)), *[(0, 0)] * 3), constant_values=IGNORED)
        found = torch.from_numpy(np.ascontiguousarray(label if self._n_readers else label[0])).long()
        return pixels, found, torch.from_numpy(np.ascontiguousarray(weight[0])), row

    def _block(
        self, case: NetCase, reader: int, start: _Start, turn: Turn | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Cut image (C, z, y, x), labels (1 or R, z, y, x), weight (1, z, y, x), turned where they are to be."""
        patch, beside = self._plan.patch_zyx, np.array([self._plan.neighbours, 0, 0])
        size = np.array(patch) if turn is None else turn.reach(patch)
        middle = start + (np.array(patch) - 1) / 2
        first = start if turn is None else np.floor(middle - (size - 1) / 2).astype(np.int64)
        label = _cut(case.labels if self._n_readers else case.labels[reader : reader + 1], first, size, "ignored")
        weight = (
            np.ones_like(label[:1]) if case.weight is None else _cut(case.weight[np.newaxis], first, size, "edge")
        )
        image = _cut(case.image, first - beside, size + 2 * beside, "edge")
        if turn is None:
            return image, label, weight
        at = middle - first

        def turned(values: NDArray[np.float32], nearest: bool) -> NDArray[np.float32]:
            flat = torch.from_numpy(np.ascontiguousarray(values))
            if nearest or not self._plan.is_flat:
                return np.asarray(resampled(flat, turn, at, patch, nearest=nearest).numpy())
            slices = flat.reshape(-1, 1, *flat.shape[2:])
            found = resampled(slices, turn, at, patch, nearest=False)
            return np.asarray(found.reshape(*values.shape[:2], *found.shape[2:]).numpy())

        return turned(image, False), turned(label, True), turned(weight, True)

    def _start(self, case: NetCase, row: int, reader: int, rng: np.random.Generator) -> _Start:
        """First voxel of a patch along every axis; below 0 where the case is thinner than the patch."""
        shape, patch = np.array(case.image.shape[1:]), np.array(self._plan.patch_zyx)
        room = shape - patch
        start = np.where(room > 0, rng.integers(0, np.maximum(room, 0) + 1), room // 2)
        if rng.random() < self._spec.near_fraction:
            spots = self._remembered(case, row, reader)
            if spots:
                chosen = int(rng.choice(spots[int(rng.integers(len(spots)))]))
                voxel = np.array(np.unravel_index(chosen, case.labels.shape[1:]))
                middle = voxel - patch // 2 + rng.integers(-(patch // 4), patch // 4 + 1)
                start = np.where(room > 0, np.clip(middle, 0, np.maximum(room, 0)), start)
        return np.asarray(start, dtype=np.int64)

    def _remembered(self, case: NetCase, row: int, reader: int) -> list[NDArray[np.int64]]:
        """Return some voxels of every class of a case but background; looked for once."""
        if (row, reader) not in self._spots:
            label = np.asarray(case.labels[reader]).ravel()
            rng = np.random.default_rng([self._spec.seed, row, reader])
            found = []
            for class_index in np.flatnonzero(np.bincount(label)):
                if class_index > 0:
                    where = np.flatnonzero(label == class_index)
                    found.append(
                        np.sort(rng.choice(where, _SPOTS, replace=False)) if len(where) > _SPOTS else where
                    )
            self._spots[row, reader] = found
        return self._spots[row, reader]


def most_readers(shelf: CaseShelf, training_set: TrainingSet) -> int:
    """Return how many readers labelled the case that most of them labelled."""
    return max(len(shelf.get(name).labels) for name in training_set.names)


def _cut(values: NDArray[np.generic], first: _Start, size: NDArray[np.int64], beyond: str) -> NDArray[np.float32]:
    return cut_patch(values, [int(v) for v in first], [int(v) for v in size], beyond).astype(np.float32)
