"""Verbs about weights: ``weights list``, ``import``, ``download`` and ``verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from napari_aleatoric.errors import DataError, NotFoundError

from ._terminal import BarReporter, complain, print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.foundation import WeightsStatus

__all__ = ["weights"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]

weights = typer.Typer(
    help="Bring, check and list the weights of frozen models.", no_args_is_help=True, add_completion=False
)


@weights.command("list")
def list_weights(as_json: JsonOption = False) -> None:
    """List all weights that are known or imported: what they are good for, whether they are here, their licence."""
    from napari_aleatoric.foundation import all_weights_store

    store = all_weights_store()
    found = [store.status(name) for name in store.names()]
    if as_json:
        answer = [_plain(status) for status in found]
        print_json({"folder": str(store.folder), "offline": store.offline, "weights": answer})
        return
    rows = [
        (
            status.weights.name,
            status.state,
            f"{status.weights.size_bytes / 1e6:,.0f}" if status.weights.size_bytes else "?",
            status.weights.licence,
            status.weights.good_for,
        )
        for status in found
    ]
    print_table(["name", "state", "MB", "licence", "good for"], rows, right=[2])
    print_line(f"Folder: {store.folder}")
    for status in found:
        if status.state == "damaged":
            print_line(status.sentence)
    if store.offline:
        print_line("The program is switched offline: nothing is downloaded.")


@weights.command("import")
def import_weights(
    file: Annotated[
        Path,
        typer.Argument(help="The file, or a folder that has it; or the folder of a SAM 2 network.", metavar="FILE"),
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="Which weights these are; for your own, a new name.")
    ] = None,
    architecture: Annotated[
        str | None, typer.Option("--architecture", help="Of your own weights. Default: found out from the file.")
    ] = None,
    scaling: Annotated[
        str, typer.Option("--scaling", help="What your own network wants: imagenet, or unit for 0 to 1.")
    ] = "imagenet",
    licence: Annotated[str, typer.Option("--licence", help="Of your own weights.")] = "not stated",
    as_json: JsonOption = False,
) -> None:
    """Copy weights from a disk, after checking them."""
    from napari_aleatoric.foundation import all_weights_store

    store = all_weights_store()
    with BarReporter("Importing") as reporter:
        status = store.import_file(
            name,
            file,
            reporter,
            architecture=architecture,
            scaling=cast(Literal["imagenet", "unit"], scaling),
            licence=licence,
        )
    _tell(status, as_json, "imported and checked")


@weights.command("download")
def download_weights(
    name: Annotated[str, typer.Argument(help="As 'aleatoric weights list' shows it.", metavar="NAME")],
    mirror: Annotated[
        str | None, typer.Option("--mirror", help="Address of a folder that has the published files.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring published weights; an interrupted download goes on where it stopped."""
    from napari_aleatoric.foundation import all_weights_store

    with BarReporter(f"Downloading {name}") as reporter:
        status = all_weights_store().download(name, reporter, mirror)
    _tell(status, as_json, "here and checked")


@weights.command("verify")
def verify_weights(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which. Default: all that are here.", metavar="[NAME]...")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read weights whole and compare their digests; exit status 1 if any is damaged."""
    from napari_aleatoric.foundation import all_weights_store

    store = all_weights_store()
    chosen = names or [name for name in store.names() if store.status(name).state != "absent"]
    rows: list[dict[str, Any]] = []
    with BarReporter("Checking") as reporter:
        for name in chosen:
            try:
                rows.append({"name": name, "good": True, "sentence": f"{store.verify(name, reporter).path.name}"})
            except (DataError, NotFoundError) as error:
                rows.append({"name": name, "good": False, "sentence": str(error)})
    bad = [row for row in rows if not row["good"]]
    if as_json:
        print_json({"good": not bad, "weights": rows})
    elif rows:
        print_table(["", "name", "found"], [("ok" if r["good"] else "BAD", r["name"], r["sentence"]) for r in rows])
    else:
        print_line("No weights are here. See: aleatoric weights list")
    if bad:
        if not as_json:
            complain(f"{len(bad)} of {len(rows)} weights cannot be used; see above.")
        raise typer.Exit(1)


def _plain(status: WeightsStatus) -> dict[str, Any]:
    entry = status.weights
    return {
        "name": entry.name,
        "state": status.state,
        "architecture": entry.architecture,
        "scaling": entry.scaling,
        "origin": entry.origin,
        "path": str(status.path),
        "size_bytes": entry.size_bytes,
        "sha256": entry.sha256,
        "urls": list(entry.urls),
        "licence": entry.licence,
        "good_for": entry.good_for,
        "sentence": status.sentence,
    }


def _tell(status: WeightsStatus, as_json: bool, what: str) -> None:
    if as_json:
        print_json(_plain(status))
        return
    entry = status.weights
    print_line(f"{entry.name} ({entry.architecture}, {entry.size_bytes / 1e6:,.0f} MB) is {what}: {status.path}")
    print_line(f"Licence: {entry.licence}")
