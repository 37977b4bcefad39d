"""Geometry and files against two foreign readers: nibabel (RAS) and SimpleITK (LPS)."""

from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.io import on_image_grid, read_label_map, read_volume, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume, patient_letters

nib = pytest.importorskip("nibabel")
from nibabel import orientations  # noqa: E402


def small_rotation(a, b, c):
    matrix = np.eye(3)
    for axis, angle in enumerate((a, b, c)):
        i, j = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix


@st.composite
def volumes(draw) -> Volume:
    """Anisotropic volumes in any of the 48 storage orders, tilted by up to some 30 degrees."""
    tilt = st.floats(-0.3, 0.3)
    order = draw(st.permutations([0, 1, 2]))
    signs = draw(st.tuples(*[st.sampled_from([-1, 1])] * 3))
    direction = small_rotation(draw(tilt), draw(tilt), draw(tilt)) @ (np.eye(3)[:, order] * signs)
    shape = draw(st.tuples(*[st.integers(2, 7)] * 3))
    geometry = Geometry(
        shape,
        draw(st.tuples(*[st.floats(0.3, 6.0)] * 3)),
        draw(st.tuples(*[st.floats(-300, 300)] * 3)),
        direction,
    )
    data = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 250, shape).astype(np.uint8)
    return Volume(data, geometry)


def as_sitk(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.data))
    image.SetSpacing(volume.geometry.spacing_zyx_mm[::-1])
    image.SetOrigin(volume.geometry.origin_lps)
    image.SetDirection(np.ravel(volume.geometry.direction_lps).tolist())
    return image


@settings(deadline=None)
@given(volumes())
def test_upright_is_simpleitks_lps_order(volume):
    theirs = sitk.DICOMOrient(as_sitk(volume), "LPS")
    ours = volume.upright()
    assert (sitk.GetArrayFromImage(theirs) == ours.data).all()
    np.testing.assert_allclose(theirs.GetSpacing(), ours.geometry.spacing_zyx_mm[::-1])
    np.testing.assert_allclose(theirs.GetOrigin(), ours.geometry.origin_lps, atol=1e-6)
    np.testing.assert_allclose(theirs.GetDirection(), np.ravel(ours.geometry.direction_lps), atol=1e-9)


@settings(deadline=None)
@given(volumes())
def test_places_agree_with_simpleitk(volume):
    image = as_sitk(volume)
    for index in ((0, 0, 0), (1, 0, 1), (0, 1, 1)):
        theirs = image.TransformIndexToPhysicalPoint(index[::-1])
        np.testing.assert_allclose(volume.geometry.lps_from_index(index), theirs, atol=1e-6)


@settings(deadline=None)
@given(volumes())
def test_upright_is_nibabels_canonical_order_seen_from_the_other_side(volume):
    theirs = nib.as_closest_canonical(nib.Nifti1Image(volume.data.T, volume.geometry.ras_from_index_xyz))
    ours = volume.upright()
    assert (np.asanyarray(theirs.dataobj).T[:, ::-1, ::-1] == ours.data).all()
    letters = orientations.aff2axcodes(volume.geometry.ras_from_index_xyz)
    assert volume.geometry.orientation_letters == "".join(letters)


@settings(deadline=None)
@given(volumes())
def test_upright_and_back_is_the_identity(volume):
    turn = volume.geometry.upright_reorientation()
    upright, back = volume.upright(), turn.inverse()
    assert (back.apply(upright.data) == volume.data).all()
    assert back.apply_geometry(upright.geometry).same_grid(volume.geometry, 1e-6)
    label = LabelMap(upright.data, upright.geometry)
    assert (label.on_grid(volume.geometry).data == volume.data).all()


@settings(deadline=None, max_examples=25)
@given(volumes())
def test_nibabel_finds_every_voxel_where_we_wrote_it(tmp_path_factory, volume):
    path = tmp_path_factory.mktemp("w") / "v.nii.gz"
    write_volume(path, volume)
    theirs = nib.load(path)
    assert (volume.data == np.asanyarray(theirs.dataobj).T).all()
    for matrix in (theirs.affine, theirs.header.get_sform()):
        np.testing.assert_allclose(matrix, volume.geometry.ras_from_index_xyz, rtol=1e-5, atol=1e-4)
    # a qform's 32-bit quaternion loses up to a milliradian near half turns
    np.testing.assert_allclose(theirs.header.get_qform(), volume.geometry.ras_from_index_xyz, atol=0.01)
    assert theirs.header["qform_code"] > 0
    assert theirs.header["sform_code"] > 0


@settings(deadline=None, max_examples=25)
@given(volumes())
def test_we_find_every_voxel_where_nibabel_wrote_it(tmp_path_factory, volume):
    path = tmp_path_factory.mktemp("r") / "v.nii.gz"
    nib.save(nib.Nifti1Image(volume.data.T, volume.geometry.ras_from_index_xyz), path)
    ours = read_volume(path)
    assert (ours.data == volume.data).all()
    assert ours.geometry.same_grid(volume.geometry, 1e-3)


@pytest.mark.parametrize("order", list(permutations("RAS")))
def test_a_label_saved_in_another_storage_order_lies_on_its_image(tmp_path, order):
    """Another program reoriented the label file; index by index it no longer fits, in the patient it does."""
    direction = small_rotation(0.1, -0.2, 0.15)
    geometry = Geometry((3, 4, 5), (2.0, 0.7, 0.9), (-4.0, 5.0, 6.0), direction)
    data = np.random.default_rng(3).integers(0, 4, geometry.shape_zyx).astype(np.uint8)
    image = nib.Nifti1Image(data.T, geometry.ras_from_index_xyz)
    codes = tuple({"R": "L"}.get(c, c) for c in order)
    turn = orientations.ornt_transform(orientations.io_orientation(image.affine), orientations.axcodes2ornt(codes))
    nib.save(image.as_reoriented(turn), tmp_path / "l.nii.gz")
    stored = read_label_map(tmp_path / "l.nii.gz")
    assert stored.data.shape != data.shape or (stored.data != data).any()
    ours = on_image_grid(stored, geometry)
    assert (ours.data == data).all()
    assert ours.geometry == geometry
    write_label_map(tmp_path / "back.nii.gz", ours)
    np.testing.assert_allclose(nib.load(tmp_path / "back.nii.gz").affine, image.affine, atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(volumes(), volumes())
def test_resampling_takes_the_nearest_voxel_in_the_patient(source, target):
    """Against a plain loop over places, away from voxels whose nearest neighbour is a tie."""
    moved = Geometry(
        target.geometry.shape_zyx,
        target.geometry.spacing_zyx_mm,
        tuple(np.mean(source.geometry.corners_lps, axis=0)),
        target.geometry.direction_lps,
    )
    label = LabelMap(source.data % 3 + 1, source.geometry)
    ours = on_image_grid(label, moved, resample=True)
    index = np.argwhere(np.ones(moved.shape_zyx, bool))
    place = source.geometry.index_from_lps(moved.lps_from_index(index))
    clear = (np.abs(np.abs(place - np.floor(place)) - 0.5) > 1e-3).all(axis=1)
    nearest = np.rint(place).astype(int)
    inside = ((nearest >= 0) & (nearest < source.geometry.shape_zyx)).all(axis=1)
    expected = np.zeros(len(index), label.data.dtype)
    expected[inside] = label.data[tuple(nearest[inside].T)]
    if source.geometry.reorientation_to(moved) is None:
        assert (ours.data[tuple(index.T)][clear] == expected[clear]).all()


ORDERS_OF_STORAGE = [(order, signs) for order in permutations((0, 1, 2)) for signs in product((-1, 1), repeat=3)]


@pytest.mark.parametrize(("order", "signs"), ORDERS_OF_STORAGE)
@pytest.mark.parametrize("tilt", [(0.0, 0.0, 0.0), (0.3, -0.2, 0.25), (-0.1, 0.35, 0.0)])
def test_letters_are_those_of_nibabel_and_simpleitk(order, signs, tilt):
    direction = small_rotation(*tilt) @ (np.eye(3)[:, order] * signs)
    stored = Geometry((3, 4, 5), (5.0, 0.7, 0.9), (10.0, -20.0, 30.0), direction)
    upright = Volume(np.zeros(stored.shape_zyx, np.uint8), stored).upright().geometry
    for geometry in (stored, upright):
        ours = [patient_letters(geometry, axis) for axis in (2, 1, 0)]
        assert tuple(larger[0] for _, larger in ours) == nib.aff2axcodes(geometry.ras_from_index_xyz)
        code = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(
            np.ravel(geometry.direction_lps).tolist()
        )
        assert "".join(larger[0] for _, larger in ours) == code
        for smaller, larger in ours:  # the two ends of an axis are opposite, letter by letter
            assert len(smaller) == len(larger)
            assert all({a, b} in ({"R", "L"}, {"A", "P"}, {"I", "S"}) for a, b in zip(smaller, larger, strict=True))
