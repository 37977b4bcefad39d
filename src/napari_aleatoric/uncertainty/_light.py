"""The light classifier: gradient-boosted trees on a voxel's features. No torch, no trained weights."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Box, Features, FeatureSource

from ._samples import TILE_VOXELS, CaseSamples
from ._spec import ScoreSpec

__all__ = ["LightClassifier"]

_MAX_TREES = 3000  # rounds × classes; beyond it fewer rounds are grown
_MIN_ROUNDS = 30
_CHUNK = 8192  # rows predicted at a time: their float64 copy stays in the processor's cache
_STEP = 2  # one voxel in so many along an axis is predicted first
_DOUBT = 0.05  # of a label, from which on the neighbours are predicted too
_NEAR = 2  # voxels from a label's border within which all are predicted
_FLOAT32_BYTES = 1 << 28  # larger probability arrays are kept in half precision


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
        self._model: Any = None
        self._classes: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    @property
    def classes(self) -> tuple[int, ...]:
        """Class indices that were in the training data; the others always get probability 0."""
        return tuple(self._classes.tolist())

    def fit(self, samples: Sequence[CaseSamples], n_threads: int = 1) -> LightClassifier:
        """Learn from the sampled voxels of some cases.

        Every label of a voxel counts, in proportion to the readers who gave it. The same samples in the same order
        give the same model.

        Parameters
        ----------
        samples : sequence of CaseSamples
            At least one; all with the same features.
        n_threads : int
            Processor cores to use. More than are free makes it slower, not faster.

        Returns
        -------
        LightClassifier
            This one.
        """
        if not samples:
            raise DataError("The light classifier needs at least one labelled case to learn from, got none.")
        expanded = [s.expanded() for s in samples]
        features = np.concatenate([s.features[rows] for s, (rows, _, _) in zip(samples, expanded, strict=True)])
        target = np.concatenate([classes for _, classes, _ in expanded])
        weight = np.concatenate([weights for _, _, weights in expanded])
        self._classes = np.unique(target).astype(np.int64)
        if self._classes.size == 1:
            return self
        from sklearn.ensemble import HistGradientBoostingClassifier

        spec = self._spec
        trees_a_round = 1 if self._classes.size == 2 else self._classes.size
        rounds = min(spec.rounds, max(_MIN_ROUNDS, _MAX_TREES // trees_a_round))
        self._model = HistGradientBoostingClassifier(
            max_iter=rounds,
            learning_rate=spec.learning_rate,
            max_leaf_nodes=spec.max_leaves,
            early_stopping=False,
            random_state=spec.seed,
        )
        with _openmp_threads(n_threads):
            self._model.fit(features, target, sample_weight=None if (weight == 1).all() else weight)
        return self

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict rows of features (n, F); returns shape (n, K), rows sum to 1."""
        if self._classes.size == 0:
            raise DataError("The light classifier was not trained; call fit first.")
        result = np.zeros((len(features), self._n_rows), dtype=np.float32)
        if self._model is None:
            result[:, self._classes] = 1.0
            return result
        with _openmp_threads(1):  # cases run side by side instead
            for first in range(0, len(features), _CHUNK):
                part = slice(first, first + _CHUNK)
                result[part, self._classes] = self._model.predict_proba(features[part])
        return result

    def predict(self, source: FeatureSource, box: Box, labels: NDArray[Any]) -> NDArray[Any]:
        """Predict a block of an image, tile by tile, finely where it matters.

        Every second voxel along every axis is predicted. All voxels are predicted within 2 voxels of the
        border of any label, and in and beside those cells of 2×2×2 voxels whose prediction doubts a label
        (1 − p(label) > 0.05); elsewhere a voxel takes the probabilities of its cell. The result does not depend on
        the tiles.

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
        large = self._n_rows * box.n_voxels * 4 > _FLOAT32_BYTES
        result = np.zeros((self._n_rows, *box.shape_zyx), dtype=np.float16 if large else np.float32)
        tiles = list(box.tiles(TILE_VOXELS))
        cut = labels[(slice(None), *box.slices)]
        coarse = np.zeros(box.shape_zyx, dtype=bool)
        coarse[_cells(box.shape_zyx)] = True
        kept = self._fill(result, source, box, tiles, coarse)
        cells = result[(slice(None), *_cells(box.shape_zyx))]
        fine = _near_borders(cut, _NEAR) | _spread(_doubtful(cells, cut), box.shape_zyx)
        fine &= ~coarse
        result[:] = _spread(cells, box.shape_zyx)
        self._fill(result, source, box, tiles, fine, kept)
        return result

    def _fill(
        self,
        result: NDArray[Any],
        source: FeatureSource,
        box: Box,
        tiles: Sequence[Box],
        mask: NDArray[np.bool_],
        features: Features | None = None,
    ) -> Features | None:
        """Predict the voxels of ``mask`` into ``result``; hands back the features if there is a single tile."""
        for tile in tiles:
            here = tile.within(box).slices
            wanted = mask[here]
            if not wanted.any():
                continue
            read = source.read(tile) if features is None else features
            rows = np.ascontiguousarray(read.values[:, wanted].T)
            result[(slice(None), *here)][:, wanted] = self.probabilities(rows).T
            if len(tiles) == 1:
                return read
        return features


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _openmp_threads(n: int) -> AbstractContextManager[Any]:
    """Limit the threads of the tree learner in this thread: on busy machines they wait for each other for ever."""
    limit: AbstractContextManager[Any] = _controller().limit(limits=n, user_api="openmp")
    return limit


def _cells(shape_zyx: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    """Index of the voxels that are predicted first: one of every cell."""
    z, y, x = (slice(0, None, _STEP if n > 1 else 1) for n in shape_zyx)
    return z, y, x


def _spread(cells: NDArray[Any], shape_zyx: tuple[int, int, int]) -> NDArray[Any]:
    """Give every voxel the value of its cell; the last three axes are z, y, x."""
    for axis, n in enumerate(shape_zyx):
        cells = np.take(cells, np.arange(n) // (_STEP if n > 1 else 1), axis=cells.ndim - 3 + axis)
    return cells


def _doubtful(cells: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Cells, and their neighbours, whose prediction contradicts any reader's label."""
    at = (slice(None), *_cells((labels.shape[1], labels.shape[2], labels.shape[3])))
    given = np.take_along_axis(cells, labels[at].astype(np.int64), axis=0)
    doubt = given.min(axis=0) < 1 - _DOUBT
    return np.asarray(ndimage.maximum_filter(doubt, size=3, mode="nearest"))


def _near_borders(labels: NDArray[Any], reach: int) -> NDArray[np.bool_]:
    """Voxels within about ``reach`` voxels (a cube's distance) of a border of any reader's label."""
    result = np.zeros(labels.shape[1:], dtype=bool)
    size = [min(2 * reach + 1, 2 * n - 1) for n in labels.shape[1:]]
    for label in labels:
        highest = ndimage.maximum_filter(label, size=size, mode="nearest")
        result |= highest != ndimage.minimum_filter(label, size=size, mode="nearest")
    return result
