"""A view of the whole image stays one when the canvas changes its size."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from napari.components import ViewerModel

__all__ = ["WholeView"]

_SAME_ZOOM = 1e-3  # relative: far below one step of the wheel, far above what drawing rounds away
_SAME_PLACE_PX = 0.5


class _Look(NamedTuple):
    """Where the camera stood, in a number of displayed dimensions."""

    ndisplay: int
    zoom: float
    center: tuple[float, ...]


class WholeView:
    """Fits the view anew when a dock or the window takes room from the canvas, or gives it back.

    That is done only where the camera still stands as the last fit left it: who has zoomed or moved keeps what he
    sees.

    Parameters
    ----------
    viewer : ViewerModel
        Whose camera.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._fitted: _Look | None = None
        viewer.events.reset_view.connect(self._was_fitted)
        viewer.canvas.events.size.connect(self._resized)

    @property
    def zoom(self) -> float:
        """Canvas pixels for a unit of the world at the last fit; 1 before the first."""
        return 1.0 if self._fitted is None else self._fitted.zoom

    def close(self) -> None:
        """Let go of the viewer."""
        self._viewer.events.reset_view.disconnect(self._was_fitted)
        self._viewer.canvas.events.size.disconnect(self._resized)
        del self._viewer

    def _look(self) -> _Look:
        camera, ndisplay = self._viewer.scene.camera, self._viewer.dims.ndisplay
        return _Look(ndisplay, float(camera.zoom), tuple(map(float, camera.center[-ndisplay:])))

    def _was_fitted(self, event: Any = None) -> None:
        self._fitted = self._look()

    def _resized(self, event: Any = None) -> None:
        if self._fitted is not None and _same(self._fitted, self._look()):
            self._viewer.fit_to_view()


def _same(a: _Look, b: _Look) -> bool:
    return (
        a.ndisplay == b.ndisplay
        and math.isclose(a.zoom, b.zoom, rel_tol=_SAME_ZOOM)
        and math.dist(a.center, b.center) * a.zoom <= _SAME_PLACE_PX
    )
