"""Kinds of brush and locks under napari's own tools, each stroke one step of undo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_aleatoric.editing import Scope, edit_between, grow
from napari_aleatoric.session import EditWishes
from napari_aleatoric.viewer import PaintHook, RegionPad, SourceLayer, put_edit, voxel_at

SPACING = (4.0, 0.5, 1.0)


class Painted:
    """A label of two classes under a hook, on an image of two tissues."""

    def __init__(self) -> None:
        self.viewer = ViewerModel()
        data = np.zeros((7, 40, 30), np.uint8)
        data[:, 10:20, 5:12] = 2
        self.layer = Labels(data, scale=SPACING)
        self.viewer.add_layer(self.layer)
        self.viewer.dims.set_point(0, 3 * SPACING[0])
        self.image = np.zeros(data.shape, np.float32)
        self.image[:, :, 15:] = 100
        self.wishes = EditWishes()
        self.told: list[int] = []
        self.hook = PaintHook(self.viewer, self.layer, self.wishes, lambda: self.image, self.told.append)
        self.layer.brush_size = 16
        self.before = data.copy()

    def stroke(self, *places: tuple[float, float, float], value: int = 1) -> np.ndarray:
        """Draw as napari's brush does while it is dragged; return what changed."""
        self.layer.mode = "paint"
        n, before = len(self.layer._undo_history), self.layer.data.copy()
        with self.layer.block_history():
            last = places[0]
            for place in places:
                self.layer._draw(value, last, place)
                last = place
        changed = self.layer.data != before
        assert len(self.layer._undo_history) == n + bool(changed.any()), "one stroke, one step"
        if changed.any():
            after = self.layer.data.copy()
            self.layer.undo()
            assert np.array_equal(self.layer.data, before)
            self.layer.redo()
            assert np.array_equal(self.layer.data, after)
        return changed


@pytest.fixture
def painted() -> Painted:
    return Painted()


def test_a_plain_brush_is_napari_s(painted: Painted) -> None:
    painted.stroke((3, 20, 14))
    viewed = ViewerModel()
    other = Labels(painted.before.copy(), scale=SPACING)
    viewed.add_layer(other)
    viewed.dims.set_point(0, 3 * SPACING[0])
    other.brush_size = 16
    other.paint((3, 20, 14), 1)
    assert (other.data == 1).any()
    assert np.array_equal(painted.layer.data, other.data)


def test_a_range_is_painted_alone(painted: Painted) -> None:
    painted.wishes.brush, painted.wishes.low, painted.wishes.high = "range", 50, 150
    changed = painted.stroke((3, 20, 14), (3, 20, 18))
    assert changed.any()
    assert not changed[:, :, :15].any()
    assert set(np.nonzero(changed)[0]) == {3}
    where = np.argwhere(changed[3])
    assert where[:, 0].min() == 12, "round in mm, as napari's circle: 8 rows of 0.5 mm up"
    assert where[:, 1].max() == 18 + 4, "4 columns of 1 mm to the right"
    assert (painted.layer.data[changed] == 1).all()


def test_an_edge_holds_the_brush_and_the_eraser(painted: Painted) -> None:
    painted.wishes.brush = "edge"
    changed = painted.stroke((3, 25, 12))
    assert changed[3, 25, 12:15].all()
    assert not changed[:, :, 15:].any()
    painted.layer.data[3] = 1
    erased = painted.stroke((3, 30, 17), value=0)
    assert erased[3, 30, 15:20].all()
    assert not erased[:, :, :15].any()


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2)])
def test_a_ball_is_as_high_as_it_is_wide_in_mm(painted: Painted, order: Any) -> None:
    painted.viewer.dims.order = order
    painted.wishes.brush = "ball"
    painted.layer.brush_size = 20  # radius: 10 of the smallest voxels on the screen, which are 0.5 or 1 mm
    radius = 10 * min(SPACING[k] for k in order[1:])
    changed = painted.stroke((3, 30, 20))
    off = (np.argwhere(changed) - (3, 30, 20)) * SPACING
    assert np.abs(off).max(axis=0).tolist() == [4 * (radius // 4), radius, radius]
    assert np.linalg.norm(off, axis=1).max() <= radius
    assert len(set(np.nonzero(changed)[0])) == (3 if radius < 8 else 5)


@pytest.mark.parametrize("kind", ["plain", "range", "edge", "ball"])
def test_a_locked_class_is_not_painted_over(painted: Painted, kind: Any) -> None:
    painted.wishes.brush, painted.wishes.low = kind, -10
    painted.wishes.locked = frozenset({2})
    changed = painted.stroke((3, 22, 9), (3, 15, 9))
    assert changed.any()
    assert not changed[painted.before == 2].any()
    painted.wishes.locked = frozenset({1})
    assert not painted.stroke((3, 30, 9)).any(), "nor drawn"
    assert painted.told == [1]


def test_locks_hold_fill_polygon_and_what_a_model_draws(painted: Painted) -> None:
    painted.wishes.locked = frozenset({2})
    layer = painted.layer
    layer.fill((3, 12, 7), 1)
    layer.paint_polygon(np.array([[3, 5, 2], [3, 5, 20], [3, 30, 20], [3, 30, 2]], float), 1)
    assert (layer.data[3] == 1).sum() > 200
    assert np.array_equal(layer.data == 2, painted.before == 2)
    assert len(layer._undo_history) == 2, "what was filled and set back, and the polygon"
    layer.data_setitem((np.array([0, 0]), np.array([12, 30]), np.array([7, 7])), np.array([3, 3]))
    assert layer.data[0, 30, 7] == 3
    assert layer.data[0, 12, 7] == 2
    layer.undo()
    layer.undo()
    layer.undo()
    assert np.array_equal(layer.data, painted.before)


def test_preserve_labels_counts_for_all_brushes(painted: Painted) -> None:
    painted.layer.preserve_labels = True
    painted.wishes.brush = "ball"
    assert not painted.stroke((3, 15, 9))[painted.before == 2].any()
    painted.layer.selected_label = 2
    erased = painted.stroke((3, 15, 12), value=0)
    assert set(painted.before[erased]) == {2}


def test_an_edit_is_one_step_and_only_on_what_it_was_worked_out_for(painted: Painted) -> None:
    layer = painted.layer
    edit = grow(layer.data, 2, Scope(), 2.0, SPACING)
    assert put_edit(layer, edit)
    assert np.array_equal(layer.data, edit.applied_to(painted.before))
    layer.undo()
    assert np.array_equal(layer.data, painted.before)
    layer.paint((3, 9, 8), 1)
    assert not put_edit(layer, edit)
    assert not (layer.data[0, 9, 5:12] == 2).any(), "nothing of it"
    assert put_edit(layer, edit_between(layer.data, layer.data))


def test_closing_gives_napari_s_tools_back(painted: Painted) -> None:
    painted.wishes.locked = frozenset({2})
    painted.hook.close()
    painted.layer.fill((3, 12, 7), 1)
    assert not (painted.layer.data[3] == 2).any()


def test_a_place_and_a_source(painted: Painted) -> None:
    viewer, layer = painted.viewer, painted.layer
    assert voxel_at(viewer, layer, (12.1, 4.9, 7.2)) == (3, 10, 7)
    assert voxel_at(viewer, layer, (12.1, 4.9, 30.0)) is None
    source = SourceLayer(viewer, lambda: layer)
    viewer.layers.selection.active = layer
    source.show(painted.before, "reader ann")
    assert [each.name for each in viewer.layers][1:] == ["Take from reader ann"]
    assert tuple(source.layer.scale) == SPACING
    assert viewer.layers.selection.active is layer
    source.show(painted.before[:, 1:], "the original label")
    assert source.layer.data.shape == (7, 39, 30)
    source.show(None)
    assert source.layer is None
    pad = RegionPad(viewer, lambda: layer, lambda place: None)
    layer.mode = "paint"
    pad.turn(True)
    assert layer.mode == "pan_zoom"
    layer.mode = "erase"
    assert not pad.on, "another tool ends it"
    pad.close()
    source.close()
