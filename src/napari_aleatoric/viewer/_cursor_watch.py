"""Which place of the image the mouse is over, in any viewer that shows a slice of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel

from ._shown_window import layer_of

__all__ = ["CursorWatch", "Index", "index_under"]

Index = tuple[float, float, float]


def index_under(viewer: ViewerModel, position: Any) -> Index | None:
    """Return the index (z, y, x), with fractions, of a place of the world in our image; None in 3-D, or without it.

    Parameters
    ----------
    viewer : ViewerModel
        Any viewer that shows our image.
    position : sequence of float
        World coordinates, one for every axis; of the axis that is not displayed, those of the slice.
    """
    image = layer_of(viewer, "Image")
    if image is None or viewer.dims.ndisplay != 2 or image.ndim != 3:
        return None
    world = np.asarray(position, dtype=float)[-3:]
    z, y, x = (float(v) for v in image.world_to_data(world))
    return (z, y, x)


class CursorWatch:
    """Tells which place the mouse is over: when it moves, and when another slice comes under it.

    Parameters
    ----------
    viewer : ViewerModel
        Any viewer.
    on_place : callable
        Called with the index (z, y, x), or None where the mouse is over no image of ours.
    """

    def __init__(self, viewer: ViewerModel, on_place: Callable[[Index | None], None]) -> None:
        self._viewer, self._on_place = viewer, on_place
        self._last: tuple[float, ...] | None = None
        viewer.mouse_move_callbacks.append(self._moved)
        viewer.dims.events.point.connect(self._another_slice)

    def left(self) -> None:
        """Say that the mouse has left the canvas."""
        self._last = None
        self._on_place(None)

    def look_again(self) -> None:
        """Tell the place once more: what lies there has changed."""
        self._another_slice()

    def close(self) -> None:
        """Let go of the viewer."""
        self._viewer.mouse_move_callbacks.remove(self._moved)
        self._viewer.dims.events.point.disconnect(self._another_slice)
        del self._viewer

    def _moved(self, viewer: ViewerModel, event: Any) -> None:
        self._last = tuple(event.position)
        self._on_place(index_under(viewer, self._last))

    def _another_slice(self, event: Any = None) -> None:
        dims = self._viewer.dims
        if self._last is None or len(self._last) != dims.ndim:
            return
        place = [self._last[axis] if axis in dims.displayed else dims.point[axis] for axis in range(dims.ndim)]
        self._on_place(index_under(self._viewer, place))
