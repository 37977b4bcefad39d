"""What follows from the figures: which order suits a data set, and what a place in the queue means in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ._evidence import DetectionCurve, FloatArray
from ._evidence_intervals import Estimate, Trial, estimates

__all__ = ["OrderChoice", "QueueLine", "choose_order", "in_ten", "line_of", "lines_of", "seeds_for_choosing"]

_WANTED = 0.8  # what part above the line should have an error
_LEAST = 5  # labels above a line


@dataclass(frozen=True)
class OrderChoice:
    """Which order the evidence speaks for.

    Parameters
    ----------
    order : str
        The chosen one.
    best : str
        The one with the highest lower bound of the AUROC, chosen or not.
    default : str
        The built-in one.
    difference : Estimate
        AUROC of ``best`` minus that of ``default``, paired.
    """

    order: str
    best: str
    default: str
    difference: Estimate


@dataclass(frozen=True)
class QueueLine:
    """What stands above a line in the queue.

    Parameters
    ----------
    share : float
        Part of the queue above it.
    precision : Estimate
        Part of the labels above it that are wrong.
    recall : Estimate
        Part of all wrong labels that stand above it.
    """

    share: float
    precision: Estimate
    recall: Estimate


def seeds_for_choosing(n_seeds: int) -> int:
    """How many of the seeds choose; the others report. 0 for a single seed, which cannot do both."""
    return n_seeds // 2


def choose_order(
    trials: Sequence[Trial], candidates: Sequence[str], default: str, *, draws: int = 1000
) -> OrderChoice:
    """Choose the order of a queue by evidence.

    The candidate whose 95 % interval of the AUROC has the highest lower end is the best; it replaces the built-in
    order only if the whole interval of their paired difference lies above 0 (our proposal).

    Parameters
    ----------
    trials : sequence of Trial
        Those that choose; the figures that are reported come from others.
    candidates : sequence of str
        Names of scores, ``default`` among them or not.
    default : str
        The built-in order.
    draws : int
        Of the bootstrap.
    """
    figures = {"auroc": DetectionCurve.auroc}
    lower = {name: estimates(trials, name, figures, draws=draws)["auroc"].low for name in {*candidates, default}}
    known = {name: low for name, low in lower.items() if np.isfinite(low)}
    best = min(known, key=lambda name: (-known[name], name != default, name), default=default)
    if best == default:
        return OrderChoice(default, best, default, Estimate(0.0, 0.0, 0.0))
    difference = estimates(trials, best, figures, minus=default, draws=draws)["auroc"]
    return OrderChoice(best if difference.low > 0 else default, best, default, difference)


def lines_of(
    trials: Sequence[Trial], name: str, shares: Sequence[float], error_rate: float, *, draws: int = 1000
) -> tuple[QueueLine, ...]:
    """Say what stands above some lines of an order, if a part of the labels were wrong as those planted.

    Parameters
    ----------
    trials, name, draws
        As in `estimates`.
    shares : sequence of float
        Parts of the queue, in (0, 1].
    error_rate : float
        Part of all labels that is taken to be wrong, in (0, 1).
    """

    def at(share: float, which: int) -> Callable[[DetectionCurve], FloatArray]:
        return lambda curve: curve.above_line(share, error_rate)[which]

    figures = {f"{which}/{share!r}": at(share, which) for share in shares for which in (0, 1)}
    found = estimates(trials, name, figures, draws=draws)
    return tuple(QueueLine(share, found[f"0/{share!r}"], found[f"1/{share!r}"]) for share in shares)


def line_of(
    trials: Sequence[Trial], name: str, error_rate: float, n_labels: int, *, draws: int = 1000
) -> QueueLine:
    """Lay a line as far down as 8 in 10 above it are wrong; where no line does that, after the expected errors.

    Parameters
    ----------
    trials, name, error_rate, draws
        As in `lines_of`.
    n_labels : int
        Length of the user's queue; a line leaves at least 5 above it.
    """
    counts = np.unique(np.linspace(min(_LEAST, n_labels), n_labels, 200).round().astype(int))
    shares = [float(count) / n_labels for count in counts]
    figures = {f"{s!r}": _precision_above(s, error_rate) for s in shares}
    found = estimates(trials, name, figures, draws=1)
    good = [s for s in shares if found[f"{s!r}"].value >= _WANTED]
    fallback = max(min(_LEAST, n_labels), round(error_rate * n_labels)) / n_labels
    return lines_of(trials, name, [max(good, default=fallback)], error_rate, draws=draws)[0]


def _precision_above(share: float, error_rate: float) -> Callable[[DetectionCurve], FloatArray]:
    return lambda curve: curve.above_line(share, error_rate)[0]


def in_ten(part: float) -> str:
    """Say a part as a person would: "about 8 in 10"; never more certain than that."""
    if not np.isfinite(part):
        return "an unknown part"
    if part >= 0.95:
        return "more than 9 in 10"
    if part < 0.05:
        return "fewer than 1 in 10"
    return f"about {int(np.floor(10 * part + 0.5))} in 10"
