"""The whole program is tested in a real window, with their files in a folder of the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_aleatoric.widgets import Hub, hub_of, show_docks

MINUTES = 60_000


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tester's own keys and recent folders out of the tests, and the tests out of theirs."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def open_window(make_napari_viewer: Any, qtbot: Any) -> Iterator[Any]:
    """Open a window with both docks; give it the keyboard."""
    hubs: list[Hub] = []

    def make() -> tuple[Any, Hub, Any, Any]:
        viewer = make_napari_viewer(show=True)
        window = viewer.window._qt_window
        window.resize(1366, 768)
        review, uncertainty = show_docks(viewer)
        hub = hub_of(viewer)
        hubs.append(hub)
        window.activateWindow()
        window.setFocus()
        qtbot.waitUntil(window.isActiveWindow, timeout=10_000)
        return viewer, hub, review, uncertainty

    yield make
    for hub in hubs:
        hub.close()


def press(viewer: Any, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key in a window."""
    QTest.keyClick(viewer.window._qt_window, key, modifier)
