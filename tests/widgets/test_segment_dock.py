"""The *Segment* dock with a segmenter that needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.foundation import Embedding, Prediction, Prompt, WeightsStore
from napari_aleatoric.review import ReviewStore
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import SegmenterChoice, open_path, prepare, segmenter_choices
from napari_aleatoric.widgets import hub_of, show_docks
from napari_aleatoric.widgets.segment._model_box import ModelBox

pytestmark = pytest.mark.gui

SECONDS_MS = 20_000


class Square:
    """Finds a square of 2r + 1 pixels round the last point, or the inside of the box."""

    name = "square"

    def embed(self, slices: Sequence[np.ndarray]) -> list[Embedding]:
        return [Embedding(np.zeros((1, 1, 1), np.float16), i.shape[:2], i.shape[:2], self.name) for i in slices]

    def predict(self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]) -> list[Prediction]:
        found = []
        for embedding, prompt in zip(embeddings, prompts, strict=True):
            logits = np.full(embedding.shape_yx, -1.0, np.float32)
            x, y = (round(v) for v in prompt.points_xy[0])
            r = 2 + len(prompt.points_xy)
            logits[max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1] = 1.0
            found.append(Prediction(logits, 0.75, embedding.shape_yx))
        return found

    def segment(self, image: np.ndarray, prompt: Prompt, *, whole: Prediction | None = None) -> Prediction:
        if whole is not None:  # clicks: as the slice said
            return whole
        logits = np.full(image.shape[:2], -1.0, np.float32)
        assert prompt.box_xyxy is not None
        x0, y0, x1, y1 = (round(v) for v in prompt.box_xyxy)
        logits[y0 : y1 + 1, x0 : x1 + 1] = 1.0
        return Prediction(logits, 0.75, image.shape[:2])


class Host:
    error: Exception | None = None

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self) -> Square:
        if Host.error is not None:
            raise Host.error
        return Square()

    def close(self) -> None:
        pass


class Window:
    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        show_docks(viewer)
        self.hub = hub_of(viewer)
        _, self.dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Segment")
        self.canvas = viewer.window._qt_viewer.canvas.native

    @property
    def label(self) -> Any:
        return self.hub.stage.label_layer

    @property
    def plane(self) -> np.ndarray:
        return self.label.data[self.hub.stage.slice_index]

    def open(self, folder: Path) -> None:
        session = self.hub.session
        session.attach(prepare(open_path(folder)))
        session.go(session.queue.key(0))
        self.qtbot.waitUntil(lambda: session.item is not None, timeout=SECONDS_MS)

    def ready(self) -> None:
        phase = self.hub.segmenting.prompting
        self.qtbot.waitUntil(lambda: phase.status.phase == "ready", timeout=SECONDS_MS)

    def at(self, y: int, x: int) -> QPoint:
        """Where a pixel of the axial slice is on the canvas."""
        camera, scale = self.viewer.scene.camera, self.label.scale
        down = (y * scale[1] - camera.center[1]) * camera.zoom + self.canvas.height() / 2
        right = (x * scale[2] - camera.center[2]) * camera.zoom + self.canvas.width() / 2
        return QPoint(round(right), round(down))

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        QTest.mousePress(self.canvas, Qt.MouseButton.LeftButton, pos=self.at(*start))
        for share in (0.3, 0.7, 1.0):
            between = [round(a + share * (b - a)) for a, b in zip(start, end, strict=True)]
            QTest.mouseMove(self.canvas, self.at(*between))
        QTest.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, pos=self.at(*end))

    def click(self, y: int, x: int, button: Any = Qt.MouseButton.LeftButton) -> None:
        QTest.mouseClick(self.canvas, button, pos=self.at(y, x))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "samples"
    write_samples(folder, SampleSpec(n_cases=2, seed=3, matrix=48))
    return folder


@pytest.fixture
def window(make_napari_viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, samples: Path) -> Iterator[Window]:
    monkeypatch.setattr("napari_aleatoric.widgets._hub.OwnProcess", Host)
    monkeypatch.setattr(Host, "error", None)
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    window = Window(viewer, qtbot)
    yield window
    window.hub.close()


def test_without_a_case_there_is_nothing_to_segment(window: Window) -> None:
    assert not any(button.isEnabled() for button in window.dock.modes.values())
    window.hub.performers()["segment_box"]()
    assert window.hub.segmenting.mode == ""
    assert not window.dock.modes["box"].isChecked()


def test_a_box_becomes_a_mask_that_undo_takes_back_and_the_journal_keeps(window: Window, samples: Path) -> None:
    window.open(samples)
    window.label.selected_label = 2
    before = window.label.data.copy()
    window.qtbot.mouseClick(window.dock.modes["box"], Qt.MouseButton.LeftButton)
    assert window.dock.modes["box"].isChecked()
    window.ready()
    window.drag((4, 5), (9, 12))
    window.qtbot.waitUntil(lambda: not np.array_equal(window.label.data, before), timeout=SECONDS_MS)
    expected = before.copy()
    expected[window.hub.stage.slice_index, 4:10, 5:13] = 2
    assert np.array_equal(window.label.data, expected)
    assert "0.75" in window.dock.words.text()
    window.hub.session.keep_strokes()
    assert window.hub.session.unsaved
    window.label.undo()
    assert np.array_equal(window.label.data, before)
    window.label.redo()
    assert np.array_equal(window.label.data, expected)


def test_clicks_outline_one_object_and_undo_takes_one_back(window: Window, samples: Path) -> None:
    window.open(samples)
    window.label.data[...] = 0
    window.label.selected_label = 1
    segmenting = window.hub.segmenting
    window.hub.performers()["segment_points"]()
    window.ready()
    assert window.dock.next.isVisibleTo(window.dock)

    def drawn(n: int) -> None:
        window.qtbot.waitUntil(lambda: (window.plane == 1).sum() == n, timeout=SECONDS_MS)

    window.click(20, 20)
    drawn(7 * 7)
    window.click(21, 22, Qt.MouseButton.RightButton)
    drawn(9 * 9)
    marks = segmenting._marks
    assert [label for _, label in marks._marks.points] == [1, 0]
    assert marks.isVisible()
    window.label.undo()
    drawn(7 * 7)
    assert [label for _, label in marks._marks.points] == [1]
    window.label.redo()
    drawn(9 * 9)
    assert len(marks._marks.points) == 2
    window.qtbot.mouseClick(window.dock.next, Qt.MouseButton.LeftButton)
    assert not marks.isVisible()
    window.click(20, 35)
    drawn(9 * 9 + 7 * 7)
    window.label.data_setitem((np.array([0]), np.array([0]), np.array([0])), 3)  # on another slice: no matter
    assert len(marks._marks.points) == 1
    z = window.hub.stage.slice_index
    window.label.data_setitem((np.array([z]), np.array([0]), np.array([0])), 3)  # here: the object is finished
    assert not marks.isVisible()


def test_a_saved_version_names_the_model_and_the_prompts_still_in_it(window: Window, tmp_path: Path) -> None:
    write_samples(tmp_path / "untouched", SampleSpec(n_cases=1, seed=3, matrix=48))
    window.open(tmp_path / "untouched")
    session = window.hub.session
    window.label.data[...] = 0
    window.label.selected_label = 1
    window.hub.segment("points")
    window.ready()

    def drawn(n: int) -> None:
        window.qtbot.waitUntil(lambda: (window.plane == 1).sum() == n, timeout=SECONDS_MS)

    window.click(20, 20)
    drawn(7 * 7)
    window.qtbot.mouseClick(window.dock.next, Qt.MouseButton.LeftButton)
    window.click(20, 35)
    drawn(2 * 7 * 7)
    window.label.undo()
    drawn(7 * 7)
    session.save()
    window.qtbot.waitUntil(lambda: not session.unsaved, timeout=SECONDS_MS)
    with ReviewStore.open(session.workspace.store_url) as store:
        saved = store.latest_correction(session.item.key)
    assert saved is not None
    assert [(use.segmenter, use.n_boxes, use.n_clicks) for use in saved.prompts] == [("square", 0, 1)]
    assert not saved.machine  # it is the reader's version all the same


def test_going_to_another_slice_finishes_the_object_and_looks_there(window: Window, samples: Path) -> None:
    window.open(samples)
    window.hub.segment("points")
    window.ready()
    window.click(20, 20)
    window.qtbot.waitUntil(lambda: "Drawn" in window.dock.words.text(), timeout=SECONDS_MS)
    assert window.hub.segmenting._marks.isVisible()
    window.hub.stage.go_to_slice(window.hub.stage.slice_index + 1)
    assert not window.hub.segmenting._marks.isVisible()
    window.ready()
    window.viewer.dims.ndisplay = 3
    assert "3-D" in window.dock.words.text()
    window.viewer.dims.ndisplay = 2
    window.ready()


def test_replacing_and_keeping_other_classes(window: Window, samples: Path) -> None:
    window.open(samples)
    window.label.data[...] = 0
    z = window.hub.stage.slice_index
    window.label.data[z, 30:33, 30:33] = 1
    window.label.data[z, 5, 5] = 2
    window.label.selected_label = 1
    window.dock.how.setCurrentIndex(1)
    window.dock.keep.setChecked(True)
    assert window.label.preserve_labels
    window.hub.segment("box")
    window.ready()
    window.drag((4, 4), (8, 8))
    window.qtbot.waitUntil(lambda: (window.plane == 1).sum() == 24, timeout=SECONDS_MS)
    assert window.plane[5, 5] == 2
    window.label.preserve_labels = False
    assert not window.dock.keep.isChecked()


def test_class_and_selected_label_are_one(window: Window, samples: Path) -> None:
    window.open(samples)
    values = [c.label_value for c in window.hub.session.classes]
    box = window.dock.classes
    assert [box.itemData(k) for k in range(box.count())] == [*values, 0]
    assert box.currentData() == window.label.selected_label
    window.label.selected_label = values[2]
    assert box.currentData() == values[2]
    box.setCurrentIndex(1)
    box.activated.emit(1)
    assert window.label.selected_label == values[1]
    window.label.selected_label = 99
    assert "99" in box.currentText()
    window.label.selected_label = 0
    assert "erase" in box.currentText()
    assert box.count() == len(values) + 1


def test_what_cannot_be_loaded_says_why_and_turns_off(
    window: Window, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Host, "error", NotFoundError("The weights are not here. Run this."))
    window.open(samples)
    window.hub.segment("box")
    window.qtbot.waitUntil(lambda: window.hub.segmenting.mode == "", timeout=SECONDS_MS)
    assert window.dock.words.text() == "The weights are not here. Run this."
    assert not window.dock.modes["box"].isChecked()
    monkeypatch.setattr(Host, "error", None)
    window.hub.segment("box")
    window.ready()


def test_escape_and_another_tool_end_it(window: Window, samples: Path) -> None:
    window.open(samples)
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=SECONDS_MS)
    window.hub.segment("box")
    window.ready()
    QTest.keyClick(main, Qt.Key.Key_Escape)
    assert window.hub.segmenting.mode == ""
    QTest.keyClick(main, Qt.Key.Key_B, Qt.KeyboardModifier.ShiftModifier)
    assert window.hub.segmenting.mode == "box"
    window.label.mode = "paint"
    assert window.hub.segmenting.mode == ""
    assert window.label.mode == "paint"


def test_models_that_cannot_be_used_are_grey_and_say_why(qtbot: Any, tmp_path: Path) -> None:
    choices = segmenter_choices(WeightsStore(tmp_path))
    assert {"sam-small", "sam-vit-b", "medsam-vit-b"} <= {c.name for c in choices}
    large = next(c for c in choices if c.name == "sam-vit-h")
    assert not large.ready
    assert "Download it" in large.sentence or "pip install" in large.sentence
    box = ModelBox()
    qtbot.addWidget(box)
    box.show_choices(
        [SegmenterChoice("good", True, "For all."), SegmenterChoice("far", False, "Fetch it.")], "good"
    )
    assert box.currentData() == "good"
    assert box.toolTip() == "For all."
    assert not box.model().item(1).isEnabled()
    assert box.itemData(1, Qt.ItemDataRole.ToolTipRole) == "Fetch it."


def test_it_fits_a_laptop(window: Window) -> None:
    assert window.dock.sizeHint().height() <= 160
    assert window.dock.widget().minimumSizeHint().width() <= 620  # what is left between the panels at 1366 pixels
    assert window.dock.minimumSizeHint().width() <= 320
