"""Mouse to prompt and mask to label: along every axis, scaled, with napari's own undo."""

from __future__ import annotations

from itertools import permutations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks

from napari_aleatoric.session import Clicks, SlicePlane
from napari_aleatoric.viewer import PromptMarks, PromptPad, draw_slice, plane_in_view, put_mask
from napari_aleatoric.viewer._prompt_pad import box_of_drag

SHAPE = (8, 12, 16)
SCALE = (5.0, 0.5, 2.0)


class Table:
    """A viewer with one label layer and a pad on it."""

    def __init__(self) -> None:
        self.viewer = ViewerModel()
        self.label = Labels(np.zeros(SHAPE, np.uint8), scale=SCALE)
        self.viewer.add_layer(self.label)
        self.viewer.dims.set_point(0, 4 * SCALE[0])
        self.boxes: list[Any] = []
        self.points: list[Any] = []
        self.marks = PromptMarks()
        self.left = 0
        self.pad = PromptPad(
            self.viewer,
            lambda: self.label,
            lambda *a: self.boxes.append(a),
            lambda *a: self.points.append(a),
            self._keep_marks,
            self._leave,
        )

    def _keep_marks(self, marks: PromptMarks) -> None:
        self.marks = marks

    def _leave(self) -> None:
        self.left += 1
        self.pad.mode = ""

    def event(self, kind: str, zyx: tuple[float, ...], button: int = 1, modifiers: tuple[str, ...] = ()) -> Any:
        plane = plane_in_view(self.viewer, self.label) or SlicePlane(0, 0, 1, 2)
        world = self.label.data_to_world(zyx)
        return SimpleNamespace(
            type=kind,
            button=button,
            modifiers=modifiers,
            position=tuple(world),
            pos=np.array([world[plane.right], world[plane.down]]) * 20,
            is_dragging=kind == "mouse_move",
            handled=False,
        )

    def drag(self, *places: tuple[float, ...], button: int = 1, modifiers: tuple[str, ...] = ()) -> list[bool]:
        from napari.utils._proxies import ReadOnlyWrapper

        handled = []
        steps = [("mouse_press", mouse_press_callbacks, places[0])]
        steps += [("mouse_move", mouse_move_callbacks, place) for place in places[1:]]
        steps += [("mouse_release", mouse_release_callbacks, places[-1])]
        for kind, run, place in steps:
            event = self.event(kind, place, button, modifiers)
            run(self.viewer, ReadOnlyWrapper(event, exceptions=("handled",)))
            handled.append(event.handled)
        return handled


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.mark.parametrize("order", list(permutations((0, 1, 2))))
def test_box_along_any_axis_is_in_pixels_of_the_displayed_slice(table: Table, order: tuple[int, ...]) -> None:
    table.viewer.dims.order = order
    axis, down, right = order
    table.viewer.dims.set_point(axis, 3 * SCALE[axis])
    table.pad.mode = "box"
    start, end = [3.0] * 3, [3.0] * 3
    start[down], end[down], start[right], end[right] = 5.4, 1.6, 2.2, 6.7  # drawn from the lower left
    table.drag(tuple(start), tuple(end))
    plane, box = table.boxes[0]
    assert plane == SlicePlane(axis, 3, down, right)
    assert box == (2, 2, 7, 5)
    mask = np.zeros((SHAPE[down], SHAPE[right]), bool)
    mask[2:6, 2:8] = True
    put_mask(table.label, plane, mask, 4)
    expected = np.zeros(SHAPE, np.uint8)
    where = [slice(None)] * 3
    where[axis], where[down], where[right] = slice(3, 4), slice(2, 6), slice(2, 8)
    expected[tuple(where)] = 4
    assert np.array_equal(table.label.data, expected)


def test_box_is_drawn_while_it_is_dragged_and_the_image_stays(table: Table) -> None:
    table.pad.mode = "box"
    handled = table.drag((4, 2, 3), (4, 3, 4), (4, 6, 9))
    assert handled == [True] * 4
    assert table.marks.box == ((1.0, 6.0), (3.0, 18.0))  # world: (down, right)


def test_a_click_is_no_box(table: Table) -> None:
    table.pad.mode = "box"
    table.drag((4, 2, 3))
    assert table.boxes == []
    assert table.marks == PromptMarks()


def test_boxes_end_at_the_slice() -> None:
    assert box_of_drag((-5.0, -5.0), (3.2, 90.0), (16, 12)) == (0, 0, 3, 11)
    assert box_of_drag((17.0, 2.0), (20.0, 4.0), (16, 12)) is None


@pytest.mark.parametrize(
    ("button", "modifiers", "label"), [(1, (), 1), (2, (), 0), (1, ("Shift",), 0), (1, ("Control",), None)]
)
def test_clicks(table: Table, button: int, modifiers: tuple[str, ...], label: int | None) -> None:
    table.pad.mode = "points"
    handled = table.drag((4, 2, 3), button=button, modifiers=modifiers)
    plane = SlicePlane(0, 4, 1, 2)
    assert table.points == ([] if label is None else [(plane, (3.0, 2.0), label)])
    assert handled == [False, False], "the image can be moved as ever"


def test_a_drag_or_a_place_outside_is_no_point(table: Table) -> None:
    table.pad.mode = "points"
    table.drag((4, 2, 3), (4, 6, 9))
    table.drag((4, -3, 3))
    assert table.points == []


def test_the_middle_button_moves_the_image(table: Table) -> None:
    table.pad.mode = "box"
    table.viewer.scene.camera.center = (0.0, 3.0, 16.0)
    table.viewer.scene.camera.zoom = 20.0
    table.drag((4, 2, 3), (4, 4, 4), button=3)
    assert table.boxes == []
    assert tuple(table.viewer.scene.camera.center) == pytest.approx((0.0, 2.0, 14.0))  # 1 mm down, 2 mm right


def test_off_leaves_everything_as_it_was(table: Table) -> None:
    drags, doubles = list(table.viewer.mouse_drag_callbacks), list(table.viewer.mouse_double_click_callbacks)
    table.label.mode = "paint"
    table.pad.mode = "box"
    assert table.label.mode == "pan_zoom"
    assert table.label.cursor == "cross"
    assert list(table.viewer.mouse_double_click_callbacks) == []
    table.pad.mode = "points"
    table.pad.mode = ""
    assert list(table.viewer.mouse_drag_callbacks) == drags
    assert list(table.viewer.mouse_double_click_callbacks) == doubles
    assert table.label.cursor == "standard"
    table.drag((4, 2, 3), (4, 6, 9))
    assert table.boxes == []


def test_choosing_a_tool_ends_the_mode_and_the_tool_keeps_its_cursor(table: Table) -> None:
    table.pad.mode = "box"
    table.label.mode = "paint"
    assert table.left == 1
    assert table.label.cursor == "circle"
    table.label.mode = "erase"
    assert table.left == 1


def test_there_is_no_slice_in_three_dimensions(table: Table) -> None:
    table.viewer.dims.ndisplay = 3
    assert plane_in_view(table.viewer, table.label) is None


def test_axes_of_other_layers_before_ours(table: Table) -> None:
    table.viewer.add_image(np.zeros((3, *SHAPE)))
    table.viewer.dims.set_point(1, 2 * SCALE[0])
    assert plane_in_view(table.viewer, table.label) == SlicePlane(0, 2, 1, 2)
    table.viewer.dims.order = (1, 2, 0, 3)
    assert plane_in_view(table.viewer, table.label) is None, "an axis that the label does not have runs down"


def test_marks_are_in_world_coordinates(table: Table) -> None:
    table.pad.show_points(SlicePlane(0, 4, 1, 2), Clicks(((3.0, 2.0),), (0,)))
    assert table.marks.points == (((1.0, 6.0), 0),)
    table.pad.clear()
    assert table.marks == PromptMarks()


def test_a_mask_is_one_step_of_undo_and_is_heard(table: Table) -> None:
    told: list[Any] = []
    table.label.events.paint.connect(told.append)
    plane = SlicePlane(0, 4, 1, 2)
    table.label.data[4, :2] = 2
    before = table.label.data.copy()
    mask = np.zeros(SHAPE[1:], bool)
    mask[1:5, 3:8] = True
    assert put_mask(table.label, plane, mask, 2, replace=True) == 2 * 16 - 5 + 3 * 5
    assert np.array_equal(table.label.data[4] == 2, mask)
    assert len(told) == 1
    assert put_mask(table.label, plane, mask, 2, replace=True) == 0
    assert len(told) == 1, "nothing changed, nothing to undo"
    table.label.undo()
    assert np.array_equal(table.label.data, before)
    table.label.redo()
    assert np.array_equal(table.label.data[4] == 2, mask)


def test_preserve_labels_is_respected(table: Table) -> None:
    table.label.data[4, 2, 4] = 7
    table.label.preserve_labels = True
    mask = np.ones(SHAPE[1:], bool)
    put_mask(table.label, SlicePlane(0, 4, 1, 2), mask, 2)
    assert table.label.data[4, 2, 4] == 7
    assert (table.label.data[4] == 2).sum() == 12 * 16 - 1


def test_draw_slice_changes_that_slice_only(table: Table) -> None:
    wanted = np.random.default_rng(0).integers(0, 3, (SHAPE[2], SHAPE[0])).astype(np.uint8)
    plane = SlicePlane(1, 5, 2, 0)
    draw_slice(table.label, plane, wanted)
    assert np.array_equal(plane.cut(table.label.data), wanted)
    assert table.label.data.sum() == wanted.sum()
