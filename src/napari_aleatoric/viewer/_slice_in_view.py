"""The slice on the screen, and masks drawn into it."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray

from napari_aleatoric.session import SlicePlane, WholeVolume, painted_slice

__all__ = ["draw_slice", "pixel_at", "plane_in_view", "put_mask"]


def plane_in_view(viewer: ViewerModel, layer: Labels) -> SlicePlane | None:
    """Return the slice of a 3-D layer that is on the screen; None in 3-D view."""
    dims = viewer.dims
    before = dims.ndim - layer.ndim  # axes of other layers that come first
    if dims.ndisplay != 2 or layer.ndim != 3 or before < 0 or any(axis < before for axis in dims.displayed):
        return None
    down, right = (axis - before for axis in dims.displayed)
    axis = 3 - down - right
    index = round(float(layer.world_to_data(dims.point[before:])[axis]))
    if not 0 <= index < layer.data.shape[axis]:
        return None
    return SlicePlane(axis, index, down, right)


def pixel_at(viewer: ViewerModel, layer: Labels, plane: SlicePlane, position: Any) -> tuple[float, float]:
    """Return the place of the mouse in pixels of the slice, (x, y); outside of the slice too."""
    data = layer.world_to_data(np.asarray(position, dtype=float)[viewer.dims.ndim - layer.ndim :])
    return float(data[plane.right]), float(data[plane.down])


def put_mask(
    layer: Labels, plane: SlicePlane, mask: NDArray[np.bool_], value: int, *, replace: bool = False
) -> int:
    """Draw a mask into the slice as one step of napari's undo; its *preserve labels* is respected.

    Returns
    -------
    int
        How many pixels changed.
    """
    now = plane.cut(layer.data)
    wanted = painted_slice(now, mask, value, replace=replace, keep_others=bool(layer.preserve_labels))
    return draw_slice(layer, plane, wanted)


def draw_slice(layer: Labels, plane: SlicePlane | WholeVolume, wanted: NDArray[Any]) -> int:
    """Make a slice of the label, or all of it, what it should be, as one step of napari's undo.

    Returns
    -------
    int
        How many pixels changed.
    """
    where = np.nonzero(plane.cut(layer.data) != wanted)
    if len(where[0]):
        layer.data_setitem(plane.indices(*where), wanted[where])
    return len(where[0])
