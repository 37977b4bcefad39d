"""The Readers dock in a window: its pages stand in tabs, in order, and a page names its own tab."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtWidgets import QLabel

from napari_aleatoric.widgets import ReadersDock, hub_of, show_docks
from napari_aleatoric.widgets.readers import _pages

pytestmark = pytest.mark.gui


class _Page(QLabel):
    def __init__(self, hub: object) -> None:
        super().__init__()
        self.hub = hub
        self.setWindowTitle(type(self).__name__.lower())


class First(_Page):
    """One page."""


class Second(_Page):
    """Another."""


def test_pages_stand_in_tabs_and_name_them(make_napari_viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"First": First, "Second": Second}
    monkeypatch.setattr(_pages, "PAGES", (("a", "First"), ("b", "Second")))
    monkeypatch.setattr(_pages, "import_module", lambda name, package: type(name, (), made))
    viewer = make_napari_viewer()
    dock = ReadersDock(viewer)
    try:
        hub = hub_of(viewer)
        assert [dock.tabs.tabText(i) for i in range(dock.tabs.count())] == ["first", "second"]
        assert isinstance(dock.page("Second"), Second)
        assert dock.page("Second").hub is hub
        assert not dock.nothing.isVisibleTo(dock)
        dock.show_page("Second")
        assert dock.tabs.currentIndex() == 1
        dock.page("Second").setWindowTitle("Second (3)")
        assert [dock.tabs.tabText(i) for i in range(2)] == ["first", "Second (3)"]
        hub.close()
    finally:
        dock.deleteLater()


def test_key_opens_it_behind_uncertainty(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    window = viewer.window._qt_window
    window.resize(1366, 768)
    show_docks(viewer)
    hub = hub_of(viewer)
    (binding,) = [b for b in hub.shortcuts.bindings if b.action.name == "show_readers"]
    assert (binding.key, binding.conflict) == ("Shift+R", "")
    hub.performers()["show_readers"]()
    wrapper, dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Readers")
    qtbot.waitUntil(lambda: dock.isVisible() and dock.height() > 250, timeout=60_000)
    beside = [other.objectName() for other in window.tabifiedDockWidgets(wrapper)]
    assert any(name.startswith("Uncertainty") for name in beside), beside
    for page in dock.pages:
        assert page.mapTo(dock, page.rect().topRight()).x() <= dock.width(), page
    hub.close()
