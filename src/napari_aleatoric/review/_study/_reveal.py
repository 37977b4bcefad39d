"""An answer beside what others and the machine say."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from napari_aleatoric.errors import StoreError
from napari_aleatoric.io import Workspace, on_image_grid, read_label_map, read_reading, safe_name
from napari_aleatoric.model import ItemKey
from napari_aleatoric.review._labels._corrections import current_label
from napari_aleatoric.review._retraining._registry import prediction_folder, promoted_model
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import consensus

from ._honeypot_report import compare_with_trusted
from ._steps import find_assignment

__all__ = ["Beside", "beside_answer"]

_TOLERANCE_MM = 2.0


class Beside(NamedTuple):
    """What somebody else says of a case, and how well the answer agrees with it.

    ``dice`` and ``surface_dice`` are means over the structures that either drew: None where nobody drew any, and
    without a spacing. ``missed`` are structures that the answer lacks, ``extra`` those that it has beyond.
    """

    name: str
    kind: Literal["reader", "consensus", "model"]
    dice: float | None
    surface_dice: float | None
    missed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


def beside_answer(workspace: Workspace, store: ReviewStore, case_id: str, reader: str) -> tuple[Beside, ...]:
    """Compare a reader's first answer with the others, with their vote, and with the model in use.

    Parameters
    ----------
    workspace, store
        As that reader may see them.
    case_id, reader
        Whose answer of which case.

    Raises
    ------
    StoreError
        If it is not revealed yet.
    """
    if find_assignment(store, case_id, reader).revealed is None:
        raise StoreError(f"{case_id} is not revealed to {reader} yet. Answer it, then reveal it.")
    dataset, grid = workspace.dataset, workspace.grid(case_id)
    answer = read_reading(workspace, ItemKey(case_id, reader)).data
    theirs = {
        label.reader or "label": current_label(workspace, store, ItemKey(case_id, label.reader), warn=False).data
        for label in dataset.case(case_id).labels
        if label.reader != reader
    }
    said: list[tuple[str, Literal["reader", "consensus", "model"], np.ndarray]] = [
        (name, "reader", data) for name, data in theirs.items()
    ]
    settled = store.adjudications.names().get(case_id, frozenset())  # no reader's own
    readings = [data for name, data in theirs.items() if name not in settled]
    if len(readings) > 1:
        stack = np.stack([dataset.classes.index_map(data) for data in readings])
        vote = consensus(stack, probabilities=False).label
        values = np.array([0, *(info.label_value for info in dataset.classes)])
        said.append(("vote of the others", "consensus", values[vote]))
    model = promoted_model(workspace)
    if model is not None:
        path = prediction_folder(workspace, model.model_id) / f"{safe_name(case_id)}.nii.gz"
        if path.is_file():
            said.append(("model in use", "model", on_image_grid(read_label_map(path), grid).data))
    return tuple(
        Beside(name, kind, *compare_with_trusted(data, answer, dataset.classes, grid, _TOLERANCE_MM))
        for name, kind, data in said
    )
