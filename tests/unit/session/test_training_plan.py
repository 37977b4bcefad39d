"""The plan of a training: read while somebody looks, changed by wishes, refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from napari_aleatoric.errors import MissingExtraError
from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.review import plan_retraining
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import NetWishes, ReviewSession, Training, TrainingPlan, prepare
from napari_aleatoric.session._training_machine import Machine
from napari_aleatoric.training import plan_in_words

Work = Callable[[], None]


class Later:
    """Work that waits until it is told to be done."""

    def __init__(self) -> None:
        self.waiting: list[Work] = []

    def __call__(self, work: Work) -> None:
        self.waiting.append(work)

    def do(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=6, matrix=32))
    return Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))


@pytest.fixture
def session() -> Iterator[ReviewSession]:
    session = ReviewSession(reader="ann")
    yield session
    session.close()


def training_of(session: ReviewSession) -> Training:
    return Training(session, worker=lambda work: work(), look_at=lambda: Machine("the processor (2 cores)", 2**33))


def test_a_plan_is_what_would_be_trained_and_follows_the_wishes(session: ReviewSession, ws: Workspace) -> None:
    training = training_of(session)
    plan = TrainingPlan(session, training, worker=lambda work: work())
    plan.wake()
    assert plan.view.problem == "Open a data set first."
    session.attach(prepare(ws))
    training.wake()
    wanted = plan_retraining(ws, training.spec, memory_bytes=2**33)
    assert plan.view.lines == plan_in_words(wanted)
    assert (plan.view.patch_zyx, plan.view.batch) == (wanted.patch_zyx, wanted.batch)
    assert (plan.view.preset_width, plan.view.problem, plan.view.progress) == (16, "", "")

    plan.change(network="resenc", batch=3, patch_zyx=(16, 16, 16))
    assert training.spec.train.network == "resenc"
    assert training.spec.train.patch_zyx == (16, 16, 16)
    assert training.spec.train.iterations == 300  # the preset's
    assert plan.view.lines[0].startswith("ResEnc U-Net in 3-D")
    assert "patches of 16 × 16 × 16 of them, 3 in a step" in plan.view.lines[1]

    plan.change(patch_zyx=(15, 16, 16))
    assert plan.view.lines == ()
    assert "Expected a patch of multiples of" in plan.view.problem
    plan.as_planned()
    assert training.view.wishes.net == NetWishes()
    assert plan.view.lines == plan_in_words(wanted)


def test_nnunet_itself_may_be_wished_for_and_says_what_it_leaves_out(
    session: ReviewSession, ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_aleatoric.training.need_nnunet", lambda: None)
    session.attach(prepare(ws))
    training = training_of(session)
    plan = TrainingPlan(session, training, worker=lambda work: work())
    plan.wake()
    training.wake()
    plan.change(network="nnunet", batch=3, width=8)
    assert training.spec.backend == "nnunet"
    assert (training.spec.train.batch, training.spec.train.width) == (None, 16)
    assert "nnU-Net plans grid, network, patches and batch itself" in plan.view.lines[0]
    assert training.view.can_start

    training.change(loss="duo_denoise", minutes=5)
    assert training.spec.train.loss.kind == "duo"
    assert (training.spec.train.loss.denoise, training.spec.train.minutes) == (False, None)
    assert "trains without label denoising and a time for the steps" in training.view.problem
    assert not training.view.can_start

    plan.as_planned()
    assert training.spec.backend == "own"
    assert training.spec.train.loss.denoise
    assert training.view.problem == ""


def test_without_nnunet_the_plan_names_what_to_install(
    session: ReviewSession, ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise MissingExtraError.for_extra("nnunet", "train with nnU-Net")

    monkeypatch.setattr("napari_aleatoric.training.need_nnunet", missing)
    session.attach(prepare(ws))
    training = training_of(session)
    plan = TrainingPlan(session, training, worker=lambda work: work())
    plan.wake()
    training.wake()
    plan.change(network="nnunet")
    assert "napari-aleatoric[nnunet]" in plan.view.problem
    assert "napari-aleatoric[nnunet]" in training.view.problem
    assert not training.view.can_start


def test_memory_at_hand_makes_a_step_smaller(session: ReviewSession, ws: Workspace) -> None:
    session.attach(prepare(ws))
    training = training_of(session)
    plenty = plan_retraining(ws, training.spec)
    little = plan_retraining(ws, training.spec, memory_bytes=64 << 20)
    assert little.batch < plenty.batch


def test_a_reading_that_nobody_waits_for_stops(session: ReviewSession, ws: Workspace) -> None:
    session.attach(prepare(ws))
    training, later = training_of(session), Later()
    plan = TrainingPlan(session, training, worker=later)
    seen = []
    plan.view_changed.connect(lambda view: seen.append(view.progress))
    plan.wake()
    assert plan.view.progress == "Reading the cases …"
    plan.rest()
    later.do()
    assert plan.view.lines == ()
    assert not list((ws.root / "models").rglob("*.json"))  # no case was read for it
    plan.wake()
    later.do()
    assert plan.view.lines
    assert "Reading case 1 of 3 …" in seen
