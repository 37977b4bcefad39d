"""The curves of a training, from what its runs reported. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["MEAN_DICE", "TrainingCurve", "TrainingCurves", "curve_table", "thinned_curve", "training_curves"]

MEAN_DICE = "mean"
"""Name of the curve of the mean Dice of the classes."""

_BASELINE = "baseline/"
_MOST_POINTS = 300

Points = Sequence[tuple[int, float]]  # step, value


@dataclass(frozen=True)
class TrainingCurve:
    """One line of a plot.

    Parameters
    ----------
    name : str
        The class, `MEAN_DICE`, or "" where there is only one.
    is_plain : bool
        Whether it is of the plain network that is trained beside.
    steps, values : tuple
        Its points, thinned.
    """

    name: str
    is_plain: bool
    steps: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def last(self) -> float:
        """Its newest value."""
        return self.values[-1]


@dataclass(frozen=True)
class TrainingCurves:
    """All lines of a training, by plot.

    ``loss`` is what is minimised, ``dice`` of the classes at the looks at cases that are not learned from,
    ``class_weight`` and ``scale`` (the perception scale S) are there only where the loss has them.
    """

    loss: tuple[TrainingCurve, ...] = ()
    dice: tuple[TrainingCurve, ...] = ()
    class_weight: tuple[TrainingCurve, ...] = ()
    scale: tuple[TrainingCurve, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.loss or self.dice)


def training_curves(runs: Iterable[Mapping[str, Points]], most: int | None = _MOST_POINTS) -> TrainingCurves:
    """Return the curves of a training.

    Parameters
    ----------
    runs : iterable of mapping of str to points
        What each run of it reported, by name, the oldest run first: one that went on takes the place of what was
        reported, before a stop, of the same steps.
    most : int, optional
        How many points a curve may have; None = all that were reported.
    """
    found: dict[str, list[TrainingCurve]] = {"loss": [], "dice": [], "class_weight": [], "scale": []}
    for full_name, points in _joined(runs).items():
        is_plain = full_name.startswith(_BASELINE)
        kind, _, name = full_name.removeprefix(_BASELINE).partition("/")
        if kind not in found or (kind == "loss" and name) or (kind != "loss" and not name):
            continue
        thin = thinned_curve(points, most)
        if thin:
            steps, values = zip(*thin, strict=True)
            found[kind].append(TrainingCurve(name, is_plain, steps, values))
    return TrainingCurves(**{kind: tuple(curves) for kind, curves in found.items()})


def curve_table(trainings: Mapping[str, TrainingCurves]) -> dict[str, list[Any]]:
    """Return all points of all curves of some trainings, by their names, as columns of one table, a row each.

    ``training`` is the name; ``curve`` is a class, `MEAN_DICE`, or "" where a plot has only one; ``network`` is
    "trained", or "plain" for the one beside it.
    """
    heads = ("training", "plot", "curve", "network", "step", "value")
    table: dict[str, list[Any]] = {head: [] for head in heads}
    for name, curves in trainings.items():
        for plot in (field.name for field in fields(curves)):
            for curve in getattr(curves, plot):
                n = len(curve.steps)
                table["training"] += n * [name]
                table["plot"] += n * [plot]
                table["curve"] += n * [curve.name]
                table["network"] += n * ["plain" if curve.is_plain else "trained"]
                table["step"] += [int(step) if step == int(step) else step for step in curve.steps]
                table["value"] += curve.values
    return table


def thinned_curve(points: Points, most: int | None = _MOST_POINTS) -> list[tuple[float, float]]:
    """Return at most so many points: means of as many neighbours each; what is no number is left out."""
    known = [(float(step), value) for step, value in points if math.isfinite(value)]
    if most is None or len(known) <= most:
        return known
    every = math.ceil(len(known) / most)
    parts = (known[start : start + every] for start in range(0, len(known), every))
    return [(sum(s for s, _ in part) / len(part), sum(v for _, v in part) / len(part)) for part in parts]


def _joined(runs: Iterable[Mapping[str, Points]]) -> dict[str, list[tuple[int, float]]]:
    whole: dict[str, list[tuple[int, float]]] = {}
    for run in runs:
        for name, points in run.items():
            if points:
                kept = [point for point in whole.get(name, ()) if point[0] < points[0][0]]
                whole[name] = [*kept, *points]
    return whole
