"""The verb ``filter``: which labels a cut keeps, and the kept ones as a data set."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Verdict

from ._terminal import BarReporter, note, print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import FilterPreview, FilterSpec

__all__ = ["filter_labels"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
WorkspaceArgument = Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")]

_VERDICTS = ", ".join(Verdict)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})?\s*\.\.\s*({_NUMBER})?\s*")


def filter_labels(
    workspace: WorkspaceArgument,
    measure: Annotated[str, typer.Option("--measure", help="Score to cut by.", metavar="NAME")] = "auv",
    keep: Annotated[
        str,
        typer.Option(
            "--keep",
            help="Percentiles to keep, from the better end of the score (0) to its worse end (100): 0..95 drops "
            "the worst 5 %, 5..95 also the best 5 %.",
            metavar="LOW..HIGH",
        ),
    ] = "",
    values: Annotated[
        str,
        typer.Option("--values", help="Raw values to keep instead: 0.2..0.9, ..0.9, 0.2..", metavar="LOW..HIGH"),
    ] = "",
    class_wise: Annotated[
        bool, typer.Option("--class-wise", help="Cut every class by its own distribution.")
    ] = False,
    class_name: Annotated[
        list[str] | None,
        typer.Option("--class", help="Cut by this class only; may be repeated."),
    ] = None,
    all_classes: Annotated[
        bool,
        typer.Option("--all-classes", help="Keep only what all classes keep, not what any of them keeps."),
    ] = False,
    drop: Annotated[
        list[Verdict] | None,
        typer.Option(
            "--drop",
            help=f"Drop labels with this verdict ({_VERDICTS}); may be repeated. By default rejected and excluded.",
            metavar="VERDICT",
        ),
    ] = None,
    ignore_verdicts: Annotated[
        bool, typer.Option("--ignore-verdicts", help="Judge rejected and excluded labels like all others.")
    ] = False,
    trust: Annotated[
        list[Verdict] | None,
        typer.Option(
            "--trust",
            help="Keep labels with this verdict whatever they measure, e.g. accepted; may be repeated.",
            metavar="VERDICT",
        ),
    ] = None,
    drop_unscored: Annotated[
        bool, typer.Option("--drop-unscored", help="Drop labels that have no such score; by default they stay.")
    ] = False,
    label_reader: Annotated[
        str | None, typer.Option("--label-reader", help="Whose labels, if cases have several.", metavar="NAME")
    ] = None,
    reader: Annotated[
        str | None, typer.Option("--reader", help="Count only this reader's verdicts.", metavar="NAME")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Write what is kept into this new or empty folder.", metavar="FOLDER"),
    ] = None,
    layout: Annotated[
        str, typer.Option("--as", help="nnunet, msd, monai (a list that names files) or split.", metavar="LAYOUT")
    ] = "nnunet",
    copy: Annotated[bool, typer.Option("--copy", help="Copy files instead of linking them.")] = False,
    modality: Annotated[
        str, typer.Option("--modality", help="Name of the first channel for nnU-Net, e.g. CT.", metavar="NAME")
    ] = "",
    folds: Annotated[int, typer.Option("--folds", min=2, max=20, help="Folds of a split.")] = 5,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an earlier export of a filter.")] = False,
    top: Annotated[int, typer.Option("--top", "-n", min=0, help="Dropped labels to list; 0 for all.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Keep the labels within a range of a score; show what is kept and why the others are not, or export it."""
    from napari_aleatoric.io import Workspace

    if keep and values:
        raise DataError("Give either --keep (percentiles) or --values (raw values), not both.")
    opened = Workspace.open(workspace)
    wishes: dict[str, Any] = {
        "measure": measure,
        "percentiles": _percentiles(keep),
        "values": _two(values, "--values") if values else None,
        "class_wise": class_wise or bool(class_name),
        "class_names": tuple(class_name or ()),
        "class_rule": "all" if all_classes else "any",
        "keep_verdicts": tuple(trust or ()),
        "unscored": "drop" if drop_unscored else "keep",
        "label_reader": label_reader,
        "reader": reader,
    }
    if drop or ignore_verdicts:
        wishes["drop_verdicts"] = tuple(drop or ())
    spec = _validated(wishes)
    preview = _preview(opened, spec)
    summary = None
    if to is not None:
        how = {"layout": layout, "files": "copy" if copy else "link", "modality": modality, "folds": folds}
        summary = _export(opened, {"filter": spec, "destination": str(to), "replace": replace, **how})
    if as_json:
        export = None if summary is None else {**asdict(summary), "destination": str(summary.destination)}
        print_json({"workspace": str(workspace), **preview.to_json(), "export": export})
        return
    _print_preview(preview, top)
    if summary is not None:
        print_line()
        print_line(summary.sentence)
        for remark in summary.remarks:
            note(remark)


def _two(text: str, option: str) -> tuple[float | None, float | None]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise DataError(f"Expected {option} as two numbers with dots between, such as 5..95; got '{text}'.")
    low, high = match.groups()
    return (None if low is None else float(low), None if high is None else float(high))


def _percentiles(text: str) -> tuple[float, float]:
    if not text:
        return (0.0, 95.0)
    low, high = _two(text, "--keep")
    return (0.0 if low is None else low, 100.0 if high is None else high)


def _validated(wishes: dict[str, Any]) -> FilterSpec:
    from napari_aleatoric.review import FilterSpec

    try:
        return FilterSpec.model_validate(wishes)
    except ValueError as error:
        raise DataError(f"This filter is not understood: {error}") from error


def _preview(opened: Workspace, spec: FilterSpec) -> FilterPreview:
    from napari_aleatoric.review import ReviewStore, build_queue, preview_filter

    with ReviewStore.open(opened.store_url) as store:
        store.follow(opened)
        return preview_filter(build_queue(store, opened.dataset.classes, reader=spec.reader), spec)


def _export(opened: Workspace, wishes: dict[str, Any]) -> Any:
    from napari_aleatoric.review import FilterExportSpec, export_filtered

    try:
        spec = FilterExportSpec.model_validate(wishes)
    except ValueError as error:
        raise DataError(f"This export is not understood: {error}") from error
    with BarReporter("Exporting") as reporter:
        return export_filtered(opened, spec, reporter=reporter)


def _print_preview(preview: FilterPreview, top: int) -> None:
    from napari_aleatoric.review import value_in_words

    note(preview.measure.sentence)
    print_line(preview.sentence)
    dropped = list(preview.dropped())
    if dropped:
        shown = dropped[:top] if top else dropped
        print_line()
        print_table(["dropped", "why"], [(str(item.key), item.sentence) for item in shown])
        if len(dropped) > len(shown):
            print_line(f"... and {len(dropped) - len(shown)} more (--top 0 for all)")
    if preview.class_counts:
        print_line()
        rows = []
        for c in preview.class_counts:
            ends = (c.smallest, c.largest)
            cuts = " to ".join(value_in_words(preview.measure, v) if math.isfinite(v) else "…" for v in ends)
            rows.append((c.class_name, str(c.n), str(c.n_kept), str(c.n - c.n_kept), cuts))
        heads = ["class", "labels", "kept", "dropped", "its cut keeps"]
        width = 5 if preview.spec.class_wise else 4
        print_table(heads[:width], [row[:width] for row in rows], right=(1, 2, 3))
