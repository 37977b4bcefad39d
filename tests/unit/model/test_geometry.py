"""Where voxels are: identities that must hold on every grid, oblique and flipped ones above all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Geometry, LabelMap, Reorientation, Volume, describe


def rotation(a: float, b: float, c: float) -> np.ndarray:
    def about(axis: int, angle: float) -> np.ndarray:
        matrix = np.eye(3)
        i, j = [k for k in range(3) if k != axis]
        matrix[i, i] = matrix[j, j] = np.cos(angle)
        matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
        return matrix

    return about(0, a) @ about(1, b) @ about(2, c)


angles = st.floats(-np.pi, np.pi)


@st.composite
def geometries(draw) -> Geometry:
    direction = rotation(draw(angles), draw(angles), draw(angles))
    if draw(st.booleans()):  # a left-handed grid: mirrored storage
        direction = direction * np.array([1, -1, 1])
    return Geometry(
        shape_zyx=draw(st.tuples(*[st.integers(1, 9)] * 3)),
        spacing_zyx_mm=draw(st.tuples(*[st.floats(0.1, 8.0)] * 3)),
        origin_lps=draw(st.tuples(*[st.floats(-900, 900)] * 3)),
        direction_lps=direction,
    )


reorientations = st.builds(
    Reorientation,
    st.permutations([0, 1, 2]).map(tuple),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
)


@given(geometries(), st.lists(st.tuples(*[st.floats(-20, 20)] * 3), min_size=1, max_size=5))
def test_index_to_world_to_index_is_the_identity(geometry, indices):
    again = geometry.index_from_lps(geometry.lps_from_index(indices))
    np.testing.assert_allclose(again, indices, atol=1e-6)


def test_index_order_is_zyx_and_world_order_is_xyz():
    geometry = Geometry((5, 6, 7), (3.0, 2.0, 1.0), (10.0, 20.0, 30.0))
    np.testing.assert_allclose(geometry.lps_from_index([1, 2, 4]), [14.0, 24.0, 33.0])
    np.testing.assert_allclose(geometry.ras_from_index_xyz @ [4, 2, 1, 1], [-14.0, -24.0, 33.0, 1.0])


@given(geometries())
def test_matrices_in_both_frames_rebuild_the_same_grid(geometry):
    for again in (
        Geometry.from_lps_matrix(geometry.shape_zyx, geometry.lps_from_index_xyz),
        Geometry.from_ras_matrix(geometry.shape_zyx, geometry.ras_from_index_xyz),
    ):
        assert again.same_grid(geometry, 1e-6)


@given(geometries(), reorientations)
def test_reorientation_moves_voxels_not_places(geometry, turn):
    """Every voxel's value stays at its place in the patient."""
    data = np.arange(np.prod(geometry.shape_zyx)).reshape(geometry.shape_zyx)
    moved, grid = turn.apply(data), turn.apply_geometry(geometry)
    assert moved.shape == grid.shape_zyx
    index = np.argwhere(np.ones(geometry.shape_zyx, bool))
    target = turn.apply_index(index, geometry.shape_zyx)
    assert (moved[tuple(target.astype(int).T)] == data[tuple(index.T)]).all()
    np.testing.assert_allclose(grid.lps_from_index(target), geometry.lps_from_index(index), atol=1e-6)


@given(geometries(), reorientations)
def test_reorientation_and_its_inverse_are_the_identity(geometry, turn):
    data = np.arange(np.prod(geometry.shape_zyx)).reshape(geometry.shape_zyx)
    back = turn.inverse()
    assert (back.apply(turn.apply(data)) == data).all()
    again = back.apply_geometry(turn.apply_geometry(geometry))
    assert again.same_grid(geometry, 1e-6)
    assert again.spacing_zyx_mm == geometry.spacing_zyx_mm  # to the last bit


@given(geometries())
def test_upright_axes_run_to_left_posterior_superior(geometry):
    upright = geometry.upright_reorientation().apply_geometry(geometry)
    assert upright.upright_reorientation().is_identity
    assert (np.diag(np.asarray(upright.direction_lps)) >= 0).all()
    assert upright.orientation_letters == "LPS"
    # the nearest axis order: no other one has a larger sum of cosines
    assert np.trace(np.asarray(upright.direction_lps)) >= 1.0 - 1e-9


@settings(max_examples=50)
@given(geometries(), reorientations)
def test_reorientation_between_two_storage_orders_is_found(geometry, turn):
    other = turn.apply_geometry(geometry)
    found = geometry.reorientation_to(other)
    assert found is not None
    assert found.apply_geometry(geometry).same_grid(other, 1e-3)


@given(geometries())
def test_another_place_is_another_grid(geometry):
    step = np.asarray(geometry.direction_lps)[:, 0] * min(geometry.spacing_zyx_mm)
    moved = Geometry(
        geometry.shape_zyx,
        geometry.spacing_zyx_mm,
        tuple(np.asarray(geometry.origin_lps) + 0.5 * step),
        geometry.direction_lps,
    )
    assert not geometry.same_grid(moved)
    near = Geometry(
        geometry.shape_zyx,
        geometry.spacing_zyx_mm,
        tuple(np.asarray(geometry.origin_lps) + 0.05 * step),
        geometry.direction_lps,
    )
    assert geometry.same_grid(near)


def test_same_grid_sees_a_spacing_error_that_adds_up_over_the_volume():
    long = Geometry((200, 4, 4))
    assert not long.same_grid(Geometry((200, 4, 4), (1.01, 1, 1)))  # two voxels off at the far end
    assert long.same_grid(Geometry((200, 4, 4), (1.0001, 1, 1)))
    assert not long.same_grid(Geometry((199, 4, 4)))


@given(geometries())
def test_json_round_trip_is_exact(geometry):
    assert Geometry.from_json(geometry.to_json()) == geometry


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"shape_zyx": (0, 2, 2)}, "at least one voxel"),
        ({"shape_zyx": (2, 2)}, "3 numbers"),
        ({"shape_zyx": (2, 2, 2), "spacing_zyx_mm": (1, 0, 1)}, "positive"),
        ({"shape_zyx": (2, 2, 2), "spacing_zyx_mm": (1, np.nan, 1)}, "positive and finite"),
        ({"shape_zyx": (2, 2, 2), "origin_lps": (np.inf, 0, 0)}, "finite"),
        ({"shape_zyx": (2, 2, 2), "direction_lps": [[1, 0.2, 0], [0, 1, 0], [0, 0, 1]]}, "sheared"),
        ({"shape_zyx": (2, 2, 2), "direction_lps": np.eye(2)}, "3×3"),
    ],
)
def test_unusable_grids_are_refused_with_a_sentence(arguments, word):
    with pytest.raises(DataError, match=word):
        Geometry(**arguments)


def test_obliquity_and_volume():
    assert Geometry((2, 2, 2), (2.0, 2.0, 2.5)).voxel_volume_ml == pytest.approx(0.01)
    tilted = Geometry((2, 2, 2), direction_lps=rotation(np.radians(17), 0, 0))
    assert tilted.obliquity_deg == pytest.approx(17.0)
    assert Geometry((2, 2, 2), direction_lps=np.diag([-1, -1, 1])).obliquity_deg == pytest.approx(0.0)


def test_volume_upright_turns_data_and_grid_together():
    direction = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], float)  # x→S, y→R, z→A
    geometry = Geometry((2, 3, 4), (1.0, 2.0, 3.0), (5, 6, 7), direction)
    assert geometry.orientation_letters == "SRA"
    volume = Volume(np.arange(24).reshape(2, 3, 4), geometry)
    upright = volume.upright()
    assert upright.data.shape == (4, 2, 3)
    assert upright.geometry.spacing_zyx_mm == (3.0, 1.0, 2.0)
    assert (upright.data == volume.data.transpose(2, 0, 1)[:, ::-1, ::-1]).all()


def test_photographs_stay_as_they_are():
    picture = Volume(np.zeros((1, 4, 5, 3), np.uint8), Geometry((1, 4, 5), spacing_known=False))
    assert picture.upright() is picture
    flipped = Volume(np.zeros((1, 4, 5)), Geometry((1, 4, 5), direction_lps=np.diag([-1, -1, 1])))
    assert flipped.upright().geometry.orientation_letters == "LPS"


def test_label_on_another_grid_is_refused_not_shifted():
    label = LabelMap(np.zeros((3, 4, 5), np.uint8), Geometry((3, 4, 5)))
    with pytest.raises(DataError, match="another grid"):
        label.on_grid(Geometry((3, 4, 5), origin_lps=(0.5, 0, 0)))


def test_content_hash_sees_voxels_type_and_grid():
    data = np.zeros((2, 3, 4), np.uint8)
    base = LabelMap(data, Geometry((2, 3, 4)))
    other = data.copy()
    other[1, 2, 3] = 1
    hashes = {
        base.content_hash,
        LabelMap(other, base.geometry).content_hash,
        LabelMap(data.astype(np.int16), base.geometry).content_hash,
        LabelMap(data, Geometry((2, 3, 4), (2, 1, 1))).content_hash,
    }
    assert len(hashes) == 4
    assert LabelMap(np.asfortranarray(data), base.geometry).content_hash == base.content_hash


def test_describe_speaks_in_file_order():
    text = describe(Geometry((30, 20, 10), (5.0, 2.0, 1.0)))
    assert text.startswith("10×20×30 voxels of 1×2×5 mm (x, y, z), axes towards LPS")


def test_a_direction_holds_no_subnormal_number() -> None:
    """ITK inverts such a matrix to nonsense, and resampled labels came out empty."""
    turned = ((-1.0, 2.225e-311, 0.0), (-2.225e-311, -1.0, 0.0), (0.0, 6.1e-17, -1.0))
    geometry = Geometry((2, 2, 2), (2.0, 1.5, 2.0), (0.0, 0.0, 0.0), turned)
    assert geometry.direction_lps == ((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 6.1e-17, -1.0))
