"""Which place the mouse is over, in every plane, and when the slice changes under it."""

from __future__ import annotations

from itertools import permutations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_aleatoric.model import ClassTable, Geometry, ItemKey, Volume
from napari_aleatoric.session import ItemData, ViewOptions, resolve
from napari_aleatoric.viewer import CursorWatch, Stage

SHAPE = (6, 8, 10)
SCALE = (5.0, 0.5, 2.0)


class Room:
    def __init__(self) -> None:
        self.viewer = ViewerModel()
        self.stage = Stage(self.viewer)
        geometry = Geometry(SHAPE, SCALE)
        image = Volume(np.zeros(SHAPE, np.int16), geometry)
        item = ItemData(ItemKey("a"), image, geometry, np.zeros(SHAPE, np.uint8), "", None, (0.0, 1.0))
        self.stage.show(item, resolve(item, ViewOptions(), ClassTable(())), ClassTable(()))
        self.told: list[Any] = []
        self.watch = CursorWatch(self.viewer, self.told.append)

    def move(self, *world: float) -> None:
        for call in list(self.viewer.mouse_move_callbacks):
            call(self.viewer, SimpleNamespace(position=world))


@pytest.fixture
def room() -> Room:
    return Room()


def test_the_place_is_an_index_with_fractions(room: Room) -> None:
    room.move(10.0, 1.25, 7.0)
    assert room.told[-1] == pytest.approx((2.0, 2.5, 3.5))


@pytest.mark.parametrize("order", list(permutations((0, 1, 2))))
def test_another_slice_comes_under_a_mouse_that_rests(room: Room, order: tuple[int, ...]) -> None:
    room.viewer.dims.order = order
    room.move(10.0, 1.5, 8.0)
    before = room.told[-1]
    room.viewer.dims.set_current_step(order[0], 5)
    after = room.told[-1]
    assert after[order[0]] == pytest.approx(5.0)
    assert [after[a] for a in order[1:]] == pytest.approx([before[a] for a in order[1:]])


def test_nothing_is_told_in_3d_without_our_image_and_after_the_mouse_left(room: Room) -> None:
    room.move(10.0, 1.0, 6.0)
    room.watch.left()
    assert room.told[-1] is None
    n = len(room.told)
    room.viewer.dims.set_current_step(0, 4)
    assert len(room.told) == n
    room.viewer.dims.ndisplay = 3
    room.move(10.0, 1.0, 6.0)
    assert room.told[-1] is None
    room.viewer.dims.ndisplay = 2
    room.stage.clear()
    room.move(10.0, 1.0, 6.0)
    assert room.told[-1] is None
    room.watch.close()
    room.told.clear()
    room.move(10.0, 1.0, 6.0)
    assert not room.told
