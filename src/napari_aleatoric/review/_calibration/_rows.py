"""From the rounds of a calibration to the figures of every measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.samples import ErrorRecord
from napari_aleatoric.uncertainty import (
    DetectionCurve,
    Trial,
    auroc,
    estimates,
    voxel_auroc,
    widened,
)

from ._aside import aside
from ._planted_scores import Contender, FloatArray
from ._record import Figure, MeasureRow
from ._seed import SeedOutcome

__all__ = ["rows_of", "shared_contenders"]

_LEAST_OF_A_KIND = 3  # errors; a kind with fewer is not named as the weakest


def shared_contenders(outcomes: Sequence[SeedOutcome]) -> list[Contender]:
    """Return the contenders that every round has, in the order of the first."""
    return [c for c in outcomes[0].contenders if all(c.name in outcome.scores for outcome in outcomes)]


def rows_of(
    outcomes: Sequence[SeedOutcome],
    trials: Sequence[Trial],
    *,
    draws: int,
    step: Callable[[float], None] | None = None,
) -> tuple[MeasureRow, ...]:
    """Work out what every measure found, the best first.

    Parameters
    ----------
    outcomes, trials : sequence of SeedOutcome, sequence of Trial
        The rounds that report; the same, in the same order.
    draws : int
        Of the bootstrap.
    step : callable, optional
        Told the part that is done, 0..1, again and again; may raise `Cancelled`.
    """
    listed = shared_contenders(outcomes)
    rows = []
    for number, contender in enumerate(listed):
        work = partial(_row, contender, outcomes, trials, draws)
        rows.append(work() if step is None else aside(work, partial(step, number / len(listed))))
    return tuple(sorted(rows, key=lambda row: -(row.auroc.value if row.auroc.value is not None else -1.0)))


def _row(contender: Contender, outcomes: Sequence[SeedOutcome], trials: Sequence[Trial], draws: int) -> MeasureRow:
    figures = {
        "auroc": DetectionCurve.auroc,
        "average_precision": DetectionCurve.average_precision,
        "precision_top": _precision_top,
    }
    found = estimates(trials, contender.name, figures, draws=draws)
    n_wrong = sum(int(trial.wrong.sum()) for trial in trials)
    n_right = min(int((~trial.wrong).sum()) for trial in trials)
    kinds = _by(contender.name, outcomes, trials, lambda error: str(error.kind))
    known = {kind: value for kind, (value, n) in kinds.items() if value is not None and n >= _LEAST_OF_A_KIND}
    maps = [outcome.heat[contender.map_name] for outcome in outcomes if contender.map_name in outcome.heat]
    by_kind = {
        kind: _voxels([m for m in maps if kind in m], [kind]) for kind in sorted({k for m in maps for k in m})
    }
    whole = _voxels(maps, [])
    return MeasureRow(
        name=contender.name,
        title=contender.title,
        question=contender.question,
        order=contender.order,
        detail=contender.detail,
        auroc=Figure.of(widened(found["auroc"], n_wrong, n_right)),
        average_precision=Figure.of(found["average_precision"]),
        precision_top=Figure.of(found["precision_top"]),
        by_kind=kinds,
        by_severity=_by(contender.name, outcomes, trials, lambda error: str(error.severity)),
        weakest_kind=min(known, key=lambda kind: known[kind], default=""),
        voxel_auroc=whole,
        voxel_auroc_by_kind={kind: value for kind, value in by_kind.items() if value is not None},
        auroc_by_round=tuple(_or_none(auroc(trial.scores[contender.name], trial.wrong)) for trial in trials),
    )


def _precision_top(curve: DetectionCurve) -> FloatArray:
    """Share of wrong ones among as many labels as there are errors."""
    total = curve.wrong[:, -1]
    known = total[np.isfinite(total)]
    return curve.precision_at(float(known[0])) if known.size else np.full(len(total), np.nan)


def _by(
    name: str, outcomes: Sequence[SeedOutcome], trials: Sequence[Trial], group_of: Callable[[ErrorRecord], str]
) -> dict[str, tuple[float | None, int]]:
    """AUROC of the errors of each group against all right labels, mean over all errors, and their number."""
    found: dict[str, list[tuple[float, int]]] = {}
    for outcome, trial in zip(outcomes, trials, strict=True):
        groups = np.array([group_of(outcome.errors[k]) if k in outcome.errors else "" for k in outcome.keys])
        for group in np.unique(groups[groups != ""]).tolist():
            rows = (groups == "") | (groups == group)
            value = auroc(trial.scores[name][rows], trial.wrong[rows])
            found.setdefault(group, []).append((value, int((groups == group).sum())))
    return {group: _pooled(values) for group, values in sorted(found.items())}


def _pooled(values: Sequence[tuple[float, int]]) -> tuple[float | None, int]:
    total = sum(n for _, n in values)
    return _or_none(sum(value * n for value, n in values) / total), total


def _voxels(maps: Sequence[Mapping[str, NDArray[np.int64]]], kinds: Sequence[str]) -> float | None:
    """Voxel AUROC over some maps, of some kinds of error or of all."""
    counts = [h for found in maps for kind, h in found.items() if not kinds or kind in kinds]
    return _or_none(voxel_auroc(*np.sum(counts, axis=0))) if counts else None


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
