"""Real jobs in real processes, some of them killed for real."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from napari_aleatoric.errors import DataError, JobFailedError, NotFoundError
from napari_aleatoric.io import Workspace
from napari_aleatoric.jobs import EngineSpec, JobHandle, running, runs, submit
from napari_aleatoric.jobs._events import TERMINAL, EventTail
from napari_aleatoric.model import Status

from .conftest import processes_of, until_busy, until_true

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with POSIX signals")

LONG = {"n": 100_000, "pause_s": 0.01}


def events_of(handle: JobHandle) -> list[dict[str, object]]:
    return list(EventTail(handle.run_dir / "events.jsonl").read())


def assert_one_end_and_nothing_left(handle: JobHandle, ws: Workspace, scratch: Path) -> None:
    until_true(lambda: not processes_of(ws), "processes are left over")
    ends = [event for event in events_of(handle) if event["kind"] in TERMINAL]
    assert len(ends) == 1
    assert events_of(handle)[-1] == ends[0]
    assert list(scratch.glob("aleatoric-*")) == []
    assert not list(ws.root.rglob("*.pem"))


def worker_of(handle: JobHandle) -> psutil.Process:
    return psutil.Process(next(int(str(e["pid"])) for e in events_of(handle) if e["kind"] == "worker"))


def host_of(handle: JobHandle) -> psutil.Process:
    return psutil.Process(json.loads((handle.run_dir / "host.json").read_text())["pid"])


def test_a_job_runs_to_its_end_and_leaves_only_its_folder(workspace: Workspace, scratch: Path) -> None:
    begin = time.monotonic()
    handle = submit(workspace, "count", {"n": 30, "pause_s": 0.02})
    assert time.monotonic() - begin < 20.0  # does not wait for the engine
    assert handle.result(60)["counted"] == 30
    status = handle.status()
    assert status.status is Status.COMPLETED
    assert (status.done, status.total) == (30.0, 30.0)
    assert status.metrics["square"] == tuple((i, float(i * i)) for i in range(30))
    kinds = [event["kind"] for event in events_of(handle)]
    assert kinds[:3] == ["submitted", "started", "worker"]
    assert kinds.count("progress") < 25  # thinned to about ten a second
    assert_one_end_and_nothing_left(handle, workspace, scratch)
    names = {path.name for path in handle.run_dir.iterdir()}
    assert names == {"spec.json", "host.json", "events.jsonl", "log.txt"}
    assert json.loads((handle.run_dir / "spec.json").read_text())["spec"]["n"] == 30


def test_the_submitting_program_never_loads_the_engine(workspace: Workspace) -> None:
    code = """
import sys
from pathlib import Path
from napari_aleatoric.io import Workspace
from napari_aleatoric.jobs import submit
assert submit(Workspace.open(Path(sys.argv[1])), "count", {"n": 2}).result(60)["counted"] == 2
print(sorted(m for m in ("distributed", "dask", "tornado", "torch") if m in sys.modules))
"""
    out = subprocess.run(
        [sys.executable, "-c", code, str(workspace.root)], capture_output=True, text=True, check=True, timeout=120
    )
    assert out.stdout.strip() == "[]"


def test_a_stop_is_heeded_and_the_job_can_be_resumed(workspace: Workspace, scratch: Path) -> None:
    handle = submit(workspace, "count", LONG)
    until_true(lambda: handle.status().done > 3, "no progress", 60.0)
    begin = time.monotonic()
    handle.cancel()
    status = handle.wait(20)
    assert time.monotonic() - begin < 15.0
    assert status.status is Status.CANCELLED
    assert not status.forced
    assert_one_end_and_nothing_left(handle, workspace, scratch)

    counted = int((workspace.root / "counted.txt").read_text())
    again = handle.resume()
    assert again.run_id > handle.run_id
    assert again.resumes == handle.run_id
    assert again.spec == handle.spec
    until_true(lambda: again.status().done > counted, "it did not go on", 60.0)
    first = next(event for event in events_of(again) if event["kind"] == "progress")
    assert first["done"] == counted
    with pytest.raises(JobFailedError, match="still runs"):
        again.resume()


def test_a_door_that_does_not_listen_is_stopped_by_force(workspace: Workspace, scratch: Path) -> None:
    handle = submit(workspace, "stubborn")
    until_busy(handle)
    begin = time.monotonic()
    handle.cancel()
    status = handle.wait(20)
    assert time.monotonic() - begin < 15.0  # a moment of grace, then at once
    assert status.status is Status.CANCELLED
    assert status.forced
    assert_one_end_and_nothing_left(handle, workspace, scratch)


def test_a_stop_before_the_worker_is_there_is_a_stop(workspace: Workspace, scratch: Path) -> None:
    handle = submit(workspace, "count", LONG)
    handle.cancel()
    assert handle.wait(20).status is Status.CANCELLED
    assert_one_end_and_nothing_left(handle, workspace, scratch)


def test_a_killed_worker_is_a_failed_job_with_a_sentence(workspace: Workspace, scratch: Path) -> None:
    handle = submit(workspace, "count", LONG)
    until_true(lambda: handle.status().done > 3, "no progress", 60.0)
    worker_of(handle).send_signal(signal.SIGKILL)
    status = handle.wait(20)
    assert status.status is Status.FAILED
    assert status.error is not None
    assert "killed by SIGKILL (signal 9) while it was at: number" in status.error.message
    assert "memory" in status.error.advice
    with pytest.raises(JobFailedError, match="SIGKILL"):
        handle.result()
    assert_one_end_and_nothing_left(handle, workspace, scratch)


def test_a_worker_that_exits_by_itself_is_told_with_its_status(workspace: Workspace, scratch: Path) -> None:
    handle = submit(workspace, "dies", {"exit_status": 7})
    status = handle.wait(60)
    assert status.error is not None
    assert status.error.message == "The worker process ended with exit status 7 while it was at: case 1."
    assert_one_end_and_nothing_left(handle, workspace, scratch)


def test_a_killed_host_takes_all_along_and_the_reader_says_so(workspace: Workspace, scratch: Path) -> None:
    handle = submit(workspace, "family")
    until_busy(handle)
    grandchild = psutil.Process(int((workspace.root / "grandchild.txt").read_text()))
    host_of(handle).send_signal(signal.SIGKILL)
    status = handle.wait(20)
    assert status.status is Status.FAILED
    assert status.error is not None
    assert status.error.type == "HostLost"
    assert "killed by SIGKILL" in status.error.message
    until_true(lambda: not grandchild.is_running() or grandchild.status() == "zombie", "the grandchild lives")
    assert_one_end_and_nothing_left(handle, workspace, scratch)
    late = JobHandle(workspace.root, handle.run_id)  # a reader that comes later adds nothing
    assert late.status().error == status.error
    assert_one_end_and_nothing_left(handle, workspace, scratch)


def test_a_host_told_to_end_says_so(workspace: Workspace, scratch: Path) -> None:
    handle = submit(workspace, "count", LONG)
    until_busy(handle)
    host_of(handle).terminate()
    status = handle.wait(20)
    assert status.error is not None
    assert status.error.type == "Terminated"
    assert_one_end_and_nothing_left(handle, workspace, scratch)


def test_a_host_that_hangs_is_killed_by_the_reader_after_a_stop(workspace: Workspace, scratch: Path) -> None:
    handle = submit(workspace, "stubborn", engine=EngineSpec(grace_s=0.2))
    until_busy(handle)
    host_of(handle).suspend()
    handle.cancel()
    status = handle.wait(20)
    assert status.status is Status.CANCELLED
    assert status.forced
    assert_one_end_and_nothing_left(handle, workspace, scratch)


def test_a_window_that_dies_leaves_the_job_to_the_next_one(workspace: Workspace) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from napari_aleatoric.io import Workspace
from napari_aleatoric.jobs import submit
print(submit(Workspace.open(Path(sys.argv[1])), "count", {"n": 100000}).run_id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    first = subprocess.run(
        [sys.executable, "-c", code, str(workspace.root)], capture_output=True, text=True, timeout=120, check=False
    )
    assert first.returncode == -signal.SIGKILL
    found = running(workspace)
    assert found is not None
    assert found.run_id == first.stdout.strip()
    until_true(lambda: found.status().done > 3, "the job did not go on", 60.0)
    assert found.status().status is Status.BUSY
    found.cancel()
    assert found.wait(20).status is Status.CANCELLED
    assert running(workspace) is None


def test_the_same_door_runs_once_at_a_time(workspace: Workspace) -> None:
    first = submit(workspace, "count", LONG)
    assert submit(workspace, "count", LONG).run_id == first.run_id
    with pytest.raises(JobFailedError, match="running already with other settings"):
        submit(workspace, "count", {"n": 5})
    first.cancel()
    first.wait(20)
    second = submit(workspace, "count", {"n": 1})
    second.wait(60)
    assert [handle.run_id for handle in runs(workspace)] == [second.run_id, first.run_id]


def test_what_cannot_start_is_refused_before_anything_starts(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="no door"):
        submit(workspace, "os:system")
    with pytest.raises(DataError, match="CountSpec"):
        submit(workspace, "count", {"m": 5})
    assert runs(workspace) == []
    assert running(workspace) is None


@pytest.mark.parametrize(
    ("door", "kind", "message", "has_advice"),
    [
        ("broken", "ValueError", "ValueError: bad voxel in <path>", True),
        ("refused", "DataError", "Expected a label with 3 axes, got 2; save it as a volume.", False),
        ("forgets_memory", "MemoryError", "The job ran out of memory.", True),
    ],
)
def test_a_door_that_raises_is_a_failed_job(
    workspace: Workspace, scratch: Path, door: str, kind: str, message: str, has_advice: bool
) -> None:
    handle = submit(workspace, door)
    error = handle.wait(60).error
    assert error is not None
    assert (error.type, error.message, bool(error.advice)) == (kind, message, has_advice)
    assert_one_end_and_nothing_left(handle, workspace, scratch)


def test_the_run_folder_names_no_patients_file(workspace: Workspace) -> None:
    handle = submit(workspace, "leaky")
    handle.wait(60)
    texts = {path.name: path.read_text() for path in handle.run_dir.iterdir()}
    assert "WARNING: In itkNiftiImageIO.cxx, line 1980: <path>" in texts["log.txt"]
    assert "slow file" in texts["events.jsonl"]
    for name, text in texts.items():
        for secret in ("Jane", "Doe", "scan 1", "data set"):
            assert secret not in text, f"{secret} in {name}"


def test_the_worker_is_modest_and_cleans_up(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    found = submit(workspace, "environment", engine=EngineSpec(threads=3)).result(60)
    assert found["OMP_NUM_THREADS"] == found["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] == "3"
    assert found["priority"] > os.nice(0)
    assert not Path(found["TMPDIR"]).exists()


def test_only_loopback_listens_and_only_with_our_certificate(workspace: Workspace) -> None:
    handle = submit(workspace, "count", LONG)
    until_busy(handle)
    ports = []
    host = host_of(handle)
    for process in (host, *host.children(recursive=True)):
        for connection in process.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip == "127.0.0.1"
                ports.append(connection.laddr.port)
    assert len(ports) == 2  # scheduler and worker; no web pages
    stranger = ssl.create_default_context()
    stranger.check_hostname, stranger.verify_mode = False, ssl.CERT_NONE
    for port in ports:
        answer = answer_to(stranger, port)
        assert not isinstance(answer, bytes), "somebody without our certificate was answered"
        assert "WRONG_VERSION" not in answer  # which a server without TLS would give


def answer_to(stranger: ssl.SSLContext, port: int) -> bytes | str:
    """Return the first bytes that come, or why none came."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        try:
            with stranger.wrap_socket(plain) as talk:
                talk.send(b"hello")
                return talk.recv(100) or "closed"
        except OSError as error:
            return str(error)
