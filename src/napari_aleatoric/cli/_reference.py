"""Verbs about references: ``reference make``, ``list`` and ``show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._terminal import print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.uncertainty import ClassReference, Reference

__all__ = ["reference"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
NameArgument = Annotated[
    str, typer.Argument(help="A name, or a file (with a folder, or ending in .json).", metavar="NAME")
]

reference = typer.Typer(
    help="Keep the difficulty scores of a data set, to compare new cases with, be it a single one.",
    no_args_is_help=True,
    add_completion=False,
)


@reference.command("make")
def make(
    workspace: Annotated[Path, typer.Argument(help="A scored workspace.", metavar="WORKSPACE")],
    name: NameArgument,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an older one of that name.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Store the scores of a workspace as a reference: values by measure and class, no images and no case names."""
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import make_reference

    made, path, notes = make_reference(Workspace.open(workspace), name, replace=replace)
    if as_json:
        print_json({"file": str(path), **_plain(made), "notes": notes})
        return
    print_line(f"The reference '{made.name}' holds {made.n_cases} labels, in {path}.")
    for sentence in notes:
        print_line(sentence)
    print_line(f"Next: aleatoric score WORKSPACE --reference {name}")


@reference.command("list")
def list_all(as_json: JsonOption = False) -> None:
    """List the named references."""
    from napari_aleatoric.review import list_references

    found = list_references()
    if as_json:
        print_json(
            {"references": [{"name": n, "problem": r} if isinstance(r, str) else _plain(r) for n, r in found]}
        )
        return
    if not found:
        print_line("There are no references yet. Make one: aleatoric reference make WORKSPACE NAME")
        return
    rows = [
        (n, "", "", r) if isinstance(r, str) else (n, str(r.n_cases), r.model, ", ".join(r.class_names))
        for n, r in found
    ]
    print_table(["name", "labels", "model", "classes"], rows, right=[1])


@reference.command("show")
def show(name: NameArgument, as_json: JsonOption = False) -> None:
    """Say what a reference was made from and what it holds."""
    from napari_aleatoric.review import load_reference

    found = load_reference(name)
    if as_json:
        print_json(_plain(found))
        return
    print_line(f"{found.name}: {found.n_cases} labels, {found.model}")
    print_line("settings: " + ", ".join(f"{key} = {value}" for key, value in found.settings.items()))
    print_line(f"made: {found.made.get('when', 'unknown')}")
    rows = [
        (class_name or "(whole case)", str(one.n_cases), *(f"{v:.4f}" for v in _range(one)))
        for class_name, one in found.classes.items()
    ]
    print_table(["class", "labels", "hardest", "median", "easiest"], rows, right=[1, 2, 3, 4])
    print_line("hardest, median and easiest are perception scales")


def _range(one: ClassReference) -> tuple[float, float, float]:
    values = one.values["perception_scale"]
    return float(values[0]), float(values[len(values) // 2]), float(values[-1])


def _plain(found: Reference) -> dict[str, Any]:
    classes = {
        name: {
            "n_cases": one.n_cases,
            "size_line": one.line,
            "measures": {m: [float(v.min()), float(v.max())] for m, v in one.values.items()},
        }
        for name, one in found.classes.items()
    }
    return {
        "name": found.name,
        "model": found.model,
        "settings": dict(found.settings),
        "n_cases": found.n_cases,
        "made": dict(found.made),
        "classes": classes,
    }
