"""A second training beside the chosen one: its curves, and what the two come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.judged_workspace import MODEL, add_model, judged_workspace

from napari_aleatoric.io import Workspace
from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import Status
from napari_aleatoric.review import RetrainSpec, model_folder
from napari_aleatoric.session import ReviewSession, Training, TrainingPair, prepare
from napari_aleatoric.session._training_machine import Machine
from napari_aleatoric.training import TrainSpec

OLDER = "20260101-100000-abcdef99"


class Run:
    """A finished run of the older model."""

    door, run_id = "train", "20260101-100000-000001-aaaa"
    spec = RetrainSpec(train=TrainSpec.of_preset("quick")).model_dump(mode="json")

    def status(self) -> JobStatus:
        return JobStatus(status=Status.COMPLETED, metrics={"loss": ((1, 0.75), (2, 0.5))})


def now(work: Callable[[], None]) -> None:
    work()


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = judged_workspace(tmp_path, n_cases=2)
    add_model(made, OLDER, {"after": (3,)})
    monkeypatch.setattr("napari_aleatoric.session._training_shelf.runs", lambda workspace: [Run()])
    return made


@pytest.fixture
def session(ws: Workspace) -> Iterator[ReviewSession]:
    session = ReviewSession(reader="ann")
    yield session
    session.close()


def test_a_second_training_stands_beside_the_chosen_one(session: ReviewSession, ws: Workspace) -> None:
    training = Training(session, worker=now, look_at=lambda: Machine("cpu", 2**33))
    pair = TrainingPair(session, training, worker=now)
    told: list[Any] = []
    pair.view_changed.connect(told.append)
    session.attach(prepare(ws))
    training.wake()
    assert training.view.chosen is not None
    assert training.view.chosen.key == MODEL
    assert pair.view.key == ""
    pair.compare(OLDER)
    assert pair.view.key == OLDER
    assert pair.view.curves.loss[0].values == (0.75, 0.5)
    assert "2 held-out cases are too few to tell the chosen model from the one beside it" in pair.view.sentence
    assert "+0." in pair.view.sentence, "less to the side is better"
    n = len(told)
    training.look_again()
    assert len(told) == n
    training.choose(OLDER)
    assert pair.view.key == "", "a training is not compared with itself"
    training.choose(MODEL)
    assert pair.view.key == OLDER
    pair.compare("")
    assert not pair.view.curves
    (model_folder(ws, OLDER) / "judgement.json").write_text("{")
    pair.compare(OLDER)
    assert "damaged" in pair.view.sentence
    session.attach(prepare(ws))
    assert pair.view.key == ""
    pair.close()
