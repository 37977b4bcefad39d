"""Before and after in a window: picked by mouse and keys, side by side, gone with the case, never saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel
from tests.judged_workspace import MODEL, judged_workspace

from napari_aleatoric.io import Workspace
from napari_aleatoric.review import NETWORK_FOLDER, model_folder
from napari_aleatoric.session import prepare
from napari_aleatoric.session._training_machine import Machine
from napari_aleatoric.training import EXAMPLE_FOLDER, ExampleShelf, NetCase
from napari_aleatoric.widgets import TrainingDock, hub_of, show_docks

pytestmark = pytest.mark.gui


def wait(qtbot: Any, until: Callable[[], bool], timeout: int = 120_000) -> None:
    """Let the window work until something is so; machines under load take their time."""
    qtbot.waitUntil(until, timeout=timeout)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return judged_workspace(tmp_path)


@pytest.fixture
def dock(make_napari_viewer: Any, ws: Workspace, qtbot: Any, monkeypatch: Any) -> Iterator[TrainingDock]:
    """The dock in a laptop's window, its last page in front, a case on the screen."""
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    show_docks(viewer)
    hub = hub_of(viewer)
    monkeypatch.setattr(hub.training, "_look_at", lambda: Machine("the processor (2 cores)", 2**33))
    hub.session.attach(prepare(ws))
    hub.session.go(ws.dataset.items[0])
    hub.performers()["show_training"]()
    _, dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Training")
    dock.tabs.setCurrentWidget(dock.cases_page)
    wait(qtbot, lambda: len(dock.cases.view.rows) == 4 and hub.session.item is not None and dock.height() > 280)
    yield dock
    hub.close()


def names(dock: TrainingDock) -> list[str]:
    return [layer.name for layer in dock.hub.viewer.layers]


def test_a_case_is_picked_and_stands_side_by_side(dock: TrainingDock, ws: Workspace, qtbot: Any) -> None:
    page, viewer, session = dock.cases_page, dock.hub.viewer, dock.session
    table = page.table
    before = names(dock)
    last = dock.cases.view.rows[-1].case_id
    assert table.item(3, 0).text() == last
    assert table.item(0, 3).text().startswith("−"), "the one that lost most, with a minus sign"
    assert table.item(3, 3).text().startswith("+")
    assert "→" in table.item(0, 1).toolTip()
    table.setFocus()
    table.selectRow(2)
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert not dock.cases.view.shown, "to walk along the list asks for nothing"
    qtbot.keyClick(table, Qt.Key.Key_Return)
    wait(qtbot, lambda: "After" in names(dock))
    assert session.item is not None
    assert session.item.key.case_id == last
    assert names(dock) == [*before, "Before", "After", "Reference"]
    masks = dock.cases.masks
    assert masks is not None
    assert dock.hub.stage.slice_index == masks.slice_index
    assert not dock.hub.stage.label_layer.visible
    assert table.item(3, 0).font().bold()
    zoom = viewer.scene.camera.zoom
    qtbot.mouseClick(page.side_by_side, Qt.MouseButton.LeftButton)
    assert viewer.canvas.grid.enabled
    assert viewer.scene.camera.zoom < zoom
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)
    qtbot.keyClick(page.side_by_side, Qt.Key.Key_Space)
    assert not viewer.canvas.grid.enabled
    assert viewer.scene.camera.zoom == pytest.approx(zoom)
    qtbot.mouseClick(page.side_by_side, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(page.hide_masks, Qt.MouseButton.LeftButton)
    assert names(dock) == before
    assert not viewer.canvas.grid.enabled
    assert dock.hub.stage.label_layer.visible
    assert not page.hide_masks.isEnabled()
    session.keep_strokes()
    assert not session.unsaved
    assert not list((ws.root / "corrections").rglob("*.nii*"))


def test_it_goes_with_the_case_and_strokes_are_the_label_s(dock: TrainingDock, ws: Workspace, qtbot: Any) -> None:
    session, table = dock.session, dock.cases_page.table
    place = table.visualItemRect(table.item(0, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    wait(qtbot, lambda: "After" in names(dock))
    item, layer = session.item, dock.hub.stage.label_layer
    assert item is not None
    layer.data_setitem((np.array([1]), np.array([2]), np.array([3])), 1)
    session.keep_strokes()
    assert session.unsaved, "painting is heard while outlines are shown"
    case_id = item.key.case_id
    qtbot.mouseClick(dock.cases_page.side_by_side, Qt.MouseButton.LeftButton)
    session.go(next(key for key in ws.dataset.items if key.case_id != case_id))
    wait(qtbot, lambda: session.item is not None and session.item.key.case_id != case_id)
    assert "After" not in names(dock)
    assert not dock.hub.viewer.canvas.grid.enabled
    assert dock.cases_page.side_by_side.isChecked(), "a wish for the next case"
    session._desk.painting.finish()  # type: ignore[union-attr]
    (saved,) = session.store.corrections(item.key)[-1:]  # type: ignore[union-attr]
    from napari_aleatoric.review import load_correction

    label = load_correction(ws, saved).upright().data
    changed = np.argwhere(label != ws.load_label(*item.key).upright().data)
    assert changed.tolist() == [[1, 2, 3]], "the stroke, and nothing of the outlines"


def test_everything_is_whole_named_and_reached_by_keys(dock: TrainingDock, qtbot: Any) -> None:
    page = dock.cases_page
    dock.cases_page.class_chosen.emit("liver")
    assert page.classes.currentText() == "liver"
    wait(qtbot, lambda: page.isVisible())
    for part in page.findChildren((QLabel, QAbstractButton, QComboBox)):
        if not part.isVisible():
            continue
        right = part.mapTo(page, part.rect().topRight()).x()
        needed = part.heightForWidth(part.width()) if part.hasHeightForWidth() else part.minimumSizeHint().height()
        assert right <= page.width()
        assert part.height() >= needed
    assert page.table.horizontalScrollBar().maximum() == 0
    for control in (page.table, page.classes, page.other, page.legend):
        assert control.accessibleName()
    for control in (page.classes, page.side_by_side, page.hide_masks):
        assert control.toolTip()
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert "Quick look" in page.which.text()
    assert dock.training.view.chosen is not None
    assert dock.training.view.chosen.key == MODEL
    page.other_chosen.emit("nobody")
    assert dock.cases.view.other == "before"


def test_the_window_closes_while_masks_are_shown(dock: TrainingDock, qtbot: Any) -> None:
    dock.cases.pick(dock.cases.view.rows[0].case_id)
    wait(qtbot, lambda: "After" in names(dock))
    dock.cases.put_side_by_side(True)
    viewer = dock.hub.viewer
    dock.hub.close()
    assert not [layer for layer in viewer.layers if "compared" in str(layer.metadata.get("owner"))]
    assert not viewer.canvas.grid.enabled


def test_pictures_of_a_training_appear_beside_its_curves(dock: TrainingDock, ws: Workspace, qtbot: Any) -> None:
    panel, training = dock.example, dock.training
    dock.tabs.setCurrentWidget(dock.curves_page)
    assert not panel.isVisible()
    labels = np.zeros((1, 4, 40, 30), np.uint16)
    labels[0, 2, 10:30, 8:20] = 1
    case = NetCase(np.random.default_rng(0).random((1, 4, 40, 30)).astype(np.float16), labels)
    shelf = ExampleShelf(model_folder(ws, MODEL) / NETWORK_FOLDER / EXAMPLE_FOLDER)
    for step in (1500, 3000):
        shelf.keep(step, case, np.roll(labels[0], step // 1500, axis=2), (1.0, 1.0))
        training.curves_changed.emit(training.curves)
        wait(qtbot, lambda s=step: dock.hub.examples.view.step == s)  # type: ignore[misc]
    wait(qtbot, panel.isVisible)
    assert "3,000" in panel.words.text()
    newest = panel.picture.image
    assert not newest.isNull()
    assert panel.picture.height() >= 60
    assert panel.words.height() >= panel.words.heightForWidth(panel.words.width())
    assert panel.mapTo(dock.curves_page, panel.rect().bottomRight()).x() <= dock.curves_page.width()
    assert panel.slider.accessibleName()
    panel.slider.setFocus()
    qtbot.keyClick(panel.slider, Qt.Key.Key_Left)
    wait(qtbot, lambda: "1,500" in panel.words.text())
    assert panel.picture.image != newest
    shown = panel.picture.grab().toImage()
    blue = [shown.pixelColor(x, y).getRgb()[:3] for x in range(shown.width()) for y in range(shown.height())]
    assert any(b > 200 and r < 120 for r, _, b in blue), "the prediction's outline is painted"
