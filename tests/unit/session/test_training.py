"""What the Training dock is told: previews, runs as they go, and who may do what when. No window, no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_aleatoric.errors import MissingExtraError
from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import Decision, Status, Verdict
from napari_aleatoric.review import CaseRow, JudgeSpec, ModelRecord, judge, promote, promoted_model
from napari_aleatoric.review._retraining._registry import write_judgement, write_record
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import ReviewSession, Training, prepare
from napari_aleatoric.session._training_machine import Machine

MACHINE = Machine("the processor (2 cores)", 2**33)


class Job:
    """A run that is where it is told to be."""

    door = "train"

    def __init__(self, spec: dict[str, Any], run_id: str = "20260101-100000-000001-aaaa") -> None:
        self.spec, self.run_id = spec, run_id
        self.now = JobStatus()
        self.asked = 0
        self.cancelled = False

    def status(self) -> JobStatus:
        self.asked += 1
        return self.now

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder, SampleSpec(n_cases=6, matrix=32))
    return folder


@pytest.fixture
def ws(data: Path, tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "review", scan(data))


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The runs of the workspace, the newest first."""
    found: list[Job] = []
    monkeypatch.setattr("napari_aleatoric.session._training_shelf.runs", lambda workspace: list(found))
    return found


def now(work: Callable[[], None]) -> None:
    work()


@pytest.fixture
def session() -> Iterator[ReviewSession]:
    session = ReviewSession(reader="ann")
    yield session
    session.close()


def training_of(session: ReviewSession, machine: Any = MACHINE) -> Training:
    def look() -> Machine:
        if isinstance(machine, Exception):
            raise machine
        return machine

    return Training(session, worker=now, look_at=look)


def model(ws: Workspace, training: Training, model_id: str, dice: float | None) -> None:
    """A model of the wished settings; finished and judged where it has a Dice."""
    record = ModelRecord(
        model_id=model_id,
        created=f"2026-01-0{model_id[-1]}T10:00:05+00:00",
        digest=model_id,
        data_digest="d",
        spec=training.spec.model_dump(mode="json"),
        status="training" if dice is None else "finished",
        seconds=120.0,
    )
    write_record(ws, record)
    if dice is not None:
        values = {"surface_dice": 1.0, "hd95_mm": 1.0, "reference_voxels": 9, "predicted_voxels": 9}
        rows = [
            CaseRow(model="after", case_id=f"c{i}", unit=f"c{i}", class_name="liver", dice=dice, **values)
            for i in range(3)
        ]
        write_judgement(ws, model_id, judge(rows, JudgeSpec(draws=100), notes=("Look at them.",)))


def test_nothing_is_read_until_somebody_looks(session: ReviewSession, ws: Workspace, jobs: list[Job]) -> None:
    training = training_of(session)
    session.attach(prepare(ws))
    assert (training.view.selection, training.view.machine) == ("", "")
    training.wake()
    view = training.view
    assert view.selection.startswith("Learns from 4 of 6 cases")
    assert view.selection.endswith("holds back 2.")
    assert view.machine == MACHINE.sentence
    assert view.can_start
    assert (view.rows, view.chosen, view.problem) == ((), None, "")
    training.rest()
    store = session.store
    assert store is not None
    learned = next(k for k in ws.dataset.items)
    store.decide(Decision(case_id=learned.case_id, verdict=Verdict.EXCLUDED, reader="ann"))
    session.refresh_queue()
    assert "excluded" not in training.view.selection
    training.wake()  # what changed meanwhile is read now
    assert "1 excluded" in training.view.selection


def test_without_a_data_set_or_torch_nothing_starts(session: ReviewSession, ws: Workspace, jobs: list[Job]) -> None:
    training = training_of(session, MissingExtraError.for_extra("ai", "train a network"))
    training.wake()
    assert not training.view.can_start
    session.attach(prepare(ws))
    assert "pip install" in training.view.problem
    assert not training.view.can_start


def test_it_is_said_whether_it_pays_to_train_again(session: ReviewSession, ws: Workspace, jobs: list[Job]) -> None:
    training = training_of(session)
    session.attach(prepare(ws))
    training.wake()
    assert "Nothing was trained here yet" in training.view.advice
    model(ws, training, "m1", 0.5)
    key = ws.dataset.items[0]
    session.store.decide(Decision(case_id=key.case_id, verdict=Verdict.EXCLUDED, reader="ann"))
    session.refresh_queue()
    assert "Since the newest model (01 Jan" in training.view.advice
    assert "1 label was excluded or rejected." in training.view.advice
    assert training.view.advice.endswith("It pays to retrain.")
    training.look_again()
    training.promote()
    assert "Since the model in use (01 Jan" in training.view.advice


def test_what_cannot_be_learned_from_is_said(session: ReviewSession, ws: Workspace, jobs: list[Job]) -> None:
    training = training_of(session)
    session.attach(prepare(ws))
    training.wake()
    store = session.store
    assert store is not None
    for key in ws.dataset.items:
        store.decide(Decision(case_id=key.case_id, verdict=Verdict.REJECTED, reader="ann"))
    session.refresh_queue()
    assert training.view.problem.startswith("Expected at least one label to learn from")
    assert (training.view.selection, training.view.duration, training.view.can_start) == ("", "", False)


def test_a_training_is_started_watched_and_stopped(
    session: ReviewSession, ws: Workspace, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = training_of(session)
    session.attach(prepare(ws))
    training.wake()
    started: list[Any] = []

    def start(door: str, spec: Any) -> None:
        started.append((door, spec))
        jobs.insert(0, Job(spec.model_dump(mode="json")))
        session.follow(jobs[0])  # type: ignore[arg-type]

    monkeypatch.setattr(session, "start", start)
    training.change(loss="duo", baseline=True)
    training.start()
    ((door, spec),) = started
    assert door == "train"
    assert (spec.train.loss.kind, spec.baseline) == ("duo", True)
    job = jobs[0]
    assert training.view.is_running
    assert not training.view.can_start
    assert [row.state for row in training.view.rows] == ["starting"]
    curves = []
    training.curves_changed.connect(curves.append)
    metrics = {"loss": ((1, 0.5),), "dice/liver": ((1, 0.25),)}
    job.now = JobStatus(Status.BUSY, done=0.5, total=1.0, message="Learning", metrics=metrics)
    training.tick()
    assert training.view.fraction == 0.5
    assert training.view.progress == "Learning: 50%. Loss 0.5 after 1 steps."
    assert [c.name for c in curves[-1].dice] == ["liver"]
    training.tick()
    assert len(curves) == 1  # nothing new
    training.stop()
    assert job.cancelled
    assert training.view.is_stopping
    job.now = JobStatus(Status.CANCELLED, metrics=metrics)
    session.poll_job()
    assert not training.view.is_running
    assert training.view.progress.startswith("Stopped as asked.")
    assert [(row.state, row.can_go_on) for row in training.view.rows] == [("stopped", True)]
    assert training.view.can_resume
    asked = job.asked
    training.look_again()
    assert job.asked == asked  # what is over is not read again


def test_a_run_of_another_window_is_found_and_can_be_stopped(
    session: ReviewSession, ws: Workspace, jobs: list[Job]
) -> None:
    training = training_of(session)
    jobs.append(Job(training.spec.model_dump(mode="json")))
    jobs[0].now = JobStatus(Status.BUSY, done=1, total=4, message="Learning")
    session.attach(prepare(ws))
    training.wake()
    assert training.view.is_running
    training.stop()
    assert jobs[0].cancelled


def test_what_a_run_told_is_read_before_the_window_has_it(
    session: ReviewSession, ws: Workspace, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`prepare` runs beside the window; the diary of a long training takes more than the window may wait."""
    job = Job({})
    job.now = JobStatus(Status.BUSY, done=1, total=4, message="Learning")
    monkeypatch.setattr("napari_aleatoric.session._opening.running", lambda workspace: job)
    opened = prepare(ws)
    monkeypatch.undo()
    session.attach(opened)
    assert session.job is job  # type: ignore[comparison-overlap]
    assert session.job_status == job.now


def test_models_are_judged_promoted_and_rolled_back(
    session: ReviewSession, ws: Workspace, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = training_of(session)
    for model_id, dice in (("m1", 0.5), ("m2", 0.75), ("m3", None)):
        model(ws, training, model_id, dice)
    promote(ws, "m1")
    session.attach(prepare(ws))
    training.wake()
    view = training.view
    assert [(row.key, row.dice, row.state, row.is_promoted) for row in view.rows] == [
        ("m3", "–", "unfinished", False),
        ("m2", "0.750 [0.750, 0.750]", "finished", False),
        ("m1", "0.500 [0.500, 0.500]", "finished", True),
    ]
    assert view.duration.startswith("Takes about 2 min")
    assert view.chosen is not None
    assert (view.chosen.key, view.can_promote, view.can_resume, view.can_predict) == ("m3", False, True, False)
    started: list[Any] = []
    monkeypatch.setattr(session, "start", lambda door, spec: started.append((door, spec)))
    training.resume()  # it was begun in the foreground: the same settings go on with it
    assert started.pop() == ("train", training.spec)
    training.choose("m2")
    view = training.view
    assert view.chosen is not None
    assert view.chosen.sentence.startswith("Mean Dice 0.750")
    assert view.chosen.remarks == ("Look at them.",)
    assert (view.can_promote, view.can_resume, view.can_predict) == (True, False, True)
    told: list[str] = []
    session.notice.connect(lambda notice: told.append(notice.text))
    training.promote()
    in_use = promoted_model(ws)
    assert in_use is not None
    assert in_use.model_id == "m2"
    assert "is in use now" in told.pop()
    assert not training.view.can_promote
    assert [row.is_promoted for row in training.view.rows] == [False, True, False]
    training.predict()
    ((door, spec),) = started
    assert (door, spec.model) == ("predict", "m2")
    training.roll_back()
    assert told.pop() == "The model m1 is in use again."
    training.roll_back()
    assert told.pop() == "No model is in use now."
    assert not training.view.can_roll_back


def test_another_job_has_to_end_first(session: ReviewSession, ws: Workspace, jobs: list[Job]) -> None:
    training = training_of(session)
    session.attach(prepare(ws))
    training.wake()
    other = Job({})
    other.door = "score"
    other.now = JobStatus(Status.BUSY)
    session.follow(other)  # type: ignore[arg-type]
    assert not training.view.can_start
    assert "(score)" in training.view.problem
    other.now = JobStatus(Status.COMPLETED)
    session.poll_job()
    assert training.view.problem == ""
    assert training.view.can_start


def test_another_data_set_has_other_trainings(
    session: ReviewSession, ws: Workspace, jobs: list[Job], data: Path, tmp_path: Path
) -> None:
    training = training_of(session)
    model(ws, training, "m1", 0.5)
    session.attach(prepare(ws))
    training.wake()
    assert len(training.view.rows) == 1
    session.attach(prepare(Workspace.create(tmp_path / "other", scan(data))))
    assert training.view.rows == ()
    assert training.view.can_start


def test_a_damaged_file_is_told(session: ReviewSession, ws: Workspace, jobs: list[Job]) -> None:
    training = training_of(session)
    model(ws, training, "m1", 0.5)
    (ws.root / "models" / "promoted.json").write_text("{", encoding="utf-8")
    told: list[str] = []
    session.notice.connect(lambda notice: told.append(notice.text))
    session.attach(prepare(ws))
    training.wake()
    assert "promoted" in told[0]
    assert training.view.can_start  # the rest goes on


def test_answers_after_the_end_are_dropped(session: ReviewSession, ws: Workspace, jobs: list[Job]) -> None:
    waiting: list[Callable[[], None]] = []
    training = Training(session, worker=waiting.append, look_at=lambda: MACHINE)
    session.attach(prepare(ws))
    training.wake()
    training.close()
    for work in waiting:
        work()
    assert training.view.machine == ""
    assert training.view.selection == ""
