"""A stop of a calibration is heard in the middle of its longest pieces, and nothing is begun after it."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, DataError
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, RecordingReporter, Volume
from napari_aleatoric.review import CalibrateSpec, ReviewStore, save_correction
from napari_aleatoric.review._calibration import _aside, _planted_copy, _result, _rows, _seed
from napari_aleatoric.review._calibration._aside import aside
from napari_aleatoric.review._calibration._planted_copy import PlantedCopy, PlantedLabels
from napari_aleatoric.samples import ErrorKind, ErrorRecord, Severity
from napari_aleatoric.uncertainty import ScoreSpec

SHAPE = (6, 12, 12)
SPEC = CalibrateSpec(fraction=0.5, kinds=(ErrorKind.OVER,))
ERROR = ErrorRecord(ErrorKind.OVER, Severity.MILD, (1,), 3, (0, 1), 0.9, "drawn too large")


class Long:
    """Work that does not end before the test does; counts how often it was begun."""

    def __init__(self) -> None:
        self.begun, self.over = 0, threading.Event()

    def __call__(self, *_: object, **__: object) -> None:
        self.begun += 1
        assert self.over.wait(60)


class StopsDuring(RecordingReporter):
    """Stops at the third look at it while the long work goes on."""

    def __init__(self, work: Long) -> None:
        super().__init__()
        self._work, self._looks = work, 0

    def step(self, done: float, total: float, message: str = "") -> None:
        self._looks += self._work.begun > 0
        if self._looks == 3:
            raise Cancelled("Stopped as asked.")


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_aside, "_ASK_S", 0.01)
    work = Long()
    yield work
    work.over.set()


@pytest.fixture
def copy(tmp_path: Path):
    """A private copy of four cases, each with a saved correction."""
    rows = ["case,image,label,class_names"]
    label = np.zeros(SHAPE, np.uint8)
    label[2:5, 3:9, 3:9] = 1
    for i in range(4):
        write_volume(tmp_path / "data" / f"c{i}.nrrd", Volume(label.astype(np.int16), Geometry(SHAPE)))
        write_label_map(tmp_path / "data" / f"c{i}_label.nrrd", LabelMap(label, Geometry(SHAPE)))
        rows.append(f"c{i},c{i}.nrrd,c{i}_label.nrrd,1=liver")
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(rows))
    ws = Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))
    label[2, 3, 3] = 0
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        for i in range(4):
            save_correction(ws, store, ItemKey(f"c{i}"), LabelMap(label, Geometry(SHAPE)), reader="me")
        yield PlantedCopy(ws, store, SPEC, ws.runs_dir / "copy")


def test_what_is_done_aside_comes_back_or_is_raised() -> None:
    asked: list[int] = []
    assert aside(lambda: 7, lambda: asked.append(1)) == 7
    assert asked
    with pytest.raises(DataError, match="damaged"):
        aside(lambda: (_ for _ in ()).throw(DataError("It is damaged.")).__next__(), lambda: None)
    ran: list[int] = []
    with pytest.raises(Cancelled):
        aside(lambda: ran.append(1), lambda: RecordingReporter(cancel_after=1).step(0, 1))
    assert ran == []  # a stop that was asked for before it is not waited out


def test_planting_is_left_and_nothing_is_written(copy, long, monkeypatch) -> None:
    monkeypatch.setattr(_planted_copy, "plant_one", long)
    with pytest.raises(Cancelled):
        copy.plant(0, StopsDuring(long))
    assert long.begun == 1
    assert list(copy._folder.rglob("*.nrrd")) == []


def test_copying_corrections_ends_between_two_of_them(copy) -> None:
    reporter = RecordingReporter(cancel_after=4)
    with pytest.raises(Cancelled):
        copy.workspace(PlantedLabels({}, {}, {}), lambda: reporter.step(0, 1))
    assert len(list(copy._labels.iterdir())) < 4
    copy.workspace(PlantedLabels({}, {}, {}))
    assert len(list(copy._labels.iterdir())) == 4


@pytest.mark.parametrize("at", ["all_scores", "heat_of_errors"])
def test_what_follows_scoring_is_left(copy, long, monkeypatch, at) -> None:
    keys = [ItemKey("c0"), ItemKey("c1")]
    table = SimpleNamespace(keys=keys, judge="light")
    planted = PlantedLabels({}, dict.fromkeys(keys, ERROR), {})
    monkeypatch.setattr(copy, "plant", lambda seed, reporter: planted)
    monkeypatch.setattr(_seed, "score_workspace", lambda *_, **__: SimpleNamespace(notes=()))
    monkeypatch.setattr(_seed, "all_scores", lambda store: (table, [], {}))
    monkeypatch.setattr(_seed, at, long)

    with pytest.raises(Cancelled):
        _seed.run_seed(copy, 0, ScoreSpec(judge="light"), StopsDuring(long))
    assert long.begun == 1  # of two errors


def test_counting_is_left(long, monkeypatch) -> None:
    monkeypatch.setattr(_rows, "_row", long)
    monkeypatch.setattr(_rows, "shared_contenders", lambda outcomes: ["a", "b"])
    reporter = StopsDuring(long)
    with pytest.raises(Cancelled):
        _rows.rows_of([], [], draws=100, step=lambda part: reporter.step(part, 1.0))
    assert long.begun == 1


@pytest.mark.parametrize("at", ["choose_order", "estimates"])
def test_choosing_is_left(long, monkeypatch, at) -> None:
    outcome = SimpleNamespace(trial=lambda cases: None, contenders=[], scores={})
    facts = SimpleNamespace(cases=[f"c{i}" for i in range(40)], least_cases=23)
    monkeypatch.setattr(_result, "choose_order", lambda *_, **__: SimpleNamespace(best="", order="", difference=0))
    monkeypatch.setattr(_result, at, long)
    with pytest.raises(Cancelled):
        _result.record_of(facts, SPEC, [outcome, outcome], StopsDuring(long))
    assert long.begun == 1
