"""The sharpness-aware step in two real processes: both climb along the same gradient."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

PROGRAM = """
import sys
import torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from napari_aleatoric.training._torch._sharpness import SharpnessAware, average_gradients

rank, meeting, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
torch.set_num_threads(1)
if rank < 2:
    dist.init_process_group("gloo", init_method="file://" + meeting, rank=rank, world_size=2)
torch.manual_seed(0)
network, beside = torch.nn.Linear(3, 2), torch.nn.Parameter(torch.tensor([0.5, -0.5]))
images = torch.randn(4, 3)
mine = images if rank == 2 else images[2 * rank : 2 * rank + 2]  # the third has both shares, and no company
wrapped = DistributedDataParallel(network) if rank < 2 else network
sharp = SharpnessAware(torch.optim.SGD([*network.parameters(), beside], lr=0.1, momentum=0.9), 0.3, network=network)

def closure():
    loss = ((wrapped(mine) - beside).square()).mean()
    loss.backward()
    average_gradients([beside])

for _ in range(3):
    sharp.step(closure)
torch.save([*(p.detach() for p in network.parameters()), beside.detach()], out)
if rank < 2:
    dist.destroy_process_group()
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without processes")
def test_two_processes_step_as_one_with_the_whole_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "train.py"
    program.write_text(PROGRAM, "utf-8")
    outs = [tmp_path / f"{rank}.pt" for rank in range(3)]
    calls = [[str(program), str(rank), str(tmp_path / "meeting"), str(out)] for rank, out in enumerate(outs)]
    running = [subprocess.Popen([sys.executable, *call], stderr=subprocess.PIPE) for call in calls[:2]]
    try:
        monkeypatch.setattr(sys, "argv", calls[2])
        runpy.run_path(str(program))
        for process in running:
            _, told = process.communicate(timeout=120)
            assert process.returncode == 0, told.decode()
    finally:
        for process in running:
            process.kill()
    first, second, whole = (torch.load(out, weights_only=True) for out in outs)
    for a, b, c in zip(first, second, whole, strict=True):
        assert torch.equal(a, b)
        torch.testing.assert_close(a, c, rtol=1e-5, atol=1e-6)
