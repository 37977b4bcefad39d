"""Processes killed for real in the middle of a save: what they leave is cleared away, what they are at is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey, LabelMap
from napari_aleatoric.review import (
    ReviewStore,
    corrections,
    current_label,
    load_correction,
    save_correction,
    sweep_corrections,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")

DAYS = 86400.0
CHILD = """
import sys
from pathlib import Path
import numpy as np
from napari_aleatoric.io import Workspace, _write
from napari_aleatoric.model import ItemKey, LabelMap
from napari_aleatoric.review import ReviewStore, save_correction

def wait():
    print("here", flush=True)
    sys.stdin.readline()

workspace = Workspace.open(Path(sys.argv[1]))
store = ReviewStore.open(workspace.store_url)
label = workspace.load_label("case_1")
add, compare = store.add_correction, _write._compare
if sys.argv[2] == "record":
    store.add_correction = lambda *args, **named: (wait(), add(*args, **named))[1]
else:
    _write._compare = lambda *args: (wait(), compare(*args))[1]
data = np.full_like(label.data, 3)
save_correction(workspace, store, ItemKey("case_1"), LabelMap(data, label.geometry), reader="killed")
print("done", flush=True)
"""

Saver = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def saver(workspace: Workspace) -> Iterator[Saver]:
    """Start a process that saves a version, and wait until it is right before a step."""
    started = []

    def start(step: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CHILD, str(workspace.root), step]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL


def files(workspace: Workspace) -> list[Path]:
    root = workspace.corrections_dir
    return sorted(p for p in root.rglob("*") if p.is_file() and ".unreferenced" not in p.parts)


def make_old(workspace: Workspace, days: float = 2.0) -> None:
    for path in files(workspace):
        os.utime(path, (time.time() - days * DAYS,) * 2)


def a_version(workspace: Workspace, store: ReviewStore, key: ItemKey) -> LabelMap:
    label = current_label(workspace, store, key)
    return LabelMap(np.where(label.data == 0, 1, label.data), label.geometry)


def test_what_a_killed_save_leaves_is_set_aside_whole(
    workspace: Workspace, store: ReviewStore, key: ItemKey, saver: Saver
) -> None:
    saved = save_correction(workspace, store, key, a_version(workspace, store, key), reader="R")
    kill(saver("record"))
    (stray,) = (p for p in files(workspace) if "killed" in p.name)
    content = stray.read_bytes()
    assert sweep_corrections(workspace, store) == 0, "it is young: the save could be going on"
    assert stray.exists()
    make_old(workspace)
    assert sweep_corrections(workspace, store) == 1
    assert files(workspace) == [workspace.corrections_dir / saved.file], "what a record refers to is not touched"
    aside = workspace.corrections_dir / ".unreferenced" / stray.relative_to(workspace.corrections_dir)
    assert aside.read_bytes() == content
    assert corrections(store, key) == [saved]
    load_correction(workspace, saved)
    assert sweep_corrections(workspace, store) == 1, "it stays where it is"


def test_half_a_file_is_removed_once_it_is_old(workspace: Workspace, store: ReviewStore, saver: Saver) -> None:
    kill(saver("compare"))
    (torn,) = files(workspace)
    assert torn.name.startswith(".")
    sweep_corrections(workspace, store)
    assert torn.exists()
    make_old(workspace)
    assert sweep_corrections(workspace, store) == 0
    assert files(workspace) == []


def test_a_save_that_was_suspended_for_days_still_ends_well(
    workspace: Workspace, store: ReviewStore, key: ItemKey, saver: Saver
) -> None:
    """The file looks like a leftover and is set aside; the process goes on, writes its record and finds it."""
    process = saver("record")
    make_old(workspace)
    assert sweep_corrections(workspace, store) == 1
    assert files(workspace) == []
    out, _ = process.communicate("go on\n", timeout=60)
    assert out == "done\n"
    (saved,) = corrections(store, key)
    assert (load_correction(workspace, saved).data == 3).all()


def test_a_record_written_while_files_were_set_aside_gets_its_file_back(
    workspace: Workspace, store: ReviewStore, key: ItemKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = save_correction(workspace, store, key, a_version(workspace, store, key), reader="R")
    make_old(workspace)
    answers = [set(), {saved.file}]  # the record came between the two looks
    monkeypatch.setattr(store, "correction_files", lambda: answers.pop(0))
    assert sweep_corrections(workspace, store) == 0
    assert answers == []
    load_correction(workspace, saved)


def test_a_store_from_a_backup_finds_its_files_again(
    workspace: Workspace, store: ReviewStore, key: ItemKey, tmp_path: Path
) -> None:
    saved = save_correction(workspace, store, key, a_version(workspace, store, key), reader="R")
    make_old(workspace)
    with ReviewStore.open(f"sqlite:///{tmp_path / 'empty.db'}") as empty:
        assert sweep_corrections(workspace, empty) == 1
    assert files(workspace) == []
    assert sweep_corrections(workspace, store) == 0
    load_correction(workspace, saved)


def test_journals_and_foreign_files_are_left_alone(workspace: Workspace, store: ReviewStore) -> None:
    root = workspace.corrections_dir
    for name in (".journal/abc.strokes", "case_1/default/notes.txt", "case_1/default/._mine.nii.gz"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("mine")
    before = files(workspace)
    make_old(workspace)
    assert sweep_corrections(workspace, store) == 0
    assert files(workspace) == before
