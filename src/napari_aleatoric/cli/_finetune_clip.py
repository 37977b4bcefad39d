"""The verb ``finetune-clip``: teach a text-image model images and captions."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_aleatoric.errors import DataError

from ._terminal import BarReporter, print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.training import ClipJobSpec, ClipTuned, Retrieval

__all__ = ["finetune_clip"]


def finetune_clip(
    pairs: Annotated[
        Path,
        typer.Argument(
            help="CSV file with the columns image and caption (and patient, slice); or a folder with a text file "
            "beside every image.",
            metavar="PAIRS",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="Go on from: a folder with open_clip_config.json, biomedclip, or an architecture of open_clip.",
            metavar="MODEL",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for what is learned.", metavar="FOLDER")],
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Numbers of a named architecture.", metavar="FILE")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="How often every pair is seen.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", min=2, help="Pairs in a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", help="At the beginning.")] = None,
    held_out: Annotated[
        float | None, typer.Option("--held-out", help="Part of the pairs for the retrieval table only.")
    ] = None,
    least_characters: Annotated[
        int | None, typer.Option("--least-characters", min=1, help="Leave shorter captions out.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Decides what is held out, and order.")] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="Where it runs: cpu, cuda, mps or auto.", metavar="NAME")
    ] = None,
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--background", help="Do it as a job of this workspace, and return at once.", metavar="WORKSPACE"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")] = False,
) -> None:
    """Teach a text-image model images and captions; an interrupted run goes on where it stopped."""
    from napari_aleatoric.training import finetune_clip_folder

    spec = _spec(
        {"pairs": str(pairs), "model": _whole(model), "out": str(out), "weights": str(weights) if weights else ""},
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        held_out=held_out,
        least_characters=least_characters,
        seed=seed,
        device=device,
    )
    if workspace is not None:
        _in_background(workspace, spec, as_json)
        return
    with BarReporter("Learning") as reporter:
        found = finetune_clip_folder(spec, reporter)
    if as_json:
        print_json({"out": str(out), **asdict(found)})
        return
    _print(found, out)


def _whole(model: str) -> str:
    """Return a folder's whole path, as a job stands in another folder; a name stays a name."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.is_dir() else model


def _spec(places: dict[str, str], **given: Any) -> ClipJobSpec:
    from napari_aleatoric.training import ClipJobSpec

    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return ClipJobSpec.model_validate({**places, "tune": chosen})
    except ValueError as error:
        raise DataError(f"These settings are not understood: {error}") from error


def _in_background(workspace: Path, spec: ClipJobSpec, as_json: bool) -> None:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.jobs import submit

    paths = {name: str(Path(getattr(spec, name)).expanduser().resolve()) for name in ("pairs", "out")}
    if spec.weights:
        paths["weights"] = str(Path(spec.weights).expanduser().resolve())
    handle = submit(Workspace.open(workspace), "finetune-clip", spec.model_copy(update=paths))
    if as_json:
        print_json({"workspace": str(workspace), "run_id": handle.run_id, "run_dir": str(handle.run_dir)})
        return
    print_line(f"The learning goes on by itself as run {handle.run_id}; its log is in {handle.run_dir}.")


def _print(found: ClipTuned, out: Path) -> None:
    print_line(
        f"Learned from {found.n_learned} pairs; searched among {found.n_held_out} that were held out, "
        f"with {found.after.n_captions} different captions."
    )
    rows = [(name, *_row(found.before, name), *_row(found.after, name)) for name in _WAYS]
    print_table(
        ["", "top 1 before", "5", "10", "top 1 after", "5", "10"],
        [(_WAYS[row[0]], *row[1:]) for row in rows],
        right=(1, 2, 3, 4, 5, 6),
    )
    print_line(f"The model and the table: {out}")


_WAYS = {"image_to_text": "caption of an image", "text_to_image": "image of a caption"}


def _row(table: Retrieval, way: str) -> tuple[str, ...]:
    values: tuple[float, ...] = getattr(table, way)
    return tuple(f"{value:.1%}" for value in values)
