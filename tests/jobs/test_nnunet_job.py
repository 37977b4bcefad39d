"""nnU-Net as a job: killed for real, gone on from its own checkpoint, judged, promoted and asked."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.lobes import VALUES, write_lobes

from napari_aleatoric.jobs import JobHandle, submit
from napari_aleatoric.model import Status
from napari_aleatoric.review import (
    PredictSpec,
    RetrainSpec,
    find_model,
    list_models,
    predict_all,
    prediction_folder,
    promote,
    read_judgement,
)
from napari_aleatoric.training import TrainSpec

from .conftest import until_true

for _package in ("torch", "nnunetv2", "nibabel"):
    pytest.importorskip(_package)

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="kills with POSIX signals"),
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # a worker has the lowest priority: on a busy machine it gets little time
]

SMALL = {"iterations": 24, "width": 4, "patch_voxels": 4096, "learning_rate": 0.2, "device": "cpu"}
SPEC = RetrainSpec(backend="nnunet", train=TrainSpec.of_preset("quick", **SMALL), validation=0.0)


def steps_told(handle: JobHandle) -> list[int]:
    lines = (handle.run_dir / "events.jsonl").read_text().splitlines()
    told = (json.loads(line) for line in lines if line.endswith("}"))
    return [e["step"] for e in told if e["kind"] == "metric" and e["name"] == "loss"]


def voxels_in_the_world(path: Path, value: int) -> set[tuple[int, int, int]]:
    """Positions (RAS, tenths of a millimetre) of the voxels of a label value, as nibabel reads them."""
    import nibabel

    image = nibabel.load(path)
    index = np.argwhere(np.asarray(image.dataobj) == value)
    points = index @ image.affine[:3, :3].T + image.affine[:3, 3]
    return set(map(tuple, np.rint(points * 10).astype(int).tolist()))


def test_killed_gone_on_judged_promoted_and_asked(tmp_path: Path, scratch: Path) -> None:
    workspace = write_lobes(tmp_path)
    handle = submit(workspace, "train", SPEC)
    until_true(lambda: len(steps_told(handle)) >= 6 or handle.status().is_over, "it never learned", 600.0)
    events = (json.loads(line) for line in (handle.run_dir / "events.jsonl").read_text().splitlines())
    psutil.Process(next(int(e["pid"]) for e in events if e["kind"] == "worker")).send_signal(signal.SIGKILL)
    assert handle.wait(60).status is Status.FAILED
    killed_after = steps_told(handle)[-1]

    handle = submit(workspace, "train", SPEC)
    status = handle.wait(900)
    assert status.status is Status.COMPLETED, status.error
    assert 2 <= steps_told(handle)[0] <= killed_after + 1  # an epoch is one step long here
    assert steps_told(handle)[-1] == 24
    (record,) = list_models(workspace)
    assert record.status == "finished"
    assert record.plan["backend"] == "nnunet"
    assert not set(record.held_out) & set(record.learned)
    judgement = read_judgement(workspace, record.model_id)
    assert judgement is not None
    left = {row.case_id: row.dice for row in judgement.rows if row.class_name == "left lobe"}
    assert set(left) == set(record.held_out)
    assert min(left.values()) > 0.6
    assert [p.name for p in (workspace.root / "models").rglob("*.pth")] == []  # nothing that runs code when read

    promote(workspace, record.model_id)
    assert find_model(workspace).model_id == record.model_id
    found = predict_all(workspace, PredictSpec(device="cpu"))
    assert (found.n_done, found.refused) == (6, ())
    for case in workspace.dataset.cases:  # on every grid the lobe is where it is in the patient: to the left
        drawn = prediction_folder(workspace, record.model_id) / f"{case.case_id}.nii.gz"
        mine = voxels_in_the_world(drawn, VALUES[1])
        truth = voxels_in_the_world(case.labels[0].paths[0], VALUES[1])
        assert 2 * len(mine & truth) / (len(mine) + len(truth)) > 0.6, case.case_id
        assert np.mean([x for x, _, _ in mine]) < 0  # RAS: left is below 0
