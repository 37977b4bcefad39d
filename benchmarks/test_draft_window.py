"""How soon the mask of a draft follows when a box of it is let go, with the models that are shipped.

Run with ``make bench`` (needs a screen, a virtual one will do).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from tests.canvas import pixel_at

from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import segmenter_choices
from napari_aleatoric.widgets import hub_of, show_docks

MATRIX = 256


class Draft:
    """A window with the draft of a word on a slice."""

    def __init__(self, viewer: Any, folder: Path) -> None:
        self.viewer, self.hub, self.app = viewer, hub_of(viewer), QApplication.instance()
        self.words = self.hub.segmenting.words
        _, dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Segment")
        self.hub.open(folder)
        self.until(lambda: self.hub.session.item is not None)
        self.label = self.hub.stage.label_layer
        liver = self.label.data == 1
        self.z = int(liver.sum(axis=(1, 2)).argmax())
        self.label.data[liver] = 0
        self.label.selected_label = 1
        self.hub.stage.go_to_slice(self.z)
        dock.show_text()
        edit = dock.text.edit
        QTest.keyClicks(edit, "liver")
        QTest.keyClick(edit, Qt.Key.Key_Return)
        self.until(lambda: self.words.layers is not None and self.words.layers.find("Draft") is not None)
        self.until(lambda: not self.words.status.busy and bool(self.mask.any()))
        box = np.asarray(self.words.layers.find("Draft boxes").data[0])[:, -2:]
        self.low, self.high = box.min(axis=0), box.max(axis=0)
        self.tool = dock.text.tools["box"]
        self.redrawn = 0
        self.words.text.redrawn.connect(self._count)

    def _count(self, plane: Any) -> None:
        self.redrawn += 1

    @property
    def mask(self) -> np.ndarray:
        """Of the draft, on the slice."""
        return np.asarray(self.words.layers.find("Draft").data[self.z] > 0)

    def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Run the event loop until something holds."""
        end = time.perf_counter() + seconds
        while not condition():
            self.app.processEvents()
            if time.perf_counter() > end:
                raise TimeoutError(self.words.status.sentence)

    def begin(self) -> None:
        """Take all boxes away, and drag another nearly to its end."""
        boxes = self.words.layers.find("Draft boxes")
        boxes.selected_data = set(range(boxes.nshapes))
        before = self.redrawn
        boxes.remove_selected()
        self.until(lambda: self.redrawn > before)
        QTest.mouseClick(self.tool, Qt.MouseButton.LeftButton)
        self.viewer.layers.selection.active = boxes
        canvas = self.viewer.window._qt_viewer.canvas.native
        start = pixel_at(self.viewer, self.label, *self.low)
        QTest.mouseMove(canvas, start)
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
        for part in (0.3, 0.7, 1.0):
            self.end = pixel_at(self.viewer, self.label, *(self.low + part * (self.high - self.low)))
            QTest.mouseMove(canvas, self.end)
            self.app.processEvents()

    def let_go(self) -> None:
        """Let the box go, and wait until its mask stands."""
        before = self.redrawn
        canvas = self.viewer.window._qt_viewer.canvas.native
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=self.end)
        self.until(lambda: self.redrawn > before)


@pytest.fixture
def draft(make_napari_viewer: Any, tmp_path: Path) -> Iterator[Draft]:
    if not next(c for c in segmenter_choices() if c.name == "sam-small").ready:
        pytest.skip("sam-small is not there")
    write_samples(tmp_path / "data", SampleSpec(n_cases=1, seed=3, matrix=MATRIX, error_fraction=0.0))
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    show_docks(viewer)
    draft = Draft(viewer, tmp_path / "data")
    yield draft
    draft.hub.close()


@pytest.mark.gui
@pytest.mark.benchmark(group="box of a draft let go, to its mask, 256×256")
def test_dragged_box_to_mask(draft: Draft, benchmark: Any) -> None:
    benchmark.pedantic(draft.let_go, setup=draft.begin, rounds=12)
