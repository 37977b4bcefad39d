"""Outlines of all readers, the region in question and the outcome, on a ViewerModel."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_aleatoric.model import ClassInfo, ClassTable, ItemKey
from napari_aleatoric.session import AdjudicationScene, ReaderMark
from napari_aleatoric.uncertainty import disputed_regions
from napari_aleatoric.viewer import DIMMED, OUTCOME, REGION, ReaderLayers, look_at_region

SCALE = (3.0, 0.5, 0.5)
CLASSES = ClassTable((ClassInfo(class_index=1, label_value=4, class_name="liver"),))


@pytest.fixture
def viewer() -> ViewerModel:
    made = ViewerModel()
    made.add_layer(Image(np.zeros((8, 40, 60), np.float32), scale=SCALE, contrast_limits=(0, 1)))
    return made


@pytest.fixture
def scene() -> AdjudicationScene:
    labels = np.zeros((2, 8, 40, 60), np.uint16)
    labels[:, 2:6, 5:15, 5:15] = 1
    labels[0, 5:8, 30:36, 50:55] = 1
    labels[1, 0:2, 20:24, 20:24] = 1
    marks = (ReaderMark(1, "ann", "#e69f00"), ReaderMark(2, "region", "#56b4e9"))
    return AdjudicationScene(ItemKey("c", "ann"), marks, labels, labels[0].copy(), disputed_regions(labels, SCALE))


@pytest.fixture
def layers(viewer: ViewerModel, scene: AdjudicationScene) -> ReaderLayers:
    made = ReaderLayers(viewer, lambda: viewer.layers[0])
    made.show(scene, CLASSES)
    return made


def test_every_reader_has_their_colour_and_nobody_paints_on_them(
    viewer: ViewerModel, layers: ReaderLayers, scene: AdjudicationScene
) -> None:
    assert [layer.name for layer in layers.layers] == ["Outcome", "1 ann", "2 region"]
    for mark, colour in zip(scene.readers, ((230, 159, 0), (86, 180, 233)), strict=True):
        layer = layers.find(f"reader {mark.name}")
        assert (np.round(np.asarray(layer.get_color(1))[:3] * 255) == colour).all()
        assert layer.contour == 1
        assert not layer.editable
        assert layer.locked
        assert tuple(layer.scale) == SCALE
    assert viewer.layers.selection.active is layers.find(OUTCOME)
    assert layers.find(OUTCOME).data is scene.shown


def test_only_the_region_in_question_is_marked_and_the_rest_dimmed(
    viewer: ViewerModel, layers: ReaderLayers, scene: AdjudicationScene
) -> None:
    for region in (*scene.regions, scene.regions[0]):
        layers.mark(region, dimmed=True)
        wanted = np.zeros(scene.shown.shape, bool)
        wanted[region.box][region.inside] = True
        np.testing.assert_array_equal(np.asarray(layers.find(REGION).data) == 1, wanted)
        np.testing.assert_array_equal(np.asarray(layers.find(DIMMED).data) == 1, wanted)
    dark = layers.find(DIMMED).colormap.map(np.array([0, 1]))
    assert dark[:, 3] == pytest.approx([0.6, 0.0])
    names = [layer.name for layer in viewer.layers]
    assert names.index("Outcome") < names.index("1 ann") < names.index("Dim") < names.index("Region")
    layers.mark(scene.regions[0], dimmed=False)
    assert layers.find(DIMMED) is None
    assert layers.find(REGION).name == "Region"  # a reader of that name is another layer


def test_camera_and_slice_go_to_the_middle_of_the_region(viewer: ViewerModel, scene: AdjudicationScene) -> None:
    region = scene.regions[0]
    viewer.scene.camera.zoom = 1.0
    look_at_region(viewer, region, SCALE, scene.shown.shape, whole=3.0)
    assert viewer.dims.point[0] == pytest.approx(6 * 3.0)
    assert viewer.scene.camera.center[-2:] == pytest.approx((32.5 * 0.5, 52 * 0.5))
    assert viewer.scene.camera.zoom == pytest.approx(3.0 * min(0.3 * 40 / 6, 0.3 * 60 / 5))
    viewer.scene.camera.zoom = zoom = viewer.scene.camera.zoom * 1.5  # near enough: what a person chose stays
    look_at_region(viewer, region, SCALE, scene.shown.shape, whole=3.0)
    assert viewer.scene.camera.zoom == zoom


def test_a_reader_beside_the_others_and_back(viewer: ViewerModel, layers: ReaderLayers, scene) -> None:
    layers.mark(scene.regions[0], dimmed=False)
    layers.put_beside("ann")
    assert viewer.canvas.grid.enabled
    assert [layer.name for layer in viewer.layers][-3:] == ["Image (right)", "1 ann", "Region (right)"]
    layers.put_beside("region")
    assert [layer.name for layer in viewer.layers][-3:] == ["Image (right)", "2 region", "Region (right)"]
    layers.put_beside("")
    assert not viewer.canvas.grid.enabled
    assert [layer.name for layer in viewer.layers][1:] == ["Outcome", "1 ann", "2 region", "Region"]
    layers.hide()
    assert len(viewer.layers) == 1


def test_painting_is_told_and_drawing_anew_is_not(viewer: ViewerModel, scene: AdjudicationScene) -> None:
    told: list[bool] = []
    layers = ReaderLayers(viewer, lambda: viewer.layers[0], told.append)
    layers.show(scene, CLASSES)
    layers.paint(1)
    outcome = layers.find(OUTCOME)
    assert (outcome.mode, outcome.selected_label) == ("paint", 1)
    told.clear()
    outcome.paint((2.0, 20.0, 20.0), 1)
    assert told
    told.clear()
    layers.redraw()
    assert told == []
    layers.paint(None)
    assert outcome.mode == "pan_zoom"
    layers.close()
