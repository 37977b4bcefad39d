"""A judgement in words and as tables."""

from __future__ import annotations

import csv
import io

from ._judgement import MEAN, ComparisonRow, Judgement

__all__ = ["comparison_sentence", "judgement_csv", "judgement_markdown", "sentence_of"]

_WHO = {
    "before": ("The new model", "the promoted one"),
    "baseline": ("The new model", "the plain one trained beside it in the same budget"),
    "other": ("The chosen model", "the one beside it"),
}
_TITLES = {"after": "new", "before": "promoted", "baseline": "plain beside it"}


def sentence_of(judgement: Judgement) -> str:
    """Say what a judgement comes to: the new network against the others, by mean Dice."""
    compared = [found for other in judgement.models[1:] if (found := judgement.comparison(other)) is not None]
    if compared:
        return " ".join(comparison_sentence(found, judgement.unit_word) for found in compared)
    own = judgement.of_class("after")
    mean = "–" if own is None else own.dice.words(3)
    return f"Mean Dice {mean} on {_count(judgement.n_cases, 'held-out case')}; no other model to compare it with."


def comparison_sentence(row: ComparisonRow, unit_word: str = "case") -> str:
    """Say how one network does against another, and what so many cases can show."""
    mine, other = _WHO.get(row.other, ("The new model", row.other))
    difference = f"mean Dice {row.difference.words(3, signed=True)}"
    held_out = f"held-out {unit_word}"
    if row.n_better == row.n_worse == 0:
        return f"{mine} and {other} do the same on {_count(row.n_units, held_out)}."
    if row.shown == "too few":
        verb = "is" if row.n_units == 1 else "are"
        return (
            f"{_count(row.n_units, held_out)} {verb} too few to tell {mine.lower()} from {other}: {difference}, "
            f"better on {row.n_better}."
        )
    if row.shown == "not shown":
        return (
            f"Between {mine.lower()} and {other} no difference that {_count(row.n_units, held_out)} could show: "
            f"{difference}, better on {row.n_better}."
        )
    n = row.n_better if row.shown == "better" else row.n_worse
    p = "" if row.wilcoxon_p is None else f" (signed-rank p {_p_in_words(row.wilcoxon_p)})"
    return f"{mine} is {row.shown} than {other} on {n} of {_count(row.n_units, held_out)}: {difference}{p}."


def _p_in_words(p: float) -> str:
    return f"= {p:.2g}" if p >= 0.001 else "< 0.001"


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def judgement_csv(judgement: Judgement) -> str:
    """Return every class of every held-out case and network, one line each."""
    stream = io.StringIO()
    length = judgement.length_word
    names = ["model", "case", judgement.unit_word, "class", "dice", "surface_dice", f"hd95_{length}"]
    heads = [*names, "calibration_error", "brier", "reference_voxels", "predicted_voxels"]
    if judgement.unit_word == "case":
        heads.remove("case")
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(heads)
    for r in judgement.rows:
        who = [r.model, r.case_id] if judgement.unit_word == "case" else [r.model, r.case_id, r.unit]
        figures = [r.dice, r.surface_dice, r.hd95_mm, r.calibration_error, r.brier]
        cells = ["" if value is None else f"{value:.6g}" for value in figures]
        table.writerow([*who, r.class_name, *cells, r.reference_voxels, r.predicted_voxels])
    return stream.getvalue()


def judgement_markdown(judgement: Judgement) -> str:
    """Return the means with their intervals and the paired comparisons as tables, and the sentences."""
    length = judgement.length_word
    within = f"within {judgement.tolerance_mm:g} {length}"
    lines = [
        judgement.sentence,
        "",
        f"| model | class | cases | not found | Dice | surface Dice ({within}) | HD95 ({length}) | "
        "calibration error | Brier |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for r in judgement.classes:
        figures = (r.dice.words(3), r.surface_dice.words(3), r.hd95_mm.words(2))
        more = (r.calibration_error.words(4), r.brier.words(4))
        name = r.class_name or "mean of the classes"
        cells = [_TITLES[r.model], name, str(r.n_cases), str(r.n_missed), *figures, *more]
        lines.append(f"| {' | '.join(cells)} |")
    if judgement.comparisons:
        word = f"{judgement.unit_word}s"
        lines += [
            "",
            f"| new minus | figure | class | {word} | better | worse | difference [95 %] | p | shown |",
            "|---|---|---|--:|--:|--:|--:|--:|---|",
        ]
    for c in judgement.comparisons:
        p = "–" if c.wilcoxon_p is None else f"{c.wilcoxon_p:.2g}"
        difference = c.difference.words(4, signed=True)
        name = c.class_name if c.class_name != MEAN else "mean"
        counts = [str(c.n_units), str(c.n_better), str(c.n_worse)]
        lines.append(f"| {' | '.join([_TITLES[c.other], c.figure, name, *counts, difference, p, c.shown])} |")
    lines += ["", *judgement.notes]
    return "\n".join(lines).rstrip() + "\n"
