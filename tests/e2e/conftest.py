"""The whole program is tested in a real window, with their files in a folder of the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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
def viewers() -> list[Any]:
    """The windows that were opened, in order."""
    return []


@pytest.fixture
def open_window(make_napari_viewer: Any, qtbot: Any, viewers: list[Any]) -> Iterator[Any]:
    """Open a window with both docks; give it the keyboard."""
    hubs: list[Hub] = []

    def make() -> tuple[Any, Hub, Any, Any]:
        viewer = make_napari_viewer(show=True)
        window = viewer.window._qt_window
        window.resize(1366, 768)
        review, uncertainty = show_docks(viewer)
        hub = hub_of(viewer)
        hubs.append(hub)
        viewers.append(viewer)
        window.activateWindow()
        window.setFocus()
        qtbot.waitUntil(window.isActiveWindow, timeout=10_000)
        return viewer, hub, review, uncertainty

    yield make
    viewers.clear()
    for hub in hubs:
        hub.close()


@pytest.fixture
def picture(viewers: list[Any], qtbot: Any) -> Callable[[str], None]:
    """Take a picture of the newest window, dark and light, if ALEATORIC_STORY_PICTURES names a folder for them."""
    folder = os.environ.get("ALEATORIC_STORY_PICTURES")

    def take(name: str) -> None:
        if not folder:
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        viewer = viewers[-1]
        for theme in ("light", "dark"):
            viewer.theme = theme
            qtbot.wait(300)  # no condition is waited for: the picture is for people
            viewer.window.screenshot(str(Path(folder) / f"{name}-{theme}.png"), flash=False)

    return take


def press(viewer: Any, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key in a window."""
    QTest.keyClick(viewer.window._qt_window, key, modifier)
