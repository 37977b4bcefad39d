"""The verbs ``runs`` and ``promote``: the models of a workspace, and which one is in use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_aleatoric.errors import DataError

from ._terminal import note, print_json, print_line, print_table
from ._train import print_judgement

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import ModelRecord

__all__ = ["promote", "runs"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
WorkspaceArgument = Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")]


def runs(
    workspace: WorkspaceArgument,
    model: Annotated[
        str, typer.Argument(help="Show this one in full: its id or the beginning of it.", metavar="RUN")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List the models that were trained in a workspace, the newest first, or show one of them."""
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import find_model, list_models, promoted_model, read_judgement

    opened = Workspace.open(workspace)
    in_use = promoted_model(opened)
    promoted = "" if in_use is None else in_use.model_id
    if model:
        record = find_model(opened, model)
        judgement = read_judgement(opened, record.model_id)
        if as_json:
            found = None if judgement is None else judgement.model_dump(mode="json")
            print_json({**_plain(opened, record, promoted), "spec": record.spec, "judgement": found})
            return
        print_line(f"{record.model_id}{' (promoted)' if record.model_id == promoted else ''}: {record.selection}")
        if judgement is not None:
            print_judgement(judgement)
            print_line(judgement.sentence)
            for remark in judgement.notes:
                note(remark)
        return
    models = list_models(opened)[::-1]
    rows = [_plain(opened, record, promoted) for record in models]
    if as_json:
        print_json({"workspace": str(workspace), "promoted": promoted or None, "runs": rows})
        return
    if not rows:
        print_line(f"No model was trained yet. Next: aleatoric train {workspace} --preset quick")
        return
    print_table(
        ["", "run", "status", "loss", "network", "cases", "Dice", "what it showed"],
        [
            (
                "*" if r["promoted"] else "",
                r["run"],
                r["status"],
                r["loss"],
                r["network"],
                str(r["n_learned"]),
                "–" if r["dice"] is None else f"{r['dice']:.3f}",
                r["sentence"],
            )
            for r in rows
        ],
        right=(5, 6),
    )


def promote(
    workspace: WorkspaceArgument,
    model: Annotated[
        str, typer.Argument(help="The model to use: its id or the beginning of it.", metavar="RUN")
    ] = "",
    back: Annotated[bool, typer.Option("--back", help="Take the last promotion back.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put a model to use: it predicts, and the next one is compared with it; or go back to the one before."""
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import promote as promote_model
    from napari_aleatoric.review import roll_back

    if bool(model) == back:
        raise DataError("Expected either the id of a model or --back. See them: aleatoric runs.")
    opened = Workspace.open(workspace)
    record = roll_back(opened) if back else promote_model(opened, model)
    if as_json:
        print_json({"workspace": str(workspace), "promoted": None if record is None else record.model_id})
        return
    if record is None:
        print_line("No model is promoted now.")
    else:
        print_line(f"The model {record.model_id} is in use now. {record.sentence}".rstrip())


def _plain(workspace: Workspace, record: ModelRecord, promoted: str) -> dict[str, Any]:
    from napari_aleatoric.review import read_judgement

    judgement = read_judgement(workspace, record.model_id)
    mean = None if judgement is None else judgement.of_class("after")
    train = record.spec.get("train", {})
    loss = train.get("loss", {})
    extras = [word for word in ("denoise", "sharpness_aware") if loss.get(word)]
    return {
        "run": record.model_id,
        "promoted": record.model_id == promoted,
        "status": record.status,
        "created": record.created,
        "loss": " + ".join([str(loss.get("kind", "dice_ce")), *extras]).replace("_", " "),
        "network": str(train.get("network", "")),
        "n_learned": len(record.learned),
        "n_held_out": len(record.held_out),
        "dice": None if mean is None else mean.dice.value,
        "sentence": record.sentence,
        "seconds": round(record.seconds, 1),
    }
