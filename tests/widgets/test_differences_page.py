"""The page Differences in a laptop's window: keys that hold only meanwhile, nothing cut, all by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.review import AssignSpec, adjudication_records, assign, assignments
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import prepare
from napari_aleatoric.widgets import ReadersDock, hub_of, show_docks
from napari_aleatoric.widgets.keys import ADJUDICATION_ACTIONS, keys_of_napari

pytestmark = pytest.mark.gui


def wait(qtbot: Any, until: Callable[[], bool]) -> None:
    """Let the window work until something is so; machines under load take their time."""
    qtbot.waitUntil(until, timeout=120_000)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=2, matrix=40))
    return Workspace.create(tmp_path / "review", scan(tmp_path / "samples" / "readers"))


@pytest.fixture
def dock(make_napari_viewer: Any, ws: Workspace, qtbot: Any) -> Iterator[ReadersDock]:
    """The dock in a laptop's window, with a case on the screen."""
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    show_docks(viewer)
    hub = hub_of(viewer)
    hub.session.attach(prepare(ws))
    hub.session.go(ws.dataset.items[0])
    wait(qtbot, lambda: hub.session.item is not None)
    hub.performers()["show_readers"]()
    _, dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Readers")
    dock.show_page("DifferencesPage")
    wait(qtbot, lambda: len(hub.settling.state.view.cases) == 2 and not hub.settling.state.view.is_listing)
    yield dock
    hub.close()


def press(dock: ReadersDock, qtbot: Any, key: Any) -> None:
    """Press a key in the window, wherever the focus is."""
    qtbot.keyClick(dock.hub.window, key)


def test_a_case_of_ones_list_is_settled_here_and_answered_by_the_outcome(dock: ReadersDock, qtbot: Any) -> None:
    hub, state = dock.hub, dock.hub.settling.state
    hub.readings.set_reader("Ada")
    case_id = hub.session.workspace.dataset.items[-1].case_id
    spec = AssignSpec(readers=("Ada",), rule="listed", cases=(case_id,), kind="adjudicate")
    assign(hub.session.workspace, hub.session.store, spec)
    hub.readings.refresh()
    dock.show_page("ReadingsPage")
    page = dock.page("ReadingsPage")
    page.table.selectRow(0)
    assert page.buttons["begin"].text() == "Settle"
    page.perform("begin")
    wait(qtbot, lambda: state.view.shown == case_id)
    assert dock.tabs.currentWidget() is dock.page("DifferencesPage")
    state.finish(allow_open=True)
    wait(qtbot, lambda: hub.readings.rows[0].state == "answered" and not hub.readings.busy)
    assert [a.state for a in assignments(hub.session.store)] == ["answered"]
    assert adjudication_records(hub.session.store, case_id)[0].finished_by == "Ada"


def test_no_key_is_used_twice_and_only_known_ones_of_napari() -> None:
    keys = [action.key for action in ADJUDICATION_ACTIONS]
    assert len(keys) == len(set(keys))
    lent = {key for key in keys if key in keys_of_napari()}
    # of painting and layer tools, which have buttons: the brush goes by R here
    assert lent <= {*"1234567CMPR", "Shift+F", "Shift+Q"}


def test_keys_take_walk_and_undo_only_while_a_case_is_settled(dock: ReadersDock, qtbot: Any) -> None:
    hub, page = dock.hub, dock.page("DifferencesPage")
    state, window = hub.settling.state, hub.window
    first = hub.session.item.key
    state.open(first.case_id)
    wait(qtbot, lambda: state.view.shown == first.case_id)
    n = len(state.view.regions)
    assert n > 4
    window.activateWindow()
    wait(qtbot, window.isActiveWindow)
    press(dock, qtbot, Qt.Key.Key_2)
    assert state.of.choices.by_region[state.of.case.ids[0]].source_name == "reader_b"
    assert state.view.row == 1
    press(dock, qtbot, Qt.Key.Key_C)
    assert state.view.progress == f"2 of {n} regions"
    press(dock, qtbot, Qt.Key.Key_N)
    assert state.view.row == 3
    press(dock, qtbot, Qt.Key.Key_P)
    assert state.view.row == 2
    press(dock, qtbot, Qt.Key.Key_U)
    assert (state.view.row, state.view.progress) == (1, f"1 of {n} regions")
    press(dock, qtbot, Qt.Key.Key_R)
    outcome = hub.settling.layers.find("outcome")
    assert outcome.mode == "paint"
    press(dock, qtbot, Qt.Key.Key_R)
    assert outcome.mode == "pan_zoom"
    assert hub.session.item.key == first
    assert page.panel.bar.text() == f"1 of {n} regions"
    qtbot.keyClick(window, Qt.Key.Key_Q, Qt.KeyboardModifier.ShiftModifier)
    assert state.view.shown == ""
    assert hub.settling.layers.layers == []
    press(dock, qtbot, Qt.Key.Key_2)  # means nothing of ours any more
    press(dock, qtbot, Qt.Key.Key_N)  # the next case again
    wait(qtbot, lambda: hub.session.item.key != first)
    assert [b for b in hub.shortcuts.bindings if b.conflict] == []


def test_everything_is_whole_and_finishing_says_what_is_open(dock: ReadersDock, qtbot: Any, ws: Workspace) -> None:
    hub, page = dock.hub, dock.page("DifferencesPage")
    state = hub.settling.state
    case_id = state.view.cases[0].case_id
    page.cases.selectRow(0)
    qtbot.keyClick(page.cases, Qt.Key.Key_Return)
    wait(qtbot, lambda: state.view.shown == case_id)
    wait(qtbot, lambda: page.regions.isVisible() and page.regions.rowCount() == len(state.view.regions))
    for button in page.panel.findChildren(QPushButton):
        if button.isVisible():
            assert button.width() >= button.minimumSizeHint().width(), button.text()
            assert button.mapTo(dock, button.rect().bottomRight()).y() <= dock.height(), button.text()
    header = page.regions.horizontalHeader()
    assert header.length() <= page.regions.viewport().width()
    qtbot.mouseClick(page.panel.finish, Qt.MouseButton.LeftButton)
    assert "regions still open" in page.panel.words.text()
    for _ in range(len(state.view.regions)):
        state.choose_consensus()
    assert not page.panel.finish_so.isVisible()
    qtbot.mouseClick(page.panel.finish, Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: "Saved" in page.panel.words.text())
    assert adjudication_records(hub.session.store, case_id)[0].n_open == 0
    assert "adjudicated" in Workspace.open(ws.root).dataset.readers
