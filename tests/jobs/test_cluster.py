"""The same jobs on a scheduler that somebody else runs, with TLS files and resources."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import psutil
import pytest

from napari_aleatoric.io import Workspace
from napari_aleatoric.jobs import EngineSpec, JobHandle, submit
from napari_aleatoric.jobs._events import EventTail
from napari_aleatoric.model import Status

from .conftest import until_busy, until_true

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with POSIX signals")

LONG = {"n": 100_000, "pause_s": 0.01}


def child_of(handle: JobHandle) -> psutil.Process:
    events = EventTail(handle.run_dir / "events.jsonl").read()
    return psutil.Process(next(event["pid"] for event in events if event["kind"] == "worker"))


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


@pytest.mark.slow
def test_jobs_on_a_cluster(workspace: Workspace, cluster: EngineSpec) -> None:
    """One cluster for all, because it takes long to start."""
    done = submit(workspace, "count", {"n": 3}, engine=cluster)
    assert done.result(60)["counted"] == 3
    (workspace.root / "counted.txt").unlink()

    # a fresh process for every job, so that all its memory returns
    first = submit(workspace, "environment", engine=cluster).result(60)["pid"]
    second = submit(workspace, "environment", engine=cluster).result(60)["pid"]
    assert first != second
    assert not psutil.pid_exists(first)

    # what libraries print comes back to the folder of the run, without the paths of patients' files
    leaky = submit(workspace, "leaky", engine=cluster)
    assert leaky.wait(60).status is Status.FAILED
    log = leaky.run_dir / "log.txt"
    until_true(lambda: "itkNiftiImageIO" in log.read_text(), "the log of the cluster does not come back")
    for path in leaky.run_dir.iterdir():
        assert "Jane" not in path.read_text()

    # a stop that the door heeds, and one that it does not
    heeds = submit(workspace, "count", LONG, engine=cluster)
    until_true(lambda: heeds.status().done > 3, "no progress", 60)
    heeds.cancel()
    assert not heeds.wait(20).forced
    deaf = submit(workspace, "stubborn", engine=cluster)
    until_busy(deaf)
    process, begin = child_of(deaf), time.monotonic()
    deaf.cancel()
    assert deaf.wait(20).forced
    assert time.monotonic() - begin < 15  # of force, not of patience
    until_true(lambda: is_gone(process), "the stubborn process lives on")

    # killed for real
    killed = submit(workspace, "count", LONG, engine=cluster)
    until_true(lambda: killed.status().total > 0, "no progress", 60)
    child_of(killed).send_signal(signal.SIGKILL)
    error = killed.wait(20).error
    assert error is not None
    assert "killed by SIGKILL" in error.message

    # whoever asked is gone: the cluster does not go on for nobody
    orphan = submit(workspace, "stubborn", engine=cluster)
    until_busy(orphan)
    process = child_of(orphan)
    os.kill(int(json.loads((orphan.run_dir / "host.json").read_text())["pid"]), signal.SIGKILL)
    assert orphan.wait(20).status is Status.FAILED
    until_true(lambda: is_gone(process), "the cluster works on for nobody")

    # nobody offers what it needs: it waits, says so, and can be stopped
    spec = EngineSpec.model_validate({**cluster.model_dump(), "resources": {"TPU": 2}})
    waiting = submit(workspace, "count", LONG, engine=spec)
    until_true(lambda: waiting.status().log, "it does not say that it waits", 60)
    assert "it needs TPU=2" in waiting.status().log[0]
    assert waiting.status().status is Status.PENDING
    waiting.cancel()
    assert waiting.wait(20).status is Status.CANCELLED


def test_a_scheduler_that_is_not_there_is_a_sentence(workspace: Workspace) -> None:
    engine = EngineSpec(scheduler="tcp://127.0.0.1:9", connect_timeout_s=1.0)
    error = submit(workspace, "count", engine=engine).wait(60).error
    assert error is not None
    assert error.type == "NoScheduler"
    assert "No Dask scheduler answered at tcp://127.0.0.1:9" in error.message
    assert "Check the scheduler" in error.advice
