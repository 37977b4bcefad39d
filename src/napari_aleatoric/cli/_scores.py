"""Verbs about scores: ``score`` and ``queue``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_aleatoric.errors import DataError

from ._terminal import BarReporter, note, print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import Queue
    from napari_aleatoric.uncertainty import ScoreSpec

__all__ = ["is_flat", "queue", "queue_rows", "score"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
WorkspaceArgument = Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")]


def score(
    workspace: WorkspaceArgument,
    spec: Annotated[Path | None, typer.Option("--spec", help="Settings as a JSON file; replays a run.")] = None,
    light: Annotated[
        bool,
        typer.Option("--light", help="Judge by the light classifier: no torch, sooner, finds somewhat less."),
    ] = False,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            help="Who judges: network (trained here, minutes), light, or auto: the network if torch is here.",
            metavar="NAME",
        ),
    ] = None,
    second_opinion: Annotated[
        float | None,
        typer.Option(
            "--second-opinion",
            help="Weight of the light classifier beside the network; 0 = the network alone (0.25, or 1 where "
            "it is clearly the better of the two).",
            metavar="WEIGHT",
        ),
    ] = None,
    probabilities: Annotated[
        Path | None,
        typer.Option(
            "--probabilities",
            help="Judge by the probabilities in this folder, from a model that did not learn from the case.",
            metavar="FOLDER",
        ),
    ] = None,
    ensemble: Annotated[
        list[Path] | None,
        typer.Option(
            "--ensemble",
            help="Judge by the mean of several networks, and measure their entropies and their disagreement: the "
            "option once for each folder of probabilities.",
            metavar="FOLDER",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Decides folds, sampled voxels, weights.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            help="Frozen model behind the difficulty: sam-small, sam-vit-b, … or filter-bank.",
            metavar="NAME",
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="Where it runs: cpu, cuda, mps or auto.", metavar="NAME")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            help="Take the AUV from this stored reference (a name or a file), not from this data set.",
            metavar="NAME",
        ),
    ] = None,
    auv_percentiles: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--auv-percentiles",
            help="Percentiles that become AUV 0 and 1, e.g. 1 99, so that one odd case does not own the range.",
            metavar="LOW HIGH",
        ),
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="Start a job of its own and return at once.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure every label that has no score yet; an interrupted run goes on where it stopped."""
    from napari_aleatoric.io import Workspace

    opened = Workspace.open(workspace)
    if light and judge not in (None, "light"):
        raise DataError(f"Expected either --light or --judge {judge}, got both.")
    wanted = _spec(
        spec,
        judge="light" if light else judge,
        second_opinion=second_opinion,
        probabilities=None if probabilities is None else str(probabilities),
        ensemble=[str(folder) for folder in ensemble] if ensemble else None,
        seed=seed,
        encoder=encoder,
        device=device,
        reference=reference,
        auv_percentiles=auv_percentiles,
    )
    change = opened.rescan()
    if change:
        note(
            f"The data set changed: {len(change.added)} cases added, {len(change.removed)} removed, "
            f"{len(change.changed)} changed."
        )
    if background:
        _score_in_background(opened, _with_whole_paths(wanted), as_json)
        return
    from napari_aleatoric.review import score_workspace
    from napari_aleatoric.uncertainty import judge_in_words

    with BarReporter("Scoring") as reporter:
        summary = score_workspace(opened, wanted, reporter=reporter)
    refused = [{"case": problem.case_id, "reason": problem.sentence} for problem in summary.refused]
    if as_json:
        print_json({"workspace": str(workspace), **asdict(summary), "refused": refused})
        return
    print_line(
        f"{summary.n_scored} of {summary.n_items} labels scored in {summary.seconds:.0f} s, "
        f"{summary.n_reused} still held; {len(refused)} refused; {judge_in_words(summary.judge)}."
    )
    for sentence in summary.notes:
        print_line(sentence)
    if refused:
        print_table(["refused", "reason"], [(r["case"], r["reason"]) for r in refused])
    print_line(f"Next: aleatoric queue {workspace}")


def _spec(path: Path | None, **given: Any) -> ScoreSpec:
    from napari_aleatoric.uncertainty import ScoreSpec

    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"'{path.name}' is no JSON file ({error}).") from error
    values.update({name: value for name, value in given.items() if value is not None})
    try:
        return ScoreSpec.model_validate(values)
    except ValueError as error:
        raise DataError(f"These settings are not understood: {error}") from error


def _with_whole_paths(spec: ScoreSpec) -> ScoreSpec:
    """Return the same settings with whole paths: a job stands in another folder."""
    paths: dict[str, Any] = {}
    if spec.reference.endswith(".json"):
        paths["reference"] = str(Path(spec.reference).expanduser().resolve())
    if spec.probabilities:
        paths["probabilities"] = str(Path(spec.probabilities).expanduser().resolve())
    if spec.ensemble:
        paths["ensemble"] = tuple(str(Path(folder).expanduser().resolve()) for folder in spec.ensemble)
    return spec.model_copy(update=paths)


def _score_in_background(workspace: Workspace, spec: ScoreSpec, as_json: bool) -> None:
    from napari_aleatoric.jobs import submit

    handle = submit(workspace, "score", spec)
    if as_json:
        print_json({"workspace": str(workspace.root), "run_id": handle.run_id, "run_dir": str(handle.run_dir)})
        return
    print_line(f"Scoring goes on by itself as run {handle.run_id}; its log is in {handle.run_dir}.")


def queue(
    workspace: WorkspaceArgument,
    top: Annotated[int, typer.Option("--top", "-n", min=0, help="How many; 0 for all.")] = 20,
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy",
            help="What comes first; by default the order of this data set. A measure, max:A,B, worst:A, random:7, "
            "diverse:A for different problems first, checked:10:A for known-good cases mixed in.",
        ),
    ] = None,
    reader: Annotated[
        str | None,
        typer.Option("--reader", help="Count this reader's decisions only; needed to mix known-good cases in."),
    ] = None,
    class_name: Annotated[str | None, typer.Option("--class", help="Look at this class only.")] = None,
    pending: Annotated[bool, typer.Option("--pending", help="Leave out what has a verdict.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the labels worth a second look, worst first."""
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import ReviewStore, build_queue, check_result, default_order, only_own
    from napari_aleatoric.uncertainty import strategy_of

    opened = Workspace.open(workspace)
    order = strategy_of(default_order(opened) if strategy is None else strategy)
    classes = opened.dataset.classes
    chosen = None if class_name is None else classes.by_name(class_name).class_index
    with ReviewStore.open(opened.store_url) as whole:
        store = only_own(opened, whole, reader).store if reader else whole
        found = build_queue(
            store,
            classes,
            strategy=order.name,
            class_filter=None if chosen is None else [chosen],
            reader=reader,
        )
        checked = check_result(store, reader or "").sentence if order.check_rate else ""
        if pending:
            found = found.filtered(statuses={"pending"})
        rows = queue_rows(found, top)
        total = len(found)
    if as_json:
        asked = None if order.question is None else order.question.sentence
        print_json(
            {"workspace": str(workspace), "strategy": order.name, "question": asked, "total": total, "items": rows}
        )
        return
    note(order.sentence)
    if checked:
        note(checked)
    print_table(
        ["rank", "case", "score", "class", "status", "why"],
        [(str(r["rank"]), r["item"], _number(r["score"]), r["class_name"], r["status"], r["reason"]) for r in rows],
        right=(0, 2),
    )
    if total > len(rows):
        print_line(f"... and {total - len(rows)} more (--top 0 for all)")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def queue_rows(queue: Queue, top: int = 0) -> list[dict[str, Any]]:
    """Plain values of the first rows of a queue (all for 0), worst first."""
    n = min(top, len(queue)) if top else len(queue)
    rows = [queue.row(i) for i in range(n)]
    return [{"rank": row.place, "item": str(row.key), **row.to_json()} for row in rows]


def is_flat(workspace: Workspace) -> bool:
    """Whether the images are 2-D: reasons then speak of places instead of slices."""
    cases = workspace.dataset.cases
    return bool(cases) and workspace.grid(cases[0].case_id).is_flat
