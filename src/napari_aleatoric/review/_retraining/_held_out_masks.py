"""What networks drew of the held-out cases when they were judged, to be looked at later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.io import Workspace, on_image_grid, read_label_map, safe_name, write_label_map
from napari_aleatoric.model import ItemKey, Volume

from ._case_desk import label_values
from ._judge import AFTER
from ._judgement import CaseRow, Judgement
from ._registry import model_folder, prediction_folder

__all__ = ["HELD_OUT_FOLDER", "kept_rows", "mask_beside", "read_held_out_masks", "write_held_out_mask"]

HELD_OUT_FOLDER = "held_out"
"""Where in the folder of a model its held-out cases are kept: figures (``.json``) and masks (``.nii.gz``)."""


def kept_rows(path: Path) -> tuple[CaseRow, ...] | None:
    """Read the figures of one case; None if they are not there, or damaged."""
    try:
        return tuple(CaseRow.model_validate(row) for row in json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def mask_beside(path: Path) -> Path:
    """Return where the mask is whose figures are kept here."""
    return path.with_suffix(".nii.gz")


def write_held_out_mask(
    path: Path, ws: Workspace, class_index: NDArray[np.integer[Any]], volume: Volume, case_id: str
) -> None:
    """Keep what a network drew beside its figures, as label values on exactly the grid of the image's file.

    Parameters
    ----------
    path : Path
        Of the figures.
    ws : Workspace
        Of the case.
    class_index : numpy.ndarray of integer, shape (Z, Y, X)
        Upright.
    volume : Volume
        The image, upright.
    case_id : str
        Which case.
    """
    write_label_map(mask_beside(path), label_values(ws, class_index, volume, case_id))


def read_held_out_masks(
    ws: Workspace, judgement: Judgement, model_id: str, case_id: str
) -> dict[str, NDArray[Any]]:
    """Read what the networks of a judgement drew of a held-out case.

    Parameters
    ----------
    ws : Workspace
        With the model.
    judgement : Judgement
        Of the model: only masks that it judged are returned. A model that was judged before masks were kept has
        those of `predict_all`, if it was asked.
    model_id, case_id : str
        Which model, which case.

    Returns
    -------
    dict of str to numpy.ndarray, shape (Z, Y, X)
        Class indices by network ("after", "before", "baseline"), upright; networks whose mask was not kept are
        missing.

    Raises
    ------
    GeometryMismatchError
        If the image was replaced by one of another grid since.
    """
    ws.check_shown(ItemKey(case_id))
    judged: dict[str, tuple[CaseRow, ...]] = {}
    for row in judgement.rows:
        if row.case_id == case_id:
            judged[row.model] = (*judged.get(row.model, ()), row)
    wanted = {rows: who for who, rows in judged.items()}
    found: dict[str, Path] = {}
    for path in (model_folder(ws, model_id) / HELD_OUT_FOLDER).glob("*.json"):
        rows = kept_rows(path)
        if rows in wanted and mask_beside(path).is_file():
            found[wanted[rows]] = mask_beside(path)
    predicted = prediction_folder(ws, model_id) / f"{safe_name(case_id)}.nii.gz"
    if AFTER in judged and AFTER not in found and predicted.is_file():
        found[AFTER] = predicted
    return {who: _upright(ws, path, case_id) for who, path in found.items()}


def _upright(ws: Workspace, path: Path, case_id: str) -> NDArray[Any]:
    label = on_image_grid(read_label_map(path), ws.grid(case_id), name="The mask that was kept").upright()
    return ws.dataset.classes.index_map(label.data)
