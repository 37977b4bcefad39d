"""The patient's letters at the four edges of the canvas."""

from __future__ import annotations

from typing import Any

from napari.components import ViewerModel
from napari.components.overlays import TextOverlay

from napari_aleatoric.model import EdgeLetters, Geometry, edge_letters

__all__ = ["LettersAtEdges"]

_POINTS = 13.0
_PLACES = {"top": "top_center", "bottom": "bottom_center", "left": "middle_left", "right": "middle_right"}


class LettersAtEdges:
    """Writes R, L, A, P, S and I where they belong, as the slice is turned and mirrored.

    Parameters
    ----------
    viewer : ViewerModel
        Any napari viewer; the letters are overlays of its canvas, and in every screenshot of it.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._geometry: Geometry | None = None
        self._overlays: dict[str, Any] = {}
        self._events: tuple[Any, ...] = (
            viewer.dims.events.order,
            viewer.dims.events.ndisplay,
            viewer.scene.camera.events.orientation,
        )
        for event in self._events:
            event.connect(self._turned)

    @property
    def letters(self) -> EdgeLetters | None:
        """What is to be read; None where the sides are not known, and in 3-D."""
        dims = self._viewer.dims
        if self._geometry is None or dims.ndisplay != 2 or dims.ndim != 3:
            return None
        _, vertical, horizontal = (str(way) for way in self._viewer.scene.camera.orientation)
        down, right = dims.displayed
        mirrored, upside_down = horizontal == "left", vertical == "up"
        return edge_letters(self._geometry, down, right, mirrored=mirrored, upside_down=upside_down)

    def show(self, geometry: Geometry | None) -> None:
        """Name the sides of another grid; None = they are not known."""
        self._geometry = geometry
        self._turned()

    def close(self) -> None:
        """Let go of the viewer; the letters stay as they are."""
        for event in self._events:
            event.disconnect(self._turned)
        self._overlays = {}
        self._events = ()
        del self._viewer

    def _turned(self, event: Any = None) -> None:
        letters = self.letters
        if letters is not None and not self._overlays:
            self._make()
        for edge, overlay in self._overlays.items():
            text = "" if letters is None else getattr(letters, edge)
            if overlay.text != text:
                overlay.text = text
            if overlay.visible != bool(text):
                overlay.visible = bool(text)

    def _make(self) -> None:
        for edge, place in _PLACES.items():
            overlay = TextOverlay(position=place, font_size=_POINTS, gridded=True)
            self._overlays[edge] = self._viewer.canvas.overlays[_key(edge)] = overlay


def _key(edge: str) -> str:
    return f"aleatoric_{edge}"
