"""How well an order of cases, or a map of voxels, finds what is known to be wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Detection", "auroc", "average_precision", "bootstrap", "detection", "precision_at", "voxel_auroc"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def auroc(score: FloatArray, wrong: BoolArray) -> float:
    """Probability that a wrong one scores higher than a right one, ties counting half (Mann–Whitney)."""
    n_wrong = int(wrong.sum())
    n_right = len(wrong) - n_wrong
    if not n_wrong or not n_right:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[wrong].sum() - n_wrong * (n_wrong + 1) / 2) / (n_wrong * n_right))


def average_precision(score: FloatArray, wrong: BoolArray) -> float:
    """Area under the precision–recall steps; equal scores enter together."""
    n_wrong = int(wrong.sum())
    if not n_wrong:
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(wrong[order])
    last = np.flatnonzero(np.diff(score[order], append=-np.inf) != 0)  # ends of runs of equal scores
    gained = np.diff(hits[last], prepend=0)
    return float(np.sum(gained * hits[last] / (last + 1)) / n_wrong)


def precision_at(score: FloatArray, wrong: BoolArray, fraction: float = 0.2) -> float:
    """Share of wrong ones among the top fraction."""
    n = max(1, round(fraction * len(score)))
    return float(wrong[np.argsort(-score, kind="stable")[:n]].mean())


@dataclass(frozen=True)
class Detection:
    """What one score achieves.

    Parameters
    ----------
    auroc, average_precision, precision_top20 : float
        Over all cases, mean over seeds.
    """

    auroc: float
    average_precision: float
    precision_top20: float


def detection(score: FloatArray, wrong: BoolArray) -> Detection:
    """Measure one score; NaN counts as least suspicious."""
    filled = np.where(np.isnan(score), -np.inf, score)
    return Detection(auroc(filled, wrong), average_precision(filled, wrong), precision_at(filled, wrong))


def bootstrap(
    scores: list[FloatArray], wrongs: list[BoolArray], other: list[FloatArray] | None = None, n: int = 1000
) -> tuple[float, float]:
    """95 % interval of the mean AUROC over seeds, or of its difference to another score's.

    Cases are drawn with replacement, wrong and right ones separately, each seed by itself (percentile method).
    """
    rng = np.random.default_rng(0)
    means = np.zeros(n)
    for index, (score, wrong) in enumerate(zip(scores, wrongs, strict=True)):
        groups = [np.flatnonzero(wrong), np.flatnonzero(~wrong)]
        for draw in range(n):
            rows = np.concatenate([rng.choice(group, len(group)) for group in groups])
            value = auroc(score[rows], wrong[rows])
            if other is not None:
                value -= auroc(other[index][rows], wrong[rows])
            means[draw] += value / len(scores)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def voxel_auroc(heat: list[NDArray[np.uint8]], changed: list[BoolArray]) -> float:
    """AUROC of all voxels of all cases together, from histograms of an 8-bit map."""
    right, wrong = np.zeros(256), np.zeros(256)
    for values, bad in zip(heat, changed, strict=True):
        wrong += np.bincount(values[bad], minlength=256)
        right += np.bincount(values[~bad], minlength=256)
    if not wrong.sum() or not right.sum():
        return float("nan")
    below = np.cumsum(right) - right
    return float((wrong * (below + right / 2)).sum() / (wrong.sum() * right.sum()))
