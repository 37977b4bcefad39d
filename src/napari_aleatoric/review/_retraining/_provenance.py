"""What a model was made from, in digests and versions."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata

from napari_aleatoric.training import without_usual_readers

from ._case_desk import CaseDesk
from ._selection import Selection
from ._spec import RetrainSpec

__all__ = ["data_digest", "model_digest", "versions"]

_PACKAGES = ("napari-aleatoric", "numpy", "torch", "monai", "accelerate", "SimpleITK", "nnunetv2")
_VERSION = "1"
"""Changes when the same labels and settings give another model."""


def data_digest(desk: CaseDesk, selection: Selection) -> str:
    """Return 32 hexadecimal digits that change with any label, image, weight or role of a case."""
    rows = [
        (role, case.case_id, desk.digest(case), case.weight)
        for role in ("learn", "validation", "held_out")
        for case in getattr(selection, role)
    ]
    return hashlib.blake2b(json.dumps(rows).encode(), digest_size=16).hexdigest()


def model_digest(spec: RetrainSpec, data: str) -> str:
    """Return 32 hexadecimal digits of settings and data; where it runs is no part of it."""
    values = spec.model_dump(mode="json")
    values["train"].pop("device", None)
    values["train"] = without_usual_readers(values["train"])
    if values["backend"] == "own":  # as before there was a choice
        del values["backend"]
    values["pseudo_labels"] = bool(spec.pseudo_labels)  # what is in them is part of the data
    text = json.dumps([_VERSION, values, data], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of what trains, and the time."""
    found = {"created": datetime.now(UTC).isoformat(timespec="seconds")}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
