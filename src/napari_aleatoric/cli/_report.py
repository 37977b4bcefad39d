"""The verb ``report``: a case or a whole review as pages that can be handed on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_aleatoric.errors import DataError

from ._terminal import BarReporter, note, print_json, print_line

__all__ = ["report"]


def report(
    workspace: Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")],
    out: Annotated[Path, typer.Option("--out", help="New or empty folder, outside of the data set.")],
    case: Annotated[
        list[str] | None,
        typer.Option("--case", help="Only this case; may be repeated. The whole review by default."),
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf/--no-pdf", help="Write report.pdf as well.")] = True,
    identifiers: Annotated[
        bool, typer.Option("--identifiers", help="Name cases by their ids, which may be names of patients.")
    ] = False,
    key: Annotated[
        bool, typer.Option("--key", help="Write key.csv as well: which case has which number. Keep it to yourself.")
    ] = False,
    no_comments: Annotated[
        bool, typer.Option("--no-comments", help="Leave out what readers wrote; it may hold names.")
    ] = False,
    strategy: Annotated[
        str, typer.Option("--by", help="Order of the cases, as for 'aleatoric queue'; by default the data set's.")
    ] = "",
    pages: Annotated[int, typer.Option("--pages", min=0, help="Labels with a page, the worst first.")] = 50,
    places: Annotated[int, typer.Option("--places", min=0, max=6, help="Places of each that are pictured.")] = 2,
    reader: Annotated[str, typer.Option("--as", help="Leave out what this reader must not see yet.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Replace an earlier report.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")] = False,
) -> None:
    """Write a report with key images, decisions, changes in millilitres and measures, without case ids."""
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import ReportSpec, default_order, write_report

    opened = Workspace.open(workspace)
    if opened.rescan():
        note("The data set changed since it was last looked at.")
    try:
        spec = ReportSpec(
            cases=tuple(case or ()),
            destination=str(out),
            pdf=pdf,
            identifiers=identifiers,
            key_file=key,
            comments=not no_comments,
            reader=reader,
            strategy=strategy or default_order(opened),
            pages=pages,
            places=places,
            replace=replace,
        )
    except ValueError as error:
        raise DataError(f"This report is not understood: {error}") from error
    with BarReporter("Reporting") as reporter:
        found = write_report(opened, spec, reporter=reporter)
    if as_json:
        names = ("files", "n_labels", "n_pages", "notes")
        print_json({"folder": str(found.destination), **{name: getattr(found, name) for name in names}})
        return
    print_line(found.sentence)
    for sentence in found.notes:
        note(sentence)
