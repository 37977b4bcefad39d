"""Width and level of the image on the canvas: put there, heard of, and dragged with the middle button."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_aleatoric.session import ItemData

__all__ = ["ShownWindow", "drag_window", "dragged_window", "layer_of", "tool_at_rest"]

_MIDDLE = 3
_WIDTH_PX = 200.0  # so far to the right makes a window e times as wide
_SAME = 1e-6  # of the width
_LEVEL_PX = 400.0  # so far down raises the level by one width


def layer_of(viewer: ViewerModel, role: str) -> Layer | None:
    """Return the standing layer of a role ("Image", "Uncertainty", "Original label", "Label") in any viewer."""
    for layer in viewer.layers:
        if layer.metadata.get("role") == role and layer.metadata.get("owner") == "napari-aleatoric":
            return layer
    return None


class ShownWindow:
    """The window of the image layer: as wished when a case comes, and told of when somebody else changes it.

    Parameters
    ----------
    wished : callable
        Returns the intensities of an item that are shown as black and white.
    on_changed : callable
        Called with the limits after a person has changed them: by dragging, with napari's slider, with a key.
    """

    def __init__(
        self,
        wished: Callable[[ItemData], tuple[float, float]] = lambda item: item.display_range,
        on_changed: Callable[[tuple[float, float]], None] = lambda limits: None,
    ) -> None:
        self.wished, self.on_changed = wished, on_changed
        self._layer: Image | None = None
        self._item: ItemData | None = None
        self._is_silent = False

    def put(self, layer: Image, item: ItemData) -> None:
        """Show a case as wished; colours have no window."""
        if layer.rgb:
            return
        self._listen(layer)
        low, high = limits = self.wished(item)
        with self._silent():
            if not np.allclose(layer.contrast_limits, limits, rtol=0.0, atol=_SAME * (high - low)):
                layer.contrast_limits = limits
            reach = layer.contrast_limits_range
            if item is not self._item or low < reach[0] or high > reach[1]:
                layer.contrast_limits_range = _reach(limits, item.display_range)
        self._item = item

    def close(self) -> None:
        """Let go of the layer."""
        if self._layer is not None:
            self._layer.events.contrast_limits.disconnect(self._changed)
        self._layer = self._item = None
        self.wished, self.on_changed = (lambda item: item.display_range), (lambda limits: None)

    def _listen(self, layer: Image) -> None:
        if layer is self._layer:
            return
        if self._layer is not None:
            self._layer.events.contrast_limits.disconnect(self._changed)
        layer.events.contrast_limits.connect(self._changed)
        self._layer = layer

    @contextmanager
    def _silent(self) -> Iterator[None]:
        before, self._is_silent = self._is_silent, True
        try:
            yield
        finally:
            self._is_silent = before

    def _changed(self, event: Any = None) -> None:
        if not self._is_silent and self._layer is not None:
            low, high = self._layer.contrast_limits
            self.on_changed((float(low), float(high)))


def _reach(limits: tuple[float, float], usual: tuple[float, float]) -> tuple[float, float]:
    """How far napari's slider goes: well beyond the window, and beyond what is usual in the case."""
    lows, highs = zip(*((a - 2.0 * (b - a), b + 2.0 * (b - a)) for a, b in (limits, usual)), strict=True)
    return (min(lows), max(highs))


def dragged_window(limits: tuple[float, float], right_px: float, down_px: float) -> tuple[float, float]:
    """Return the window after a drag.

    To the right is wider and to the left narrower; down raises the level, which is darker, and up lowers it, as
    the OHIF viewer has it. Steps grow with the width, so that narrow windows are set finely (our proposal).

    Parameters
    ----------
    limits : tuple of float
        Where the drag began.
    right_px, down_px : float
        How far the mouse went, in canvas pixels.
    """
    low, high = limits
    width, level = high - low, (low + high) / 2
    wider = width * math.exp(right_px / _WIDTH_PX)
    moved = level + width * down_px / _LEVEL_PX
    return (moved - wider / 2, moved + wider / 2)


def drag_window(viewer: ViewerModel, event: Any) -> Iterator[None]:
    """Set width and level with the middle button: a mouse-drag callback for any viewer that shows our image.

    While it is dragged, the tool of the selected layer does not hear the mouse: napari's brush draws with the
    middle button, too.
    """
    image = layer_of(viewer, "Image")
    wrong = event.button != _MIDDLE or event.handled or len(event.modifiers) or viewer.dims.ndisplay != 2
    if wrong or not isinstance(image, Image) or image.rgb:
        return
    start, at = tuple(image.contrast_limits), np.array(event.pos, dtype=float)
    event.handled = True
    with tool_at_rest(viewer.layers.selection.active):
        yield
        while event.type == "mouse_move":
            event.handled = True
            right, down = np.array(event.pos, dtype=float) - at
            image.contrast_limits = dragged_window(start, float(right), float(down))
            yield


@contextmanager
def tool_at_rest(layer: Layer | None) -> Iterator[None]:
    """Keep the mouse from the tool of a layer within this block."""
    if layer is None:
        yield
        return
    mode, tools = layer.mode, list(layer.mouse_drag_callbacks)
    layer.mouse_drag_callbacks.clear()
    try:
        yield
    finally:
        if layer.mode == mode:  # else it has its new tool already
            layer.mouse_drag_callbacks[:] = tools
