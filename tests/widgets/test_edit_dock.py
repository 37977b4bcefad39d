"""The *Edit* dock in a window: every operation from its button, undone by Ctrl+Z, locked, cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from tests.canvas import pixel_at

from napari_aleatoric.editing import Keep, Scope, fill_holes, grow, interpolate_slices, smooth
from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.samples import SampleSpec, read_truth, write_samples
from napari_aleatoric.session import EditTask, prepare
from napari_aleatoric.widgets import Hub, hub_of, show_docks

pytestmark = pytest.mark.gui


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """Two abdomens that two readers drew."""
    folder = tmp_path / "data"
    write_samples(folder / "samples", SampleSpec(n_cases=2, matrix=32))
    rows = ["case,image,label,reader"]
    readers = ("reader_a", "reader_b")
    pairs = [(case, reader) for case in read_truth(folder / "samples") for reader in readers]
    rows += [f"{c},samples/imagesTr/{c}.nii.gz,samples/readers/{r}/{c}.nii.gz,{r}" for c, r in pairs]
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return Workspace.create(tmp_path / "review", scan(folder))


@pytest.fixture
def hub(make_napari_viewer: Any) -> Iterator[Hub]:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    show_docks(viewer)
    hub = hub_of(viewer)
    yield hub
    hub.close()


def wait(qtbot: Any, until: Callable[[], bool]) -> None:
    qtbot.waitUntil(until, timeout=120_000)


def opened(hub: Hub, ws: Workspace, qtbot: Any) -> tuple[Any, Any]:
    """Open the first case and bring the dock to the front."""
    hub.session.attach(prepare(ws))
    key = hub.session.queue.key(0)
    hub.session.go(key)
    wait(qtbot, lambda: hub.session.item is not None and hub.session.item.key == key)
    hub.performers()["show_edit"]()
    _, dock = hub.viewer.window.add_plugin_dock_widget("napari-aleatoric", "Edit")
    wait(qtbot, dock.isVisible)
    return dock, hub.stage.label_layer


def longest_class(hub: Hub, layer: Any) -> tuple[int, int]:
    """Choose the class that is in most slices, and go to the middle of them."""
    slices = {c.label_value: np.flatnonzero((layer.data == c.label_value).any((1, 2))) for c in hub.session.classes}
    value = max(slices, key=lambda v: len(slices[v]))
    z = int(slices[value][len(slices[value]) // 2])
    assert len(slices[value]) > 2
    hub.stage.go_to_slice(z)
    layer.selected_label = value
    return value, z


def test_buttons_do_what_the_functions_do_and_undo_takes_it_back(hub: Hub, ws: Workspace, qtbot: Any) -> None:
    dock, layer = opened(hub, ws, qtbot)
    value, z = longest_class(hub, layer)
    spacing = hub.session.item.image.geometry.spacing_zyx_mm
    start = layer.data.copy()
    dock.grid.distance.setValue(25.0)  # voxels are large here
    dock.grid.sigma.setValue(20.0)
    assert dock.grid.distance.suffix() == " mm"
    expected = {
        "grow": grow(start, value, Scope(0, z), 25.0, spacing),
        "smooth": smooth(start, value, Scope(0, z), 20.0, spacing),
    }
    for name, edit in expected.items():
        assert len(edit)
        qtbot.mouseClick(dock.grid.buttons[name], Qt.MouseButton.LeftButton)
        wait(qtbot, lambda: not hub.editing.busy)
        assert np.array_equal(layer.data, edit.applied_to(start))
        assert "voxels" in dock.progress.words.text()
        hub.viewer.window._qt_window.activateWindow()
        layer.undo()
        assert np.array_equal(layer.data, start)
    gap = start.copy()
    gap[z][gap[z] == value] = 0
    layer.data_setitem(np.nonzero(gap != start), 0)
    hub.editing.wishes.reach = "volume"
    assert dock.reach.currentText() == "Volume"
    assert dock.grid.smallest.suffix() == " mm³"
    window = hub.window
    window.activateWindow()
    window.setFocus()
    wait(qtbot, window.isActiveWindow)
    QTest.keyClick(window, Qt.Key.Key_I, Qt.KeyboardModifier.ShiftModifier)
    wait(qtbot, lambda: not hub.editing.busy and not np.array_equal(layer.data, gap))
    assert np.array_equal(layer.data, interpolate_slices(gap, value, Scope(0), spacing).applied_to(gap))
    hub.session.keep_strokes()
    assert hub.session.unsaved, "in the journal like any stroke"


def test_a_lock_is_seen_and_held(hub: Hub, ws: Workspace, qtbot: Any) -> None:
    dock, layer = opened(hub, ws, qtbot)
    value, z = longest_class(hub, layer)
    other = next(c.label_value for c in hub.session.classes if c.label_value != value)
    start = layer.data.copy()
    qtbot.mouseClick(dock.lock, Qt.MouseButton.LeftButton)
    assert hub.editing.wishes.locked == {value}
    assert dock.lock.text() == "Locked"
    said: list[str] = []
    hub.editing.refused.connect(lambda notice: said.append(notice.text))
    dock.grid.buttons["grow"].click()
    wait(qtbot, lambda: not hub.editing.busy)
    assert said == [f"“label {value}” is locked. Unlock it, or choose another class."]
    layer.selected_label = other
    assert dock.lock.text() == "Lock"
    assert dock.locked.isVisible()
    layer.brush_size = 60
    layer.paint((z, 12, 16), other)
    assert np.array_equal(layer.data == value, start == value)
    assert (layer.data[z] == other).sum() > (start[z] == other).sum()
    qtbot.mouseClick(dock.locked, Qt.MouseButton.LeftButton)
    assert not hub.editing.wishes.locked
    layer.paint((z, 12, 16), other)
    assert not (layer.data[z] == value).any()


def test_what_was_painted_meanwhile_wins_and_cancel_forgets(
    hub: Hub, ws: Workspace, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, layer = opened(hub, ws, qtbot)
    value, z = longest_class(hub, layer)
    go_on, real = Event(), EditTask.work

    def slow(task: EditTask, reporter: Any) -> Any:
        edit = real(task, reporter)
        reporter.step(1, 2, "measuring")
        go_on.wait(100)
        reporter.step(2, 2, "")
        return edit

    monkeypatch.setattr(EditTask, "work", slow)
    start = layer.data.copy()
    hub.editing.wishes.distance = 25.0
    edit = grow(start, value, Scope(0, z), 25.0, hub.session.item.image.geometry.spacing_zyx_mm)
    dock.grid.buttons["grow"].click()
    wait(qtbot, lambda: "measuring" in dock.progress.words.text())
    assert dock.progress.cancel.isVisible()
    assert not dock.grid.buttons["smooth"].isEnabled()
    place = tuple(int(axis[0]) for axis in edit.where)
    layer.data_setitem(tuple(np.array([k]) for k in place), 9)
    go_on.set()
    wait(qtbot, lambda: not hub.editing.busy)
    assert "painted meanwhile" in dock.progress.words.text()
    assert (layer.data != start).sum() == 1
    layer.undo()
    go_on.clear()
    dock.grid.buttons["grow"].click()
    wait(qtbot, lambda: "measuring" in dock.progress.words.text())
    qtbot.mouseClick(dock.progress.cancel, Qt.MouseButton.LeftButton)
    assert not hub.editing.busy
    assert "cancelled, nothing was changed" in dock.progress.words.text()
    go_on.set()
    monkeypatch.setattr(EditTask, "work", real)
    dock.grid.buttons["fill_holes"].click()
    wait(qtbot, lambda: not hub.editing.busy)
    holes = fill_holes(start, value, Scope(0, z), Keep())
    assert np.array_equal(layer.data, holes.applied_to(start))


def test_a_region_of_another_reader_is_taken_by_a_click(hub: Hub, ws: Workspace, qtbot: Any) -> None:
    dock, layer = opened(hub, ws, qtbot)
    titles = [dock.source.itemText(row) for row in range(dock.source.count())]
    assert titles == ["nothing", *(s.title for s in hub.editing.other.sources)]
    assert len(titles) == 2
    dock.source.setCurrentIndex(1)
    dock.source.activated.emit(1)
    wait(qtbot, lambda: hub.editing.other.label is not None)
    theirs = hub.editing.other.label
    assert f"Take from {titles[1]}" in [each.name for each in hub.viewer.layers]
    start = layer.data.copy()
    differing = np.argwhere(start != theirs)
    assert len(differing)
    z, y, x = (int(v) for v in differing[len(differing) // 2])
    hub.stage.go_to_slice(z)
    dock.all_classes.setChecked(True)
    qtbot.mouseClick(dock.region, Qt.MouseButton.LeftButton)
    assert hub.editing.other.taking
    canvas = hub.viewer.window._qt_viewer.canvas.native
    QTest.mouseMove(canvas, pixel_at(hub.viewer, layer, y, x))
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=pixel_at(hub.viewer, layer, y, x))
    wait(qtbot, lambda: not hub.editing.busy and not np.array_equal(layer.data, start))
    changed = layer.data != start
    assert changed[z, y, x]
    assert np.array_equal(layer.data[changed], theirs[changed])
    assert set(np.nonzero(changed)[0]) == {z}
    layer.undo()
    assert np.array_equal(layer.data, start)
    layer.mode = "paint"
    assert not dock.region.isChecked(), "another tool ends it"


def test_every_control_has_a_name_a_tip_and_room(hub: Hub, ws: Workspace, qtbot: Any) -> None:
    from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QPushButton

    dock, _ = opened(hub, ws, qtbot)
    for kind in ("plain", "range", "edge", "ball"):
        hub.editing.wishes.brush = kind
        assert dock.brush.kind.currentData() == kind
        for control in dock.findChildren((QPushButton, QCheckBox, QComboBox, QAbstractSpinBox)):
            if control.isVisible():
                words = control.accessibleName() or getattr(control, "text", str)()
                assert words
                assert control.toolTip(), words
                assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, words
                if isinstance(control, QPushButton):
                    assert control.width() >= control.fontMetrics().horizontalAdvance(control.text()) + 8, words
    assert dock.widget().minimumSizeHint().width() <= 600
