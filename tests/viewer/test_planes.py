"""Planes beside the window: the same arrays and looks, one brush and one history, one crosshair."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_aleatoric.model import ClassTable, Geometry, ItemKey, Volume
from napari_aleatoric.session import ItemData, PlaneWishes, ViewOptions, resolve
from napari_aleatoric.viewer import LinkedPlanes, Stage

CLASSES = ClassTable.from_names({2: "liver", 9: "tumour"})
GRID = Geometry((12, 20, 30), (5.0, 0.7, 0.9))


def case(name: str, geometry: Geometry = GRID) -> ItemData:
    rng = np.random.default_rng(len(name))
    label = np.zeros(geometry.shape_zyx, np.uint8)
    label[2:5, 3:8, 3:8] = 2
    image = Volume(rng.integers(-100, 300, geometry.shape_zyx).astype(np.int16), geometry)
    return ItemData(ItemKey(name), image, geometry, label, "", None, (-80.0, 250.0))


class Window:
    """A stage with planes on, and without a screen."""

    def __init__(self) -> None:
        self.viewer = ViewerModel()
        self.painted = 0
        self.stage = Stage(self.viewer, self._painted)
        self.wishes = PlaneWishes()
        self.wishes.is_on = True
        self.planes = LinkedPlanes(self.viewer, self.wishes)
        self.stage.jumped.connect(self.planes.go_to)
        self.show(case("a"))
        self.planes.turn_on()
        self.follow()
        self.coronal, self.sagittal = (plane.viewer for plane in self.planes.flat)

    def _painted(self) -> None:
        self.painted += 1

    def show(self, item: ItemData) -> None:
        self.item = item
        self.stage.show(item, resolve(item, ViewOptions(), CLASSES), CLASSES)

    def follow(self) -> None:
        self.planes.show(self.item.image.geometry, has_sides=True)

    @property
    def label(self) -> Labels:
        layer = self.stage.label_layer
        assert layer is not None
        return layer


@pytest.fixture
def window() -> Any:
    made = Window()
    yield made
    made.planes.close()
    made.stage.close()


def named(viewer: ViewerModel) -> dict[str, Any]:
    return {layer.name: layer for layer in viewer.layers}


def counted(viewer: ViewerModel) -> list[str]:
    """Return a list that grows whenever a layer of a viewer is sliced or drawn anew."""
    seen: list[str] = []
    for layer in viewer.layers:
        layer.events.set_data.connect(lambda event, name=layer.name: seen.append(name))
    return seen


def test_planes_show_the_same_arrays(window: Window) -> None:
    for viewer, order in ((window.coronal, (1, 0, 2)), (window.sagittal, (2, 0, 1))):
        assert viewer.dims.order == order
        assert [layer.name for layer in viewer.layers] == [layer.name for layer in window.viewer.layers]
        for layer in window.viewer.layers:
            twin = named(viewer)[layer.name]
            assert twin.data is layer.data
            assert tuple(twin.scale) == tuple(layer.scale)
        assert viewer.layers.selection.active is named(viewer)["Label"]


def test_looks_and_brush_are_the_same_everywhere(window: Window) -> None:
    window.viewer.layers["Image"].contrast_limits = (0, 99)
    assert named(window.coronal)["Image"].contrast_limits == [0, 99]
    named(window.sagittal)["Image"].contrast_limits = (10, 50)
    assert window.viewer.layers["Image"].contrast_limits == [10, 50]
    assert named(window.coronal)["Image"].contrast_limits == [10, 50]
    window.label.brush_size, window.label.mode, window.label.selected_label = 3, "paint", 9
    for viewer in (window.coronal, window.sagittal):
        twin = named(viewer)["Label"]
        assert (twin.brush_size, twin.mode, twin.selected_label) == (3, "paint", 9)
    named(window.coronal)["Label"].mode = "erase"
    assert window.label.mode == named(window.sagittal)["Label"].mode == "erase"
    window.label.visible = False
    window.label.contour = 0
    assert not named(window.coronal)["Label"].visible
    assert named(window.coronal)["Label"].contour == 0


def test_a_stroke_in_a_plane_is_one_step_of_the_one_history(window: Window) -> None:
    before, twin, other = window.painted, named(window.sagittal)["Label"], named(window.coronal)["Label"]
    was = window.item.label.copy()
    strokes: list[Any] = []
    window.label.events.paint.connect(strokes.append)
    window.sagittal.dims.set_point(2, 20 * 0.9)
    twin.brush_size = 1
    redrawn = counted(window.viewer)
    twin.paint((6, 10, 20), 9)
    assert window.item.label[6, 10, 20] == 9
    assert (window.item.label != was).sum() == 1
    assert len(strokes) == 1
    assert window.painted > before
    assert "Label" in redrawn
    window.label.brush_size = 1
    window.label.paint((6, 2, 2), 2)
    assert window.item.label[6, 2, 2] == 2
    other.undo()  # what was painted last, wherever
    assert window.item.label[6, 2, 2] == 0
    window.label.undo()
    assert (window.item.label == was).all()
    twin.redo()
    other.redo()
    assert (window.item.label[6, 10, 20], window.item.label[6, 2, 2]) == (9, 2)


@pytest.mark.parametrize("how", ["paint", "undo", "set"])
def test_what_the_window_paints_is_drawn_in_the_planes(window: Window, how: str) -> None:
    if how == "undo":
        window.label.paint((6, 2, 2), 2)
    redrawn = counted(window.coronal)
    if how == "undo":
        window.label.undo()
    elif how == "paint":
        window.label.paint((6, 2, 2), 2)
    else:
        window.label.data_setitem((np.array([3]), np.array([4]), np.array([5])), 9)
    assert set(redrawn) == {"Label"}


def test_scrolling_slices_only_the_plane_that_scrolls(window: Window) -> None:
    coronal, sagittal, axial = (counted(v) for v in (window.coronal, window.sagittal, window.viewer))
    for z in (3, 4, 5):
        window.stage.go_to_slice(z)
        assert window.wishes.place[0] == pytest.approx(5.0 * z)
    assert axial
    assert not coronal
    assert not sagittal
    axial.clear()
    window.coronal.dims.set_current_step(1, 4)
    assert window.wishes.place[1] == pytest.approx(0.7 * 4)
    assert coronal
    assert not sagittal
    assert not axial


def test_jumping_moves_all_planes(window: Window) -> None:
    window.coronal.dims.set_current_step(1, 4)
    window.stage.jump_to((3, 17, 21))
    assert window.stage.slice_index == 3
    assert window.coronal.dims.current_step[1] == 17
    assert window.sagittal.dims.current_step[2] == 21
    assert window.wishes.place == pytest.approx((15.0, 17 * 0.7, 21 * 0.9))
    window.stage.jump_to((3, 0, 0))
    window.coronal.dims.set_current_step(1, 9)
    window.stage.jump_to((3, 0, 0))  # back to where the window still thinks it is
    assert window.coronal.dims.current_step[1] == 0


def test_the_next_case_comes_into_all_planes(window: Window) -> None:
    for geometry in (GRID, Geometry((9, 14, 16), (3.0, 1.0, 1.0))):
        window.label.paint((6, 2, 2), 2)
        window.show(case("another", geometry))
        window.follow()
        twin = named(window.coronal)["Label"]
        assert twin.data is window.item.label
        assert tuple(twin.scale) == geometry.spacing_zyx_mm
        assert named(window.sagittal)["Image"].data is window.viewer.layers["Image"].data
        twin.undo()
        assert not window.item.label[6, 2, 2]  # strokes of the case before are not undone in this one
        twin.paint((7, 2, 2), 9)
        window.label.undo()
        assert not window.item.label[7, 2, 2]


def test_letters_and_scale_bars_stand_in_each_plane(window: Window) -> None:
    letters = [plane.letters.letters for plane in window.planes.flat]
    assert letters == [("S", "I", "R", "L"), ("S", "I", "A", "P")]
    assert all(plane.viewer.canvas.overlays.scale_bar.visible for plane in window.planes.flat)
    unknown = Geometry((12, 20, 30), spacing_known=False)
    window.show(case("a", unknown))
    window.planes.show(unknown, has_sides=False)
    assert [plane.letters.letters for plane in window.planes.flat] == [None, None]
    assert not any(plane.viewer.canvas.overlays.scale_bar.visible for plane in window.planes.flat)


def test_off_means_as_before(window: Window) -> None:
    callbacks = [list(getattr(window.viewer, f"mouse_{kind}_callbacks")) for kind in ("move", "drag")]
    window.planes.turn_off()
    assert not list(window.coronal.layers)
    assert len(window.viewer.mouse_move_callbacks) == len(callbacks[0]) - 1
    assert len(window.viewer.mouse_drag_callbacks) == len(callbacks[1]) - 1
    place = window.wishes.place
    window.stage.go_to_slice(9)
    window.label.paint((9, 2, 2), 2)
    assert window.wishes.place == place
    window.planes.turn_on()
    window.follow()
    assert named(window.coronal)["Label"].data is window.item.label


def test_what_the_window_no_longer_shows_is_not_seen_in_three_dimensions_either(window: Window) -> None:
    space = window.planes.space
    space.show(GRID)
    assert [layer.name for layer in space.viewer.layers] == ["Label", "Uncertainty"]
    assert space.viewer.layers["Label"].data is window.item.label
    space.hide()
    assert not any(layer.visible for layer in space.viewer.layers)
    space.show(GRID)
    assert space.viewer.layers["Label"].visible
    window.stage.clear()
    assert not list(space.viewer.layers)
    assert not list(window.coronal.layers)


def test_shift_and_the_mouse_take_the_crosshair_along(window: Window) -> None:
    move = SimpleNamespace(modifiers=("Shift",), buttons=[], position=(15.0, 0.0, 9.1))
    for call in window.coronal.mouse_move_callbacks:
        call(window.coronal, move)
    assert window.stage.slice_index == 3
    assert window.sagittal.dims.current_step[2] == 10
    for changed in ({"modifiers": ()}, {"buttons": [1]}):  # no key; a stroke that goes on
        for call in window.coronal.mouse_move_callbacks:
            call(window.coronal, SimpleNamespace(**{**vars(move), "position": (40.0, 0.0, 9.1), **changed}))
    assert window.stage.slice_index == 3


def test_a_zoomed_plane_follows_the_crosshair_out_of_sight(window: Window) -> None:
    camera = window.coronal.scene.camera
    window.coronal.canvas.size = (200, 200)
    camera.center, camera.zoom = (0.0, 5.0, 2.0), 40.0
    window.planes.go_to((5.0, 0.0, 1.8))  # in sight
    assert tuple(camera.center)[-2:] == (5.0, 2.0)
    window.planes.go_to((50.0, 0.0, 18.0))
    assert tuple(camera.center)[-2:] == pytest.approx((50.0, 18.0))
