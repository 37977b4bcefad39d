"""Runs and models become rows; settings become words; earlier trainings tell how long the next one takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from napari_aleatoric.jobs import JobError, JobStatus
from napari_aleatoric.model import Status
from napari_aleatoric.review import ModelRecord, RetrainSpec
from napari_aleatoric.session import (
    LABEL_CHOICES,
    LOSS_CHOICES,
    PRESET_CHOICES,
    READERS_CHOICES,
    TrainingRow,
    TrainingWishes,
)
from napari_aleatoric.session._training_machine import Machine
from napari_aleatoric.session._training_rows import run_models, training_row
from napari_aleatoric.session._training_time import duration_sentence, expected_seconds
from napari_aleatoric.session._training_view import progress_in_words
from napari_aleatoric.session._training_wishes import loss_in_words, preset_in_words, retrain_spec


def plain(**wishes: Any) -> dict[str, Any]:
    return retrain_spec(TrainingWishes(**wishes)).model_dump(mode="json")


@dataclass(frozen=True)
class Run:
    run_id: str
    spec: dict[str, Any] = field(default_factory=plain)


def record(model_id: str, created: str, spec: dict[str, Any] | None = None, **values: Any) -> ModelRecord:
    return ModelRecord(
        model_id=model_id, created=created, digest="d", data_digest="e", spec=spec or plain(), **values
    )


def test_every_wish_is_a_setting_of_the_door() -> None:
    for preset in PRESET_CHOICES:
        for loss in LOSS_CHOICES:
            for labels in LABEL_CHOICES:
                spec = retrain_spec(TrainingWishes(preset.name, loss.name, labels.name))
                assert RetrainSpec.model_validate(spec.model_dump(mode="json")) == spec
                assert preset_in_words(spec.model_dump(mode="json")) == preset.title
                assert loss_in_words(spec.model_dump(mode="json")).startswith(loss.title)
    for readers in READERS_CHOICES:
        spec = retrain_spec(TrainingWishes(readers=readers.name))
        assert spec.train.readers == readers.name
        assert preset_in_words(spec.model_dump(mode="json")) == "Quick look"
        words = loss_in_words(spec.model_dump(mode="json"))
        assert words == "Dice + cross-entropy" + ("" if readers.name == "random" else f" + {readers.title.lower()}")
    spec = retrain_spec(TrainingWishes("thorough", "duo_denoise", "filter_auv", True, True, 30))
    loss = spec.train.loss
    assert (loss.kind, loss.denoise, loss.sharpness_aware) == ("duo", True, True)
    assert spec.filter is not None
    assert (spec.filter.measure, spec.filter.percentiles) == ("auv", (0.0, 80.0))
    assert (spec.train.iterations, spec.train.minutes, spec.baseline) == (25_000, 30.0, True)
    assert retrain_spec(TrainingWishes(labels="voxels")).voxel_weights
    assert retrain_spec(TrainingWishes()).train.minutes is None


def test_readers_by_reliability_go_without_a_second_way_to_find_wrong_labels() -> None:
    for odd in (TrainingWishes(readers="uma", loss="duo_denoise"), TrainingWishes("quick", sharpness_aware=True)):
        wishes = replace(odd, readers="uma")
        assert "without label denoising" in wishes.misfit
        assert not replace(odd, readers="vote").misfit
        loss = retrain_spec(wishes).train.loss
        assert not loss.denoise
        assert not loss.sharpness_aware


def test_settings_in_words() -> None:
    before = plain()  # as kept before readers could be chosen
    del before["train"]["readers"], before["train"]["uma"]
    assert preset_in_words(before) == "Quick look"
    assert preset_in_words({"train": {"iterations": 7}}) == "Own settings"
    assert preset_in_words(plain(minutes=10, loss="duo")) == "Quick look"
    assert loss_in_words(plain(loss="duo_denoise", sharpness_aware=True, labels="voxels")) == (
        "DUO + denoising + sharpness + voxel weights"
    )
    assert loss_in_words({}) == "Dice + cross-entropy"
    assert loss_in_words({"backend": "nnunet", "train": {"loss": {"kind": "duo"}}}) == "nnU-Net + DUO"


def test_runs_find_their_models() -> None:
    duo = plain(loss="duo")
    runs = [
        Run("20260101-100000-000001-aaaa"),  # stopped before there was a model
        Run("20260101-110000-900000-aaaa"),  # begins the model m1, in the same second
        Run("20260101-120000-000001-aaaa"),  # goes on with it
        Run("20260101-130000-000001-aaaa", duo),  # begins m2
        Run("20260101-140000-000001-aaaa"),  # other labels by now: begins m3
    ]
    records = [
        record("m1", "2026-01-01T11:00:00+00:00"),
        record("m2", "2026-01-01T13:05:00+00:00", duo),
        record("m3", "2026-01-01T14:05:00+00:00"),
    ]
    assert list(run_models(runs, records).values()) == ["", "m1", "m1", "m2", "m3"]
    newer = {**plain(), "new_setting": 1}
    assert run_models(runs[1:2], [record("m1", "2026-01-01T11:00:00+00:00", newer)]) == {runs[1].run_id: "m1"}


def test_states_of_a_row() -> None:
    run = Run("20260101-100000-000001-aaaa")
    failed = JobStatus(Status.FAILED, error=JobError("Killed", "Memory ran out."))
    row = training_row([run], None, None, failed, "")
    assert (row.key, row.model_id, row.state, row.can_go_on) == (run.run_id, "", "failed", True)
    assert row.sentence == "Failed: Memory ran out."
    assert row.when.isoformat() == "2026-01-01T10:00:00+00:00"
    begun = record("m", "2026-01-01T10:00:05+00:00", selection="Learns from 3 of 4 cases; holds back 1.")
    row = training_row([run], begun, None, JobStatus(Status.BUSY), "m")
    assert (row.key, row.model_id, row.state, row.can_go_on) == ("m", "", "training", False)
    assert training_row([run], begun, None, JobStatus(Status.CANCELLED), "").state == "stopped"
    assert training_row([], begun, None, None, "").can_go_on  # begun in the foreground, and stopped
    done = begun.model_copy(update={"status": "finished", "seconds": 100.0})
    row = training_row([run], done, None, None, "m")
    assert (row.model_id, row.state, row.is_promoted, row.seconds) == ("m", "finished", True, 100.0)
    assert training_row([run, run], done, None, None, "").seconds == 0.0  # the first run's time is not in it


def finished(seconds: float, **wishes: Any) -> TrainingRow:
    done = record("m", "2026-01-01T10:00:05+00:00", plain(**wishes), status="finished", seconds=seconds)
    return training_row([], done, None, None, "")


def test_how_long_it_takes() -> None:
    rows = [finished(100.0, preset="standard"), finished(60.0, loss="duo"), finished(999.0)]
    assert expected_seconds(plain(), rows) == 60.0  # the newest of this kind; the loss takes no time
    assert expected_seconds(plain(baseline=True, sharpness_aware=True), rows) == 240.0
    assert expected_seconds(plain(preset="thorough"), rows) is None
    assert expected_seconds(plain(readers="vote"), rows) == 60.0
    assert expected_seconds(plain(readers="uma"), rows) is None  # all readers' labels in every step
    assert duration_sentence(plain(), rows).startswith("Takes about 60 s")
    assert "told soon after it began" in duration_sentence(plain(), [])
    assert duration_sentence(plain(minutes=10, baseline=True), []).startswith("Its steps take up to 20 min;")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (JobStatus(), "Starting …"),
        (
            JobStatus(Status.BUSY, done=0.5, total=1, message="Learning", eta_s=60),
            "Learning: 50%, about 60 s left.",
        ),
        (
            JobStatus(Status.BUSY, done=0.5, total=1, message="Learning", metrics={"loss": ((7, 0.25),)}),
            "Learning: 50%. Loss 0.25 after 7 steps.",
        ),
        (JobStatus(Status.BUSY, cancelling=True), "Stopping … What it has learned is kept."),
        (JobStatus(Status.COMPLETED), ""),
    ],
)
def test_how_it_goes(status: JobStatus, words: str) -> None:
    assert progress_in_words(status) == words


def test_where_it_runs() -> None:
    machine = Machine("the processor (2 cores)", 3 * 2**29)
    assert machine.sentence == "Runs on the processor (2 cores), with up to 1.5 GB of memory."
