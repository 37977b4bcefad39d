"""Verbs about people's words: ``decide`` and ``export``."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import Verdict

from ._reader_study import as_reader_sees
from ._terminal import BarReporter, print_json, print_line

__all__ = ["decide", "export"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
WorkspaceArgument = Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")]


def decide(
    workspace: WorkspaceArgument,
    case: Annotated[str, typer.Argument(help="Case id, as in the queue.", metavar="CASE")],
    verdict: Annotated[Verdict | None, typer.Option("--verdict", help="What is to become of the label.")] = None,
    quality: Annotated[
        int | None, typer.Option("--quality", min=1, max=5, help="1 unusable ... 5 perfect.")
    ] = None,
    comment: Annotated[str, typer.Option("--comment", help="A remark, kept with the decision.")] = "",
    reader: Annotated[str, typer.Option("--reader", help="Who decides; your account's name by default.")] = "",
    label_reader: Annotated[str, typer.Option("--label-reader", help="Whose label, if the case has several.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take your last decision on this label back.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Record a verdict on a label, or take the last one back. Nothing is ever overwritten."""
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.model import Decision, ItemKey
    from napari_aleatoric.review import ReviewStore

    opened = Workspace.open(workspace)
    key, who = ItemKey(case, label_reader), reader or getpass.getuser()
    opened = as_reader_sees(opened, who)
    if key not in opened.dataset.items:
        readers = [label.reader for label in opened.dataset.case(case).labels]
        raise NotFoundError(
            f"Case {case} has labels by {', '.join(readers) or 'nobody'}, none by '{label_reader}'; "
            "say whose with --label-reader."
        )
    with ReviewStore.open(opened.store_url) as store:
        if undo:
            decision = store.undo(key, who)
            if decision is None:
                raise NotFoundError(f"There is no decision by '{who}' on {key} to take back.")
        elif verdict is None and quality is None and not comment:
            raise DataError("Nothing to record: give --verdict, --quality, --comment or --undo.")
        else:
            decision = store.decide(
                Decision(
                    case_id=case,
                    label_reader=label_reader,
                    verdict=verdict,
                    quality=quality,
                    comment=comment,
                    reader=who,
                    seen={"through": "command line"},
                )
            )
        state = store.state(key)
    now = state.verdict.value if state.verdict else "pending"
    if as_json:
        print_json({"decision_id": decision.decision_id, "case": case, "reader": label_reader, "status": now})
        return
    print_line(f"{key}: {now}")


def export(
    workspace: WorkspaceArgument,
    destination: Annotated[Path, typer.Argument(help="New or empty folder.", metavar="DIR")],
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status", help="Only labels of this status (pending or a verdict); may be given repeatedly."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the labels as they stand now, with decisions and scores, into a folder."""
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import ReviewStore, export_reviewed

    opened = Workspace.open(workspace)
    with ReviewStore.open(opened.store_url) as store, BarReporter("Writing labels") as reporter:
        summary = export_reviewed(opened, store, destination, statuses=status, reporter=reporter)
    if as_json:
        print_json({**asdict(summary), "destination": str(destination)})
        return
    print_line(
        f"{summary.n_labels} labels of {summary.n_cases} cases in {destination}: {summary.n_corrected} corrected, "
        f"{summary.n_decisions} decisions."
    )
    for name, number in summary.left_out.items():
        print_line(f"Left out, {name}: {number}")
