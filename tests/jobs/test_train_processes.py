"""Two processes that train together end with the weights of one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

TRAINER = """
import sys
from pathlib import Path
import numpy as np
import torch
torch.set_num_threads(1)
from napari_aleatoric.errors import Cancelled
from napari_aleatoric.model import RecordingReporter
from napari_aleatoric.training import CaseGrid, CaseShelf, LossSpec, TrainingSet, TrainSpec, UmaSpec
from napari_aleatoric.training import plan_model, train_model

root, n = Path(sys.argv[1]), int(sys.argv[2])
shelf = CaseShelf(root / "cases")
for name, loss in {"duo": LossSpec(kind="duo", warm_up=0, denoise=True), "sharp": LossSpec(
        kind="umedsam", sharpness_aware=True), "uma": LossSpec(), "each": LossSpec()}.items():
    spec = TrainSpec(network="plainconvunet", iterations=5, width=4, patch_voxels=2048, voxels_per_step=8192,
                     validate_every=3, optimiser="sgd", device="cpu", loss=loss, batch=4,
                     readers=name if name in ("uma", "each") else "random", uma=UmaSpec(width=4, route=True))
    plan = plan_model([CaseGrid((12, 16, 16), (1.0, 1.0, 1.0))], 1, ["box", "small"], spec)
    cases = TrainingSet(("case0", "case1"), ("case2", "case3"), (1.0, 0.5))
    reporter = RecordingReporter()
    if name == "duo" and n == 2:
        try:  # only the first process is asked to stop
            train_model(plan, shelf, cases, spec, root / f"{name}{n}", RecordingReporter(cancel_after=3))
        except Cancelled:
            print("stopped", flush=True)
    model = train_model(plan, shelf, cases, spec, root / f"{name}{n}", reporter)
    print("trained", name, model.validation_dice["box"], len(reporter.metrics), flush=True)
"""


def started(root: Path, n: int) -> list[subprocess.Popen[str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    found = []
    for rank in range(n):
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(n)} if n > 1 else {}
        command = [sys.executable, "-c", TRAINER, str(root), str(n)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        found.append(subprocess.Popen(command, text=True, env={**common, **place}, **pipes))
    return found


def test_two_processes_end_as_one(tmp_path: Path) -> None:
    from napari_aleatoric.training import CaseShelf, NetCase

    shelf, rng = CaseShelf(tmp_path / "cases"), np.random.default_rng(0)
    for k in range(4):
        mask = np.zeros((12, 16, 16), np.uint16)
        mask[3:9, 4:12, 4 + k : 11] = 1
        mask[10:, 13:, 13:] = 2  # in few of the patches: sums over all patches differ from means of sums
        image = rng.normal(0, 0.4, mask.shape) + mask
        labels = np.stack([mask, np.roll(mask, 3, axis=1)])[: 1 + k % 2]
        shelf.put(f"case{k}", NetCase(image[np.newaxis].astype(np.float16), labels))
    processes = [*started(tmp_path, 1), *started(tmp_path, 2)]
    try:
        outs = [p.communicate(timeout=400) for p in processes]
    finally:
        for p in processes:
            p.kill()
    for p, (_, err) in zip(processes, outs, strict=True):
        assert p.returncode == 0, err
    alone, first, second = ([line.split() for line in out.splitlines()] for out, _ in outs)
    assert first[0] == second[0] == ["stopped"]
    assert [int(line[3]) for line in second[1:]] == [0, 0, 0, 0]  # only the first one reports
    assert all(int(line[3]) > 0 for line in first[1:])

    import safetensors.numpy

    for name in ("duo", "sharp", "uma", "each"):
        one, two = (
            safetensors.numpy.load_file(tmp_path / f"{name}{n}" / "checkpoints" / "best.safetensors")
            for n in (1, 2)
        )
        assert one.keys() == two.keys()
        for key in one:
            np.testing.assert_allclose(two[key], one[key], atol=2e-5, err_msg=f"{name} {key}")
    for mine, theirs in zip(alone, first[1:], strict=True):
        assert float(mine[2]) == pytest.approx(float(theirs[2]), abs=1e-3)
