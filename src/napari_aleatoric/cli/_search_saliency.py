"""The verb ``search-saliency``: which layer and which β suit a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_aleatoric.errors import DataError, NotFoundError

from ._terminal import BarReporter, note, print_json, print_line, print_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_aleatoric.io import Workspace

    Shown = tuple[str, NDArray[np.uint8], NDArray[Any]]

__all__ = ["search_saliency"]

_SETTINGS = "saliency.json"


def search_saliency(
    workspace: Annotated[Path, typer.Argument(help="Folder of the workspace.", metavar="WORKSPACE")],
    text: Annotated[str, typer.Option("--text", "-t", help='What to look for, e.g. "liver".', metavar="WORDS")],
    class_name: Annotated[
        str, typer.Option("--class", help="Class whose labels show where it is.", metavar="NAME")
    ],
    model: Annotated[str, typer.Option("--model", help="Text-image model: a folder or a name.", metavar="NAME")],
    weights: Annotated[Path | None, typer.Option("--weights", help="Numbers of a named architecture.")] = None,
    cases: Annotated[int, typer.Option("--cases", min=1, help="How many cases to look at, one slice each.")] = 3,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides which cases, and the noise.")] = 0,
    layer: Annotated[list[int] | None, typer.Option("--layer", help="A layer to try; may be repeated.")] = None,
    beta: Annotated[list[float] | None, typer.Option("--beta", help="A β to try; may be repeated.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the best settings to this JSON file.")] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, mps or auto.", metavar="NAME")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")] = False,
) -> None:
    """Find the layer and the β of saliency maps on a few labelled slices; measure on other cases afterwards."""
    import numpy as np

    from napari_aleatoric.foundation import SaliencySpec
    from napari_aleatoric.foundation import search_saliency as search
    from napari_aleatoric.io import Workspace, write_whole
    from napari_aleatoric.segmentation import PromptLibrary, open_text_model, query_vectors

    opened = Workspace.open(workspace)
    shown = _slices(opened, class_name, cases, seed)
    seer = open_text_model(model, weights=str(weights) if weights else "", device=device)
    wanted = query_vectors(seer, PromptLibrary.load().query(text)).wanted
    choice: dict[str, Any] = {"betas": beta} if beta else {}
    with BarReporter("Searching") as reporter:
        found = search(
            seer,
            [image for _, image, _ in shown],
            [mask for _, _, mask in shown],
            np.stack([wanted] * len(shown)),
            layers=layer or None,
            spec=SaliencySpec(seed=seed),
            reporter=reporter,
            **choice,
        )
    best = found.best.model_dump(mode="json")
    if out is not None:
        write_whole(out, (json.dumps({"saliency_method": "m2ib", "saliency": best}, indent=2) + "\n").encode())
    if as_json:
        rows = [{"layer": r.layer, "beta": r.beta, "dice": r.dice, "dices": list(r.dices)} for r in found.rows]
        print_json({"cases": [name for name, _, _ in shown], "rows": rows, "best": best})
        return
    print_table(
        ["layer", "beta", "Dice above 0.3"],
        [(str(row.layer), f"{row.beta:g}", f"{row.dice:.3f}") for row in found.rows],
        right=(0, 1, 2),
    )
    print_line(f"Searched on {', '.join(name for name, _, _ in shown)}. Measure on other cases.")
    print_line(
        f"Use it with: aleatoric segment … --spec {out or _SETTINGS}" + ("" if out else " (--out writes it)")
    )


def _slices(workspace: Workspace, class_name: str, n: int, seed: int) -> list[Shown]:
    """Take cases in an order of the seed; of each the slice that shows most of the class."""
    import numpy as np

    from napari_aleatoric.segmentation import SliceStack

    dataset = workspace.dataset
    names = [each.class_name for each in dataset.classes]
    if class_name not in names:
        raise NotFoundError(f"There is no class '{class_name}'; the classes are {', '.join(names)}.")
    value = next(each.label_value for each in dataset.classes if each.class_name == class_name)
    labelled = [case for case in dataset.cases if case.labels]
    found: list[Shown] = []
    for number in np.random.default_rng(seed).permutation(len(labelled)):
        if len(found) == n:
            break
        case = labelled[number]
        stack = SliceStack.of(workspace.load_image(case.case_id))
        label = workspace.load_label(case.case_id, case.labels[0].reader)
        mask = stack.turn.apply(label.data == value)
        areas = [int(stack.take(z, mask).sum()) for z in range(len(stack))]
        if not max(areas):
            continue
        best = int(np.argmax(areas))
        found.append((case.case_id, stack.image(best), stack.take(best, mask)))
    if not found:
        raise DataError(f"No case has a label of '{class_name}'. Choose another class.")
    if len(found) < n:
        note(f"Only {len(found)} cases show '{class_name}'.")
    return found
