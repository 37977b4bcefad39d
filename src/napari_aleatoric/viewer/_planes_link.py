"""The planes beside the window's own view: their slices, their cameras, and the crosshair that all share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer

from napari_aleatoric.model import Geometry
from napari_aleatoric.session import FLAT_PLANES, Plane, PlaneWishes, place_in_volume

from ._facing import face
from ._letters_at_edges import LettersAtEdges
from ._planes_layers import PlaneLayers
from ._planes_space import LinkedSpace
from ._whole_view import WholeView

__all__ = ["LinkedPlane", "LinkedPlanes"]

_STILL_PX = 4  # a mouse that moved less was clicked, not dragged


class LinkedPlane:
    """One plane: a viewer of its own that shows the window's layers along another axis.

    Parameters
    ----------
    viewer : ViewerModel
        The window.
    plane : Plane
        Which way it cuts.
    """

    def __init__(self, viewer: ViewerModel, plane: Plane) -> None:
        self.plane, self.name = plane, plane.name
        self.viewer = ViewerModel(title=plane.name)
        self.whole = WholeView(self.viewer)
        self.letters = LettersAtEdges(self.viewer)
        self._window = viewer
        self._layers: PlaneLayers | None = None
        self._geometry: Geometry | None = None

    def show(self, geometry: Geometry, *, has_sides: bool, neurological: bool) -> None:
        """Show what the window shows of a volume."""
        if self._layers is None:
            self._layers = PlaneLayers(self._window, self.viewer)
        else:
            self._layers.follow()
        if self.viewer.dims.ndim == 3 and self.viewer.dims.order != self.plane.order:
            self.viewer.dims.order = self.plane.order
        self.face(neurological=neurological and has_sides)
        self.letters.show(geometry if has_sides else None)
        self.viewer.canvas.overlays.scale_bar.visible = geometry.spacing_known
        if geometry != self._geometry:
            self._geometry = geometry
            self.viewer.reset_view()
        self.tell()

    def face(self, *, neurological: bool) -> None:
        """Draw left and right as wished."""
        face(self.viewer, neurological=neurological, head_up=True)

    def tell(self) -> None:
        """Write which slice this is."""
        if self._geometry is None:
            return
        axis = self.plane.axis
        n = self._geometry.shape_zyx[axis]
        index = round(self.viewer.dims.point[axis] / self._geometry.spacing_zyx_mm[axis])
        overlay = self.viewer.canvas.overlays.text
        overlay.position = "top_left"
        overlay.text = f"{self.name} {index + 1}/{n}"
        overlay.visible = True

    def clear(self) -> None:
        """Let go of the window's layers."""
        if self._layers is not None:
            self._layers.close()
            self._layers = None
        self._geometry = None

    def close(self) -> None:
        """Let go of everything."""
        self.clear()
        self.letters.close()
        self.whole.close()
        del self._window


class LinkedPlanes:
    """Links three planes with the window's own view, which is one of them.

    The window keeps its view (axial, unless the user turns it); coronal and sagittal planes and the view in three
    dimensions are viewers of their own. A plane is sliced anew only when its own slice changes.

    Parameters
    ----------
    viewer : ViewerModel
        The window.
    wishes : PlaneWishes
        What the user wishes, and where the crosshair is.
    may_click : callable
        Whether a click may move the crosshair: it may not while clicks mean something else.
    """

    def __init__(
        self, viewer: ViewerModel, wishes: PlaneWishes, may_click: Callable[[], bool] = lambda: True
    ) -> None:
        self._viewer, self._wishes, self._may_click = viewer, wishes, may_click
        self.flat = tuple(LinkedPlane(viewer, plane) for plane in FLAT_PLANES[1:])
        self.space = LinkedSpace(viewer)
        self._geometry: Geometry | None = None
        self._on = self._moving = False

    @property
    def is_on(self) -> bool:
        """Whether the planes follow the window."""
        return self._on

    @property
    def axis_of_window(self) -> int | None:
        """The axis that the window's own view scrolls along; None in 3-D."""
        dims = self._viewer.dims
        return dims.order[0] if dims.ndisplay == 2 and dims.ndim == 3 else None

    def turn_on(self) -> None:
        """Begin to follow."""
        if self._on:
            return
        self._on = True
        self._viewer.dims.events.point.connect(self._window_moved)
        for viewer in (self._viewer, *(plane.viewer for plane in self.flat)):
            viewer.mouse_move_callbacks.append(self._hovered)
            viewer.mouse_drag_callbacks.append(self._clicked)
        for plane in self.flat:
            plane.viewer.dims.events.point.connect(self._plane_moved)

    def turn_off(self) -> None:
        """Follow no more; the planes become empty."""
        if not self._on:
            return
        self._on = False
        self._viewer.dims.events.point.disconnect(self._window_moved)
        for plane in self.flat:
            plane.viewer.dims.events.point.disconnect(self._plane_moved)
            plane.clear()
        for viewer in (self._viewer, *(plane.viewer for plane in self.flat)):
            viewer.mouse_move_callbacks.remove(self._hovered)
            viewer.mouse_drag_callbacks.remove(self._clicked)
        self.space.clear()
        self._geometry = None

    def show(self, geometry: Geometry, *, has_sides: bool, place_zyx: tuple[int, int, int] | None = None) -> None:
        """Show what the window shows now.

        Parameters
        ----------
        geometry : Geometry
            The upright grid of the volume.
        has_sides : bool
            Whether left and right of the patient are known.
        place_zyx : tuple of int, optional
            Voxel to put the crosshair on.
        """
        if not self._on:
            return
        is_new = geometry != self._geometry
        self._geometry = geometry
        for plane in self.flat:
            plane.show(geometry, has_sides=has_sides, neurological=self._wishes.neurological)
        if place_zyx is not None or is_new:
            middle = tuple(n // 2 for n in geometry.shape_zyx)
            where = np.multiply(place_zyx or middle, geometry.spacing_zyx_mm)
            axis = self.axis_of_window
            if axis is not None:  # the window is there already
                where[axis] = self._viewer.dims.point[axis]
            self.go_to(where)

    def go_to(self, world_zyx_mm: Any) -> None:
        """Put the crosshair, and with it every plane, on the voxel nearest to a place."""
        if not self._on or self._geometry is None:
            return
        place = place_in_volume(map(float, world_zyx_mm), self._geometry)
        self._moving = True
        try:
            axis = self.axis_of_window
            if axis is not None:
                _scroll(self._viewer, axis, place[axis])
            for plane in self.flat:
                if _scroll(plane.viewer, plane.plane.axis, place[plane.plane.axis]):
                    plane.tell()
            for viewer in (self._viewer, *(plane.viewer for plane in self.flat)):
                _bring_into_sight(viewer, place)
        finally:
            self._moving = False
        self._wishes.move_to(place)

    def close(self) -> None:
        """Let go of the window."""
        self.turn_off()
        for plane in self.flat:
            plane.close()
        self.space.close()
        self._may_click = lambda: False
        del self._viewer

    # -- who moved --------------------------------------------------------------------------------------

    def _window_moved(self, event: Any = None) -> None:
        axis = self.axis_of_window
        if self._moving or axis is None:
            return
        where = float(self._viewer.dims.point[axis])
        self._wishes.move_along(axis, where)
        for plane in self.flat:  # one of them has the same axis where the user turned the window's view
            if plane.plane.axis == axis and _scroll(plane.viewer, axis, where):
                plane.tell()

    def _plane_moved(self, event: Any = None) -> None:
        if self._moving:
            return
        for plane in self.flat:
            axis, dims = plane.plane.axis, plane.viewer.dims
            if dims.ndim == 3 and (where := float(dims.point[axis])) != self._wishes.place[axis]:
                self._wishes.move_along(axis, where)
                plane.tell()
                if axis == self.axis_of_window:
                    _scroll(self._viewer, axis, where)

    # -- the mouse --------------------------------------------------------------------------------------

    def _hovered(self, viewer: ViewerModel, event: Any) -> None:
        """Shift and a moving mouse take the crosshair along."""
        if "Shift" in event.modifiers and event.buttons is not None and not len(event.buttons):
            self._point(viewer, event.position)

    def _clicked(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        """Put the crosshair where a click is neither a stroke nor a drag."""
        active: Layer | None = viewer.layers.selection.active
        if event.button != 1 or len(event.modifiers) or not self._may_click():
            return
        if active is not None and active.mode != "pan_zoom":
            return
        at, position = np.array(event.pos), event.position
        yield
        while event.type == "mouse_move":
            if np.abs(np.asarray(event.pos) - at).max() >= _STILL_PX:
                return
            yield
        self._point(viewer, position)

    def _point(self, viewer: ViewerModel, position: Any) -> None:
        if viewer.dims.ndisplay == 2 and viewer.dims.ndim == 3:
            self.go_to(position)


def _bring_into_sight(viewer: ViewerModel, place: tuple[float, float, float]) -> None:
    """Move the camera to a place that is beyond the edge of the canvas; else leave it where it is."""
    if viewer.dims.ndisplay != 2 or viewer.dims.ndim != 3:
        return
    camera, half = viewer.scene.camera, np.asarray(viewer.canvas.size, dtype=float) / 2
    there = np.array([place[axis] for axis in viewer.dims.displayed])
    if (np.abs(there - camera.center[-2:]) * camera.zoom > half).any():
        camera.center = (0.0, float(there[0]), float(there[1]))


def _scroll(viewer: ViewerModel, axis: int, where: float) -> bool:
    if viewer.dims.ndim <= axis or viewer.dims.point[axis] == where:
        return False
    viewer.dims.set_point(axis, where)
    return True
