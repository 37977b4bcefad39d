"""How radiologists read, in a window of napari: width and level, the wheel, pages, what is under the mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_aleatoric.session import Habits, ItemData, Kind, Notice, ReviewSession, Windowing, under_cursor
from napari_aleatoric.viewer import CursorWatch, SliceWheel, Stage, drag_window, go_to_end, step_slices

from ._cursor_line import CursorLine
from .keys import N_WINDOWS

__all__ = ["ReadingHabits"]

_PAGE = 10  # slices
_KEEP_MS = 800


class ReadingHabits(QObject):
    """Wires windows, wheel, pages and the line under the mouse of one window to its session.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The window.
    stage : Stage
        Its standing layers.
    session : ReviewSession
        What is on the screen.
    parent : QObject
        Whom it belongs to.
    """

    def __init__(self, viewer: Viewer, stage: Stage, session: ReviewSession, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer: Any = viewer
        self._stage, self._session = stage, session
        self.habits = Habits()
        self.windowing = Windowing(session, self.habits)
        self.wheel = SliceWheel(viewer)
        self.wheel.is_on = self.habits.wheel_scrolls
        stage.window.wished = self.windowing.limits
        stage.window.on_changed = self.windowing.set_by_hand
        viewer.mouse_drag_callbacks.append(drag_window)
        self.watch = CursorWatch(viewer, self._place_changed)
        self.line = CursorLine(viewer, self.watch.left)
        session.item_changed.connect(self._item_changed)
        session.view_changed.connect(self._view_changed)
        self._later = QTimer(self, singleShot=True, interval=_KEEP_MS)
        self._later.timeout.connect(self.habits.save)
        self.windowing.changed.connect(self._window_changed)
        self.habits.wheel_changed.connect(self._wheel_changed)
        self.habits.sides_changed.connect(self._sides_changed)
        stage.turn_sides(self.habits.neurological)

    def performers(self) -> dict[str, Callable[[], None]]:
        """Return what each of its actions does."""
        viewer = self._viewer

        def window(number: int) -> Callable[[], None]:
            return lambda: self.show_window(number)

        return {
            **{f"window_{k + 1}": window(k) for k in range(N_WINDOWS)},
            "window_reset": self.windowing.reset,
            "page_back": lambda: step_slices(viewer, -_PAGE),
            "page_on": lambda: step_slices(viewer, +_PAGE),
            "first_slice": lambda: go_to_end(viewer, last=False),
            "last_slice": lambda: go_to_end(viewer, last=True),
            "toggle_wheel": self.toggle_wheel,
            "toggle_sides": self.toggle_sides,
        }

    def show_window(self, number: int) -> None:
        """Show the window of a number, from 0; say so where this kind of image has none."""
        item = self._session.item
        if item is None:
            return
        n = len(self.windowing.presets(item))
        if number >= n:
            words = f"This kind of image has {n} windows to choose from." if n else "Colours have no window."
            self._session.notice.emit(Notice(words))
        self.windowing.choose(number)

    def toggle_wheel(self) -> None:
        """Let the wheel scroll through slices, or zoom as napari has it."""
        self.habits.wheel_scrolls = not self.habits.wheel_scrolls
        words = "scrolls through slices, Ctrl and the wheel zoom" if self.habits.wheel_scrolls else "zooms"
        self._session.notice.emit(Notice(f"The wheel {words}.", Kind.SUCCESS))

    def toggle_sides(self) -> None:
        """Draw the patient's left at the right, or at the left; the letters say which."""
        self.habits.neurological = not self.habits.neurological
        side = "left (neurological)" if self.habits.neurological else "right (radiological)"
        self._session.notice.emit(Notice(f"The patient's left is at the {side} of the screen now.", Kind.SUCCESS))

    def close(self) -> None:
        """Keep what is wished, and let go of the window."""
        self._later.stop()
        self.habits.save()
        self.windowing.changed.disconnect(self._window_changed)
        self.habits.wheel_changed.disconnect(self._wheel_changed)
        self.habits.sides_changed.disconnect(self._sides_changed)
        if drag_window in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(drag_window)
        self.wheel.close()
        self._session.item_changed.disconnect(self._item_changed)
        self._session.view_changed.disconnect(self._view_changed)
        self.watch.close()
        self.line.let_go()
        self._viewer = None

    def _window_changed(self) -> None:
        layer, item = self._stage.image_layer, self._session.item
        if layer is not None and item is not None:
            self._stage.window.put(layer, item)
            self.line.show_window(self.windowing.words(item))
        self._later.start()

    def _wheel_changed(self, on: bool) -> None:
        self.wheel.is_on = on
        self._later.start()

    def _sides_changed(self, neurological: bool) -> None:
        self._stage.turn_sides(neurological)
        self._later.start()

    def _item_changed(self, item: ItemData) -> None:
        self.line.show_window(self.windowing.words(item))
        self.watch.look_again()

    def _view_changed(self, view: object) -> None:
        self.watch.look_again()

    def _place_changed(self, index_zyx: tuple[float, float, float] | None) -> None:
        item, view = self._session.item, self._session.view
        found = None
        if index_zyx is not None and item is not None and view is not None:
            found = under_cursor(item, index_zyx, self._session.classes, view)
        self.line.show_place("" if found is None else found.words)
