"""Planted label errors are of the kind and size that they claim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_aleatoric.errors import DataError
from napari_aleatoric.samples import ErrorKind, ErrorRecord, Severity, plant_error


def two_balls(shape=(40, 44, 48)):
    """Two classes that share a flat border, like anterior and posterior hippocampus."""
    z, y, x = np.indices(shape)
    inside = ((z - 20) / 12) ** 2 + ((y - 22) / 15) ** 2 + ((x - 24) / 11) ** 2 <= 1
    label = np.where(inside, np.where(y < 20, 1, 2), 0)
    return label.astype(np.uint8)


def plant(kind, severity, seed=0, label=None, **kwargs):
    label = two_balls() if label is None else label
    return label, *plant_error(label, kind, severity, np.random.default_rng(seed), **kwargs)


@pytest.mark.parametrize("kind", ErrorKind)
@pytest.mark.parametrize("severity", Severity)
def test_every_kind_changes_the_copy_and_says_where(kind, severity):
    label, wrong, record = plant(kind, severity)
    np.testing.assert_array_equal(label, two_balls())
    changed = wrong != label
    assert wrong.dtype == label.dtype
    assert record.changed_voxels == np.count_nonzero(changed) > 0
    z = np.nonzero(changed)[0]
    assert record.slices_z == (z.min(), z.max())
    assert set(np.unique(wrong)) <= {0, 1, 2}
    assert ErrorRecord.from_json(record.to_json()) == record


@pytest.mark.parametrize("kind", ErrorKind)
def test_same_seed_same_error(kind):
    _, first, record = plant(kind, Severity.MILD, seed=3)
    _, second, again = plant(kind, Severity.MILD, seed=3)
    np.testing.assert_array_equal(first, second)
    assert record == again


@pytest.mark.parametrize("kind", ErrorKind)
def test_severe_is_worse_than_mild_is_worse_than_subtle(kind):
    dice = [
        np.mean([plant(kind, severity, seed)[2].dice for seed in range(8)])
        for severity in (Severity.SUBTLE, Severity.MILD, Severity.SEVERE)
    ]
    assert dice[0] > dice[1] > dice[2]


@pytest.mark.parametrize(("severity", "n"), [(Severity.MILD, 1), (Severity.SEVERE, 2)])
def test_over_and_under_are_binary_dilation_and_erosion(severity, n):
    label, grown, _ = plant(ErrorKind.OVER, severity)
    _, shrunk, _ = plant(ErrorKind.UNDER, severity)
    ball = np.linalg.norm(np.indices((2 * n + 1,) * 3) - n, axis=0) <= n
    np.testing.assert_array_equal(grown > 0, ndimage.binary_dilation(label > 0, ball))
    np.testing.assert_array_equal(shrunk > 0, ndimage.binary_erosion(label > 0, ball))
    assert (grown[label > 0] == label[label > 0]).all()


def test_subtle_over_grows_about_half_of_the_rim():
    label, whole, _ = plant(ErrorKind.OVER, Severity.MILD)
    _, half, _ = plant(ErrorKind.OVER, Severity.SUBTLE)
    ratio = np.count_nonzero(half != label) / np.count_nonzero(whole != label)
    assert 0.35 < ratio < 0.65


@pytest.mark.parametrize(("severity", "n"), [(Severity.SUBTLE, 1), (Severity.MILD, 2), (Severity.SEVERE, 5)])
@pytest.mark.parametrize("seed", range(6))
def test_missing_empties_consecutive_slices_inside_the_object(severity, n, seed):
    block = np.zeros((30, 30, 30), np.uint8)
    block[5:25, 5:25, 5:25] = 1
    label, wrong, _ = plant(ErrorKind.MISSING, severity, seed, block)
    found = []
    for axis in (0, 1):
        others = tuple(a for a in range(3) if a != axis)
        before, after = (label > 0).any(axis=others), (wrong > 0).any(axis=others)
        gone = np.flatnonzero(before & ~after)
        if len(gone):
            found.append(gone)
            assert after[: gone[0]].any()
            assert after[gone[-1] + 1 :].any()
    assert len(found) == 1
    np.testing.assert_array_equal(found[0], np.arange(found[0][0], found[0][0] + n))


@pytest.mark.parametrize(
    ("severity", "share"), [(Severity.SUBTLE, 0.12), (Severity.MILD, 0.25), (Severity.SEVERE, 0.5)]
)
def test_dropclass_removes_that_share_of_one_class(severity, share):
    label, wrong, record = plant(ErrorKind.DROPCLASS, severity)
    (value,) = record.class_values
    kept = np.count_nonzero(wrong == value) / np.count_nonzero(label == value)
    assert kept == pytest.approx(1 - share, abs=0.01)
    other = 3 - value
    np.testing.assert_array_equal(wrong == other, label == other)


@pytest.mark.parametrize(("severity", "length"), [(Severity.SUBTLE, 1), (Severity.MILD, 2), (Severity.SEVERE, 3.3)])
@pytest.mark.parametrize("seed", range(5))
def test_shift_moves_the_whole_object(severity, length, seed):
    label, wrong, _ = plant(ErrorKind.SHIFT, severity, seed)
    assert np.count_nonzero(wrong) == np.count_nonzero(label)
    moved = np.subtract(ndimage.center_of_mass(wrong > 0), ndimage.center_of_mass(label > 0))
    assert np.linalg.norm(moved) == pytest.approx(length, abs=0.9)


@pytest.mark.parametrize(
    ("severity", "radius"), [(Severity.SUBTLE, 1.8), (Severity.MILD, 2.6), (Severity.SEVERE, 4)]
)
@pytest.mark.parametrize("seed", range(5))
def test_blob_is_one_more_ball_beside_the_object(severity, radius, seed):
    label, wrong, record = plant(ErrorKind.BLOB, severity, seed)
    added = wrong != label
    assert (label[added] == 0).all()
    assert len(np.unique(wrong[added])) == 1
    whole_ball = np.count_nonzero(np.linalg.norm(np.indices((11,) * 3) - 5, axis=0) <= radius)
    assert 0.4 * whole_ball <= record.changed_voxels <= whole_ball
    apart = ndimage.distance_transform_edt(label == 0)[added]
    assert apart.max() <= 2 * radius + 4.5


@pytest.mark.parametrize("seed", range(6))
def test_swap_exchanges_classes_and_keeps_the_union(seed):
    label, wrong, record = plant(ErrorKind.SWAP, Severity.SEVERE, seed)
    np.testing.assert_array_equal(wrong > 0, label > 0)
    assert record.class_values == (1, 2)


def test_swap_moves_the_border_by_the_stated_depth():
    depths = set()
    for seed in range(12):
        label, wrong, record = plant(ErrorKind.SWAP, Severity.MILD, seed)
        if "border" in record.sentence:
            y = np.nonzero(wrong != label)[1]
            depths.add(int(np.ptp(y)) + 1)
    assert depths == {4}  # the border of the test object is a plane across y


def test_jitter_has_the_stated_displacement():
    """The share of a flat rim that moves by more than d follows the normal law with that rms."""
    label = np.zeros((64, 64, 64), np.uint8)
    label[:, :32] = 1
    shares = [np.mean(plant(ErrorKind.JITTER, Severity.SEVERE, seed, label)[1][:, 34] > 0) for seed in range(6)]
    # a voxel 2 behind the last labelled one is labelled where the displacement exceeds 2.5 (nearest voxel)
    assert np.mean(shares) == pytest.approx(0.128, abs=0.03)  # 1 − Φ(2.5 / 2.2)


def test_only_the_chosen_class_is_touched():
    label = two_balls()
    label[2:6, 2:6, 2:6] = 7
    for kind in ErrorKind:
        if kind is ErrorKind.SWAP:
            continue
        _, wrong, record = plant(kind, Severity.SEVERE, 1, label, class_values=[7])
        assert record.class_values == (7,)
        np.testing.assert_array_equal(wrong == 1, label == 1)
        np.testing.assert_array_equal(wrong == 2, label == 2)


def test_lengths_are_of_the_finest_axis():
    label = two_balls()
    _, thin, _ = plant(ErrorKind.OVER, Severity.SEVERE, label=label, spacing_zyx=(5.0, 1.0, 1.0))
    z_before, z_after = np.nonzero(label)[0], np.nonzero(thin)[0]
    assert (z_before.min(), z_before.max()) == (z_after.min(), z_after.max())  # 2 fine voxels < 1 thick slice
    y_before, y_after = np.nonzero(label)[1], np.nonzero(thin)[1]
    assert y_after.min() == y_before.min() - 2


def test_flat_images_and_large_values_are_served():
    label = np.zeros((1, 60, 60), np.int32)
    label[0, 20:40, 20:40] = 10_011
    label[0, 40:50, 20:40] = 3
    for kind in ErrorKind:
        wrong, record = plant_error(label, kind, Severity.SEVERE, np.random.default_rng(1))
        assert set(np.unique(wrong)) <= {0, 3, 10_011}
        assert record.slices_z == (0, 0)


def test_refusals_are_sentences():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="only background"):
        plant_error(np.zeros((4, 4, 4), np.uint8), ErrorKind.OVER, Severity.MILD, rng)
    with pytest.raises(DataError, match="integers"):
        plant_error(np.zeros((4, 4, 4)), ErrorKind.OVER, Severity.MILD, rng)
    with pytest.raises(DataError, match="two classes"):
        plant_error((two_balls() > 0).astype(np.uint8), ErrorKind.SWAP, Severity.MILD, rng)
    with pytest.raises(DataError, match=r"classes \[9\]"):
        plant_error(two_balls(), ErrorKind.OVER, Severity.MILD, rng, class_values=[9])
    with pytest.raises(DataError, match="spacings"):
        plant_error(two_balls(), ErrorKind.OVER, Severity.MILD, rng, spacing_zyx=(1, 0, 1))
    with pytest.raises(DataError, match="changes nothing"):
        plant_error(np.ones((4, 4, 4), np.uint8), ErrorKind.OVER, Severity.MILD, rng)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(list(ErrorKind)), st.sampled_from(list(Severity)), st.integers(0, 2**31))
def test_no_new_values_and_never_nothing(kind, severity, seed):
    label, wrong, record = plant(kind, severity, seed, two_balls((24, 44, 48)))
    assert set(np.unique(wrong)) <= set(np.unique(label))
    assert 0 < record.changed_voxels < label.size
    assert 0 <= record.dice < 1
