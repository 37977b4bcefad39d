"""Retraining in a real window: wish, train, watch, stop, go on, read what it showed, promote, predict, re-rank."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_aleatoric.io import read_label_map
from napari_aleatoric.jobs import JobHandle, runs
from napari_aleatoric.model import ItemKey, Status, Verdict
from napari_aleatoric.review import list_models, model_folder, prediction_folder, promoted_model, read_held_out
from napari_aleatoric.samples import SAMPLE_CLASSES, SampleSpec, write_samples
from napari_aleatoric.training import TrainSpec, _model_spec
from napari_aleatoric.widgets import TrainingDock

from .conftest import MINUTES, press

pytestmark = [
    pytest.mark.gui,
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # jobs give way to all else
    pytest.mark.skipif(find_spec("monai") is None, reason="needs the extra 'ai'; a window must not load it itself"),
]

N = 10
STEPS = 250
TINY = {
    "iterations": STEPS,
    "width": 4,
    "patch_voxels": 4096,
    "voxels_per_step": 4096,
    "case_voxels": 20_000,
    "validate_every": 50,
    "device": "cpu",
}
CLASSES = [c.class_index for c in SAMPLE_CLASSES]


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small abdomens, a few of them with a planted error; the quick preset is a tiny network."""
    monkeypatch.setitem(_model_spec._PRESETS, "quick", TINY)
    write_samples(tmp_path / "samples", SampleSpec(n_cases=N, seed=5, matrix=32))
    return tmp_path / "samples"


class Reader:
    """Somebody at the window."""

    def __init__(self, opened: tuple[Any, Any, Any, Any], qtbot: Any) -> None:
        self.viewer, self.hub, self.review, _ = opened
        self.session, self.training, self.qtbot = self.hub.session, self.hub.training, qtbot

    @property
    def dock(self) -> TrainingDock:
        found: TrainingDock = self.hub.window.findChild(TrainingDock)
        return found

    def until(self, condition: Callable[[], bool], minutes: float = 9) -> None:
        self.qtbot.waitUntil(condition, timeout=int(minutes * MINUTES))

    def click(self, button: Any) -> None:
        self.until(button.isEnabled)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def choose(self, box: Any, data: str, role: Any = Qt.ItemDataRole.UserRole) -> None:
        box.setCurrentIndex(box.findData(data, role))
        box.activated.emit(box.currentIndex())  # as if a person had chosen it

    def queue(self) -> list[str]:
        """The cases of the table, as they are read."""
        model = self.review.table.model()
        return [str(model.index(row, 1).data()) for row in range(model.rowCount())]


def events_of(handle: JobHandle) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (handle.run_dir / "events.jsonl").read_text().splitlines()]


def steps_of(handle: JobHandle) -> list[int]:
    return [e["step"] for e in events_of(handle) if e["kind"] == "metric" and e["name"] == "loss"]


def dice(a: Any, b: Any) -> float:
    return 1.0 if not a.any() and not b.any() else 2.0 * (a & b).sum() / (a.sum() + b.sum())


def test_training_story(samples: Path, open_window: Any, qtbot: Any, picture: Any) -> None:
    reader = Reader(open_window(), qtbot)
    wish(reader, samples, picture)
    stop_it(reader, picture)
    model_id = let_it_go_on(reader, picture)
    promote(reader, model_id)
    queue_before = reader.queue()
    predict_and_rank(reader, model_id, picture)
    assert reader.queue() != queue_before
    assert sorted(reader.queue()) == sorted(queue_before)


def wish(reader: Reader, samples: Path, picture: Any) -> None:
    """A data set that nobody scored; a label is taken out, and the sentence says so; a preset and a loss."""
    reader.review.open_bar.open_requested.emit(samples)
    reader.until(lambda: reader.session.item is not None)
    press(reader.viewer, Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    page = reader.dock.start_page
    reader.until(lambda: f"of {N} cases" in page.selection.text() and page.start.isEnabled())
    assert "excluded" not in page.selection.text()
    assert "holds back 2" in page.selection.text()
    reader.hub.decide(Verdict.EXCLUDED)
    reader.until(lambda: "1 excluded" in page.selection.text())
    reader.choose(page.form.preset, "standard")
    assert reader.training.spec.train == TrainSpec.of_preset("standard")
    reader.choose(page.form.preset, "quick")
    reader.choose(page.form.loss, "duo")
    assert (reader.training.spec.train.iterations, reader.training.spec.train.loss.kind) == (STEPS, "duo")
    reader.until(lambda: page.start.isEnabled() and "Runs on" in page.where.text())
    picture("wishes")
    reader.click(page.start)


def stop_it(reader: Reader, picture: Any) -> None:
    """Curves come while it learns; a click stops it, and it is called stopped."""
    dock, training = reader.dock, reader.training
    assert dock.tabs.currentWidget() is dock.curves_page
    assert not dock.start_page.start.isEnabled()
    reader.until(lambda: dock.loss.plot.n_lines == 1 and dock.dice.plot.n_lines > 1)
    assert training.view.is_running
    picture("curves")
    reader.click(dock.progress.cancel)
    reader.until(lambda: not training.view.is_running and training.view.can_resume)
    (handle,) = runs(reader.session.workspace)
    events = events_of(handle)
    kinds = [event["kind"] for event in events]
    assert kinds[-1] == "cancelled"
    assert "cancelling" in kinds
    assert handle.status().status is Status.CANCELLED
    assert max(steps_of(handle)) < STEPS
    (row,) = training.view.rows
    assert (row.state, row.dice, row.model_id) == ("stopped", "–", "")
    assert dock.progress.words.text().startswith("Stopped as asked. What was finished is kept")
    assert not dock.progress.cancel.isVisible()
    dock.tabs.setCurrentWidget(dock.runs_page)
    picture("stopped")


def let_it_go_on(reader: Reader, picture: Any) -> str:
    """It goes on where it was, to its end; its curves are one, and the page says what it showed."""
    dock, training = reader.dock, reader.training
    reader.click(dock.runs_page.buttons["resume"])
    reader.until(lambda: training.view.rows[0].state == "training")
    reader.until(lambda: training.view.rows[0].state == "finished" and not training.view.is_running)
    again, first = runs(reader.session.workspace)
    assert again.resumes == first.run_id
    assert again.status().status is Status.COMPLETED
    if not first.status().forced:  # it was let finish its step, so no step is lost or done twice
        assert steps_of(first) + steps_of(again) == list(range(1, STEPS + 1))
    assert steps_of(again)[-1] == STEPS
    reader.until(lambda: max(training.curves.loss[0].steps) > STEPS - 2)
    (curve,) = training.curves.loss
    assert len(set(np.diff(curve.steps))) == 1  # one curve, as if it had never stopped
    assert {c.name for c in training.curves.class_weight} >= {"background", "liver"}

    (row,) = training.view.rows
    (record,) = list_models(reader.session.workspace)
    assert (row.model_id, row.state, len(row.run_ids)) == (record.model_id, "finished", 2)
    words = dock.runs_page.words.text()
    assert record.sentence in words
    assert "2 held-out cases" in words
    assert "no other model to compare it with" in words
    assert dock.runs_page.table.item(0, 2).text() == row.dice
    dock.tabs.setCurrentWidget(dock.curves_page)
    picture("finished-curves")
    dock.tabs.setCurrentIndex(2)
    picture("class-weights")
    dock.tabs.setCurrentWidget(dock.runs_page)
    picture("judged")
    return str(record.model_id)


def promote(reader: Reader, model_id: str) -> None:
    """Nothing is put to use by itself; a click does it, and the table says so."""
    dock, workspace = reader.dock, reader.session.workspace
    assert promoted_model(workspace) is None
    assert not dock.runs_page.buttons["roll_back"].isEnabled()
    reader.click(dock.runs_page.buttons["promote"])
    reader.until(lambda: dock.runs_page.table.item(0, 1).text() == "✓")
    in_use = promoted_model(workspace)
    assert in_use is not None
    assert in_use.model_id == model_id
    assert dock.runs_page.buttons["roll_back"].isEnabled()
    assert not dock.runs_page.buttons["promote"].isEnabled()


def predict_and_rank(reader: Reader, model_id: str, picture: Any) -> None:
    """What the model says becomes an order of the queue: by 1 − Dice between each label and what it would draw."""
    dock, session = reader.dock, reader.session
    workspace = session.workspace
    reader.click(dock.runs_page.buttons["predict"])
    reader.until(lambda: session.job is not None and session.job.door == "predict")
    reader.until(lambda: session.job is None)
    assert session.job_status.status is Status.COMPLETED, session.job_status.error
    assert session.job_status.result["n_measured"] == N
    assert reader.review.open_bar.score_button.isEnabled()

    order = reader.review.filters.strategy
    row = order.findData("model_disagreement")
    assert order.model().item(row).isEnabled()
    reader.choose(order, "model_disagreement")
    reader.until(lambda: session.full_queue.strategy == "model_disagreement")
    found = {}
    folder = prediction_folder(workspace, model_id)
    for key in workspace.dataset.items:
        label = workspace.load_label(*key).data
        drawn = read_label_map(folder / f"{key.case_id}.nii.gz").data
        differ = [1 - dice(label == c, drawn == c) for c in CLASSES if (label == c).any() or (drawn == c).any()]
        found[key] = float(np.mean(differ))
    asked: list[ItemKey] = [session.queue.key(i) for i in range(N)]
    assert [found[key] for key in asked] == pytest.approx(sorted(found.values(), reverse=True))
    ranks = [1 - (i + 0.5) / N for i in range(N)]  # the score that is shown: the place among the cases
    assert [session.queue.row(i).score for i in range(N)] == pytest.approx(ranks)
    assert reader.queue() == [str(key) for key in asked]

    # and the Dice of the held-out cases is the one that the table had told
    held = set(read_held_out(workspace).held([case.case_id for case in workspace.dataset.cases]))
    shown = float(training_dice(dock))
    means = []
    for key in workspace.dataset.items:
        if key.case_id in held:
            label = workspace.load_label(*key).data
            drawn = read_label_map(folder / f"{key.case_id}.nii.gz").data
            means.append(np.mean([dice(label == c, drawn == c) for c in CLASSES]))
    assert len(means) == 2
    assert shown == pytest.approx(float(np.mean(means)), abs=6e-4)
    assert (model_folder(workspace, model_id) / "judgement.md").is_file()
    reader.review.table.selectRow(1)
    reader.review.table.selectRow(0)
    reader.until(lambda: session.item.key == asked[0])
    assert "model" in reader.review.case.reason.text().lower()
    picture("ranked")


def training_dice(dock: TrainingDock) -> str:
    """The first number of the cell, before its interval."""
    return dock.runs_page.table.item(0, 2).text().split()[0]
