"""Type words in a real window, with a text-image model and a segmenter in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from tests.canvas import drag

from napari_aleatoric.foundation import SaliencySpec, WeightsStore
from napari_aleatoric.model import Verdict
from napari_aleatoric.review import corrections
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.segmentation import VolumeSpec
from napari_aleatoric.session import TextPhase, segmenter_choices
from napari_aleatoric.widgets import hub_of, show_docks

pytestmark = [pytest.mark.gui, pytest.mark.slow]

MINUTES = 60_000
UNTAUGHT = VolumeSpec(least_presence=0.0, least_score=-1.0)  # what a model that learned nothing can be asked


_MODEL = """
import json, sys
from pathlib import Path
import open_clip, torch
from safetensors.torch import save_file
vision = {"image_size": 64, "layers": 3, "width": 48, "patch_size": 8, "head_width": 24}
text = {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
config = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}
torch.manual_seed(5)
network = open_clip.CLIP(**config)
folder = Path(sys.argv[1])
folder.mkdir()
(folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
save_file({k: v.contiguous() for k, v in network.state_dict().items()}, folder / "open_clip_model.safetensors")
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A text-image model in a folder, as open_clip describes one; its numbers are drawn by chance.

    It is made in a process of its own: torch stays out of the window's.
    """
    for name in ("torch", "open_clip", "safetensors"):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    folder = tmp_path / "untaught"
    subprocess.run([sys.executable, "-c", _MODEL, str(folder)], check=True, timeout=300)
    return folder


class Reader:
    """Somebody with a mouse and a keyboard."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.qtbot, self.hub = viewer, qtbot, hub_of(viewer)
        self.words = self.hub.segmenting.words
        _, self.dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Segment")

    @property
    def label(self) -> Any:
        return self.hub.stage.label_layer

    def until(self, condition: Any) -> None:
        self.qtbot.waitUntil(condition, timeout=3 * MINUTES)

    def open_without_liver(self, folder: Path) -> tuple[Any, int]:
        """Open the first case, take the liver out of its label and go to its largest slice."""
        self.hub.open(folder)
        self.until(lambda: self.hub.session.item is not None)
        liver = self.label.data == 1
        z = int(liver.sum(axis=(1, 2)).argmax())
        self.label.data[liver] = 0
        self.label.selected_label = 1
        self.hub.stage.go_to_slice(z)
        self.dock.show_text()
        return liver, z

    def find(self, words: str) -> None:
        edit = self.dock.text.edit
        edit.clear()
        QTest.keyClicks(edit, words)
        QTest.keyClick(edit, Qt.Key.Key_Return)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        drag(self.viewer, self.label, start, end)


@pytest.fixture
def reader(make_napari_viewer: Any, qtbot: Any) -> Iterator[Reader]:
    choice = next(c for c in segmenter_choices(WeightsStore()) if c.name == "sam-small")
    if not choice.ready:
        pytest.skip(choice.sentence)
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    show_docks(viewer)
    reader = Reader(viewer, qtbot)
    yield reader
    reader.hub.close()


def test_words_boxes_accept_undo_save(reader: Reader, model: Path, tmp_path: Path) -> None:
    write_samples(tmp_path / "data", SampleSpec(n_cases=1, seed=3, matrix=96))
    hub, words = reader.hub, reader.words
    session = hub.session
    truth, z = reader.open_without_liver(tmp_path / "data")
    before = reader.label.data.copy()
    hub.prompt_model.use_words(str(model))
    assert reader.dock.seer.currentData() == str(model)

    # a long look is stopped within two seconds
    words.text.spec = UNTAUGHT.model_copy(update={"saliency": SaliencySpec(steps=1000)})
    reader.find("liver")
    reader.until(lambda: (words.status.fraction or 0) > 0.15)
    run = words.text.runs.current
    reader.qtbot.mouseClick(reader.dock.text.line.cancel, Qt.MouseButton.LeftButton)
    assert not words.status.busy
    assert run.is_over.wait(10)
    assert words.text.draft is None

    # a look that goes to its end: whatever an untaught model sees, the stages are there
    words.text.spec = UNTAUGHT
    reader.find("liver")
    reader.until(lambda: not words.status.busy)
    assert words.status.phase in (TextPhase.DRAFT, TextPhase.IDLE), words.status.sentence
    layers = words.layers
    assert layers.find("Saliency").data[z].max() == 255
    assert not layers.find("Saliency").data[z - 1].any()

    # a person draws the box that was meant, takes the others away, and the mask follows
    ys, xs = np.nonzero(truth[z])
    boxes = layers.find("Draft boxes")
    boxes.selected_data = set(range(boxes.nshapes))
    boxes.remove_selected()
    reader.until(lambda: not layers.find("Draft").data.any())
    reader.qtbot.mouseClick(reader.dock.text.tools["box"], Qt.MouseButton.LeftButton)
    reader.drag((ys.min() - 0.5, xs.min() - 0.5), (ys.max() + 0.5, xs.max() + 0.5))
    assert boxes.nshapes == 1
    reader.until(lambda: layers.find("Draft").data[z].any())
    mask = layers.find("Draft").data[z] > 0
    assert 2 * (mask & truth[z]).sum() / (mask.sum() + truth[z].sum()) > 0.75
    assert np.array_equal(reader.label.data, before)

    reader.qtbot.mouseClick(reader.dock.text.accept, Qt.MouseButton.LeftButton)
    drawn = reader.label.data.copy()
    assert np.array_equal(drawn[z] == 1, mask & (before[z] == 0))
    assert np.array_equal(np.delete(drawn, z, axis=0), np.delete(before, z, axis=0))
    reader.label.undo()
    assert np.array_equal(reader.label.data, before)
    reader.label.redo()
    assert np.array_equal(reader.label.data, drawn)
    hub.decide(Verdict.CORRECTED)
    key = session.item.key
    reader.until(lambda: session.store.state(key).verdict is Verdict.CORRECTED)
    (use,) = corrections(session.store, key)[-1].prompts
    assert "led by words" in use.segmenter
    assert use.n_boxes == 1


def test_the_model_that_is_shipped_finds_what_is_typed(reader: Reader, tmp_path: Path) -> None:
    """From the first minute, offline: words, a mask, the same in the volume, not found, and back."""
    write_samples(tmp_path / "data", SampleSpec(n_cases=1, seed=3, matrix=96, error_fraction=0.0))
    words = reader.words
    truth, z = reader.open_without_liver(tmp_path / "data")
    before = reader.label.data.copy()
    assert reader.dock.seer.currentData() == "clip-small"

    reader.find("the liver")
    reader.until(lambda: words.status.phase is TextPhase.DRAFT)
    mask = words.layers.find("Draft").data[z] > 0
    assert 2 * (mask & truth[z]).sum() / (mask.sum() + truth[z].sum()) > 0.85
    reader.qtbot.mouseClick(reader.dock.text.accept, Qt.MouseButton.LeftButton)
    assert np.array_equal(reader.label.data[z] == 1, mask & (before[z] == 0))  # other classes stay

    reader.find("prostate")
    reader.until(lambda: not words.status.busy)
    assert words.status.phase is TextPhase.IDLE
    assert "was not found" in words.status.sentence
    reader.label.undo()
    assert np.array_equal(reader.label.data, before)
