"""Measuring in a window: tools, what they leave on the canvas, and the way to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.viewer import Viewer
from psygnal import Signal

from napari_aleatoric.model import MeasureKind
from napari_aleatoric.session import Kind, LabelFigures, Measuring, Notice, ReviewSession, size_in_words
from napari_aleatoric.viewer import MeasurePad, Stage

from ._measure_marks import DrawnMeasurement, MeasureMarks

__all__ = ["MeasureTools"]


class MeasureTools:
    """Wires the measurements of a window to its session and its canvas.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The window.
    stage : Stage
        Its standing layers.
    session : ReviewSession
        What is on the screen.
    lay_down : callable
        Ends what else the left button is used for.
    deliver : callable
        Runs a function in the main thread.
    """

    tool_changed = Signal(str)  # kind of the chosen tool; "" for none

    def __init__(
        self,
        viewer: Viewer,
        stage: Stage,
        session: ReviewSession,
        lay_down: Callable[[], None],
        deliver: Callable[[Callable[[], None]], None],
    ) -> None:
        self._viewer: Any = viewer
        self._stage: Any = stage
        self._session, self._lay_down = session, lay_down
        self.measuring = Measuring(session, deliver)
        self.figures = LabelFigures(session, deliver)
        self.pad = MeasurePad(self._drawn, self._drawing, self._tool_chosen)
        self.marks = MeasureMarks(viewer)
        self._picked = ""
        self._live: tuple[DrawnMeasurement, ...] = ()
        self._held: Any = None  # the layer whose own tools would lay ours down
        viewer.mouse_drag_callbacks.insert(0, self.pad.pressed)
        self.measuring.changed.connect(self._draw)
        session.item_changed.connect(self.lay_down)
        for events in (viewer.dims.events.point, viewer.dims.events.order, viewer.dims.events.ndisplay):
            events.connect(self._draw)

    def close(self) -> None:
        """Let go of the window."""
        self.lay_down()
        self.measuring.close()
        self.figures.close()
        self._session.item_changed.disconnect(self.lay_down)
        dims = self._viewer.dims.events
        for events in (dims.point, dims.order, dims.ndisplay):
            events.disconnect(self._draw)
        self._viewer.mouse_drag_callbacks.remove(self.pad.pressed)
        self.marks.let_go()
        self._viewer = self._stage = None

    def performers(self) -> dict[str, Callable[[], None]]:
        """Return what each of its actions does."""
        return {
            "measure_distance": lambda: self.take("distance"),
            "measure_ellipse": lambda: self.take("ellipse"),
            "measure_rectangle": lambda: self.take("rectangle"),
            "measure_outline": lambda: self.take("polygon"),
            "delete_measurement": self.remove,
        }

    # -- tools ---------------------------------------------------------------------------------------

    def take(self, kind: MeasureKind) -> None:
        """Choose a tool for the next drag, or lay it down if it is chosen already."""
        if self._session.item is None:
            self._session.notice.emit(Notice("Open a case first.", Kind.WARNING))
            return
        if self.pad.tool != kind:
            self._lay_down()
        self.pad.tool = None if self.pad.tool == kind else kind

    def go_to(self, measurement_id: str) -> None:
        """Show the slice that a measurement lies on, in its plane, and mark it."""
        row = self.measuring.row(measurement_id)
        self._picked = "" if row is None else measurement_id
        if row is not None:
            axis, dims = row.measurement.axis, self._viewer.dims
            if dims.ndisplay != 2:
                dims.ndisplay = 2
            if dims.order[0] != axis:
                dims.order = (axis, *(a for a in range(3) if a != axis))
            middle = np.mean(row.measurement.vertices_zyx, axis=0)
            self._stage.jump_to(tuple(round(float(v)) for v in middle))
        self._draw()

    def remove(self, measurement_id: str = "") -> None:
        """Delete a measurement; without an id, the last one."""
        if measurement_id:
            self.measuring.remove(measurement_id)
        else:
            self.measuring.remove_last()

    def lay_down(self, event: Any = None) -> None:
        """Lay the tool down: the left button is wanted for something else."""
        self.pad.tool = None

    def _tool_chosen(self, tool: str) -> None:
        self._live = ()
        layer = self._held if self._held is not None else self._viewer.layers.selection.active
        if layer is not None and bool(tool) != (self._held is not None):
            if tool:
                layer.events.mode.connect(self.lay_down)
            else:
                layer.events.mode.disconnect(self.lay_down)
            self._held = layer if tool else None
            if layer.mode == "pan_zoom":  # else the cursor is that of the layer's own tool
                layer.cursor = "cross" if tool else "standard"
        self.tool_changed.emit(tool)

    # -- the canvas ----------------------------------------------------------------------------------

    def _drawn(self, kind: MeasureKind, vertices: Any, axis: int) -> None:
        self._live = ()
        row = self.measuring.add(kind, vertices, axis)
        self._picked = "" if row is None else row.measurement.measurement_id
        self._draw()

    def _drawing(self, kind: MeasureKind, vertices: Any, axis: int) -> None:
        item = self._session.item
        if item is not None and (kind != "polygon" or len(vertices) >= 3):
            words = size_in_words(item, kind, vertices)
            self._live = (DrawnMeasurement(kind, self._places(vertices), words, is_picked=True),)
            self._draw()

    def _draw(self, event: Any = None) -> None:
        """Show those that lie on the slice on the screen."""
        image, dims = self._stage.image_layer, self._viewer.dims
        shown: list[DrawnMeasurement] = []
        if image is not None and dims.ndisplay == 2 and dims.ndim == 3:
            axis = dims.order[0]
            index = round(float(dims.point[axis]) / float(image.scale[axis]))
            for row in self.measuring.rows:
                each = row.measurement
                if each.axis == axis and each.slice_index == index:
                    places = self._places(each.vertices_zyx)
                    picked = each.measurement_id == self._picked
                    shown.append(DrawnMeasurement(each.kind, places, row.words, picked))
        self.marks.show_measurements((*shown, *self._live))

    def _places(self, vertices: Any) -> tuple[tuple[float, float], ...]:
        """Where vertices lie in the world, (down, right)."""
        world = np.asarray(vertices, dtype=float) * np.asarray(self._stage.image_layer.scale)
        down, right = self._viewer.dims.displayed
        return tuple((float(p[down]), float(p[right])) for p in world)
