"""Maps of the readers' uncertainty, from a workspace with several readers to its voxel maps."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_aleatoric.io import Workspace, map_names, read_map, safe_name, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, Volume
from napari_aleatoric.review import PredictSpec, RetrainSpec, find_model, model_folder, predict_all, retrain
from napari_aleatoric.training import TrainSpec, UmaSpec, model_case, reader_uncertainty

pytest.importorskip("torch")
pytest.importorskip("accelerate")

# stored flipped in x and y and with Z fastest: upright and stored order differ on every axis
TWISTED = Geometry(
    shape_zyx=(16, 18, 20),
    spacing_zyx_mm=(1.0, 1.0, 1.0),
    direction_lps=((0.0, 0.0, -1.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
)
SPEC = RetrainSpec(
    train=TrainSpec(
        readers="uma",
        uma=UmaSpec(width=4),
        iterations=4,
        width=4,
        patch_voxels=4096,
        voxels_per_step=4096,
        device="cpu",
    ),
    held_out=0.3,
    validation=0.0,
)


@pytest.fixture
def ws(tmp_path):
    data = tmp_path / "data"
    rows = ["case,image,label,reader,class_names"]
    for k in range(6):
        mask = np.zeros(TWISTED.shape_zyx, np.uint8)
        mask[4:11, 5 : 12 + k % 2, 6:14] = 1
        image = np.random.default_rng(k).normal(0, 20, mask.shape) + 100 * mask
        write_volume(data / f"image{k}.nii.gz", Volume(image.astype(np.float32), TWISTED))
        for reader, by in (("ann", 0), ("bob", 3), ("cal", -2))[: 2 + k % 2]:
            write_label_map(data / f"{reader}{k}.nii.gz", LabelMap(np.roll(mask, by, axis=1), TWISTED))
            rows.append(f"case{k},image{k}.nii.gz,{reader}{k}.nii.gz,{reader},1=box")
    (data / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(tmp_path / "workspace", scan(data))


def test_every_readers_label_has_its_map_and_quality(ws):
    retrain(ws, SPEC)
    found = predict_all(ws, PredictSpec(device="cpu"))
    record = find_model(ws)
    folder = model_folder(ws, record.model_id) / "network"
    volume = ws.load_image("case1").upright()
    readers = ("ann", "bob", "cal")
    labels = np.stack([ws.load_label("case1", reader).upright().data for reader in readers])
    from napari_aleatoric.foundation import Box
    from napari_aleatoric.training import plan_from_json

    case = model_case(volume, labels, Box.whole(volume.geometry.shape_zyx), plan_from_json(record.plan))
    wanted = reader_uncertainty(folder, case, volume.geometry.shape_zyx, device="cpu")
    for reader, expected in zip(readers, wanted.maps.astype(np.float32), strict=True):
        kept = read_map(ws, ItemKey("case1", reader), "reader_uncertainty")
        assert kept.geometry.same_grid(volume.geometry)
        np.testing.assert_allclose(kept.of(0) / 255, expected, atol=0.003)
    about = json.loads((found.folder / f"{safe_name('case1')}.json").read_text("utf-8"))
    assert about["readers"]["quality"] == pytest.approx(dict(zip(readers, wanted.quality_by_reader, strict=True)))
    assert "reader_uncertainty" not in map_names(ws, ItemKey("case0", "cal"))  # who has no label of it

    path = read_map(ws, ItemKey("case1", "ann"), "reader_uncertainty").path
    before = path.stat().st_mtime_ns
    assert predict_all(ws, PredictSpec(device="cpu")).n_reused == 6
    assert path.stat().st_mtime_ns == before
