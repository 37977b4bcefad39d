"""Doors that the Training dock walks through, with their outcome in words. Files are read: for a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import Workspace

from ._training_advice import WHEN_IT_PAYS, retraining_advice
from ._training_rows import TrainingRow
from ._training_view import TrainingPreview

if TYPE_CHECKING:
    from napari_aleatoric.review import RetrainSpec

__all__ = ["preview_in_words", "promote_row", "roll_back_in_words"]


def preview_in_words(workspace: Workspace, spec: RetrainSpec) -> TrainingPreview:
    """Say what would be learned from now, or why nothing can be."""
    from napari_aleatoric.review import changes_since, preview_retraining
    from napari_aleatoric.training import need_nnunet

    try:
        if spec.backend == "nnunet":
            need_nnunet()
        found = preview_retraining(workspace, spec)
    except AleatoricError as error:
        return TrainingPreview(problem=str(error))
    try:
        advice = retraining_advice(changes_since(workspace, WHEN_IT_PAYS.top))
    except AleatoricError:  # a damaged list of models, which is told where models are listed
        advice = ""
    several = any(len(case.readers) > 1 for case in found.learn)
    return TrainingPreview(found.sentence, found.notes, advice=advice, several_readers=several)


def promote_row(workspace: Workspace, row: TrainingRow) -> str:
    """Put the model of a row to use, and say so."""
    from napari_aleatoric.review import promote

    promote(workspace, row.model_id)
    return f"The model of {row.preset}, {row.loss} is in use now; the next one is compared with it."


def roll_back_in_words(workspace: Workspace) -> str:
    """Take the last promotion back, and say which model is in use then."""
    from napari_aleatoric.review import roll_back

    record = roll_back(workspace)
    return "No model is in use now." if record is None else f"The model {record.model_id} is in use again."
