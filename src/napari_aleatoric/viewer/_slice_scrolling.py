"""Slices by the wheel and by pages, along whichever axis is not displayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel

__all__ = ["SliceWheel", "go_to_end", "step_slices", "zoom_at"]

_ZOOM_STEP = 1.2  # for a notch, about as napari has it
_NAPARIS = "dims_scroll"


def step_slices(viewer: ViewerModel, n: int) -> None:
    """Go some slices on (or back) along the axis that is not displayed; at the ends it stops."""
    axis = _scrolled_axis(viewer)
    if axis is not None:
        dims = viewer.dims
        last = dims.nsteps[axis] - 1
        dims.set_current_step(axis, min(max(dims.current_step[axis] + n, 0), last))


def go_to_end(viewer: ViewerModel, last: bool) -> None:
    """Go to the first or the last slice along the axis that is not displayed."""
    axis = _scrolled_axis(viewer)
    if axis is not None:
        viewer.dims.set_current_step(axis, viewer.dims.nsteps[axis] - 1 if last else 0)


def zoom_at(viewer: ViewerModel, position: Any, factor: float) -> None:
    """Zoom so that the place under the mouse stays where it is.

    Parameters
    ----------
    position : sequence of float
        World coordinates of the mouse, one for every axis.
    factor : float
        Above 1 comes nearer.
    """
    camera, shown = viewer.scene.camera, list(viewer.dims.displayed)
    centre = np.asarray(camera.center, dtype=float)[-len(shown) :]
    place = np.asarray(position, dtype=float)[shown]
    camera.zoom *= factor
    camera.center = tuple(place + (centre - place) / factor)


def _scrolled_axis(viewer: ViewerModel) -> int | None:
    dims = viewer.dims
    return dims.order[-3] if dims.ndisplay == 2 and dims.ndim >= 3 else None


class SliceWheel:
    """Lets the wheel scroll through slices and zoom with Ctrl, as in a reading room; napari has it the other way.

    Towards the user is on: to the next slice, as napari's slider goes to the right. Alt and the wheel still walk
    through the layers. In 3-D, and where nothing of ours is shown, the wheel does what napari says.

    Parameters
    ----------
    viewer : ViewerModel
        Any viewer that shows a slice; each has a wheel of its own.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._turned = 0.0
        self._is_on = False
        self._naparis: Callable[[ViewerModel, Any], None] | None = None

    @property
    def is_on(self) -> bool:
        """Whether the wheel scrolls."""
        return self._is_on

    @is_on.setter
    def is_on(self, on: bool) -> None:
        if on == self._is_on:
            return
        self._is_on, self._turned = on, 0.0
        callbacks = self._viewer.mouse_wheel_callbacks
        if on:
            found = [k for k, call in enumerate(callbacks) if getattr(call, "__name__", "") == _NAPARIS]
            self._naparis = callbacks.pop(found[0]) if found else None
            callbacks.insert(0, self._wheel)
        else:
            callbacks.remove(self._wheel)
            if self._naparis is not None:
                callbacks.insert(0, self._naparis)

    def close(self) -> None:
        """Give napari its wheel back, and let go of the viewer."""
        self.is_on = False
        del self._viewer

    def _wheel(self, viewer: ViewerModel, event: Any) -> None:
        if viewer.dims.ndisplay != 2 or _scrolled_axis(viewer) is None or not _shows_ours(viewer):
            if self._naparis is not None:
                self._naparis(viewer, event)
        elif not len(event.modifiers):
            self._scroll(viewer, event)
            event.handled = True
        elif len(event.modifiers) == 1 and "Control" in event.modifiers:
            zoom_at(viewer, event.position, _ZOOM_STEP ** float(event.delta[1]))
            event.handled = True

    def _scroll(self, viewer: ViewerModel, event: Any) -> None:
        """One slice for a notch; a touch pad's small steps add up."""
        delta = float(np.clip(event.delta[1], -1.0, 1.0))
        self._turned += delta if event.native is not None and event.native.inverted() else -delta
        whole = int(self._turned)
        if whole:
            self._turned -= whole
            step_slices(viewer, whole)


def _shows_ours(viewer: ViewerModel) -> bool:
    return any(str(layer.metadata.get("owner", "")).startswith("napari-aleatoric") for layer in viewer.layers)
