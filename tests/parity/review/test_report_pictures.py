"""Key images of a report against nibabel and SimpleITK: sides, scale and millilitres."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from napari_aleatoric.io import Workspace, read_volume, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, Volume
from napari_aleatoric.review import ReviewStore, current_label, save_correction
from napari_aleatoric.review._reporting._label_page import version_diff
from napari_aleatoric.review._reporting._section import cuts_through

ORIENTATIONS = [(axes, signs) for axes in permutations(range(3)) for signs in product((-1.0, 1.0), repeat=3)]


def turned(axes: tuple[int, ...], signs: tuple[float, ...], tilt_deg: float = 0.0) -> np.ndarray:
    """A RAS affine with spacing 1, 2, 3 mm along the stored axes."""
    matrix = np.zeros((3, 3))
    for column, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        matrix[axis, column] = sign
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ matrix * [1.0, 2.0, 3.0]
    affine[:3, 3] = [-7.0, 11.0, 3.0]
    return affine


@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_sides_are_nibabels_in_all_orientations(tmp_path: Path, tilt: float):
    rng = np.random.default_rng(3)
    for axes, signs in ORIENTATIONS:
        data = rng.integers(0, 1000, (6, 5, 7)).astype(np.int16)
        image = nibabel.Nifti1Image(data, turned(axes, signs, tilt))
        nibabel.save(image, tmp_path / "image.nii")
        ras = np.asarray(nibabel.as_closest_canonical(image).dataobj)  # x to the right, y to the front, z up
        upright = read_volume(tmp_path / "image.nii").upright()
        z, y, x = place = (2, 1, 3)
        # one pixel for each voxel along every axis in turn, so that voxels can be compared
        geometry = Geometry(upright.data.shape)
        axial, coronal, sagittal = cuts_through(
            geometry, place, tuple((-0.5, n - 0.5) for n in ras.shape[::-1]), max(ras.shape)
        )
        lps_x, lps_y = ras.shape[0] - 1 - x, ras.shape[1] - 1 - y
        # radiologists: right of the patient at the left of the picture, front at the top, head at the top
        np.testing.assert_allclose(axial.of(upright.data), ras[::-1, ::-1, z].T)
        np.testing.assert_allclose(coronal.of(upright.data), ras[::-1, lps_y, ::-1].T)
        np.testing.assert_allclose(sagittal.of(upright.data), ras[lps_x, ::-1, ::-1].T)
        assert (axial.plane.letters, coronal.plane.letters, sagittal.plane.letters) == ("RLAP", "RLSI", "APSI")


def test_a_place_lies_where_its_mark_points_and_a_millimetre_is_as_long_in_all_planes():
    geometry = Geometry((10, 40, 50), (5.0, 1.5, 0.75))
    place = (7, 9, 41)
    data = np.zeros(geometry.shape_zyx, np.float32)
    data[place] = 1
    box = ((-0.5, 9.5), (3.5, 39.5), (-0.5, 49.5))
    for cut in cuts_through(geometry, place, box, 200):
        picture = cut.of(data, nearest=True)
        assert picture[tuple(round(p) for p in cut.place)] == 1
        rows, columns = (np.ptp(at) + 1 for at in np.nonzero(picture))  # one voxel, on square pixels
        spacing = geometry.spacing_zyx_mm
        assert rows * cut.pixel_mm == pytest.approx(spacing[cut.plane.down], abs=cut.pixel_mm)
        assert columns * cut.pixel_mm == pytest.approx(spacing[cut.plane.right], abs=cut.pixel_mm)
        assert cut.shape[0] * cut.pixel_mm == pytest.approx(
            (box[cut.plane.down][1] - box[cut.plane.down][0]) * spacing[cut.plane.down], abs=cut.pixel_mm
        )


def test_millilitres_and_dice_are_simpleitks(tmp_path: Path):
    rng = np.random.default_rng(5)
    tilted = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    geometry = Geometry((8, 9, 10), (4.0, 0.8, 1.3), (3.0, -40.0, 12.0), tuple(map(tuple, tilted)))
    label = (rng.random(geometry.shape_zyx) > 0.5).astype(np.uint8)
    write_volume(tmp_path / "data/image.nii.gz", Volume(rng.normal(size=label.shape).astype(np.float32), geometry))
    write_label_map(tmp_path / "data/label.nii.gz", LabelMap(label, geometry))
    rows = "case,image,label,reader,class_names\na,image.nii.gz,label.nii.gz,,1=liver\n"
    (tmp_path / "data/manifest.csv").write_text(rows)
    ws = Workspace.create(tmp_path / "review", scan(tmp_path / "data"))
    with ReviewStore.open(ws.store_url) as store:
        store.follow(ws)
        stored = current_label(ws, store, ItemKey("a"))
        data = stored.data.copy()
        data[2:5, 3:8] = 1
        saved = save_correction(ws, store, ItemKey("a"), LabelMap(data, stored.geometry), reader="Ada")
        (found,) = version_diff(ws, store, ItemKey("a")).classes
    images = [sitk.ReadImage(str(p)) for p in (tmp_path / "data/label.nii.gz", ws.corrections_dir / saved.file)]
    for image, ml in zip(images, (found.ml_before, found.ml_after), strict=True):
        shape = sitk.LabelShapeStatisticsImageFilter()
        shape.Execute(image)
        assert ml == pytest.approx(shape.GetPhysicalSize(1) / 1000, rel=1e-5)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*(sitk.Cast(image, sitk.sitkUInt8) for image in images))
    assert found.dice == pytest.approx(overlap.GetDiceCoefficient())
    assert found.ml_after > found.ml_before
