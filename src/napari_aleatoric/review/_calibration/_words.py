"""What a calibration showed, in sentences: for the window, for the terminal, for a methods section."""

from __future__ import annotations

from collections.abc import Sequence

from napari_aleatoric.samples import ErrorKind, Severity
from napari_aleatoric.uncertainty import STRATEGIES, in_ten, score_interval

from ._record import Figure, LineFigures, MeasureRow

__all__ = [
    "OWN_ERRORS",
    "line_in_words",
    "methods_in_words",
    "percent",
    "too_few_in_words",
    "verdict_in_words",
]

_GOOD = 0.8

OWN_ERRORS = (
    "Your own labels count as right: errors that are in them already make every figure a little worse than it is."
)
"""What must be known to read the figures."""

_JUDGES = {
    "light": "a light classifier learned by cross-validation",
    "network": "a small network trained by cross-validation",
    "network+light": "a small network and a light classifier learned by cross-validation",
    "probabilities": "given probabilities",
}


def too_few_in_words(n_cases: int, least: int, n_errors: int) -> str:
    """Say that there are too few cases, and how little they would tell."""
    interval = score_interval(_GOOD, n_errors, max(1, n_cases - n_errors))
    errors = "1 error" if n_errors == 1 else f"{n_errors} errors"
    return (
        f"{_cases(n_cases)} {'is' if n_cases == 1 else 'are'} too few: at least {least} are needed to tell a "
        f"measure from chance. With {errors} among them, the 95 % interval of a good measure, one of AUROC "
        f"{_GOOD}, would reach from {interval.low:.2f} to {interval.high:.2f}; chance is 0.5."
    )


def verdict_in_words(
    rows: Sequence[MeasureRow], default: str, best: str, chosen: str, difference: Figure, n_choosing: int
) -> str:
    """Say which order the evidence speaks for, and why.

    Parameters
    ----------
    rows : sequence of MeasureRow
        Of the rounds that report.
    default, best, chosen : str
        The built-in order; the one with the highest lower bound in the rounds that choose; the outcome.
    difference : Figure
        AUROC of ``best`` minus that of ``default``, in the rounds that report.
    n_choosing : int
        How many rounds chose.
    """
    found = {row.name: row for row in rows}
    figure = found[chosen].auroc if chosen in found else Figure(value=None)
    if figure.low is None or figure.low <= 0.5:
        return (
            f"{_title(chosen)} cannot be told from chance here: AUROC {figure.words()}. Do not rely on the order "
            "of the queue; look at a random sample of the labels instead."
        )
    if n_choosing == 0:
        return (
            f"{_title(default)}, the built-in order, finds the planted errors with AUROC {figure.words()}. One "
            "round cannot both choose another order and say how good it is; ask for two rounds or more."
        )
    if chosen != default:
        return (
            f"Use {_title(chosen)}: it finds more of the planted errors than the built-in order, "
            f"{_title(default)}: AUROC {figure.words()}, a difference of {difference.words(signed=True)}, in "
            "rounds that did not choose it."
        )
    if best != default:
        return (
            f"Keep {_title(default)}, the built-in order: AUROC {figure.words()}. {_title(best)} was a little "
            f"ahead where orders were chosen, but not by more than chance ({difference.words(signed=True)} in the "
            "other rounds)."
        )
    return (
        f"Keep {_title(default)}, the built-in order: no order finds the planted errors better. "
        f"AUROC {figure.words()}."
    )


def line_in_words(line: LineFigures, order: str, error_rate: float, n_labels: int) -> str:
    """Say what stands above the line, and what that rests on."""
    count = max(1, round(line.share * n_labels))
    above = "the label" if count == 1 else f"the {count} labels"
    certain = ""
    if line.precision.low is not None and line.precision.high is not None:
        certain = f" (95 % interval {percent(line.precision.low)} to {percent(line.precision.high)})"
    return (
        f"If {percent(error_rate)} of your labels are wrong in the ways that were planted, "
        f"{in_ten(_value(line.precision))} of {above} above this line, the first {percent(line.share)} of the "
        f"queue by {_title(order)}, have an error{certain}, and {in_ten(_value(line.recall))} of all errors are "
        f"above it. The {percent(error_rate)} is your assumption: the part that was planted says nothing about how "
        "many of your labels are wrong."
    )


def methods_in_words(
    *,
    version: str,
    judge: str,
    n_cases: int,
    n_errors: int,
    rounds_choosing: Sequence[int],
    rounds_reporting: Sequence[int],
    kinds: Sequence[ErrorKind],
    severities: Sequence[Severity],
    mean_dice: float | None,
    row: MeasureRow | None,
) -> str:
    """Write the sentences for a methods section."""
    rounds = len(rounds_choosing) + len(rounds_reporting)
    dice = f" (mean Dice of a changed label to the label before {mean_dice:.2f})" if mean_dice is not None else ""
    chose = ""
    if rounds_choosing:
        chose = (
            f" The order was chosen on round{_s(rounds_choosing)} {_list(rounds_choosing)} and is reported on round"
        )
        chose += f"{_s(rounds_reporting)} {_list(rounds_reporting)}."
    text = (
        f"The order in which labels were reviewed was tested with planted errors (napari-aleatoric {version}): in "
        f"each of {rounds} round{'' if rounds == 1 else 's'}, one error was planted into a private copy of the "
        f"labels of {n_errors} of {_cases(n_cases)}; its kind ({', '.join(k.words for k in kinds)}) and size "
        f"({', '.join(severities)}) took turns{dice}. The copy was scored with {_JUDGES.get(judge, judge)}, which "
        f"learned from the labels with their errors.{chose}"
    )
    if row is None:
        return text
    weakest, n_weakest = row.weakest
    kind = ""
    if weakest is not None:
        kind = f"; weakest kind: {ErrorKind(row.weakest_kind).words}, AUROC {weakest:.2f}, {n_weakest} errors"
    return (
        f"{text} {row.title} found the labels with an error with AUROC {row.auroc.words()}, average precision "
        f"{row.average_precision.words()} and a precision of {row.precision_top.words()} among as many labels as "
        f"there were errors (95 % intervals: bootstrap over cases){kind}."
    )


def percent(part: float) -> str:
    """Say a part of all: "20 %"."""
    return f"{100 * part:.0f} %"


def _title(order: str) -> str:
    return f"‘{STRATEGIES[order].title}’" if order in STRATEGIES else f"‘{order}’"


def _cases(n: int) -> str:
    return "1 case" if n == 1 else f"{n} cases"


def _s(values: Sequence[int]) -> str:
    return "" if len(values) == 1 else "s"


def _list(values: Sequence[int]) -> str:
    named = [str(v) for v in values]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _value(figure: Figure) -> float:
    return float("nan") if figure.value is None else figure.value
