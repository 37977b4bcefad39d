"""Reference, before and after as layers: what they show, that they go away, and two panels with one camera."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_aleatoric.model import ItemKey
from napari_aleatoric.session import ComparedMasks
from napari_aleatoric.viewer import COMPARED_COLOURS, ComparedLayers

SHAPE = (6, 20, 30)
LOOK: dict[str, Any] = {"scale": (5.0, 0.7, 0.7), "units": "mm", "axis_labels": ("z", "y", "x")}


def mask(start: int) -> np.ndarray:
    found = np.zeros(SHAPE, np.uint16)
    found[1:4, 4:9, start : start + 6] = 1
    found[4, 10, start] = 2
    return found


class Window:
    def __init__(self, fine: int = 1) -> None:
        self.viewer = ViewerModel()
        grey = np.linspace(0, 1, np.prod(SHAPE)).reshape(SHAPE)
        self.image = Image(np.repeat(grey, fine, axis=1), name="Image", **LOOK)
        self.label = Labels(np.zeros(self.image.data.shape, np.uint8), name="Label", **LOOK)
        for layer in (self.image, self.label):
            self.viewer.add_layer(layer)
        self.viewer.layers.selection.active = self.label
        self.viewer.reset_view()
        self.left = 0
        self.layers = ComparedLayers(self.viewer, lambda: self.image, self._ended)

    def _ended(self) -> None:
        self.left += 1

    @property
    def names(self) -> list[str]:
        return [layer.name for layer in self.viewer.layers]

    def panels(self) -> list[list[str]]:
        """Names of the layers in each panel, from left to right."""
        grid = self.viewer.canvas.grid
        return [[self.names[i] for i in inside] for _, inside in grid.iter_viewboxes(self.viewer.layers)]


MASKS = ComparedMasks(ItemKey("a"), mask(5), mask(7), mask(6))


def test_outlines_lie_over_the_image_locked_and_in_their_colours() -> None:
    window = Window()
    window.layers.show(MASKS, side_by_side=False)
    assert window.names == ["Image", "Label", "Before", "After", "Reference"]
    for role, wanted in (("reference", MASKS.reference), ("before", MASKS.before), ("after", MASKS.after)):
        layer = window.layers.find(role)
        assert isinstance(layer, Labels)
        np.testing.assert_array_equal(layer.data, wanted)
        assert tuple(layer.scale) == LOOK["scale"]
        assert layer.locked
        assert not layer.editable
        assert layer.contour > 0
        for value in (1, 2):
            rgb = [round(255 * c) for c in layer.get_color(value)[:3]]
            assert "#" + "".join(f"{c:02x}" for c in rgb) == COMPARED_COLOURS[role]
    assert len(set(COMPARED_COLOURS.values())) == 3
    assert window.viewer.layers.selection.active is window.label, "painting goes on where it was"
    assert not window.viewer.canvas.grid.enabled
    window.layers.hide()
    assert window.names == ["Image", "Label"]
    assert not window.label.data.any()


def test_outlines_of_coarse_images_are_thin_and_of_fine_ones_nested() -> None:
    coarse, fine = Window(), Window(fine=8)
    coarse.layers.show(MASKS, side_by_side=False)
    assert {layer.contour for layer in coarse.layers.layers} == {1}  # type: ignore[attr-defined]
    wide = np.zeros((6, 160, 160), np.uint8)
    fine.image = Image(np.zeros(wide.shape), name="Image", **LOOK)
    fine.layers.show(ComparedMasks(ItemKey("a"), wide, wide, wide), side_by_side=False)
    widths = [layer.contour for layer in fine.layers.layers]  # type: ignore[attr-defined]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 3, "the lower ones show round the upper ones where they agree"


def test_another_case_takes_the_place_of_the_one_before() -> None:
    window = Window()
    window.layers.show(MASKS, side_by_side=False)
    other = ComparedMasks(ItemKey("b"), mask(1), None, mask(2))
    window.layers.show(other, side_by_side=False)
    assert window.names == ["Image", "Label", "After", "Reference"]
    np.testing.assert_array_equal(window.layers.find("after").data, mask(2))
    plain = ComparedMasks(ItemKey("b"), mask(1), mask(3), mask(2), "Plain")
    window.layers.show(plain, side_by_side=False)
    assert set(window.names) == {"Image", "Label", "After", "Reference", "Plain"}


@pytest.mark.parametrize("has_before", [True, False])
def test_side_by_side_and_back(has_before: bool) -> None:
    window = Window()
    camera, grid = window.viewer.scene.camera, window.viewer.canvas.grid
    grid.stride, grid.spacing = 3, 0.25  # a person's own
    window.viewer.reset_view()
    whole = camera.zoom
    masks = MASKS if has_before else ComparedMasks(MASKS.key, MASKS.reference, None, MASKS.after)
    window.viewer.dims.set_point(0, 15.0)
    window.layers.show(masks, side_by_side=True)
    assert grid.enabled
    left, right = window.panels()
    assert ("Before" in left) is has_before
    assert {"Image", "Reference"} < set(left)
    assert right == ["Image (right)", "After", "Reference (right)"]
    assert camera.zoom < whole, "each panel is narrower, and shows all of the image"
    window.image.contrast_limits = (0.25, 0.5)
    assert tuple(window.layers.find("right image").contrast_limits) == (0.25, 0.5)
    window.image.visible = False
    assert not window.layers.find("right image").visible
    window.image.visible = True
    window.layers.show(masks, side_by_side=False)
    assert not grid.enabled
    assert (grid.stride, grid.spacing, grid.shape) == (3, 0.25, (-1, -1))
    assert camera.zoom == pytest.approx(whole)
    assert not any("right" in name for name in window.names)
    assert window.viewer.dims.point[0] == 15.0
    window.image.contrast_limits = (0.5, 0.75)  # nothing is linked to it any more


def test_a_place_that_was_zoomed_in_is_found_again() -> None:
    window = Window()
    camera = window.viewer.scene.camera
    camera.zoom, camera.center = 55.0, (0.0, 4.0, 9.0)
    window.layers.show(MASKS, side_by_side=True)
    assert (camera.zoom, tuple(camera.center)) == (55.0, (0.0, 4.0, 9.0)), "the same place in both panels"
    camera.zoom, camera.center = 20.0, (0.0, 1.0, 1.0)
    window.layers.hide()
    assert (camera.zoom, tuple(camera.center)) == (55.0, (0.0, 4.0, 9.0))
    assert window.names == ["Image", "Label"]


def test_layers_that_come_and_go_keep_to_the_left() -> None:
    window = Window()
    window.layers.show(MASKS, side_by_side=True)
    points = window.viewer.add_points(np.ones((1, 3)), name="mine")
    left, right = window.panels()
    assert "mine" in left
    assert right == ["Image (right)", "After", "Reference (right)"]
    window.viewer.layers.move(0, 4)
    assert window.panels()[1] == right
    window.viewer.layers.remove(points)
    assert window.panels()[1] == right


def test_who_leaves_with_the_button_of_napari_is_heard() -> None:
    window = Window()
    window.layers.show(MASKS, side_by_side=True)
    window.viewer.canvas.grid.enabled = False
    assert window.left == 1
    assert window.names == ["Image", "Label", "Before", "Reference", "After"]
    window.layers.show(MASKS, side_by_side=True)
    window.layers.close()
    assert window.left == 1
    assert window.names == ["Image", "Label"]
    assert not window.viewer.canvas.grid.enabled
