"""What networks drew of held-out cases: kept where it was judged, on exactly the grid of the image's file."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, GeometryMismatchError
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Decision, Geometry, LabelMap, SilentReporter, Verdict, Volume
from napari_aleatoric.review import (
    JudgeSpec,
    PredictSpec,
    RetrainSpec,
    ReviewStore,
    find_model,
    model_folder,
    predict_all,
    promote,
    read_held_out_masks,
    retrain,
)
from napari_aleatoric.training import TrainSpec
from napari_aleatoric.uncertainty import dice

SPEC = RetrainSpec(train=TrainSpec.of_preset("quick"), judge=JudgeSpec(draws=100, tolerance_mm=1.0))
COSINE, SINE = np.cos(0.4), np.sin(0.4)
GRIDS = {
    "flipped": Geometry(
        (5, 6, 7), (2.0, 1.0, 0.5), (3.0, -8.0, 4.0), ((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
    ),
    "oblique": Geometry(
        (5, 6, 7),
        (2.0, 1.0, 0.5),
        (3.0, -8.0, 4.0),
        ((0.0, COSINE, -SINE), (0.0, SINE, COSINE), (-1.0, 0.0, 0.0)),
    ),
}


@pytest.fixture(params=list(GRIDS))
def turned(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """Cases whose voxels say their class, on a grid that is not upright."""
    grid = GRIDS[request.param]
    rows = ["case,image,label,class_names"]
    for i in range(6):
        truth = np.zeros(grid.shape_zyx, np.uint8)
        truth[1:3, 1:4, 2:6] = 1
        truth[3 - i % 2, 4, 1 + i % 3 :] = 3
        write_volume(tmp_path / "data" / f"i{i}.nii.gz", Volume(truth.astype(np.float32) * 50, grid))
        write_label_map(tmp_path / "data" / f"l{i}.nii.gz", LabelMap(truth, grid))
        rows.append(f"case{i},i{i}.nii.gz,l{i}.nii.gz,1=liver;3=tumour")
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))


def files_of(ws: Workspace, model_id: str) -> list[Path]:
    return sorted((model_folder(ws, model_id) / "held_out").glob("*.nii.gz"))


def test_masks_lie_on_the_grid_of_the_image_file(turned, bench):
    outcome = retrain(turned, SPEC)
    record = find_model(turned)
    files = files_of(turned, outcome.model_id)
    assert len(files) == len(record.held_out) == 2
    for case_id in record.held_out:
        case = turned.dataset.case(case_id)
        image, label = nib.load(case.image), nib.load(case.labels[0].paths[0])
        right = [nib.load(f) for f in files if np.array_equal(np.asarray(nib.load(f).dataobj), label.dataobj)]
        assert right, (
            "the network that reads the class from the voxel draws the label, voxel by voxel, in its order"
        )
        np.testing.assert_allclose(right[0].affine, image.affine, atol=1e-4)
        (after,) = read_held_out_masks(turned, outcome.judgement, outcome.model_id, case_id).values()
        truth = turned.dataset.classes.index_map(turned.load_label(case_id).upright().data)
        np.testing.assert_array_equal(after, truth)
        assert set(np.unique(after)) == {0, 1, 2}


def test_before_and_after_are_those_that_were_judged(make_retraining, bench):
    ws = make_retraining(12, wrong=(0, 3, 6))
    promote(ws, retrain(ws, SPEC).model_id)
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        for number in (0, 3, 6):
            store.decide(Decision(case_id=f"case_{number:02}", verdict=Verdict.EXCLUDED, reader="ann"))
    outcome = retrain(ws, SPEC)
    record = find_model(ws, outcome.model_id)
    judged = {(r.model, r.case_id, r.class_name): r.dice for r in outcome.judgement.rows}
    for case_id in {r.case_id for r in outcome.judgement.rows}:
        masks = read_held_out_masks(ws, outcome.judgement, record.model_id, case_id)
        assert set(masks) == {"before", "after"}
        truth = ws.dataset.classes.index_map(ws.load_label(case_id).upright().data)
        for who, mask in masks.items():
            for info in ws.dataset.classes:
                found = dice(truth == info.class_index, mask == info.class_index)
                assert found == pytest.approx(judged[who, case_id, info.class_name], abs=1e-12)
    assert any(judged["before", c, "tumour"] != judged["after", c, "tumour"] for _, c, _ in judged), (
        "else the two could have changed places unnoticed"
    )


def test_a_mask_that_is_gone_is_drawn_again_by_a_run_that_goes_on(ws, bench):
    class StopAtTheSecond(SilentReporter):
        def step(self, done: float, total: float, message: str = "") -> None:
            if message.endswith("case 2 of 2") and "Judging" in message:
                raise Cancelled("Stopped as asked.")

    with pytest.raises(Cancelled):
        retrain(ws, SPEC, StopAtTheSecond())
    (folder,) = (p for p in model_folder(ws, "").iterdir() if (p / "held_out").is_dir())
    kept = list((folder / "held_out").glob("*.nii.gz"))
    assert kept
    for path in kept:
        path.unlink()
    outcome = retrain(ws, SPEC)
    assert len(files_of(ws, outcome.model_id)) == 2


def test_without_masks_what_the_model_predicted_stands_in(ws, bench):
    outcome = retrain(ws, SPEC)
    case_id = outcome.judgement.rows[0].case_id
    kept = read_held_out_masks(ws, outcome.judgement, outcome.model_id, case_id)["after"]
    for path in files_of(ws, outcome.model_id):
        path.unlink()
    assert read_held_out_masks(ws, outcome.judgement, outcome.model_id, case_id) == {}
    assert read_held_out_masks(ws, outcome.judgement, outcome.model_id, "nobody") == {}
    predict_all(ws, PredictSpec(measures=False, maps=False))
    again = read_held_out_masks(ws, outcome.judgement, outcome.model_id, case_id)
    assert set(again) == {"after"}
    np.testing.assert_array_equal(again["after"], kept)


def test_an_image_that_was_replaced_is_refused(ws, bench):
    outcome = retrain(ws, SPEC)
    case_id = outcome.judgement.rows[0].case_id
    write_volume(ws.dataset.case(case_id).image, Volume(np.zeros((4, 4, 4), np.float32), Geometry((4, 4, 4))))
    with pytest.raises(GeometryMismatchError, match="The mask that was kept"):
        read_held_out_masks(ws, outcome.judgement, outcome.model_id, case_id)
