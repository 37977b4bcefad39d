"""Verbs that bring data: ``samples`` and ``init``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_aleatoric.errors import DataError, WorkspaceError

from ._terminal import BarReporter, print_json, print_line, print_table

__all__ = ["init", "samples"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]


def samples(
    folder: Annotated[Path, typer.Argument(help="New or empty folder.", metavar="DIR")],
    cases: Annotated[int, typer.Option("--cases", min=1, help="How many.")] = 24,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another number gives other patients.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Write synthetic CT-like abdomens, three readers' labels and the truth beside them."""
    from napari_aleatoric.samples import SampleSpec, read_truth, write_samples

    begun = time.monotonic()
    with BarReporter("Drawing cases") as reporter:
        write_samples(folder, SampleSpec(n_cases=cases, seed=seed), reporter)
    truth = read_truth(folder)
    wrong = {name: error.sentence for name, error in truth.items() if error is not None}
    if as_json:
        seconds = round(time.monotonic() - begun, 2)
        print_json({"folder": str(folder), "cases": len(truth), "wrong": wrong, "seconds": seconds})
        return
    print_line(f"{len(truth)} cases in {folder}; {len(wrong)} of them carry a planted label error:")
    print_table(["case", "error"], list(wrong.items()))
    print_line(f"Next: aleatoric init {folder} --workspace {folder}-review")


def init(
    dataset: Annotated[Path, typer.Argument(help="Folder with images and labels; only read.", metavar="DATASET")],
    workspace: Annotated[
        Path | None, typer.Option("--workspace", "-w", help="Where to keep the review. Default: DATASET-review.")
    ] = None,
    layout: Annotated[str | None, typer.Option("--layout", help="Layout, if it is not to be guessed.")] = None,
    class_names: Annotated[
        str | None, typer.Option("--class-names", help='Names of label values, e.g. "1=liver,2=spleen".')
    ] = None,
    spacing_unknown: Annotated[
        bool, typer.Option("--spacing-unknown", help="Voxel sizes in the files are made up: report no millimetres.")
    ] = False,
    resample: Annotated[
        bool, typer.Option("--resample", help="Resample labels that lie on another grid than their image.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at a data set and make a workspace for its review."""
    from napari_aleatoric.io import Workspace, scan
    from napari_aleatoric.review import ReviewStore

    root = workspace if workspace is not None else dataset.with_name(f"{dataset.resolve().name}-review")
    if Workspace.is_workspace(root):
        raise WorkspaceError(
            f"There is a workspace in '{root.name}' already; go on with it (aleatoric score) or choose "
            "another place."
        )
    names = parse_class_names(class_names) if class_names else None
    with BarReporter("Reading labels") as reporter:
        found = scan(
            dataset,
            layout=layout,
            class_names=names,
            spacing_known=False if spacing_unknown else None,
            resample=resample,
            reporter=reporter,
        )
    if not found.cases:
        raise DataError(
            f"No case of '{dataset.name}' can be read. "
            + "; ".join(f"{p.case_id}: {p.sentence}" for p in found.problems[:3])
        )
    made = Workspace.create(root, found)
    with ReviewStore.open(made.store_url) as store:
        store.sync_items(found.items, made.fingerprints())
    answer: dict[str, Any] = {
        "workspace": str(root),
        "layout": found.layout,
        "layout_sentence": found.layout_sentence,
        "cases": len(found.cases),
        "labels": len(found.items),
        "readers": [reader for reader in found.readers if reader],
        "classes": found.classes.to_json(),
        "spacing_known": found.spacing_known,
        "refused": [{"case": p.case_id, "reason": p.sentence} for p in found.problems],
    }
    if as_json:
        print_json(answer)
        return
    print_line(found.layout_sentence)
    readers = f" by {len(answer['readers'])} readers" if answer["readers"] else ""
    print_line(f"{len(found.cases)} cases, {len(found.items)} labels{readers}; {len(found.problems)} refused.")
    print_line("Classes: " + ", ".join(f"{c.label_value} {c.class_name}" for c in found.classes))
    if found.problems:
        print_table(["refused", "reason"], [(p.case_id, p.sentence) for p in found.problems])
    print_line(f"Next: aleatoric score {root}")


def parse_class_names(text: str) -> dict[int, str]:
    """Read ``"1=liver,2=spleen"``.

    Raises
    ------
    DataError
        If it is not of that form.
    """
    names: dict[int, str] = {}
    for part in text.split(","):
        value, sign, name = part.partition("=")
        if not sign or not name.strip() or not value.strip().isdecimal():
            raise DataError(f"Expected class names like 1=liver,2=spleen, got '{part.strip()}'.")
        names[int(value)] = name.strip()
    return names
