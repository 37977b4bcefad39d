"""Which cases are held back: chosen once for a workspace, by patient, and never trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from napari_aleatoric.errors import DataError, WorkspaceError
from napari_aleatoric.io import Workspace, write_whole

__all__ = ["HeldOut", "hold_out", "read_held_out", "retraining_folder", "validation_cases", "write_held_out"]

_FILE = "held_out.json"
_LEAST_HELD = 2  # cases, where there are four or more


class _Seen(BaseModel):
    """What a case was made when it was first seen; its patient as a checksum."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    held: bool


class HeldOut(BaseModel):
    """The part of a data set that no network of a workspace learns from.

    Attributes
    ----------
    seed : int
        What it was chosen with first.
    fraction : float
        Likewise.
    by : {'patient', 'case'}
        What stays together: cases of one patient, or, where all cases are one patient's, nothing.
    seen : mapping of str to _Seen
        All cases that there ever were, by id: a case that comes back is what it was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    seed: int
    fraction: float
    by: Literal["patient", "case"]
    seen: Mapping[str, _Seen]

    def held(self, case_ids: Collection[str]) -> list[str]:
        """Which of these cases are held back, in alphabetical order."""
        return sorted(c for c in case_ids if c in self.seen and self.seen[c].held)

    @property
    def note(self) -> str:
        """What to know about it; "" normally."""
        if self.by == "patient":
            return ""
        return (
            "All cases belonged to one patient when the held-out cases were chosen, so the network has seen other "
            "images of the same patient: on another patient's it will do worse than the figures say."
        )


def hold_out(
    patients: Mapping[str, str], fraction: float = 0.1, seed: int = 0, known: HeldOut | None = None
) -> HeldOut:
    """Choose the cases that are held back, or go on with those that were chosen before.

    Cases that were seen before stay what they were. A new case of a known patient joins the others; new patients
    are taken in the order of a checksum as long as fewer than the wanted part of all cases is held back. If
    patients turn out to be one, of whom one was held back, all their cases are.

    Parameters
    ----------
    patients : mapping of str to str
        Patient by case id; "" where unknown (the case then stands for itself).
    fraction : float
        Wanted part of the cases, at least two of four or more.
    seed : int
        Another seed chooses others, the first time.
    known : HeldOut, optional
        What was chosen before; its seed and way of grouping are kept.

    Returns
    -------
    HeldOut
        Does not depend on the order of the cases.

    Raises
    ------
    DataError
        If there are fewer than two labelled cases to part.
    """
    if len(patients) < 2:
        raise DataError(
            f"Expected at least two labelled cases, one to learn from and one to judge by, got {len(patients)}."
        )
    seed = known.seed if known is not None else seed
    by = known.by if known is not None else ("case" if _is_one(patients.values()) else "patient")
    group = {case: _checksum(seed, patients[case] if by == "patient" else "", case) for case in patients}
    seen = dict(known.seen) if known is not None else {}
    held = {s.group for s in seen.values() if s.held} | {group[c] for c in patients if c in seen and seen[c].held}
    known_groups = {s.group for s in seen.values()} | {group[c] for c in patients if c in seen}
    sizes: dict[str, int] = {}
    for name in group.values():
        sizes[name] = sizes.get(name, 0) + 1
    n_held = sum(sizes.get(name, 0) for name in held)
    wanted = _wanted(len(patients), fraction)
    new = sorted(sizes.keys() - known_groups)
    for name in new:
        others = len(patients) - n_held - sizes[name]
        if n_held + sizes[name] <= wanted and others > 0:
            held.add(name)
            n_held += sizes[name]
    if not n_held and len(sizes) > 1 and new:  # every patient has more cases than are wanted
        held.add(min(new, key=lambda name: (sizes[name], name)))
    now = {case: _Seen(group=name, held=name in held) for case, name in group.items()}
    return HeldOut(
        seed=seed, fraction=known.fraction if known is not None else fraction, by=by, seen={**seen, **now}
    )


def validation_cases(patients: Mapping[str, str], fraction: float, seed: int) -> list[str]:
    """Choose the cases that tell a training when to stop, among those that are not held back.

    Parameters
    ----------
    patients : mapping of str to str
        Patient by case id, of the cases that may be learned from.
    fraction : float
        Wanted part of them; 0 for none.
    seed : int
        Another seed chooses others.

    Returns
    -------
    list of str
        In alphabetical order; whole patients. Empty where there are fewer than four.
    """
    by_patient = not _is_one(patients.values())
    group = {c: _checksum(seed, patients[c] if by_patient else "", f"validation {c}") for c in patients}
    names = sorted(set(group.values()))
    if len(names) < 4 or fraction <= 0:
        return []
    wanted, chosen, n = max(1, round(fraction * len(patients))), set[str](), 0
    for name in names:
        size = sum(g == name for g in group.values())
        if n + size <= wanted or (not chosen and name == names[-1]):
            chosen.add(name)
            n += size
    return sorted(c for c, name in group.items() if name in chosen)


def retraining_folder(ws: Workspace) -> Path:
    """Folder of what retraining keeps of a workspace: held-out cases, models, what they were made from."""
    return ws.root / "models"


def read_held_out(ws: Workspace) -> HeldOut | None:
    """Read which cases are held back; None where nothing was chosen yet.

    Raises
    ------
    WorkspaceError
        If the file is damaged: to choose again in silence could train on what was held back.
    """
    path = retraining_folder(ws) / _FILE
    try:
        return HeldOut.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise WorkspaceError(
            f"The list of held-out cases ({_FILE}) is damaged. Bring it back from a copy; if you delete it, others "
            "are chosen, and earlier models may have learned from them."
        ) from error


def write_held_out(ws: Workspace, held_out: HeldOut) -> None:
    """Keep which cases are held back."""
    text = json.dumps(held_out.model_dump(mode="json"), indent=1, sort_keys=True)
    write_whole(retraining_folder(ws) / _FILE, text.encode())


def _wanted(n: int, fraction: float) -> int:
    least = _LEAST_HELD if n >= 2 * _LEAST_HELD else 1
    return min(max(least, round(fraction * n)), n // 2)


def _is_one(patients: Collection[str]) -> bool:
    return len(patients) > 1 and len(set(patients)) == 1 and "" not in patients


def _checksum(seed: int, patient: str, case: str) -> str:
    """16 hexadecimal digits of a patient, or of a case that stands for itself."""
    text = f"patient {patient}" if patient else f"case {case}"
    return hashlib.blake2b(f"{seed}\0{text}".encode(), digest_size=8).hexdigest()
