"""One label map out of several readers': by vote, and by STAPLE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

from ._readings import checked_readings, n_rows_of

__all__ = ["CONSENSUS_METHODS", "Consensus", "ConsensusMethod", "ReaderSkill", "consensus"]

FloatArray = NDArray[np.float64]

ConsensusMethod = Literal["vote", "staple", "multilabel-staple"]
CONSENSUS_METHODS: tuple[ConsensusMethod, ...] = get_args(ConsensusMethod)

_AT_MOST = 200  # iterations; STAPLE settles in a few tens


@dataclass(frozen=True)
class ReaderSkill:
    """How a reader stands to the consensus of one class.

    Parameters
    ----------
    reader : int
        Row of the labels.
    class_index : int
        Which class.
    sensitivity, specificity : float
        Probability that the reader draws what is there, and leaves out what is not, as STAPLE estimates them; NaN
        where nobody drew the class.
    """

    reader: int
    class_index: int
    sensitivity: float
    specificity: float


@dataclass(frozen=True, eq=False)
class Consensus:
    """One label map made of several.

    Parameters
    ----------
    label : numpy.ndarray of uint16, shape (Z, Y, X)
        Class indices.
    method : str
        How it was made.
    ties : numpy.ndarray of bool, shape (Z, Y, X)
        Voxels in which the method did not decide: the smallest class index of those in question was taken, which is
        background where background is among them. Multi-label STAPLE's are decided by vote, in the same way.
    probabilities : numpy.ndarray of float64, shape (C, Z, Y, X), or None
        Vote: the part of the readers. STAPLE: row c is the probability of class c against everything else; rows of
        several classes need not add up to 1, and row 0 is what they leave of 1, at least 0. None where the method
        has none.
    skills : tuple of ReaderSkill
        Of STAPLE; of multi-label STAPLE from its confusion matrices.
    confusion : numpy.ndarray of float64, shape (R, C + 1, C), or None
        Of multi-label STAPLE: probability that a reader says the row where the column is true; the last row is a
        reader's undecided answer, which does not occur here.
    """

    label: NDArray[np.uint16]
    method: ConsensusMethod
    ties: NDArray[np.bool_]
    probabilities: FloatArray | None = None
    skills: tuple[ReaderSkill, ...] = ()
    confusion: FloatArray | None = field(default=None)


def consensus(
    labels: NDArray[Any], method: ConsensusMethod = "vote", *, n_rows: int | None = None, probabilities: bool = True
) -> Consensus:
    """Make one label map of several readers'.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices; a missing reader has no row.
    method : {"vote", "staple", "multilabel-staple"}
        ``vote``: the class that most readers chose. ``staple``: for every class against the rest the
        expectation-maximisation of Warfield, Zou and Wells (IEEE TMI 2004), as SimpleITK has it, on the whole
        image; a voxel takes the class of the largest probability if that is above 0.5. ``multilabel-staple``: all
        classes at once (Rohlfing, Russakoff and Maurer, IPMI 2003), as SimpleITK has it.
    n_rows : int, optional
        C, background included; by default as many as the labels need.
    probabilities : bool
        Whether to keep them: they take C volumes.

    Returns
    -------
    Consensus
        One reader's own label where there is one reader; background where nobody drew anything.

    Raises
    ------
    DataError
        If the labels or the method are not usable.
    """
    labels = checked_readings(labels)
    n_rows = n_rows_of(labels, n_rows)
    if method not in CONSENSUS_METHODS:
        raise DataError(f"Expected a method out of {', '.join(CONSENSUS_METHODS)}, got '{method}'. Choose one.")
    if method == "staple":
        return _staple(labels, n_rows, probabilities)
    return _vote(labels, n_rows, probabilities) if method == "vote" else _multilabel(labels, n_rows)


def _vote(labels: NDArray[Any], n_rows: int, keep: bool) -> Consensus:
    best = np.zeros(labels.shape[1:], dtype=np.uint16)
    most = (labels == 0).sum(axis=0, dtype=np.uint16)
    ties = np.zeros(best.shape, dtype=bool)
    shares = np.zeros((n_rows, *best.shape)) if keep else None
    if shares is not None:
        shares[0] = most / len(labels)
    for c in range(1, n_rows):
        votes = (labels == c).sum(axis=0, dtype=np.uint16)
        if shares is not None:
            shares[c] = votes / len(labels)
        more = votes > most
        ties = np.where(more, False, ties | (votes == most))
        best[more] = c
        most = np.maximum(most, votes)
    return Consensus(best, "vote", ties, shares)


def _staple(labels: NDArray[Any], n_rows: int, keep: bool) -> Consensus:
    shape = labels.shape[1:]
    rows = np.zeros((n_rows, *shape))
    skills: list[ReaderSkill] = []
    for c in range(1, n_rows):
        rows[c], sensitivity, specificity = staple_of([label == c for label in labels])
        skills += [ReaderSkill(r, c, p, q) for r, (p, q) in enumerate(zip(sensitivity, specificity, strict=True))]
    largest = rows[1:].max(axis=0)
    label = np.where(largest > 0.5, rows[1:].argmax(axis=0) + 1, 0).astype(np.uint16)
    same = (rows[1:] == largest).sum(axis=0) > 1
    ties = (largest == 0.5) | (same & (largest > 0.5))
    rows[0] = np.clip(1.0 - rows[1:].sum(axis=0), 0.0, 1.0)
    return Consensus(label, "staple", ties, rows if keep else None, tuple(skills))


def staple_of(masks: Sequence[NDArray[np.bool_]]) -> tuple[FloatArray, tuple[float, ...], tuple[float, ...]]:
    """Run STAPLE on masks of one structure.

    Parameters
    ----------
    masks : sequence of numpy.ndarray of bool, shape (Z, Y, X)
        One per reader.

    Returns
    -------
    numpy.ndarray of float64, shape (Z, Y, X)
        Probability of the structure; 0 everywhere where all masks are empty, 1 where all are full, and a single
        reader's own mask.
    tuple of float, tuple of float
        Sensitivity and specificity of every reader; NaN where all masks are empty, or there is one.
    """
    sitk: Any = import_module("SimpleITK")

    unknown = (float("nan"),) * len(masks)
    n_drawn = sum(bool(mask.any()) for mask in masks)
    if len(masks) == 1 or n_drawn == 0 or all(bool(mask.all()) for mask in masks):
        return masks[0].astype(np.float64), unknown, unknown
    staple = sitk.STAPLEImageFilter()
    staple.SetMaximumIterations(_AT_MOST)
    found = staple.Execute([sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in masks])
    probability = sitk.GetArrayFromImage(found).astype(np.float64)
    return (
        np.nan_to_num(probability, nan=0.0),
        tuple(float(v) for v in staple.GetSensitivity()),
        tuple(float(v) for v in staple.GetSpecificity()),
    )


def _multilabel(labels: NDArray[Any], n_rows: int) -> Consensus:
    sitk: Any = import_module("SimpleITK")

    nothing = np.zeros(labels.shape[1:], dtype=bool)
    if len(labels) == 1 or not labels.any():
        return Consensus(labels[0].astype(np.uint16), "multilabel-staple", nothing)
    present = int(labels.max()) + 1  # as many classes as the filter sees
    undecided = present
    images = [sitk.GetImageFromArray(np.ascontiguousarray(label, dtype=np.uint16)) for label in labels]
    staple = sitk.MultiLabelSTAPLEImageFilter()
    staple.SetLabelForUndecidedPixels(undecided)
    staple.SetMaximumNumberOfIterations(_AT_MOST)
    found = sitk.GetArrayFromImage(staple.Execute(images))
    ties = found == undecided
    label = np.where(ties, _vote(labels, n_rows, False).label, found).astype(np.uint16)
    confusion = np.full((len(labels), n_rows + 1, n_rows), np.nan)
    for r in range(len(labels)):
        matrix = np.asarray(staple.GetConfusionMatrix(r)).reshape(present + 1, present)
        confusion[r, :present, :present] = matrix[:present]
        confusion[r, n_rows, :present] = matrix[present]
    prior = np.bincount(label.ravel(), minlength=n_rows).astype(np.float64)
    skills = tuple(_skill(confusion[r], prior, r, c) for r in range(len(labels)) for c in range(1, present))
    return Consensus(label, "multilabel-staple", ties, None, skills, confusion)


def _skill(confusion: FloatArray, prior: FloatArray, reader: int, class_index: int) -> ReaderSkill:
    """Sensitivity from a confusion matrix, and specificity over all other classes by how often they occur."""
    others = [c for c in range(len(prior)) if c != class_index and prior[c] > 0]
    weight = prior[others]
    false = confusion[class_index, others]
    specificity = 1.0 - float((weight * false).sum() / weight.sum()) if others else float("nan")
    return ReaderSkill(reader, class_index, float(confusion[class_index, class_index]), specificity)
