"""A retraining as a job: stopped at once, killed for real, gone on with where it was, and asked about the cases."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.jobs import JobHandle, submit
from napari_aleatoric.model import Status
from napari_aleatoric.review import PredictSpec, RetrainSpec, list_models, model_folder
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.training import TrainSpec

from .conftest import until_true

for _package in ("torch", "monai", "accelerate"):
    pytest.importorskip(_package)

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="kills with POSIX signals"),
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # a worker has the lowest priority: on a busy machine it gets little time
]

SMALL = {"iterations": 150, "width": 4, "patch_voxels": 4096, "voxels_per_step": 8192, "validate_every": 50}
SPEC = RetrainSpec(train=TrainSpec.of_preset("quick", **SMALL, device="cpu"), validation=0.0)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Five tiny abdomens."""
    write_samples(tmp_path / "data", SampleSpec(n_cases=5, matrix=32, error_fraction=0.0))
    return Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))


def trained_for(handle: JobHandle, steps: int) -> Callable[[], bool]:
    def asked() -> bool:
        lines = (handle.run_dir / "events.jsonl").read_text().splitlines()
        told = (json.loads(line) for line in lines if line.endswith("}"))
        losses = [e for e in told if e["kind"] == "metric" and e["name"] == "loss" and e["step"] >= steps]
        return bool(losses) or handle.status().is_over

    return asked


def test_stopped_killed_gone_on_and_asked(workspace: Workspace, scratch: Path) -> None:
    handle = submit(workspace, "train", SPEC)
    until_true(trained_for(handle, 2), "it never began to learn", 600.0)
    handle.cancel()
    assert handle.wait(60).status is Status.CANCELLED
    (record,) = list_models(workspace)
    assert record.status == "training"

    handle = submit(workspace, "train", SPEC)
    until_true(trained_for(handle, 10), "it never went on", 600.0)
    events = (json.loads(line) for line in (handle.run_dir / "events.jsonl").read_text().splitlines())
    psutil.Process(next(int(e["pid"]) for e in events if e["kind"] == "worker")).send_signal(signal.SIGKILL)
    assert handle.wait(60).status is Status.FAILED

    handle = submit(workspace, "train", SPEC)
    status = handle.wait(600)
    assert status.status is Status.COMPLETED, status.error
    (record,) = list_models(workspace)
    assert record.status == "finished"
    assert status.result["model_id"] == record.model_id
    assert status.result["sentence"] == record.sentence
    assert "2 held-out cases" in record.sentence
    left = [p.name for p in model_folder(workspace, record.model_id).rglob("*") if p.name.startswith(".")]
    assert left == []

    status = submit(workspace, "predict", PredictSpec(device="cpu")).wait(600)
    assert status.status is Status.COMPLETED, status.error
    assert (status.result["n_done"], status.result["n_measured"], status.result["refused"]) == (5, 5, [])
