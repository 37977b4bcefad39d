"""The voxels of a label that are not to be learned from: painted by a person, kept as a voxel map."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.io import Workspace, has_map, read_map, remove_maps, write_map
from napari_aleatoric.model import Geometry, ItemKey

__all__ = ["WEIGHT_MAP", "barred_since", "has_learning_weight", "read_barred", "save_barred"]

WEIGHT_MAP = "learning_weight"
"""Name of the voxel map of a label that says how much each voxel counts: 0 = do not learn from here."""

_WHOLE_CASE = 0  # the one row that the map has
_FULL = 255  # as bytes: 1, learned from like any other voxel


def has_learning_weight(workspace: Workspace, key: ItemKey) -> bool:
    """Whether any voxel of a label may count less than others."""
    return has_map(workspace, key, WEIGHT_MAP)


def read_barred(workspace: Workspace, key: ItemKey, geometry: Geometry) -> NDArray[np.uint8]:
    """Read which voxels of a label are not to be learned from.

    Parameters
    ----------
    workspace : Workspace
        Where maps are kept.
    key : ItemKey
        Which label.
    geometry : Geometry
        The image's grid, upright.

    Returns
    -------
    numpy.ndarray of uint8, shape (Z, Y, X)
        1 = do not learn from here, else 0; upright, an own copy. All 0 where nothing was painted.

    Raises
    ------
    DataError
        If there is a map that does not fit the image, or that is damaged.
    """
    weight = _weight(workspace, key, geometry)
    if weight is None:
        return np.zeros(geometry.shape_zyx, dtype=np.uint8)
    return np.asarray(weight == 0, dtype=np.uint8)


def save_barred(
    workspace: Workspace, key: ItemKey, barred: NDArray[Any], geometry: Geometry, *, reader: str
) -> int:
    """Keep which voxels of a label are not to be learned from; the map goes where nothing is left of it.

    Voxels that count less than others, but are not 0, keep what they count: a map may be of other making.

    Parameters
    ----------
    workspace : Workspace
        Where maps are kept.
    key : ItemKey
        Which label.
    barred : numpy.ndarray of integer or bool, shape (Z, Y, X)
        Where it is not 0, nothing is learned; upright.
    geometry : Geometry
        The image's grid, upright.
    reader : str
        Who painted it.

    Returns
    -------
    int
        How many voxels are barred now.

    Raises
    ------
    DataError
        If the array has another shape than the grid.
    WorkspaceError
        If it cannot be written.
    """
    if barred.shape != geometry.shape_zyx:
        raise DataError(
            f"Expected a voxel of every place of the image, {geometry.shape_zyx} (Z, Y, X), got {barred.shape}."
        )
    try:
        before = _weight(workspace, key, geometry)
    except DataError:  # of an image that was replaced since, or damaged: nothing of it can count
        before = None
    weight = np.full(geometry.shape_zyx, _FULL, dtype=np.uint8)
    if before is not None:
        np.copyto(weight, before, where=before > 0)
    weight[barred != 0] = 0
    if (weight == _FULL).all():
        remove_maps(workspace, key, WEIGHT_MAP)
        return 0
    about = {"door": "paint", "reader": reader, "created": datetime.now(UTC).isoformat()}
    write_map(workspace, key, WEIGHT_MAP, weight[np.newaxis], (_WHOLE_CASE,), geometry, about)
    return int(np.count_nonzero(weight == 0))


def barred_since(workspace: Workspace, key: ItemKey, when: datetime | None) -> bool:
    """Whether the map of a label was painted after a moment (UTC; None = ever), as far as it says when."""
    if not has_learning_weight(workspace, key):
        return False
    if when is None:
        return True
    try:
        created = read_map(workspace, key, WEIGHT_MAP).spec.get("created")
        return created is not None and datetime.fromisoformat(str(created)) > when
    except (NotFoundError, ValueError, TypeError):
        return False


def _weight(workspace: Workspace, key: ItemKey, geometry: Geometry) -> NDArray[np.uint8] | None:
    """Read the map; None where there is none."""
    if not has_learning_weight(workspace, key):
        return None
    try:
        found = read_map(workspace, key, WEIGHT_MAP)
        if found.geometry.shape_zyx == geometry.shape_zyx:
            return found.of(_WHOLE_CASE)
        shape = found.geometry.shape_zyx
    except Exception as error:  # a torn or foreign file: whatever the libraries say of it
        raise DataError(
            f"What is not to be learned from in {key} cannot be read ({type(error).__name__}). Paint it anew, or "
            "put the file back."
        ) from error
    raise DataError(
        f"What is not to be learned from in {key} was painted on an image of {shape} voxels (Z, Y, X), and this "
        f"one has {geometry.shape_zyx}: it does not count. Paint it anew, or put the old image back."
    )
