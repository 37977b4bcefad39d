"""A calibration as a job: stopped at once, killed for real, and gone on with where it was."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.jobs import JobHandle, submit
from napari_aleatoric.model import Status
from napari_aleatoric.review import CalibrateSpec, calibration_folder, read_calibration
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.uncertainty import ScoreSpec

from .conftest import until_true

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with POSIX signals")

SCORE = ScoreSpec(judge="light", encoder="filter-bank", rounds=5, samples_per_case=200)
SPEC = CalibrateSpec(seeds=2, fraction=0.4, draws=100, anyway=True, score=SCORE)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Six tiny abdomens."""
    write_samples(tmp_path / "data", SampleSpec(n_cases=6, matrix=32, error_fraction=0.0))
    return Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))


def at(handle: JobHandle, words: str) -> Callable[[], bool]:
    return lambda: words in handle.status().message or handle.status().is_over


def test_stopped_killed_and_gone_on(workspace: Workspace, scratch: Path) -> None:
    handle = submit(workspace, "calibrate", SPEC)
    until_true(at(handle, "Round 1 of 2: Read"), "it never began", 90.0)
    asked = time.monotonic()
    handle.cancel()
    assert handle.wait(20).status is Status.CANCELLED
    assert time.monotonic() - asked < 15  # in time; two seconds where nothing else runs

    handle = submit(workspace, "calibrate", SPEC)
    until_true(at(handle, "Round 2 of 2: Read"), "it never came to the second round", 120.0)
    events = (json.loads(line) for line in (handle.run_dir / "events.jsonl").read_text().splitlines())
    psutil.Process(next(int(e["pid"]) for e in events if e["kind"] == "worker")).send_signal(signal.SIGKILL)
    assert handle.wait(20).status is Status.FAILED
    (first,) = calibration_folder(workspace).glob("*/seed-0.json")
    finished = first.stat().st_mtime_ns
    assert read_calibration(workspace) is None

    handle = submit(workspace, "calibrate", SPEC)
    status = handle.wait(120)
    assert status.status is Status.COMPLETED, status.error
    assert first.stat().st_mtime_ns == finished
    record = read_calibration(workspace)
    assert record is not None
    assert status.result == record.model_dump(mode="json")
    assert record.n_errors == 4
    assert [p for p in workspace.runs_dir.iterdir() if p.name.startswith("calibration-")] == []
