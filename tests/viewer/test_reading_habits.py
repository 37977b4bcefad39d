"""Width and level by the mouse, slices by the wheel and by pages: on any viewer, along every axis."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from tests.reading_room import SHAPE, Room

from napari_aleatoric.viewer import SliceWheel, drag_window, dragged_window, go_to_end, step_slices


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def wheel(room: Room) -> Iterator[SliceWheel]:
    made = SliceWheel(room.viewer)
    made.is_on = True
    yield made
    made.close()


# -- window ------------------------------------------------------------------------------------------


def test_right_is_wider_and_down_is_darker() -> None:
    assert dragged_window((-100.0, 300.0), 0, 0) == (-100.0, 300.0)
    low, high = dragged_window((-100.0, 300.0), 200 * np.log(2), 0)
    assert (low, high) == pytest.approx((-300.0, 500.0))  # twice as wide, the same level
    low, high = dragged_window((-100.0, 300.0), 0, 100)
    assert (low, high) == pytest.approx((0.0, 400.0))  # a higher level shows everything darker
    low, high = dragged_window((0.0, 1.0), -5000, 0)
    assert low < high


def test_middle_button_drags_the_window(room: Room) -> None:
    room.viewer.mouse_drag_callbacks.append(drag_window)
    assert all(room.drag((100, 100), (150, 100), (150, 160))[:-1])
    assert tuple(room.image.contrast_limits) == pytest.approx(dragged_window((0.0, 1000.0), 50, 60))


@pytest.mark.parametrize(("button", "modifiers"), [(1, ()), (2, ()), (3, ("Control",)), (3, ("Alt",))])
def test_other_buttons_are_naparis(room: Room, button: int, modifiers: tuple[str, ...]) -> None:
    room.viewer.mouse_drag_callbacks.append(drag_window)
    room.drag((10, 10), (90, 90), button=button, modifiers=modifiers)
    assert tuple(room.image.contrast_limits) == (0.0, 1000.0)


def test_who_took_the_button_first_keeps_it(room: Room) -> None:
    """The prompt pad moves the image with the middle button while boxes are drawn."""

    def taken(viewer: Any, event: Any) -> None:
        event.handled = True

    room.viewer.mouse_drag_callbacks.insert(0, taken)
    room.viewer.mouse_drag_callbacks.append(drag_window)
    room.drag((10, 10), (90, 90))
    assert tuple(room.image.contrast_limits) == (0.0, 1000.0)


@pytest.mark.parametrize("mode", ["paint", "erase", "fill"])
def test_the_brush_does_not_draw_while_the_window_is_dragged(room: Room, mode: str) -> None:
    room.viewer.mouse_drag_callbacks.append(drag_window)
    room.label.data[:] = 0 if mode == "paint" else 1
    room.label.mode, room.label.selected_label = mode, 3
    before = room.label.data.copy()
    room.drag((5, 5), (9, 9))
    assert np.array_equal(room.label.data, before)
    room.drag((5, 5), (9, 9), button=1)
    assert not np.array_equal(room.label.data, before)  # and draws again afterwards


def test_a_person_who_changes_the_window_is_heard_and_a_case_is_not(room: Room) -> None:
    told: list[tuple[float, float]] = []
    room.stage.window.on_changed = told.append
    room.show("second", display_range=(5.0, 50.0))
    room.stage.window.wished = lambda shown: (100.0, 200.0)
    room.show("third", display_range=(5.0, 50.0))
    assert tuple(room.image.contrast_limits) == (100.0, 200.0)
    assert not told
    room.image.contrast_limits = (10.0, 20.0)
    assert told == [(10.0, 20.0)]


def test_naparis_slider_reaches_the_window_and_beyond(room: Room) -> None:
    room.stage.window.wished = lambda shown: (-1350.0, 150.0)
    room.show("second")
    low, high = room.image.contrast_limits_range
    assert low < -1350.0
    assert high > 1000.0


# -- slices ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations((0, 1, 2))))
def test_the_wheel_scrolls_along_what_is_not_displayed(
    room: Room, wheel: SliceWheel, order: tuple[int, ...]
) -> None:
    dims = room.viewer.dims
    dims.order = order
    for axis in range(3):
        dims.set_current_step(axis, 5)
    zoom = room.viewer.scene.camera.zoom
    assert room.turn(-1.0)  # towards the user
    assert room.turn(-1.0)
    assert [dims.current_step[axis] - 5 for axis in range(3)] == [2 * int(axis == order[0]) for axis in range(3)]
    assert room.turn(+1.0)
    assert dims.current_step[order[0]] == 6
    assert room.viewer.scene.camera.zoom == zoom


def test_small_turns_of_a_touch_pad_add_up(room: Room, wheel: SliceWheel) -> None:
    room.viewer.dims.set_current_step(0, 5)
    for _ in range(3):
        room.turn(-0.25)
    assert room.viewer.dims.current_step[0] == 5
    room.turn(-0.25)
    assert room.viewer.dims.current_step[0] == 6
    room.turn(-8.0)  # a fast wheel does not skip slices
    assert room.viewer.dims.current_step[0] == 7


def test_the_wheel_stops_at_the_ends(room: Room, wheel: SliceWheel) -> None:
    go_to_end(room.viewer, last=True)
    assert room.viewer.dims.current_step[0] == SHAPE[0] - 1
    room.turn(-1.0)
    assert room.viewer.dims.current_step[0] == SHAPE[0] - 1
    room.turn(+1.0)
    assert room.viewer.dims.current_step[0] == SHAPE[0] - 2


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_control_zooms_where_the_mouse_is(room: Room, wheel: SliceWheel, order: tuple[int, ...]) -> None:
    viewer = room.viewer
    viewer.dims.order = order
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0.0, 30.0, 12.0), 4.0
    before, slice_before = viewer.scene.camera.zoom, viewer.dims.current_step
    place = np.array([11.0, 7.0, 3.0])
    shown = list(viewer.dims.displayed)
    seen = (place[shown] - np.array(viewer.scene.camera.center)[-2:]) * viewer.scene.camera.zoom
    assert room.turn(+1.0, ("Control",), place)
    assert viewer.scene.camera.zoom > before
    assert viewer.dims.current_step == slice_before
    after = (place[shown] - np.array(viewer.scene.camera.center)[-2:]) * viewer.scene.camera.zoom
    assert after == pytest.approx(seen)


def test_off_is_as_napari_has_it(room: Room) -> None:
    callbacks = list(room.viewer.mouse_wheel_callbacks)
    wheel = SliceWheel(room.viewer)
    wheel.is_on = True
    assert list(room.viewer.mouse_wheel_callbacks) != callbacks
    wheel.is_on = False
    assert list(room.viewer.mouse_wheel_callbacks) == callbacks
    room.viewer.dims.set_current_step(0, 5)
    assert not room.turn(-1.0)  # the canvas zooms
    assert room.viewer.dims.current_step[0] == 5
    room.turn(-1.0, ("Control",))
    assert room.viewer.dims.current_step[0] == 6


def test_the_wheel_is_naparis_in_3d_and_where_nothing_of_ours_is(room: Room, wheel: SliceWheel) -> None:
    room.viewer.dims.ndisplay = 3
    assert not room.turn(-1.0)
    room.viewer.dims.ndisplay = 2
    room.stage.clear()
    room.viewer.add_layer(Image(np.zeros(SHAPE)))
    room.viewer.dims.set_current_step(0, 5)
    assert not room.turn(-1.0)
    room.turn(-1.0, ("Control",))
    assert room.viewer.dims.current_step[0] == 6


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_pages_and_ends_in_every_plane(room: Room, order: tuple[int, ...]) -> None:
    dims, axis = room.viewer.dims, order[0]
    dims.order = order
    go_to_end(room.viewer, last=False)
    step_slices(room.viewer, 10)
    assert dims.current_step[axis] == 10
    step_slices(room.viewer, 1000)
    assert dims.current_step[axis] == SHAPE[axis] - 1
    step_slices(room.viewer, -10)
    assert dims.current_step[axis] == SHAPE[axis] - 11
    go_to_end(room.viewer, last=False)
    assert dims.current_step[axis] == 0


def test_a_viewer_without_slices_is_left_alone() -> None:
    viewer = ViewerModel()
    viewer.add_layer(Labels(np.zeros((4, 4), np.uint8)))
    before = viewer.dims.current_step
    step_slices(viewer, 3)
    go_to_end(viewer, last=True)
    assert viewer.dims.current_step == before
