"""References on the disk: scores of an earlier data set that new cases are compared with."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from napari_aleatoric.errors import AleatoricError, DataError, NotFoundError
from napari_aleatoric.io import Workspace, write_whole
from napari_aleatoric.model import ClassTable
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import (
    REFERENCE_SETTINGS,
    Reference,
    ScoreSpec,
    ScoreTable,
    made_reference,
)

from ._comparison import Comparison
from ._difficulty import FILTER_BANK

__all__ = ["comparison_of", "list_references", "load_reference", "make_reference", "reference_path"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_FEW = 20


def comparison_of(spec: ScoreSpec, model: str, classes: ClassTable) -> tuple[Comparison, list[str]]:
    """Find what a spec asks to compare with, and say what cannot be compared.

    Raises
    ------
    AleatoricError
        If there is no such reference, or it was made by another model or with other settings.
    """
    if not spec.reference:
        return Comparison(None, spec.auv_percentiles), []
    if model == FILTER_BANK:
        raise DataError(
            "Without a frozen model the difficulty comes from a classifier that learned this data set, and cannot "
            "be compared with a reference. Choose a frozen model, such as --encoder sam-small."
        )
    settings = {name: getattr(spec, name) for name in REFERENCE_SETTINGS}
    found, notes = load_reference(spec.reference).fitting(model, settings, classes)
    return Comparison(found, spec.auv_percentiles), notes


def folder_of_references() -> Path:
    """Where named references lie: what ALEATORIC_REFERENCES says, else in the user's data folder."""
    named = os.environ.get("ALEATORIC_REFERENCES")
    return Path(named).expanduser() if named else platformdirs.user_data_path("napari-aleatoric") / "references"


def reference_path(name_or_file: str) -> Path:
    """Return the file that a name or a path (with a folder, or ending in .json) means.

    Raises
    ------
    DataError
        If it is neither.
    """
    if name_or_file.endswith(".json") or "/" in name_or_file or os.sep in name_or_file:
        return Path(name_or_file).expanduser()
    if not _NAME.fullmatch(name_or_file):
        raise DataError(
            f"'{name_or_file}' cannot be the name of a reference. Use letters, digits, '-', '_' and '.', or a path "
            "that ends in .json."
        )
    return folder_of_references() / f"{name_or_file}.json"


def load_reference(name_or_file: str) -> Reference:
    """Read a reference by name or path.

    Raises
    ------
    NotFoundError, DataError
        If there is none, or the file is none.
    """
    path = reference_path(name_or_file)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        known = ", ".join(name for name, _ in list_references()) or "none"
        raise NotFoundError(
            f"There is no reference '{name_or_file}'. Known: {known}. Make one with 'aleatoric reference make'."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The reference '{path.name}' cannot be read ({type(error).__name__}).") from error
    return Reference.from_text(text)


def list_references() -> list[tuple[str, Reference | str]]:
    """Return all named references, or for one that cannot be read the reason, in alphabetical order."""
    found: list[tuple[str, Reference | str]] = []
    for path in sorted(folder_of_references().glob("*.json")):
        try:
            found.append((path.stem, load_reference(str(path))))
        except AleatoricError as error:
            found.append((path.stem, str(error)))
    return found


def make_reference(ws: Workspace, name_or_file: str, *, replace: bool = False) -> tuple[Reference, Path, list[str]]:
    """Store the difficulty scores of a workspace as a reference.

    Parameters
    ----------
    ws : Workspace
        Scored with a frozen model. Only scores that still belong to the present files and settings are taken.
    name_or_file : str
        Its name, or the file to write.
    replace : bool
        Whether an older one of that name may go.

    Returns
    -------
    reference : Reference
    path : Path
        Where it was written.
    notes : list of str
        What to know about it.

    Raises
    ------
    DataError
        If there is one already, or the workspace has no such scores.
    """
    path = reference_path(name_or_file)
    if path.exists() and not replace:
        raise DataError(
            f"There is a reference '{path.stem}' already. Choose another name, or replace it (--replace)."
        )
    model, settings, versions = _made_by(ws)
    with ReviewStore.open(ws.store_url) as store:
        found = store.overview()
    usable = np.flatnonzero(found.scored & ~found.changed)
    keys = [found.keys[row] for row in usable.tolist()]
    table = ScoreTable(keys, {name: column[usable] for name, column in found.columns.items()})
    made = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "versions": versions}
    reference = made_reference(table, ws.dataset.classes, path.stem, model, settings, made)
    notes = []
    if len(keys) < len(found.keys):
        notes.append(f"{len(found.keys) - len(keys)} labels without valid scores were left out.")
    if reference.n_cases < _FEW:
        notes.append(
            f"{reference.n_cases} labels are few for a reference: places among them are rough, and most new cases "
            "may lie beyond their range."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, reference.to_text().encode())
    return reference, path, notes


def _made_by(ws: Workspace) -> tuple[str, dict[str, Any], Mapping[str, str]]:
    """Full name of the model behind the scores of a workspace, its settings, and the versions used."""
    try:
        about = json.loads((ws.maps_dir / "scoring.json").read_text(encoding="utf-8"))
        model, spec = str(about["encoder"]), ScoreSpec.model_validate(about["spec"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError("The workspace has no finished scores. Run 'aleatoric score' first.") from error
    if model == FILTER_BANK:
        raise DataError(
            "These scores come from a classifier that learned this very data set, and mean nothing for others. "
            "Score with a frozen model (--encoder sam-small), then make the reference."
        )
    settings = {name: getattr(spec, name) for name in REFERENCE_SETTINGS}
    return model, settings, {**about.get("versions", {}), "napari-aleatoric": metadata.version("napari-aleatoric")}
