"""The Regions dock in a window: what it lists, its keys, its slider, its size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QDockWidget, QSlider

from napari_aleatoric.io import Workspace, read_map, scan, write_map
from napari_aleatoric.model import ItemKey
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import prepare
from napari_aleatoric.viewer import HOT_REGION
from napari_aleatoric.widgets import Hub, hub_of, show_docks
from napari_aleatoric.widgets.regions import RegionsDock

pytestmark = pytest.mark.gui

SHIFT = Qt.KeyboardModifier.ShiftModifier


def write_heat(ws: Workspace, key: ItemKey) -> None:
    """Three places, the first class's heaviest; their maps overlap nowhere."""
    stored = ws.grid(key.case_id)
    grid = stored.upright_reorientation().apply_geometry(stored)
    values = np.zeros((2, *grid.shape_zyx), np.uint8)
    values[0, 2:5, 4:10, 4:10] = 230
    values[1, 4:6, 18:23, 20:25] = 150
    values[0, 7, 20:23, 5:8] = 90
    write_map(ws, key, "label_risk", values, (1, 2), grid, {})


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=2, matrix=32))
    ws = Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))
    for key in ws.dataset.items:
        write_heat(ws, key)
    return ws


@pytest.fixture
def hub(make_napari_viewer: Any, ws: Workspace, qtbot: Any) -> Iterator[Hub]:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    show_docks(viewer)
    hub = hub_of(viewer)
    hub.session.attach(prepare(ws))
    key = hub.session.queue.key(0)  # type: ignore[union-attr]
    hub.session.go(key)
    wait(qtbot, lambda: hub.session.item is not None and hub.session.item.key == key)
    hub.window.activateWindow()
    hub.window.setFocus()
    wait(qtbot, hub.window.isActiveWindow)
    yield hub
    hub.close()


def wait(qtbot: Any, until: Callable[[], bool]) -> None:
    qtbot.waitUntil(until, timeout=90_000)


def opened(hub: Hub, qtbot: Any) -> RegionsDock:
    QTest.keyClick(hub.window, Qt.Key.Key_Period)
    dock = hub.window.findChild(RegionsDock)
    assert dock is not None
    wait(qtbot, lambda: dock.table.rowCount() == 3)
    return dock


def column(dock: RegionsDock, number: int) -> list[str]:
    return [dock.table.item(row, number).text() for row in range(dock.table.rowCount())]


def test_the_first_key_opens_the_list_and_goes_to_the_heaviest(hub: Hub, qtbot: Any) -> None:
    assert HOT_REGION not in hub.viewer.layers
    dock = opened(hub, qtbot)
    frame = next(d for d in hub.window.findChildren(QDockWidget) if d.isAncestorOf(dock))
    review = next(d for d in hub.window.findChildren(QDockWidget) if d.windowTitle().startswith("Review"))
    assert review in hub.window.tabifiedDockWidgets(frame)
    assert dock.progress.text() == "3 of 3 regions left"
    assert column(dock, 1) == ["3–5", "5–6", "8"]
    assert hub.stage.slice_index in (3, 2)
    assert hub.viewer.layers[HOT_REGION].data.sum() == 3 * 36
    assert hub.viewer.layers.selection.active is hub.stage.label_layer
    QTest.keyClick(hub.window, Qt.Key.Key_Period)
    assert dock.table.currentRow() == 1
    assert hub.viewer.layers[HOT_REGION].data.sum() == 50
    QTest.keyClick(hub.window, Qt.Key.Key_Comma)
    assert dock.table.currentRow() == 0
    review.raise_()  # who goes back to the queue has no outline in the way
    wait(qtbot, lambda: HOT_REGION not in hub.viewer.layers)


def test_the_slider_is_the_heatmaps_and_the_list_follows(hub: Hub, qtbot: Any) -> None:
    dock = opened(hub, qtbot)
    dock.threshold.setValue(50)
    assert hub.session.options.threshold == 0.5
    wait(qtbot, lambda: dock.table.rowCount() == 2)
    hub.session.options.threshold = 0.8
    assert dock.threshold.value() == 80
    assert dock.threshold_words.text() == "From 0.80"
    wait(qtbot, lambda: dock.table.rowCount() == 1)
    dock.threshold.setValue(95)
    wait(qtbot, lambda: dock.progress.text() == "Nothing of the map is at or above 0.95 here.")
    assert not any(button.isEnabled() for button in dock.buttons.values())


def test_everything_is_whole_named_and_reached_by_tab(hub: Hub, qtbot: Any) -> None:
    dock = opened(hub, qtbot)
    wait(qtbot, lambda: dock.finish.isVisible())
    assert hub.window.width() <= 1366
    assert hub.window.height() <= 768
    for part in [*dock.findChildren(QAbstractButton), *dock.findChildren(QSlider)]:
        if not part.isVisible() or part.parent() is dock.table or "qt_" in part.objectName():
            continue
        assert part.accessibleName() or getattr(part, "text", str)(), part
        assert part.toolTip(), part
        assert part.focusPolicy() & Qt.FocusPolicy.TabFocus
        corner = part.mapTo(hub.window, part.rect().bottomRight())
        assert corner.x() < hub.window.width()
        assert corner.y() < hub.window.height()
        assert part.width() >= part.minimumSizeHint().width()
    assert not dock.horizontalScrollBar().isVisible()
    assert not dock.table.horizontalScrollBar().isVisible()


def test_a_rest_is_waited_for_before_regions_are_looked_for(hub: Hub, qtbot: Any, ws: Workspace) -> None:
    dock = opened(hub, qtbot)
    asked: list[int] = []
    heat = hub.session.item.heat  # type: ignore[union-attr]
    source = read_map(ws, hub.session.item.key, "label_risk")  # type: ignore[union-attr]

    def of(class_index: int) -> np.ndarray:
        asked.append(class_index)
        return source.of(class_index)

    heat.of = of  # type: ignore[union-attr,method-assign]
    for value in range(30, 61):
        dock.threshold.setValue(value)
    assert asked == []
    wait(qtbot, lambda: dock.table.rowCount() == 1)
    assert asked == [1, 2], "once, at the end"
