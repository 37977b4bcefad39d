"""Boosted trees asked class by class: most voxels can be of a few classes only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Trees", "openmp_threads"]

_CHUNK = 8192  # rows predicted at a time: their float64 copy stays in the processor's cache
_ALIKE = 1e-6  # probabilities from the trees of each class against scikit-learn's own


class Trees:
    """The trees of a fitted classifier.

    Parameters
    ----------
    model : sklearn.ensemble.HistGradientBoostingClassifier
        Fitted, without categories; K classes.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._raw: Callable[[NDArray[np.float64], int], NDArray[np.float64]] | None = None
        self._checked = False

    def probabilities(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict rows of features (n, F) in this thread; returns shape (n, K), rows sum to 1."""
        result = np.empty((len(rows), len(self._model.classes_)), dtype=np.float32)
        with openmp_threads(1):  # others work side by side
            for first in range(0, len(rows), _CHUNK):
                part = slice(first, first + _CHUNK)
                result[part] = self._model.predict_proba(rows[part])
        return result

    def among(
        self, rows: NDArray[np.float32], possible: NDArray[np.bool_], others: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Predict rows, each among the classes that are possible there: the trees of the others are not asked.

        With the sum f_k of the trees of class k, p_k = (1 − r) · exp f_k / Σ exp f_j over the possible classes j,
        where r is what the other classes are given.

        Parameters
        ----------
        rows : numpy.ndarray of float32, shape (n, F)
            Features.
        possible : numpy.ndarray of bool, shape (n, K)
            At least one class a row.
        others : numpy.ndarray of float, shape (n, K)
            Probabilities of the classes that are not possible.

        Returns
        -------
        numpy.ndarray of float32, shape (n, K)
            Rows sum to 1.
        """
        raw = self._opened(rows)
        if raw is None:
            return self.probabilities(rows)
        result = np.where(possible, np.float32(0), others.astype(np.float32))
        for first in range(0, len(rows), _CHUNK):
            here = possible[first : first + _CHUNK]
            values = rows[first : first + _CHUNK].astype(np.float64)
            scores = np.full(here.shape, -np.inf)
            for k in np.flatnonzero(here.any(axis=0)).tolist():
                asked = np.flatnonzero(here[:, k])
                scores[asked, k] = raw(values if asked.size == len(values) else values[asked], k)
            part = result[first : first + _CHUNK]
            part += _softmax(scores) * (1 - part.sum(axis=1, keepdims=True))
        return result

    def _opened(
        self, rows: NDArray[np.float32]
    ) -> Callable[[NDArray[np.float64], int], NDArray[np.float64]] | None:
        """Return what gives the raw scores of one class; None where the trees cannot be asked one by one.

        scikit-learn has no public door to the trees of a class. Its own parts are used, and believed only if they
        give the probabilities that it gives itself.
        """
        if not self._checked and len(rows):
            some = rows[:: max(1, len(rows) // 64)].astype(np.float64)
            raw = _class_by_class(self._model)
            try:
                if raw is not None:
                    scores = np.stack([raw(some, k) for k in range(len(self._model.classes_))], axis=1)
                    if np.abs(_softmax(scores) - self.probabilities(some.astype(np.float32))).max() < _ALIKE:
                        self._raw = raw
            except (AttributeError, TypeError, ValueError, IndexError):
                pass  # another version of scikit-learn: all trees are asked, which takes longer
            self._checked = True
        return self._raw


def _class_by_class(model: Any) -> Callable[[NDArray[np.float64], int], NDArray[np.float64]] | None:
    """Ask for the sum of one class's trees at rows (n, F) of float64; None for two classes or unknown insides."""
    if len(model.classes_) < 3:
        return None  # a single tree a round tells two classes apart
    try:
        baseline = np.ravel(model._baseline_prediction)
        predictors = [list(each) for each in zip(*model._predictors, strict=True)]
        bitsets, index_map = model._bin_mapper.make_known_categories_bitsets()
    except (AttributeError, TypeError, ValueError):
        return None

    def raw(values: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        total = np.full(len(values), baseline[k])
        for tree in predictors[k]:
            total += tree.predict(values, known_cat_bitsets=bitsets, f_idx_map=index_map, n_threads=1)
        return total

    return raw


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """Probabilities of rows of raw scores; minus infinity has none."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def openmp_threads(n: int) -> AbstractContextManager[Any]:
    """Limit the threads of the tree learner in this thread: on busy machines they wait for each other for ever."""
    limit: AbstractContextManager[Any] = _controller().limit(limits=n, user_api="openmp")
    return limit
