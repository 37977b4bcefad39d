"""Windows, slices and measurements in a real window: keys, wheel and mouse as a reader uses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from tests.canvas import drag, pixel_at

from napari_aleatoric.io import Workspace, measurements_path, scan
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import prepare
from napari_aleatoric.widgets import Hub, hub_of, show_docks
from napari_aleatoric.widgets._layout import show_measure
from napari_aleatoric.widgets.measure import MeasureDock

pytestmark = pytest.mark.gui


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=2, matrix=32))
    return Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))


@pytest.fixture
def hub(make_napari_viewer: Any) -> Iterator[Hub]:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    hub = hub_of(viewer)
    yield hub
    hub.close()


def wait(qtbot: Any, until: Callable[[], bool]) -> None:
    qtbot.waitUntil(until, timeout=60_000)


def open_case(hub: Hub, number: int, qtbot: Any) -> None:
    key = hub.session.queue.key(number)
    hub.session.go(key)
    wait(qtbot, lambda: hub.session.item is not None and hub.session.item.key == key)


def turn(canvas: Any, at: QPoint, notches: int, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
    event = QWheelEvent(
        QPointF(at), QPointF(canvas.mapToGlobal(at)), QPoint(), QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton, modifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)


def test_a_reader_windows_scrolls_and_measures(hub: Hub, ws: Workspace, qtbot: Any) -> None:
    show_docks(hub.viewer)
    show_measure(hub.viewer)
    dock = hub.window.findChild(MeasureDock)
    hub.session.attach(prepare(ws))
    open_case(hub, 0, qtbot)
    image, label = hub.stage.image_layer, hub.stage.label_layer
    canvas = hub.viewer.window._qt_viewer.canvas.native
    hub.window.activateWindow()
    hub.window.setFocus()
    wait(qtbot, hub.window.isActiveWindow)

    # windows by key, kept for the next case
    QTest.keyClick(hub.window, Qt.Key.Key_F8)
    wait(qtbot, lambda: tuple(image.contrast_limits) == (-45.0, 105.0))
    assert dock.window_box.currentText() == "Liver · W 150 L 30"
    assert "W 150 L 30, Liver" in hub.habits.line.text()
    open_case(hub, 1, qtbot)
    assert tuple(image.contrast_limits) == (-45.0, 105.0)
    image.contrast_limits = (0.0, 100.0)  # napari's slider
    open_case(hub, 0, qtbot)
    assert tuple(image.contrast_limits) == (0.0, 100.0)
    QTest.keyClick(hub.window, Qt.Key.Key_0)
    wait(qtbot, lambda: tuple(image.contrast_limits) == hub.session.item.display_range)

    # slices by keys and by the wheel
    depth = label.data.shape[0]
    QTest.keyClick(hub.window, Qt.Key.Key_Home)
    wait(qtbot, lambda: hub.stage.slice_index == 0)
    QTest.keyClick(hub.window, Qt.Key.Key_PageDown)
    wait(qtbot, lambda: hub.stage.slice_index == min(10, depth - 1))
    zoom, before = hub.viewer.scene.camera.zoom, hub.stage.slice_index
    turn(canvas, pixel_at(hub.viewer, label, 10, 10), 1)
    wait(qtbot, lambda: hub.stage.slice_index == before - 1)
    assert hub.viewer.scene.camera.zoom == zoom
    turn(canvas, pixel_at(hub.viewer, label, 10, 10), 1, Qt.KeyboardModifier.ControlModifier)
    wait(qtbot, lambda: hub.viewer.scene.camera.zoom > zoom)
    assert hub.stage.slice_index == before - 1
    hub.viewer.reset_view()

    # what is under the mouse
    QTest.mouseMove(canvas, pixel_at(hub.viewer, label, 9, 12))
    QTest.mouseMove(canvas, pixel_at(hub.viewer, label, 10, 12))
    value = int(image.data[hub.stage.slice_index, 10, 12])
    wait(qtbot, lambda: f"{value} HU" in hub.habits.line.text())

    # a distance by key and mouse
    painted = label.data.copy()
    QTest.keyClick(hub.window, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    wait(qtbot, dock.buttons["distance"].isChecked)
    drag(hub.viewer, label, (8, 6), (8, 26))
    wait(qtbot, lambda: dock.measured.rowCount() == 1)
    assert not dock.buttons["distance"].isChecked()
    words, unit = dock.measured.item(0, 2).text().split()
    pixel = 1.5 / hub.viewer.scene.camera.zoom  # the mouse stands on whole pixels of the canvas
    assert unit == "mm"
    assert float(words) == pytest.approx(20 * hub.session.item.image.geometry.spacing_zyx_mm[2], abs=pixel + 0.05)
    assert np.array_equal(label.data, painted)
    assert [mark.words for mark in hub.measuring.marks.shown] == [f"{words} mm"]
    there = hub.stage.slice_index
    hub.stage.go_to_slice(0)
    assert hub.measuring.marks.shown == ()
    dock.measured.cellClicked.emit(0, 0)
    assert hub.stage.slice_index == there
    assert hub.measuring.marks.shown[0].is_picked

    # another use of the left button lays the tool down
    hub.measuring.take("ellipse")
    assert label.cursor == "cross"
    label.mode = "paint"
    assert hub.measuring.pad.tool is None
    label.mode = "pan_zoom"
    hub.measuring.take("ellipse")
    hub.measuring.take("ellipse")
    assert label.cursor == "standard"
    hub.measuring.take("ellipse")
    hub.segmenting.mode_changed.emit("box")
    assert hub.measuring.pad.tool is None

    # figures of the label, before and after a stroke
    wait(qtbot, lambda: dock.figures.rowCount() > 0)
    assert {dock.figures.item(row, 3).text() for row in range(dock.figures.rowCount())} == {"0"}
    label.selected_label = hub.session.classes.classes[0].label_value
    label.data_setitem((np.array([0, 0]), np.array([1, 1]), np.array([1, 2])), label.selected_label)
    label.events.paint(value=[])
    wait(qtbot, lambda: dock.figures.item(0, 3).text().startswith("+"))

    # kept with the case, and deleted
    path = measurements_path(ws, hub.session.item.key.case_id, hub.session.reader)
    wait(qtbot, path.is_file)
    dock.measured.selectRow(0)
    QTest.keyClick(dock.measured, Qt.Key.Key_Delete)
    assert dock.measured.rowCount() == 0
    assert not dock.delete.isEnabled()
