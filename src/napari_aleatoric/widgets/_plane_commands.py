"""The planes, as commands of napari's palette."""

from __future__ import annotations

from napari.viewer import Viewer

from ._hub import hub_of

__all__ = ["enlarge_plane", "toggle_crosshair", "toggle_planes"]


def _perform(viewer: Viewer, name: str) -> None:
    hub_of(viewer).performers()[name]()


def toggle_planes(viewer: Viewer) -> None:
    """Axial, coronal, sagittal and 3-D, or one view."""
    _perform(viewer, "toggle_planes")


def toggle_crosshair(viewer: Viewer) -> None:
    """Crosshair of the planes on or off."""
    _perform(viewer, "toggle_crosshair")


def enlarge_plane(viewer: Viewer) -> None:
    """Give the room to the next plane, then to all."""
    _perform(viewer, "enlarge_plane")
