"""How well scores find what is known to be wrong: figures of an order, exact with ties, many weightings at once.

Everything comes from one running count: how many wrong and right labels stand at or above every distinct score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

__all__ = ["DetectionCurve", "auroc", "average_precision", "detection_curve", "precision_at", "voxel_auroc"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DetectionCurve:
    """Wrong and right labels found on the way down an order; equal scores enter together.

    Parameters
    ----------
    wrong, right : numpy.ndarray of float64, shape (draws, steps + 1)
        Weight of the wrong and of the right labels so far; the first column is 0, the last the whole. Every row is
        one weighting of the labels.
    """

    wrong: FloatArray
    right: FloatArray

    def auroc(self) -> FloatArray:
        """Probability that a wrong label stands above a right one, ties counting half (Mann–Whitney); (draws,).

        NaN where there are no wrong, or no right, labels.
        """
        gained = np.diff(self.wrong, axis=1)
        below = self.right[:, -1:] - (self.right[:, 1:] + self.right[:, :-1]) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((gained * below).sum(axis=1) / (self.wrong[:, -1] * self.right[:, -1]))

    def average_precision(self) -> FloatArray:
        """Σ (recall gained) · precision over the steps, as scikit-learn's average_precision_score; (draws,)."""
        gained = np.diff(self.wrong, axis=1)
        seen = self.wrong[:, 1:] + self.right[:, 1:]
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(seen > 0, self.wrong[:, 1:] / seen, 0.0)
            return np.asarray((gained * precision).sum(axis=1) / self.wrong[:, -1])

    def precision_at(self, n: float) -> FloatArray:
        """Share of wrong labels among the first ``n``, on average over all orders of equal scores; (draws,)."""
        found = _interpolated(self.wrong + self.right, self.wrong, n)
        return found / n

    def above_line(self, share: float, error_rate: float) -> tuple[FloatArray, FloatArray]:
        """Say what stands in the first part of a queue, if another part of the labels were wrong than here.

        Bayes' rule: of a queue with error rate r, the part r·t + (1 − r)·f stands above a score, where t of the
        wrong and f of the right labels stand above it. The line is laid where that part is ``share``.

        Parameters
        ----------
        share : float
            Part of the queue above the line, in (0, 1].
        error_rate : float
            Part of all labels that is taken to be wrong, in (0, 1).

        Returns
        -------
        precision : numpy.ndarray of float64, shape (draws,)
            Part of the labels above the line that are wrong (positive predictive value).
        recall : numpy.ndarray of float64, shape (draws,)
            Part of all wrong labels that stand above the line.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            recall = self.wrong / self.wrong[:, -1:]
            part = error_rate * recall + (1 - error_rate) * self.right / self.right[:, -1:]
        found = _interpolated(part, recall, share)
        return error_rate * found / share, found


def detection_curve(score: FloatArray, wrong: BoolArray, weights: NDArray[Any] | None = None) -> DetectionCurve:
    """Walk down an order.

    Parameters
    ----------
    score : numpy.ndarray of float64, shape (n,)
        High = suspicious; NaN = not measured, which counts as least suspicious.
    wrong : numpy.ndarray of bool, shape (n,)
        The truth.
    weights : numpy.ndarray of float or integer, shape (draws, n), optional
        How much every label counts; once each (one draw) by default.
    """
    score = np.asarray(score, dtype=np.float64)
    if score.shape != wrong.shape or score.ndim != 1:
        raise DataError(f"Expected a score for each of {wrong.size} labels, got shape {score.shape}.")
    weight = np.ones((1, score.size)) if weights is None else np.asarray(weights, dtype=np.float64)
    if weight.ndim != 2 or weight.shape[1] != score.size:
        raise DataError(f"Expected weights of shape (draws, {score.size}), got {weight.shape}.")
    filled = np.where(np.isnan(score), -np.inf, score)
    order = np.argsort(-filled, kind="stable")
    ordered = filled[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if score.size else np.zeros(0, np.int64)
    weight = weight[:, order]
    bad = wrong[order]
    return DetectionCurve(_running(weight * bad, ends), _running(weight * ~bad, ends))


def _running(weight: FloatArray, ends: NDArray[np.int64]) -> FloatArray:
    total = np.zeros((len(weight), len(ends) + 1))
    total[:, 1:] = np.cumsum(weight, axis=1)[:, ends]
    return total


def _interpolated(x: FloatArray, y: FloatArray, at: float) -> FloatArray:
    """Read y at x = ``at``, row by row; x does not fall. NaN where a row has no numbers."""
    result = np.full(len(x), np.nan)
    for row, (xs, ys) in enumerate(zip(x, y, strict=True)):
        if np.isfinite(xs).all():
            result[row] = np.interp(at, xs, ys)
    return result


def auroc(score: FloatArray, wrong: BoolArray) -> float:
    """Probability that a wrong label scores higher than a right one, ties counting half; NaN without both."""
    return float(detection_curve(score, wrong).auroc()[0])


def average_precision(score: FloatArray, wrong: BoolArray) -> float:
    """Area under the precision–recall steps; equal scores enter together. NaN if nothing is wrong."""
    return float(detection_curve(score, wrong).average_precision()[0])


def precision_at(score: FloatArray, wrong: BoolArray, n: float) -> float:
    """Share of wrong labels among the first ``n``, on average over all orders of equal scores."""
    return float(detection_curve(score, wrong).precision_at(n)[0])


def voxel_auroc(wrong_counts: NDArray[Any], right_counts: NDArray[Any]) -> float:
    """AUROC of a voxel map from two histograms.

    Parameters
    ----------
    wrong_counts, right_counts : numpy.ndarray of number, shape (levels,)
        How many wrong and right voxels hold each value of the map, lowest value first.

    Returns
    -------
    float
        Probability that a wrong voxel is hotter than a right one, ties counting half; NaN if one kind is absent.
    """
    wrong = np.asarray(wrong_counts, dtype=np.float64)
    right = np.asarray(right_counts, dtype=np.float64)
    below = np.cumsum(right) - right / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return float((wrong * below).sum() / (wrong.sum() * right.sum()))
