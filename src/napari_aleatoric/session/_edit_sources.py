"""Labels that a region can be taken from: the original, other readers', the model's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from napari_aleatoric.io import Workspace, on_image_grid, read_label_map, safe_name
from napari_aleatoric.model import ItemKey

from ._item import ItemData

if TYPE_CHECKING:
    from napari_aleatoric.review import ReviewStore

__all__ = ["EditSource", "edit_sources", "read_source"]


@dataclass(frozen=True)
class EditSource:
    """A label of the case on the screen, other than the one that is painted on.

    Parameters
    ----------
    kind : {"original", "reader", "model"}
        Whose it is.
    name : str
        The reader, or the id of the model; "" for the original.
    title : str
        For lists.
    """

    kind: Literal["original", "reader", "model"]
    name: str
    title: str


def edit_sources(workspace: Workspace, item: ItemData) -> tuple[EditSource, ...]:
    """List what a region could be taken from; of a blinded reading neither others nor the machine.

    Parameters
    ----------
    workspace : Workspace
        As the reader at the window sees it.
    item : ItemData
        What is on the screen.
    """
    from napari_aleatoric.review import promoted_model

    found: list[EditSource] = []
    if item.original is not None:
        found.append(EditSource("original", "", "the original label"))
    if item.blinded:
        return tuple(found)
    case_id, own = item.key
    readers = [label.reader for label in workspace.dataset.case(case_id).labels if label.reader != own]
    found += [EditSource("reader", reader, f"reader {reader}") for reader in readers]
    model = None if item.no_models else promoted_model(workspace)
    if model is not None and _prediction(workspace, model.model_id, case_id).is_file():
        found.append(EditSource("model", model.model_id, "the model in use"))
    return tuple(found)


def read_source(workspace: Workspace, store: ReviewStore, item: ItemData, source: EditSource) -> NDArray[Any]:
    """Read such a label, label values on the upright grid of the image, shape (Z, Y, X). Runs in any thread.

    Raises
    ------
    DataError
        If it cannot be read, or lies on another grid than the image.
    """
    from napari_aleatoric.review import current_label

    if source.kind == "original" and item.original is not None:
        return item.original
    case_id = item.key.case_id
    if source.kind == "reader":
        return current_label(workspace, store, ItemKey(case_id, source.name), warn=False).upright().data
    drawn = read_label_map(_prediction(workspace, source.name, case_id))
    return on_image_grid(drawn, workspace.grid(case_id), name="What the model drew").upright().data


def _prediction(workspace: Workspace, model_id: str, case_id: str) -> Any:
    from napari_aleatoric.review import prediction_folder

    return prediction_folder(workspace, model_id) / f"{safe_name(case_id)}.nii.gz"
