"""How sure the figures are: cases drawn again with replacement, seeds together, and what few cases can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

from ._evidence import BoolArray, DetectionCurve, FloatArray, detection_curve

__all__ = ["Estimate", "Trial", "estimates", "least_cases", "score_interval", "widened"]

_Z = 1.959963984540054
FEW_ERRORS = 20
"""Below so many planted errors an interval is made at least as wide as `score_interval`."""

_GOOD = 0.8  # the AUROC of a measure that is worth having
_AT_ONCE = 1 << 22  # weights that are worked with together


class Estimate(NamedTuple):
    """A figure and the ends of its 95 % interval; NaN where it cannot be told."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Trial:
    """One seed: what was wrong, and what every score said of it.

    Parameters
    ----------
    units : numpy.ndarray of int64, shape (n,)
        Number of the case of every label, the same in all trials; labels of one case are drawn together.
    wrong : numpy.ndarray of bool, shape (n,)
        The truth.
    scores : mapping of str to numpy.ndarray of float64, shape (n,)
        By name; high = suspicious, NaN = not measured.
    """

    units: NDArray[np.int64]
    wrong: BoolArray
    scores: Mapping[str, FloatArray]


Figure = Callable[[DetectionCurve], FloatArray]


def estimates(
    trials: Sequence[Trial],
    name: str,
    figures: Mapping[str, Figure],
    *,
    minus: str = "",
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Work out figures of one score: mean over the trials, with 95 % intervals.

    Percentile bootstrap over cases: a draw counts every case a random number of times (multinomial), in all trials
    alike, so that a case that occurs in several trials is not taken for several. Within a trial wrong and right
    labels are then scaled to their number, for the error rate is ours, not a finding (our proposal).

    Parameters
    ----------
    trials : sequence of Trial
        At least one.
    name : str
        The score.
    figures : mapping of str to callable
        From a `DetectionCurve` to one number for each of its rows.
    minus : str
        Another score: the figures are then differences to its, paired by draw and trial.
    draws, seed : int
        Of the bootstrap; the same seed draws the same cases for every score.

    Returns
    -------
    dict of str to Estimate
        By the names of ``figures``.
    """
    if not trials:
        raise DataError("Expected at least one seed to work figures out from, got none.")
    n_units = 1 + max(int(trial.units.max(initial=0)) for trial in trials)
    whole = dict.fromkeys(figures, 0.0)
    drawn: dict[str, list[FloatArray]] = {figure: [] for figure in figures}
    rng = np.random.default_rng(seed)
    for figure, values in _values(trials, np.ones((1, n_units)), name, minus, figures).items():
        whole[figure] = float(values[0])
    longest = max(len(trial.units) for trial in trials)
    step = max(1, _AT_ONCE // max(1, longest))
    for first in range(0, draws, step):
        count = min(step, draws - first)
        weights = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=count)
        for figure, values in _values(trials, weights, name, minus, figures).items():
            drawn[figure].append(values)
    return {figure: _estimate(whole[figure], np.concatenate(drawn[figure])) for figure in figures}


def _values(
    trials: Sequence[Trial], weights: NDArray[Any], name: str, minus: str, figures: Mapping[str, Figure]
) -> dict[str, FloatArray]:
    """Figures of every draw, mean over the trials."""
    total = {figure: np.zeros(len(weights)) for figure in figures}
    for trial in trials:
        own = _scaled(weights[:, trial.units], trial.wrong)
        curve = detection_curve(trial.scores[name], trial.wrong, own)
        other = detection_curve(trial.scores[minus], trial.wrong, own) if minus else None
        for figure, of in figures.items():
            total[figure] += of(curve) - (of(other) if other is not None else 0.0)
    return {figure: values / len(trials) for figure, values in total.items()}


def _scaled(weights: NDArray[Any], wrong: BoolArray) -> FloatArray:
    """Give wrong and right labels their number as weight; NaN for a draw that has none of a kind."""
    result = weights.astype(np.float64)
    for group in (wrong, ~wrong):
        if group.any():
            with np.errstate(invalid="ignore", divide="ignore"):
                result[:, group] *= group.sum() / result[:, group].sum(axis=1, keepdims=True)
    return result


def _estimate(value: float, drawn: FloatArray) -> Estimate:
    known = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not known.size:
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.percentile(known, [2.5, 97.5])
    return Estimate(value, min(value, float(low)), max(value, float(high)))


def score_interval(auroc: float, n_wrong: int, n_right: int) -> Estimate:
    """95 % interval of an AUROC from the two numbers of labels alone.

    Newcombe, "Confidence intervals for an effect size measure based on the Mann–Whitney statistic", part 2,
    Statistics in Medicine 25 (2006), method 5: the values that Hanley and McNeil's variance, taken at the value
    itself and with both numbers replaced by their mean in its inner part, does not rule out. It stays honest for
    few labels and for an AUROC of 1, where drawing again gives an interval of no width.

    Parameters
    ----------
    auroc : float
        In [0, 1].
    n_wrong, n_right : int
        How many labels of each kind.
    """
    if not 0 <= auroc <= 1 or n_wrong < 1 or n_right < 1:
        return Estimate(auroc, float("nan"), float("nan"))

    def deviation(at: float) -> float:
        inner = (n_wrong + n_right) / 2 - 1
        spread = 1 + inner * ((1 - at) / (2 - at) + at / (1 + at))
        return float(_Z * np.sqrt(at * (1 - at) * spread / (n_wrong * n_right)))

    low = _crossing(lambda at: auroc - at - deviation(at), 0.0, auroc)
    high = _crossing(lambda at: at - auroc - deviation(at), 1.0, auroc)
    return Estimate(auroc, low, high)


def _crossing(outside: Callable[[float], float], far: float, near: float) -> float:
    """Find where a function that is positive at the far end stops to be, by halving."""
    for _ in range(60):
        middle = (far + near) / 2
        if outside(middle) > 0:
            far = middle
        else:
            near = middle
    return (far + near) / 2


def least_cases(fraction: float) -> int:
    """How many cases it takes to tell a measure from chance.

    The fewest of which one seed would place a measure of AUROC 0.8 above 0.5 with its whole 95 % interval
    (`score_interval`, our proposal).

    Parameters
    ----------
    fraction : float
        Part of the cases that gets an error, in (0, 1).
    """
    for n in range(4, 1000):
        n_wrong = max(1, round(fraction * n))
        if n_wrong < n and score_interval(_GOOD, n_wrong, n - n_wrong).low > 0.5:
            return n
    raise DataError(f"A fraction of {fraction:g} of the cases with an error is too small; take 0.05 or more.")


def widened(auroc: Estimate, n_wrong: int, n_right: int) -> Estimate:
    """Make the interval of an AUROC at least as wide as `score_interval` where fewer than 20 labels were wrong.

    Drawing few labels again cannot show what other labels would have given (our proposal).
    """
    if n_wrong >= FEW_ERRORS:
        return auroc
    least = score_interval(auroc.value, n_wrong, n_right)
    return Estimate(auroc.value, float(np.fmin(auroc.low, least.low)), float(np.fmax(auroc.high, least.high)))
