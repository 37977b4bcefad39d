"""The layer in which a person paints what the network shall not learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_aleatoric.session import ItemData, ViewState

__all__ = ["BARRED", "BarredLayer"]

BARRED = "Do not learn from here"
_OWNER = "napari-aleatoric-barred"
_SLATE = "#2c3a56"  # darkens what is bright, and is seen on black
_OPACITY = 0.62


class BarredLayer:
    """Shows, and lets a person paint, which voxels are not to be learned from.

    The layer is made with the first item that needs it and stays, hidden where nothing is painted.

    Parameters
    ----------
    viewer : ViewerModel
        Any napari viewer.
    like : callable
        Returns the layer on whose grid it lies: the label.
    on_painted : callable
        Called, without arguments, after it may have changed under the user's hands.
    on_chosen : callable
        Called with whether a person has chosen this layer, or another one instead.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        like: Callable[[], Labels | None],
        on_painted: Callable[[], None] = lambda: None,
        on_chosen: Callable[[bool], None] = lambda on: None,
    ) -> None:
        self._viewer, self._like = viewer, like
        self._on_painted, self._on_chosen = on_painted, on_chosen
        self._item: ItemData | None = None
        self._state: ViewState | None = None
        self._is_on = self._is_silent = False
        viewer.layers.selection.events.active.connect(self._selected)
        viewer.dims.events.ndisplay.connect(self._turned)

    @property
    def layer(self) -> Labels | None:
        """The layer; None where it was never needed, or was taken away."""
        for layer in self._viewer.layers:
            if layer.metadata.get("owner") == _OWNER:
                return layer if isinstance(layer, Labels) else None
        return None

    def show(self, item: ItemData, state: ViewState) -> None:
        """Show another item; its mask is painted on in place."""
        self._item = item
        if self.layer is not None and item.barred is not None:
            self._put(item)
        self.apply(state)

    def apply(self, state: ViewState) -> None:
        """Show, hide, or hand the brush over as it is wished now."""
        self._state = state
        item, layer, like = self._item, self.layer, self._like()
        if item is None or item.barred is None or like is None:
            return
        if state.barred_visible and (layer is None or layer.data is not item.barred.mask):
            layer = self._put(item)
        if layer is None:
            self._is_on = False
            return
        flat = self._viewer.dims.ndisplay == 2
        blending = "translucent" if flat else "translucent_no_depth"
        if layer.blending != blending:
            layer.blending = blending
        if layer.visible != state.barred_visible:
            layer.visible = state.barred_visible
        if state.barring != self._is_on:
            self._hand_over(layer, like, state.barring)

    def redraw(self) -> None:
        """Show the mask anew: it was changed in place."""
        layer = self.layer
        if layer is not None:
            layer.refresh()

    def write(self, box: tuple[slice, slice, slice], inside: NDArray[np.bool_], value: int) -> None:
        """Write a value into some voxels of a box; the layer undoes it in one step."""
        item = self._item
        if item is None or item.barred is None:
            return
        layer = self.layer
        if layer is None or layer.data is not item.barred.mask:
            layer = self._put(item)
        where = np.nonzero(inside)
        if layer is not None and len(where[0]):
            layer.visible = True  # a hidden layer is not sliced, and cannot be written to by its own means
            layer.data_setitem(tuple(w + s.start for w, s in zip(where, box, strict=True)), value)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the brush where it is while others choose layers within this block."""
        with self._silent():
            yield
        layer = self.layer
        if self._is_on and layer is not None and self._viewer.layers.selection.active is not layer:
            with self._silent():
                self._viewer.layers.selection.active = layer

    def close(self) -> None:
        """Let go of the viewer; the layer stays as it is."""
        self._viewer.layers.selection.events.active.disconnect(self._selected)
        self._viewer.dims.events.ndisplay.disconnect(self._turned)
        self._item = self._state = None
        del self._viewer

    # -- the layer ------------------------------------------------------------------------------------

    @contextmanager
    def _silent(self) -> Iterator[None]:
        before, self._is_silent = self._is_silent, True
        try:
            yield
        finally:
            self._is_silent = before

    def _put(self, item: ItemData) -> Labels | None:
        like = self._like()
        if like is None or item.barred is None:
            return None
        layer = self.layer
        if layer is not None:
            layer.scale, layer.units = like.scale, like.units
            layer.data = item.barred.mask
            return layer
        layer = Labels(
            item.barred.mask,
            name=BARRED,
            colormap=DirectLabelColormap(color_dict={0: "transparent", None: _SLATE}),
            opacity=_OPACITY,
            scale=like.scale,
            units=like.units,
            axis_labels=like.axis_labels,
            metadata={"owner": _OWNER},
        )
        layer.selected_label = 1
        layer.visible = False
        for event in (layer.events.paint, layer.events.labels_update, layer.events.set_data):
            event.connect(lambda event: self._on_painted())
        with self._silent():
            before = self._viewer.layers.selection.active
            self._viewer.add_layer(layer)
            self._viewer.layers.selection.active = before
        return layer

    def _hand_over(self, layer: Labels, like: Labels, on: bool) -> None:
        self._is_on = on
        with self._silent():
            if on:
                layer.brush_size = like.brush_size
                layer.selected_label = 1
                layer.mode = "paint"
                self._viewer.layers.selection.active = layer
                return
            layer.mode = "pan_zoom"
            if self._viewer.layers.selection.active is layer:
                self._viewer.layers.selection.active = like

    def _selected(self, event: Any = None) -> None:
        """Who chooses a layer in the list means to paint on it."""
        layer = self.layer
        if self._is_silent or layer is None:
            return
        chosen = self._viewer.layers.selection.active is layer
        if chosen != self._is_on:
            self._on_chosen(chosen)

    def _turned(self, event: Any = None) -> None:
        if self._state is not None:
            self.apply(self._state)
