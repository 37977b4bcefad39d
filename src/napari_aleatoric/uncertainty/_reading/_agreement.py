"""Fleiss' kappa over voxels, and intervals by drawing cases again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.uncertainty._evidence_intervals import Estimate

from ._readings import checked_readings, n_rows_of

__all__ = ["KappaSums", "drawn_again", "kappa_sums", "mean_interval", "pooled_kappa"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class KappaSums:
    """What a case adds to Fleiss' kappa.

    Parameters
    ----------
    n_voxels : int
        Voxels that were judged.
    agreement : float
        Σ_i P_i with P_i the part of the pairs of readers that agree in voxel i.
    answers : numpy.ndarray of float64, shape (C,)
        How many answers each class got.
    """

    n_voxels: int
    agreement: float
    answers: FloatArray

    @property
    def kappa(self) -> float:
        """Fleiss' kappa of this case alone; NaN where all answers are one class, or there are none."""
        return float(
            _kappa(np.array([self.agreement]), np.array([float(self.n_voxels)]), self.answers[np.newaxis])[0]
        )


def kappa_sums(
    labels: NDArray[Any], where: NDArray[np.bool_] | None = None, *, n_rows: int | None = None
) -> KappaSums:
    """Count what Fleiss' kappa (Psychological Bulletin 76, 1971, p. 378) needs, with voxels as subjects.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices of two readers or more.
    where : numpy.ndarray of bool, shape (Z, Y, X), optional
        Voxels that count; by default all. With the whole image, kappa grows with the empty part of it.
    n_rows : int, optional
        C, background included.
    """
    labels = checked_readings(labels, at_least=2)
    n_rows = n_rows_of(labels, n_rows)
    chosen = labels.reshape(len(labels), -1) if where is None else labels[:, where]
    n = len(labels)
    answers, agreeing = np.zeros(n_rows), 0.0
    for c in range(n_rows):
        votes = (chosen == c).sum(axis=0, dtype=np.int64)
        answers[c] = votes.sum()
        agreeing += float((votes * (votes - 1)).sum())
    return KappaSums(int(chosen.shape[1]), agreeing / (n * (n - 1)), answers)


def _kappa(agreement: FloatArray, n_voxels: FloatArray, answers: FloatArray) -> FloatArray:
    """Kappa of sums, shapes (n,), (n,), (n, C)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = agreement / n_voxels
        expected = ((answers / answers.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
        chance = np.where(expected < 1.0 - 1e-12, 1.0 - expected, np.nan)
        return np.asarray((observed - expected) / chance)


def pooled_kappa(
    cases: Sequence[KappaSums], units: Sequence[Hashable] | None = None, *, draws: int = 1000, seed: int = 0
) -> Estimate:
    """Return Fleiss' kappa over the voxels of all cases, with a 95 % interval by drawing cases again.

    Where all cases have equally many readers this is Fleiss' kappa of all voxels together. Where some have fewer,
    P_i is that of the readers there are, and a class's share is that of all answers given.

    Parameters
    ----------
    cases : sequence of KappaSums
        One per case.
    units : sequence of hashable, optional
        What is drawn: the patient of every case; by default each case is its own.
    draws, seed : int
        Of the bootstrap.

    Returns
    -------
    Estimate
        NaN where it cannot be told; no interval with fewer than two units.
    """
    if not cases:
        return Estimate(float("nan"), float("nan"), float("nan"))
    agreement = np.array([case.agreement for case in cases])
    n_voxels = np.array([float(case.n_voxels) for case in cases])
    answers = np.stack([case.answers for case in cases])
    return drawn_again(
        lambda times: _kappa(times @ agreement, times @ n_voxels, times @ answers),
        range(len(cases)) if units is None else units,
        draws=draws,
        seed=seed,
    )


def mean_interval(
    values: Sequence[float | None], units: Sequence[Hashable], *, draws: int = 1000, seed: int = 0
) -> Estimate:
    """Return the mean of what could be measured, with a 95 % interval by drawing units again.

    Parameters
    ----------
    values : sequence of float or None
        One per case; None and NaN are left out.
    units : sequence of hashable
        The patient of every case; cases of one are drawn together.
    draws, seed : int
        Of the bootstrap.
    """
    known = [(v, u) for v, u in zip(values, units, strict=True) if v is not None and np.isfinite(v)]
    if not known:
        return Estimate(float("nan"), float("nan"), float("nan"))
    numbers = np.array([v for v, _ in known], dtype=np.float64)
    return drawn_again(
        lambda times: (times @ numbers) / times.sum(axis=1), [u for _, u in known], draws=draws, seed=seed
    )


def drawn_again(
    figure: Callable[[FloatArray], FloatArray], units: Sequence[Hashable], *, draws: int, seed: int
) -> Estimate:
    """Return a figure with its percentile bootstrap interval (Efron 1979).

    Parameters
    ----------
    figure : callable
        From how often every case counts, shape (n, cases), to one number for each row.
    units : sequence of hashable
        Of every case; equal ones are drawn together.
    draws, seed : int
        The same seed draws the same units.
    """
    names = {unit: i for i, unit in enumerate(dict.fromkeys(units))}
    of_case = np.array([names[unit] for unit in units])
    value = float(figure(np.ones((1, len(of_case))))[0])
    if len(names) < 2:
        return Estimate(value, float("nan"), float("nan"))
    times = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    found = figure(times[:, of_case].astype(np.float64))
    found = found[np.isfinite(found)]
    if not len(found):
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.percentile(found, [2.5, 97.5])
    return Estimate(value, float(low), float(high))
