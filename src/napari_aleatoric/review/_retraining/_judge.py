"""From the figures of held-out cases to a judgement. Pure: no file and no network here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from napari_aleatoric.errors import DataError
from napari_aleatoric.review._calibration._record import Figure
from napari_aleatoric.uncertainty import Estimate

from ._judge_spec import JudgeSpec
from ._judgement import FIGURES, MEAN, CaseRow, ClassRow, ComparisonRow, Judgement
from ._judgement_words import sentence_of
from ._paired import mean_of, paired_difference

__all__ = ["AFTER", "BASELINE", "BEFORE", "comparison", "judge"]

AFTER, BEFORE, BASELINE = "after", "before", "baseline"
"""Names of the networks in a judgement: the new one, the promoted one, the plain one trained beside it."""


def judge(
    rows: Sequence[CaseRow],
    spec: JudgeSpec,
    *,
    by_patient: bool = False,
    spacing_known: bool = True,
    learned: Mapping[str, frozenset[str]] | None = None,
    notes: Sequence[str] = (),
) -> Judgement:
    """Judge networks on held-out cases.

    Parameters
    ----------
    rows : sequence of CaseRow
        Of all networks; "after" among them.
    spec : JudgeSpec
        Settings.
    by_patient : bool
        Whether units are patients: their cases are averaged before anything is counted.
    spacing_known : bool
        Whether lengths are millimetres; else they are voxels.
    learned : mapping of str to frozenset of str
        Cases by network that it learned from although they are held back now, as an older network may have: these
        are left out of its figures and of the comparisons with it.
    notes : sequence of str
        What to know when reading it.

    Returns
    -------
    Judgement
        Does not depend on the order of the rows.

    Raises
    ------
    DataError
        If there is nothing to judge.
    """
    learned = learned or {}
    kept = [r for r in rows if r.case_id not in learned.get(r.model, frozenset())]
    models = tuple(m for m in (AFTER, BEFORE, BASELINE) if any(r.model == m for r in kept))
    if AFTER not in models:
        raise DataError("Expected predictions of held-out cases by the new network, got none.")
    kept.sort(key=lambda r: (models.index(r.model), r.case_id))
    class_names = list(dict.fromkeys(r.class_name for r in kept))
    mine = [r for r in kept if r.model == AFTER]
    told = [_class_row(kept, model, name, spec) for model in models for name in (*class_names, MEAN)]
    comparisons = [
        comparison(kept, other, figure, name, spec)
        for other in models[1:]
        for figure in FIGURES
        for name in (MEAN, *class_names)
    ]
    found = Judgement(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        models=models,
        n_cases=len({r.case_id for r in mine}),
        n_units=len({r.unit for r in mine}),
        unit_word="patient" if by_patient else "case",
        length_word="mm" if spacing_known else "voxels",
        tolerance_mm=spec.tolerance_mm,
        margin_mm=spec.margin_mm,
        draws=spec.draws,
        seed=spec.seed,
        rows=tuple(kept),
        classes=tuple(told),
        comparisons=tuple(row for row in comparisons if row.n_units),
        sentence="",
        notes=tuple(notes),
    )
    return found.model_copy(update={"sentence": sentence_of(found)})


def _by_unit(rows: Sequence[CaseRow], model: str, figure: str, class_name: str) -> dict[str, float]:
    """Mean of a figure by unit: over the classes of a case, then over the cases of a unit."""
    cases: dict[tuple[str, str], list[float]] = {}
    for r in rows:
        value = getattr(r, figure)
        if r.model == model and class_name in (MEAN, r.class_name) and value is not None:
            cases.setdefault((r.unit, r.case_id), []).append(value)
    units: dict[str, list[float]] = {}
    for (unit, _), values in cases.items():
        units.setdefault(unit, []).append(float(np.mean(values)))
    return {unit: float(np.mean(values)) for unit, values in units.items()}


def _class_row(rows: Sequence[CaseRow], model: str, class_name: str, spec: JudgeSpec) -> ClassRow:
    own = [r for r in rows if r.model == model and class_name in (MEAN, r.class_name)]
    figures = {figure: Figure.of(_mean(_by_unit(rows, model, figure, class_name), spec)) for figure in FIGURES}
    return ClassRow(
        model=model,
        class_name=class_name,
        n_cases=len({r.case_id for r in own}),
        n_missed=sum(r.reference_voxels > 0 and r.predicted_voxels == 0 for r in own),
        **figures,
    )


def _mean(units: Mapping[str, float], spec: JudgeSpec) -> Estimate:
    values = np.array([units[unit] for unit in sorted(units)], dtype=np.float64)
    return mean_of(values, draws=spec.draws, seed=spec.seed)


def comparison(rows: Sequence[CaseRow], other: str, figure: str, class_name: str, spec: JudgeSpec) -> ComparisonRow:
    """Compare "after" with another network in one figure of one class, on the cases that both were judged on."""
    shared = {r.case_id for r in rows if r.model == AFTER} & {r.case_id for r in rows if r.model == other}
    common = [r for r in rows if r.case_id in shared]
    found = paired_difference(
        _by_unit(common, AFTER, figure, class_name),
        _by_unit(common, other, figure, class_name),
        FIGURES[figure][1],
        draws=spec.draws,
        seed=spec.seed,
    )
    return ComparisonRow(
        model=AFTER,
        other=other,
        figure=figure,
        class_name=class_name,
        n_units=found.n_units,
        n_better=found.n_better,
        n_worse=found.n_worse,
        difference=Figure.of(found.estimate),
        wilcoxon_p=found.p if np.isfinite(found.p) else None,
        shown=found.shown,
    )
