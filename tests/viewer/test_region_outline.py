"""The outline of a hot region lies where the region lies; barring its voxels is one step to undo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_aleatoric.uncertainty import HotRegion, hot_regions
from napari_aleatoric.viewer import HOT_REGION, BarredLayer, RegionOutline

SHAPE, SCALE = (7, 20, 24), (4.0, 0.9, 0.6)


def region_of(*spots: tuple[Any, Any, Any]) -> HotRegion:
    values = np.zeros(SHAPE, np.uint8)
    for spot in spots:
        values[spot] = 200
    return hot_regions(lambda _: values, [1], 0.5).regions[0]


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    viewer.add_layer(Image(np.zeros(SHAPE, np.float32), name="image", scale=SCALE, units=("mm", "mm", "mm")))
    viewer.add_layer(Labels(np.zeros(SHAPE, np.uint8), name="label", scale=SCALE, units=("mm", "mm", "mm")))
    return viewer


@pytest.mark.parametrize(
    "spots",
    [
        [(slice(2, 4), slice(5, 9), slice(6, 12)), (slice(3, 6), slice(8, 12), slice(11, 13))],
        [(0, 0, 0)],
        [(6, slice(15, 20), slice(20, 24))],
    ],
)
def test_it_lies_on_the_voxels_of_the_region_and_widens_nothing(viewer: ViewerModel, spots: list[Any]) -> None:
    outline = RegionOutline(viewer, lambda: viewer.layers["image"])
    before = viewer.dims.range
    region = region_of(*spots)
    outline.show(region_of((3, 3, 3)))
    outline.show(region)
    layer = viewer.layers[HOT_REGION]
    image = viewer.layers["image"]
    found = np.zeros(SHAPE, bool)
    for index in np.argwhere(layer.data):
        place = np.round(image.world_to_data(layer.data_to_world(index))).astype(int)
        found[tuple(place)] = True
    expected = np.zeros(SHAPE, bool)
    expected[region.box][region.inside] = True
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(viewer.dims.range, before, rtol=1e-9)
    assert viewer.dims.nsteps == SHAPE
    assert layer.data.nbytes < np.prod(SHAPE) / 2
    assert layer.contour == 1
    assert viewer.layers.selection.active is not layer
    assert layer.locked
    viewer.dims.ndisplay = 3
    assert layer.contour == 0
    outline.show(None)
    assert HOT_REGION not in viewer.layers
    outline.close()


def test_the_layer_that_is_painted_on_stays_chosen(viewer: ViewerModel) -> None:
    label = viewer.layers["label"]
    viewer.layers.selection.active = label
    outline = RegionOutline(viewer, lambda: viewer.layers["image"])
    for region in (region_of((3, 3, 3)), region_of((4, 9, 9)), None):
        outline.show(region)
        assert viewer.layers.selection.active is label
    outline.close()
    assert [layer.name for layer in viewer.layers] == ["image", "label"]


def test_barring_a_region_is_one_step_that_the_layer_undoes(viewer: ViewerModel) -> None:
    from types import SimpleNamespace

    mask = np.zeros(SHAPE, np.uint8)
    mask[3, 3, 3] = 1
    told: list[int] = []
    barred = BarredLayer(viewer, lambda: viewer.layers["label"], lambda: told.append(1))
    item: Any = SimpleNamespace(barred=SimpleNamespace(mask=mask))
    barred._item = item
    region = region_of((slice(3, 5), slice(3, 6), slice(3, 6)))
    barred.write(region.box, region.inside, 1)
    assert mask.sum() == 18
    layer = barred.layer
    assert layer is not None
    assert layer.data is mask
    assert told
    layer.undo()
    assert mask.sum() == 1
    layer.redo()
    assert mask.sum() == 18
    barred.write(region.box, region.inside, 0)
    assert mask.sum() == 0
    barred.close()
