"""Numbers, times and changes as a report says them; the same in HTML and PDF."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import isnan

from napari_aleatoric.review._labels._diff import ClassDiff

from ._record import LabelPage, MeasureLine, ReaderLine, Report, Row

__all__ = [
    "CAUTION",
    "CHANGES",
    "change_heads",
    "change_rows",
    "figure_lines",
    "intro_lines",
    "measure_heads",
    "measure_rows",
    "reader_heads",
    "reader_rows",
    "reason_line",
    "said_heads",
    "said_rows",
    "status_line",
    "table_heads",
    "table_rows",
    "title",
    "version_heads",
    "version_rows",
    "when_words",
]

CHANGES = "Added and removed in voxels; Dice between the original and the present label."
CAUTION = "Made to review labels for research. Not for diagnosis."


def when_words(when: datetime | None) -> str:
    """Say a time to the minute, in UTC."""
    return "–" if when is None else f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def title(report: Report) -> str:
    """Return the heading of a report."""
    names = list(dict.fromkeys(row.name for row in report.rows))
    if report.of_review:
        return "Report of a review"
    return f"Report of {names[0] if len(names) == 1 else _count(len(names), 'label')}"


def intro_lines(report: Report) -> list[str]:
    """Say when it was made, for whom, and what is not in it."""
    cases = len({row.number for row in report.rows})
    lines = [
        f"{_count(len(report.rows), 'label')} of {_count(cases, 'case')}, worst first by: {report.order}. "
        f"Made {when_words(report.made)}" + (f" for {report.spec.reader}." if report.spec.reader else ".")
    ]
    if not report.spec.identifiers:
        lines.append("Cases are named by their number in the data set.")
    return lines + list(report.notes)


def figure_lines(report: Report) -> list[tuple[str, str]]:
    """Return the figures at the top: number, and what it counts."""
    done = sum(row.status not in ("pending", "skipped") for row in report.rows)
    changed = sum(row.changed for row in report.rows)
    found = [(f"{done} of {len(report.rows)}", "labels decided")]
    found += [(str(n), status) for status, n in sorted(report.by_status.items())]
    return [*found, (str(changed), "labels that differ from the original")]


def table_heads() -> list[str]:
    """Heads of the table of labels."""
    return ["place", "case", "score", "class", "status", "quality", "reader", "decided", "change", "flags"]


def table_rows(rows: Iterable[Row]) -> list[list[str]]:
    """Return the table of labels."""
    return [
        [
            str(row.place),
            row.name,
            _score(row.score),
            row.class_name or "–",
            row.status,
            "–" if row.quality is None else str(row.quality),
            row.reader or "–",
            when_words(row.when),
            _changes(row),
            str(row.n_flags or "–"),
        ]
        for row in rows
    ]


def status_line(page: LabelPage) -> str:
    """Say how the label stands."""
    row = page.row
    parts = [row.status if row.reader == "" or row.status == "pending" else f"{row.status} by {row.reader}"]
    if row.when is not None and row.status != "pending":
        parts.append(when_words(row.when))
    if row.quality is not None:
        parts.append(f"quality {row.quality} of 5")
    return ", ".join(parts)


def reason_line(page: LabelPage) -> str:
    """Say why a label stands where it stands."""
    return page.reason + (" (the scores are of an earlier version)" if page.stale else "")


def change_heads(classes: Sequence[ClassDiff]) -> list[str]:
    """Heads of the table of changes; voxels where the size of a voxel is unknown."""
    unit = "voxels" if _unknown(classes) else "ml"
    return ["class", f"original, {unit}", f"now, {unit}", f"change, {unit}", "added", "removed", "Dice"]


def change_rows(classes: Sequence[ClassDiff]) -> list[list[str]]:
    """Return every class before and after; added and removed are voxels."""
    rows = []
    for c in classes:
        if _unknown(classes):
            sizes = [f"{c.voxels_before:,}", f"{c.voxels_after:,}", f"{c.voxels_after - c.voxels_before:+,}"]
        else:
            sizes = [_ml(c.ml_before), _ml(c.ml_after), _signed_ml(c.ml_after - c.ml_before)]
        dice = "–" if isnan(c.dice) else f"{c.dice:.3f}"
        rows.append([c.class_name, *sizes, f"{c.voxels_added:,}", f"{c.voxels_removed:,}", dice])
    return rows


def said_heads() -> list[str]:
    """Heads of the log of decisions."""
    return ["when", "reader", "what", "quality", "comment"]


def said_rows(page: LabelPage) -> list[list[str]]:
    """Return the log of decisions, oldest first; entries that were taken back say so."""
    return [
        [
            when_words(s.when),
            s.reader,
            s.what + (" (taken back)" if s.undone else ""),
            "–" if s.quality is None else f"{s.quality} of 5",
            s.comment or "–",
        ]
        for s in page.said
    ]


def version_heads() -> list[str]:
    """Heads of the saved versions."""
    return ["saved", "reader", "how", "comment"]


def version_rows(page: LabelPage) -> list[list[str]]:
    """Return the saved versions, oldest first."""
    return [[when_words(v.when), v.reader, v.how, v.comment or "–"] for v in page.versions]


def measure_heads(class_names: Sequence[str], lines: Sequence[MeasureLine]) -> list[str]:
    """Heads of the measures: the whole case, and the classes that have a value of any."""
    return ["measure", "whole case", *(class_names[k] for k in _with_values(lines))]


def measure_rows(lines: Sequence[MeasureLine]) -> list[list[str]]:
    """Return every measure: its title, the value of the whole case, and of the classes that have any."""
    shown = _with_values(lines)
    return [[m.title, _number(m.whole), *(_number(m.by_class[k]) for k in shown)] for m in lines]


def reader_heads() -> list[str]:
    """Heads of what readers did."""
    verdicts = ["accepted", "corrected", "rejected", "excluded", "skipped"]
    return ["reader", *verdicts, "versions saved", "mean quality", "last decision"]


def reader_rows(lines: Iterable[ReaderLine]) -> list[list[str]]:
    """Return what each reader did."""
    return [
        [
            line.reader,
            *(str(line.by_verdict.get(v, 0)) for v in reader_heads()[1:6]),
            str(line.n_versions),
            "–" if isnan(line.mean_quality) else f"{line.mean_quality:.1f} of 5",
            when_words(line.last),
        ]
        for line in lines
    ]


def _changes(row: Row) -> str:
    if row.classes is None:
        return "–"
    touched = [c for c in row.classes if c.voxels_added or c.voxels_removed]
    if not touched:
        return "none"
    unknown = _unknown(row.classes)
    return "; ".join(
        f"{c.class_name} "
        + (
            f"{c.voxels_after - c.voxels_before:+,} voxels"
            if unknown
            else f"{_signed_ml(c.ml_after - c.ml_before)} ml"
        )
        for c in touched
    )


def _unknown(classes: Sequence[ClassDiff]) -> bool:
    return any(isnan(c.ml_before) for c in classes)


def _with_values(lines: Sequence[MeasureLine]) -> list[int]:
    n = max((len(m.by_class) for m in lines), default=0)
    return [k for k in range(n) if any(not isnan(m.by_class[k]) for m in lines)]


def _ml(value: float) -> str:
    return f"{value:,.{_digits(value)}f}"


def _signed_ml(value: float) -> str:
    return f"{value:+,.{_digits(value)}f}" if value else "0"


def _digits(value: float) -> int:
    return 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3


def _score(value: float) -> str:
    return "–" if isnan(value) else f"{value:.2f}"


def _number(value: float) -> str:
    if isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
