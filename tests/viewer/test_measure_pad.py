"""Drags become measurements: in the plane on the screen, one at a time, and the brush stays dry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.reading_room import SCALE, Room

from napari_aleatoric.viewer import MeasurePad
from napari_aleatoric.viewer._measure_pad import outline_of_drag


class Desk(Room):
    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[Any] = []
        self.drawing: list[Any] = []
        self.tools: list[str] = []
        self.pad = MeasurePad(
            lambda *what: self.drawn.append(what), lambda *what: self.drawing.append(what), self.tools.append
        )
        self.viewer.mouse_drag_callbacks.insert(0, self.pad.pressed)
        self.viewer.dims.set_current_step(0, 4)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_drag_is_a_distance_and_the_tool_is_laid_down(desk: Desk) -> None:
    desk.pad.tool = "distance"
    assert all(desk.drag((4.5, 1.4), (9.0, 7.0), (13.5, 7.0), button=1))
    ((kind, vertices, axis),) = desk.drawn
    assert (kind, axis) == ("distance", 0)
    assert np.allclose(vertices, [(4, 2, 5), (4, 10, 15)])  # (x, y) on the canvas are millimetres here
    assert np.allclose(desk.drawing[0][1], [(4, 2, 5), (4, 10, 10)])
    assert desk.pad.tool is None
    assert desk.tools == ["distance", ""]
    assert not desk.drag((4.5, 1.4), (9.0, 7.0), button=1)[0]  # the image follows the mouse again
    assert len(desk.drawn) == 1


@pytest.mark.parametrize("mode", ["paint", "erase", "fill"])
def test_the_brush_stays_dry(desk: Desk, mode: str) -> None:
    desk.label.data[:] = 0 if mode == "paint" else 1
    desk.label.mode, desk.label.selected_label = mode, 3
    before = desk.label.data.copy()
    desk.pad.tool = "ellipse"
    desk.drag((4.5, 1.4), (13.5, 7.0), button=1)
    assert len(desk.drawn) == 1
    assert np.array_equal(desk.label.data, before)
    assert desk.label.mode == mode


@pytest.mark.parametrize(
    ("kind", "way", "corners"),
    [
        ("rectangle", [(1, 2, 3), (1, 6, 4), (1, 5, 8)], [(1, 2, 3), (1, 2, 8), (1, 5, 8), (1, 5, 3)]),
        ("ellipse", [(1, 2, 3), (1, 5, 8)], [(1, 2, 3), (1, 2, 8), (1, 5, 8), (1, 5, 3)]),
        ("polygon", [(1, 2, 3), (1, 6, 4), (1.4, 5, 8)], [(1, 2, 3), (1, 6, 4), (1, 5, 8)]),
    ],
)
def test_outlines(kind: Any, way: Any, corners: Any) -> None:
    assert np.allclose(outline_of_drag(kind, way, 0, 1, 2), corners)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 0, 1), (2, 1, 0)])
def test_every_plane(desk: Desk, order: tuple[int, ...]) -> None:
    desk.viewer.dims.order = order
    desk.viewer.dims.set_current_step(order[0], 7)
    axis, down, right = order

    def world(at: tuple[float, float]) -> tuple[float, ...]:
        place = [0.0, 0.0, 0.0]
        place[axis], place[down], place[right] = desk.viewer.dims.point[axis], at[1], at[0]
        return tuple(place)

    desk.place = world  # type: ignore[method-assign]
    desk.pad.tool = "rectangle"
    desk.drag((2.0, 1.0), (6.0, 5.0), button=1)
    ((_, vertices, found),) = desk.drawn
    places = vertices[:, [down, right]] * np.array(SCALE)[[down, right]]
    assert found == axis
    assert np.allclose(vertices[:, axis], 7)
    assert np.allclose(places, [(1, 2), (1, 6), (5, 6), (5, 2)])


@pytest.mark.parametrize("button", [2, 3])
def test_other_buttons_and_clicks_measure_nothing(desk: Desk, button: int) -> None:
    desk.pad.tool = "distance"
    desk.drag((4.5, 1.4), (13.5, 7.0), button=button)
    assert desk.pad.tool == "distance"
    desk.drag((4.5, 1.4), (5.0, 1.9), button=1)  # a click with an unsteady hand
    assert not desk.drawn


def test_nothing_is_measured_in_3d(desk: Desk) -> None:
    desk.pad.tool = "distance"
    desk.viewer.dims.ndisplay = 3
    desk.drag((4.5, 1.4), (13.5, 7.0), button=1)
    assert not desk.drawn
