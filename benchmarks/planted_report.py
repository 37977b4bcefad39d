"""The table of ``planted_errors.py``: every measure under every judge, the best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_aleatoric.review import MeasureRow, weakest_in_words
from napari_aleatoric.review._calibration._record import Figure
from napari_aleatoric.review._calibration._rows import rows_of
from napari_aleatoric.review._calibration._seed import SeedOutcome
from napari_aleatoric.uncertainty import DetectionCurve, estimates, voxel_auroc

__all__ = ["report_of"]

_FLAT = ("random", "flags", "volume_voxels")  # the same whoever judges


def report_of(by_judge: Mapping[str, Sequence[SeedOutcome]], cases: Sequence[str], draws: int) -> dict[str, Any]:
    """Work out all figures over the seeds.

    Parameters
    ----------
    by_judge : mapping of str to sequence of SeedOutcome
        The same seeds for every judge.
    cases : sequence of str
        All case ids.
    draws : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``markdown`` and the figures behind it.
    """
    outcomes = [_together(dict(zip(by_judge, ones, strict=True))) for ones in zip(*by_judge.values(), strict=True)]
    numbers = {case: number for number, case in enumerate(cases)}
    trials = [outcome.trial(numbers) for outcome in outcomes]
    rows = rows_of(outcomes, trials, draws=draws)
    auroc = {"auroc": DetectionCurve.auroc}
    beyond = {
        judge: Figure.of(
            estimates(trials, f"label_risk, {judge}", auroc, minus=f"cleanlab, {judge}", draws=draws)["auroc"]
        )
        for judge in by_judge
    }
    near = {judge: _voxels([one.heat["near_prediction"] for one in ones]) for judge, ones in by_judge.items()}
    dice = [error.dice for outcome in outcomes for error in outcome.errors.values()]
    seconds = {judge: [round(one.seconds) for one in ones] for judge, ones in by_judge.items()}
    lines = [
        f"{len(dice)} errors, mean Dice of a changed label to the label before {np.mean(dice):.2f}.",
        "",
        "| measure | AUROC [95 %] | each seed | AP | precision at top | weakest kind | voxel AUROC |",
        "|---|---|---|---|---|---|---|",
        *(_line(row) for row in rows if not row.detail),
        "",
    ]
    for judge in by_judge:
        kinds = ", ".join(f"{kind} {value:.3f}" for kind, value in near[judge].items())
        lines.append(
            f"{judge}: label risk minus cleanlab {beyond[judge].words(3, signed=True)}; voxel AUROC within 3"
        )
        lines[-1] += f" voxels of label or prediction: {kinds}; scoring took {seconds[judge]} s"
    return {
        "markdown": "\n".join(lines),
        "rows": [row.model_dump(mode="json") for row in rows],
        "label_risk_minus_cleanlab": {judge: figure.model_dump() for judge, figure in beyond.items()},
        "voxel_auroc_near_prediction": near,
        "seconds": seconds,
        "mean_dice": float(np.mean(dice)),
    }


def _together(by_judge: Mapping[str, SeedOutcome]) -> SeedOutcome:
    """One outcome with the scores of all judges, each under a name of its own."""
    first = next(iter(by_judge.values()))
    contenders, scores, heat = [], {}, {}
    for judge, outcome in by_judge.items():
        if list(outcome.keys) != list(first.keys) or set(outcome.errors) != set(first.errors):
            raise ValueError(f"Expected the same errors for every judge; {judge} has others. Empty --keep.")
        heat |= {f"{name}, {judge}": counts for name, counts in outcome.heat.items()}
        for one in outcome.contenders:
            if one.name in _FLAT and outcome is not first:
                continue
            whose = "" if one.name in _FLAT else f", {judge}"
            maps = f"{one.map_name}, {judge}" if one.map_name else ""
            contenders.append(replace(one, name=one.name + whose, title=one.title + whose, map_name=maps))
            scores[one.name + whose] = outcome.scores[one.name]
    return replace(first, contenders=contenders, scores=scores, heat=heat)


def _voxels(found: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    kinds = sorted({kind for one in found for kind in one})
    every = np.sum([counts for one in found for counts in one.values()], axis=0)
    result = {"all": voxel_auroc(*every)}
    for kind in kinds:
        result[kind] = voxel_auroc(*np.sum([one[kind] for one in found if kind in one], axis=0))
    return result


def _line(row: MeasureRow) -> str:
    def short(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    title = f"**{row.title}**" if row.name.startswith("label_risk,") else row.title
    seeds = ", ".join(short(value) for value in row.auroc_by_round)
    figures = [short(row.average_precision.value), short(row.precision_top.value)]
    cells = [title, row.auroc.words(3), seeds, *figures, weakest_in_words(row), short(row.voxel_auroc)]
    return f"| {' | '.join(cells)} |"
