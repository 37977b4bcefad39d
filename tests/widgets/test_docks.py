"""The docks in a window: what is bound, what fits, and that nothing stays behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_aleatoric.model import ClassTable
from napari_aleatoric.widgets import hub_of, show_docks
from napari_aleatoric.widgets._layout import _fit_height
from napari_aleatoric.widgets.uncertainty._class_list import ClassList
from napari_aleatoric.widgets.uncertainty._slice_profile import SliceProfile

pytestmark = pytest.mark.gui


def test_docks_of_one_window_share_a_hub_and_leave_nothing_behind(make_napari_viewer: Any) -> None:
    """napari's fixture fails if the window outlives the test."""
    viewer = make_napari_viewer()
    review, uncertainty = show_docks(viewer)
    hub = hub_of(viewer)
    assert review.hub is hub
    assert uncertainty.hub is hub
    assert show_docks(viewer) == (review, uncertainty)
    other = make_napari_viewer()
    assert hub_of(other) is not hub
    for each in (hub, hub_of(other)):
        each.close()


def test_every_action_has_a_performer_and_no_key_is_refused(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer()
    hub = hub_of(viewer)
    assert {b.action.name for b in hub.shortcuts.bindings} == set(hub.performers())
    assert [b for b in hub.shortcuts.bindings if b.conflict] == []
    hub.close()


def test_every_action_is_a_command_of_the_palette(make_napari_viewer: Any) -> None:
    from npe2 import PluginManifest

    import napari_aleatoric.widgets._commands as commands

    viewer = make_napari_viewer()
    hub = hub_of(viewer)
    manifest = PluginManifest.from_distribution("napari-aleatoric")
    ids = {c.id.removeprefix("napari-aleatoric."): c for c in manifest.contributions.commands}
    for name in hub.performers():
        assert name in ids
        assert ids[name].python_name == f"napari_aleatoric.widgets._commands:{name}"
        assert callable(getattr(commands, name))
    before = hub.session.options.heatmap_on
    commands.toggle_heatmap(viewer)
    assert hub.session.options.heatmap_on is not before
    hub.close()


def test_docks_fit_a_laptop(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer()
    review, uncertainty = show_docks(viewer)
    assert review.minimumSizeHint().width() <= 390
    assert review.widget().minimumSizeHint().width() <= 390  # nothing is clipped at the side
    assert review.widget().minimumSizeHint().height() <= 640  # nor below, at 768 lines
    assert uncertainty.sizeHint().height() <= 190
    hub_of(viewer).close()


def test_legend_and_question_are_whole_on_a_laptop(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    _, uncertainty = show_docks(viewer)
    texts = (uncertainty.legend, uncertainty.questions.words)
    for words in ("short", "a legend of so many words that it takes two lines, or three", "short"):
        for text in texts:
            text.setText(words)
        qtbot.waitUntil(lambda: all(t.height() >= t.heightForWidth(t.width()) for t in texts), timeout=60_000)
        qtbot.waitUntil(lambda: uncertainty.widget().height() >= uncertainty.widget().minimumSizeHint().height())
    assert min(t.heightForWidth(t.width()) for t in texts) < 30  # short again: nothing keeps the room
    assert all(t.minimumHeight() < 30 for t in texts)
    hub_of(viewer).close()


def test_ticking_a_class_off_says_which(qtbot: Any) -> None:
    classes = ClassList()
    qtbot.addWidget(classes)
    classes.show_classes(ClassTable.from_names({4: "liver", 9: "tumour"}), {1: 0.5, 2: float("nan")}, {})
    model = classes.class_model
    with qtbot.waitSignal(classes.hidden_changed) as told:
        model.setData(model.index(1), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    assert told.args == [frozenset({2})]
    with qtbot.waitSignal(classes.hidden_changed) as told:
        model.setData(model.index(1), Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole)
    assert told.args == [frozenset()]


def test_click_on_the_profile_asks_for_that_slice(qtbot: Any) -> None:
    profile = SliceProfile()
    qtbot.addWidget(profile)
    profile.resize(200, 80)
    profile.show_profile(np.linspace(0, 1, 40, dtype=np.float32))
    assert profile.slice_at(0) == 0
    assert profile.slice_at(199) == 39
    assert profile.slice_at(101) == 20  # 5 pixels a slice
    from qtpy.QtCore import QPoint

    with qtbot.waitSignal(profile.slice_requested) as told:
        qtbot.mouseClick(profile, Qt.MouseButton.LeftButton, pos=QPoint(51, 10))
    assert told.args == [10]


def test_a_dock_that_a_closing_window_hands_on_is_left_alone(qtbot: Any) -> None:
    window, other = QMainWindow(), QWidget()
    for parent in (window, other):
        qtbot.addWidget(parent)
    dock = QDockWidget(window)
    window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
    _fit_height(dock, 100)
    dock.setParent(other)
    _fit_height(dock, 100)  # it is in no window that could give it a height
    assert dock.parentWidget() is other
