"""Left and right are turned round on the screen, never in the data; mouse and letters follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from tests.canvas import pixel_of_place

from napari_aleatoric.model import ClassTable, Geometry, ItemKey, Volume
from napari_aleatoric.session import ItemData, ViewOptions, resolve
from napari_aleatoric.viewer import Stage

pytestmark = pytest.mark.gui

CLASSES = ClassTable.from_names({1: "organ"})
GRID = Geometry((8, 20, 30), (3.0, 2.0, 1.5))


def item(geometry: Geometry = GRID) -> ItemData:
    image = np.zeros(GRID.shape_zyx, np.int16)
    image[:, :, :6] = 100  # the patient's right
    label = np.zeros(GRID.shape_zyx, np.uint8)
    return ItemData(ItemKey("a"), Volume(image, geometry), geometry, label, "", None, (0.0, 100.0))


def show(stage: Stage, case: ItemData) -> None:
    stage.show(case, resolve(case, ViewOptions(), CLASSES), CLASSES)


def bright_column(viewer: Any) -> float:
    """Mean column, 0..1, of what is bright, away from title, letters and scale bar."""
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int).sum(axis=-1)
    height, width = picture.shape
    hit = picture[height // 4 : height // 3] > 500
    hit[:, : width // 20] = hit[:, -width // 20 :] = False
    assert hit.any()
    return float(np.nonzero(hit)[1].mean() / width)


def test_the_picture_is_turned_and_the_data_are_not(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    stage, case = Stage(viewer), item()
    show(stage, case)
    was = case.image.data.copy()
    radiological = bright_column(viewer)
    stage.turn_sides(True)
    neurological = bright_column(viewer)
    assert radiological < 0.45
    assert radiological + neurological == pytest.approx(1.0, abs=0.01)
    assert (case.image.data == was).all()

    label, canvas = stage.label_layer, viewer.window._qt_viewer.canvas.native
    label.brush_size, label.mode = 1, "paint"
    z, y, x = (viewer.dims.current_step[0], 12, 4)
    pixel = pixel_of_place(viewer, canvas, (z * 3.0, y * 2.0, x * 1.5))
    assert pixel.x() > canvas.width() / 2  # the patient's right is at the right now
    QTest.mouseMove(canvas, pixel)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=pixel)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=pixel)
    qtbot.waitUntil(lambda: case.label.any(), timeout=60_000)
    assert np.argwhere(case.label).tolist() == [[z, y, x]]

    viewer.dims.ndisplay = 3
    assert [str(way) for way in viewer.scene.camera.orientation] == ["away", "down", "right"]
    viewer.dims.ndisplay = 2
    assert bright_column(viewer) > 0.55
    viewer.dims.order = (2, 0, 1)  # sagittal: left and right are not in the picture
    assert [str(way) for way in viewer.scene.camera.orientation] == ["away", "down", "right"]
    viewer.dims.order = (0, 1, 2)
    show(stage, item(Geometry(GRID.shape_zyx, spacing_known=False)))  # sides are not known
    assert bright_column(viewer) < 0.45
    show(stage, case)
    stage.turn_sides(False)
    assert bright_column(viewer) < 0.45
    stage.close()
