"""Reference, before and after of a held-out case, as they are laid over its image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey

from ._held_out_view import OTHER_WORDS, HeldOutRow
from ._item import ItemData
from ._sentence import sentence_of

if TYPE_CHECKING:
    from napari_aleatoric.review import Judgement

__all__ = ["Compared", "ComparedMasks", "differs_from_judged", "read_compared", "slice_of_most_change"]

_SAME_DICE = 1e-6
_NOT_KEPT = (
    "What this model drew of the case was not kept: it was judged by an older version. 'Predict cases' under Runs "
    "lets it draw all cases again."
)
_CHANGED = "The label was changed since: the reference is as it is now, Dice as it was judged."


@dataclass(frozen=True, eq=False)
class ComparedMasks:
    """Reference, before and after of the case on the screen, upright.

    Parameters
    ----------
    key : ItemKey
        Whose label is the reference.
    reference, after : numpy.ndarray of uint8 or uint16, shape (Z, Y, X)
        Class indices, 0 elsewhere.
    before : numpy.ndarray or None
        Likewise; None where there is none.
    before_title : str
        What it is called: "Before" or "Plain".
    slice_index : int
        Where they differ most, along z.
    """

    key: ItemKey
    reference: NDArray[Any]
    before: NDArray[Any] | None
    after: NDArray[Any]
    before_title: str = "Before"
    slice_index: int = 0

    def of_class(self, class_index: int) -> ComparedMasks:
        """Return one class alone; 0 = all."""
        if not class_index:
            return self

        def alone(mask: NDArray[Any]) -> NDArray[Any]:
            return np.where(mask == class_index, mask, 0).astype(mask.dtype)

        reference, after = alone(self.reference), alone(self.after)
        before = None if self.before is None else alone(self.before)
        place = slice_of_most_change(reference, before, after)
        return ComparedMasks(self.key, reference, before, after, self.before_title, place)


class Compared(NamedTuple):
    """What was read of a case: its masks and what to know about them, or a sentence why there are none."""

    masks: ComparedMasks | None
    sentence: str = ""


def read_compared(
    workspace: Workspace, judgement: Judgement, model_id: str, item: ItemData, other: str, row: HeldOutRow
) -> Compared:
    """Read what the networks of a judgement drew of the case on the screen. For a thread.

    Parameters
    ----------
    workspace, judgement, model_id
        Which model.
    item : ItemData
        The case; its label is the reference.
    other : str
        Which network is "before"; "" for none.
    row : HeldOutRow
        How the case was judged.
    """
    from napari_aleatoric.review import read_held_out_masks

    classes, case_id = workspace.dataset.classes, item.key.case_id
    reference = classes.index_map(item.label)
    try:
        found = read_held_out_masks(workspace, judgement, model_id, case_id)
    except (OSError, AleatoricError) as error:
        return Compared(None, sentence_of(error))
    if "after" not in found or any(mask.shape != reference.shape for mask in found.values()):
        return Compared(None, _NOT_KEPT)
    before, after = found.get(other), found["after"]
    title = OTHER_WORDS.get(other, OTHER_WORDS["before"])[0]
    place = slice_of_most_change(reference, before, after)
    masks = ComparedMasks(item.key, reference, before, after, title, place)
    readers = len(workspace.dataset.case(case_id).labels)
    if readers > 1:
        words = f"{readers} readers labelled it: the label on the screen is the reference, Dice the mean over all."
        return Compared(masks, words)
    if before is None and row.before is not None:
        return Compared(masks, f"What {OTHER_WORDS[other][1]} drew was not kept.")
    indices = {c.class_name: c.class_index for c in classes}
    return Compared(masks, _CHANGED if differs_from_judged(reference, after, row, indices) else "")


def slice_of_most_change(reference: NDArray[Any], before: NDArray[Any] | None, after: NDArray[Any]) -> int:
    """Return the slice along z where before and after differ in most voxels.

    Where they are the same everywhere, or there is no before, that where after differs most from the reference; if
    they are the same too, the one with the largest structures.
    """
    for one, other in ((before, after), (after, reference)):
        if one is not None:
            differing = np.count_nonzero(one != other, axis=(1, 2))
            if differing.any():
                return int(differing.argmax())
    return int(np.count_nonzero(reference, axis=(1, 2)).argmax())


def differs_from_judged(
    reference: NDArray[Any], after: NDArray[Any], row: HeldOutRow, class_index: Mapping[str, int]
) -> bool:
    """Whether the reference is another label than the one that was judged by: Dice would be another.

    Parameters
    ----------
    reference, after : numpy.ndarray of integer, shape (Z, Y, X)
        Class indices.
    row : HeldOutRow
        What was judged.
    class_index : mapping of str to int
        By class name.
    """
    for name, _, judged in row.by_class:
        mine, theirs = after == class_index.get(name, -1), reference == class_index.get(name, -1)
        total = np.count_nonzero(mine) + np.count_nonzero(theirs)
        now = 2 * np.count_nonzero(mine & theirs) / total if total else 1.0
        if abs(now - judged) > _SAME_DICE:
            return True
    return False
