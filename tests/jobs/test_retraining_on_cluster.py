"""A retraining on somebody else's scheduler, where a worker offers a GPU: the same weights as here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.jobs import EngineSpec, submit
from napari_aleatoric.model import Status
from napari_aleatoric.review import JudgeSpec, RetrainSpec, list_models
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.training import TrainSpec

for _package in ("torch", "monai", "accelerate"):
    pytest.importorskip(_package)

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="the cluster is ended with POSIX signals"),
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # a worker has the lowest priority: on a busy machine it gets little time
]

SMALL = {"iterations": 6, "width": 4, "patch_voxels": 4096, "voxels_per_step": 4096, "validate_every": 3}
SPEC = RetrainSpec(
    train=TrainSpec.of_preset("quick", **SMALL, device="cpu"), validation=0.0, judge=JudgeSpec(draws=100)
)


def test_trained_there_as_here(tmp_path: Path, cluster: EngineSpec) -> None:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=4, matrix=32, error_fraction=0.0))
    data = scan(tmp_path / "samples")
    found = []
    for name, engine in (("there", cluster), ("here", None)):
        ws = Workspace.create(tmp_path / name, data)
        status = submit(ws, "train", SPEC, engine=engine).wait(900)
        assert status.status is Status.COMPLETED, status.error
        (record,) = list_models(ws)
        assert record.status == "finished"
        assert status.result["model_id"] == record.model_id
        found.append(record.weights_digest)
    assert len(found[0]) == 16
    assert found[0] == found[1]
