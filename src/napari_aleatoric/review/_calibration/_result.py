"""From finished rounds to the record: which rounds choose, which report, what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from typing import Any

import numpy as np

from napari_aleatoric.model import Question, Reporter
from napari_aleatoric.samples import ErrorKind
from napari_aleatoric.uncertainty import (
    DetectionCurve,
    Estimate,
    choose_order,
    estimates,
    line_of,
    lines_of,
    seeds_for_choosing,
)

from ._aside import aside
from ._order import BUILT_IN
from ._record import CalibrationRecord, Figure, LineFigures, MeasureRow
from ._rows import rows_of, shared_contenders
from ._seed import SeedOutcome
from ._spec import CalibrateSpec
from ._words import OWN_ERRORS, line_in_words, methods_in_words, too_few_in_words, verdict_in_words

__all__ = ["DataFacts", "empty_record", "record_of"]

_PACKAGES = ("napari-aleatoric", "numpy", "scipy", "scikit-learn")
_SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)
_NOTHING = Figure(value=None)


@dataclass(frozen=True)
class DataFacts:
    """What a data set is, for the record.

    Parameters
    ----------
    cases : sequence of str
        Ids of all cases with labels.
    n_labels : int
        How many labels they have.
    kinds : sequence of ErrorKind
        Kinds that can be planted at all.
    n_errors : int
        How many cases get an error in a round.
    least_cases : int
        How many cases it takes to tell a measure from chance.
    labels_digest, planting_digest : str
        Of what was calibrated on.
    """

    cases: Sequence[str]
    n_labels: int
    kinds: Sequence[ErrorKind]
    n_errors: int
    least_cases: int
    labels_digest: str
    planting_digest: str


def _basis(facts: DataFacts, spec: CalibrateSpec) -> dict[str, Any]:
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "spec": spec.model_dump(mode="json"),
        "planting_digest": facts.planting_digest,
        "labels_digest": facts.labels_digest,
        "versions": {name: metadata.version(name) for name in _PACKAGES},
        "n_cases": len(facts.cases),
        "n_labels": facts.n_labels,
        "least_cases": facts.least_cases,
        "default_order": BUILT_IN,
        "error_rate": spec.error_rate,
    }


def empty_record(facts: DataFacts, spec: CalibrateSpec) -> CalibrationRecord:
    """Return the record of a data set with too few cases: nothing was planted."""
    return CalibrationRecord(
        **_basis(facts, spec),
        judge="",
        n_errors=0,
        n_errors_reported=0,
        mean_dice=None,
        rounds_choosing=(),
        rounds_reporting=(),
        rows=(),
        best_order=BUILT_IN,
        chosen_order=BUILT_IN,
        difference_choosing=_NOTHING,
        difference_reporting=_NOTHING,
        line=None,
        lines=(),
        notes=(),
        verdict=too_few_in_words(len(facts.cases), facts.least_cases, facts.n_errors),
        line_sentence="",
        methods="",
        seconds=0.0,
    )


def record_of(
    facts: DataFacts, spec: CalibrateSpec, outcomes: Sequence[SeedOutcome], reporter: Reporter
) -> CalibrationRecord:
    """Work out what the rounds show.

    The first half of the rounds chooses the order (see `choose_order`), among the orders that answer the question
    of label risk; all figures come from the others. A single round reports and chooses nothing.

    Parameters
    ----------
    facts : DataFacts
        The data set.
    spec : CalibrateSpec
        What was asked.
    outcomes : sequence of SeedOutcome
        All rounds.
    reporter : Reporter
        Hears of every measure; its total is 1.
    """

    def count(part: float) -> None:
        reporter.step(part, 1.0, "Counting")

    numbers = {case: number for number, case in enumerate(facts.cases)}
    trials = [outcome.trial(numbers) for outcome in outcomes]
    n_choosing = seeds_for_choosing(len(outcomes))
    choosing, reporting = trials[:n_choosing], trials[n_choosing:]
    reported = outcomes[n_choosing:]
    candidates = [c.name for c in shared_contenders(outcomes) if c.order and c.question == str(Question.LABEL_RISK)]
    enough = len(facts.cases) >= facts.least_cases
    best, chosen, ahead = BUILT_IN, BUILT_IN, Estimate(0.0, 0.0, 0.0)
    if choosing and enough:
        choose = partial(choose_order, choosing, candidates, BUILT_IN, draws=spec.draws)
        choice = aside(choose, partial(count, 0.0))
        best, chosen, ahead = choice.best, choice.order, choice.difference
    figures = {"auroc": DetectionCurve.auroc}
    hold = partial(estimates, reporting, best, figures, minus=BUILT_IN, draws=spec.draws)
    held = aside(hold, partial(count, 0.0))["auroc"]
    rows = rows_of(reported, reporting, draws=spec.draws, step=count)
    draw_line = partial(line_of, reporting, chosen, spec.error_rate, facts.n_labels, draws=spec.draws)
    line = LineFigures.of(aside(draw_line, partial(count, 1.0)))
    draw_lines = partial(lines_of, reporting, chosen, _SHARES, spec.error_rate, draws=spec.draws)
    lines = aside(draw_lines, partial(count, 1.0))
    difference = Figure.of(held)
    verdict = verdict_in_words(rows, BUILT_IN, best, chosen, difference, len(choosing))
    if not enough:
        verdict = too_few_in_words(len(facts.cases), facts.least_cases, facts.n_errors)
    dice = [error.dice for outcome in outcomes for error in outcome.errors.values()]
    basis = _basis(facts, spec)
    seeds = [outcome.seed for outcome in outcomes]
    mean_dice = float(np.mean(dice))
    return CalibrationRecord(
        **basis,
        judge=outcomes[0].judge,
        n_errors=sum(len(outcome.errors) for outcome in outcomes),
        n_errors_reported=sum(len(outcome.errors) for outcome in reported),
        mean_dice=mean_dice,
        rounds_choosing=tuple(seeds[:n_choosing]),
        rounds_reporting=tuple(seeds[n_choosing:]),
        rows=rows,
        best_order=best,
        chosen_order=chosen,
        difference_choosing=Figure.of(ahead) if choosing and enough else _NOTHING,
        difference_reporting=difference,
        line=line,
        lines=tuple(LineFigures.of(one) for one in lines),
        notes=_notes(facts, spec, outcomes, rows, chosen),
        verdict=verdict,
        line_sentence=line_in_words(line, chosen, spec.error_rate, facts.n_labels) if enough else "",
        methods=methods_in_words(
            version=basis["versions"]["napari-aleatoric"],
            judge=outcomes[0].judge,
            n_cases=len(facts.cases),
            n_errors=facts.n_errors,
            rounds_choosing=seeds[:n_choosing],
            rounds_reporting=seeds[n_choosing:],
            kinds=facts.kinds,
            severities=spec.severities,
            mean_dice=mean_dice,
            row=next((row for row in rows if row.name == chosen), None),
        ),
        seconds=sum(outcome.seconds for outcome in outcomes),
    )


def _notes(
    facts: DataFacts,
    spec: CalibrateSpec,
    outcomes: Sequence[SeedOutcome],
    rows: Sequence[MeasureRow],
    chosen: str,
) -> tuple[str, ...]:
    notes = [OWN_ERRORS]
    left_out = [kind.words for kind in spec.kinds if kind not in facts.kinds]
    if left_out:
        notes.append(f"Not planted: {', '.join(left_out)}; it takes two classes, and this data set has one.")
    failed = _sum_of([outcome.failed for outcome in outcomes])
    planted = {error.kind for outcome in outcomes for error in outcome.errors.values()}
    for kind, count in sorted(failed.items()):
        where = f"{count} label{'' if count == 1 else 's'}"
        words = ErrorKind(kind).words
        if kind in planted:
            notes.append(
                f"‘{words}’ could not be planted into {where} and another kind was: too small, or one class."
            )
        else:
            notes.append(
                f"‘{words}’ was skipped: none of {where} that were tried took it; too small, or one class."
            )
    missing = [o for o in outcomes if len(o.errors) < facts.n_errors]
    if missing:
        least = min(len(o.errors) for o in missing)
        notes.append(f"Only {least} of {facts.n_errors} errors could be planted and scored in a round.")
    best = rows[0] if rows else None
    if best is not None and best.name != chosen and best.question and best.question != str(Question.LABEL_RISK):
        asked = Question(best.question).sentence
        notes.append(
            f"{best.title} found the most planted errors, but it answers another question ({asked}) and cannot "
            "become the order of a queue of doubtful labels."
        )
    notes += dict.fromkeys(note for outcome in outcomes for note in outcome.notes)
    return tuple(notes)


def _sum_of(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            total[name] = total.get(name, 0) + count
    return total
