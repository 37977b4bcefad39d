"""How long it takes from the click to the first sign of work, beside a bare child process.

``make bench`` or ``pytest benchmarks/test_jobs.py``; the figures of one run belong together.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.jobs import JobHandle, runs, submit
from napari_aleatoric.samples import SampleSpec, write_samples

DOORS = Path(__file__).resolve().parents[1] / "tests" / "jobs"
ROUNDS = 5
BARE = """
import sys
from pathlib import Path
from napari_aleatoric.io import Workspace
from job_doors import CountSpec, count

class Reporter:
    def step(self, done, total, message=""):
        print(done, flush=True)
    def metric(self, name, value, step=0):
        pass

count(Workspace.open(Path(sys.argv[1])), CountSpec(n=3), Reporter())
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(DOORS), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(str(DOORS))
    monkeypatch.setenv("ALEATORIC_TEST_DOORS", "count=job_doors:count")
    write_samples(tmp_path / "data", SampleSpec(n_cases=1))
    made = Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))
    yield made
    for handle in runs(made):
        handle.cancel()
        handle.wait(20)


def restart(ws: Workspace) -> tuple[tuple[()], dict[str, Any]]:
    for handle in runs(ws):
        handle.wait(60)
    (ws.root / "counted.txt").unlink(missing_ok=True)
    return (), {}


def submit_and_wait_for_progress(ws: Workspace) -> JobHandle:
    handle = submit(ws, "count", {"n": 3})
    while handle.status().total == 0:
        time.sleep(0.005)
    return handle


def start_bare_process_and_wait_for_progress(ws: Workspace) -> None:
    command = [sys.executable, "-c", BARE, str(ws.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        child.kill()


@pytest.mark.benchmark(group="from start to first progress")
def test_job(benchmark: Any, workspace: Workspace) -> None:
    benchmark.pedantic(
        lambda: submit_and_wait_for_progress(workspace), setup=lambda: restart(workspace), rounds=ROUNDS
    )


@pytest.mark.benchmark(group="from start to first progress")
def test_bare_process(benchmark: Any, workspace: Workspace) -> None:
    benchmark.pedantic(
        lambda: start_bare_process_and_wait_for_progress(workspace), setup=lambda: restart(workspace), rounds=ROUNDS
    )


@pytest.mark.benchmark(group="what the window pays")
def test_submit_returns(benchmark: Any, workspace: Workspace) -> None:
    def stop() -> tuple[tuple[()], dict[str, Any]]:
        for handle in runs(workspace):
            handle.cancel()
        return restart(workspace)

    benchmark.pedantic(lambda: submit(workspace, "count", {"n": 100_000}), setup=stop, rounds=ROUNDS)


@pytest.mark.benchmark(group="what the window pays")
def test_one_look_at_a_running_job(benchmark: Any, workspace: Workspace) -> None:
    handle = submit_and_wait_for_progress(workspace)
    handle = submit(workspace, "count", {"n": 100_000, "pause_s": 0.001}) if handle.wait(60) else handle
    while handle.status().total == 0:
        time.sleep(0.005)
    benchmark(handle.status)
