"""A draft and its stages as layers: saliency, coarse mask, draft, boxes, points; what is dragged is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Shapes
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_aleatoric.session import DraftPointing, SlicePlane, TextDraft

from ._colours import saliency_colormap
from ._draft_marks import boxes_and_points, pointings_by_slice

__all__ = ["DRAFT_LAYERS", "DraftLayers"]

SALIENCY, COARSE, DRAFT, BOXES, POINTS = "Saliency", "Coarse mask", "Draft", "Draft boxes", "Draft points"
DRAFT_LAYERS = (SALIENCY, COARSE, DRAFT, BOXES, POINTS)
_OWNER = "napari-aleatoric-draft"
_YELLOW, _WHITE, _GREEN, _RED = "#ffd833", "#ffffff", "#2fd157", "#ff4d4d"
_TOLD = ("changed", "added", "removed")
_Drawn = dict[int, tuple[DraftPointing, ...]]


class DraftLayers:
    """Shows drafts in a viewer, one at a time.

    The layers are made with the first draft and stay, hidden where there is none: to make them takes a second.

    Parameters
    ----------
    viewer : ViewerModel
        Any napari viewer.
    like : callable
        Returns the layer on whose grid the drafts lie: the label.
    on_edit : callable
        ``on_edit(plane, pointings)``: what a person points at in a slice now.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        like: Callable[[], Labels | None],
        on_edit: Callable[[SlicePlane, tuple[DraftPointing, ...]], None],
    ) -> None:
        self._viewer, self._like, self._on_edit = viewer, like, on_edit
        self._axis = 0
        self._drawn: _Drawn = {}
        self._silent = False
        self._wished: dict[str, bool] = {COARSE: False}  # what a person switched on or off

    # -- drafts -------------------------------------------------------------------------------------------

    @property
    def shown(self) -> bool:
        """Whether there is a draft."""
        layer = self.find(DRAFT)
        return layer is not None and bool(layer.metadata.get("shown"))

    def find(self, role: str) -> Layer | None:
        """Return one of the layers; None where it was never made or was taken away."""
        for layer in self._viewer.layers:
            if layer.metadata.get("owner") == _OWNER and layer.metadata.get("role") == role:
                return layer
        return None

    def show(self, draft: TextDraft) -> None:
        """Show a draft instead of what was shown; its label is shown and edited in place."""
        like = self._like()
        if like is None:
            return
        self._axis = draft.axis
        saliency, coarse = np.zeros(like.data.shape, np.uint8), np.zeros(like.data.shape, np.uint8)
        for part in draft.slices:
            part.plane.cut(saliency)[...] = np.rint(255 * part.saliency)
            part.plane.cut(coarse)[...] = part.coarse
        pointings = {part.plane.index: part.pointings for part in draft.slices if part.pointings}
        self._silent = True
        try:
            self._put(SALIENCY, like, saliency)
            self._put(COARSE, like, coarse)
            self._put(DRAFT, like, draft.label)
            self._drawn = self._put_marks(like, pointings)
        finally:
            self._silent = False
        self._viewer.layers.selection.active = like
        if draft.found:
            self.choose_tool("boxes")

    @property
    def drawn(self) -> dict[int, tuple[DraftPointing, ...]]:
        """What is pointed at, by slice along the draft's axis."""
        return dict(self._drawn)

    @property
    def n_boxes(self) -> int:
        """How many boxes the draft has."""
        return sum(each.box_xyxy is not None for some in self._drawn.values() for each in some)

    @property
    def n_points(self) -> int:
        """How many points it has."""
        return sum(len(each.inside_xy) + len(each.outside_xy) for some in self._drawn.values() for each in some)

    def redraw(self) -> None:
        """Show the draft's label anew: it was changed in place."""
        layer = self.find(DRAFT)
        if layer is not None:
            layer.refresh()

    def hide(self) -> None:
        """Show no draft any more."""
        self._silent = True
        try:
            for role in DRAFT_LAYERS:
                layer = self.find(role)
                if layer is None:
                    continue
                if layer.metadata.get("shown"):
                    self._wished[role] = bool(layer.visible)
                layer.metadata["shown"] = False
                layer.visible = False
                self._empty(layer)
        finally:
            self._silent = False
        self._drawn = {}
        label = self._like()
        if label is not None and self._viewer.layers.selection.active in self._ours():
            self._viewer.layers.selection.active = label

    def _empty(self, layer: Layer) -> None:
        """Whoever switches a hidden layer on sees nothing of a draft that is gone."""
        if isinstance(layer, Shapes | Points):
            layer.mode = "pan_zoom"
            layer.selected_data = set()
            layer.data = []
        else:
            layer.data = np.zeros(layer.data.shape, np.uint8)

    def close(self) -> None:
        """Take the layers away and let go of the viewer."""
        for layer in self._ours():
            self._viewer.layers.remove(layer)
        del self._viewer

    def choose_tool(self, tool: str) -> None:
        """Take napari's tool for what is to be edited.

        Parameters
        ----------
        tool : {"boxes", "box", "inside", "outside", "brush"}
            Drag and reshape boxes; draw another box; add a point in the object, or one that is not in it; paint the
            draft.
        """
        layer = self.find({"boxes": BOXES, "box": BOXES, "brush": DRAFT}.get(tool, POINTS))
        if layer is None or not layer.metadata.get("shown"):
            return
        layer.visible = True
        self._viewer.layers.selection.active = layer
        if isinstance(layer, Shapes):
            layer.mode = "select" if tool == "boxes" else "add_rectangle"
        elif isinstance(layer, Points):
            layer.mode = "add"
            layer.selected_data = set()
            layer.feature_defaults = {"inside": [int(tool == "inside")]}
            layer.current_face_color = _GREEN if tool == "inside" else _RED
            layer.current_symbol = "cross" if tool == "inside" else "hbar"
        elif isinstance(layer, Labels):
            layer.selected_label = 1
            layer.mode = "paint"

    # -- layers -------------------------------------------------------------------------------------------

    def _ours(self) -> list[Layer]:
        return [layer for layer in self._viewer.layers if layer.metadata.get("owner") == _OWNER]

    def _put(self, role: str, like: Labels, data: NDArray[Any]) -> None:
        layer = self.find(role)
        if layer is None:
            layer = self._made(role, like, data)
            self._viewer.add_layer(layer)
        else:
            layer.scale, layer.units = like.scale, like.units
            layer.data = data
        layer.metadata["shown"] = True
        layer.visible = self._wished.get(role, True)

    def _made(self, role: str, like: Labels, data: NDArray[Any]) -> Layer:
        about = self._common(role, like)
        if role == SALIENCY:
            layer: Layer = Image(data, colormap=saliency_colormap(), opacity=0.6, **about)
            layer.contrast_limits_range = layer.contrast_limits = (0, 255)
            return layer
        colour = _WHITE if role == COARSE else _YELLOW
        colours = DirectLabelColormap(color_dict={0: "transparent", None: colour})
        layer = Labels(data, colormap=colours, opacity=0.9, **about)
        layer.contour = 1 if role == COARSE else 2
        return layer

    def _put_marks(self, like: Labels, pointings: _Drawn) -> _Drawn:
        boxes, points, inside = boxes_and_points(self._axis, pointings)
        shapes, spots = self.find(BOXES), self.find(POINTS)
        width = max(like.data.shape) / 300  # in pixels: a thin line where the whole slice is seen
        if not isinstance(shapes, Shapes):
            shapes = Shapes(None, ndim=3, face_color="transparent", edge_color=_YELLOW, **self._common(BOXES, like))
            self._viewer.add_layer(shapes)
            shapes.events.data.connect(self._changed)
        if not isinstance(spots, Points):
            spots = Points(None, ndim=3, features={"inside": np.zeros(0, int)}, **self._common(POINTS, like))
            self._viewer.add_layer(spots)
            spots.events.data.connect(self._changed)
        for layer in (shapes, spots):
            layer.scale, layer.units = like.scale, like.units
            layer.selected_data = set()
            layer.metadata["shown"] = True
            layer.visible = self._wished.get(layer.metadata["role"], True)
        shapes.data = []
        if boxes:
            shapes.add(
                boxes, shape_type="rectangle", edge_width=width, edge_color=_YELLOW, face_color="transparent"
            )
        shapes.current_edge_width = width
        spots.data = points
        if len(points):
            spots.features = {"inside": inside}
            spots.face_color = [_GREEN if each else _RED for each in inside]
            spots.symbol = ["cross" if each else "hbar" for each in inside]
        spots.border_color = _WHITE
        spots.size = spots.current_size = 8
        return pointings_by_slice(self._axis, boxes, points, inside)

    def _common(self, role: str, like: Labels) -> dict[str, Any]:
        return {
            "name": role,
            "scale": like.scale,
            "units": like.units,
            "axis_labels": like.axis_labels,
            "metadata": {"owner": _OWNER, "role": role},
        }

    # -- what a person does -------------------------------------------------------------------------------

    def _changed(self, event: Any) -> None:
        action = str(getattr(event.action, "value", event.action)).lower()
        shapes, spots = self.find(BOXES), self.find(POINTS)
        if self._silent or action not in _TOLD or not isinstance(shapes, Shapes) or not isinstance(spots, Points):
            return
        inside = np.asarray(spots.features["inside"], dtype=int) if len(spots.data) else np.zeros(0, int)
        now = pointings_by_slice(self._axis, shapes.data, np.asarray(spots.data), inside)
        before, self._drawn = self._drawn, now
        like = self._like()
        size = 0 if like is None else like.data.shape[self._axis]
        for index in sorted({*before, *now}):
            if before.get(index) != now.get(index) and 0 <= index < size:
                down, right = (axis for axis in range(3) if axis != self._axis)
                self._on_edit(SlicePlane(self._axis, index, down, right), now.get(index, ()))
