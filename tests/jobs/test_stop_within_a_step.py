"""A stop ends a training that is deep in one long call, and leaves all that the same network grows from."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.io import Workspace, read_label_map, scan
from napari_aleatoric.jobs import EngineSpec, JobHandle, submit
from napari_aleatoric.model import Status
from napari_aleatoric.review import (
    Judgement,
    PredictSpec,
    RetrainSpec,
    list_models,
    model_folder,
    prediction_folder,
    read_judgement,
)
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.training import TrainSpec

from .conftest import processes_of, until_true

for _package in ("torch", "monai", "accelerate"):
    pytest.importorskip(_package)

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="holds the interpreter with a POSIX function"),
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # a worker has the lowest priority: on a busy machine it gets little time
]

SMALL = {"iterations": 50, "width": 4, "patch_voxels": 4096, "voxels_per_step": 4096, "validate_every": 20}
SPEC = RetrainSpec(train=TrainSpec.of_preset("quick", **SMALL, device="cpu"), validation=0.4)
ONE_THREAD = EngineSpec(threads=1)  # sums are then taken in one order
PATIENCE_S = 500.0


@pytest.fixture(autouse=True)
def _doors(monkeypatch: pytest.MonkeyPatch, _test_doors: None) -> None:
    ours = "blocked-train=blocked_doors:train,blocked-predict=blocked_doors:predict"
    monkeypatch.setenv("ALEATORIC_TEST_DOORS", f"{os.environ['ALEATORIC_TEST_DOORS']},{ours}")


def events_of(handle: JobHandle) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (handle.run_dir / "events.jsonl").read_text().splitlines()]


def steps_of(handle: JobHandle) -> list[int]:
    return [e["step"] for e in events_of(handle) if e["kind"] == "metric" and e["name"] == "loss"]


def block(ws: Workspace, place: str, after: int) -> None:
    """Let the next job stand still at a place, after so many calls that come back."""
    (ws.root / "blocked").unlink(missing_ok=True)
    (ws.root / "block.json").write_text(json.dumps([place, after]))


def unblock(ws: Workspace) -> None:
    (ws.root / "block.json").unlink()


def tear(folder: Path) -> None:
    """Leave what a writer leaves that is killed."""
    (folder / ".0123abcd.tmp.pt").write_bytes(b"half")


def stop_in_the_middle(handle: JobHandle, ws: Workspace) -> None:
    """Ask a job to stop that cannot hear; it ends all the same, as one that was stopped and can go on."""
    until_true(lambda: (ws.root / "blocked").exists() or handle.status().is_over, "it never got there", PATIENCE_S)
    assert not handle.status().is_over, handle.status()
    handle.cancel()
    status = handle.wait(PATIENCE_S)
    assert status.status is Status.CANCELLED
    assert status.forced
    assert status.carries_on
    assert status.error is None
    kinds = [event["kind"] for event in events_of(handle)]
    assert kinds.count("cancelling") == 1
    assert kinds[-1] == "cancelled"
    until_true(lambda: not processes_of(ws), "processes are left over")


def finish(handle: JobHandle) -> None:
    status = handle.wait(PATIENCE_S)
    assert status.status is Status.COMPLETED, status.error


def of_the_model(ws: Workspace) -> tuple[dict[str, bytes], Judgement, dict[str, Any]]:
    """Weights as bytes, what they showed, and what they would draw."""
    (record,) = list_models(ws)
    assert record.status == "finished"
    network = model_folder(ws, record.model_id) / "network"
    weights = {path.name: path.read_bytes() for path in (network / "checkpoints").iterdir()}
    judgement = read_judgement(ws, record.model_id)
    assert judgement is not None
    drawn = prediction_folder(ws, record.model_id).glob("*.nii.gz")
    return weights, judgement, {path.name: read_label_map(path).data for path in drawn}


def test_stopped_within_long_calls_it_ends_as_if_left_alone(tmp_path: Path, scratch: Path) -> None:
    write_samples(tmp_path / "data", SampleSpec(n_cases=6, matrix=32, error_fraction=0.0))
    alone = Workspace.create(tmp_path / "alone", scan(tmp_path / "data"))
    finish(submit(alone, "train", SPEC, engine=ONE_THREAD))
    finish(submit(alone, "predict", PredictSpec(device="cpu"), engine=ONE_THREAD))

    ws = Workspace.create(tmp_path / "stopped", scan(tmp_path / "data"))
    block(ws, "reading a case", 1)
    handle = submit(ws, "blocked-train", SPEC, engine=ONE_THREAD)
    stop_in_the_middle(handle, ws)
    assert list_models(ws) == []

    block(ws, "a step", 30)
    handle = handle.resume()
    stop_in_the_middle(handle, ws)
    (record,) = list_models(ws)
    assert record.status == "training"

    block(ws, "judging a case", 2)
    handle = handle.resume()
    stop_in_the_middle(handle, ws)
    assert steps_of(handle) == list(range(21, 51))  # the state was kept at the look after 20 steps
    (again,) = list_models(ws)
    assert (again.model_id, again.status) == (record.model_id, "training")

    unblock(ws)
    tear(model_folder(ws, record.model_id) / "network")
    handle = handle.resume()
    finish(handle)
    assert steps_of(handle) == []  # it had learned all; only the judging was left

    block(ws, "predicting a case", 2)
    handle = submit(ws, "blocked-predict", PredictSpec(device="cpu"), engine=ONE_THREAD)
    stop_in_the_middle(handle, ws)
    unblock(ws)
    tear(prediction_folder(ws, record.model_id))
    handle = handle.resume()
    finish(handle)
    assert handle.status().result is not None
    assert 0 < handle.status().result["n_reused"] < 6  # what had been answered was not asked again

    weights, judgement, drawn = of_the_model(ws)
    weights_alone, judgement_alone, drawn_alone = of_the_model(alone)
    assert weights
    assert weights == weights_alone
    assert judgement.rows == judgement_alone.rows
    assert drawn.keys() == drawn_alone.keys()
    assert len(drawn) == 6
    for name, labels in drawn.items():
        np.testing.assert_array_equal(labels, drawn_alone[name])
    left = [path.name for path in ws.root.rglob(".*") if ".tmp" in path.name]
    assert left == []
