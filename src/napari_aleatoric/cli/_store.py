"""Verbs about where a review is kept: ``store status`` and ``store migrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_aleatoric.errors import StoreError

from ._terminal import BarReporter, print_json, print_line

__all__ = ["store"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
WorkspaceArgument = Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")]

store = typer.Typer(
    help="Where the review is kept: a file of the workspace, or a team's PostgreSQL server.",
    no_args_is_help=True,
    add_completion=False,
)


@store.command("status")
def status(workspace: WorkspaceArgument, as_json: JsonOption = False) -> None:
    """Tell where the review is kept, whether it answers, who has what, and which entries are in conflict."""
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import store_status

    found = store_status(Workspace.open(workspace))
    held = dict(found.claims or {})
    if as_json:
        print_json(
            {
                "kind": found.kind,
                "address": found.address,
                "away": found.away,
                "moved": found.moved,
                "n_items": found.n_items,
                "n_decisions": found.n_decisions,
                "n_versions": found.n_versions,
                "n_waiting": found.n_waiting,
                "refused": list(found.refused),
                "claims": [{**key._asdict(), "reader": reader} for key, reader in held.items()],
                "conflicts": [{**c.key._asdict(), "sentence": c.sentence} for c in found.conflicts],
            }
        )
        return
    print_line(f"The review is kept {'on a server' if found.kind == 'server' else 'in a file'}: {found.address}")
    if found.away:
        print_line(f"{found.away} What follows is this computer's copy.")
    if found.moved:
        print_line("This review was moved to another store; nothing more is written here.")
    print_line(f"{found.n_items} labels, {found.n_decisions} decisions, {found.n_versions} saved label versions.")
    if found.n_waiting:
        print_line(f"{found.n_waiting} entries on this computer wait for the server.")
    for words in found.refused:
        print_line(f"Not taken by the server: {words}")
    for key, reader in held.items():
        print_line(f"{key}: {reader} has it before them.")
    print_line(f"{len(found.conflicts)} conflicts." if found.conflicts else "No conflicts.")
    for conflict in found.conflicts:
        print_line(f"  {conflict.sentence}")


@store.command("migrate")
def migrate(
    workspace: WorkspaceArgument,
    to: Annotated[
        str, typer.Option("--to", help="Database URL of an empty store, or 'file' for a file in the workspace.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Move the review to another, empty store: all or nothing. The old one is kept, and takes no more entries."""
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.jobs import running
    from napari_aleatoric.review import migrate_store

    opened = Workspace.open(workspace)
    job = running(opened)
    if job is not None:
        raise StoreError(
            f"A job is writing into this review ({job.door}). Wait until it has ended, or stop it, and move the "
            "review then. Nothing was changed."
        )
    with BarReporter("Moving the review") as reporter:
        done = migrate_store(opened, "" if to == "file" else to, reporter)
    if as_json:
        print_json({"address": done.address, "rows": done.rows})
        return
    words = {"items": "labels", "decisions": "decisions", "corrections": "saved label versions"}
    counts = ", ".join(f"{done.rows[name]} {word}" for name, word in words.items())
    print_line(f"Moved to {done.address}: {counts}. The old store is kept and takes no more entries.")
