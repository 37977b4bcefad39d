"""A small workspace, doors for tests, and a look at what is left of the processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.jobs import EngineSpec, JobHandle, JobStatus, runs
from napari_aleatoric.model import Geometry, LabelMap, Volume

DOORS = (
    "count",
    "stubborn",
    "broken",
    "refused",
    "dies",
    "forgets_memory",
    "environment",
    "family",
    "leaky",
    "hungry",
)


@pytest.fixture(autouse=True)
def _test_doors(monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(Path(__file__).parent)
    path = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", here if not path else os.pathsep.join([here, path]))
    monkeypatch.syspath_prepend(here)
    monkeypatch.setenv("ALEATORIC_TEST_DOORS", ",".join(f"{name}=job_doors:{name}" for name in DOORS))


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only place where this test's processes may put temporary files."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def workspace(tmp_path: Path, scratch: Path) -> Iterator[Workspace]:
    data = tmp_path / "data set"
    geometry = Geometry(
        (2, 3, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    )
    for name in ("images", "labels"):
        (data / name).mkdir(parents=True)
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    write_volume(data / "images" / "case1.nii.gz", Volume(values, geometry))
    write_label_map(data / "labels" / "case1.nii.gz", LabelMap((values > 11).astype(np.uint8), geometry))
    made = Workspace.create(tmp_path / "workspace", scan(data))
    yield made
    for handle in runs(made):
        handle.cancel()
        handle.wait(20)
    until_true(lambda: not processes_of(made), "processes are left over")


def until_true(question: Callable[[], object], complaint: str, timeout: float = 20.0) -> None:
    until = time.monotonic() + timeout
    while not question():
        assert time.monotonic() < until, complaint
        time.sleep(0.02)


def until_busy(handle: JobHandle) -> JobStatus:
    """Wait until the door has reported."""
    until_true(lambda: handle.status().total > 0 or handle.status().is_over, "the job never began", 60.0)
    return handle.status()


def processes_of(ws: Workspace) -> list[psutil.Process]:
    """List the living processes whose command line or environment names this workspace's test folder."""
    found = []
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), process.environ().get("TMPDIR", "")]
            living = process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid()
        except psutil.Error:
            continue
        if living and any(str(ws.root.parent) in text for text in told):
            found.append(process)
    return found


@pytest.fixture
def cluster(tmp_path: Path, scratch: Path) -> Iterator[EngineSpec]:
    """Start a scheduler and one worker that offers one GPU; nothing of it belongs to the plugin."""
    from distributed.security import Security

    temporary = Security.temporary()
    pem = {
        "ca-file": temporary.tls_ca_file,
        "cert": temporary.tls_client_cert,
        "key": temporary.tls_client_key,
    }
    files = {name: tmp_path / f"{name}.pem" for name in pem}
    for name, text in pem.items():
        files[name].write_text(text)
    tls = [word for name, path in files.items() for word in (f"--tls-{name}", str(path))]
    address_file = tmp_path / "scheduler.json"
    python = [sys.executable, "-m"]
    scheduler = subprocess.Popen(
        [
            *python,
            "distributed.cli.dask_scheduler",
            *tls,
            *("--protocol", "tls", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"),
            *("--scheduler-file", str(address_file)),
        ],
        stderr=subprocess.DEVNULL,
    )
    worker = subprocess.Popen(
        [
            *python,
            "distributed.cli.dask_worker",
            *tls,
            *("--scheduler-file", str(address_file), "--no-dashboard", "--resources", "GPU=1", "--nthreads", "1"),
            *("--local-directory", str(tmp_path / "dask")),
        ],
        stderr=subprocess.DEVNULL,
    )
    until_true(lambda: address_file.exists() and address_file.read_text().strip().endswith("}"), "no scheduler", 60)
    address = json.loads(address_file.read_text())["address"]
    yield EngineSpec(
        scheduler=address,
        tls_ca_file=files["ca-file"],
        tls_cert_file=files["cert"],
        tls_key_file=files["key"],
        resources={"GPU": 1},
    )
    for process in (worker, scheduler):
        process.terminate()
    for process in (worker, scheduler):
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait(10)
