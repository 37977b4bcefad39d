"""Several readers: consensus, departure, agreement, habits and disputed regions."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_aleatoric.errors import DataError
from napari_aleatoric.uncertainty import (
    CONSENSUS_METHODS,
    band,
    boundary_offset,
    compare_pairs,
    consensus,
    departure,
    kappa_sums,
    mean_interval,
    pooled_kappa,
    reader_habits,
    reader_weights,
)


def box(shape, z, y, x) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[z[0] : z[1], y[0] : y[1], x[0] : x[1]] = True
    return mask


def readings(seed: int = 0, n: int = 4, shape=(5, 7, 8), n_rows: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_rows, shape)
    wrong = rng.random((n, *shape)) < 0.3
    return np.where(wrong, rng.integers(0, n_rows, (n, *shape)), truth).astype(np.uint16)


def test_vote_is_the_most_frequent_and_a_tie_the_smallest_class():
    labels = np.array([[1, 1, 2, 2, 0], [1, 2, 2, 1, 2], [0, 2, 1, 0, 1], [1, 1, 1, 0, 0]], np.uint8)
    found = consensus(labels.reshape(4, 1, 1, 5), "vote")
    assert found.label.ravel().tolist() == [1, 1, 1, 0, 0]
    assert found.ties.ravel().tolist() == [False, True, True, False, False]
    np.testing.assert_allclose(found.probabilities[:, 0, 0, 3], [0.5, 0.25, 0.25])
    pair = consensus(np.array([[0, 1, 2], [1, 2, 2]]).reshape(2, 1, 1, 3))
    assert pair.label.ravel().tolist() == [
        0,
        1,
        2,
    ]  # background first, then the smaller class
    assert pair.ties.ravel().tolist() == [True, True, False]


@pytest.mark.parametrize("method", CONSENSUS_METHODS)
def test_one_reader_nobody_and_all_alike(method):
    labels = readings()
    np.testing.assert_array_equal(consensus(labels[:1], method).label, labels[0])
    np.testing.assert_array_equal(consensus(labels[[0, 0, 0]], method).label, labels[0])
    empty = consensus(np.zeros_like(labels), method)
    assert not empty.label.any()
    assert not empty.ties.any()
    assert all(math.isnan(s.sensitivity) for s in empty.skills)


@pytest.mark.parametrize("method", CONSENSUS_METHODS)
def test_one_empty_reader_of_several_is_an_answer(method):
    mask = box((6, 9, 9), (1, 5), (2, 7), (2, 7))
    labels = np.stack([mask, np.roll(mask, 1, 1), mask, np.zeros_like(mask), mask]).astype(np.uint8)
    found = consensus(labels, method)
    np.testing.assert_array_equal(found.label, mask)
    if found.skills:
        assert found.skills[3].sensitivity == pytest.approx(0.0, abs=1e-6)
        assert found.skills[0].sensitivity > 0.95
    assert not consensus(np.stack([mask, *[np.zeros_like(mask)] * 3]).astype(np.uint8), "vote").label.any()


def test_departure_is_the_formula():
    labels = readings(1, n_rows=4)
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    found = departure(labels, weights, n_rows=4)
    one_hot = np.stack([[label == c for c in range(4)] for label in labels]).astype(float)
    mean = np.tensordot(weights, one_hot, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nansum(mean * np.log2(mean), axis=0) / 2
    np.testing.assert_allclose(found.entropy, entropy, atol=1e-12)
    np.testing.assert_allclose(found.by_reader, 0.5 * np.abs(one_hot - mean).sum(1), atol=1e-12)
    mask = labels == 1
    binary = departure(mask.astype(np.uint8), weights)
    m = np.tensordot(weights, mask.astype(float), 1)
    np.testing.assert_allclose(binary.by_reader, np.abs(mask - m), atol=1e-12)
    near = band(mask.any(0))
    np.testing.assert_allclose(binary.quality_by_reader, [1 - np.abs(y - m)[near].mean() for y in mask])
    assert binary.quality == pytest.approx(np.mean(binary.quality_by_reader))


def test_nobody_drew_anything():
    found = departure(np.zeros((3, 4, 5, 6), np.uint8))
    assert found.no_object
    assert not found.by_reader.any()
    assert not found.entropy.any()
    assert found.quality == 1.0
    assert found.quality_by_reader == (1.0, 1.0, 1.0)
    assert not departure(readings()).no_object
    with pytest.raises(DataError, match="at least 2 readers, got 1"):
        departure(readings()[:1])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(2, 5), n_rows=st.integers(2, 4))
def test_departure_stays_in_its_bounds_whoever_comes_first(seed, n, n_rows):
    labels = readings(seed, n, (3, 4, 5), n_rows)
    found = departure(labels, n_rows=n_rows)
    for values in (found.entropy, found.by_reader):
        assert values.min() >= 0
        assert values.max() <= 1
    assert found.weights.sum() == pytest.approx(1)
    order = np.random.default_rng(seed).permutation(n)
    other = departure(labels[order], n_rows=n_rows)
    np.testing.assert_allclose(other.weights, found.weights[order], atol=1e-9)
    np.testing.assert_allclose(other.entropy, found.entropy, atol=1e-9)
    assert other.quality == pytest.approx(found.quality)
    alike = departure(labels[[0] * n], n_rows=n_rows)
    assert not alike.by_reader.any()
    assert alike.quality == 1.0


@pytest.mark.parametrize("how", ["dice", "staple"])
def test_the_odd_one_out_weighs_least(how):
    mask = box((6, 9, 9), (1, 5), (2, 7), (2, 7))
    labels = np.stack([mask, np.roll(mask, 1, 2), mask, np.roll(mask, (2, 3), (0, 1))]).astype(np.uint8)
    weights = reader_weights(labels, how)
    assert weights.sum() == pytest.approx(1)
    assert weights.argmin() == 3
    assert weights[0] == pytest.approx(weights[2])
    assert reader_weights(np.zeros_like(labels), how).tolist() == [0.25] * 4
    alone = reader_weights(np.stack([mask, *[np.zeros_like(mask)] * 3]).astype(np.uint8))
    assert 0.1 < alone[0] < alone[1]  # in the minority, and still there


def test_the_band_reaches_three_voxels():
    mask = np.zeros((9, 12, 12), bool)
    mask[4, 5, 5] = True
    z, y, x = np.indices(mask.shape)
    np.testing.assert_array_equal(band(mask), (z - 4) ** 2 + (y - 5) ** 2 + (x - 5) ** 2 <= 9)
    assert not band(np.zeros_like(mask)).any()


def test_fleiss_own_example():
    """The table of Fleiss (1971) as textbooks give it: 10 subjects, 14 raters, 5 categories, kappa 0.210."""
    table = np.array(
        [
            [0, 0, 0, 0, 14],
            [0, 2, 6, 4, 2],
            [0, 0, 3, 5, 6],
            [0, 3, 9, 2, 0],
            [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0],
            [2, 5, 3, 2, 2],
            [6, 5, 2, 1, 0],
            [0, 2, 2, 3, 7],
        ]
    )
    labels = np.stack([np.repeat(np.arange(5), row) for row in table], axis=1)
    sums = kappa_sums(labels.reshape(14, 1, 2, 5))
    assert sums.kappa == pytest.approx(0.20993, abs=1e-5)
    assert sums.agreement / sums.n_voxels == pytest.approx(0.37802, abs=1e-5)
    halves = [kappa_sums(part.reshape(14, 1, 1, 5), n_rows=5) for part in (labels[:, :5], labels[:, 5:])]
    pooled = pooled_kappa(halves)
    assert pooled.value == pytest.approx(sums.kappa)
    assert pooled.low <= pooled.value <= pooled.high


def test_kappa_of_one_class_only_is_not_told_and_of_agreement_is_one():
    assert math.isnan(kappa_sums(np.zeros((3, 2, 2, 2), np.uint8)).kappa)
    labels = readings()
    assert kappa_sums(labels[[0, 0]]).kappa == pytest.approx(1)
    where = np.zeros(labels.shape[1:], bool)
    where[1:3] = True
    assert kappa_sums(labels, where).kappa == pytest.approx(kappa_sums(labels[:, 1:3]).kappa)


def test_intervals_draw_patients_not_cases():
    values = [0.0, 1.0] * 20
    alone = mean_interval(values, range(40))
    together = mean_interval(values, [i // 2 for i in range(40)])
    assert alone.value == together.value == 0.5
    assert alone.low < 0.4
    assert together.low == together.high == 0.5  # every patient has the mean 0.5
    assert mean_interval([None, math.nan, 2.0], "abc").value == 2.0
    assert math.isnan(mean_interval([2.0], "a").low)
    assert math.isnan(mean_interval([None], "a").value)


def test_pairs_with_an_empty_reader():
    mask = box((6, 9, 9), (1, 5), (2, 7), (2, 7))
    none = np.zeros_like(mask)
    found = {(p.first, p.second): p for p in compare_pairs([mask, none, none], (2.0, 1.0, 1.0), 1.0)}
    assert list(found) == list(combinations(range(3), 2))
    assert (found[0, 1].dice, found[0, 1].hd95, found[0, 1].presence_differs) == (0.0, None, True)
    assert (found[1, 2].dice, found[1, 2].surface_dice, found[1, 2].hd95) == (1.0, 1.0, None)
    assert not found[1, 2].presence_differs
    assert compare_pairs([mask], (1.0, 1.0, 1.0), 1.0) == ()


def test_habits_tell_more_from_less_and_up_from_down():
    shape, spacing = (12, 30, 30), (5.0, 0.5, 0.5)
    usual = box(shape, (4, 8), (8, 22), (8, 22))
    large = box(shape, (4, 10), (6, 24), (6, 24))  # two slices more at the top, 2 voxels = 1 mm more around
    small = box(shape, (5, 8), (10, 20), (10, 20))  # one slice less at the bottom
    found = reader_habits([large, usual, usual, usual], spacing)
    assert found[0].relative_volume == pytest.approx(6 * 18 * 18 / (4 * 14 * 14) - 1)
    assert (found[0].slices_top, found[0].slices_bottom) == (2.0, 0.0)
    assert found[0].offset > 0.8
    assert found[1].relative_volume == 0.0
    assert found[1].offset == 0.0
    less = reader_habits([small, usual, usual, usual], spacing)[0]
    assert (less.slices_top, less.slices_bottom) == (0.0, -1.0)
    assert less.relative_volume < 0
    assert -2.0 < less.offset < -0.5


def test_an_even_number_of_others_makes_nobody_generous():
    a, b, c = (box((1, 40, 60), (0, 1), (5, 35), (10, 30 + k)) for k in (0, 4, 8))
    found = reader_habits([a, b, c], (1.0, 1.0, 1.0))
    assert found[1].relative_volume == pytest.approx(0.5 * (24 / 20 + 24 / 28) - 1)
    assert found[0].relative_volume < found[1].relative_volume < found[2].relative_volume
    assert abs(found[1].offset) < 0.2  # against the smaller of the two alone it would be about 1
    assert found[0].slices_top is None  # one slice has no range


def test_habits_of_absent_structures():
    mask = box((6, 9, 9), (1, 5), (2, 7), (2, 7))
    none = np.zeros_like(mask)
    missed, seen = reader_habits([none, mask, mask, mask], (1.0, 1.0, 1.0))[:2]
    assert (missed.drew, missed.others_drew, missed.relative_volume, missed.offset) == (False, True, -1.0, None)
    assert (seen.drew, seen.others_drew, seen.relative_volume) == (True, True, 0.0)
    extra = reader_habits([mask, none, none, none], (1.0, 1.0, 1.0))[0]
    assert (extra.drew, extra.others_drew, extra.relative_volume) == (True, False, None)
    assert reader_habits([mask], (1.0, 1.0, 1.0)) == ()


def test_offset_is_signed_and_in_millimetres():
    shape = (1, 60, 60)
    y, x = np.indices(shape[1:])
    radius = np.hypot((y - 30) * 0.7, (x - 30) * 0.7)
    small, large = (radius <= 10)[np.newaxis], (radius <= 14)[np.newaxis]
    assert boundary_offset(large, small, (9.0, 0.7, 0.7)) == pytest.approx(4.0, abs=0.3)
    assert boundary_offset(small, large, (9.0, 0.7, 0.7)) == pytest.approx(-4.0, abs=0.3)


@pytest.mark.parametrize("at_once", [1, 200, 1 << 22])
def test_band_in_slabs_is_that_of_the_whole(at_once, monkeypatch):
    monkeypatch.setattr("napari_aleatoric.uncertainty._reading._readings._AT_ONCE", at_once)
    rng = np.random.default_rng(5)
    drawn = rng.random((31, 12, 14)) < 0.002
    drawn[:, :2] = drawn[12:20] = False
    for voxels in (0.0, 1.0, 2.5, 3.0):
        expected = ndimage.distance_transform_edt(~drawn) <= voxels
        np.testing.assert_array_equal(band(drawn, voxels), expected)
    assert not band(np.zeros_like(drawn), 3.0).any()


def ball(radius: float, centre: tuple[float, float, float] = (20, 20, 20)) -> np.ndarray:
    return sum((axis - c) ** 2 for axis, c in zip(np.indices((41, 41, 41)), centre, strict=True)) <= radius**2


def test_offset_of_shifted_balls_is_none_and_of_a_dilated_one_the_dilation():
    one = (1.0, 1.0, 1.0)
    assert boundary_offset(ball(11), ball(11, (20, 20, 24)), one) == pytest.approx(0.0, abs=1e-9)
    assert boundary_offset(ball(13), ball(11), one) == pytest.approx(2.0, abs=0.15)
    bump = ball(11) | box((41, 41, 41), (18, 23), (18, 23), (31, 37))
    dent = ball(11) & ~box((41, 41, 41), (18, 23), (18, 23), (4, 15))
    outward, inward = boundary_offset(bump, ball(11), one), boundary_offset(dent, ball(11), one)
    assert 0 < outward < 0.5
    assert -0.5 < inward < 0
    assert boundary_offset(ball(11), bump, one) == -outward


def test_who_is_each_others_mirror_image_has_no_offset():
    masks = [ball(11, (20, 20, 20 + shift)) for shift in (-3, 3)]
    habits = reader_habits(masks, (2.0, 1.0, 1.0))
    assert [h.offset for h in habits] == pytest.approx([0.0, 0.0], abs=1e-9)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((3, 4, 5), np.uint8), "readers, Z, Y, X"),
        (np.zeros((2, 3, 4, 5)), "array of integers"),
        (np.full((2, 3, 4, 5), -1), "negative"),
    ],
)
def test_what_is_not_readings_is_refused_in_words(labels, words):
    with pytest.raises(DataError, match=words):
        consensus(labels)


def test_unknown_method_and_too_few_classes_are_refused():
    with pytest.raises(DataError, match="vote, staple, multilabel-staple, got 'mean'"):
        consensus(readings(), "mean")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="below 2"):
        consensus(readings(), n_rows=2)
