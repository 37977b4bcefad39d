"""Changes put into a Labels layer, and what hangs over it while a region is chosen from another label."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_aleatoric.editing import Edit

from ._slice_in_view import plane_in_view

__all__ = ["SOURCE", "RegionPad", "SourceLayer", "put_edit", "voxel_at"]

SOURCE = "Take from"
_OWNER = "napari-aleatoric-source"
_WHITE = "#ffffff"
_STILL = 4  # pixels of the screen


def put_edit(layer: Labels, edit: Edit) -> bool:
    """Put a change into the layer as one step of napari's undo.

    Returns
    -------
    bool
        False if a voxel was painted since the change was worked out; nothing is changed then.
    """
    if not edit.fits(np.asarray(layer.data)):
        return False
    if len(edit):
        layer.data_setitem(edit.where, edit.new)
    return True


def voxel_at(viewer: ViewerModel, layer: Labels, position: Any) -> tuple[int, int, int] | None:
    """Return the voxel at a place in the world; None where there is none, or the view is 3-D."""
    if plane_in_view(viewer, layer) is None:
        return None
    data = layer.world_to_data(np.asarray(position, dtype=float)[viewer.dims.ndim - layer.ndim :])
    z, y, x = (int(np.floor(v + 0.5)) for v in data)
    inside = all(0 <= k < n for k, n in zip((z, y, x), layer.data.shape, strict=True))
    return (z, y, x) if inside else None


class SourceLayer:
    """Shows the label that regions are taken from as a white outline over the label.

    Parameters
    ----------
    viewer : ViewerModel
        Any napari viewer.
    like : callable
        Returns the layer on whose grid it lies: the label.
    """

    def __init__(self, viewer: ViewerModel, like: Callable[[], Labels | None]) -> None:
        self._viewer, self._like = viewer, like

    @property
    def layer(self) -> Labels | None:
        """The layer; None where there is none."""
        for layer in self._viewer.layers:
            if layer.metadata.get("owner") == _OWNER:
                return layer if isinstance(layer, Labels) else None
        return None

    def show(self, other: NDArray[Any] | None, title: str = "") -> None:
        """Show a label (Z, Y, X), or none."""
        layer, like = self.layer, self._like()
        if layer is not None and (other is None or like is None or layer.data.shape != other.shape):
            self._remove(layer)
            layer = None
        if other is None or like is None:
            return
        name = f"{SOURCE} {title}"
        if layer is not None:
            layer.data, layer.name = other, name
            layer.scale, layer.units = like.scale, like.units
            return
        layer = Labels(
            other,
            name=name,
            colormap=DirectLabelColormap(color_dict={0: "transparent", None: _WHITE}),
            opacity=0.9,
            scale=like.scale,
            units=like.units,
            axis_labels=like.axis_labels,
            metadata={"owner": _OWNER},
        )
        layer.contour, layer.editable, layer.locked = 1, False, True
        before = self._viewer.layers.selection.active
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = before

    def close(self) -> None:
        """Let go of the viewer; the layer goes."""
        layer = self.layer
        if layer is not None:
            self._remove(layer)
        del self._viewer

    def _remove(self, layer: Labels) -> None:
        layer.locked = False
        self._viewer.layers.remove(layer)


class RegionPad:
    """Clicks into the slice while it is on; napari's tool is put down, and choosing one ends it.

    Parameters
    ----------
    viewer : ViewerModel
        Any napari viewer.
    label : callable
        Returns the label's layer.
    on_place : callable
        ``on_place(voxel)`` for every click.
    on_left : callable
        Called when another tool was chosen.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        label: Callable[[], Labels | None],
        on_place: Callable[[tuple[int, int, int]], None],
        on_left: Callable[[], None] = lambda: None,
    ) -> None:
        self._viewer, self._label = viewer, label
        self._on_place, self._on_left = on_place, on_left
        self._layer: Labels | None = None

    @property
    def on(self) -> bool:
        """Whether clicks are taken."""
        return self._layer is not None

    def turn(self, on: bool) -> None:
        """Take clicks, or leave them alone."""
        layer = self._label()
        if on == self.on or (on and layer is None):
            return
        if on and layer is not None:
            layer.mode = "pan_zoom"
            self._viewer.layers.selection.active = layer
            layer.events.mode.connect(self._tool_chosen)
            layer.cursor = "cross"
            self._layer = layer
            self._viewer.mouse_drag_callbacks.insert(0, self._pressed)
            return
        with suppress(ValueError):
            self._viewer.mouse_drag_callbacks.remove(self._pressed)
        if self._layer is not None:
            self._layer.events.mode.disconnect(self._tool_chosen)
            if self._layer.mode == "pan_zoom":
                self._layer.cursor = "standard"
        self._layer = None

    def close(self) -> None:
        """Let go of the viewer."""
        self.turn(False)
        del self._viewer

    def _tool_chosen(self, event: Any = None) -> None:
        if self._layer is not None and self._layer.mode != "pan_zoom":
            self.turn(False)
            self._on_left()

    def _pressed(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        layer = self._label()
        if layer is None or event.button != 1:
            return
        place, at, moved = voxel_at(viewer, layer, event.position), np.array(event.pos), False
        yield
        while event.type == "mouse_move":
            moved = moved or float(np.abs(np.asarray(event.pos) - at).max()) >= _STILL
            yield
        if place is not None and not moved:
            self._on_place(place)
