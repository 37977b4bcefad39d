"""How soon a mask stands after a prompt, once the slice has been looked at; and what the window does meanwhile.

Run with ``make bench`` (needs a screen, a virtual one will do).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume
from napari_aleatoric.session import segmenter_choices
from napari_aleatoric.widgets import hub_of, show_docks

SHAPE = (24, 256, 256)


@pytest.fixture(scope="module")
def ball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with one volume of 256 × 256 pixels: a noisy ball, and no label yet."""
    root = tmp_path_factory.mktemp("ball")
    geometry = Geometry(SHAPE, (1.0, 1.0, 1.0))
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    inside = np.sqrt((z - 12) ** 2 + (y - 120) ** 2 + (x - 130) ** 2) < 30
    image = np.random.default_rng(0).normal(0, 20, SHAPE) + 100 * inside
    label = np.zeros(SHAPE, np.uint8)
    label[0, 0, 0] = 1
    for folder in ("images", "labels"):
        (root / "data" / folder).mkdir(parents=True)
    write_volume(root / "data" / "images" / "ball.nii", Volume(image.astype(np.int16), geometry))
    write_label_map(root / "data" / "labels" / "ball.nii", LabelMap(label, geometry))
    Workspace.create(root / "review", scan(root / "data"))
    return root / "review"


class Desk:
    """A window in which prompts are given."""

    def __init__(self, viewer: Any) -> None:
        self.viewer, self.hub = viewer, hub_of(viewer)
        self.app = QApplication.instance()
        self.canvas = viewer.window._qt_viewer.canvas
        self.drawn = 0
        self.canvas._scene_canvas.events.draw.connect(self._count)

    def _count(self, event: Any) -> None:
        self.drawn += 1

    def until(self, condition: Callable[[], bool], seconds: float = 120.0) -> None:
        """Run the event loop until something holds."""
        end = time.perf_counter() + seconds
        while not condition():
            self.app.processEvents()
            if time.perf_counter() > end:
                raise TimeoutError(self.hub.segmenting.sentence)

    def ready(self) -> None:
        """Wait until prompts can be given."""
        self.until(lambda: self.hub.segmenting.prompting.status.phase == "ready")

    def rest(self, seconds: float) -> None:
        """Let the window run for a while."""
        end = time.perf_counter() + seconds
        self.until(lambda: time.perf_counter() > end)

    def clean(self) -> None:
        """Empty the label."""
        self.hub.segmenting.next_object()
        self.hub.stage.label_layer.data[...] = 0
        self.hub.stage.label_layer.refresh()
        self.rest(0.2)

    def at(self, y: int, x: int) -> QPoint:
        """Return where a pixel of the slice is on the canvas."""
        camera, canvas = self.viewer.scene.camera, self.canvas.native
        right = (x - camera.center[2]) * camera.zoom + canvas.width() / 2
        return QPoint(round(right), round((y - camera.center[1]) * camera.zoom + canvas.height() / 2))

    def painted(self) -> None:
        """Wait until a mask stands in the label and has been drawn."""
        label = self.hub.stage.label_layer
        self.until(lambda: bool(label.data[12].any()))
        before = self.drawn
        self.until(lambda: self.drawn > before)

    def box(self) -> None:
        """Let a box go, and wait for its mask."""
        QTest.mouseRelease(self.canvas.native, Qt.MouseButton.LeftButton, pos=self.at(150, 160))
        self.painted()

    def begin_box(self) -> None:
        """Empty the label and drag a box."""
        self.clean()
        QTest.mousePress(self.canvas.native, Qt.MouseButton.LeftButton, pos=self.at(90, 100))
        QTest.mouseMove(self.canvas.native, self.at(120, 130))
        self.rest(0.1)

    def click(self) -> None:
        """Click, and wait for the mask."""
        QTest.mouseClick(self.canvas.native, Qt.MouseButton.LeftButton, pos=self.at(120, 130))
        self.painted()


@pytest.fixture
def desk(make_napari_viewer: Any, ball: Path) -> Iterator[Desk]:
    if not next(c for c in segmenter_choices() if c.name == "sam-small").ready:
        pytest.skip("sam-small is not there")
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    show_docks(viewer)
    desk = Desk(viewer)
    desk.hub.open(ball)
    desk.until(lambda: desk.hub.session.item is not None)
    desk.hub.stage.go_to_slice(12)
    desk.rest(1.0)
    yield desk
    desk.hub.close()


@pytest.mark.gui
@pytest.mark.benchmark(group="prompt to painted mask, 256×256, slice looked at before")
def test_box_to_mask(desk: Desk, benchmark: Any) -> None:
    desk.hub.segment("box")
    desk.ready()
    desk.begin_box()
    desk.box()
    benchmark.pedantic(desk.box, setup=desk.begin_box, rounds=12)


@pytest.mark.gui
@pytest.mark.benchmark(group="prompt to painted mask, 256×256, slice looked at before")
def test_click_to_mask(desk: Desk, benchmark: Any) -> None:
    desk.hub.segment("points")
    desk.ready()
    desk.click()
    benchmark.pedantic(desk.click, setup=desk.clean, rounds=12)


@pytest.mark.gui
@pytest.mark.benchmark(group="from off to ready, and the longest stall meanwhile")
def test_start(desk: Desk, benchmark: Any) -> None:
    """The network's process starts, loads, and looks at the first slice."""
    longest, last = [0.0], [time.perf_counter()]

    def beat() -> None:
        now = time.perf_counter()
        longest[0], last[0] = max(longest[0], now - last[0]), now

    timer = QTimer(interval=5)
    timer.timeout.connect(beat)
    timer.start()

    def start() -> None:
        desk.hub.segment("box")
        desk.ready()

    benchmark.pedantic(start, rounds=1)
    timer.stop()
    benchmark.extra_info["longest_stall_ms"] = round(1e3 * longest[0])
    print(f"\nlongest stall while the network was loaded: {1e3 * longest[0]:.0f} ms")
