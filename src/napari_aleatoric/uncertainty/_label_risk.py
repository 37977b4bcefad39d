"""How strongly a label contradicts out-of-sample probabilities: the parts of the label risk, and its voxel map."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import WHOLE_CASE

__all__ = ["LabelRisk", "label_risk_of", "local_mean", "present_classes", "risk_map", "smoothed", "softmin"]

FloatArray = NDArray[np.float32]

P_FLOOR = 1e-4
"""Probabilities below it count as it in −ln p: one voxel can add at most 9.2."""

_TEMPERATURE = 0.1  # of the soft minimum, cleanlab's default
_SMOOTH = 0.7  # voxels


@dataclass(frozen=True, eq=False)
class LabelRisk:
    """The raw parts of one class (or of the whole case) of one label.

    Parameters
    ----------
    class_index : int
        The class, or `WHOLE_CASE`.
    nll_union, local_max, dice_gap, softmin : float
        See `MEASURES`.
    local : numpy.ndarray of float32, shape (Z, Y, X)
        3×3×3 mean of 1 − p(given label).
    """

    class_index: int
    nll_union: float
    local_max: float
    dice_gap: float
    softmin: float
    local: FloatArray


def softmin(quality: FloatArray) -> float:
    """Soft minimum of voxel qualities, as cleanlab scores segmentations.

    Σ s·w with w = softmax((1 − s) / 0.1) over all voxels.

    Parameters
    ----------
    quality : numpy.ndarray, any shape
        s = p(given label), in [0, 1].
    """
    s = quality.ravel().astype(np.float64)
    weight = np.exp((s.min() - s) / _TEMPERATURE)
    return float((s * weight).sum() / weight.sum())


def local_mean(risk: FloatArray) -> FloatArray:
    """3×3×3 mean (3×3 in a flat image); beyond the rim the outermost voxels are repeated."""
    return np.asarray(ndimage.uniform_filter(risk, size=[min(3, n) for n in risk.shape], mode="nearest"))


def smoothed(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Even out the grain of voxel-wise predictions: a Gaussian of 0.7 voxels on every class, shape kept.

    Our proposal; on hippocampus labels with planted errors it finds more wrong labels and more wrong voxels.
    """
    result = np.empty_like(probabilities)
    for row, p in enumerate(probabilities):
        sigma = [_SMOOTH if n > 1 else 0.0 for n in p.shape]
        result[row] = ndimage.gaussian_filter(p.astype(np.float32), sigma, mode="nearest")
    return result


def risk_map(probabilities: NDArray[Any], label_index: NDArray[Any], class_index: int = WHOLE_CASE) -> FloatArray:
    """Voxel map 1 − p(given label), shape (Z, Y, X); for a class, of "is it this class or not"."""
    if class_index == WHOLE_CASE:
        index = label_index[np.newaxis].astype(np.int64)
        given = np.take_along_axis(probabilities, index, axis=0)[0].astype(np.float32)
    else:
        p = probabilities[class_index].astype(np.float32)
        given = np.where(label_index == class_index, p, 1 - p)
    return np.asarray(np.clip(1 - given, 0, 1))


def present_classes(
    probabilities: NDArray[Any], label_index: NDArray[Any], known: Collection[int] | None = None
) -> list[int]:
    """Classes that are labelled or predicted somewhere and that the model knows, ascending."""
    seen = set(np.unique(label_index).tolist()) | set(np.unique(probabilities.argmax(axis=0)).tolist())
    return sorted(int(c) for c in seen if c != 0 and (known is None or c in known))


def label_risk_of(
    probabilities: NDArray[Any], label_index: NDArray[Any], known: Collection[int] | None = None
) -> Iterator[LabelRisk]:
    """Compare a label with probabilities that were learned without it.

    Parameters
    ----------
    probabilities : numpy.ndarray of float, shape (K, Z, Y, X)
        Sum to 1 over K; row 0 is background.
    label_index : numpy.ndarray of integer, shape (Z, Y, X)
        Class index per voxel, 0..K−1.
    known : collection of int, optional
        Classes that the model has learned; of others nothing can be said: their voxels count as right.

    Yields
    ------
    LabelRisk
        First of the whole case, then of every known class that is labelled or predicted somewhere, ascending; one
        at a time, so that only one class's maps are held.
    """
    if probabilities.shape[1:] != label_index.shape:
        raise DataError(
            f"Expected probabilities of shape (K, {label_index.shape}), got {probabilities.shape}: the label and "
            "its prediction must share one grid."
        )
    predicted = probabilities.argmax(axis=0)
    judged = np.ones(label_index.shape, bool) if known is None else np.isin(label_index, [0, *known])
    present = present_classes(probabilities, label_index, known)
    gaps = {c: _dice_gap((label_index == c) & judged, (predicted == c) & judged) for c in present}
    risk = np.where(judged, risk_map(probabilities, label_index), np.float32(0))
    union = ((label_index > 0) | (predicted > 0)) & judged
    yield _parts(WHOLE_CASE, risk, union, float(np.mean(list(gaps.values()))) if gaps else 0.0)
    for c in present:
        risk = np.where(judged, risk_map(probabilities, label_index, c), np.float32(0))
        yield _parts(c, risk, ((label_index == c) | (predicted == c)) & judged, gaps[c])


def _parts(class_index: int, risk: FloatArray, union: NDArray[np.bool_], dice_gap: float) -> LabelRisk:
    local = local_mean(risk)
    nll = -np.log(np.maximum(1 - risk[union], P_FLOOR)) if union.any() else np.zeros(1)
    return LabelRisk(class_index, float(nll.mean()), float(local.max()), dice_gap, softmin(1 - risk), local)


def _dice_gap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    total = int(a.sum()) + int(b.sum())
    return 1.0 - 2.0 * int((a & b).sum()) / total if total else 0.0
