"""An adjudicated label lies where the image lies, and its record says where: SimpleITK reads both."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.io import Workspace, reading_paths, scan
from napari_aleatoric.model import ItemKey
from napari_aleatoric.review import ReviewStore, adjudicate

sitk = pytest.importorskip("SimpleITK")

SIZE_XYZ = (18, 14, 9)
SPACING_XYZ = (0.7, 1.1, 3.5)
AXES = [(p, s) for p in itertools.permutations(range(3)) for s in ((1, 1, 1), (-1, 1, -1), (1, -1, -1))]


def oblique(axes: tuple[int, ...], signs: tuple[int, ...]) -> np.ndarray:
    """An orthonormal frame near one of the anatomical ones: columns are the directions of i, j, k in LPS."""
    tilt, turn = np.deg2rad(12), np.deg2rad(-7)
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return about_x @ about_z @ np.eye(3)[:, axes] * np.array(signs)


@pytest.mark.parametrize(("axes", "signs"), AXES)
def test_every_region_has_its_readers_answer_in_the_patient(tmp_path: Path, axes, signs) -> None:
    data = tmp_path / "data"
    data.mkdir()

    def written(name: str, array: np.ndarray) -> object:
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(SPACING_XYZ)
        image.SetOrigin((-31.0, 12.5, 140.0))
        image.SetDirection(oblique(axes, signs).ravel().tolist())
        sitk.WriteImage(image, str(data / name))
        return image

    shape = SIZE_XYZ[::-1]
    written("i.nii.gz", np.zeros(shape, np.int16))
    labels = {reader: np.zeros(shape, np.uint8) for reader in "abc"}
    for label in labels.values():
        label[3:6, 4:9, 5:11] = 2
    labels["a"][3:6, 4:9, 11:15] = 2  # a larger one
    labels["b"][0:2, 1:4, 1:4] = 7
    labels["c"][0:2, 1:4, 1:4] = 2
    rows = ["case,image,label,reader,class_names"]
    for reader, label in labels.items():
        written(f"{reader}.nii.gz", label)
        rows.append(f"c,i.nii.gz,{reader}.nii.gz,{reader},2=liver;7=tumour")
    (data / "manifest.csv").write_text("\n".join(rows))
    ws = Workspace.create(tmp_path / "workspace", scan(data))
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        one = adjudicate(ws, store, "c", by="eve")
        assert [r.n_voxels for r in one.case.regions] == [60, 18]
        one.choose(0, "reader", "a")
        one.choose(1, "reader", "b")
        record = one.finish()
    saved = sitk.ReadImage(str(reading_paths(ws.root, ItemKey("c", "adjudicated"))[0]))
    image = sitk.ReadImage(str(data / "i.nii.gz"))
    assert saved.GetSize() == image.GetSize()
    np.testing.assert_allclose(saved.GetDirection(), image.GetDirection(), atol=1e-6)
    np.testing.assert_allclose(saved.GetOrigin(), image.GetOrigin(), atol=1e-4)
    expected = labels["a"].copy()
    expected[0:2, 1:4, 1:4] = 7
    np.testing.assert_array_equal(sitk.GetArrayFromImage(saved), expected)
    for region, value in zip(record.regions, (2, 7), strict=True):
        assert saved[saved.TransformPhysicalPointToIndex(region.centre_lps_mm)] == value
        reader = sitk.ReadImage(str(data / f"{region.chosen}.nii.gz"))
        assert reader[reader.TransformPhysicalPointToIndex(region.centre_lps_mm)] == value
        mine = sitk.ReadImage(str(data / f"{'b' if region.chosen == 'a' else 'a'}.nii.gz"))
        assert mine[mine.TransformPhysicalPointToIndex(region.centre_lps_mm)] == 0
        assert region.volume_mm3 == pytest.approx(region.n_voxels * np.prod(SPACING_XYZ), rel=1e-5)
