"""A filter in words and in plain values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_aleatoric.model import Measure, Question, Verdict
from napari_aleatoric.review._storage._decision_log import STATUSES

from ._cut import Cut
from ._reason import FilterReason

if TYPE_CHECKING:
    from ._preview import FilterPreview

__all__ = [
    "dropped_sentence",
    "ends_in_words",
    "preview_json",
    "preview_sentence",
    "range_in_words",
    "value_in_words",
]

_ENDS: dict[Question, tuple[str, str]] = {
    Question.LABEL_RISK: ("supported", "doubtful"),
    Question.AMBIGUITY: ("clear", "ambiguous"),
    Question.DISAGREEMENT: ("agreed on", "disagreed on"),
    Question.DIFFICULTY: ("easy", "hard"),
}

_MOST = {"clear": "clearest", "easy": "easiest", "hard": "hardest", "large": "largest", "small": "smallest"}


def ends_in_words(measure: Measure) -> tuple[str, str]:
    """Return what the better and the worse end of a measure mean, a word or two each."""
    if measure.name.startswith("volume_"):
        return "large", "small"
    return _ENDS[measure.question]


def value_in_words(measure: Measure, value: float) -> str:
    """Return a number with as many digits as tell, and its unit; "–" for NaN."""
    if math.isnan(value):
        return "–"
    text = f"{value:,.0f}" if measure.unit == "voxels" or abs(value) >= 1000 else f"{value:.3g}"
    return f"{text} {measure.unit}".strip()


def range_in_words(preview: FilterPreview) -> str:
    """Say what is kept: "the 0 to 95 % nearest to the easy end", or the raw values."""
    spec, measure = preview.spec, preview.measure
    better, worse = ends_in_words(measure)
    if spec.values is not None:
        smallest, largest = spec.values
        if smallest is None and largest is None:
            return "all values"
        if smallest is None or largest is None:
            limit = smallest if largest is None else largest
            return f"values {'from' if largest is None else 'up to'} {value_in_words(measure, float(limit or 0.0))}"
        return f"values from {value_in_words(measure, smallest)} to {value_in_words(measure, largest)}"
    low, high = spec.percentiles
    if low <= 0 and high >= 100:
        return "everything"
    if low <= 0:
        return f"all but the {_worst(100 - high, worse)}"
    if high >= 100:
        return f"all but the {_worst(low, better)}"
    return f"all but the {_worst(low, better)} and the {_worst(100 - high, worse)}"


def _worst(percent: float, end: str) -> str:
    return f"{percent:.3g} % {_MOST.get(end, f'most {end}')}"


def preview_sentence(preview: FilterPreview) -> str:
    """Say how many labels are kept, and what becomes of the others."""
    spec, measure = preview.spec, preview.measure
    n_dropped = preview.n_total - preview.n_kept
    how = measure.title
    if spec.class_wise:
        how += " of each class" if not spec.class_names else f" of {', '.join(spec.class_names)}"
    parts = [
        f"Keeps {preview.n_kept} of {preview.n_total}, drops {n_dropped}: by {how}, {range_in_words(preview)}."
    ]
    if spec.class_wise and len(preview.cuts) > 1:
        rule = "one class within its cut is enough" if spec.class_rule == "any" else "all its classes have to be"
        parts.append(f"A case is kept where {rule}.")
    if n := preview.count(FilterReason.VERDICT):
        parts.append(f"{n} of the dropped {_was(n)} {_either(spec.drop_verdicts)} by a reader.")
    if n := preview.count(FilterReason.KEPT_BY_VERDICT):
        parts.append(
            f"{n} {_is(n)} kept because a reader {_either(spec.keep_verdicts)} {'it' if n == 1 else 'them'}."
        )
    if n := preview.count(FilterReason.UNSCORED) + preview.count(FilterReason.KEPT_UNSCORED):
        has, fate = ("has", "is") if n == 1 else ("have", "are")
        parts.append(f"{n} {has} no such score and {fate} {'kept' if spec.unscored == 'keep' else 'dropped'}.")
    if n := preview.n_stale:
        parts.append(
            f"{n} {'score is' if n == 1 else 'scores are'} out of date: score again before you rely on this."
        )
    return " ".join(parts)


def _is(n: int) -> str:
    return "is" if n == 1 else "are"


def _was(n: int) -> str:
    return "was" if n == 1 else "were"


def _either(verdicts: Sequence[Verdict]) -> str:
    return " or ".join(verdict.value for verdict in verdicts)


def dropped_sentence(preview: FilterPreview, row: int) -> str:
    """Say why the label in one row is not kept."""
    why, measure = FilterReason(int(preview.why[row])), preview.measure
    if why in (FilterReason.VERDICT, FilterReason.UNSCORED):
        return dropped_words(preview, row)
    c, value = int(preview.value_class[row]), float(preview.value[row])
    limit, end = _beyond(preview, row)
    name = f" of {preview.columns.classes.name_of(c)}" if c else ""
    text = (
        f"{measure.title}{name} {value_in_words(measure, value)} is {'above' if value > limit else 'below'} the "
        f"cut of {value_in_words(measure, limit)}: too {end}"
    )
    return f"{text}, and other classes are beyond the other cut" if why is FilterReason.BOTH_ENDS else text


def dropped_words(preview: FilterPreview, row: int) -> str:
    """Say the same in a few words: "too hard: liver 0.91"."""
    why = FilterReason(int(preview.why[row]))
    if why is FilterReason.VERDICT:
        return f"{STATUSES[int(preview.columns.status[row])]} by a reader"
    if why is FilterReason.UNSCORED:
        return "has no such score"
    c = int(preview.value_class[row])
    name = f"{preview.columns.classes.name_of(c)} " if c else ""
    return f"too {_beyond(preview, row)[1]}: {name}{value_in_words(preview.measure, float(preview.value[row]))}"


def _beyond(preview: FilterPreview, row: int) -> tuple[float, str]:
    """Raw value of the cut that a dropped label is beyond, and the word for that end."""
    measure, cut = preview.measure, preview.cuts[int(preview.value_class[row])]
    better, worse = ends_in_words(measure)
    is_worse = measure.sign * float(preview.value[row]) > cut.high
    return measure.sign * (cut.high if is_worse else cut.low), worse if is_worse else better


def preview_json(preview: FilterPreview) -> dict[str, Any]:
    """Return the spec, counts, cuts, and every dropped label with its reason, as plain values."""
    sign = preview.measure.sign
    classes = preview.columns.classes
    return {
        "spec": preview.spec.model_dump(mode="json"),
        "sentence": preview.sentence,
        "n_total": preview.n_total,
        "n_kept": preview.n_kept,
        "n_stale": preview.n_stale,
        "cuts": [
            {"class": classes.name_of(c) if c else "", **_raw_limits(cut, sign)} for c, cut in preview.cuts.items()
        ],
        "classes": [{"class": c.class_name, "labels": c.n, "kept": c.n_kept} for c in preview.class_counts],
        "dropped": [
            {
                "case": item.key.case_id,
                "label_reader": item.key.label_reader,
                "why": item.why.name.lower(),
                "reason": item.sentence,
                "class": item.class_name,
                "value": _plain(item.value),
            }
            for item in preview.dropped()
        ],
    }


def _raw_limits(cut: Cut, sign: float) -> dict[str, float | None]:
    smallest, largest = (cut.low, cut.high) if sign > 0 else (-cut.high, -cut.low)
    return {"smallest_kept": _plain(smallest), "largest_kept": _plain(largest)}


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
