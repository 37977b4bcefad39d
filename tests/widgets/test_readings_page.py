"""The page *My readings*: the list, what can be done, the mark of blinding, and the window that assigns."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey
from napari_aleatoric.review import (
    AssignSpec,
    HoneypotSpec,
    ReviewStore,
    SecondSpec,
    assign,
    assignments,
    save_correction,
)
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import open_path
from napari_aleatoric.widgets import hub_of
from napari_aleatoric.widgets._layout import show_readers
from napari_aleatoric.widgets.readers import ReadersDock

pytestmark = pytest.mark.gui
KEYS = [ItemKey("abdomen_001", "Ada"), ItemKey("abdomen_002", "Ada")]


@pytest.fixture
def workspace(tmp_path):
    write_samples(tmp_path / "data", SampleSpec(n_cases=3, seed=1, matrix=32))
    workspace = open_path(tmp_path / "data", tmp_path / "review")
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        spec = AssignSpec(
            readers=("Ada",), rule="listed", cases=tuple(k.case_id for k in KEYS), remark="look twice"
        )
        assign(workspace, store, spec)
    return workspace


@pytest.fixture
def page(workspace, make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    hub = hub_of(viewer)
    hub.readings.set_reader("Ada")
    show_readers(viewer)
    page = viewer.window._qt_window.findChild(ReadersDock).page("ReadingsPage")
    hub.open(workspace.root)
    qtbot.waitUntil(lambda: hub.session.item is not None and page.table.rowCount() == 2, timeout=60_000)
    yield page
    hub.close()


def texts(page):
    return [[page.table.item(r, c).text() for c in range(5)] for r in range(page.table.rowCount())]


def able(page):
    return {name for name, button in page.buttons.items() if button.isEnabled()}


def begin(page, qtbot, row):
    page.table.selectRow(row)
    page.perform("begin")
    session = page._hub.session
    qtbot.waitUntil(lambda: session.item.key == KEYS[row] and not page._readings.busy, timeout=60_000)


def test_a_reading_from_the_list_to_the_reveal(page, qtbot, workspace):
    session = page._hub.session
    assert page.name.text() == "Ada"
    assert texts(page)[0] == ["abdomen_001", "○ assigned", "yes", "first", "look twice"]
    assert able(page) == {"begin", "next"}
    assert len(session.queue) == 1
    begin(page, qtbot, 0)
    assert texts(page)[0][1] == "◐ begun"
    assert page.words.text().startswith("■ Blinded reading of abdomen_001")
    assert page.words.styleSheet()
    assert able(page) == {"answer", "next", "hand_over"}
    assert "BLINDED" in page._hub.viewer.text_overlay.text
    heat = [layer for layer in page._hub.viewer.layers if layer.name == "Uncertainty"]
    assert not any(layer.visible for layer in heat)
    label = page._hub.stage.label_layer
    label.data[4, 10:14, 10:14] = 1
    session.painted()
    page._hub.performers()["answer_reading"]()
    qtbot.waitUntil(lambda: session.item.reading == "answered" and not page._readings.busy, timeout=60_000)
    assert texts(page)[0][1] == "● answered"
    assert "BLINDED" not in page._hub.viewer.text_overlay.text
    assert int(Workspace.open(workspace.root).load_label(*KEYS[0]).data.sum()) == 16
    assert not page.beside.isVisible()
    page.perform("reveal")
    qtbot.waitUntil(lambda: page.beside.rowCount() == 1 and not page._readings.busy, timeout=60_000)
    assert page.beside.item(0, 0).text() == "label"
    assert int(page.beside.item(0, 3).text()) == len(page.beside.item(0, 3).toolTip().split(", ")) > 1
    assert texts(page)[0][1] == "● revealed"
    assert page.count.text() == "1 of 2 answered"


def test_prompting_a_model_is_refused_while_blinded(page, qtbot):
    begin(page, qtbot, 1)
    said = []
    page._hub.segmenting.refused.connect(said.append)
    page._hub.segment("box")
    assert "not part of it" in said[0].text
    assert page._hub.segmenting.mode == ""


def test_another_name_has_another_list(page, qtbot):
    page.name.setText("Ben")
    page.name.editingFinished.emit()
    qtbot.waitUntil(lambda: page.table.rowCount() == 0, timeout=10_000)
    assert page.words.text() == "Nothing is assigned to you under this name."
    assert len(page._hub.session.queue) == 3


def test_the_window_that_assigns_collects_specs(page, qtbot):
    window = page.open_assign()
    window.readers.setText("Ben, Cleo")
    specs = {}
    for row in range(window.what.count()):
        window.what.setCurrentIndex(row)
        window.cases.setText("abdomen_001")
        specs[window.what.currentData()] = window.spec()
    assert {type(spec) for spec in specs.values()} == {AssignSpec, SecondSpec, HoneypotSpec}
    assert specs["listed"].cases == ("abdomen_001",)
    assert all(spec.readers == ("Ben", "Cleo") and spec.by == "Ada" for spec in specs.values())
    assert not any(
        label.text() == "Trusted reader" and label.isVisible() for label in window.findChildren(QLabel)
    ) or (window.what.currentData() == "honeypots")
    window.what.setCurrentIndex(window.what.findData("listed"))
    window.go.click()
    session = page._hub.session
    qtbot.waitUntil(lambda: window.progress.rowCount() == 2, timeout=60_000)
    with ReviewStore.open(session.workspace.store_url) as store:
        assert len(assignments(store)) == 3
    window.close()


def test_the_consensus_of_others_is_beside_the_answer(page, qtbot, workspace):
    session = page._hub.session
    with ReviewStore.open(workspace.store_url) as store:
        from napari_aleatoric.review import answer_assignment, begin_assignment

        assign(workspace, store, AssignSpec(readers=("Ben",), rule="listed", cases=("abdomen_001",)))
        begin_assignment(workspace, store, "abdomen_001", "Ben")
        label = workspace.load_label("abdomen_001")
        save_correction(workspace.seen_by("Ben"), store, ItemKey("abdomen_001", "Ben"), label, reader="Ben")
        answer_assignment(workspace, store, "abdomen_001", "Ben")
    session.workspace.refresh_readings()
    begin(page, qtbot, 0)
    assert [r.reader for r in session.workspace.dataset.case("abdomen_001").labels] == ["Ada"]
    label = page._hub.stage.label_layer
    label.data[...] = workspace.load_label("abdomen_001").upright().data
    session.painted()
    page.perform("answer")
    qtbot.waitUntil(lambda: session.item.reading == "answered" and not page._readings.busy, timeout=60_000)
    page.perform("reveal")
    qtbot.waitUntil(lambda: page.beside.rowCount() == 3 and not page._readings.busy, timeout=60_000)
    assert [page.beside.item(r, 0).text() for r in range(3)] == ["label", "Ben", "≡ vote of the others"]
    assert {page.beside.item(r, 1).text() for r in range(3)} == {"1.000"}
    assert np.isfinite(float(page.beside.item(0, 2).text()))
