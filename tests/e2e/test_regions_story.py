"""All regions of a case are settled by keyboard alone, the case is recorded, and a later window knows it all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_aleatoric.io import Workspace, scan, write_map
from napari_aleatoric.model import ItemKey, Verdict
from napari_aleatoric.review import ReviewStore, current_label, read_barred
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import prepare
from napari_aleatoric.viewer import HOT_REGION
from napari_aleatoric.widgets import RegionsDock

from .conftest import MINUTES, press

pytestmark = [pytest.mark.gui, pytest.mark.slow, pytest.mark.timeout(1800)]

SHIFT = Qt.KeyboardModifier.ShiftModifier


def write_heat(ws: Workspace, key: ItemKey) -> tuple[int, ...]:
    """Make three hot places along the border of the first class, the first one the heaviest; return its grid."""
    label = ws.load_label(*key).upright()
    index = ws.dataset.classes.index_map(label.data)
    z, y, x = (int(c) for c in np.argwhere(index == 1).mean(axis=0))
    grid = label.geometry
    place = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1).astype(float)
    values = np.zeros((2, *grid.shape_zyx), np.float32)
    for row, centre, radius in ((0, (z, y, x), 5.0), (1, (z, y + 14, x), 4.0), (0, (z + 3, y, x + 16), 3.0)):
        far = np.linalg.norm((place - centre) * (2.0, 1.0, 1.0), axis=-1)
        values[row] = np.maximum(values[row], np.clip(1.0 - far / (1.4 * radius), 0, 1) * 0.95)
    write_map(ws, key, "label_risk", values, (1, 2), grid, {})
    return grid.shape_zyx


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=2, matrix=48))
    ws = Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))
    for key in ws.dataset.items:
        write_heat(ws, key)
    return ws


class Desk:
    """What somebody at the window sees, and does."""

    def __init__(self, opened: tuple[Any, Any, Any, Any], ws: Workspace, qtbot: Any) -> None:
        self.viewer, self.hub, _, _ = opened
        self.qtbot, self.session = qtbot, self.hub.session
        self.session.reader = "Ann"
        self.session.attach(prepare(ws))
        self.key = ws.dataset.items[0]
        self.session.go(self.key)
        self.until(lambda: self.session.item is not None and self.session.item.key == self.key)
        self.hub.window.setFocus()

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=5 * MINUTES)

    def press(self, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        press(self.viewer, key, modifier)

    @property
    def dock(self) -> RegionsDock:
        found = self.hub.window.findChild(RegionsDock)
        assert found is not None
        return found

    def states(self) -> list[str]:
        table = self.dock.table
        return [table.item(row, 5).text() for row in range(table.rowCount())]


def test_a_case_is_settled_region_by_region(
    ws: Workspace, open_window: Any, qtbot: Any, picture: Callable[[str], None]
) -> None:
    desk = Desk(open_window(), ws, qtbot)
    desk.press(Qt.Key.Key_Period)
    desk.until(lambda: len(desk.states()) == 3)
    assert desk.dock.progress.text() == "3 of 3 regions left"
    picture("regions-1-first")
    desk.press(Qt.Key.Key_Y, SHIFT)  # the label is right here
    assert desk.states() == ["✓", "", ""]
    assert desk.dock.table.currentRow() == 1, "it goes on by itself"
    layer = desk.hub.stage.label_layer
    region = desk.hub.walking.state.region
    z, y, x = region.centre_zyx
    assert desk.hub.stage.slice_index == z
    before = layer.data.copy()
    layer.selected_label = int(layer.data.max())
    layer.brush_size = 6
    layer.paint((z, y, x), 0 if layer.data[z, y, x] else layer.selected_label)
    assert (layer.data != before).any()
    desk.until(lambda: desk.states() == ["✓", "✎", ""])
    layer.undo()
    desk.until(lambda: desk.states() == ["✓", "", ""])
    layer.redo()
    desk.until(lambda: desk.states() == ["✓", "✎", ""])
    picture("regions-2-repainted")
    desk.press(Qt.Key.Key_Period)
    last = desk.hub.walking.state.region
    desk.press(Qt.Key.Key_L, SHIFT)  # nothing is to be learned from here
    assert desk.states() == ["✓", "✎", "⊘"]
    assert desk.session.item.barred.mask.sum() == last.n_voxels
    desk.press(Qt.Key.Key_U, SHIFT)
    assert desk.states() == ["✓", "✎", ""]
    assert desk.session.item.barred.mask.sum() == 0
    desk.press(Qt.Key.Key_E, SHIFT)
    assert desk.session.store.state(desk.key).verdict is None, "a region is open"
    desk.press(Qt.Key.Key_L, SHIFT)
    assert desk.dock.progress.text() == "All 3 regions settled"
    assert desk.dock.finish.text().startswith("Record the label as corrected")
    picture("regions-3-settled")
    assert desk.session.store.state(desk.key).verdict is None, "nothing is recorded by itself"
    painted = layer.data.copy()
    desk.press(Qt.Key.Key_E, SHIFT)
    desk.until(lambda: desk.session.store.state(desk.key).verdict is Verdict.CORRECTED)
    desk.until(lambda: desk.session.item.key != desk.key)  # on to the next case
    desk.until(lambda: desk.dock.progress.text() == "3 of 3 regions left")
    desk.hub.close()
    with ReviewStore.open(ws.store_url) as store:
        assert [e.kind for e in store.regions.of(desk.key)][-1] == "excluded"
        np.testing.assert_array_equal(current_label(ws, store, desk.key).upright().data, painted)
    assert read_barred(ws, desk.key, desk_grid(ws, desk.key)).sum() == last.n_voxels

    again = Desk(open_window(), ws, qtbot)
    again.press(Qt.Key.Key_G, SHIFT)
    again.until(lambda: again.states() == ["✓", "✎", "⊘"])
    assert HOT_REGION in again.viewer.layers
    n_voxels = again.hub.walking.state.region.n_voxels
    again.session.options.threshold = 0.45
    again.until(lambda: again.hub.walking.state.region.n_voxels < n_voxels)  # found anew, and smaller
    assert again.dock.threshold.value() == 45
    assert again.dock.progress.text() == "All 3 regions settled", "what was said stays with the voxels"
    picture("regions-4-again")


def desk_grid(ws: Workspace, key: ItemKey) -> Any:
    stored = ws.grid(key.case_id)
    return stored.upright_reorientation().apply_geometry(stored)
