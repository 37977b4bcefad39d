"""Where readers differ, settled in a real window by keys: three regions, one taken back, saved, gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.model import ItemKey
from napari_aleatoric.review import ReviewStore, adjudication_records, current_label
from napari_aleatoric.samples import SAMPLE_CLASSES, SampleSpec, read_truth, write_samples
from napari_aleatoric.widgets.readers import ReadersDock

from .conftest import MINUTES, press

pytestmark = [pytest.mark.gui, pytest.mark.slow, pytest.mark.timeout(1800)]

SHIFT = Qt.KeyboardModifier.ShiftModifier
CASE = "abdomen_002"
READERS = ("reader_a", "reader_b", "reader_c")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two abdomens that three readers drew, with the names of their structures."""
    folder = tmp_path / "data"
    write_samples(folder / "samples", SampleSpec(n_cases=2, seed=0, matrix=64))
    names = ";".join(f"{c.label_value}={c.class_name}" for c in SAMPLE_CLASSES)
    rows = ["case,image,label,reader,class_names"]
    for case in read_truth(folder / "samples"):
        for reader in READERS:
            label = f"samples/readers/{reader}/{case}.nii.gz"
            rows.append(f"{case},samples/imagesTr/{case}.nii.gz,{label},{reader},{names}")
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return Workspace.create(tmp_path / "review", scan(folder))


class Settler:
    """What somebody who settles differences sees at the window, and does."""

    def __init__(self, opened: tuple[Any, Any, Any, Any], qtbot: Any, workspace: Workspace) -> None:
        self.viewer, self.hub, self.review, _ = opened
        self.session, self.qtbot = self.hub.session, qtbot
        self.hub.open(workspace.root)
        self.until(lambda: self.session.item is not None)
        press(self.viewer, Qt.Key.Key_R, SHIFT)
        self.until(lambda: self.viewer.window._qt_window.findChild(ReadersDock) is not None)
        self.dock = self.viewer.window._qt_window.findChild(ReadersDock)
        self.dock.show_page("DifferencesPage")
        self.page = self.dock.page("DifferencesPage")
        self.state = self.hub.settling.state
        self.until(lambda: self.page.cases.rowCount() == 2)

    def until(self, condition: Any, minutes: float = 5) -> None:
        self.qtbot.waitUntil(condition, timeout=int(minutes * MINUTES))

    def settle(self, case_id: str) -> None:
        """Choose a case by the keyboard."""
        row = [r.case_id for r in self.state.view.cases].index(case_id)
        self.page.cases.setFocus()
        self.page.cases.selectRow(row)
        self.qtbot.keyClick(self.page.cases, Qt.Key.Key_Return)
        self.until(lambda: self.state.view.shown == case_id and self.page.regions.rowCount() > 3)

    def region(self, row: int) -> tuple[Any, np.ndarray]:
        """Return a region and the outcome in it, class indices."""
        region = self.state.scene.regions[row]
        return region, self.hub.settling.layers.find("outcome").data[region.box][region.inside]

    def taken(self) -> list[str]:
        """What the list says was taken."""
        return [self.page.regions.item(row, 3).text() for row in range(4)]


def test_three_regions_are_settled_one_taken_back_saved_and_gone_on_with(
    open_window: Any, qtbot: Any, workspace: Workspace, picture: Any
) -> None:
    one = Settler(open_window(), qtbot, workspace)
    picture("adjudication-1-cases")
    one.settle(CASE)
    picture("adjudication-2-first-region")
    press(one.viewer, Qt.Key.Key_2)
    region, now = one.region(0)
    np.testing.assert_array_equal(now, region.answers[1])
    press(one.viewer, Qt.Key.Key_C)
    assert one.taken() == ["reader_b", "consensus", "–", "–"]
    press(one.viewer, Qt.Key.Key_R)
    region, before = one.region(2)
    outcome = one.hub.settling.layers.find("outcome")
    structure = region.classes[0]
    assert (outcome.mode, outcome.selected_label) == ("paint", structure)
    outcome.paint(tuple(region.centre_zyx), structure if before[0] != structure else 0)
    one.until(lambda: one.taken()[2] == "repainted")
    press(one.viewer, Qt.Key.Key_R)
    picture("adjudication-3-repainted")
    painted = one.region(2)[1].copy()
    press(one.viewer, Qt.Key.Key_N)
    press(one.viewer, Qt.Key.Key_1)
    assert one.taken()[3] == "reader_a"
    press(one.viewer, Qt.Key.Key_U)
    assert one.taken() == ["reader_b", "consensus", "repainted", "–"]
    press(one.viewer, Qt.Key.Key_F, SHIFT)
    assert "still open" in one.page.panel.words.text()
    qtbot.mouseClick(one.page.panel.finish_so, Qt.MouseButton.LeftButton)
    one.until(lambda: "Saved" in one.page.panel.words.text())
    saved = np.array(outcome.data)
    picture("adjudication-4-saved")
    press(one.viewer, Qt.Key.Key_1)  # once more, and not saved
    one.hub.close()
    one.viewer.close()

    two = Settler(open_window(), qtbot, workspace)
    two.settle(CASE)
    assert two.taken() == ["reader_b", "consensus", "repainted", "reader_a"]
    assert tuple(mark.name for mark in two.state.view.readers) == READERS
    np.testing.assert_array_equal(two.region(2)[1], painted)
    again = Workspace.open(workspace.root)
    with ReviewStore.open(again.store_url) as store:
        (record,) = adjudication_records(store, CASE)
        label = current_label(again, store, ItemKey(CASE, "adjudicated")).upright()
    np.testing.assert_array_equal(again.dataset.classes.index_map(label.data), saved)
    assert [r.choice for r in record.regions[:4]] == ["reader", "consensus", "repainted", "open"]
    press(two.viewer, Qt.Key.Key_Q, SHIFT)
    assert two.hub.settling.layers.layers == []
    assert two.session.options.label_visible
