"""The verb ``predict``: a trained model asked about every case."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_aleatoric.errors import DataError

from ._terminal import BarReporter, note, print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import PredictSpec

__all__ = ["predict"]


def predict(
    workspace: Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")],
    model: Annotated[
        str,
        typer.Option(
            "--model", help="Id of a model or its beginning; by default the promoted one, else the newest."
        ),
    ] = "",
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Draw proposals for the images in this folder instead.", metavar="FOLDER"),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Folder of those proposals; by default in the workspace.", metavar="FOLDER"),
    ] = None,
    held_out: Annotated[bool, typer.Option("--held-out", help="Predict the held-out cases only.")] = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Keep the probabilities as well, one file a case.")
    ] = False,
    no_maps: Annotated[bool, typer.Option("--no-maps", help="Write no maps of the entropies.")] = False,
    mirroring: Annotated[
        bool | None, typer.Option("--mirroring/--no-mirroring", help="Ask about flipped images too.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where it runs: cpu, cuda, mps or auto.")] = "auto",
    background: Annotated[
        bool, typer.Option("--background", help="Start a job of its own and return at once.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")] = False,
) -> None:
    """Ask a trained model about the cases: what it would draw, how sure it is, and where it disagrees.

    No label is touched. What it says stands beside the other scores, and orders the queue if asked to.
    """
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import PredictSpec

    opened = Workspace.open(workspace)
    try:
        spec = PredictSpec.model_validate(
            {
                "model": model,
                "cases": "held_out" if held_out else "all",
                "images": "" if images is None else str(images.expanduser().resolve()),
                "destination": "" if to is None else str(to.expanduser().resolve()),
                "probabilities": probabilities,
                "maps": not no_maps,
                "mirroring": mirroring,
                "device": device,
            }
        )
    except ValueError as error:
        raise DataError(f"These settings are not understood: {error}") from error
    if background:
        _in_background(opened, spec, as_json)
        return
    from napari_aleatoric.review import predict_all

    with BarReporter("Predicting") as reporter:
        summary = predict_all(opened, spec, reporter=reporter)
    refused = [{"case": problem.case_id, "reason": problem.sentence} for problem in summary.refused]
    if as_json:
        folder = {"folder": str(summary.folder), "refused": refused}
        print_json({"workspace": str(workspace), **asdict(summary), **folder})
        return
    print_line(
        f"The model {summary.model_id} has predicted {summary.n_done} of {summary.n_cases} cases in "
        f"{summary.seconds:.0f} s, {summary.n_reused} still held; {len(refused)} refused."
    )
    for remark in summary.notes:
        note(remark)
    if refused:
        print_table(["refused", "reason"], [(r["case"], r["reason"]) for r in refused])
    print_line(f"Its labels: {summary.folder}")
    if summary.n_proposals:
        print_line(f"Next: aleatoric init {summary.folder} --workspace FOLDER")
    if summary.n_measured:
        print_line(f"Next: aleatoric queue {workspace} --strategy model_disagreement")


def _in_background(workspace: Workspace, spec: PredictSpec, as_json: bool) -> None:
    from napari_aleatoric.jobs import submit

    handle = submit(workspace, "predict", spec)
    if as_json:
        print_json({"workspace": str(workspace.root), "run_id": handle.run_id, "run_dir": str(handle.run_dir)})
        return
    print_line(f"The prediction goes on by itself as run {handle.run_id}; its log is in {handle.run_dir}.")
