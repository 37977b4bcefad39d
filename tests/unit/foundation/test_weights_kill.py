"""Processes killed for real in the middle of a download or an import: the next start is clean."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import WeightsStore

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")

CHILD = """
import json, sys
from pathlib import Path
from napari_aleatoric.foundation import KnownWeights, WeightsStore
from napari_aleatoric.foundation._weights import _bring, _files

entry = KnownWeights(**json.loads(sys.argv[1]))
folder, source, stop = Path(sys.argv[2]), sys.argv[3], sys.argv[4]

def wait(*arguments, **keywords):
    print("here", flush=True)
    sys.stdin.read()

class Waiting:
    n = 0
    def step(self, done, total, message=""):
        self.n += 1
        if stop == f"step {self.n}":
            wait()
    def metric(self, name, value, step=0):
        pass

if stop == "rename":
    _bring.put_in_place = wait
if stop == "record":
    _files.Record.write = wait
store = WeightsStore(folder, known={"tiny": entry})
if source:
    store.import_file("tiny", Path(source), Waiting())
else:
    store.download("tiny", Waiting())
print("done", flush=True)
"""


@pytest.fixture
def store(tmp_path, entry):
    return WeightsStore(tmp_path / "weights", known={"tiny": entry})


@pytest.fixture
def start(entry, store):
    """Start a process that imports or downloads, and waits at a place for its end."""
    started = []

    def _start(source="", stop=""):
        described = {**dataclasses.asdict(entry), "urls": list(entry.urls)}
        command = [sys.executable, "-c", CHILD, json.dumps(described), str(store.folder), str(source), stop]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, **pipes))
        return started[-1]

    yield _start
    for process in started:
        process.kill()
        process.communicate()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait(30)


@pytest.mark.parametrize("stop", ["step 1", "step 2", "step 4", "rename", "record"])
def test_an_import_killed_anywhere_leaves_nothing_half(store, start, tmp_path, content, stop):
    source = tmp_path / "given.pth"
    source.write_bytes(content)
    process = start(source, stop)
    assert process.stdout.readline() == "here\n"
    with pytest.raises(DataError, match="Another process"):
        store.import_file("tiny", source)
    kill(process)
    state = store.status("tiny").state
    assert state == ("present" if stop == "record" else "absent")
    if stop == "record":
        assert store.verify("tiny").state == "verified"  # whole, because it is named last
    assert store.import_file("tiny", source).state == "verified"
    assert store.path("tiny").read_bytes() == content
    visible = sorted(path.name for path in store.folder.iterdir() if not path.name.startswith("."))
    assert visible == ["tiny.pth", "tiny.pth.json"]


def test_a_download_killed_in_the_middle_is_gone_on_with(store, server, start, content):
    server.hold_after = 1_500_000
    process = start()
    part = store.folder / "tiny.pth.part"
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 1_400_000):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    kill(process)
    assert store.status("tiny").state == "absent"
    came = part.stat().st_size
    assert part.read_bytes() == content[:came]
    server.hold_after = None
    assert store.download("tiny").state == "verified"
    assert server.asked[-1] == ("/tiny.pth", f"bytes={came}-")
    assert store.path("tiny").read_bytes() == content


@pytest.mark.parametrize("stop", ["rename", "record"])
def test_a_download_killed_at_its_end_is_whole(store, server, start, content, stop):
    process = start(stop=stop)
    assert process.stdout.readline() == "here\n"
    kill(process)
    assert store.download("tiny").state == "verified"
    assert len(server.asked) == 1  # by the process that died
    assert store.path("tiny").read_bytes() == content
    assert not (store.folder / "tiny.pth.part").exists()
