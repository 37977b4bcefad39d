"""Crooked NIfTI headers: which matrix counts, and how crooked is too crooked."""

import gzip

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import read_geometry, read_volume

nib = pytest.importorskip("nibabel")


def save(path, matrix, qform=None, codes=(0, 1), data=None):
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5) if data is None else data
    image = nib.Nifti1Image(data, matrix)
    image.set_qform(matrix if qform is None else qform, codes[0])
    image.set_sform(matrix, codes[1])
    nib.save(image, path)
    return path


S = np.array([[-2.0, 0, 0, 10], [0, 3, 0, 20], [0, 0, 4, 30], [0, 0, 0, 1]])
Q = np.array([[0, 1.0, 0, -5], [2, 0, 0, -6], [0, 0, -7, -7], [0, 0, 0, 1]])


@pytest.mark.parametrize("codes", [(1, 1), (1, 2), (2, 1), (1, 0), (0, 1), (0, 0), (3, 1), (1, 4)])
def test_sform_counts_before_qform_as_in_nibabel(tmp_path, codes):
    path = save(tmp_path / "x.nii", S, Q, codes)
    np.testing.assert_allclose(read_geometry(path).ras_from_index_xyz, nib.load(path).affine, atol=1e-5)
    assert (read_volume(path).data == np.asanyarray(nib.load(path).dataobj).T).all()


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(tmp_path, order):
    data = np.arange(60).reshape(3, 4, 5).astype(f"{order}i2")
    header = nib.Nifti1Image(data, S).header.as_byteswapped(order)
    nib.save(nib.Nifti1Image(data, S, header), tmp_path / "x.nii.gz")
    raw = gzip.decompress((tmp_path / "x.nii.gz").read_bytes())
    assert int.from_bytes(raw[:4], "little" if order == "<" else "big") == 348
    volume = read_volume(tmp_path / "x.nii.gz")
    np.testing.assert_allclose(volume.geometry.ras_from_index_xyz, S, atol=1e-5)
    assert (volume.data == data.T).all()


def test_the_second_version_is_named(tmp_path):
    nib.save(nib.Nifti2Image(np.zeros((3, 4, 5), np.uint8), S), tmp_path / "x.nii")
    with pytest.raises(DataError, match="NIfTI-2"):
        read_volume(tmp_path / "x.nii")


def test_micrometres_become_millimetres(tmp_path):
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.uint8), np.diag([20.0, 20, 50, 1]))
    image.header.set_xyzt_units("micron")
    nib.save(image, tmp_path / "x.nii")
    np.testing.assert_allclose(read_geometry(tmp_path / "x.nii").spacing_zyx_mm, (0.05, 0.02, 0.02))


def test_a_nearly_right_angle_is_straightened(tmp_path):
    """ITK refuses this file; half a thousandth of a voxel is no reason to."""
    crooked = S.copy()
    crooked[0, 1] = 0.01
    path = save(tmp_path / "x.nii.gz", crooked)
    volume = read_volume(path)
    direction = np.asarray(volume.geometry.direction_lps)
    np.testing.assert_allclose(direction.T @ direction, np.eye(3), atol=1e-12)
    index = np.argwhere(np.ones((5, 4, 3)))
    there = volume.geometry.lps_from_index(index) * [-1, -1, 1]
    meant = index[:, ::-1] @ crooked[:3, :3].T + crooked[:3, 3]
    assert np.abs(there - meant).max() < 0.02
    assert (volume.data == np.arange(60).reshape(3, 4, 5).T).all()


def test_a_qform_does_not_silently_replace_a_sheared_sform(tmp_path):
    crooked = S.copy()
    crooked[0, 1] = 0.9
    path = save(tmp_path / "x.nii.gz", crooked, Q, (1, 1))
    with pytest.raises(DataError, match=r"not at right angles .* degrees off.*Resample"):
        read_volume(path)


def test_zero_spacing_is_refused(tmp_path):
    matrix = S.copy()
    matrix[:3, 2] = 0
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.uint8), S)
    image.header["srow_z"] = matrix[2]
    image.header["srow_x"][2] = image.header["srow_y"][2] = 0
    image.header["sform_code"], image.header["qform_code"] = 1, 0
    raw = bytearray(image.to_bytes())
    raw[280:328] = matrix[:3].astype("<f4").tobytes()
    (tmp_path / "x.nii").write_bytes(raw)
    with pytest.raises(DataError, match="no usable position"):
        read_geometry(tmp_path / "x.nii")


def test_a_flat_nifti_keeps_its_place(tmp_path):
    path = save(tmp_path / "x.nii.gz", S, data=np.arange(12, dtype=np.int16).reshape(3, 4))
    volume = read_volume(path)
    assert volume.data.shape == (1, 4, 3)
    np.testing.assert_allclose(volume.geometry.ras_from_index_xyz, nib.load(path).affine, atol=1e-5)
    assert volume.geometry.spacing_known


def test_a_single_fourth_step_is_no_fourth_dimension(tmp_path):
    path = save(tmp_path / "x.nii.gz", S, data=np.arange(60, dtype=np.int16).reshape(3, 4, 5, 1))
    assert (read_volume(path).data == np.arange(60).reshape(3, 4, 5).T).all()


def test_a_file_that_ends_early_is_noticed_from_its_end_alone(tmp_path):
    rng = np.random.default_rng(0)
    path = save(tmp_path / "x.nii.gz", S, data=rng.integers(0, 9999, (30, 40, 50)).astype(np.int16))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1000])
    with pytest.raises(DataError, match="cut short"):
        read_geometry(path)
    half = len(gzip.decompress(whole)) // 2
    packed_in_parts = gzip.compress(gzip.decompress(whole)[:half]) + gzip.compress(gzip.decompress(whole)[half:])
    path.write_bytes(packed_in_parts)  # legal, and written so by parallel packers
    assert read_volume(path).data.shape == (50, 40, 30)
    plain = tmp_path / "y.nii"
    plain.write_bytes(gzip.decompress(whole)[:-7])
    with pytest.raises(DataError, match="cut short"):
        read_volume(plain)
