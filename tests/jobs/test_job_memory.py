"""What a job held in memory is gone with it, however it ends; whoever watched it keeps none of it."""

from __future__ import annotations

import gc
from pathlib import Path

import psutil
import pytest

from napari_aleatoric.io import Workspace
from napari_aleatoric.jobs import submit
from napari_aleatoric.model import Status

from .conftest import processes_of, until_true

MUCH_BYTES = 400 * 2**20
ALLOWED_BYTES = 50 * 2**20


def own_bytes() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def held_bytes(ws: Workspace) -> int:
    """Memory of all processes of a workspace's jobs."""
    found = 0
    for process in processes_of(ws):
        try:
            found += process.memory_info().rss
        except psutil.Error:  # it ended meanwhile
            continue
    return found


@pytest.mark.parametrize("end", [Status.COMPLETED, Status.CANCELLED])
def test_memory_is_gone_with_the_job(workspace: Workspace, scratch: Path, end: Status) -> None:
    submit(workspace, "count", {"n": 2}).result(240)  # what is loaded once is loaded
    before = own_bytes()
    stays = end is Status.CANCELLED
    order = {"n": 20_000, "pause_s": 1.0 if stays else 0.0, "bytes": MUCH_BYTES}
    handle = submit(workspace, "hungry", order)
    if stays:
        until_true(lambda: handle.status().total > 0, "the job never began", 240.0)
        assert held_bytes(workspace) > MUCH_BYTES
        handle.cancel()
    status = handle.wait(240)
    assert status.status is end, status.error
    assert len(status.metrics["loss"]) == 20_000
    until_true(lambda: not processes_of(workspace), "processes are left over", 60.0)
    assert held_bytes(workspace) == 0
    assert own_bytes() - before < ALLOWED_BYTES
