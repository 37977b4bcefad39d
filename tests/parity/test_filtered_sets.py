"""What a filter hands on, read by MONAI: the same files, the same voxels, in the same places."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("monai")

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, ItemScores, LabelMap, ScoreValue, Volume
from napari_aleatoric.review import (
    FilterExportSpec,
    FilterSpec,
    ReviewStore,
    current_label,
    export_filtered,
    save_correction,
)

# turned in the plane, flipped, three spacings
GRID = Geometry.from_lps_matrix(
    (6, 7, 8), np.array([[-0.9397, 0.684, 0, 12], [0.342, 1.879, 0, -7], [0, 0, -3, 90], [0, 0, 0, 1.0]])
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Six cases with the scores 0 … 5; the label of case 1 was corrected."""
    data = tmp_path / "data"
    rng = np.random.default_rng(0)
    for i in range(6):
        image = rng.integers(-1000, 1000, GRID.shape_zyx).astype(np.int16)
        write_volume(data / "images" / f"case_{i}.nii.gz", Volume(image, GRID))
        label = rng.integers(0, 3, GRID.shape_zyx).astype(np.uint8)
        write_label_map(data / "labels" / f"case_{i}.nii.gz", LabelMap(label, GRID))
    workspace = Workspace.create(tmp_path / "w", scan(data, class_names={1: "liver", 2: "tumour"}))
    with ReviewStore.open(workspace.store_url) as store:
        store.sync_items(workspace.dataset.items, workspace.fingerprints())
        for i, key in enumerate(workspace.dataset.items):
            score = (ScoreValue("nll_union", 0, float(i)),)
            store.put_item_scores(ItemScores(key, score), fingerprint=workspace.fingerprint(*key), spec_digest="d")
        label = current_label(workspace, store, ItemKey("case_1"))
        data_now = label.data.copy()
        data_now[1:3, 2:5] = 2
        save_correction(workspace, store, ItemKey("case_1"), LabelMap(data_now, label.geometry), reader="Zoë")
    return workspace


@pytest.mark.parametrize("layout", ["msd", "monai"])
@pytest.mark.parametrize("files", ["link", "copy"])
def test_monai_reads_the_list_and_what_it_names(
    workspace: Workspace, tmp_path: Path, layout: str, files: str
) -> None:
    from monai.data import Dataset, load_decathlon_datalist, load_decathlon_properties
    from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged

    kept = FilterSpec(measure="nll_union", percentiles=(0, 60))
    spec = FilterExportSpec(filter=kept, destination=str(tmp_path / "set"), layout=layout, files=files)
    export_filtered(workspace, spec)
    path = tmp_path / "set" / "dataset.json"
    listed = load_decathlon_datalist(path, is_segmentation=True, data_list_key="training")
    assert [Path(entry["label"]).name for entry in listed] == [f"case_{i}.nii.gz" for i in range(4)]
    told = load_decathlon_properties(path, ["labels", "modality", "numTraining"])
    assert told == {
        "labels": {"0": "background", "1": "liver", "2": "tumour"}, "modality": {"0": "image"}, "numTraining": 4,
    }  # fmt: skip
    keys = ["image", "label"]
    loaded = Dataset(listed, Compose([LoadImaged(keys), EnsureChannelFirstd(keys)]))
    with ReviewStore.open(workspace.store_url) as store:
        for i in range(4):
            pair = loaded[i]
            image = workspace.load_image(f"case_{i}")
            label = current_label(workspace, store, ItemKey(f"case_{i}"))
            np.testing.assert_array_equal(np.asarray(pair["image"])[0].transpose(2, 1, 0), image.data)
            np.testing.assert_array_equal(np.asarray(pair["label"])[0].transpose(2, 1, 0), label.data)
            for key in keys:
                np.testing.assert_allclose(pair[key].affine, GRID.ras_from_index_xyz, atol=1e-4)


def test_nnunets_layout_is_found_by_monai_and_by_us(workspace: Workspace, tmp_path: Path) -> None:
    from monai.transforms import LoadImage

    export_filtered(
        workspace, FilterExportSpec(filter=FilterSpec(measure="nll_union"), destination=str(tmp_path / "s"))
    )
    content = json.loads((tmp_path / "s" / "dataset.json").read_text())
    for case in scan(tmp_path / "s").cases:
        image = tmp_path / "s" / "imagesTr" / f"{case.case_id}_0000{content['file_ending']}"
        label = tmp_path / "s" / "labelsTr" / f"{case.case_id}{content['file_ending']}"
        assert LoadImage()(image).shape == LoadImage()(label).shape == GRID.shape_zyx[::-1]
