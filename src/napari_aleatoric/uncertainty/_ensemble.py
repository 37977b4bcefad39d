"""What several networks say together: total entropy, its aleatoric part, and their disagreement, voxel by voxel.

The split H(mean p) = mean H(p) + mutual information is that of Houlsby et al. (arXiv 1112.5745) and Depeweg et al.
(arXiv 1710.07283). All entropies are in nats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

__all__ = ["EnsembleMaps", "EnsembleSums", "binary_entropy", "ensemble_maps", "entropy", "normalised"]

FloatArray = NDArray[np.float32]

_ALL = slice(None)

_SUM_TOLERANCE = 0.1
"""How far probabilities of a voxel may be from a sum of one: bytes of many classes round that far, other things
are no probabilities."""


def entropy(probabilities: NDArray[Any]) -> FloatArray:
    """Return −Σ p ln p over the first axis, in nats.

    Parameters
    ----------
    probabilities : numpy.ndarray of float, shape (K, ...)
        Sum to 1 over K.

    Returns
    -------
    numpy.ndarray of float32, shape (...)
        From 0 to ln K.
    """
    total = np.zeros(probabilities.shape[1:], dtype=np.float32)
    for row in probabilities:
        total -= _p_ln_p(row)
    return np.clip(total, 0.0, np.log(max(1, len(probabilities))), out=total)


def binary_entropy(probability: NDArray[Any]) -> FloatArray:
    """Return −p ln p − (1−p) ln(1−p), of "is it this class or not", in nats: from 0 to ln 2, any shape."""
    p = probability.astype(np.float32)
    return np.asarray(np.clip(-_p_ln_p(p) - _p_ln_p(1 - p), 0.0, np.log(2)), dtype=np.float32)


def _p_ln_p(probability: NDArray[Any]) -> FloatArray:
    p = np.clip(probability.astype(np.float32), 0.0, 1.0)
    return np.asarray(p * np.log(np.where(p > 0, p, np.float32(1))))


def normalised(probabilities: NDArray[Any]) -> FloatArray:
    """Divide probabilities by their sum, as rounding may have moved it.

    Parameters
    ----------
    probabilities : numpy.ndarray of float, shape (K, ...)
        Not negative; sum to nearly 1 over K.

    Returns
    -------
    numpy.ndarray of float32, shape (K, ...)

    Raises
    ------
    DataError
        If they are no probabilities: negative or not finite, fewer than two classes, or a sum far from 1.
    """
    if probabilities.ndim < 2 or len(probabilities) < 2:
        raise DataError(
            f"Expected probabilities of shape (K, ...) with background and at least one class, got "
            f"{probabilities.shape}. Add the background, 1 − p, as the first row."
        )
    p = probabilities.astype(np.float32)
    total = p.sum(axis=0)
    if not p.size:
        return p
    if not (float(p.min()) >= -1e-3 and float(np.abs(total - 1).max()) <= _SUM_TOLERANCE):  # also true for NaN
        raise DataError(
            f"Expected probabilities that sum to 1 over the classes, got values from {float(p.min()):.3g} and sums "
            f"from {float(total.min()):.3g} to {float(total.max()):.3g}. Give what comes out of the softmax."
        )
    np.clip(p, 0.0, None, out=p)
    p /= p.sum(axis=0)
    return p


@dataclass(frozen=True, eq=False)
class EnsembleMaps:
    """What the members of an ensemble say together.

    ``0 <= expected <= predictive <= ln K`` holds in every voxel, and with ln 2 for the single classes.

    Parameters
    ----------
    n_members : int
        How many there are.
    mean : numpy.ndarray of float32, shape (K, Z, Y, X)
        Mean probabilities.
    predictive, expected : numpy.ndarray of float32, shape (Z, Y, X)
        Entropy of the mean (total), and mean entropy of the members (aleatoric), in nats.
    class_predictive, class_expected : numpy.ndarray of float32, shape (K, Z, Y, X)
        The same of "is it this class or not" for every class.
    votes : numpy.ndarray of uint16, shape (K, Z, Y, X)
        How many members find the class most likely.
    """

    n_members: int
    mean: FloatArray
    predictive: FloatArray
    expected: FloatArray
    class_predictive: FloatArray
    class_expected: FloatArray
    votes: NDArray[np.uint16]

    @property
    def mutual_information(self) -> FloatArray:
        """Predictive minus expected entropy, shape (Z, Y, X): the members' disagreement (epistemic)."""
        return self.predictive - self.expected

    @property
    def class_mutual_information(self) -> FloatArray:
        """The same of every class, shape (K, Z, Y, X)."""
        return self.class_predictive - self.class_expected

    def member_spread(self, class_index: int) -> float:
        """1 − Dice of a class between the members, all pairs pooled, in [0, 1]; NaN where no member finds it.

        Pooled: the sum of all pairs' overlaps over the sum of their sizes, which can be counted from votes alone,
        so that no member has to be kept (our proposal; of two members it is 1 − their Dice).
        """
        votes = self.votes[class_index].astype(np.int64)
        n = self.n_members
        sizes = int(votes.sum())
        if n < 2 or sizes == 0:
            return float("nan")
        both = int((votes * (votes - 1) // 2).sum())
        return 1.0 - 2.0 * both / ((n - 1) * sizes)


class EnsembleSums:
    """Adds up members one after the other: memory does not grow with their number.

    It holds two numbers and a count of votes per voxel and class.
    """

    def __init__(self) -> None:
        self.n_members = 0
        self._p: FloatArray | None = None
        self._h: FloatArray | None = None
        self._h_class: FloatArray | None = None
        self._votes: NDArray[np.uint16] | None = None

    def add(self, probabilities: NDArray[Any]) -> None:
        """Take in one member.

        Parameters
        ----------
        probabilities : numpy.ndarray of float, shape (K, Z, Y, X)
            Sum to 1 over K; the same shape for all members.

        Raises
        ------
        DataError
            If they are no probabilities, or of another shape than those before.
        """
        p = normalised(probabilities)
        winner = p.argmax(axis=0)
        if self._p is None or self._h is None or self._h_class is None or self._votes is None:
            self._p, self._h = np.zeros_like(p), np.zeros(p.shape[1:], np.float32)
            self._h_class, self._votes = np.zeros_like(p), np.zeros(p.shape, np.uint16)
        elif p.shape != self._p.shape:
            raise DataError(
                f"Expected the shape of the first member, {self._p.shape} (K, Z, Y, X), got {p.shape}: all members "
                "must have the same classes and the same grid."
            )
        self._p += p
        self._h += entropy(p)
        for row, values in enumerate(p):
            self._h_class[row] += binary_entropy(values)
            self._votes[row] += winner == row
        self.n_members += 1

    def result(self, slices: slice = _ALL) -> EnsembleMaps:
        """Return the maps of all members so far.

        Parameters
        ----------
        slices : slice
            Of the first axis behind the classes; by default all of them.

        Raises
        ------
        DataError
            If there is no member yet.
        """
        if self._p is None or self._h is None or self._h_class is None or self._votes is None:
            raise DataError("An ensemble needs at least one member; none was given.")
        mean = self._p[:, slices] / np.float32(self.n_members)
        predictive = entropy(mean)
        class_predictive = np.stack([binary_entropy(row) for row in mean])
        return EnsembleMaps(
            n_members=self.n_members,
            mean=mean,
            predictive=predictive,
            # the mean of a concave function is never above the function of the mean; rounding may be
            expected=np.minimum(self._h[slices] / np.float32(self.n_members), predictive),
            class_predictive=class_predictive,
            class_expected=np.minimum(self._h_class[:, slices] / np.float32(self.n_members), class_predictive),
            votes=self._votes[:, slices].copy(),
        )


def ensemble_maps(*members: NDArray[Any]) -> EnsembleMaps:
    """Return the maps of members that are all there, each of shape (K, Z, Y, X); see `EnsembleSums`."""
    sums = EnsembleSums()
    for member in members:
        sums.add(member)
    return sums.result()
