"""The models of a workspace: what each was made from, how it was judged, and which one is in use."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from napari_aleatoric.errors import DataError, NotFoundError, WorkspaceError
from napari_aleatoric.io import Workspace, write_whole

from ._judgement import Judgement
from ._judgement_words import judgement_csv, judgement_markdown
from ._split import retraining_folder

__all__ = [
    "PREDICTIONS_FOLDER",
    "ModelRecord",
    "find_model",
    "list_models",
    "model_folder",
    "new_model_id",
    "prediction_folder",
    "promote",
    "promoted_model",
    "read_judgement",
    "roll_back",
    "write_judgement",
    "write_record",
]

PREDICTIONS_FOLDER = "predictions"
_RECORD, _JUDGEMENT, _PROMOTED = "record.json", "judgement.json", "promoted.json"


class ModelRecord(BaseModel):
    """One model of a workspace, finished or not.

    ``digest`` names settings, cases and label versions: the same ones go on with the same model. ``learned``,
    ``validation`` and ``held_out`` are case ids. ``weights_digest`` is "" until the training is done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    model_id: str
    created: str
    status: Literal["training", "finished"] = "training"
    digest: str
    data_digest: str
    spec: dict[str, Any]
    plan: dict[str, Any] = {}
    versions: dict[str, str] = {}
    learned: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    selection: str = ""
    weights_digest: str = ""
    sentence: str = ""
    seconds: float = 0.0


def model_folder(ws: Workspace, model_id: str) -> Path:
    """Folder of a model: ``record.json``, ``network``, ``baseline``, its judgement and its predictions."""
    return retraining_folder(ws) / model_id


def prediction_folder(ws: Workspace, model_id: str) -> Path:
    """Folder of what a model said of the cases of a workspace."""
    return model_folder(ws, model_id) / PREDICTIONS_FOLDER


def new_model_id(digest: str) -> str:
    """Return an id that sorts by time, to the microsecond, and tells what the model was made from."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{digest[:6]}{secrets.token_hex(1)}"


def write_record(ws: Workspace, record: ModelRecord) -> None:
    """Keep a record, whole."""
    write_whole(model_folder(ws, record.model_id) / _RECORD, record.model_dump_json(indent=1).encode())


def list_models(ws: Workspace, *, finished: bool = False) -> list[ModelRecord]:
    """All models of a workspace, oldest first; folders with a damaged record are passed over."""
    found = []
    for path in sorted(retraining_folder(ws).glob(f"*/{_RECORD}")):
        try:
            record = ModelRecord.model_validate_json(path.read_bytes())
        except (OSError, ValueError):
            continue
        if record.model_id == path.parent.name and (record.status == "finished" or not finished):
            found.append(record)
    return found


def find_model(ws: Workspace, name: str = "") -> ModelRecord:
    """Return a finished model by its id or the beginning of it; "" = the promoted one, else the newest.

    Raises
    ------
    NotFoundError
        If there is none, or several begin like that.
    """
    models = list_models(ws, finished=True)
    if not models:
        raise NotFoundError("This workspace has no finished model yet. Train one first: aleatoric train.")
    if not name:
        return promoted_model(ws) or models[-1]
    fitting = [m for m in models if m.model_id == name] or [m for m in models if m.model_id.startswith(name)]
    if len(fitting) != 1:
        known = ", ".join(m.model_id for m in models)
        many = "Several models begin with" if fitting else "There is no finished model"
        raise NotFoundError(f"{many} '{name}'. Models: {known}.")
    return fitting[0]


def read_judgement(ws: Workspace, model_id: str) -> Judgement | None:
    """Read how a model was judged; None if it was not."""
    path = model_folder(ws, model_id) / _JUDGEMENT
    try:
        return Judgement.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise WorkspaceError(
            f"The judgement of the model {model_id} is damaged or of another version. Train again to replace it."
        ) from error


def write_judgement(ws: Workspace, model_id: str, judgement: Judgement) -> None:
    """Keep a judgement: ``judgement.csv`` and ``judgement.md`` to be read, ``judgement.json`` last."""
    folder = model_folder(ws, model_id)
    write_whole(folder / "judgement.csv", judgement_csv(judgement).encode())
    write_whole(folder / "judgement.md", judgement_markdown(judgement).encode())
    write_whole(folder / _JUDGEMENT, judgement.model_dump_json(indent=1).encode())


def promoted_model(ws: Workspace) -> ModelRecord | None:
    """Return the model in use; None if none was promoted, or it is gone."""
    stack = _stack(_log(ws))
    known = {m.model_id: m for m in list_models(ws, finished=True)}
    return next((known[name] for name in reversed(stack) if name in known), None)


def promote(ws: Workspace, name: str) -> ModelRecord:
    """Put a model to use: it predicts, and the next one is compared with it.

    Raises
    ------
    NotFoundError
        If there is no such finished model.
    """
    record = find_model(ws, name)
    before = promoted_model(ws)
    if before is None or before.model_id != record.model_id:
        _append(ws, {"promoted": record.model_id})
    return record


def roll_back(ws: Workspace) -> ModelRecord | None:
    """Take the last promotion back; returns the model that is in use then, None if there was none before it.

    Raises
    ------
    DataError
        If nothing was promoted.
    """
    if not _stack(_log(ws)):
        raise DataError("Expected a promoted model to go back from; none is promoted.")
    _append(ws, {"promoted": None})
    return promoted_model(ws)


def _append(ws: Workspace, entry: dict[str, Any]) -> None:
    """Add to the log of promotions: entries are appended, never changed, and the present state is a fold."""
    log = [*_log(ws), {**entry, "at": datetime.now(UTC).isoformat(timespec="seconds")}]
    write_whole(retraining_folder(ws) / _PROMOTED, json.dumps(log, indent=1).encode())


def _log(ws: Workspace) -> list[dict[str, Any]]:
    path = retraining_folder(ws) / _PROMOTED
    try:
        found = json.loads(path.read_text("utf-8"))
        return [dict(entry) for entry in found]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise WorkspaceError(
            f"The list of promoted models ({_PROMOTED}) is damaged. Delete it, and promote the model in use again."
        ) from error


def _stack(log: Sequence[dict[str, Any]]) -> list[str]:
    stack: list[str] = []
    for entry in log:
        if entry.get("promoted"):
            stack.append(str(entry["promoted"]))
        elif stack:
            stack.pop()
    return stack
