"""The light classifier: gradient-boosted trees on a voxel's features. No torch, no trained weights."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_aleatoric.errors import Cancelled, DataError
from napari_aleatoric.foundation import Box, Features, FeatureSource

from ._blocks import blocks
from ._coarse_look import CoarseLook
from ._samples import TILE_VOXELS, CaseSamples
from ._spec import ScoreSpec
from ._trees import Trees, openmp_threads

__all__ = ["LightClassifier"]

_MAX_TREES = 3000  # rounds × classes; beyond it fewer rounds are grown
_MIN_ROUNDS = 30
_EXACT_VOXELS = 1 << 23  # of a block; larger ones are looked at coarsely first, see `CoarseLook`
_FEW_ROWS = 50_000  # learned by one thread: more would mostly wait for each other
_STEP = 2  # one voxel in so many along an axis is predicted first
_DOUBT = 0.05  # of a label, from which on the neighbours are predicted too
_NEAR = 2  # voxels from a label's border within which all are predicted
_FLOAT32_BYTES = 1 << 28  # larger probability arrays are kept in half precision
_SLAB_NUMBERS = 1 << 26  # probabilities held at a time: 256 MB
_LEAST_SLAB = 8  # slices of a slab at least, or most of the work is its margins


class LightClassifier:
    """Probabilities of the classes from the features of a voxel.

    Parameters
    ----------
    n_rows : int
        K: number of classes with background.
    spec : ScoreSpec
        Settings.
    """

    def __init__(self, n_rows: int, spec: ScoreSpec) -> None:
        self._n_rows = n_rows
        self._spec = spec
        self._trees: Trees | None = None
        self._classes: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    @property
    def classes(self) -> tuple[int, ...]:
        """Class indices that were in the training data; the others always get probability 0."""
        return tuple(self._classes.tolist())

    def fit(
        self, samples: Sequence[CaseSamples], n_threads: int = 1, *, stopping: threading.Event | None = None
    ) -> LightClassifier:
        """Learn from the sampled voxels of some cases.

        Every label of a voxel counts, in proportion to the readers who gave it. The same samples in the same order
        give the same model.

        Parameters
        ----------
        samples : sequence of CaseSamples
            At least one; all with the same features.
        n_threads : int
            Processor cores to use. More than are free makes it slower, not faster.
        stopping : threading.Event, optional
            Once it is set by anybody, the learning ends after the round of trees that is being grown.

        Returns
        -------
        LightClassifier
            This one.

        Raises
        ------
        Cancelled
            If it was stopped; it has then learned nothing.
        """
        if not samples:
            raise DataError("The light classifier needs at least one labelled case to learn from, got none.")
        expanded = [s.expanded() for s in samples]
        features = np.concatenate([s.features[rows] for s, (rows, _, _) in zip(samples, expanded, strict=True)])
        target = np.concatenate([classes for _, classes, _ in expanded])
        weight = np.concatenate([weights for _, _, weights in expanded])
        found = np.unique(target).astype(np.int64)
        if found.size == 1:
            self._classes = found
            return self
        from sklearn.ensemble import HistGradientBoostingClassifier

        spec = self._spec
        trees_a_round = 1 if found.size == 2 else found.size
        rounds = min(spec.rounds, max(_MIN_ROUNDS, _MAX_TREES // trees_a_round))
        model = HistGradientBoostingClassifier(
            max_iter=rounds,
            learning_rate=spec.learning_rate,
            max_leaf_nodes=spec.max_leaves,
            random_state=spec.seed,
            **_asking(stopping, rounds),
        )
        with openmp_threads(n_threads if len(features) > _FEW_ROWS else 1):
            model.fit(features, target, sample_weight=None if (weight == 1).all() else weight)
        self._classes, self._trees = found, Trees(model)
        return self

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict rows of features (n, F); returns shape (n, K), rows sum to 1."""
        if self._classes.size == 0:
            raise DataError("The light classifier was not trained; call fit first.")
        result = np.zeros((len(features), self._n_rows), dtype=np.float32)
        result[:, self._classes] = 1.0 if self._trees is None else self._trees.probabilities(features)
        return result

    def predict(self, source: FeatureSource, box: Box, labels: NDArray[Any]) -> NDArray[Any]:
        """Predict a block of an image, tile by tile, finely where it matters.

        Every second voxel along every axis is predicted. All voxels are predicted within 2 voxels of the
        border of any label, and in and beside those cells of 2×2×2 voxels whose prediction doubts a label
        (1 − p(label) > 0.05); elsewhere a voxel takes the probabilities of its cell. The result does not depend on
        the tiles. A block of more than 8 million voxels is looked at otherwise, see `CoarseLook`.

        Parameters
        ----------
        source : FeatureSource
            The prepared image.
        box : Box
            The block.
        labels : numpy.ndarray of integer, shape (R, Z, Y, X)
            Class indices by reader on the whole grid, to tell where it matters; the probabilities do not use them.

        Returns
        -------
        numpy.ndarray of float32 (float16 beyond 256 MB), shape (K, Z, Y, X)
            Probabilities on the block; sum to 1 over K.
        """
        slabs = self.predict_slabs(source, box, labels)
        found = next(slabs)
        if found.shape[1:] == box.shape_zyx:
            return found
        result = np.empty((self._n_rows, *box.shape_zyx), np.float16 if self._is_large(box) else np.float32)
        first = 0
        while True:
            result[:, first : first + found.shape[1]] = found
            first += found.shape[1]
            if first == box.shape_zyx[0]:
                return result
            found = next(slabs)

    def predict_slabs(
        self,
        source: FeatureSource,
        box: Box,
        labels: NDArray[Any],
        *,
        stopping: threading.Event | None = None,
    ) -> Iterator[NDArray[np.float32]]:
        """Predict as `predict` does, a few slices after the other, so that a large block is never held whole.

        Parameters
        ----------
        source, box, labels
            As of `predict`.
        stopping : threading.Event, optional
            Once it is set by anybody, a block of more than 8 million voxels ends with `Cancelled`.

        Yields
        ------
        numpy.ndarray of float32, shape (K, n, Y, X)
            Probabilities of the next n slices of the block.
        """
        depth, height, width = box.shape_zyx
        if box.n_voxels > _EXACT_VOXELS and self._trees is not None:
            look = CoarseLook(self._trees, self._classes, self._n_rows, source, box, labels, stopping=stopping)
            yield from look.slabs(_SLAB_NUMBERS)
            return
        thick = max(_LEAST_SLAB, _SLAB_NUMBERS // (self._n_rows * height * width) // _STEP * _STEP)
        cut = labels[(slice(None), *box.slices)]
        cells, features = self._predict_cells(source, box)
        doubtful = _doubtful(cells, cut)
        for first in range(0, depth, thick):
            last = min(first + thick, depth)
            fine = _near_borders(cut, _NEAR, first, last) | _spread(doubtful, box.shape_zyx, first, last)
            fine[_cells(fine.shape)] = False  # predicted already
            result = np.asarray(_spread(cells, box.shape_zyx, first, last), dtype=np.float32)
            z = box.start_zyx[0]
            slab = Box((z + first, *box.start_zyx[1:]), (z + last, *box.stop_zyx[1:]))
            self._fill(result, source, slab, fine, features if thick >= depth else None)
            yield result

    def _is_large(self, box: Box) -> bool:
        return self._n_rows * box.n_voxels * 4 > _FLOAT32_BYTES

    def _predict_cells(self, source: FeatureSource, box: Box) -> tuple[NDArray[Any], Features | None]:
        """Predict one voxel of every cell (K, ...); with the features, if they were read in one piece."""
        shape = tuple(len(range(n)[cut]) for n, cut in zip(box.shape_zyx, _cells(box.shape_zyx), strict=True))
        result = np.zeros((self._n_rows, *shape), dtype=np.float16 if self._is_large(box) else np.float32)
        for tile in blocks(box, TILE_VOXELS):
            chosen, put = [], []
            steps = [_STEP if n > 1 else 1 for n in box.shape_zyx]
            for start, n, step in zip(tile.within(box).start_zyx, tile.shape_zyx, steps, strict=True):
                offset = -start % step
                chosen.append(slice(offset, None, step))
                put.append(slice((start + offset) // step, (start + offset) // step + len(range(offset, n, step))))
            if any(p.stop == p.start for p in put):
                continue
            read = source.read(tile)
            values = read.values[(slice(None), *chosen)]
            rows = np.ascontiguousarray(values.reshape(len(values), -1).T)
            result[(slice(None), *put)] = self.probabilities(rows).T.reshape(self._n_rows, *values.shape[1:])
            if tile == box:
                return result, read
        return result, None

    def _fill(
        self,
        result: NDArray[np.float32],
        source: FeatureSource,
        box: Box,
        mask: NDArray[np.bool_],
        features: Features | None,
    ) -> None:
        """Predict the voxels of ``mask`` into ``result``, both on the box; ``features`` of all of it, if read."""
        for tile in blocks(box, TILE_VOXELS) if features is None else [box]:
            here = tile.within(box).slices
            wanted = mask[here]
            if wanted.any():
                read = source.read(tile) if features is None else features
                rows = np.ascontiguousarray(read.values[:, wanted].T)
                result[(slice(None), *here)][:, wanted] = self.probabilities(rows).T


def _asking(stopping: threading.Event | None, rounds: int) -> dict[str, Any]:
    """Let the learner ask after every round whether anybody still waits: settings of it.

    It calls a score that may end the growing early. This one always gives the same, and the patience is longer than
    all rounds, so that the trees are those that grow without it.
    """
    if stopping is None:
        return {"early_stopping": False}

    def score(*_: Any, **__: Any) -> float:
        if stopping.is_set():
            raise Cancelled("Stopped as asked.")
        return 0.0

    return {
        "early_stopping": True,
        "scoring": score,
        "validation_fraction": None,
        "n_iter_no_change": rounds + 1,
    }


def _cells(shape_zyx: tuple[int, ...]) -> tuple[slice, slice, slice]:
    """Index of the voxels that are predicted first: one of every cell."""
    z, y, x = (slice(0, None, _STEP if n > 1 else 1) for n in shape_zyx)
    return z, y, x


def _spread(cells: NDArray[Any], shape_zyx: tuple[int, int, int], first: int, last: int) -> NDArray[Any]:
    """Give every voxel of the slices from ``first`` to ``last`` its cell's value; the last axes are z, y, x."""
    for axis, n in enumerate(shape_zyx):
        at = np.arange(n) if axis else np.arange(first, last)
        cells = np.take(cells, at // (_STEP if n > 1 else 1), axis=cells.ndim - 3 + axis)
    return cells


def _doubtful(cells: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Cells, and their neighbours, whose prediction contradicts any reader's label."""
    doubt = np.zeros(cells.shape[1:], dtype=bool)
    for label in labels:
        at = label[_cells(label.shape)]
        for z, plane in enumerate(at):
            given = np.take_along_axis(cells[:, z], plane[np.newaxis].astype(np.int64), axis=0)[0]
            doubt[z] |= given < 1 - _DOUBT
    return np.asarray(ndimage.maximum_filter(doubt, size=3, mode="nearest"))


def _near_borders(labels: NDArray[Any], reach: int, first: int, last: int) -> NDArray[np.bool_]:
    """Voxels of some slices within about ``reach`` voxels (a cube's distance) of a border of any reader's label."""
    low = max(0, first - reach)
    part = labels[:, low : last + reach]
    result = np.zeros(part.shape[1:], dtype=bool)
    size = [min(2 * reach + 1, 2 * n - 1) for n in part.shape[1:]]
    for label in part:
        highest = ndimage.maximum_filter(label, size=size, mode="nearest")
        result |= highest != ndimage.minimum_filter(label, size=size, mode="nearest")
    return result[first - low : last - low]
