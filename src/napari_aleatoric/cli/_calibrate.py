"""The verb ``calibrate``: find out which measure works on a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_aleatoric.errors import DataError

from ._terminal import BarReporter, note, print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import CalibrateSpec, CalibrationRecord

__all__ = ["calibrate"]

_SHORT = 12  # measures that are printed; the table on the disk has all


def calibrate(
    workspace: Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")],
    spec: Annotated[Path | None, typer.Option("--spec", help="Settings as a JSON file; replays a run.")] = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, help="Rounds of planting (3); the first half chooses, the rest reports."),
    ] = None,
    fraction: Annotated[
        float | None,
        typer.Option("--fraction", help="Part of the cases that gets one error each, 0.02 to 0.5 (0.2)."),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            help="Plant this kind only: jitter, over, under, missing, dropclass, swap, shift or blob; may be "
            "repeated.",
            metavar="KIND",
        ),
    ] = None,
    severity: Annotated[
        list[str] | None,
        typer.Option(
            "--severity", help="subtle, mild or severe; may be repeated (mild and severe).", metavar="SIZE"
        ),
    ] = None,
    error_rate: Annotated[
        float | None,
        typer.Option(
            "--error-rate",
            help="Part of your labels that you expect to be wrong (0.2): it turns places in the queue into words.",
        ),
    ] = None,
    reader: Annotated[
        str | None, typer.Option("--reader", help="Plant into this reader's labels only.", metavar="NAME")
    ] = None,
    light: Annotated[
        bool, typer.Option("--light", help="Judge by the light classifier: no torch, sooner.")
    ] = False,
    encoder: Annotated[
        str | None,
        typer.Option("--encoder", help="Frozen model behind the difficulty, or filter-bank.", metavar="NAME"),
    ] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Go on even with too few cases.")] = False,
    use: Annotated[
        bool, typer.Option("--use", help="Make the order that was found the order of this data set's queue.")
    ] = False,
    background: Annotated[
        bool, typer.Option("--background", help="Start a job of its own and return at once.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")] = False,
) -> None:
    """Plant known errors into a private copy of the labels, and show which measure finds them here.

    Labels are scored as the workspace was scored last; nothing is written to the data set; a stopped run goes on.
    """
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import calibrate as calibrate_workspace
    from napari_aleatoric.review import calibration_folder, use_order

    opened = Workspace.open(workspace)
    if opened.rescan():
        note("The data set changed since it was last looked at; score it again for the present scores.")
    wanted = _spec(
        opened,
        spec,
        {"judge": "light" if light else None, "encoder": encoder},
        seeds=seeds,
        fraction=fraction,
        kinds=kind or None,
        severities=severity or None,
        error_rate=error_rate,
        reader=reader,
        anyway=anyway or None,
    )
    if background:
        _in_background(opened, wanted, as_json)
        return
    with BarReporter("Calibrating") as reporter:
        record = calibrate_workspace(opened, wanted, reporter=reporter)
    if use and record.rows:
        use_order(opened, record.chosen_order)
    if as_json:
        print_json({"workspace": str(workspace), "enough": record.enough, **record.model_dump(mode="json")})
        return
    _print(record)
    if not record.rows:
        note("--anyway shows the figures all the same, with intervals as wide as so few cases make them.")
    else:
        print_line(f"All figures: {calibration_folder(opened)}")
        again = f"Next: aleatoric queue {workspace}"
        print_line(again if use else f"{again}; --use makes '{record.chosen_order}' its order.")


def _spec(ws: Workspace, path: Path | None, score: dict[str, Any], **given: Any) -> CalibrateSpec:
    from napari_aleatoric.review import CalibrateSpec, last_score_spec

    values: dict[str, Any] = {"score": last_score_spec(ws).model_dump(mode="json")}
    if path is not None:
        try:
            given_file = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"'{path.name}' is no JSON file ({error}).") from error
        if not isinstance(given_file, dict):
            raise DataError(f"Expected '{path.name}' to hold settings by name, such as {{\"seeds\": 4}}.")
        values |= given_file
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        values["score"] |= {name: value for name, value in score.items() if value is not None}
        return CalibrateSpec.model_validate(values)
    except (TypeError, ValueError) as error:
        raise DataError(f"These settings are not understood: {error}") from error


def _in_background(ws: Workspace, spec: CalibrateSpec, as_json: bool) -> None:
    from napari_aleatoric.jobs import submit

    handle = submit(ws, "calibrate", spec)
    if as_json:
        print_json({"workspace": str(ws.root), "run_id": handle.run_id, "run_dir": str(handle.run_dir)})
        return
    print_line(f"The calibration goes on by itself as run {handle.run_id}; its log is in {handle.run_dir}.")


def _print(record: CalibrationRecord) -> None:
    from napari_aleatoric.review import question_in_words, weakest_in_words

    if record.rows:
        print_line(
            f"{record.n_errors_reported} errors planted in {len(record.rounds_reporting)} of "
            f"{len(record.rounds_choosing) + len(record.rounds_reporting)} rounds, {record.n_labels} labels of "
            f"{record.n_cases} cases."
        )
        shown = [row for row in record.rows if not row.detail]
        print_table(
            ["measure", "AUROC [95 %]", "AP", "top", "weakest kind", "voxels", "question"],
            [
                (
                    f"* {row.title}" if row.name == record.chosen_order else f"  {row.title}",
                    row.auroc.words(3),
                    _number(row.average_precision.value),
                    _number(row.precision_top.value),
                    weakest_in_words(row),
                    _number(row.voxel_auroc),
                    question_in_words(row),
                )
                for row in shown[:_SHORT]
            ],
            right=(2, 3, 5),
        )
        left = len(record.rows) - min(len(shown), _SHORT)
        if left:
            print_line(f"... and {left} more in the table on the disk")
        print_line()
    for text in (record.verdict, record.line_sentence, *record.notes):
        if text:
            print_line(text)
    if record.methods:
        print_line(f"\nFor a methods section: {record.methods}")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
