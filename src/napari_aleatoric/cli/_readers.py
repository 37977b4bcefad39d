"""Verbs about several readers: ``readers report``, ``consensus`` and ``adjudicate-list``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_aleatoric.errors import DataError

from ._reader_study import add_study_verbs, as_reader_sees
from ._readers_adjudication import adjudication
from ._terminal import BarReporter, note, print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import Dispute, ReadersReport, ReadersSpec

__all__ = ["readers"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
WorkspaceArgument = Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")]

readers = typer.Typer(
    help="Where several readers drew the same images: how they agree, one label of all, and what to talk about.",
    no_args_is_help=True,
    add_completion=False,
)
add_study_verbs(readers)
AsOption = Annotated[str, typer.Option("--as", help="Leave out what this reader must not see yet.")]


@readers.command("report")
def report(
    workspace: WorkspaceArgument,
    spec: Annotated[Path | None, typer.Option("--spec", help="Settings as a JSON file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page that needs nothing beside it.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write every reader and pair of every case.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write page, tables and figures (SVG) into this new folder.")
    ] = None,
    reader: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Tell how the readers agree, structure by structure, and what each is in the habit of."""
    from napari_aleatoric.io import write_whole
    from napari_aleatoric.review import readers_csv, readers_html, report_readers, write_readers_report

    opened = _open(workspace, reader)
    wanted = _spec(spec)
    for path in (html, csv):
        _outside(path, opened)
    with BarReporter("Comparing readers") as reporter:
        found = report_readers(opened, wanted, reporter)
    if html is not None:
        write_whole(html, readers_html(found).encode())
    if csv is not None:
        write_whole(csv, readers_csv(found))
    if out is not None:
        write_readers_report(found, out, opened)
    if as_json:
        print_json({"workspace": str(workspace), **found.model_dump(mode="json")})
        return
    _print(found)


@readers.command("consensus")
def consensus(
    workspace: WorkspaceArgument,
    out: Annotated[Path, typer.Option("--out", help="New or empty folder, outside of the data set.")],
    method: Annotated[
        Literal["vote", "staple", "multilabel-staple"], typer.Option("--method", help="How to make one of several.")
    ] = "vote",
    reader: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write one label map of every case, on the grid of its image. A vote's ties are background."""
    from napari_aleatoric.review import write_consensus

    opened = _open(workspace, reader)
    with BarReporter("Making one of several") as reporter:
        found = write_consensus(opened, out, method, reporter)
    for sentence in found.refused:
        note(sentence)
    if as_json:
        print_json(
            {
                "folder": str(found.destination),
                "method": found.method,
                "n_cases": found.n_cases,
                "n_tie_voxels": found.n_tie_voxels,
                "refused": found.refused,
            }
        )
        return
    print_line(f"{found.n_cases} label maps by {found.method} are in {found.destination}.")
    if found.n_tie_voxels:
        print_line(
            f"{found.n_tie_voxels} voxels were undecided and went to the smallest class, background first; "
            "consensus.json has them by case."
        )


@readers.command("adjudicate-list")
def adjudicate_list(
    workspace: WorkspaceArgument,
    case: Annotated[list[str] | None, typer.Option("--case", help="Only this case; may be repeated.")] = None,
    least: Annotated[int, typer.Option("--least", min=1, help="Fewest voxels of a region.")] = 10,
    top: Annotated[int, typer.Option("--top", min=0, help="So many only; 0 = all.")] = 50,
    reader: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """List the connected regions in which readers differ, largest first, of equal ones the most central first."""
    from napari_aleatoric.review import list_disputes

    opened = _open(workspace, reader)
    with BarReporter("Looking where readers differ") as reporter:
        found, refused = list_disputes(opened, cases=case or (), at_least=least, reporter=reporter)
    for sentence in refused:
        note(sentence)
    shown = found[:top] if top else found
    if as_json:
        print_json({"n_regions": len(found), "frame": "LPS", "regions": [d.model_dump(mode="json") for d in shown]})
        return
    if not found:
        print_line(f"The readers differ in no region of {least} voxels or more.")
        return
    print_table(
        [
            "case",
            "in question",
            "voxels",
            "mm³",
            "voxel z, y, x (from 0)",
            "centre x, y, z (LPS mm)",
            "who says what",
        ],
        [_dispute(d) for d in shown],
        right=(2, 3),
    )
    if len(found) > len(shown):
        print_line(f"... and {len(found) - len(shown)} more (--top 0 shows all)")


readers.command("adjudication")(adjudication)


def _dispute(d: Dispute) -> tuple[str, ...]:
    return (
        d.case_id,
        ", ".join(d.class_names),
        str(d.n_voxels),
        "–" if d.volume_mm3 is None else f"{d.volume_mm3:.0f}",
        ", ".join(str(v) for v in d.index_zyx),
        "–" if d.centre_lps_mm is None else ", ".join(f"{v:.1f}" for v in d.centre_lps_mm),
        "; ".join(f"{said}: {', '.join(names)}" for said, names in d.sides.items()),
    )


def _open(path: Path, reader: str) -> Workspace:
    from napari_aleatoric.io import Workspace

    opened = Workspace.open(path)
    if opened.rescan():
        note("The data set changed since it was last looked at.")
    return as_reader_sees(opened, reader)


def _outside(path: Path | None, ws: Workspace) -> None:
    if path is not None and ws.dataset_root in path.expanduser().resolve().parents:
        raise DataError(f"The file {path.name} would lie in the data set, which is never written to.")


def _spec(path: Path | None) -> ReadersSpec:
    from napari_aleatoric.review import ReadersSpec

    if path is None:
        return ReadersSpec()
    try:
        return ReadersSpec.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise DataError(f"The settings in '{path.name}' are not understood: {error}") from error


def _print(found: ReadersReport) -> None:
    over = "near what anybody drew" if found.spec.kappa_over == "band" else "of the whole image"
    print_line(
        f"{len(found.readers)} readers, {found.n_compared} cases that two or more of them drew. Fleiss' kappa over "
        f"the voxels {over}: {found.kappa.words(3)}; quality {found.quality.words(3)} (95 % intervals)."
    )
    print_table(
        ["structure", "cases", "not all drew it", "Dice", "surface Dice", "HD95 mm", "HD95 voxels"],
        [
            (
                s.class_name,
                str(s.n_cases),
                str(s.n_presence_differs),
                *(f.words(3) for f in (s.dice, s.surface_dice)),
                *(f.words(1) for f in (s.hd95_mm, s.hd95_voxels)),
            )
            for s in found.structures
        ],
        right=(1, 2),
    )
    print_line()
    print_table(
        ["structure", "reader", "missed", "alone", "volume", "slices top", "bottom", "outline mm", "voxels"],
        [
            (
                h.class_name,
                h.reader,
                str(h.n_missed),
                str(h.n_alone),
                h.relative_volume.words(2, signed=True),
                *(f.words(1, signed=True) for f in (h.slices_top, h.slices_bottom)),
                *(f.words(2, signed=True) for f in (h.offset_mm, h.offset_voxels)),
            )
            for h in found.habits
        ],
        right=(2, 3),
    )
    print_line("Against the consensus of the others: volume as a part of theirs, outline outward +.")
    for sentence in (*found.notes, *found.refused):
        note(sentence)
