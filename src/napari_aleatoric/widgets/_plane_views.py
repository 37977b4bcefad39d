"""Four views in one window: between the wishes, the session, the planes and their canvases."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, QTimer

from napari_aleatoric.session import PLANES, ItemData, Kind, Notice, PlaneWishes, ReviewSession, ViewState
from napari_aleatoric.viewer import LinkedPlanes, SliceWheel, Stage, drag_window

from ._reading_habits import ReadingHabits
from ._segmenting import Segmenting
from .planes import PlanePanel

__all__ = ["PlaneViews"]

_SPACE_MS = 400  # after the last change: drawing in three dimensions costs the whole volume


class PlaneViews(QObject):
    """The planes of one window. Nothing of them is made before they are first turned on.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    stage : Stage
        Its layers; an item is shown in them before it is shown here.
    session : ReviewSession
        What is on the screen.
    segmenting : Segmenting
        Clicks are prompts while it has a mode.
    habits : ReadingHabits
        What wheel and middle button do.
    """

    def __init__(
        self, viewer: Any, stage: Stage, session: ReviewSession, segmenting: Segmenting, habits: ReadingHabits
    ) -> None:
        super().__init__(viewer.window._qt_window)
        self.wishes = PlaneWishes()
        self._viewer: Any = viewer
        self._stage, self._session, self._segmenting = stage, session, segmenting
        self._habits, self._wheels = habits, list[SliceWheel]()
        self.planes: LinkedPlanes | None = None
        self.panel: PlanePanel | None = None
        self._label: Any = None  # whose strokes are drawn in 3-D, too
        self._later = QTimer(self, interval=_SPACE_MS, singleShot=True)
        self._later.timeout.connect(self._show_space)
        session.item_changed.connect(self._show)
        session.view_changed.connect(self._apply)
        session.version_changed.connect(self._apply)
        stage.jumped.connect(self._jumped)
        self.wishes.changed.connect(self._changed)
        self.wishes.moved.connect(self._moved)
        self.wishes.neurological = habits.habits.neurological
        habits.habits.wheel_changed.connect(self._wheel_changed)
        habits.habits.sides_changed.connect(self._sides_changed)
        viewer.events.theme.connect(self._theme_changed)
        viewer.canvas.grid.events.enabled.connect(self._parted)

    # -- wishes -----------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Four views, or one."""
        if not self.wishes.is_on and not self._can_show():
            return
        self.wishes.toggle("is_on")

    def toggle_crosshair(self) -> None:
        """Draw the crosshair or not."""
        self.wishes.toggle("crosshair_on")

    def enlarge_next(self) -> None:
        """Give the room to each view in turn, then to all."""
        if self.wishes.is_on:
            self.wishes.enlarge_next()
        else:
            self._session.notice.emit(Notice("There is one view only: turn the planes on first.", Kind.WARNING))

    def close(self) -> None:
        """Let go of the window."""
        session = self._session
        session.item_changed.disconnect(self._show)
        session.view_changed.disconnect(self._apply)
        session.version_changed.disconnect(self._apply)
        self._stage.jumped.disconnect(self._jumped)
        self.wishes.changed.disconnect(self._changed)
        self.wishes.moved.disconnect(self._moved)
        self._habits.habits.wheel_changed.disconnect(self._wheel_changed)
        self._habits.habits.sides_changed.disconnect(self._sides_changed)
        self._viewer.events.theme.disconnect(self._theme_changed)
        self._viewer.canvas.grid.events.enabled.disconnect(self._parted)
        self._later.stop()
        for wheel in self._wheels:
            wheel.close()
        if self.planes is not None:
            self.planes.close()
        if self.panel is not None:
            self.panel.close()
        self.planes = self.panel = None
        self._viewer = self._label = None
        del self._stage, self._session, self._segmenting, self._habits

    # -- what follows -----------------------------------------------------------------------------------

    def _can_show(self) -> bool:
        item = self._session.item
        if item is None:
            self._session.notice.emit(Notice("Open a case first.", Kind.WARNING))
        elif self._viewer.canvas.grid.enabled:
            self._session.notice.emit(Notice("Two panels are compared: end that first.", Kind.WARNING))
        elif item.image.geometry.is_flat:
            words = "This image has one slice: there is nothing to see in other planes."
            self._session.notice.emit(Notice(words, Kind.WARNING))
        else:
            return True
        return False

    def _changed(self) -> None:
        wishes = self.wishes
        if wishes.is_on and self.planes is None:
            self._make()
        if self.planes is None or self.panel is None:
            return
        if wishes.is_on and not self.planes.is_on:
            self.planes.turn_on()
            self._session_item(at_place=False)
        elif not wishes.is_on and self.planes.is_on:
            self.planes.turn_off()
            self._later.stop()
        self.panel.arrange(wishes.is_on, wishes.largest)
        self._draw_crosshair()
        self._space_later()

    def _make(self) -> None:
        self.planes = LinkedPlanes(self._viewer, self.wishes, lambda: not self._segmenting.mode)
        self.panel = PlanePanel(self._viewer, self.planes, self._double_clicked)
        for plane in self.planes.flat:
            wheel = SliceWheel(plane.viewer)
            wheel.is_on = self._habits.wheel.is_on
            self._wheels.append(wheel)
            plane.viewer.mouse_drag_callbacks.append(drag_window)
        self._theme_changed()

    def _wheel_changed(self, on: bool) -> None:
        for wheel in self._wheels:
            wheel.is_on = on

    def _sides_changed(self, neurological: bool) -> None:
        self.wishes.neurological = neurological
        if self.planes is not None and self.planes.is_on:
            self._session_item(at_place=False)

    def _parted(self, event: Any = None) -> None:
        """Give way to panels beside each other: in a plane they would lie on top of each other."""
        if self._viewer.canvas.grid.enabled and self.wishes.is_on:
            self.wishes.toggle("is_on")

    def _theme_changed(self, event: Any = None) -> None:
        if self.planes is not None:
            for viewer in (*(plane.viewer for plane in self.planes.flat), self.planes.space.viewer):
                viewer.theme = self._viewer.theme

    def _double_clicked(self, name: str) -> bool:
        active = self._viewer.layers.selection.active
        busy = self._segmenting.mode or (active is not None and active.mode != "pan_zoom")
        if busy or not self.wishes.is_on:
            return False
        self.wishes.enlarge(name)
        return True

    def _moved(self, place: tuple[float, float, float]) -> None:
        self._draw_crosshair()

    def _draw_crosshair(self) -> None:
        if self.panel is None:
            return
        wishes = self.wishes
        for sheet in self.panel.sheets.values():
            sheet.show_place(wishes.place if wishes.is_on and wishes.crosshair_on else None)

    # -- from the session -------------------------------------------------------------------------------

    def _show(self, item: ItemData) -> None:
        if self.planes is None or not self.planes.is_on:
            return
        if item.image.geometry.is_flat:
            self.wishes.toggle("is_on")
            return
        self.planes.space.hide()
        self._session_item(at_place=True)

    def _apply(self, changed: ViewState | ItemData) -> None:
        if self.planes is not None and self.planes.is_on:
            self._session_item(at_place=False)

    def _session_item(self, *, at_place: bool) -> None:
        item, view = self._session.item, self._session.view
        if item is None or view is None or self.planes is None:
            return
        place = view.places[0].index_zyx if at_place and view.places else None
        self.planes.show(item.image.geometry, has_sides=view.has_sides, place_zyx=place)
        self._draw_crosshair()
        self._space_later()
        label = self._stage.label_layer
        if label is not None and label is not self._label:
            for event in (label.events.set_data, label.events.paint):
                event.connect(self._space_later)
            self._label = label

    def _jumped(self, world_zyx_mm: tuple[float, float, float]) -> None:
        if self.planes is not None:
            self.planes.go_to(world_zyx_mm)

    def _space_later(self, event: Any = None) -> None:
        if self.wishes.is_on and self.wishes.largest in ("", PLANES[3]):
            self._later.start()

    def _show_space(self) -> None:
        item = self._session.item
        if item is not None and self.planes is not None and self.planes.is_on:
            self.planes.space.show(item.image.geometry)
