"""The table of a calibration as CSV and as Markdown."""

from __future__ import annotations

import csv
import io

from napari_aleatoric.model import Question
from napari_aleatoric.samples import ErrorKind

from ._record import CalibrationRecord, Figure, MeasureRow
from ._words import percent

__all__ = ["calibration_csv", "calibration_markdown", "question_in_words", "weakest_in_words"]


def question_in_words(row: MeasureRow) -> str:
    """Return the question that a measure answers; "–" for none."""
    return Question(row.question).sentence if row.question else "–"


def weakest_in_words(row: MeasureRow) -> str:
    """Return the weakest kind of error, its AUROC and its number: "missing slices 0.90 (10)"."""
    value, n = row.weakest
    return "–" if value is None else f"{ErrorKind(row.weakest_kind).words} {value:.2f} ({n})"


def calibration_csv(record: CalibrationRecord) -> str:
    """All measures and all figures, one measure a line."""
    kinds = sorted({kind for row in record.rows for kind in row.by_kind})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = ["auroc", "average_precision", "precision_top"]
    ends = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    by_kind = [f"auroc {ErrorKind(kind).words}" for kind in kinds]
    writer.writerow(["measure", "title", "question", *ends, "voxel_auroc", "weakest_kind", *by_kind])
    for row in record.rows:
        figures = [row.auroc, row.average_precision, row.precision_top]
        values = [_cell(v) for figure in figures for v in (figure.value, figure.low, figure.high)]
        kind_values = [_cell(row.by_kind.get(kind, (None, 0))[0]) for kind in kinds]
        writer.writerow(
            [row.name, row.title, row.question, *values, _cell(row.voxel_auroc), row.weakest_kind, *kind_values]
        )
    return out.getvalue()


def calibration_markdown(record: CalibrationRecord) -> str:
    """Return the table, the verdict, what the line means and what must be known, for a report."""
    lines = ["# Which measure works on this data", "", record.verdict, ""]
    if record.rows:
        lines += [
            f"{record.n_labels} labels of {record.n_cases} cases, {record.n_errors_reported} planted errors.",
            "",
            "| measure | question | AUROC [95 %] | average precision | precision at top | weakest kind | voxels |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [_line(row, record) for row in record.rows]
    for text in (record.line_sentence, *record.notes):
        lines += ["", text] if text else []
    if record.lines:
        lines += ["", "| first part of the queue | of these wrong [95 %] | of all errors |", "|---|---|---|"]
        lines += [
            f"| {percent(one.share)} | {one.precision.words()} | {one.recall.words()} |" for one in record.lines
        ]
    if record.methods:
        lines += ["", "For a methods section:", "", f"> {record.methods}"]
    return "\n".join(lines) + "\n"


def _line(row: MeasureRow, record: CalibrationRecord) -> str:
    title = f"**{row.title}**" if row.name == record.chosen_order else row.title
    cells = [
        title,
        question_in_words(row),
        row.auroc.words(3),
        _short(row.average_precision),
        _short(row.precision_top),
        weakest_in_words(row),
        "–" if row.voxel_auroc is None else f"{row.voxel_auroc:.3f}",
    ]
    return f"| {' | '.join(cells)} |"


def _short(figure: Figure) -> str:
    return "–" if figure.value is None else f"{figure.value:.3f}"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
