"""The verb ``train``: a network from the reviewed labels, judged on cases that were held back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_aleatoric.errors import DataError, MissingExtraError

from ._terminal import BarReporter, note, print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import Judgement, RetrainOutcome, RetrainSpec

__all__ = ["print_judgement", "train"]

_WHO = {"after": "new", "before": "promoted", "baseline": "plain beside it"}
_FILTER_KEEPS = (0.0, 95.0)
_ONE = "one:"


def train(
    workspace: Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")],
    preset: Annotated[
        str,
        typer.Option("--preset", help="quick (minutes on a processor), standard, or thorough (hours)."),
    ] = "standard",
    spec: Annotated[
        Path | None, typer.Option("--spec", help="Settings as a JSON file; replays a run. Options go before it.")
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            "--loss",
            help="dice_ce; duo: classes weighted by the network's own uncertainty; umedsam: four terms, learned "
            "weights.",
            metavar="NAME",
        ),
    ] = None,
    denoise: Annotated[
        bool, typer.Option("--denoise", help="Learn with a second head where the labels are wrong.")
    ] = False,
    sharpness_aware: Annotated[
        bool, typer.Option("--sharpness-aware", help="Sharpness-aware steps; twice the time.")
    ] = False,
    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            help="unet, segresnet, swinunetr, dynunet, plainconvunet or resenc.",
            metavar="NAME",
        ),
    ] = None,
    readers: Annotated[
        str | None,
        typer.Option(
            "--readers",
            help="Where several readers labelled a case: random (one of them for every patch), each, vote, staple, "
            "uma (each by how far to be relied on), or one:NAME.",
            metavar="NAME",
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            "--backend",
            help="own; nnunet: nnU-Net plans and trains, with our loss (extra 'nnunet').",
            metavar="NAME",
        ),
    ] = None,
    dimensions: Annotated[
        str | None, typer.Option("--dimensions", help="auto, 2d, 2.5d or 3d.", metavar="NAME")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option("--iterations", min=1, help="Steps of the optimiser, at most.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Time for the steps instead of their number.")
    ] = None,
    filter_by: Annotated[
        str | None,
        typer.Option(
            "--filter",
            help="Leave out the labels that are worst by this measure (auv, label_risk, ...) and that nobody has "
            "looked at.",
            metavar="MEASURE",
        ),
    ] = None,
    keep: Annotated[
        float | None, typer.Option("--keep", help="Percent of the labels that a filter keeps (95).")
    ] = None,
    weigh_by: Annotated[
        str | None,
        typer.Option("--weigh-by", help="Let cases count less, the worse by this measure.", metavar="MEASURE"),
    ] = None,
    voxel_weights: Annotated[
        bool, typer.Option("--voxel-weights", help="Let every voxel count 1 minus its label risk.")
    ] = False,
    pseudo_labels: Annotated[
        Path | None,
        typer.Option("--pseudo-labels", help="Learn from the proposals in this folder as well.", metavar="FOLDER"),
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Train a plain network beside it in the same budget.")
    ] = False,
    held_out: Annotated[
        float | None,
        typer.Option("--held-out", help="Part of the cases to hold back (0.1); counts the first time only."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Decides first weights and patches.")] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="Where it runs: cpu, cuda, mps or auto.", metavar="NAME")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what would be learned from, and train nothing.")
    ] = False,
    background: Annotated[
        bool, typer.Option("--background", help="Start a job of its own and return at once.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")] = False,
) -> None:
    """Train a network on the labels as they are reviewed, and judge it on held-out cases.

    Corrections take the place of the originals; excluded and rejected labels are left out. A stopped run goes on.
    """
    from napari_aleatoric.io import Workspace

    opened = Workspace.open(workspace)
    if opened.rescan():
        note("The data set changed since it was last looked at; score it again for the present scores.")
    if keep is not None and filter_by is None:
        raise DataError("Expected --filter MEASURE with --keep: percent by which measure?")
    lossy = {"kind": loss, "denoise": denoise or None, "sharpness_aware": sharpness_aware or None}
    how = {
        "network": network,
        "dimensions": dimensions,
        "iterations": iterations,
        "minutes": minutes,
        "seed": seed,
        "device": device,
        "readers": None if readers is None or readers.startswith(_ONE) else readers,
    }
    wanted = _spec(
        spec,
        preset,
        how,
        lossy,
        backend=backend,
        filter=None if filter_by is None else _filter(filter_by, keep),
        weigh_by=weigh_by,
        voxel_weights=voxel_weights or None,
        pseudo_labels=None if pseudo_labels is None else str(pseudo_labels.expanduser().resolve()),
        baseline=baseline or None,
        held_out=held_out,
        label_reader=readers.removeprefix(_ONE) if readers is not None and readers.startswith(_ONE) else None,
    )
    if preview:
        _preview(opened, wanted, as_json)
        return
    if background:
        _in_background(opened, wanted, as_json)
        return
    from napari_aleatoric.review import retrain

    with BarReporter("Training") as reporter:
        outcome = retrain(opened, wanted, reporter=reporter)
    if as_json:
        print_json({"workspace": str(workspace), **outcome.model_dump(mode="json")})
        return
    _print(outcome, workspace)


def _filter(measure: str, keep: float | None) -> dict[str, Any]:
    percentiles = _FILTER_KEEPS if keep is None else (0.0, keep)
    return {"measure": measure, "percentiles": percentiles}


def _spec(path: Path | None, preset: str, how: dict[str, Any], loss: dict[str, Any], **given: Any) -> RetrainSpec:
    from napari_aleatoric.review import RetrainSpec
    from napari_aleatoric.training import TrainSpec

    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"'{path.name}' is no JSON file ({error}).") from error
        if not isinstance(values, dict):
            raise DataError(f"Expected '{path.name}' to hold settings by name, such as {{\"baseline\": true}}.")
    if preset not in ("quick", "standard", "thorough"):
        raise DataError(f"Expected --preset quick, standard or thorough, got '{preset}'.")
    train = values.get("train") or TrainSpec.of_preset(preset).model_dump(mode="json")
    train = {**train, **{name: value for name, value in how.items() if value is not None}}
    train["loss"] = {**train.get("loss", {}), **{name: v for name, v in loss.items() if v is not None}}
    values = {**values, **{name: value for name, value in given.items() if value is not None}, "train": train}
    try:
        return RetrainSpec.model_validate(values)
    except (TypeError, ValueError) as error:
        raise DataError(f"These settings are not understood: {error}") from error


def _preview(workspace: Workspace, spec: RetrainSpec, as_json: bool) -> None:
    from napari_aleatoric.review import plan_retraining, preview_retraining
    from napari_aleatoric.training import plan_in_words

    found = preview_retraining(workspace, spec)
    plan = None
    if spec.backend == "own":
        with BarReporter("Planning") as reporter:
            plan = plan_retraining(workspace, spec, reporter, memory_bytes=_memory(spec.train.device))
    if not as_json:
        print_line(found.sentence)
        for sentence in () if plan is None else plan_in_words(plan):
            print_line(sentence)
        for remark in found.notes:
            note(remark)
        return
    print_json(
        {
            "workspace": str(workspace.root),
            "sentence": found.sentence,
            "learned": [case.case_id for case in found.learn],
            "validation": [case.case_id for case in found.validation],
            "held_out": [case.case_id for case in found.held_out],
            "left_out": {why: [str(key) for key in keys] for why, keys in found.left_out.items()},
            "n_corrected": found.n_corrected,
            "notes": list(found.notes),
            "plan": None if plan is None else plan.to_json(),
        }
    )


def _memory(device: str) -> int | None:
    """Return the memory that a training may use; None without torch, where none can be trained anyway."""
    from napari_aleatoric.training import memory_at_hand

    try:
        return memory_at_hand(device)
    except MissingExtraError:
        return None


def _in_background(workspace: Workspace, spec: RetrainSpec, as_json: bool) -> None:
    from napari_aleatoric.jobs import submit

    handle = submit(workspace, "train", spec)
    if as_json:
        print_json({"workspace": str(workspace.root), "run_id": handle.run_id, "run_dir": str(handle.run_dir)})
        return
    print_line(f"The training goes on by itself as run {handle.run_id}; its log is in {handle.run_dir}.")


def _print(outcome: RetrainOutcome, workspace: Path) -> None:
    print_line(outcome.selection)
    if outcome.reused:
        print_line(f"The same labels and settings have led to the model {outcome.model_id} before.")
    else:
        print_line(f"Trained the model {outcome.model_id} in {outcome.seconds:.0f} s.")
    print_line()
    print_judgement(outcome.judgement)
    print_line()
    print_line(outcome.sentence)
    for remark in outcome.notes:
        note(remark)
    print_line(f"Next: aleatoric predict {workspace}; aleatoric promote {workspace} {outcome.model_id}")


def print_judgement(judgement: Judgement) -> None:
    """Print the means of every class of the held-out cases, one network after the other."""
    length = judgement.length_word
    heads = ["model", "class", "cases", "Dice [95 %]", f"surface Dice ({judgement.tolerance_mm:g} {length})"]
    rows = [
        (
            _WHO[r.model],
            r.class_name or "mean",
            str(r.n_cases),
            r.dice.words(3),
            r.surface_dice.words(3),
            r.hd95_mm.words(1),
            r.calibration_error.words(3),
        )
        for r in judgement.classes
    ]
    print_table([*heads, f"HD95 ({length})", "calibration error"], rows, right=(2,))
