"""Verbs about who reads what: ``readers assign``, ``second``, ``honeypots``, ``progress`` and more."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_aleatoric.errors import DataError

from ._terminal import BarReporter, note, print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import Assigned, Assignment, HoneypotReport, ReviewStore

__all__ = ["add_study_verbs", "as_reader_sees"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
WorkspaceArgument = Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")]
CaseArgument = Annotated[str, typer.Argument(help="Case id.", metavar="CASE")]
ToOption = Annotated[list[str] | None, typer.Option("--to", help="A reader; may be repeated.")]
ByOption = Annotated[str, typer.Option("--by", help="Who says so; your account's name by default.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of what is drawn.")]
OpenOption = Annotated[bool, typer.Option("--open", help="Not blinded: others and the machine may be seen.")]
ModelsOption = Annotated[bool, typer.Option("--allow-models", help="Models may be prompted before the answer.")]
RemarkOption = Annotated[str, typer.Option("--remark", help="Words for the reader.")]


def add_study_verbs(app: typer.Typer) -> None:
    """Add the verbs of a study of readers."""
    app.command("assign")(assign)
    app.command("second")(second)
    app.command("honeypots")(honeypots)
    app.command("assignments")(assignments)
    app.command("progress")(progress)
    app.command("hand-over")(hand_over)
    app.command("take-back")(take_back)


def as_reader_sees(opened: Workspace, reader: str) -> Workspace:
    """Return the workspace without what this reader must not see yet; all of it for nobody in particular."""
    from napari_aleatoric.review import ReviewStore, hidden_cases

    if not reader:
        return opened
    with ReviewStore.open(opened.store_url) as store:
        hidden = hidden_cases(store, reader)
    if hidden:
        note(f"{len(hidden)} cases are left out: {reader} is to read them without seeing others.")
    return opened.seen_by(reader, hidden)


def assign(
    workspace: WorkspaceArgument,
    to: ToOption = None,
    case: Annotated[list[str] | None, typer.Option("--case", help="This case; may be repeated.")] = None,
    rule: Annotated[
        Literal["pending", "queue", "random"],
        typer.Option("--rule", help="Which cases, where none is named: all pending, first of the queue, a share."),
    ] = "pending",
    n: Annotated[int, typer.Option("--n", min=1, help="How many of the queue.")] = 10,
    share: Annotated[float, typer.Option("--share", help="Part of the pending ones, 0 to 1.")] = 0.1,
    per_case: Annotated[int, typer.Option("--per-case", min=1, help="Readers of each case.")] = 1,
    kind: Annotated[
        Literal["first", "second", "adjudicate"], typer.Option("--kind", help="What kind of reading.")
    ] = "first",
    start: Annotated[
        str, typer.Option("--start", help="Whose label is copied at the beginning, or 'model'; empty by default.")
    ] = "",
    seed: SeedOption = 0,
    not_blinded: OpenOption = False,
    allow_models: ModelsOption = False,
    remark: RemarkOption = "",
    by: ByOption = "",
    as_json: JsonOption = False,
) -> None:
    """Give cases to readers, evenly; nobody gets a case twice. Readings are blinded unless --open is said."""
    from napari_aleatoric.review import AssignSpec
    from napari_aleatoric.review import assign as door

    spec = _spec(
        AssignSpec,
        readers=tuple(to or ()),
        cases=tuple(case or ()),
        rule="listed" if case else rule,
        n=n,
        share=share,
        readers_per_case=per_case,
        kind=kind,
        start=start,
        seed=seed,
        blinded=False if not_blinded else None,
        machine=allow_models,
        remark=remark,
        by=by or getpass.getuser(),
    )
    with _opened(workspace) as (ws, store), BarReporter("Assigning") as reporter:
        found = door(ws, store, spec, reporter)
    _tell_assigned(found, as_json)


def second(
    workspace: WorkspaceArgument,
    to: ToOption = None,
    share: Annotated[float, typer.Option("--share", help="Part of the answered cases, 0 to 1.")] = 0.2,
    seed: SeedOption = 0,
    not_blinded: OpenOption = False,
    allow_models: ModelsOption = False,
    remark: RemarkOption = "",
    by: ByOption = "",
    as_json: JsonOption = False,
) -> None:
    """Give a random share of the answered cases to another reader."""
    from napari_aleatoric.review import SecondSpec, second_readings

    spec = _spec(
        SecondSpec,
        readers=tuple(to or ()),
        share=share,
        seed=seed,
        blinded=False if not_blinded else None,
        machine=allow_models,
        remark=remark,
        by=by or getpass.getuser(),
    )
    with _opened(workspace) as (ws, store), BarReporter("Assigning") as reporter:
        found = second_readings(ws, store, spec, reporter)
    _tell_assigned(found, as_json)


def honeypots(
    workspace: WorkspaceArgument,
    to: ToOption = None,
    trusted: Annotated[str, typer.Option("--trusted", help="Whose labels are trusted.")] = "",
    case: Annotated[list[str] | None, typer.Option("--case", help="This case; may be repeated.")] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="How many for each reader.")] = 5,
    seed: SeedOption = 0,
    by: ByOption = "",
    reader: Annotated[
        str, typer.Option("--as", help="Who asks: their own are left out of the report until they are revealed.")
    ] = "",
    latest: Annotated[
        bool, typer.Option("--latest", help="Compare the latest versions, not first answers.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Mix cases with a trusted label into readers' lists (--to), or tell how readers answered to them."""
    from napari_aleatoric.review import HoneypotReportSpec, HoneypotSpec, honeypot_report
    from napari_aleatoric.review import honeypots as door

    with _opened(workspace) as (ws, store):
        if to:
            spec = _spec(
                HoneypotSpec,
                readers=tuple(to),
                trusted=trusted,
                cases=tuple(case or ()),
                n=n,
                seed=seed,
                by=by or getpass.getuser(),
            )
            with BarReporter("Assigning") as reporter:
                found = door(ws, store, spec, reporter)
            _tell_assigned(found, as_json)
            return
        wanted = HoneypotReportSpec(asked_by=reader, answers="latest" if latest else "first")
        with BarReporter("Comparing") as reporter:
            report = honeypot_report(ws, store, wanted, reporter)
    if as_json:
        print_json({"workspace": str(workspace), **report.model_dump(mode="json")})
        return
    _tell_honeypots(report)


def assignments(
    workspace: WorkspaceArgument,
    reader: Annotated[str, typer.Option("--reader", help="This reader's list, in its order, as they see it.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List who is to read what, and how far it is."""
    from napari_aleatoric.review import assignments as everything
    from napari_aleatoric.review import my_assignments

    with _opened(workspace) as (_, store):
        found = my_assignments(store, reader) if reader else everything(store)
    if as_json:
        print_json({"workspace": str(workspace), "assignments": [_plain(a, own=bool(reader)) for a in found]})
        return
    if not found:
        print_line("Nothing is assigned. Give cases to readers with: aleatoric readers assign")
        return
    print_table(
        ["case", "reader", "kind", "blinded", "state", "minutes", "by", "remark"],
        [
            (
                a.case_id,
                a.reader,
                a.shown_kind if reader else a.kind,
                "yes" if a.blinded else "no",
                a.state,
                "–" if a.minutes is None else f"{a.minutes:.1f}",
                a.by,
                a.remark,
            )
            for a in found
        ],
        right=(5,),
    )


def progress(workspace: WorkspaceArgument, as_json: JsonOption = False) -> None:
    """Tell how far every reader is."""
    from napari_aleatoric.review import study_progress

    with _opened(workspace) as (_, store):
        found = study_progress(store)
    if as_json:
        print_json({"workspace": str(workspace), "readers": [row.model_dump(mode="json") for row in found]})
        return
    if not found:
        print_line("Nothing is assigned. Give cases to readers with: aleatoric readers assign")
        return
    print_table(
        ["reader", "assigned", "begun", "answered", "revealed", "given away", "minutes (median)"],
        [
            (
                row.reader,
                *(str(v) for v in (row.assigned, row.begun, row.answered, row.revealed, row.given_away)),
                "–" if row.median_minutes is None else f"{row.median_minutes:.1f}",
            )
            for row in found
        ],
        right=(1, 2, 3, 4, 5, 6),
    )


def hand_over(
    workspace: WorkspaceArgument,
    case: CaseArgument,
    reader: Annotated[str, typer.Option("--from", help="Whose reading.")],
    to: Annotated[str, typer.Option("--to", help="Who goes on.")],
    with_label: Annotated[
        bool, typer.Option("--with-label", help="What was drawn goes along, unsaved strokes included.")
    ] = False,
    by: ByOption = "",
    as_json: JsonOption = False,
) -> None:
    """Give a case that is not answered to another reader."""
    from napari_aleatoric.review import hand_over as door

    with _opened(workspace) as (ws, store):
        found = door(ws, store, case, reader, to, by=by or getpass.getuser(), with_label=with_label)
    if as_json:
        print_json(_plain(found))
        return
    what = "with what was drawn" if found.with_label else "to begin with nothing"
    print_line(f"{case} is {to}'s to read now, {what}.")


def take_back(
    workspace: WorkspaceArgument,
    case: CaseArgument,
    reader: Annotated[str, typer.Option("--reader", help="Off whose list.")],
    undo: Annotated[
        bool, typer.Option("--undo", help="Undo the last step instead: given, taken back or handed over.")
    ] = False,
    by: ByOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take a case off a reader's list; what was drawn stays on the disk and counts as missing."""
    from napari_aleatoric.review import take_back as door
    from napari_aleatoric.review import undo_assignment

    who = by or getpass.getuser()
    with _opened(workspace) as (ws, store):
        done = undo_assignment(ws, store, case, reader, who) if undo else door(ws, store, case, reader, who).state
    if as_json:
        print_json({"case_id": case, "reader": reader, "undone" if undo else "state": done})
        return
    print_line(
        f"Undone: {case} had been {done.replace('_', ' ')} ({reader})."
        if undo
        else f"{case} is no longer {reader}'s to read."
    )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Workspace, ReviewStore]]:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import ReviewStore

    ws = Workspace.open(path)
    with ReviewStore.open(ws.store_url) as store:
        store.follow(ws)
        yield ws, store


def _spec(of: type[Any], /, **fields: Any) -> Any:
    from pydantic import ValidationError

    try:
        return of(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        words = str(first["msg"]).removeprefix("Value error, ")
        raise DataError(f"{where}: {words}." if where else words) from error


def _plain(a: Assignment, *, own: bool = False) -> dict[str, Any]:
    """Plain values of an assignment; ``own``: as its reader may know it."""
    moments = {name: getattr(a, name) for name in ("assigned", "begun", "answered", "revealed")}
    return {
        "case_id": a.case_id,
        "reader": a.reader,
        "kind": a.shown_kind if own else a.kind,
        "state": a.state,
        "blinded": a.blinded,
        "models_allowed": a.machine,
        "by": a.by,
        "remark": a.remark,
        "minutes": a.minutes,
        **{name: None if moment is None else moment.isoformat() for name, moment in moments.items()},
    }


def _tell_assigned(found: Assigned, as_json: bool) -> None:
    if as_json:
        print_json({"assigned": [_plain(a) for a in found.assignments], "left_out": list(found.left_out)})
        return
    counts: dict[str, int] = {}
    for a in found.assignments:
        counts[a.reader] = counts.get(a.reader, 0) + 1
    if counts:
        print_line(f"Assigned: {', '.join(f'{n} to {reader}' for reader, n in counts.items())}.")
    else:
        print_line("Nothing was assigned.")
    for sentence in found.left_out:
        note(sentence)


def _tell_honeypots(report: HoneypotReport) -> None:
    if not report.rows:
        print_line("No honeypots to tell of. Mix some in with: aleatoric readers honeypots WORKSPACE --to READER")
        return
    print_table(
        ["reader", "answered", "waiting", "Dice", "surface Dice", "structures missed", "added"],
        [
            (
                row.reader,
                str(row.n_answered),
                str(row.n_waiting),
                row.dice.words(3),
                row.surface_dice.words(3),
                str(row.n_missed),
                str(row.n_extra),
            )
            for row in report.rows
        ],
        right=(1, 2, 5, 6),
    )
    print_line("Against the trusted labels; means over cases with 95 % intervals.")
