"""Copying from elsewhere, and what a brush covers."""

from __future__ import annotations

import numpy as np
import pytest

from napari_aleatoric.editing import (
    Keep,
    Scope,
    along_edge,
    ball,
    copy_neighbour,
    copy_region,
    differing_region,
    edit_between,
    in_range,
    widened,
)
from napari_aleatoric.errors import DataError, GeometryMismatchError
from napari_aleatoric.foundation import Box


def pair() -> tuple[np.ndarray, np.ndarray]:
    """A label, and another one that differs from it in two places."""
    label = np.zeros((5, 12, 12), np.uint8)
    label[1:4, 2:6, 2:6] = 1
    label[2, 9, 9] = 2
    other = label.copy()
    other[2:5, 5:8, 5:8] = 1  # touches the first
    other[1, 8, 8] = 3  # by a corner
    other[2, 9, 9] = 0  # by another
    other[0, 0, 0] = 2
    return label, other


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("step", [-1, 1])
def test_a_class_is_copied_from_the_slice_beside(axis: int, step: int) -> None:
    rng = np.random.default_rng(axis)
    label = rng.integers(0, 4, (5, 6, 7)).astype(np.uint8)
    found = np.moveaxis(copy_neighbour(label, 2, Scope(axis, 3), step).applied_to(label), axis, 0)
    slices = np.moveaxis(label, axis, 0)
    there, here = slices[3 + step] == 2, slices[3]
    expected = np.where(here == 2, 0, here)
    expected[there & ((here == 0) | (here == 2))] = 2
    assert np.array_equal(found[3], expected)
    assert np.array_equal(np.delete(found, 3, 0), np.delete(slices, 3, 0))


def test_where_there_is_nothing_to_copy_there_is_a_sentence() -> None:
    label, _ = pair()
    with pytest.raises(DataError, match="no slice before"):
        copy_neighbour(label, 1, Scope(0, 0), -1)
    with pytest.raises(DataError, match="slice after has nothing of the class"):
        copy_neighbour(label, 1, Scope(0, 3), 1)
    with pytest.raises(DataError, match="one slice to copy into"):
        copy_neighbour(label, 1, Scope(0), 1)


def test_the_region_of_difference_under_a_place() -> None:
    label, other = pair()
    box, mask = differing_region(label, other, (2, 6, 6), Scope())
    assert mask.sum() == ((label != other).sum() - 1), "all but the corner voxel"
    edit = copy_region(label, other, box, mask)
    assert np.array_equal(edit.applied_to(label)[:, 1:], other[:, 1:])
    assert edit.applied_to(label)[0, 0, 0] == 0
    box, mask = differing_region(label, other, (2, 6, 6), Scope(0, 2))
    assert box.start_zyx[0] == 2
    assert mask.sum() == 8, "in the slice alone, where (9, 9) touches nothing"
    box, mask = differing_region(label, other, (2, 6, 6), Scope(), value=1)
    assert mask.sum() == 3 * 9 - 2, "two voxels were of the class before"
    assert differing_region(label, other, (2, 2, 11), Scope()) is None, "too far"
    near = differing_region(label, other, (0, 2, 2), Scope())
    assert near is not None
    assert near[0] == Box((0, 0, 0), (1, 1, 1))
    with pytest.raises(GeometryMismatchError):
        differing_region(label, other[1:], (0, 0, 0), Scope())


def test_copying_respects_locks_and_one_class() -> None:
    label, other = pair()
    whole = Box.whole(label.shape)
    assert np.array_equal(copy_region(label, other, whole).applied_to(label), other)
    found = copy_region(label, other, whole, keep=Keep(frozenset({2}))).applied_to(label)
    assert np.array_equal(found == 2, label == 2)
    assert np.array_equal(found == 1, other == 1)
    found = copy_region(label, other, whole, value=1).applied_to(label)
    assert np.array_equal(found == 1, other == 1)
    assert np.array_equal(found == 2, label == 2)
    assert np.array_equal(
        found, edit_between(label, np.where(other == 1, 1, label).astype(np.uint8)).applied_to(label)
    )


def test_a_value_that_cannot_be_held_is_refused() -> None:
    label, other = pair()
    large = other.astype(np.uint16)
    large[0, 0, 0] = 257  # would be 1 in eight bits
    with pytest.raises(DataError, match="has the value 257, which this one"):
        copy_region(label, large, Box.whole(label.shape))
    assert len(copy_region(label, large, Box.whole(label.shape), value=1))


def test_a_ball_is_round_in_millimetres() -> None:
    spacing, radius, centre = (5.0, 0.7, 0.9), 11.0, (6.0, 40.0, 35.0)
    box, mask = ball(centre, radius, (13, 80, 70), spacing)
    assert box.start_zyx == (4, 25, 23)
    assert box.stop_zyx == (9, 56, 48)
    assert mask.sum() * np.prod(spacing) == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.05)
    from skimage.morphology import ball as voxel_ball

    _, mask = ball((9, 9, 9), 4, (20, 20, 20))
    assert np.array_equal(mask, voxel_ball(4))
    box, mask = ball((6.2, 40, 35), 3.5, (13, 80, 70), spacing, axis=0)
    assert (box.start_zyx[0], box.stop_zyx[0]) == (6, 7)
    assert mask.shape == (1, 11, 7)
    assert ball((6, -9, 35), 3.5, (13, 80, 70), spacing) is None
    _, mask = ball((6, 40, 35), 0.01, (13, 80, 70), spacing)
    assert mask.tolist() == [[[True]]], "the voxel at the centre at least"
    box, mask = ball((0.0, 0.0, 0.0), 4, (20, 20, 20))
    assert box == Box((0, 0, 0), (5, 5, 5)), "cut at the border of the volume"


def test_a_range_is_respected() -> None:
    image = np.arange(27).reshape(3, 3, 3)
    footprint = image % 2 == 0
    found = in_range(image, footprint, 4, 10)
    assert image[found].tolist() == [4, 6, 8, 10]


@pytest.mark.parametrize("noise", [0.0, 5.0])
def test_the_edge_of_blurred_tissue_is_where_the_gradient_is_steepest(noise: float) -> None:
    from scipy import ndimage

    rng = np.random.default_rng(1)
    tissue = np.zeros((1, 40, 40))
    tissue[:, :, 22:] = 100
    image = ndimage.gaussian_filter(tissue, (0, 1.5, 1.5)) + rng.normal(size=tissue.shape) * noise
    box, footprint = widened(*ball((0, 20, 18), 9, tissue.shape, axis=0), tissue.shape)
    assert box == Box((0, 8, 6), (1, 33, 31))
    centre = tuple(np.subtract((0, 20, 18), box.start_zyx).tolist())
    found = along_edge(image[box.slices], footprint, centre, 2.0)
    expected = footprint & (tissue[box.slices] == 0)
    wrong = (found != expected).sum() / footprint.sum()
    assert wrong < 0.04, wrong
    assert (footprint & ~expected).sum() / footprint.sum() > 0.15, "the brush reaches over"


def test_what_is_not_connected_with_the_centre_is_left_out() -> None:
    image = np.zeros((1, 21, 21))
    image[0, :, 13:15] = 100  # a wall, and the same tissue behind it
    footprint = np.ones(image.shape, bool)
    found = along_edge(image, footprint, (0, 10, 6))
    assert found[0, :, :12].all()
    assert not found[0, :, 16:].any()
    assert along_edge(np.ones_like(image), footprint, (0, 10, 6)).all(), "nothing to see: a plain brush"
