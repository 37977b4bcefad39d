"""Which model answers the prompts: changed in the window, remembered, and kept where the new one is of no use."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import WEIGHTS, Embedding, Prediction, Prompt, WeightsStore
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import OwnProcess, open_path, prepare
from napari_aleatoric.session._model_list import missing_parts
from napari_aleatoric.widgets import hub_of, show_docks
from napari_aleatoric.widgets._prompt_model import PromptModel

pytestmark = pytest.mark.gui

SECONDS_MS = 20_000
MINUTES_MS = 180_000


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "samples"
    write_samples(folder, SampleSpec(n_cases=1, seed=3))
    return folder


class Named:
    """A segmenter whose estimate says which one it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def embed(self, slices: Any) -> list[Embedding]:
        if self.name == Host.blind:
            raise MemoryError("no room")
        return [Embedding(np.zeros((1, 1, 1), np.float16), i.shape[:2], i.shape[:2], self.name) for i in slices]

    def predict(self, embeddings: Any, prompts: Any) -> list[Prediction]:
        assert all(embedding.segmenter == self.name for embedding in embeddings), "an embedding of another model"
        overlap = {"sam-small": 0.25, "good": 0.5}[self.name]
        return [Prediction(np.ones(e.shape_yx, np.float32), overlap, e.shape_yx) for e in embeddings]

    def segment(self, image: Any, prompt: Prompt, *, whole: Prediction | None = None) -> Prediction:
        return self.predict(self.embed([image]), [prompt])[0]


class Host:
    made: list[Host] = []  # noqa: RUF012 - emptied by every test
    broken, blind = "", ""

    def __init__(self, name: str) -> None:
        self.name, self.closed = name, False
        Host.made.append(self)

    def open(self) -> Named:
        if self.name == Host.broken:
            raise DataError("good.pth is damaged. Get it again.")
        return Named(self.name)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def store(tmp_path: Path) -> WeightsStore:
    """The shipped model, and another one that is here."""
    shipped = WEIGHTS["sam-small"]
    other = type(shipped)(**{**vars(shipped), "name": "good", "origin": "published", "file_name": "good.pth"})
    absent = type(shipped)(**{**vars(shipped), "name": "absent", "origin": "published", "file_name": "no.pth"})
    found = WeightsStore(tmp_path / "weights", known={"sam-small": shipped, "good": other, "absent": absent})
    found.folder.mkdir()
    (found.folder / "good.pth").write_bytes(bytes(shipped.size_bytes))
    return found


class Window:
    def __init__(self, viewer: Any, qtbot: Any, store: WeightsStore | None = None) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        viewer.window._qt_window.resize(1366, 768)
        show_docks(viewer)
        self.hub = hub_of(viewer)
        if store is not None:
            self.hub.models._store = store
        _, self.segment = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Segment")
        self.hub.performers()["show_models"]()
        _, self.dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Models")
        self.notices: list[str] = []
        self.answers: list[Any] = []
        for source in (self.hub.segmenting, self.hub.prompt_model):
            source.refused.connect(lambda notice: self.notices.append(notice.text))
        self.hub.segmenting.prompting.answered.connect(self.answers.append)

    def open(self, folder: Path) -> None:
        session = self.hub.session
        session.attach(prepare(open_path(folder)))
        session.go(session.queue.key(0))
        self.qtbot.waitUntil(lambda: session.item is not None, timeout=SECONDS_MS)

    def ready(self, timeout: int = SECONDS_MS) -> None:
        prompting = self.hub.segmenting.prompting
        self.qtbot.waitUntil(lambda: prompting.status.phase in ("ready", "failed"), timeout=timeout)
        assert prompting.status.phase == "ready", prompting.status.sentence

    def use(self, name: str) -> None:
        self.dock.table.mark(name)
        button = self.dock.card.buttons["use"]
        assert button.isEnabled()
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def answer(self, timeout: int = SECONDS_MS) -> Any:
        """Ask for what is in the middle of the slice."""
        plane = self.hub.segmenting.plane
        before = len(self.answers)
        self.hub.segmenting.prompting.ask(plane, Prompt(points_xy=((40.0, 45.0),), point_labels=(1,)))
        self.qtbot.waitUntil(lambda: len(self.answers) > before, timeout=timeout)
        return self.answers[-1]


@pytest.fixture
def window(
    make_napari_viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, store: WeightsStore
) -> Iterator[Window]:
    monkeypatch.setattr("napari_aleatoric.widgets._hub.OwnProcess", Host)
    for name, value in (("made", []), ("broken", ""), ("blind", "")):
        monkeypatch.setattr(Host, name, value)
    window = Window(make_napari_viewer(show=True), qtbot, store)
    yield window
    window.hub.close()


def test_the_slice_is_looked_at_anew_by_the_other_model(window: Window, samples: Path) -> None:
    window.open(samples)
    window.hub.segment("points")
    window.ready()
    assert window.answer().overlap == 0.25
    window.use("good")
    assert window.hub.segmenting.mode == "points"
    window.ready()
    assert window.answer().overlap == 0.5
    assert [(host.name, host.closed) for host in Host.made] == [("sam-small", True), ("good", False)]
    assert window.segment.model.currentData() == "good"
    assert window.dock.card.buttons["use"].text() == "Answers the prompts"
    assert window.notices == []


def test_one_that_cannot_be_used_leaves_the_present_one_and_says_why(window: Window, samples: Path) -> None:
    window.open(samples)
    window.hub.segment("points")
    window.ready()
    window.segment.model.chosen.emit("absent")
    assert "absent cannot be used, so the prompts go on with sam-small" in window.notices[-1]
    assert "Not on this computer yet" in window.notices[-1]
    assert window.segment.model.currentData() == "sam-small"
    assert window.hub.segmenting.prompting.status.phase == "ready"
    assert len(Host.made) == 1


@pytest.mark.parametrize("how", ["broken", "blind"])
def test_one_that_turns_out_to_be_of_no_use_gives_way_to_the_one_before(
    window: Window, samples: Path, monkeypatch: pytest.MonkeyPatch, how: str, tmp_path: Path
) -> None:
    """Either it cannot be loaded, or it cannot look at a slice."""
    monkeypatch.setattr(Host, how, "good")
    window.open(samples)
    window.hub.segment("points")
    window.ready()
    window.use("good")
    window.qtbot.waitUntil(lambda: bool(window.notices), timeout=SECONDS_MS)
    assert window.notices[0].startswith("good cannot be used, so the prompts go on with sam-small.")
    assert ("damaged" if how == "broken" else "no room") in window.notices[0]
    window.ready()
    assert window.hub.segmenting.mode == "points"
    assert window.answer().overlap == 0.25
    assert window.segment.model.currentData() == "sam-small"
    assert len(window.notices) == 1
    assert '"sam-small"' in (tmp_path / "config" / "napari-aleatoric" / "models.json").read_text()


def test_the_choice_is_remembered(
    window: Window, make_napari_viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, store: WeightsStore
) -> None:
    window.use("good")
    assert Host.made == [], "nothing is loaded before it is needed"
    monkeypatch.setattr("napari_aleatoric.session._models.all_weights_store", lambda: store)
    other = Window(make_napari_viewer(), qtbot)
    assert other.hub.prompt_model.name == "good"
    assert other.segment.model.currentData() == "good"
    other.hub.close()
    (store.folder / "good.pth").unlink()
    third = Window(make_napari_viewer(), qtbot)
    assert third.hub.prompt_model.name == "sam-small"
    third.hub.segmenting.mode_changed.emit("box")
    assert "good, which you chose last time, cannot be used" in third.notices[0]
    third.hub.close()


class Watched(OwnProcess):
    """A real process that the test can look at."""

    made: list[Watched] = []  # noqa: RUF012 - emptied by the test

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
        Watched.made.append(self)

    @property
    def process(self) -> Any:
        return self._actor._process


@pytest.mark.slow
def test_two_real_networks_answer_each_for_itself(
    make_napari_viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, samples: Path, tmp_path: Path
) -> None:
    """The second has the shipped one's weights with the sign of its last layer turned: so its logits are turned."""
    if why := missing_parts():
        pytest.skip(why)
    from safetensors.numpy import load_file, save_file

    state = load_file(WeightsStore().path("sam-small"))
    last = [name for name in state if "output_hypernetworks_mlps" in name and ".layers.2." in name]
    assert len(last) == 8
    save_file(
        {name: -value if name in last else value for name, value in state.items()}, tmp_path / "Turned.safetensors"
    )
    broken = dict(list(state.items())[:5])
    save_file(broken, tmp_path / "part.safetensors")

    monkeypatch.setattr(Watched, "made", [])
    monkeypatch.setattr("napari_aleatoric.widgets._hub.OwnProcess", Watched)
    window = Window(make_napari_viewer(show=True), qtbot)
    models, dock = window.hub.models, window.dock
    for file, name in (("part", "part"), ("Turned", "turned")):
        models.bring_in(tmp_path / f"{file}.safetensors")
        qtbot.waitUntil(lambda: models.task is None, timeout=MINUTES_MS)
        assert dock.own.name.text() == name
        qtbot.mouseClick(dock.own.accept, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: models.task is None, timeout=MINUTES_MS)
        if name == "part":
            assert dock.task.words.text().startswith("✗ part.safetensors is ")
            assert models.row("part") is None
    assert dock.task.words.text() == "✓ turned is imported and verified; its network is small."

    window.open(samples)
    window.hub.segment("points")
    window.ready(MINUTES_MS)
    first = window.answer(MINUTES_MS)
    window.use("turned")
    window.ready(MINUTES_MS)
    second = window.answer(MINUTES_MS)
    assert [host.name for host in Watched.made] == ["sam-small", "turned"]
    assert Watched.made[0].process.poll() is not None, "the first process is still there"
    assert Watched.made[1].process.poll() is None
    assert np.abs(first.logits).max() > 1
    np.testing.assert_allclose(second.logits, -first.logits, atol=0.02 * float(np.abs(first.logits).max()))
    window.use("sam-small")
    window.ready(MINUTES_MS)
    np.testing.assert_allclose(window.answer(MINUTES_MS).logits, first.logits, atol=1e-3)
    window.hub.close()
    qtbot.waitUntil(lambda: all(host.process.poll() is not None for host in Watched.made), timeout=SECONDS_MS)


def test_the_model_for_words_is_chosen_and_remembered(window: Window, tmp_path: Path) -> None:
    chosen, own = window.hub.prompt_model, tmp_path / "mine"
    own.mkdir()
    chosen.use("biomedclip")  # as the Models dock does with any row; its weights are not here
    assert chosen.words == ""
    assert "Download it" in window.notices[-1] or "pip install" in window.notices[-1]
    assert chosen.name == "sam-small", "who answers prompts stays"
    chosen.use_words(str(own))
    assert "open_clip_config.json" in window.notices[-1] or "pip install" in window.notices[-1]
    if not find_spec("open_clip"):
        return
    (own / "open_clip_config.json").write_text("{}")
    chosen.use_words(str(own))
    assert chosen.words == str(own)
    window.use("good")
    again = PromptModel(window.hub.models, window.hub.segmenting)
    window.hub.segmenting.words.text.choose("")
    assert [each.name for each in again.words_choices()][-1] == str(own)
    assert again.words == str(own)
    assert chosen.name == "good", "both are kept"
