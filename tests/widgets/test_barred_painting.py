"""What is not to be learned from, in a window: key, button, banner, and the words about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.review import WEIGHT_MAP, StrokeJournal, read_barred
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import prepare
from napari_aleatoric.viewer import BARRED
from napari_aleatoric.widgets import Hub, hub_of, show_docks

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


def open_first(hub: Hub, ws: Workspace, qtbot: Any) -> Any:
    hub.session.attach(prepare(ws))
    key = hub.session.queue.key(0)
    hub.session.go(key)
    wait(qtbot, lambda: hub.session.item is not None and hub.session.item.key == key)
    return hub.session.item


def test_key_and_button_hand_over_the_brush(hub: Hub, ws: Workspace, qtbot: Any) -> None:
    review, uncertainty = show_docks(hub.viewer)
    button = uncertainty.barred
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not button.isChecked()
    assert hub.session.options.barring is False, "no case is open"
    item = open_first(hub, ws, qtbot)
    window = hub.window
    window.activateWindow()
    window.setFocus()
    wait(qtbot, window.isActiveWindow)
    QTest.keyClick(window, Qt.Key.Key_D, Qt.KeyboardModifier.ShiftModifier)
    assert button.isChecked()
    layer = hub.viewer.layers.selection.active
    assert (layer.name, layer.mode) == (BARRED, "paint")
    layer.brush_size = 1
    layer.paint((2, 5, 6), 1)
    wait(qtbot, lambda: "●" in review.verdicts.buttons["save_label"].text())  # the window journals by itself
    assert hub.session.unsaved
    QTest.keyClick(window, Qt.Key.Key_S)  # saves it, and makes no version of the label
    wait(qtbot, lambda: not hub.session.unsaved and read_barred(ws, item.key, item.image.geometry).sum() == 1)
    assert hub.session.store.corrections(item.key) == []
    assert hub.viewer.layers.selection.active is layer
    wait(qtbot, lambda: review.case.lines.count() > 0)
    assert review.case.lines.item(0).text().startswith("▨ 1 voxel (")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert hub.viewer.layers.selection.active is hub.stage.label_layer
    assert layer.visible
    assert button.toolTip().endswith("Key: Shift+D")
    assert button.accessibleName()


def test_the_brush_stays_with_it_when_a_first_version_of_the_label_is_saved(
    hub: Hub, ws: Workspace, qtbot: Any
) -> None:
    item = open_first(hub, ws, qtbot)
    hub.stage.label_layer.paint((2, 5, 6), 3)
    hub.performers()["paint_barred"]()
    hub.performers()["save_label"]()
    wait(qtbot, lambda: len(hub.session.store.corrections(item.key)) == 1 and not hub.session.unsaved)
    assert "Original label" in [layer.name for layer in hub.viewer.layers]
    assert hub.session.options.barring is True
    assert hub.viewer.layers.selection.active.name == BARRED


def test_prompts_take_the_mouse_back(hub: Hub, ws: Workspace, qtbot: Any) -> None:
    open_first(hub, ws, qtbot)
    hub.performers()["paint_barred"]()
    hub.viewer.layers.selection.active = hub.stage.label_layer  # as every tool of the label does
    assert hub.session.options.barring is False


def test_strokes_of_a_crash_are_offered_and_drawn(hub: Hub, ws: Workspace, qtbot: Any) -> None:
    key = ws.dataset.items[0]
    shape = ws.load_image(key.case_id).upright().geometry.shape_zyx
    journal = StrokeJournal.open(ws, key, "ann", "", shape, WEIGHT_MAP)
    journal.append([[2, 5, 6], [2, 5, 7]], old=0, new=1)
    journal.close()
    review, _ = show_docks(hub.viewer)
    open_first(hub, ws, qtbot)
    hub.session.go(key)
    wait(qtbot, lambda: hub.session.item is not None and hub.session.item.key == key)
    wait(qtbot, review.banner.isVisible)
    assert review.banner.words.text().startswith("2 voxels that are not to be learned from, painted ")
    qtbot.mouseClick(review.banner.restore, Qt.MouseButton.LeftButton)
    layer = hub.barred.layer.layer
    assert layer is not None
    assert layer.visible
    assert layer.data[2, 5, 6] == layer.data[2, 5, 7] == 1
    assert layer.data.sum() == 2
