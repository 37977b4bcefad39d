"""Real volumes in every storage order, oblique, flipped, and pairs that do or do not belong together."""

import numpy as np
import pytest

from napari_aleatoric.errors import GeometryMismatchError
from napari_aleatoric.io import (
    load_label,
    on_image_grid,
    read_label_map,
    read_volume,
    scan,
    write_label_map,
    write_volume,
)
from napari_aleatoric.model import LabelMap, patient_letters

nib = pytest.importorskip("nibabel")
pytestmark = pytest.mark.real


def test_all_48_orientations_open_to_the_same_picture(real_data, tmp_path):
    paths = sorted((real_data / "niivue/nifti_space").glob("*.nii.gz"))
    assert len(paths) == 48
    reference = read_volume(paths[0]).upright()
    letters = set()
    for path in paths:
        volume = read_volume(path)
        theirs = nib.load(path)
        np.testing.assert_allclose(volume.data, np.asanyarray(theirs.dataobj).T, rtol=1e-6)  # scaled in the file
        np.testing.assert_allclose(volume.geometry.ras_from_index_xyz, theirs.affine, atol=1e-4)
        stored = volume.geometry.orientation_letters
        assert stored == "".join(nib.aff2axcodes(theirs.affine))
        letters.add(stored)

        upright = volume.upright()
        assert (upright.data == reference.data).all(), path.name
        assert upright.geometry.same_grid(reference.geometry, 0.01)
        canonical = nib.as_closest_canonical(theirs)
        np.testing.assert_allclose(np.asanyarray(canonical.dataobj).T[:, ::-1, ::-1], upright.data, rtol=1e-6)

        # painted upright, written back in the stored order, read by another program
        painted = LabelMap((upright.data > 50.0).astype(np.uint8), upright.geometry).on_grid(volume.geometry)
        write_label_map(tmp_path / path.name, painted)
        back = nib.load(tmp_path / path.name)
        assert back.shape == theirs.shape
        np.testing.assert_allclose(back.affine, theirs.affine, atol=1e-4)
        assert (np.asanyarray(back.dataobj) == (np.asanyarray(theirs.dataobj) > 50.0)).all()
    assert len(letters) == 48


def test_oblique_image_and_label(real_data, tmp_path):
    image = read_volume(real_data / "niivue/FLAIR.nii.gz")
    label = read_label_map(real_data / "niivue/lesion.nii.gz")
    assert image.geometry.obliquity_deg > 15
    placed = on_image_grid(label, image.geometry)
    assert (placed.data == label.data).all()
    for path, theirs in (("FLAIR", image), ("lesion", placed)):
        write = write_volume if path == "FLAIR" else write_label_map
        write(tmp_path / f"{path}.nii.gz", theirs)
        before, after = nib.load(real_data / f"niivue/{path}.nii.gz"), nib.load(tmp_path / f"{path}.nii.gz")
        np.testing.assert_allclose(after.affine, before.affine, atol=1e-6)
        assert (np.asanyarray(after.dataobj) == np.asanyarray(before.dataobj)).all()


def test_flipped_label_overlays_its_dicom_image(real_data):
    image = read_volume(real_data / "totalsegmentator/example_ct_dicom")
    label = read_label_map(real_data / "totalsegmentator/example_seg_dicom.nii.gz")
    assert image.geometry.orientation_letters == "LPS"
    assert label.geometry.orientation_letters == "LAS"
    placed = on_image_grid(label, image.geometry)
    assert (placed.data == label.data[:, ::-1]).all()

    def mean_hu(data, value):
        return float(image.data[data == value].mean())

    # spleen (1) and liver (5) are soft tissue; by index alone they would lie in air
    spleen = [mean_hu(data, 1) for data in (placed.data, label.data)]
    assert 40 < spleen[0] < 150
    assert spleen[1] < -200
    background = [float(image.data[data == 0].mean()) for data in (placed.data, label.data)]
    assert background[0] < background[1]


def test_the_mismatched_heart_is_refused_and_resampled_on_request(real_data):
    folder = real_data / "totalsegmentator/pulmonary"
    image, heart = read_volume(folder / "ct_cropped.nii.gz"), read_label_map(folder / "heart.nii.gz")
    with pytest.raises(GeometryMismatchError, match=r"another grid than its image.*233×167×191"):
        on_image_grid(heart, image.geometry)
    dataset = scan(folder)
    assert dataset.cases == ()
    assert "heart.nii.gz lies on another grid" in dataset.problems[0].sentence

    allowed = scan(folder, resample=True)
    with pytest.raises(GeometryMismatchError):
        load_label(allowed, allowed.cases[0], like=image.geometry, resample=False)
    label = load_label(allowed, allowed.cases[0], like=image.geometry)
    assert label.geometry == image.geometry
    # both have 1.5 mm voxels, a whole number of voxels apart: nearest is exact cropping
    shift = np.rint(heart.geometry.index_from_lps(image.geometry.lps_from_index([0, 0, 0]))).astype(int)
    z, y, x = image.geometry.shape_zyx
    crop = np.zeros(image.geometry.shape_zyx, np.uint8)
    part = heart.data[shift[0] : shift[0] + z, shift[1] : shift[1] + y, shift[2] : shift[2] + x]
    crop[: part.shape[0], : part.shape[1], : part.shape[2]] = part
    value = allowed.classes.by_name("heart").label_value
    other = read_label_map(folder / "pulmonary_artery.nii.gz").data > 0
    assert ((label.data == value)[~other] == (crop > 0)[~other]).all()
    assert (label.data == value).sum() > 1000


def test_letters_of_an_oblique_image(real_data):
    geometry = read_volume(real_data / "niivue/FLAIR.nii.gz").upright().geometry
    ours = [patient_letters(geometry, axis) for axis in (2, 1, 0)]
    assert tuple(larger[0] for _, larger in ours) == nib.aff2axcodes(geometry.ras_from_index_xyz)
    along_ras = geometry.ras_from_index_xyz[:3, :3] / np.array(geometry.spacing_zyx_mm[::-1])
    assert {len(larger) for _, larger in ours} == {1, 2}  # tilted about one axis
    for k, (smaller, larger) in enumerate(ours):
        for letter, sign in [(smaller, -1), (larger, 1)]:
            world = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
            shares = [sign * world[one][1] * along_ras[world[one][0], k] for one in letter]
            assert shares == sorted(shares, reverse=True)
            assert min(shares) > 0.17
