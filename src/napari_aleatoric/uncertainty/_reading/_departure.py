"""How unsure the consensus is, and where each reader departs from it: no training, only the readers' labels.

The formulas are our proposal, a form without training of the annotation uncertainty and quality assessment that
Wang et al. (UMA-Net, arXiv 2304.00466; Medical Image Analysis 2025) let networks learn; they are not the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.uncertainty._overlap_and_outline import dice

from ._consensus import consensus
from ._readings import band, checked_readings, n_rows_of

__all__ = ["Departure", "consensus_entropy", "departure", "reader_weights", "weights_from_dice"]

FloatArray = NDArray[np.float64]

_SETTLED = 1e-12
_AT_MOST = 200


@dataclass(frozen=True, eq=False)
class Departure:
    """How several readers stand to their weighted mean.

    Parameters
    ----------
    weights : numpy.ndarray of float64, shape (R,)
        π_r, adding up to 1.
    entropy : numpy.ndarray of float64, shape (Z, Y, X)
        H in 0..1: in bits for one class, divided by log2 C for several.
    by_reader : numpy.ndarray of float64, shape (R, Z, Y, X)
        u_r in 0..1, high where a reader departs from the mean.
    quality : float
        q = mean of q_r, 0..1, high = the readers agree.
    quality_by_reader : tuple of float
        q_r = 1 − mean of u_r over the band.
    no_object : bool
        Whether no reader drew anything: u = 0 and q = 1 by agreement, not by measurement.
    n_band : int
        Voxels of the band.
    """

    weights: FloatArray
    entropy: FloatArray
    by_reader: FloatArray
    quality: float
    quality_by_reader: tuple[float, ...]
    no_object: bool
    n_band: int


def reader_weights(
    labels: NDArray[Any], how: Literal["dice", "staple"] = "dice", *, n_rows: int | None = None
) -> FloatArray:
    """Weigh the readers of one case by how far they agree with the others (our proposal).

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices.
    how : {"dice", "staple"}
        ``dice``: π_r = ½ · 1/R + ½ · a_r / Σ a with a_r = Σ_q π_q D_rq, repeated until it stands still; D is the
        Dice of two readers, the mean over the classes that either of the two drew, 1 where both drew nothing. The
        even half keeps the answer of a reader who is alone from vanishing. ``staple``: π_r in proportion to
        max(0, sensitivity + specificity − 1), mean over the classes that somebody drew; even where all are 0.
    n_rows : int, optional
        C, background included.

    Returns
    -------
    numpy.ndarray of float64, shape (R,)
        Above or equal 0, adding up to 1.
    """
    labels = checked_readings(labels)
    n_rows = n_rows_of(labels, n_rows)
    n = len(labels)
    even = np.full(n, 1.0 / n)
    if n == 1 or not labels.any():
        return even
    if how == "staple":
        skills = consensus(labels, "staple", n_rows=n_rows, probabilities=False).skills
        gain = np.zeros(n)
        for skill in skills:
            if np.isfinite(skill.sensitivity) and np.isfinite(skill.specificity):
                gain[skill.reader] += max(0.0, skill.sensitivity + skill.specificity - 1.0)
        return np.asarray(gain / gain.sum()) if gain.sum() > 0 else even
    overlap = np.eye(n)
    for a, b in combinations(range(n), 2):
        overlap[a, b] = overlap[b, a] = _dice_of_all(labels[a], labels[b], n_rows)
    return weights_from_dice(overlap)


def weights_from_dice(overlap: FloatArray) -> FloatArray:
    """Weigh readers by their Dice with each other, shape (R, R) with ones on its diagonal; see `reader_weights`."""
    even = np.full(len(overlap), 1.0 / len(overlap))
    weights = after = even
    for _ in range(_AT_MOST):
        agreement = overlap @ weights
        after = 0.5 * even + 0.5 * agreement / agreement.sum()
        if np.abs(after - weights).max() < _SETTLED:
            break
        weights = after
    return np.asarray(after / after.sum())


def _dice_of_all(a: NDArray[Any], b: NDArray[Any], n_rows: int) -> float:
    drawn = [(a == c, b == c) for c in range(1, n_rows)]
    found = [dice(x, y) for x, y in drawn if x.any() or y.any()]
    return float(np.mean(found)) if found else 1.0


def consensus_entropy(means: FloatArray) -> FloatArray:
    """Return the entropy of the readers' mean (our proposal).

    Parameters
    ----------
    means : numpy.ndarray of float64, shape (C, Z, Y, X)
        m_c = Σ_r π_r [y_r = c], adding up to 1 over C, background included.

    Returns
    -------
    numpy.ndarray of float64, shape (Z, Y, X)
        H = −Σ_c m_c log2 m_c / log2 C, 0..1; for one class and background that is the binary entropy in bits.
    """
    total = np.zeros(means.shape[1:])
    for mean in means:
        inside = mean > 0
        total[inside] -= mean[inside] * np.log2(mean[inside])
    return np.asarray(np.clip(total / np.log2(len(means)), 0.0, 1.0))


def departure(
    labels: NDArray[Any],
    weights: FloatArray | None = None,
    *,
    n_rows: int | None = None,
    band_voxels: float = 3.0,
) -> Departure:
    """Measure where several readers depart from their mean, and how good their labels are together.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices of two readers or more; a missing reader has no row.
    weights : numpy.ndarray of float64, shape (R,), optional
        π_r, scaled to add up to 1; by default `reader_weights`.
    n_rows : int, optional
        C, background included.
    band_voxels : float
        How far the band reaches beyond the union of what was drawn, in voxels.

    Returns
    -------
    Departure
        u_r(i) = 1 − m_c(i) with c the reader's own class: |y_r − m| where there is one class (our proposal).

    Raises
    ------
    DataError
        If there are fewer than two readers: a single one departs from nothing.
    """
    labels = checked_readings(labels, at_least=2)
    n_rows = n_rows_of(labels, n_rows)
    given = reader_weights(labels, n_rows=n_rows) if weights is None else np.asarray(weights, dtype=np.float64)
    given = given / given.sum()
    means = np.zeros((n_rows, *labels.shape[1:]))
    for weight, label in zip(given, labels, strict=True):
        for c in range(n_rows):
            means[c] += weight * (label == c)
    by_reader = np.stack(
        [1.0 - np.take_along_axis(means, label[np.newaxis].astype(np.intp), 0)[0] for label in labels]
    )
    np.clip(by_reader, 0.0, 1.0, out=by_reader)
    same = (labels == labels[0]).all(axis=0)
    by_reader[:, same] = 0.0  # sums of weights end a hair beside 1
    entropy = np.where(same, 0.0, consensus_entropy(means))
    near = band(np.asarray((labels > 0).any(axis=0)), band_voxels)
    n_band = int(near.sum())
    qualities = tuple(1.0 - float(u[near].mean()) if n_band else 1.0 for u in by_reader)
    return Departure(given, entropy, by_reader, float(np.mean(qualities)), qualities, n_band == 0, n_band)
