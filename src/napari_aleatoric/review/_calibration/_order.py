"""The order of the queue that a person chose for a data set, and the evidence it was chosen by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from napari_aleatoric.errors import AleatoricError, WorkspaceError
from napari_aleatoric.io import Workspace, write_whole
from napari_aleatoric.uncertainty import strategy_of

from ._record import CalibrationRecord

if TYPE_CHECKING:
    from napari_aleatoric.review._storage._store import ReviewStore

__all__ = ["calibration_folder", "default_order", "labels_digest", "read_calibration", "use_order"]

BUILT_IN = "label_risk"
"""The order of a data set that nothing is known of."""

_RECORD, _ORDER = "record.json", "order.json"


def calibration_folder(ws: Workspace) -> Path:
    """Folder of what calibrations of a workspace showed."""
    return ws.root / "calibration"


def default_order(ws: Workspace) -> str:
    """Return the order that the queue of a data set has by default, as `strategy_of` understands it."""
    try:
        found = json.loads((calibration_folder(ws) / _ORDER).read_text("utf-8"))["order"]
        return strategy_of(found).name
    except (AleatoricError, AttributeError, KeyError, OSError, TypeError, ValueError):
        return BUILT_IN


def use_order(ws: Workspace, order: str) -> None:
    """Make an order the default of a data set; what is chosen by hand in a window or a command goes before it.

    Raises
    ------
    NotFoundError
        If there is no such order; see `strategy_of`.
    """
    strategy_of(order)
    record = read_calibration(ws)
    about = {"order": order, "planting_digest": "" if record is None else record.planting_digest}
    write_whole(calibration_folder(ws) / _ORDER, json.dumps(about, indent=1).encode())


def read_calibration(ws: Workspace) -> CalibrationRecord | None:
    """Read what the last calibration showed; None if there was none.

    Raises
    ------
    WorkspaceError
        If its file is damaged.
    """
    path = calibration_folder(ws) / _RECORD
    try:
        return CalibrationRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise WorkspaceError(
            "The record of the last calibration is damaged or of another version. Calibrate again to replace it."
        ) from error


def labels_digest(ws: Workspace, store: ReviewStore) -> str:
    """Return 32 hexadecimal digits that change with any label or image file, saved correction, or the classes."""
    corrections = {key: found or "" for key, (found, _) in store.correction_counts().items()}
    digest = hashlib.blake2b(json.dumps(ws.dataset.classes.to_json()).encode(), digest_size=16)
    for key in ws.dataset.items:
        line = "\0".join((*key, ws.fingerprint(*key), corrections.get(key, "")))
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()
