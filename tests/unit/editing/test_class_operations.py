"""Operations on one class, against SimpleITK, scikit-image and shapes whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from napari_aleatoric.editing import (
    Edit,
    Keep,
    Scope,
    fill_holes,
    grow,
    interpolate_slices,
    keep_largest,
    remove_small,
    shrink,
    smooth,
)
from napari_aleatoric.errors import Cancelled, DataError
from napari_aleatoric.model import RecordingReporter

THICK = (5.0, 0.8, 1.3)
ANYWHERE = Keep(others=False)


def blobs(seed: int = 0, shape: tuple[int, int, int] = (9, 24, 20)) -> NDArray[np.uint8]:
    """Some classes of a shape that nothing is symmetric in."""
    from scipy import ndimage

    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.2)
    return np.digitize(noise, np.quantile(noise, [0.45, 0.6, 0.8])).astype(np.uint8)


def organs() -> NDArray[np.uint8]:
    """Class 1 with a hole, a loose part, rough borders and empty slices, between classes 2 and 3."""
    label = blobs(5)
    label[label == 1] = 0
    label[:, 4:17, 4:15] = 1
    label[:, 4:17:2, 15] = 1
    label[4, 8:11, 8:11] = 0
    label[4, 9, 9] = 2
    label[5, 20:22, 17] = 1
    label[[2, 6]] = np.where(label[[2, 6]] == 1, 0, label[[2, 6]])
    return label


def after(label: NDArray[np.uint8], edit: Edit, value: int = 1) -> NDArray[np.bool_]:
    """Where the class is then."""
    result: NDArray[np.bool_] = edit.applied_to(label) == value
    return result


def far_from(mask: NDArray[np.bool_], spacing: tuple[float, ...]) -> NDArray[np.float32]:
    """SimpleITK's distance to the nearest voxel of a mask; 0 in it."""
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing([float(s) for s in spacing[::-1]])
    found = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    return np.maximum(sitk.GetArrayFromImage(found), 0)


@pytest.mark.parametrize("spacing", [THICK, (1.0, 1.0, 1.0), None])
def test_growing_and_shrinking_are_as_wide_as_simpleitk_measures(
    spacing: tuple[float, float, float] | None,
) -> None:
    label = (blobs() == 1).astype(np.uint8)
    assert label[0].any(), "cut by the border of the image"
    known = spacing or (1.0, 1.0, 1.0)
    for distance in (1.31, 2.7, 5.05):
        grown = after(label, grow(label, 1, Scope(), distance, spacing))
        assert np.array_equal(grown, far_from(label == 1, known) <= distance)
        left = after(label, shrink(label, 1, Scope(), distance, spacing))
        assert np.array_equal(left, far_from(label == 0, known) > distance)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_in_slices_distances_are_those_of_the_slice(axis: int) -> None:
    label = (blobs(1) == 1).astype(np.uint8)
    in_plane = tuple(s for k, s in enumerate(THICK) if k != axis)
    grown = np.moveaxis(after(label, grow(label, 1, Scope(axis, flat=True), 2.7, THICK)), axis, 0)
    one = after(label, grow(label, 1, Scope(axis, index=3), 2.7, THICK))
    for k, mask in enumerate(np.moveaxis(label == 1, axis, 0)):
        expected = far_from(mask, in_plane) <= 2.7 if mask.any() else mask
        assert np.array_equal(grown[k], expected)
        assert np.array_equal(np.moveaxis(one, axis, 0)[k], expected if k == 3 else mask)


def test_a_class_that_fills_the_image_has_no_border_to_shrink_from() -> None:
    label = np.ones((3, 4, 5), np.uint8)
    assert len(shrink(label, 1, Scope(), 2.0)) == 0
    assert len(grow(label, 7, Scope(), 2.0)) == 0, "a class that is nowhere"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_holes_are_filled_as_by_simpleitk(axis: int) -> None:
    label = (blobs(2, (12, 30, 28)) != 2).astype(np.uint8)
    whole = sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray(label), False, 1.0))
    found = after(label, fill_holes(label, 1, Scope()))
    assert np.array_equal(found, whole == 1)
    assert found.sum() > label.sum(), "there are some"
    flat = np.moveaxis(after(label, fill_holes(label, 1, Scope(axis, flat=True))), axis, 0)
    for k, mask in enumerate(np.moveaxis(label, axis, 0)):
        expected = sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray(mask.copy()), False, 1.0))
        assert np.array_equal(flat[k], expected == 1)


def test_a_tumour_in_an_organ_is_no_hole() -> None:
    label = np.zeros((1, 9, 9), np.uint8)
    label[0, 1:8, 1:8] = 1
    label[0, 3:5, 3:5] = 2
    label[0, 5, 5] = 0
    found = fill_holes(label, 1, Scope(0, 0)).applied_to(label)
    assert (found == 2).sum() == 4
    assert found[0, 5, 5] == 1
    assert (fill_holes(label, 1, Scope(0, 0), ANYWHERE).applied_to(label) == 2).sum() == 0


def test_small_parts_go_by_their_size_in_mm3() -> None:
    label = (blobs(3, (10, 30, 30)) == 3).astype(np.uint8)
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray(label), True)
    voxel = float(np.prod(THICK))
    expected = sitk.GetArrayFromImage(sitk.RelabelComponent(parts, minimumObjectSize=20))
    assert (expected == 0).sum() > (label == 0).sum(), "some are smaller"
    assert np.array_equal(after(label, remove_small(label, 1, Scope(), 20 * voxel, THICK)), expected > 0)
    assert np.array_equal(after(label, remove_small(label, 1, Scope(), 20)), expected > 0), "and in voxels"
    assert np.array_equal(after(label, keep_largest(label, 1, Scope())), expected == 1)
    flat = after(label, remove_small(label, 1, Scope(0, flat=True), 4 * THICK[1] * THICK[2], THICK))
    for mask, found in zip(label, flat, strict=True):
        here = sitk.RelabelComponent(
            sitk.ConnectedComponent(sitk.GetImageFromArray(mask), True), minimumObjectSize=4
        )
        assert np.array_equal(found, sitk.GetArrayFromImage(here) > 0), "in slices by mm2"


def test_smoothing_keeps_the_volume_and_takes_the_noise() -> None:
    from scipy import ndimage

    z, y, x = (np.arange(n) - n / 2 + 0.5 for n in (12, 40, 40))
    ball = ((z[:, None, None] * 3) ** 2 + y[:, None] ** 2 + x**2) <= 12**2
    rough = ball ^ ((np.random.default_rng(4).random(ball.shape) < 0.15) & (ndimage.binary_dilation(ball, None, 2)))
    label = rough.astype(np.uint8)
    found = after(label, smooth(label, 1, Scope(), 2.0, (3.0, 1.0, 1.0)))
    assert found.sum() == rough.sum()

    def dice(mask: NDArray[np.bool_]) -> float:
        return float(2 * (mask & ball).sum() / (mask.sum() + ball.sum()))

    assert dice(found) > 0.95 > dice(rough)
    blurred = ndimage.gaussian_filter(rough.astype(float), (2 / 3, 2, 2))
    assert blurred[found].min() >= blurred[~found].max() - 1e-5, "the highest values"
    flat = after(label, smooth(label, 1, Scope(0, flat=True), 2.0, (3.0, 1.0, 1.0)))
    assert np.array_equal(flat.sum(axis=(1, 2)), rough.sum(axis=(1, 2))), "every slice keeps its area"


def test_smoothing_does_not_pull_a_class_from_the_border_of_the_image() -> None:
    label = np.zeros((4, 20, 20), np.uint8)
    label[:, :, :8] = 1
    assert len(smooth(label, 1, Scope(), 2.0)) == 0, "a flat border is smooth"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_between_two_discs_are_discs_between(axis: int) -> None:
    size, spacing = 61, [4.0, 4.0, 4.0]
    down, right = (k for k in range(3) if k != axis)
    spacing[down], spacing[right] = 1.0, 0.5
    grid = np.ogrid[:size, :size]
    away = np.hypot((grid[0] - 30) * 1.0, (grid[1] - 30) * 0.5)  # mm
    label = np.zeros((7, size, size), np.uint8)
    label[0], label[6] = away <= 4, away <= 13
    label = np.moveaxis(label, 0, axis)
    found = np.moveaxis(after(label, interpolate_slices(label, 1, Scope(axis), tuple(spacing))), axis, 0)
    for k in range(7):
        radius = 4 + 1.5 * k
        assert found[k][away <= radius - 1.0].all()
        assert not found[k][away > radius + 1.0].any()
    alone = np.moveaxis(after(label, interpolate_slices(label, 1, Scope(axis, 4), tuple(spacing))), axis, 0)
    assert np.array_equal(alone[4], found[4])
    assert not alone[3].any(), "one slice alone"


def test_a_slanted_vessel_is_carried_over() -> None:
    label = np.zeros((6, 20, 40), np.uint8)
    label[0, 5:9, 3:7] = 1
    label[5, 10:14, 28:32] = 1
    found = after(label, interpolate_slices(label, 1, Scope()))
    assert found.sum(axis=(1, 2)).tolist() == [16] * 6
    assert np.argwhere(found[2]).mean(axis=0).tolist() == [6.5 + 2, 4.5 + 10]


def test_without_a_gap_there_is_a_sentence() -> None:
    label = np.zeros((6, 8, 8), np.uint8)
    for slices in ([], [2], [2, 3]):
        label[slices, 2:5, 2:5] = 1
        with pytest.raises(DataError, match="Paint the class on some slices"):
            interpolate_slices(label, 1, Scope())
    label[5, 2:5, 2:5] = 1
    with pytest.raises(DataError, match="none at this slice"):
        interpolate_slices(label, 1, Scope(0, 1))
    with pytest.raises(DataError, match="slice between 0 and 5, got 6"):
        interpolate_slices(label, 1, Scope(0, 6))


OPERATIONS: dict[str, Callable[[Any, int, Scope, Keep], Edit]] = {
    "holes": lambda label, value, scope, keep: fill_holes(label, value, scope, keep),
    "small": lambda label, value, scope, keep: remove_small(label, value, scope, 30.0, THICK, keep),
    "largest": lambda label, value, scope, keep: keep_largest(label, value, scope, keep),
    "smooth": lambda label, value, scope, keep: smooth(label, value, scope, 1.5, THICK, keep),
    "grow": lambda label, value, scope, keep: grow(label, value, scope, 2.0, THICK, keep),
    "shrink": lambda label, value, scope, keep: shrink(label, value, scope, 1.0, THICK, keep),
    "between": lambda label, value, scope, keep: interpolate_slices(label, value, Scope(), THICK, keep),
}


ALWAYS = [(name, Scope()) for name in ("smooth", "grow", "shrink", "between", "largest")] + [("holes", Scope(0, 4))]


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("scope", [Scope(), Scope(1, flat=True), Scope(0, 4)])
def test_what_is_locked_stays_and_nothing_is_written_into(name: str, scope: Scope) -> None:
    label = organs()
    before = label.copy()
    label.flags.writeable = False
    operation = OPERATIONS[name]
    for keep in (Keep(frozenset({2}), others=False), Keep(frozenset({2, 3}), others=True)):
        edit = operation(label, 1, scope, keep)
        found = edit.applied_to(label)
        assert len(edit) or (name, scope) not in ALWAYS
        assert np.array_equal(label, before)
        assert edit.fits(label)
        assert np.array_equal(found == 2, label == 2)
        if keep.others:
            assert np.array_equal(found == 3, label == 3)
        assert np.array_equal(np.flatnonzero(found != label), edit.index)
        if scope.index is not None and name != "between":
            assert set(edit.where[scope.axis]) <= {scope.index}
    with pytest.raises(DataError, match="label 1 is locked"):
        operation(label, 1, scope, Keep(frozenset({1})))


def test_an_edit_does_not_fit_what_was_painted_meanwhile() -> None:
    label = blobs(6)
    edit = grow(label, 1, Scope(), 1.0)
    elsewhere = label.copy()
    free = np.setdiff1d(np.arange(label.size), edit.index)[0]
    elsewhere.ravel()[free] = 9
    assert edit.fits(elsewhere)
    elsewhere.ravel()[edit.index[3]] = 9
    assert not edit.fits(elsewhere)
    with pytest.raises(DataError, match="belongs to a label of shape"):
        edit.applied_to(label[1:])


def test_a_stop_is_heard() -> None:
    label = blobs(7)
    with pytest.raises(Cancelled):
        grow(label, 1, Scope(0, flat=True), 1.0, reporter=RecordingReporter(cancel_after=3))
