"""Boxes and clicks on the image, as prompts: the mouse, and what it leaves on the canvas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_aleatoric.session import Clicks, SlicePlane

from ._facing import signs_on_canvas
from ._slice_in_view import pixel_at, plane_in_view

__all__ = ["PromptMarks", "PromptMode", "PromptPad", "box_of_drag"]

PromptMode = Literal["", "box", "points"]

_STILL = 4  # canvas pixels: a mouse that moved less was clicked, not dragged
_Place = tuple[float, float]


@dataclass(frozen=True)
class PromptMarks:
    """What a person has pointed at, to be drawn over the canvas; in world coordinates (down, right).

    Parameters
    ----------
    box : tuple of tuple of float, optional
        Two opposite corners.
    points : tuple of (tuple of float, int)
        Places, each with 1 = in the object or 0 = not in it.
    """

    box: tuple[_Place, _Place] | None = None
    points: tuple[tuple[_Place, int], ...] = ()


class PromptPad:
    """Turns the mouse on the canvas into prompts while a mode is on.

    In box mode the left button drags a box, and the middle button (or Ctrl and the left one) moves the image. In
    points mode a left click is a point in the object, a right click or Shift and a left click a point outside of
    it, and dragging moves the image as ever. The wheel does what it always does.

    Parameters
    ----------
    viewer : ViewerModel
        Any napari viewer.
    label : callable
        Returns the layer that is drawn into, or None.
    on_box : callable
        ``on_box(plane, (x0, y0, x1, y1))``: first and last pixel of the slice on either axis.
    on_point : callable
        ``on_point(plane, (x, y), label)``, label 1 = in the object, 0 = not in it.
    on_marks : callable
        Called with the `PromptMarks` that are to be seen from now on.
    on_left : callable
        Called when something else ended the mode: another tool was chosen.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        label: Callable[[], Labels | None],
        on_box: Callable[[SlicePlane, tuple[int, int, int, int]], None],
        on_point: Callable[[SlicePlane, tuple[float, float], int], None],
        on_marks: Callable[[PromptMarks], None] = lambda marks: None,
        on_left: Callable[[], None] = lambda: None,
    ) -> None:
        self._viewer = viewer
        self._label = label
        self._on_box, self._on_point = on_box, on_point
        self._on_marks, self._on_left = on_marks, on_left
        self._mode: PromptMode = ""
        self._double_clicks: list[Any] = []
        self._layer: Labels | None = None

    @property
    def mode(self) -> PromptMode:
        """'box', 'points', or '' = off."""
        return self._mode

    @mode.setter
    def mode(self, mode: PromptMode) -> None:
        if mode == self._mode:
            return
        was, self._mode = self._mode, mode
        self.clear()
        if not was:
            self._take()
        elif not mode:
            self._release()
        if self._layer is not None:
            self._layer.cursor = "cross"

    def close(self) -> None:
        """Let go of the viewer."""
        self.mode = ""
        del self._viewer

    def _take(self) -> None:
        viewer = self._viewer
        self._layer = self._label()
        if self._layer is not None:
            self._layer.mode = "pan_zoom"
            viewer.layers.selection.active = self._layer
            self._layer.events.mode.connect(self._tool_chosen)
        viewer.mouse_drag_callbacks.insert(0, self._pressed)
        # two clicks in a row are two points here, and must not zoom
        self._double_clicks = list(viewer.mouse_double_click_callbacks)
        viewer.mouse_double_click_callbacks.clear()

    def _release(self) -> None:
        viewer = self._viewer
        with suppress(ValueError):
            viewer.mouse_drag_callbacks.remove(self._pressed)
        viewer.mouse_double_click_callbacks[:0] = self._double_clicks
        self._double_clicks = []
        if self._layer is not None:
            self._layer.events.mode.disconnect(self._tool_chosen)
            self._layer.cursor = "standard"
            self._layer = None

    def _tool_chosen(self, event: Any = None) -> None:
        layer = self._layer
        if self._mode and layer is not None and layer.mode != "pan_zoom":
            layer.events.mode.disconnect(self._tool_chosen)
            self._layer = None  # the tool's cursor stays
            self._on_left()

    # -- the mouse ------------------------------------------------------------------------------------

    def _pressed(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        layer = self._label()
        plane = None if layer is None else plane_in_view(viewer, layer)
        if layer is None or plane is None or not self._mode or "Alt" in event.modifiers:
            return
        if event.button == 3 or (self._mode == "box" and event.button == 1 and "Control" in event.modifiers):
            yield from self._dragged_image(event)
        elif self._mode == "box" and event.button == 1:
            yield from self._dragged_box(layer, plane, event)
        elif self._mode == "points" and event.button in (1, 2) and "Control" not in event.modifiers:
            yield from self._clicked(layer, plane, event)

    def _dragged_box(self, layer: Labels, plane: SlicePlane, event: Any) -> Iterator[None]:
        event.handled = True  # or the image would follow the mouse
        start, at = pixel_at(self._viewer, layer, plane, event.position), np.array(event.pos)
        yield
        while event.type == "mouse_move":
            event.handled = True
            if _far(event.pos, at):
                self._show_box(layer, plane, start, pixel_at(self._viewer, layer, plane, event.position))
            yield
        event.handled = True
        end = pixel_at(self._viewer, layer, plane, event.position)
        box = box_of_drag(start, end, (layer.data.shape[plane.right], layer.data.shape[plane.down]))
        if not _far(event.pos, at) or box is None or plane_in_view(self._viewer, layer) != plane:
            self.clear()
            return
        self._show_box(layer, plane, start, end)
        self._on_box(plane, box)

    def _clicked(self, layer: Labels, plane: SlicePlane, event: Any) -> Iterator[None]:
        button, outside = event.button, event.button == 2 or "Shift" in event.modifiers
        point, at = pixel_at(self._viewer, layer, plane, event.position), np.array(event.pos)
        dragged = False
        yield
        while event.type == "mouse_move":
            dragged = dragged or _far(event.pos, at)
            yield
        x, y = point
        inside = -0.5 <= x < layer.data.shape[plane.right] - 0.5 and -0.5 <= y < layer.data.shape[plane.down] - 0.5
        if not (dragged or _far(event.pos, at)) and inside and event.button == button:
            self._on_point(plane, point, 0 if outside else 1)

    def _dragged_image(self, event: Any) -> Iterator[None]:
        event.handled = True
        camera = self._viewer.scene.camera
        last = np.array(event.pos, dtype=float)
        yield
        while event.type == "mouse_move":
            event.handled = True
            now = np.array(event.pos, dtype=float)
            x, y = (now - last) / camera.zoom
            depth, down, right = camera.center
            vertical, horizontal = signs_on_canvas(self._viewer)
            camera.center = (depth, down - vertical * y, right - horizontal * x)
            last = now
            yield

    # -- marks on the canvas ----------------------------------------------------------------------------

    def clear(self) -> None:
        """Remove what was drawn on the canvas."""
        self._on_marks(PromptMarks())

    def _show_box(
        self, layer: Labels, plane: SlicePlane, start: tuple[float, float], end: tuple[float, float]
    ) -> None:
        self._on_marks(PromptMarks(box=(self._world(layer, plane, start), self._world(layer, plane, end))))

    def show_points(self, plane: SlicePlane, clicks: Clicks) -> None:
        """Mark points of an object."""
        layer = self._label()
        if layer is None:
            return
        places = (self._world(layer, plane, point) for point in clicks.points_xy)
        self._on_marks(PromptMarks(points=tuple(zip(places, clicks.labels, strict=True))))

    def _world(self, layer: Labels, plane: SlicePlane, pixel: tuple[float, float]) -> tuple[float, float]:
        data = np.zeros(3)
        data[plane.axis], data[plane.right], data[plane.down] = plane.index, *pixel
        world = layer.data_to_world(data)
        return float(world[plane.down]), float(world[plane.right])


def box_of_drag(
    start: tuple[float, float], end: tuple[float, float], size_xy: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """Return the pixels between two corners, (x0, y0, x1, y1), ends included; None if none is in the slice.

    A corner lies in the pixel whose centre is nearest.
    """
    low = [min(a, b) for a, b in zip(start, end, strict=True)]
    high = [max(a, b) for a, b in zip(start, end, strict=True)]
    x0, y0 = (max(int(np.floor(v + 0.5)), 0) for v in low)
    x1, y1 = (min(int(np.floor(v + 0.5)), n - 1) for v, n in zip(high, size_xy, strict=True))
    return (x0, y0, x1, y1) if x0 <= x1 and y0 <= y1 else None


def _far(pos: Any, start: Any) -> bool:
    """Whether the mouse was dragged, not just clicked with an unsteady hand."""
    return float(np.abs(np.asarray(pos) - start).max()) >= _STILL
