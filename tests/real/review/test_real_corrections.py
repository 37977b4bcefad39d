"""Label versions and exports of public images: oblique, several readers, photographs."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.model import CaseFiles, Dataset, LabelMap
from napari_aleatoric.review import ReviewStore, current_label, export_reviewed, label_hash, save_correction

pytestmark = pytest.mark.real


def few(dataset: Dataset, n: int) -> Dataset:
    from dataclasses import replace

    return replace(dataset, cases=dataset.cases[:n])


def oblique(real_data: Path, tmp_path: Path) -> Dataset:
    manifest = tmp_path / "links" / "manifest.csv"
    manifest.parent.mkdir()
    for name in ("FLAIR", "lesion"):
        (manifest.parent / f"{name}.nii.gz").symlink_to(real_data / "niivue" / f"{name}.nii.gz")
    manifest.write_text("case,image,label\nflair,FLAIR.nii.gz,lesion.nii.gz\n")
    return scan(manifest)


def mirrored_repaint(label: LabelMap) -> LabelMap:
    """Flip the labels front to back in the upright frame: no symmetry can hide a wrong axis."""
    upright = label.upright()
    return LabelMap(np.ascontiguousarray(upright.data[:, ::-1]), upright.geometry, upright.reader)


@pytest.mark.parametrize("source", ["niivue", "msd_hippocampus", "lidc_4rater", "chase_db1"])
def test_correct_and_export(real_data: Path, tmp_path: Path, source: str) -> None:
    dataset = oblique(real_data, tmp_path) if source == "niivue" else few(scan(real_data / source), 2)
    workspace = Workspace.create(tmp_path / "workspace", dataset)
    hashes = {}
    with ReviewStore.open(workspace.store_url) as store:
        store.sync_items(dataset.items, workspace.fingerprints())
        for key in dataset.items:
            painted = mirrored_repaint(workspace.load_label(*key))
            saved = save_correction(workspace, store, key, painted, reader="R")
            hashes[key] = label_hash(painted)
            now = current_label(workspace, store, key)
            assert now.geometry == workspace.grid(key.case_id)
            np.testing.assert_array_equal(now.upright().data, painted.data)
            check_with_nibabel(workspace.corrections_dir / saved.file, dataset.case(key.case_id), now)
        export_reviewed(workspace, store, tmp_path / "export")
    again = Workspace.create(tmp_path / "second", scan(tmp_path / "export"))
    assert again.dataset.items == dataset.items
    assert again.dataset.spacing_known == dataset.spacing_known
    for key in again.dataset.items:
        assert label_hash(again.load_label(*key)) == hashes[key]
        np.testing.assert_array_equal(
            again.load_image(key.case_id).data.astype(np.float64), workspace.load_image(key.case_id).data
        )


def check_with_nibabel(path: Path, case: CaseFiles, label: LabelMap) -> None:
    theirs = nibabel.load(path)
    np.testing.assert_array_equal(np.asarray(theirs.dataobj).T, label.data)
    if case.image.name.endswith((".nii.gz", ".nii")):
        source = nibabel.load(case.image)
        assert theirs.shape == source.shape
        np.testing.assert_allclose(theirs.affine, source.affine, atol=1e-4)
