"""Layers in two panels beside each other, with one camera and one slice, and the view as it was afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from napari.components import ViewerModel
from napari.layers import Image, Layer

__all__ = ["LINKED", "SideBySide", "copy_of_image"]

LINKED = ("contrast_limits", "gamma", "colormap", "interpolation2d", "visible")
"""What of an image and its copy in the other panel is the same."""

_SPACING_PX = 6.0
_SAME = 1e-3  # relative: below one step of the wheel


class _Before(NamedTuple):
    """The view as it was."""

    grid: dict[str, Any]
    is_whole: bool
    zoom: float
    center: tuple[float, ...]
    world: tuple[float, ...]


class SideBySide:
    """Puts some layers into a right panel and all others into a left one: napari's grid, with two columns.

    Parameters
    ----------
    viewer : ViewerModel
        Any napari viewer.
    ended : callable
        Called when a person ended it with napari's own button.
    """

    def __init__(self, viewer: ViewerModel, ended: Callable[[], None]) -> None:
        self._viewer, self._ended = viewer, ended
        self._right: tuple[Layer, ...] = ()
        self._before: _Before | None = None
        self._silent = False
        self._events = viewer.layers.events
        for event in (self._events.inserted, self._events.removed, self._events.reordered):
            event.connect(self._layers_changed)
        viewer.canvas.grid.events.enabled.connect(self._switched)

    @property
    def is_on(self) -> bool:
        """Whether there are two panels."""
        return self._before is not None

    def turn_on(self, right: Sequence[Layer]) -> None:
        """Show these layers at the right, and all others at the left."""
        if self._before is None:
            self._before = self._look()
        self._right = tuple(right)
        self._silent = True
        try:
            self._arrange()
            grid = self._viewer.canvas.grid
            grid.shape, grid.spacing, grid.enabled = (1, 2), _SPACING_PX, True
        finally:
            self._silent = False
        if self._before.is_whole:
            self._viewer.fit_to_view()

    def turn_off(self) -> None:
        """Show the view as it was: whole, or at the same place and zoom; whole, too, if the image is another."""
        before, self._before, self._right = self._before, None, ()
        if before is None:
            return
        self._silent = True
        try:
            for name, value in before.grid.items():
                setattr(self._viewer.canvas.grid, name, value)
        finally:
            self._silent = False
        if before.is_whole or before.world != self._world():
            self._viewer.fit_to_view()
        else:
            camera = self._viewer.scene.camera
            camera.center, camera.zoom = before.center, before.zoom

    def close(self) -> None:
        """Let go of the viewer, and leave it as it was."""
        self.turn_off()
        for event in (self._events.inserted, self._events.removed, self._events.reordered):
            event.disconnect(self._layers_changed)
        self._viewer.canvas.grid.events.enabled.disconnect(self._switched)
        del self._viewer

    def _look(self) -> _Before:
        grid, camera = self._viewer.canvas.grid, self._viewer.scene.camera
        zoom, center = float(camera.zoom), tuple(map(float, camera.center))
        self._viewer.fit_to_view()
        shown = self._viewer.dims.ndisplay
        moved = math.dist(camera.center[-shown:], center[-shown:]) * zoom
        is_whole = math.isclose(zoom, camera.zoom, rel_tol=_SAME) and moved <= 1
        if not is_whole:
            camera.center, camera.zoom = center, zoom
        kept = {name: getattr(grid, name) for name in ("enabled", "shape", "spacing", "stride")}
        return _Before(kept, is_whole, zoom, center, self._world())

    def _world(self) -> tuple[float, ...]:
        return tuple(map(float, self._viewer.layers.extent.world.ravel()))

    def _arrange(self) -> None:
        """Put the layers of the right panel last: napari fills its panels with so many layers in a row."""
        layers = self._viewer.layers
        right = [layer for layer in self._right if layer in layers]
        for layer in right:
            if list(layers)[-len(right) :] != right:
                layers.move(layers.index(layer), len(layers))
        self._viewer.canvas.grid.stride = max(1, len(layers) - len(right))

    def _layers_changed(self, event: Any = None) -> None:
        if self._before is None or self._silent:
            return
        self._silent = True
        try:
            self._arrange()
        finally:
            self._silent = False

    def _switched(self, event: Any = None) -> None:
        if self._before is not None and not self._silent and not self._viewer.canvas.grid.enabled:
            self.turn_off()
            self._ended()


def copy_of_image(image: Image, **common: Any) -> Image:
    """Return a second layer of the same voxels that looks the same; to be linked by `LINKED`.

    Parameters
    ----------
    image : napari.layers.Image
        Grey or RGB.
    **common
        Name, scale and the like.
    """
    looks = {} if image.rgb else {"contrast_limits": image.contrast_limits, "colormap": image.colormap}
    layer = Image(image.data, rgb=image.rgb, **looks, **common)
    if not image.rgb:
        layer.contrast_limits_range = image.contrast_limits_range
    layer.gamma, layer.interpolation2d, layer.visible = image.gamma, image.interpolation2d, image.visible
    layer.locked = True
    return layer
