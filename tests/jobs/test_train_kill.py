"""A training that is killed at random moments ends with the very weights of one that was left alone."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with fork and SIGKILL")

# Imports once, then forks a trainer for every "folder kind" that it is told; a trainer says every step.
TRAINER = """
import os, sys
from pathlib import Path
import numpy as np
import torch
torch.set_num_threads(1)
from napari_aleatoric.training import CaseGrid, CaseShelf, LossSpec, NetCase, TrainingSet, TrainSpec
from napari_aleatoric.training import UmaSpec, plan_model, train_model
from napari_aleatoric.training._torch import _train_loop, _train_model

_train_loop._KEEP_EVERY_S = _train_loop._KEEP_SHARE = 0.0  # the state is kept after every step

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

class Told:
    def step(self, done, total, message=""):
        say("step", int(done))
    def metric(self, name, value, step=0):
        pass

SPECS = {
    "averaged": TrainSpec(network="dynunet", iterations=90, width=4, patch_voxels=4096, voxels_per_step=4096,
                          validate_every=15, loss=LossSpec(kind="umedsam")),
    "cyclic": TrainSpec(network="unet", iterations=90, width=4, patch_voxels=4096, voxels_per_step=4096,
                        schedule="cyclic", cycles=2, checkpoints_per_cycle=2, gamma=0.5, optimiser="sgd"),
    "readers": TrainSpec(network="unet", iterations=90, width=4, patch_voxels=4096, voxels_per_step=4096,
                         readers="uma", uma=UmaSpec(width=4, route=True)),
}

def train(root, kind):
    root = Path(root)
    shelf = CaseShelf(root.parent / "cases")
    rng = np.random.default_rng(0)
    for k in range(3):
        if not shelf.has(f"case{k}"):
            mask = np.zeros((12, 16, 16), np.uint16)
            mask[3:9, 4:12, 4 + k:11] = 1
            image = rng.normal(0, 0.4, mask.shape) + mask
            labels = np.stack([mask, np.roll(mask, 2, axis=1)])
            shelf.put(f"case{k}", NetCase(image[np.newaxis].astype(np.float16), labels[:1 + k % 2]))
    spec = SPECS[kind]
    plan = plan_model([CaseGrid((12, 16, 16), (1.0, 1.0, 1.0))], 1, ["box"], spec)
    cases = TrainingSet(("case0", "case1"), ("case2",) if kind == "averaged" else ())
    say("done", train_model(plan, shelf, cases, spec, root, Told()).digest)

for line in sys.stdin:
    root, kind = line.split()
    pid = os.fork()
    if pid == 0:
        try:
            train(root, kind)
            os._exit(0)
        except BaseException:
            import traceback
            say("error", repr(traceback.format_exc()))
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    say("end", status)
""".replace('say("step", int(done))', 'say("step", int(done), os.getpid())')


class Trainers:
    """The forking process and what its children said."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", TRAINER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        )
        self._lines: queue.Queue[list[str]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.split(maxsplit=1) if line.startswith("error") else line.split())

    def run(self, folder: Path, kind: str, kill_at: int | None = None, delay_s: float = 0.0) -> list[list[str]]:
        """Let a trainer work; kill it a moment after that many steps were said. Return what it said."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{folder} {kind}\n")
        self.process.stdin.flush()
        said: list[list[str]] = []
        while (line := self._lines.get(timeout=240))[0] != "end":
            assert line[0] != "error", line
            said.append(line)
            if line[0] == "step" and len(said) == kill_at:
                moment = threading.Event()
                threading.Timer(delay_s, moment.set).start()
                moment.wait(60)
                with contextlib.suppress(ProcessLookupError):  # it was faster
                    os.kill(int(line[2]), signal.SIGKILL)
        return said


@pytest.fixture
def trainers() -> Iterator[Trainers]:
    made = Trainers()
    yield made
    made.process.kill()
    made.process.wait(30)


@pytest.mark.parametrize("kind", ["averaged", "cyclic", "readers"])
def test_killed_anywhere_it_ends_with_the_same_weights(trainers: Trainers, tmp_path: Path, kind: str) -> None:
    begun = time.monotonic()
    steps = trainers.run(tmp_path / "whole", kind)
    step_s, whole = (time.monotonic() - begun) / len(steps), steps[-1]
    assert whole[0] == "done"
    rng = np.random.default_rng(7)
    firsts = []
    for _ in range(20):
        kill_at, delay = int(rng.integers(1, 4)), float(rng.uniform(0, step_s))
        said = trainers.run(tmp_path / "killed", kind, kill_at, delay)
        if said[-1][0] == "done":  # it was faster than the kill
            break
        firsts.append(int(said[0][1]))
    assert firsts == sorted(firsts)  # nothing that was kept is lost
    assert len(firsts) >= 10, firsts
    assert firsts[-1] > 10  # and it did go on
    assert trainers.run(tmp_path / "killed", kind)[-1] == whole
    weights = {p.name: p.read_bytes() for p in sorted((tmp_path / "whole" / "checkpoints").iterdir())}
    assert {p.name: p.read_bytes() for p in sorted((tmp_path / "killed" / "checkpoints").iterdir())} == weights
    assert len(weights) == (4 if kind == "cyclic" else 1)
    if kind == "readers":
        own = [(tmp_path / name / "readers.safetensors").read_bytes() for name in ("whole", "killed")]
        assert own[0] == own[1]
    record = json.loads((tmp_path / "killed" / "model.json").read_text())
    assert record == json.loads((tmp_path / "whole" / "model.json").read_text())
