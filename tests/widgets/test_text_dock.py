"""The way in by words of the *Segment* dock, with a text-image model whose saliency is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QTest
from tests.canvas import drag

from napari_aleatoric.foundation import Embedding, Prediction, Prompt, Saliency
from napari_aleatoric.review import ReviewStore
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.segmentation import PromptLibrary, VolumeSpec
from napari_aleatoric.session import TextPhase, open_path, prepare
from napari_aleatoric.widgets import hub_of, show_docks
from napari_aleatoric.widgets.segment._sentences_window import SentencesWindow

pytestmark = pytest.mark.gui

MINUTE = 60_000
SPOT = (slice(10, 20), slice(12, 30))  # rows and columns where every word but one is seen


class Seer:
    """Sees any word at one place; "prostate" nowhere."""

    name, n_layers = "seer", 12

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        known = {"liver": (1, 0), "spleen": (1, 0), "prostate": (0, 1)}
        return np.array([next((v for k, v in known.items() if k in t), (0.6, 0.8)) for t in texts], np.float32)

    def embed_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([(1, 0)] * len(images), np.float32)

    methods: list[Any] = []  # noqa: RUF012 - how it was asked, all of them

    def saliencies(
        self, images: Any, text_vectors: Any, *, method: Any = None, reporter: Any = None, **_: Any
    ) -> list[Saliency]:
        self.methods.append(method)
        found = []
        for image, vector in zip(images, text_vectors, strict=True):
            if reporter is not None:
                reporter.step(1, 2, "Looking")
            seen = np.zeros(image.shape[:2], np.float32)
            seen[SPOT] = 1.0
            found.append(Saliency(seen, float(vector[0]), "m2ib"))
        return found


class Boxes:
    """Outlines the inside of a box."""

    name = "boxes"

    def embed(self, slices: Sequence[np.ndarray]) -> list[Embedding]:
        return [Embedding(np.zeros((1, 1, 1), np.float16), i.shape[:2], i.shape[:2], self.name) for i in slices]

    def segment(self, image: np.ndarray, prompt: Prompt, *, whole: Any = None) -> Prediction:
        logits = np.full(image.shape[:2], -5.0, np.float32)
        x0, y0, x1, y1 = (round(v) for v in prompt.box_xyxy)
        logits[y0 : y1 + 1, x0 : x1 + 1] = 5.0
        return Prediction(logits, 0.9, image.shape[:2])


class Host:
    def __init__(self, name: str) -> None:
        self.model = Seer() if name == "stub" else Boxes()

    def open(self) -> Any:
        return self.model

    def close(self) -> None:
        pass


class Window:
    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        show_docks(viewer)
        self.hub = hub_of(viewer)
        dock, self.dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Segment")
        dock.raise_()
        self.words = self.hub.segmenting.words

    @property
    def label(self) -> Any:
        return self.hub.stage.label_layer

    def open(self, folder: Path) -> None:
        session = self.hub.session
        session.attach(prepare(open_path(folder)))
        session.go(session.queue.key(0))
        self.until(lambda: session.item is not None)
        self.words.text.choose("stub")
        self.dock.show_text()

    def until(self, condition: Any) -> None:
        self.qtbot.waitUntil(condition, timeout=MINUTE)

    def find(self, words: str) -> None:
        self.dock.text.edit.setText(words)
        QTest.keyClick(self.dock.text.edit, Qt.Key.Key_Return)
        self.until(lambda: not self.words.status.busy)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        drag(self.viewer, self.label, start, end)


@pytest.fixture
def window(make_napari_viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    monkeypatch.setattr("napari_aleatoric.widgets._hub.OwnProcess", Host)
    monkeypatch.setattr("napari_aleatoric.widgets._segmenting.OwnTextProcess", Host)
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    window = Window(viewer, qtbot)
    yield window
    window.hub.close()


def test_type_drag_accept_undo_redo_save(window: Window, tmp_path: Path) -> None:
    write_samples(tmp_path / "data", SampleSpec(n_cases=1, seed=3, matrix=48))
    window.open(tmp_path / "data")
    session, dock, page = window.hub.session, window.dock, window.dock.text
    z = window.hub.stage.slice_index
    window.label.data[z, 14:16, 14:16] = 3  # another class, in the way
    window.label.selected_label = 1
    before = window.label.data.copy()

    QTest.keyClicks(page.edit, "liv")
    assert "liver" in page.edit.offers
    window.find("no such thing: prostate")
    assert window.words.status.phase is TextPhase.IDLE
    assert "was not found" in page.line.words.text()
    assert not window.words.text.draft.found
    assert not window.words.layers.find("Draft boxes").data

    window.find("liver")
    assert window.words.status.phase is TextPhase.DRAFT, window.words.status.sentence
    layers = window.words.layers
    draft = layers.find("Draft")
    wanted = np.zeros(before.shape, bool)
    wanted[z][SPOT] = True
    assert np.array_equal(draft.data > 0, wanted)
    assert np.array_equal(window.label.data, before), "a draft is not in the label"
    assert page.accept.isVisibleTo(dock)
    assert [layers.find(n).visible for n in ("Saliency", "Coarse mask", "Draft", "Draft boxes")] == [1, 0, 1, 1]

    # a box is dragged by five rows and three columns, and the mask follows
    assert window.viewer.layers.selection.active is layers.find("Draft boxes")
    window.drag((15, 20), (20, 23))
    (box,) = layers.find("Draft boxes").data
    assert box[:, 1:].mean(axis=0) == pytest.approx((14.5 + 5, 20.5 + 3), abs=0.6)
    (y0, x0), (y1, x1) = np.round(box[:, 1:].min(axis=0) + 0.5), np.round(box[:, 1:].max(axis=0) - 0.5)
    moved = np.zeros(before.shape, bool)
    moved[z, int(y0) : int(y1) + 1, int(x0) : int(x1) + 1] = True
    window.until(lambda: np.array_equal(draft.data > 0, moved))

    window.qtbot.mouseClick(page.accept, Qt.MouseButton.LeftButton)
    after = before.copy()
    after[moved & (before == 0)] = 1  # never over other classes
    assert (after != before).any()
    assert np.array_equal(window.label.data, after)
    assert not draft.visible
    window.label.undo()
    assert np.array_equal(window.label.data, before)
    window.label.redo()
    assert np.array_equal(window.label.data, after)

    # kept as a version that names the models, and as words that worked
    session.save()
    window.until(lambda: not session.unsaved)
    with ReviewStore.open(session.workspace.store_url) as store:
        saved = store.latest_correction(session.item.key)
    assert [(u.segmenter, u.n_boxes, u.n_clicks) for u in saved.prompts] == [("boxes led by words (seer)", 1, 0)]
    window.until(lambda: bool(PromptLibrary.load(session.workspace.root).worked))
    worked = PromptLibrary.load(session.workspace.root).worked
    assert [(w.text, w.model, w.times) for w in worked] == [("liver", "seer", 1)]

    # boxes and points go on as ever
    window.hub.segment("box")
    assert dock.ways.currentIndex() == 0
    assert window.hub.segmenting.mode == "box"

    # sentences are seen, edited, and a question is copied
    window.hub.performers()["segment_words"]()
    assert dock.ways.currentIndex() == 1
    sentences = SentencesWindow("liver", window.words, dock)
    sentences.modality.setCurrentIndex(sentences.modality.findData("MR"))
    sentences.modality.activated.emit(sentences.modality.currentIndex())
    sentences.copy.click()
    assert "MRI images" in QGuiApplication.clipboard().text()
    assert "liver" in QGuiApplication.clipboard().text()
    sentences.edit.setPlainText("A bright wedge.\n\n  Below the  diaphragm. ")
    sentences.own.click()
    assert window.words.query("liver").sentences == ("A bright wedge.", "Below the diaphragm.")
    assert window.words.query("spleen").sentences != window.words.query("liver").sentences
    sentences.library.click()
    assert window.words.query("liver").sentences == worked[0].sentences

    # a draft that nobody decided on is there again when the case is opened; one that is rejected leaves nothing
    window.find("spleen")
    window.drag((15, 20), (20, 23))
    window.until(lambda: np.array_equal(draft.data > 0, moved))
    label, (box,) = window.words.text.draft.label.copy(), layers.find("Draft boxes").data
    window.open(tmp_path / "data")
    window.until(lambda: window.words.text.draft is not None)
    assert "neither accepted nor rejected" in page.line.words.text()
    assert np.array_equal(window.words.text.draft.label, label)
    assert np.array_equal(draft.data, label)
    assert np.array_equal(window.label.data, after)
    # with its boxes, which can be dragged on
    (again,) = layers.find("Draft boxes").data
    assert again == pytest.approx(box, abs=1e-3)
    window.hub.stage.go_to_slice(z)
    window.drag((20, 23), (15, 20))
    window.until(lambda: draft.data.any() and not np.array_equal(draft.data, label))
    assert np.count_nonzero(draft.data) == np.count_nonzero(label)
    window.qtbot.mouseClick(page.reject, Qt.MouseButton.LeftButton)
    assert np.array_equal(window.label.data, after)
    assert window.words.text.draft is None
    assert dock.sizeHint().height() <= 160
    assert dock.widget().minimumSizeHint().width() <= 620


def test_settings_reach_the_next_look_and_stay_with_the_project(window: Window, tmp_path: Path) -> None:
    write_samples(tmp_path / "data", SampleSpec(n_cases=1, seed=3, matrix=48))
    window.open(tmp_path / "data")
    dock, page = window.dock, window.dock.text
    form, narrow = page.form, dock.widget().minimumSizeHint().width()
    assert not form.isVisibleTo(dock), "folded away at first"
    assert page.settings.head.text().endswith("Settings")
    window.qtbot.mouseClick(page.settings.head, Qt.MouseButton.LeftButton)
    window.until(lambda: not form.visibleRegion().isEmpty())
    assert dock.widget().minimumSizeHint().width() == narrow, "the dock asks for no more width"
    for name, field in form.fields.items():
        assert field.toolTip() == VolumeSpec.model_fields[name].description
        assert field.accessibleName()

    window.find("liver")
    assert Seer.methods[-1] is None, "as the model advises"
    methods, thresholds = form.fields["saliency_method"], form.fields["threshold"]
    assert not form.fields["fixed_level"].isEnabled()
    methods.setCurrentIndex(methods.findData("patches"))
    thresholds.setCurrentIndex(thresholds.findData("fixed"))
    assert form.fields["fixed_level"].isEnabled()
    form.fields["fixed_level"].setValue(0.55)
    form.fields["pieces"].setValue(2)
    form.fields["pieces"].setValue(0)
    assert form.fields["pieces"].text() == "as the word says"
    form.fields["key_slices"].setValue(5)
    chosen = VolumeSpec(saliency_method="patches", threshold="fixed", fixed_level=0.55, key_slices=5)
    assert window.words.settings == chosen
    assert page.settings.head.text().endswith("Settings (4 changed)")
    window.find("liver")
    assert Seer.methods[-1] == "patches"

    write_samples(tmp_path / "other", SampleSpec(n_cases=1, seed=4, matrix=48))
    window.open(tmp_path / "other")
    assert window.words.settings == VolumeSpec()
    assert methods.currentData() is None
    window.open(tmp_path / "data")
    assert window.words.settings == chosen
    assert methods.currentData() == "patches"
    window.qtbot.mouseClick(form.usual, Qt.MouseButton.LeftButton)
    assert window.words.settings == VolumeSpec()
    assert not form.usual.isEnabled()
    window.open(tmp_path / "data")
    assert window.words.settings == VolumeSpec()
    assert window.viewer.window._qt_window.width() <= 1366
    assert window.viewer.window._qt_window.height() <= 768
