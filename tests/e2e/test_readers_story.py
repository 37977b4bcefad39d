"""Several readers in a real window: read blinded, answered, revealed, settled region by region and saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_aleatoric.io import Workspace, reading_of, write_map
from napari_aleatoric.model import Decision, ItemKey, ItemScores, ScoreValue, Verdict
from napari_aleatoric.review import (
    AssignSpec,
    ReviewStore,
    adjudication_records,
    assign,
    current_label,
    report_readers,
)
from napari_aleatoric.samples import SAMPLE_CLASSES, SampleSpec, read_truth, write_samples
from napari_aleatoric.session import open_path
from napari_aleatoric.widgets.readers import ReadersDock

from .conftest import MINUTES, press

pytestmark = [pytest.mark.gui, pytest.mark.slow, pytest.mark.timeout(1800)]

SHIFT = Qt.KeyboardModifier.ShiftModifier
MINE = ItemKey("abdomen_003", "Ada")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Cases that Ben and Cleo drew, with scores, maps and a decision; two of them are Ada's to read."""
    folder = tmp_path / "data"
    write_samples(folder / "samples", SampleSpec(n_cases=6, seed=0, matrix=64))
    names = ";".join(f"{c.label_value}={c.class_name}" for c in SAMPLE_CLASSES)
    rows = ["case,image,label,reader,class_names"]
    for case in read_truth(folder / "samples"):
        for reader, where in (("Ben", "labelsTr"), ("Cleo", "readers/reader_a")):
            label = f"samples/{where}/{case}.nii.gz"
            if (folder / label).is_file():
                rows.append(f"{case},samples/imagesTr/{case}.nii.gz,{label},{reader},{names}")
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    workspace = open_path(folder, tmp_path / "review")
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        for k, key in enumerate(workspace.dataset.items):
            values = tuple(ScoreValue("nll_union", c, 0.1 * k) for c in range(6))
            scored = workspace.fingerprint(*key)
            store.put_item_scores(ItemScores(key, values), fingerprint=scored, spec_digest="story")
            label = workspace.load_label(*key).upright()
            heat = np.full((1, *label.data.shape), 0.9, np.float32)
            write_map(workspace, key, "label_risk", heat, (1,), label.geometry, {})
        store.decide(Decision(case_id=MINE.case_id, label_reader="Ben", verdict=Verdict.REJECTED, reader="Ben"))
        cases = (MINE.case_id, "abdomen_005")
        assign(workspace, store, AssignSpec(readers=("Ada",), rule="listed", cases=cases, by="chief"))
    return workspace


class Reader:
    """What somebody who reads sees at the window, and does."""

    def __init__(self, opened: tuple[Any, Any, Any, Any], qtbot: Any, workspace: Workspace) -> None:
        self.viewer, self.hub, self.review, self.uncertainty = opened
        self.session, self.qtbot = self.hub.session, qtbot
        self.hub.readings.set_reader("Ada")
        press(self.viewer, Qt.Key.Key_R, SHIFT)
        self.until(lambda: self.viewer.window._qt_window.findChild(ReadersDock) is not None)
        self.dock = self.viewer.window._qt_window.findChild(ReadersDock)
        self.page = self.dock.page("ReadingsPage")
        self.dock.show_page("ReadingsPage")
        self.hub.open(workspace.root)
        self.until(lambda: self.session.item is not None and self.page.table.rowCount() == 2)

    def until(self, condition: Any, minutes: float = 5) -> None:
        self.qtbot.waitUntil(condition, timeout=int(minutes * MINUTES))

    def click(self, name: str) -> None:
        button = self.page.buttons[name]
        assert button.isEnabled(), name
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def queue(self) -> set[str]:
        """Cases of the table of the queue, as they are read."""
        model = self.review.table.model()
        return {str(model.index(row, 1).data()).split(" ")[0] for row in range(model.rowCount())}

    def shown(self) -> set[str]:
        """Layers that can be seen."""
        return {layer.name for layer in self.viewer.layers if layer.visible}

    def draw(self, value: int, wanted: np.ndarray) -> None:
        """Paint what is to be drawn with the brush of the label, slice by slice."""
        layer = self.hub.stage.label_layer
        layer.brush_size, layer.n_edit_dimensions, layer.mode = 1, 2, "paint"
        for voxel in np.argwhere(wanted)[::7]:
            self.viewer.dims.set_point(0, float(layer.data_to_world(voxel)[0]))
            layer.paint(tuple(voxel), value)


def read_blinded(reader: Reader, picture: Any) -> np.ndarray:
    """Begin, look, draw and answer; return what was drawn."""
    assert MINE.case_id not in reader.queue()
    assert "abdomen_001" in reader.queue()
    reader.page.table.selectRow(0)
    reader.click("begin")
    reader.until(lambda: reader.session.item.key == MINE and not reader.hub.readings.busy)
    assert "Blinded" in reader.page.words.text()
    assert reader.session.view.remark.startswith("BLINDED READING")
    assert reader.shown() <= {"Image", "Label"}
    assert not reader.hub.stage.label_layer.data.any()
    truth = reader.session._sight.whole  # the story knows what the reader does not
    assert truth.history(ItemKey(MINE.case_id, "Ben"))
    assert reader.session.store.history(ItemKey(MINE.case_id, "Ben")) == []
    whole = reader.session.workspace.whole.load_label(MINE.case_id, "Ben").upright().data
    press(reader.viewer, Qt.Key.Key_B, SHIFT)  # models must not be asked
    assert reader.hub.segmenting.mode == ""
    reader.draw(1, whole == 1)
    reader.until(lambda: reader.session.unsaved)
    picture("readers-1-blinded")
    drawn = np.array(reader.hub.stage.label_layer.data)
    press(reader.viewer, Qt.Key.Key_A, SHIFT)
    reader.until(lambda: reader.session.item.reading == "answered" and not reader.hub.readings.busy)
    return drawn


def settle_three_regions(reader: Reader, picture: Any) -> np.ndarray:
    """Settle three regions of the case that was read by keys and save; return the outcome, class indices."""
    reader.dock.show_page("DifferencesPage")
    page, state = reader.dock.page("DifferencesPage"), reader.hub.settling.state
    reader.until(lambda: MINE.case_id in [row.case_id for row in state.view.cases])
    assert "abdomen_005" not in [row.case_id for row in state.view.cases], "it is still to be read blinded"
    page.cases.setFocus()
    page.cases.selectRow([row.case_id for row in state.view.cases].index(MINE.case_id))
    reader.qtbot.keyClick(page.cases, Qt.Key.Key_Return)
    reader.until(lambda: state.view.shown == MINE.case_id and page.regions.rowCount() > 3)
    names = [mark.name for mark in state.view.readers]
    assert sorted(names) == ["Ada", "Ben", "Cleo"]
    for key in (Qt.Key.Key_2, Qt.Key.Key_C, Qt.Key.Key_1):
        press(reader.viewer, key)
    taken = [page.regions.item(row, 3).text() for row in range(4)]
    assert taken == [names[1], "consensus", names[0], "–"]
    outcome = np.array(reader.hub.settling.layers.find("outcome").data)
    for row, of in ((0, 1), (2, 0)):
        region = state.scene.regions[row]
        np.testing.assert_array_equal(outcome[region.box][region.inside], region.answers[of])
    press(reader.viewer, Qt.Key.Key_F, SHIFT)
    reader.qtbot.mouseClick(page.panel.finish_so, Qt.MouseButton.LeftButton)
    reader.until(lambda: "Saved" in page.panel.words.text())
    picture("readers-3-settled")
    press(reader.viewer, Qt.Key.Key_Q, SHIFT)
    assert reader.hub.settling.layers.layers == []
    reader.dock.show_page("ReadingsPage")
    return outcome


def test_a_blinded_first_reading_is_answered_revealed_and_settled(
    open_window: Any, qtbot: Any, workspace: Workspace, picture: Any
) -> None:
    reader = Reader(open_window(), qtbot, workspace)
    drawn = read_blinded(reader, picture)
    kept = reading_of(workspace, MINE)
    assert kept is not None
    assert kept.state == "answered"
    assert (Workspace.open(workspace.root).load_label(*MINE).upright().data == drawn).all()
    assert MINE.case_id in reader.queue()
    assert "BLINDED" not in reader.session.view.remark
    reader.click("reveal")
    reader.until(lambda: reader.page.beside.isVisible() and not reader.hub.readings.busy)
    names = [reader.page.beside.item(row, 0).text() for row in range(reader.page.beside.rowCount())]
    assert names[0] == "Ben"
    picture("readers-2-revealed")
    reader.session.go(ItemKey(MINE.case_id, "Ben"))
    reader.until(lambda: reader.session.item.key.label_reader == "Ben")
    assert reader.session.item.heat is not None
    assert reader.session.store.history(reader.session.item.key)
    outcome = settle_three_regions(reader, picture)
    again = Workspace.open(workspace.root)
    with ReviewStore.open(again.store_url) as store:
        (record,) = adjudication_records(store, MINE.case_id)
        label = current_label(again, store, ItemKey(MINE.case_id, "adjudicated")).upright()
    np.testing.assert_array_equal(again.dataset.classes.index_map(label.data), outcome)
    assert [region.choice for region in record.regions[:4]] == ["reader", "consensus", "reader", "open"]
    reader.click("next")
    reader.until(lambda: reader.session.item.key == ItemKey("abdomen_005", "Ada") and not reader.hub.readings.busy)
    assert "BLINDED" in reader.session.view.remark
    window = reader.page.open_assign()
    qtbot.waitUntil(lambda: window.progress.rowCount() == 1)
    assert [window.progress.item(0, c).text() for c in range(4)] == ["Ada", "2", "1", "1"]
    picture("readers-4-next")
    window.close()
    report = report_readers(Workspace.open(workspace.root))
    assert "Ada" in report.readers
