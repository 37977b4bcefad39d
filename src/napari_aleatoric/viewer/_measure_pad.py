"""Distances and outlines, drawn with the left button on any viewer that shows a slice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from napari.components import ViewerModel
from numpy.typing import NDArray

from napari_aleatoric.model import MeasureKind

from ._cursor_watch import Index, index_under
from ._shown_window import tool_at_rest

__all__ = ["MeasurePad", "outline_of_drag"]

_STILL_PX = 4  # a mouse that moved less was clicked, not dragged
_STEP_PX = 3  # of a freely drawn outline

Vertices = NDArray[np.float64]


class MeasurePad:
    """Turns drags into measurements while a tool is chosen; one drag, one measurement, and the tool is laid down.

    A distance goes from press to release; an ellipse or a rectangle lies between the two corners; a polygon is
    drawn freely and closes itself.

    Parameters
    ----------
    on_drawn : callable
        ``on_drawn(kind, vertices, axis)`` with indices (z, y, x) of the image, shape (n, 3), at the release.
    on_drawing : callable
        The same during the drag.
    on_tool : callable
        Called with the tool that is chosen from now on; "" for none.
    """

    def __init__(
        self,
        on_drawn: Callable[[MeasureKind, Vertices, int], None],
        on_drawing: Callable[[MeasureKind, Vertices, int], None] = lambda kind, vertices, axis: None,
        on_tool: Callable[[str], None] = lambda tool: None,
    ) -> None:
        self._on_drawn, self._on_drawing, self._on_tool = on_drawn, on_drawing, on_tool
        self._tool: MeasureKind | None = None

    @property
    def tool(self) -> MeasureKind | None:
        """What the next drag measures."""
        return self._tool

    @tool.setter
    def tool(self, tool: MeasureKind | None) -> None:
        if tool != self._tool:
            self._tool = tool
            self._on_tool(tool or "")

    def pressed(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        """Measure by dragging: a mouse-drag callback for any viewer that shows our image."""
        kind = self._tool
        if kind is None or event.button != 1 or event.handled or len(event.modifiers):
            return
        start = index_under(viewer, event.position)
        if start is None or viewer.dims.ndim != 3:
            return
        event.handled = True  # or the image would follow the mouse
        axis, (down, right) = viewer.dims.order[0], viewer.dims.displayed
        drag = _Drag(kind, start, event.pos)
        with tool_at_rest(viewer.layers.selection.active):
            yield
            while event.type == "mouse_move":
                event.handled = True
                drag.follow(index_under(viewer, event.position), event.pos)
                if drag.is_far:
                    self._on_drawing(kind, outline_of_drag(kind, drag.way, axis, down, right), axis)
                yield
            drag.follow(index_under(viewer, event.position), event.pos)
        event.handled = True
        self.tool = None
        outline = outline_of_drag(kind, drag.way, axis, down, right)
        if drag.is_far and (kind != "polygon" or len(outline) >= 3):
            self._on_drawn(kind, outline, axis)


class _Drag:
    """The way of the mouse, as far as it matters for what is measured."""

    def __init__(self, kind: MeasureKind, start: Index, pos: Any) -> None:
        self._kind = kind
        self._at = self._last = np.array(pos, dtype=float)
        self.way: list[Index] = [start]
        self.is_far = False  # dragged, not just clicked with an unsteady hand

    def follow(self, place: Index | None, pos: Any) -> None:
        """Take note of where the mouse is now: its index in the image, and its pixel on the canvas."""
        now = np.array(pos, dtype=float)
        self.is_far = self.is_far or float(np.abs(now - self._at).max()) >= _STILL_PX
        if place is None:
            return
        if self._kind != "polygon":
            self.way = [self.way[0], place]
        elif np.abs(now - self._last).max() >= _STEP_PX:
            self.way.append(place)
            self._last = now


def outline_of_drag(
    kind: MeasureKind, way: Sequence[tuple[float, ...]], axis: int, down: int, right: int
) -> Vertices:
    """Return the vertices of what was drawn, shape (n, 3), on the slice on which it was begun.

    Parameters
    ----------
    kind : str
        Of the measurement.
    way : sequence of tuple of float
        Indices (z, y, x) that the mouse went along.
    axis, down, right : int
        The axis that is not displayed, and those that run down and to the right.
    """
    points = np.array(way, dtype=float)
    points[:, axis] = points[0, axis]
    if kind in ("distance", "polygon"):
        return points
    a, c = points[0], points[-1]
    b, d = a.copy(), a.copy()
    b[right], d[down] = c[right], c[down]
    return np.stack([a, b, c, d])
