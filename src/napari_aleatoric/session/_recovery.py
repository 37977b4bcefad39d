"""Strokes of an earlier session that nobody saved: which there are, and on what they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey

if TYPE_CHECKING:
    from napari_aleatoric.review import Correction, PendingStrokes

__all__ = ["Recovered", "find_recovered", "other_version_sentence"]


@dataclass(frozen=True, eq=False)
class Recovered:
    """What can be painted again onto a label.

    Parameters
    ----------
    strokes : tuple of PendingStrokes
        Those that would change it, oldest first.
    voxels : int
        How many voxels they would change.
    remark : str
        A sentence if some were made on another version of the label; "" else.
    """

    strokes: tuple[PendingStrokes, ...] = ()
    voxels: int = 0
    remark: str = ""


def find_recovered(
    workspace: Workspace, key: ItemKey, label: NDArray[Any], history: Sequence[Correction]
) -> Recovered:
    """Look for strokes on a label that no session holds and no version does.

    Parameters
    ----------
    workspace : Workspace
        Where journals are kept.
    key : ItemKey
        Which label.
    label : numpy.ndarray, shape (Z, Y, X)
        Its present version, upright.
    history : sequence of Correction
        All saved versions of it, oldest first; the last one is the present one.
    """
    from napari_aleatoric.review import StrokeJournal

    found = []
    voxels = 0
    for strokes in StrokeJournal.pending(workspace, key):
        try:
            changes = strokes.n_changes(label)
        except AleatoricError:  # the image was replaced by another: they cannot be offered, and are left alone
            continue
        if changes:
            found.append(strokes)
            voxels += changes
    others = [strokes.base for strokes in found if not _is_present(strokes.base, history)]
    return Recovered(tuple(found), voxels, other_version_sentence(others[-1], history) if others else "")


def other_version_sentence(base: str, history: Sequence[Correction]) -> str:
    """Say that strokes were made on another version than they are painted on now.

    The present version may hold later work of somebody else, so it is not replaced by the one that the strokes were
    made on: they set the same voxels to the same values on the present one, and the reader is told to look.

    Parameters
    ----------
    base : str
        What they were made on: id of a correction, "" = the original label.
    history : sequence of Correction
        All saved versions, oldest first.
    """
    made_on = next((c for c in history if base in (c.correction_id, c.label_hash)), None)
    if base == "" or (made_on is not None and made_on.is_original):
        name = "the original label"
    elif made_on is not None:
        name = f"the version that {made_on.reader} saved on {made_on.created.astimezone():%d %b %H:%M}"
    else:
        name = "a version that is not in the history any more"
    return (
        f"These strokes were made on {name}, and the label was changed since. They are painted on the present "
        "version now: look at them before you save."
    )


def _is_present(base: str, history: Sequence[Correction]) -> bool:
    """Whether a version has the same voxels as the present one, as far as the records say."""
    if not history or history[-1].is_original:
        return base in ("", history[-1].correction_id if history else "")
    hashes = {c.correction_id: c.label_hash for c in history}
    return hashes.get(base, base) == history[-1].label_hash
