"""The door: a report of a case or of a whole review, complete in its folder or not there at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from napari_aleatoric.errors import AleatoricError, DataError, NotFoundError
from napari_aleatoric.io import Workspace, write_whole
from napari_aleatoric.model import Reporter, SilentReporter
from napari_aleatoric.review._exporting._files import program
from napari_aleatoric.review._exporting._folder import new_folder, replaceable
from napari_aleatoric.review._ranking._queue import Queue, QueueRow, build_queue
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.review._study._blindness import hidden_cases, only_own
from napari_aleatoric.uncertainty import LABEL_RISK_MAP, MAPS, QUESTIONS, strategy_of

from ._label_page import measured, page_of, version_diff
from ._page import report_html
from ._record import LabelPage, Report, Row
from ._spec import ReportSpec
from ._summary import reader_lines

__all__ = ["ReportSummary", "write_report"]

_FORMAT = "napari-aleatoric report"
_MANIFEST = "report.json"
_KEY_FILE = "key.csv"
_DEFAULTS = ReportSpec()


@dataclass(frozen=True)
class ReportSummary:
    """What a report holds.

    Parameters
    ----------
    destination : Path
        The folder.
    files : tuple of str
        Names in it.
    n_labels, n_pages : int
        Labels in the table, and those with a page.
    notes : tuple of str
        What was left out, and what the user should know.
    sentence : str
        The same in one sentence.
    """

    destination: Path
    files: tuple[str, ...]
    n_labels: int
    n_pages: int
    notes: tuple[str, ...]
    sentence: str


def write_report(
    workspace: Workspace, spec: ReportSpec = _DEFAULTS, *, reporter: Reporter | None = None
) -> ReportSummary:
    """Write a report of some cases, or of the whole review, with pictures.

    Parameters
    ----------
    workspace : Workspace
        Whose review.
    spec : ReportSpec, optional
        What was chosen; by default its defaults.
    reporter : Reporter, optional
        Told about every label.

    Returns
    -------
    ReportSummary
        What was written: ``report.html`` and ``report.pdf`` need nothing beside them; ``report.json`` says how they
        were made.

    Raises
    ------
    NotFoundError
        If a case is not in the data set, or there is no such order.
    DataError
        If a named case must not be seen yet by the one whom the report is for, or there is nothing to tell.
    WorkspaceError
        If the folder is neither new nor empty, lies in the data set, or cannot be written.
    Cancelled
        If the reporter was asked to stop. Whatever fails, nothing is left behind.
    """
    strategy_of(spec.strategy)
    place = Path(spec.destination) if spec.destination else workspace.exports_dir / "report"
    dest = replaceable(place, workspace, _MANIFEST, _FORMAT, replace=spec.replace, kind="report")
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        report = _collect(workspace, store, spec, reporter or SilentReporter())
    with new_folder(dest) as folder:
        files = {"report.html": report_html(report).encode()}
        if spec.pdf:
            from ._pdf import report_pdf

            files["report.pdf"] = report_pdf(report)
        if spec.key_file and not spec.identifiers:
            files[_KEY_FILE] = _key_file(workspace, report)
        for name, content in files.items():
            write_whole(folder / name, content)
        about = {
            "format": _FORMAT,
            "format_version": 1,
            "created": report.made.isoformat(timespec="seconds"),
            "program": program(),
            "spec": spec.model_dump(mode="json", exclude={"destination", "cases"}),
            "n_labels": len(report.rows),
            "n_pages": len(report.pages),
            "files": sorted(files),
        }
        write_whole(folder / _MANIFEST, json.dumps(about, indent=1, ensure_ascii=False).encode())
    return ReportSummary(
        dest,
        (*files, _MANIFEST),
        len(report.rows),
        len(report.pages),
        report.notes,
        f"A report of {len(report.rows)} label{'' if len(report.rows) == 1 else 's'}, {len(report.pages)} with "
        f"pictures, is in {dest.name}.",
    )


def _collect(workspace: Workspace, store: ReviewStore, spec: ReportSpec, reporter: Reporter) -> Report:
    hidden: frozenset[str] = frozenset()
    if spec.reader:
        hidden = hidden_cases(store, spec.reader)
        workspace, store = only_own(workspace, store, spec.reader)
    numbers = {case.case_id: n for n, case in enumerate(workspace.dataset.cases, start=1)}
    _check(spec, numbers, hidden)
    queue = build_queue(store, workspace.dataset.classes, spec.strategy)
    wanted = [
        row
        for row in queue
        if row.key.case_id in numbers
        and row.key.case_id not in hidden
        and (not spec.cases or row.key.case_id in spec.cases)
    ]
    if not wanted:
        raise DataError("There is nothing to report: no label of this review may be shown. Choose other cases.")
    paged = wanted if spec.cases else wanted[: spec.pages]
    rows, pages = _labels(workspace, store, queue, wanted, len(paged), numbers, spec, reporter)
    return Report(
        spec=spec,
        made=datetime.now(UTC),
        class_names=tuple(c.class_name for c in workspace.dataset.classes),
        order=strategy_of(spec.strategy).title,
        heat_legend=MAPS[_map_of(spec)].legend,
        rows=rows,
        readers=reader_lines(store, [row.key for row in wanted]),
        pages=pages,
        notes=_notes(spec, len(hidden), len(wanted) - len(paged), queue),
    )


def _check(spec: ReportSpec, numbers: dict[str, int], hidden: frozenset[str]) -> None:
    for case_id in spec.cases:
        if case_id not in numbers:
            raise NotFoundError(f"There is no case '{case_id}' among the {len(numbers)} cases of this data set.")
        if case_id in hidden:
            raise DataError(
                f"{spec.reader} is to read {case_id} without seeing others, so there is no report of it for "
                f"{spec.reader} yet. Answer the reading first."
            )


def _labels(
    workspace: Workspace,
    store: ReviewStore,
    queue: Queue,
    wanted: Sequence[QueueRow],
    n_paged: int,
    numbers: dict[str, int],
    spec: ReportSpec,
    reporter: Reporter,
) -> tuple[tuple[Row, ...], tuple[LabelPage, ...]]:
    lines, map_name = measured(queue), _map_of(spec)
    rows: list[Row] = []
    pages: list[LabelPage] = []
    for done, found in enumerate(wanted):
        row = _row(found, numbers[found.key.case_id], spec)
        reporter.step(done, len(wanted), f"Reporting {row.name}")
        if done < n_paged:
            page = page_of(workspace, store, found, row, lines(found.key), map_name, spec)
            page = replace(page, row=replace(row, classes=page.classes if found.n_corrections else None))
            pages.append(page)
            rows.append(page.row)
        else:
            rows.append(_compared(workspace, store, found, row))
    reporter.step(len(wanted), len(wanted), "Laying out the report")
    return tuple(rows), tuple(pages)


def _compared(workspace: Workspace, store: ReviewStore, found: QueueRow, row: Row) -> Row:
    if not found.n_corrections:
        return row
    try:
        return replace(row, classes=version_diff(workspace, store, found.key).classes)
    except (AleatoricError, OSError):
        return row


def _row(found: QueueRow, number: int, spec: ReportSpec) -> Row:
    key = found.key
    case = key.case_id if spec.identifiers else f"Case {number}"
    return Row(
        name=f"{case} ({key.label_reader})" if key.label_reader else case,
        number=number,
        place=found.place,
        score=found.score,
        class_name=found.class_name,
        status=found.status,
        quality=found.quality,
        reader=found.reader,
        when=found.when,
        comment=found.comment if spec.comments else "",
        n_flags=found.n_flags,
        n_versions=found.n_corrections,
    )


def _map_of(spec: ReportSpec) -> str:
    question = strategy_of(spec.strategy).question
    return LABEL_RISK_MAP if question is None else QUESTIONS[question].map_name


def _notes(spec: ReportSpec, n_hidden: int, n_without: int, queue: Queue) -> tuple[str, ...]:
    notes = []
    if n_hidden and not spec.cases:
        cases = "1 case is" if n_hidden == 1 else f"{n_hidden} cases are"
        notes.append(f"{cases} left out: {spec.reader} is to read them without seeing others.")
    if n_without:
        notes.append(f"The {n_without} labels further down have no page of their own.")
    if not spec.comments:
        notes.append("What readers wrote is left out.")
    if queue.blind:
        notes.append("Scores and places are left out, as known-good cases are mixed in to check readers.")
    return tuple(notes)


def _key_file(workspace: Workspace, report: Report) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["number", "case"])
    numbers = {row.number for row in report.rows}
    for number, case in enumerate(workspace.dataset.cases, start=1):
        if number in numbers:
            writer.writerow([number, case.case_id])
    return stream.getvalue().encode()
