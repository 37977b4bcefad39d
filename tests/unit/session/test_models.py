"""Work on weights beside a viewer: what is said while it goes on, estimates, stops, and one thing at a time."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.foundation import WEIGHTS, KnownWeights, WeightsStore
from napari_aleatoric.session import Models, ModelTask
from napari_aleatoric.session._model_list import missing_parts, model_rows, scoring_model, supply_sentence
from napari_aleatoric.session._model_work import TaskReporter

CONTENT = b"PK\x03\x04" + bytes(range(256)) * 8000
_KNOWN = {name: WEIGHTS[name] for name in ("sam-small", "sam-vit-b")}


@pytest.fixture
def store(tmp_path: Path) -> WeightsStore:
    tiny = KnownWeights(
        "tiny", "small", "tiny.pth", ("https://a.example/tiny.pth",), hashlib.sha256(CONTENT).hexdigest(),
        len(CONTENT), "CC0-1.0", "Tests.",
    )  # fmt: skip
    return WeightsStore(tmp_path, offline=False, known=dict(_KNOWN, tiny=tiny))


def test_the_estimate_is_of_the_last_seconds_and_begins_anew_with_another_part() -> None:
    now, told = [0.0], []
    reporter = TaskReporter(ModelTask("download", "m"), told.append, lambda: now[0])

    def at(seconds: float, done: float, message: str = "m from h (MB)") -> float | None:
        now[0] = seconds
        reporter.step(done, 100.0, message)
        return told[-1].eta_s

    assert at(0.0, 50.0, "Reading what is there of m (MB)") is None
    assert at(0.5, 50.0) is None  # what was there before is no speed
    assert at(1.0, 51.0) is None  # too short to say
    assert at(2.5, 54.0) == pytest.approx(46 / 2.0)
    for step in range(1, 21):
        last = at(2.5 + step, 54.0 + step)
    assert last == pytest.approx(26.0, rel=0.02)  # 1 MB a second by now, the faster beginning is forgotten
    assert told[-1].what == "Downloading m …"
    assert told[-1].amount == "74 of 100 MB, about 26 s left"


def test_words_while_it_goes_on() -> None:
    assert ModelTask("verify", "m").what == "Verifying m …"
    assert ModelTask("verify", "m").amount == ""
    assert ModelTask("import", "m", 1, 4).fraction == 0.25
    assert ModelTask("download", "m").fraction is None
    assert ModelTask("download", "m", 1, 4, stopping=True).what == "Stopping …"
    waiting = ModelTask("download", "m", 1, 4, "Waiting for h: the connection was closed")
    assert waiting.what == "Waiting for h: the connection was closed …"
    assert waiting.amount == "1 of 4 MB"


def test_a_stop_ends_the_next_step() -> None:
    reporter = TaskReporter(ModelTask("verify", "m"), lambda task: None)
    reporter.step(0, 1)
    reporter.stop()
    with pytest.raises(Cancelled):
        reporter.step(0.5, 1)


def test_states_in_words(store: WeightsStore) -> None:
    rows = {row.name: row for row in model_rows(store)}
    assert rows["sam-small"].state == "shipped"
    assert not rows["sam-small"].can_download
    assert rows["tiny"].state == "not here"
    assert rows["tiny"].can_download
    assert not rows["tiny"].can_verify
    store.folder.mkdir(exist_ok=True)
    path = store.folder / "tiny.pth"
    path.write_bytes(CONTENT)
    assert model_rows(store)[2].state == "here"
    store.verify("tiny")
    assert model_rows(store)[2].state == "here, verified"
    path.write_bytes(b"PK")
    damaged = model_rows(store)[2]
    assert damaged.state == "damaged"
    assert damaged.can_download
    assert damaged.why_not


def test_scoring_takes_the_small_network_where_it_can_be_used(
    store: WeightsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_aleatoric.session._model_list.find_spec", lambda name: object())
    assert scoring_model(model_rows(store)) == "sam-small"
    monkeypatch.setattr("napari_aleatoric.session._model_list.find_spec", lambda name: None)
    assert scoring_model(model_rows(store)) == "filter-bank"
    assert (
        missing_parts() == "torch and segment-anything are not installed. Run: pip install 'napari-aleatoric[ai]'"
    )


def test_where_downloads_come_from(tmp_path: Path) -> None:
    assert "before you ask" in supply_sentence(WeightsStore(tmp_path, offline=False))
    assert "ALEATORIC_OFFLINE" in supply_sentence(WeightsStore(tmp_path, offline=True, mirror="https://m.example"))
    mirrored = WeightsStore(tmp_path, offline=False, mirror="https://me:secret@m.example/sam/")
    assert supply_sentence(mirrored).startswith("Downloads come from the mirror m.example ")
    assert model_rows(mirrored)[1].source == "https://me:secret@m.example/sam/sam_vit_b_01ec64.pth"


def test_one_thing_at_a_time_and_every_end_is_told(store: WeightsStore, tmp_path: Path) -> None:
    models, said, ended = Models(store), [], threading.Event()
    models.told.connect(lambda notice: said.append((notice.kind.value, notice.text)))
    models.changed.connect(ended.set)

    def over() -> None:
        assert ended.wait(20)
        models._thread.join(20)
        ended.clear()

    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "x.bin").write_bytes(CONTENT)
    models._reporter = TaskReporter(ModelTask("verify", "m"), lambda task: None)
    models.verify("tiny")
    assert said.pop() == ("warning", "Something else is going on; wait for it, or cancel it first.")
    models._reporter = None
    models.verify("tiny")
    over()
    assert said.pop()[0] == "error"
    models.bring_in(tmp_path / "new")
    over()
    assert said.pop() == ("success", "new is tiny: imported and verified.")
    unknown: list[Path] = []
    models.unrecognised.connect(unknown.append)
    strange = tmp_path / "strange.pth"
    strange.write_bytes(b"PK\x03\x04?")
    models.bring_in(strange)
    over()
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "config.json").write_text("{}")
    models.bring_in(saved)
    over()
    assert unknown == [strange, saved]
    assert said == []
    assert models.task is None
