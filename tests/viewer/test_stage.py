"""Layers of a case: in their place, in true proportions, locked or paintable, and standing from case to case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_aleatoric.model import ClassTable, Geometry, ItemKey, Volume
from napari_aleatoric.session import HeatMaps, ItemData, ViewOptions, resolve
from napari_aleatoric.viewer import Stage

CLASSES = ClassTable.from_names({2: "liver", 9: "tumour"})


class MapOnDisk:
    class_indices = (1, 2)

    def __init__(self, shape: tuple[int, int, int], hot: tuple[int, int, int]) -> None:
        self.geometry = Geometry(shape)
        self._values = np.zeros((2, *shape), np.uint8)
        self._values[0][hot] = 240
        self._values[1][tuple(n - 1 for n in shape)] = 200

    def of(self, class_index: int) -> np.ndarray:
        return self._values[class_index - 1]


def case(name: str, shape: tuple[int, int, int] = (12, 20, 30), **changes: Any) -> ItemData:
    geometry = changes.pop("geometry", Geometry(shape, (5.0, 0.7, 0.7)))
    rng = np.random.default_rng(len(name))
    label = np.zeros(shape, np.uint8)
    label[2:5, 3:8, 3:8] = 2
    fields: dict[str, Any] = {
        "key": ItemKey(name),
        "image": Volume(rng.integers(-100, 300, shape).astype(np.int16), geometry),
        "stored_geometry": geometry,
        "label": label,
        "label_version": "",
        "original": None,
        "display_range": (-80.0, 250.0),
    }
    if "heat" not in changes:
        fields["heat"] = HeatMaps(MapOnDisk(shape, (7, 4, 5)))
    return ItemData(**{**fields, **changes})


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def options() -> ViewOptions:
    return ViewOptions()


@pytest.fixture
def painted() -> list[int]:
    return []


@pytest.fixture
def stage(viewer: ViewerModel, painted: list[int]) -> Stage:
    return Stage(viewer, on_painted=lambda: painted.append(1))


def show(stage: Stage, item: ItemData, options: ViewOptions) -> None:
    stage.show(item, resolve(item, options, CLASSES), CLASSES)


def named(viewer: ViewerModel) -> dict[str, Any]:
    return {layer.name: layer for layer in viewer.layers}


def test_layers_lie_over_each_other_in_millimetres(stage: Stage, viewer: ViewerModel, options: ViewOptions) -> None:
    show(stage, case("a"), options)
    layers = named(viewer)
    assert list(layers) == ["Image", "Uncertainty", "Label"]
    for layer in layers.values():
        assert tuple(layer.scale) == (5.0, 0.7, 0.7)
        assert {str(unit) for unit in layer.units} == {"millimeter"}
        assert np.array_equal(layer.extent.world, layers["Image"].extent.world)
    assert layers["Image"].locked
    assert layers["Uncertainty"].locked
    assert not layers["Label"].locked
    assert viewer.layers.selection.active is layers["Label"]


def test_label_array_itself_is_painted(
    stage: Stage, viewer: ViewerModel, options: ViewOptions, painted: list[int]
) -> None:
    item = case("a")
    show(stage, item, options)
    painted.clear()
    layer = stage.label_layer
    layer.brush_size = 1
    layer.paint((6, 10, 10), 9)
    assert item.label[6, 10, 10] == 9
    assert painted
    painted.clear()
    layer.undo()
    assert item.label[6, 10, 10] == 0
    assert painted  # undo has to be journalled too


def test_next_case_keeps_the_layers_and_the_tool(stage: Stage, viewer: ViewerModel, options: ViewOptions) -> None:
    show(stage, case("a"), options)
    before = named(viewer)
    before["Label"].mode = "paint"
    before["Label"].brush_size = 17
    other = case("bcd", (30, 16, 18), geometry=Geometry((30, 16, 18), (2.0, 1.1, 1.1)))
    show(stage, other, options)
    after = named(viewer)
    assert all(after[name] is before[name] for name in before)
    assert after["Label"].data is other.label
    assert np.array_equal(after["Image"].data, other.image.data)
    assert tuple(after["Uncertainty"].scale) == (2.0, 1.1, 1.1)
    assert after["Label"].mode == "paint"
    assert after["Label"].brush_size == 17
    assert viewer.dims.range[0].stop == pytest.approx(29 * 2.0)


def test_case_opens_at_its_hottest_slice(stage: Stage, viewer: ViewerModel, options: ViewOptions) -> None:
    show(stage, case("a"), options)
    assert stage.slice_index == 7
    viewer.dims.set_point(0, 0)
    assert stage.slice_index == 0
    stage.jump_to((3, 5, 5))
    assert stage.slice_index == 3
    assert viewer.dims.point[0] == pytest.approx(15.0)  # 3 × 5 mm
    show(stage, case("b"), options)  # the same grid
    assert stage.slice_index == 7


def test_heatmap_of_one_class(stage: Stage, viewer: ViewerModel, options: ViewOptions) -> None:
    item = case("a")
    show(stage, item, options)
    heat = named(viewer)["Uncertainty"]
    assert heat.data[7, 4, 5] == 240
    assert heat.data[11, 19, 29] == 200
    options.hidden_classes = frozenset({1})
    stage.apply(resolve(item, options, CLASSES))
    assert heat.data[7, 4, 5] == 0
    assert heat.data[11, 19, 29] == 200
    options.threshold = 0.5
    stage.apply(resolve(item, options, CLASSES))
    assert list(heat.contrast_limits) == [127.5, 255.0]


def test_scale_of_the_heatmap_is_the_same_in_every_case(
    stage: Stage, viewer: ViewerModel, options: ViewOptions
) -> None:
    show(stage, case("a"), options)
    cold = case("b", heat=HeatMaps(MapOnDisk((12, 20, 30), (0, 0, 0))))
    limits = list(named(viewer)["Uncertainty"].contrast_limits)
    show(stage, cold, options)
    assert list(named(viewer)["Uncertainty"].contrast_limits) == limits


def test_unscored_case_has_no_heatmap_left_over(stage: Stage, viewer: ViewerModel, options: ViewOptions) -> None:
    show(stage, case("a"), options)
    show(stage, case("b", heat=None), options)
    heat = named(viewer)["Uncertainty"]
    assert not heat.visible
    assert np.asarray(heat.data).max() == 0


def test_original_appears_with_a_correction_and_goes_without(
    stage: Stage, viewer: ViewerModel, options: ViewOptions
) -> None:
    options.original_visible = True
    item = case("a", label_version="v1", original=np.ones((12, 20, 30), np.uint8))
    show(stage, item, options)
    original = named(viewer)["Original label"]
    assert original.visible
    assert original.locked
    assert not original.editable
    assert [layer.name for layer in viewer.layers] == ["Image", "Uncertainty", "Original label", "Label"]
    show(stage, case("b"), options)
    assert "Original label" not in named(viewer)


def test_saving_keeps_what_can_be_undone(stage: Stage, viewer: ViewerModel, options: ViewOptions) -> None:
    item = case("a")
    show(stage, item, options)
    label = stage.label_layer
    label.brush_size = 1
    label.paint((6, 10, 10), 9)
    saved = replace(item, label_version="v1", original=np.zeros((12, 20, 30), np.uint8))
    stage.show_version(saved, resolve(saved, options, CLASSES))
    assert "Original label" in named(viewer)
    assert "corrected" in viewer.canvas.overlays.text.text
    assert stage.label_layer is label
    label.undo()
    assert item.label[6, 10, 10] == 0


def test_grey_then_colour(stage: Stage, viewer: ViewerModel, options: ViewOptions) -> None:
    show(stage, case("a"), options)
    shape = (1, 20, 30)
    flat = Geometry(shape, spacing_known=False)
    colour = case(
        "photo",
        shape,
        geometry=flat,
        image=Volume(np.full((*shape, 3), 90, np.uint8), flat),
        heat=HeatMaps(MapOnDisk(shape, (0, 4, 5))),
    )
    show(stage, colour, options)
    layers = named(viewer)
    assert layers["Image"].rgb
    assert [layer.name for layer in viewer.layers] == ["Image", "Uncertainty", "Label"]
    assert {str(unit) for unit in layers["Label"].units} == {"pixel"}
    assert not viewer.canvas.overlays.scale_bar.visible
    show(stage, case("a"), options)
    assert not named(viewer)["Image"].rgb
    assert viewer.canvas.overlays.scale_bar.visible


def letters(viewer: ViewerModel) -> dict[str, str]:
    """Return what is to be read at each place of the canvas besides the title."""
    overlays = viewer.canvas.overlays
    ours = (overlays[name] for name in overlays if name.startswith("aleatoric_"))
    return {str(overlay.position): overlay.text for overlay in ours if overlay.visible}


def at_edges(top: str, bottom: str, left: str, right: str) -> dict[str, str]:
    return {"top_center": top, "bottom_center": bottom, "middle_left": left, "middle_right": right}


def test_letters_of_the_patient_follow_the_view(stage: Stage, viewer: ViewerModel, options: ViewOptions) -> None:
    show(stage, case("a"), options)
    assert letters(viewer) == at_edges("A", "P", "R", "L")
    viewer.dims.order = (1, 0, 2)
    assert letters(viewer) == at_edges("I", "S", "R", "L")
    viewer.dims.order = (2, 0, 1)
    assert letters(viewer) == at_edges("I", "S", "A", "P")
    viewer.dims.order = (0, 2, 1)  # transposed
    assert letters(viewer) == at_edges("R", "L", "A", "P")
    viewer.dims.ndisplay = 3
    assert letters(viewer) == {}
    viewer.dims.ndisplay = 2
    viewer.dims.order = (0, 1, 2)
    viewer.scene.camera.orientation = ("away", "down", "left")
    assert letters(viewer) == at_edges("A", "P", "L", "R")
    viewer.scene.camera.orientation = ("away", "up", "right")
    assert letters(viewer) == at_edges("P", "A", "R", "L")


def test_there_are_no_letters_where_the_sides_are_not_known(
    stage: Stage, viewer: ViewerModel, options: ViewOptions
) -> None:
    show(stage, case("a"), options)
    show(stage, case("b", geometry=Geometry((12, 20, 30), spacing_known=False)), options)
    assert letters(viewer) == {}
    show(stage, case("a"), options)
    assert letters(viewer) == at_edges("A", "P", "R", "L")


def test_the_title_leaves_room_for_the_letter(stage: Stage, viewer: ViewerModel, options: ViewOptions) -> None:
    viewer.canvas.size = (400, 480)
    show(stage, case("a case with a name that takes most of a line of words"), options)
    lines = viewer.canvas.overlays.text.text.splitlines()
    assert " ".join(lines) == "a case with a name that takes most of a line of words"
    assert max(map(len, lines)) * 7 < 480 / 2
    viewer.canvas.size = (400, 1600)
    assert viewer.canvas.overlays.text.text == "a case with a name that takes most of a line of words"


def seen(viewer: ViewerModel) -> tuple[float, ...]:
    """Canvas pixels beyond the edges of the image, over and beside it; negative = the image is cut."""
    height, width = viewer.canvas.size
    camera, extent = viewer.scene.camera, named(viewer)["Image"].extent.world
    corners = (extent[:, 1:] - np.array(camera.center[1:])) * camera.zoom + np.array([height, width]) / 2
    return (*corners[0], height - corners[1][0], width - corners[1][1])


def test_a_dock_that_takes_room_does_not_cut_the_image(
    stage: Stage, viewer: ViewerModel, options: ViewOptions
) -> None:
    viewer.canvas.size = (500, 900)
    show(stage, case("a"), options)
    camera = viewer.scene.camera
    whole = camera.zoom
    assert min(seen(viewer)) >= 0
    viewer.canvas.size = (260, 900)  # a dock opens below the image
    assert min(seen(viewer)) >= 0
    assert camera.zoom < 0.6 * whole
    camera.zoom *= 1 + 1e-7  # what drawing rounds
    viewer.canvas.size = (500, 900)  # and closes
    assert camera.zoom == pytest.approx(whole)


@pytest.mark.parametrize(
    "step", [lambda c: setattr(c, "zoom", c.zoom * 1.1), lambda c: setattr(c, "center", (0, 9, 8))]
)
def test_who_has_zoomed_or_moved_keeps_the_view(
    stage: Stage, viewer: ViewerModel, options: ViewOptions, step: Any
) -> None:
    viewer.canvas.size = (500, 900)
    show(stage, case("a"), options)
    camera = viewer.scene.camera
    step(camera)
    zoom, center = camera.zoom, camera.center
    viewer.canvas.size = (260, 900)
    assert (camera.zoom, camera.center) == (zoom, center)
    viewer.reset_view()  # napari's key and button for it
    viewer.canvas.size = (500, 900)
    assert min(seen(viewer)) >= 0
    assert camera.zoom > zoom / 1.2
    stage.close()
    viewer.canvas.size = (100, 100)
    assert camera.zoom > zoom / 1.2  # nobody listens any more


def test_users_own_layers_are_left_alone(stage: Stage, viewer: ViewerModel, options: ViewOptions) -> None:
    mine = viewer.add_image(np.zeros((4, 4, 4)), name="Image")
    show(stage, case("a"), options)
    show(stage, case("bcd", (30, 16, 18)), options)
    assert mine in viewer.layers
    assert mine.data.shape == (4, 4, 4)
    stage.clear()
    assert list(viewer.layers) == [mine]


def test_three_dimensions_show_label_and_heat_through_each_other(
    stage: Stage, viewer: ViewerModel, options: ViewOptions
) -> None:
    show(stage, case("a"), options)
    layers = named(viewer)
    assert layers["Label"].contour == 1
    viewer.dims.ndisplay = 3
    assert layers["Label"].contour == 0
    assert not layers["Image"].visible
    viewer.dims.ndisplay = 2
    assert layers["Label"].contour == 1
    assert layers["Image"].visible


def test_every_layer_shows_the_new_case_whether_the_slice_moves_or_not(
    stage: Stage, viewer: ViewerModel, options: ViewOptions
) -> None:
    """What is drawn is a cut slice of its own, which could be left over from the case before."""
    places = {"a": (7, 4, 5), "bb": (7, 9, 9), "ccc": (3, 4, 5)}  # the same slice twice, then another
    for name, hot in places.items():
        item = case(name, heat=HeatMaps(MapOnDisk((12, 20, 30), hot)))
        item.label[hot] = 9
        show(stage, item, options)
        layers = named(viewer)
        assert stage.slice_index == hot[0]
        drawn = {role: np.asarray(layer._slice.image.raw) for role, layer in layers.items()}
        np.testing.assert_array_equal(drawn["Image"], item.image.data[hot[0]])
        np.testing.assert_array_equal(drawn["Label"], item.label[hot[0]])
        assert drawn["Uncertainty"][hot[1:]] == 240
        assert (drawn["Uncertainty"] == 240).sum() == 1
