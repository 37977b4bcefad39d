"""A review that is killed at random moments loses nothing that it confirmed."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, Volume
from napari_aleatoric.review import (
    ReviewStore,
    StrokeJournal,
    current_label,
    fold,
    label_hash,
    load_correction,
    recover,
)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with fork and SIGKILL")

KEY = ItemKey("case_0")
SHAPE = (12, 24, 20)
GEOMETRY = Geometry(SHAPE, (2.0, 1.0, 1.0), direction_lps=((-1, 0, 0), (0, 1, 0), (0, 0, 1)))

# Imports once, then forks a reviewer for every "workspace first_stroke" that it is told. A reviewer first takes up
# what the one before left behind, then paints, decides, undoes and saves, and says so after every act.
REVIEWER = """
import os, sys
from pathlib import Path
import numpy as np
import SimpleITK
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Decision, ItemKey, LabelMap, Verdict
from napari_aleatoric.review import ReviewStore, StrokeJournal, current_label, recover, save_correction

KEY = ItemKey("case_0")

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def save(ws, store, label):
    done = save_correction(ws, store, KEY, label, reader="R")
    say("correction", done.correction_id, done.label_hash)
    return done.correction_id

def review(root, i):
    ws = Workspace.open(Path(root))
    store = ReviewStore.open(ws.store_url)
    label = current_label(ws, store, KEY).upright()
    for pending in StrokeJournal.pending(ws, KEY):
        found = recover(ws, store, pending)
        if found is not None:
            label = found
            save(ws, store, label)
        pending.discard()
    data = np.array(label.data, dtype=np.uint16, order="C")
    flat = data.reshape(-1)
    latest = store.latest_correction(KEY)
    base = "" if latest is None else latest.correction_id
    journal = StrokeJournal.open(ws, KEY, "R", base, data.shape)
    while True:
        index, new = np.arange(i * 31 % 5000, i * 31 % 5000 + 40), i + 10
        journal.append(index, old=flat[index], new=new)
        flat[index] = new
        i += 1
        say("stroke", i)
        if i % 4 == 0:
            journal.flush()
        if i % 3 == 0:
            verdict = list(Verdict)[i % 5]
            say("decision", store.decide(Decision(case_id="case_0", reader="R", verdict=verdict)).decision_id)
        if i % 12 == 0:
            say("decision", store.undo(KEY, "R").decision_id)
        if i % 8 == 0:
            base = save(ws, store, LabelMap(data.copy(), label.geometry))
            journal.commit()
            journal = StrokeJournal.open(ws, KEY, "R", base, data.shape)

for line in sys.stdin:
    root, first = line.rsplit(" ", 1)
    pid = os.fork()
    if pid == 0:
        try:
            say("begin", os.getpid())
            review(root, int(first))
        except BaseException as error:
            import traceback
            say("error", repr(traceback.format_exc()))
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    say("end", status)
"""


class Reviewers:
    """The forking process and what its children said."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", REVIEWER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"},
        )
        self._lines: queue.Queue[list[str]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.split(maxsplit=1) if line.startswith("error") else line.split())

    def kill_one(self, root: Path, first_stroke: int, delay_s: float) -> list[list[str]]:
        """Let one reviewer work for a while, kill it, and return what it had said."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{root} {first_stroke}\n")
        self.process.stdin.flush()
        begin = self._lines.get(timeout=120)
        assert begin[0] == "begin"
        moment = threading.Event()
        threading.Timer(delay_s, moment.set).start()
        moment.wait(60)
        os.kill(int(begin[1]), signal.SIGKILL)
        said = []
        while (line := self._lines.get(timeout=120))[0] != "end":
            said.append(line)
        assert not [line for line in said if line[0] == "error"], said
        assert int(line[1]) == signal.SIGKILL
        return said


@contextmanager
def reviewers() -> Iterator[Reviewers]:
    made = Reviewers()
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait(30)


def stroke_onto(label: np.ndarray, i: int) -> None:
    label.reshape(-1)[np.arange(i * 31 % 5000, i * 31 % 5000 + 40)] = i + 10


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 100, SHAPE).astype(np.int16)
    write_volume(tmp_path / "data" / "images" / "case_0.nii.gz", Volume(image, GEOMETRY))
    label = (image > 60).astype(np.uint8)
    write_label_map(tmp_path / "data" / "labels" / "case_0.nii.gz", LabelMap(label, GEOMETRY))
    workspace = Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))
    with ReviewStore.open(workspace.store_url) as store:
        store.sync_items(workspace.dataset.items, workspace.fingerprints())
    return workspace


def kill_and_check(workspace: Workspace, n_kills: int) -> None:
    rng = np.random.default_rng(20)
    original = workspace.load_label("case_0").upright()
    label = np.array(original.data, dtype=np.uint16, order="C")
    n_strokes = 0
    decisions: list[str] = []
    saved: dict[str, str] = {}
    with reviewers() as them:
        for _ in range(n_kills):
            said = them.kill_one(workspace.root, n_strokes, float(rng.uniform(0.0, 0.5)))
            confirmed = max([n_strokes, *(int(line[1]) for line in said if line[0] == "stroke")])
            decisions += [line[1] for line in said if line[0] == "decision"]
            saved |= {line[1]: line[2] for line in said if line[0] == "correction"}
            with ReviewStore.open(workspace.store_url) as store:
                kept = [d.decision_id for d in store.decisions()]
                assert [d for d in kept if d in set(decisions)] == decisions
                assert len(kept) - len(decisions) <= 1  # written, and killed before it could say so
                decisions = kept
                assert store.state(KEY) == fold(store.decisions())
                versions = {c.correction_id: c for c in store.corrections(KEY)}
                for correction_id, its_hash in saved.items():
                    assert label_hash(load_correction(workspace, versions[correction_id])) == its_hash
                assert len(versions) - len(saved) <= 1
                saved = {c: version.label_hash for c, version in versions.items()}
                pending = StrokeJournal.pending(workspace, KEY)
                assert len(pending) <= 1
                found = recover(workspace, store, pending[0]) if pending else None
                recovered = found if found is not None else current_label(workspace, store, KEY).upright()
            # every confirmed stroke is there, in the saved version or in the journal; one more may be
            for i in range(n_strokes, confirmed):
                stroke_onto(label, i)
            n_strokes = confirmed
            if not np.array_equal(recovered.data, label):
                stroke_onto(label, n_strokes)
                n_strokes += 1
            np.testing.assert_array_equal(recovered.data, label)
    assert n_strokes > n_kills  # the reviewers did get to work
    assert len(saved) > 1
    assert workspace.load_label("case_0").upright().content_hash == original.content_hash


def test_twelve_kills_lose_nothing(workspace: Workspace) -> None:
    kill_and_check(workspace, 12)


@pytest.mark.slow
def test_a_hundred_kills_lose_nothing(workspace: Workspace) -> None:
    kill_and_check(workspace, 100)
