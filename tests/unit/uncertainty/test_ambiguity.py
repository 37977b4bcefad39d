"""Ambiguity from probabilities: against plain second implementations, by hand, and whatever the slabs."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.special import expit
from scipy.stats import entropy as scipy_entropy
from skimage.measure import label, regionprops

from napari_aleatoric.foundation import Box
from napari_aleatoric.uncertainty import (
    AMBIGUITY_MAP,
    MUTUAL_INFORMATION_MAP,
    AmbiguityScorer,
    Slab,
    SoftOverlap,
    ensemble_maps,
    levelset_spread,
    mean_entropy,
    near_rim,
    rank_product,
    rim_distance,
    soft_dice_gap,
)

SHAPE = (17, 14, 15)


def ball(slope: float, radius: float = 5.0, centre: tuple[float, ...] = (8, 7, 7)) -> np.ndarray:
    """Probabilities that fall off with the distance from the border of a ball."""
    z, y, x = np.indices(SHAPE)
    away = radius - np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)
    return np.asarray(expit(slope * away), dtype=np.float32)


def two_classes(slopes: tuple[float, float] = (2.0, 0.7)) -> np.ndarray:
    a, b = ball(slopes[0], 4.1, (6, 6, 6)), ball(slopes[1], 3.05, (11, 8, 9))
    p = np.stack([(1 - a) * (1 - b), a * (1 - b), b])
    return np.asarray(p / p.sum(axis=0), dtype=np.float32)


def plain_spread(p: np.ndarray) -> float:
    """Part by part, with another program's connected parts."""
    levels = np.array([0.2, 0.4, 0.6, 0.8])
    regions = regionprops(label(p > levels[0], connectivity=1))
    reached = [int((p[tuple(region.coords.T)].max() > levels).sum()) for region in regions]
    counted = np.zeros(p.shape, bool)
    for region, n in zip(regions, reached, strict=True):
        if n == max(reached):
            counted[tuple(region.coords.T)] = True
    sets = [counted & (p > t) for t in levels]
    dice = [2 * (a & b).sum() / max((a.sum() + b.sum()), 1) for a, b in combinations(sets, 2)]
    return float(1 - np.mean(dice))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 1.0))
def test_levelset_against_sets(seed: int, top: float) -> None:
    p = top * np.random.default_rng(seed).random((3, 4, 5))
    if (p > 0.2).any():
        assert levelset_spread(p) == pytest.approx(plain_spread(p))
    else:
        assert math.isnan(levelset_spread(p))


def test_levelset_by_hand() -> None:
    # sets of 4, 3, 2 and 1 voxels: Dice 6/7, 4/6, 2/5, 4/5, 2/4, 2/3
    expected = 1 - np.mean([6 / 7, 4 / 6, 2 / 5, 4 / 5, 2 / 4, 2 / 3])
    assert levelset_spread(np.array([0.0, 0.3, 0.5, 0.7, 0.9])) == pytest.approx(expected)
    assert levelset_spread(np.array([0.0, 1.0, 1.0])) == 0
    # never likely: more ambiguous than nearly likely
    assert levelset_spread(np.array([0.5, 0.5])) == pytest.approx(1 - 1 / 6)
    assert levelset_spread(np.array([0.3])) == 1
    assert math.isnan(levelset_spread(np.array([0.1, 0.2])))


def test_what_looks_a_little_like_the_class_elsewhere_does_not_count() -> None:
    sure = np.array([0.0, 0.3, 0.5, 0.7, 0.9])
    beside = np.concatenate([sure, [0.0, 0.3, 0.5, 0.3, 0.0, 0.7]])
    assert levelset_spread(beside) == levelset_spread(sure)
    # nowhere sure: the parts that come nearest count, all of them
    assert levelset_spread(np.array([0.7, 0.0, 0.5, 0.5, 0.0, 0.7])) == levelset_spread(np.array([0.7, 0.7]))


def test_a_blurred_border_is_more_ambiguous() -> None:
    sharp, soft = ball(6.0), ball(0.8)
    assert levelset_spread(sharp) < 0.1 < levelset_spread(soft)
    assert mean_entropy(sharp) < mean_entropy(soft)


def test_mean_entropy_against_scipy() -> None:
    p = ball(1.0).astype(float)
    inside = p >= 0.1
    expected = scipy_entropy(np.stack([p, 1 - p]), axis=0)[inside].sum() / p[inside].sum()
    assert mean_entropy(p) == pytest.approx(expected, rel=1e-5)
    assert math.isnan(mean_entropy(np.zeros(3)))


@pytest.mark.parametrize("voxel", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (0.7, 1.4, 0.7)])
def test_distance_to_the_border_against_all_pairs(voxel: tuple[float, float, float]) -> None:
    mask = np.random.default_rng(3).random((6, 7, 8)) < 0.06
    mask[2:4, 3:6, 2:5] = True
    index = np.argwhere(np.ones(mask.shape, bool))
    rim = []
    for i in index:
        near = [i + step for step in np.vstack([np.eye(3, dtype=int), -np.eye(3, dtype=int)])]
        near = [n for n in near if (n >= 0).all() and (n < mask.shape).all()]
        if any(mask[tuple(n)] != mask[tuple(i)] for n in near):
            rim.append(i)
    size = np.array(voxel) / min(voxel)
    expected = cdist(index * size, np.array(rim) * size).min(axis=1).reshape(mask.shape)
    np.testing.assert_allclose(rim_distance(mask, voxel), expected, rtol=1e-6)


def test_distance_does_not_depend_on_the_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros((60, 5, 6), bool)
    mask[20:24, 1:4, 2:5] = True
    mask[50, 2, 2] = True
    whole = rim_distance(mask, (1.0, 2.0, 1.0))
    assert np.isinf(whole[0]).all()  # farther than the reach
    assert np.isfinite(whole[10]).any()
    monkeypatch.setattr("napari_aleatoric.uncertainty._rim._AT_ONCE", 1)
    assert np.array_equal(rim_distance(mask, (1.0, 2.0, 1.0)), whole)
    assert np.isinf(rim_distance(np.ones((3, 3, 3), bool))).all()


def test_entropy_counts_near_the_border_only() -> None:
    h = np.full(4, math.log(2))
    np.testing.assert_allclose(
        near_rim(h, np.array([0, 3, 6, np.inf])), [1, math.exp(-1), math.exp(-2), 0], rtol=1e-6
    )
    # second by entropy and first by nearness; the tie shares the mean rank
    found = rank_product(np.array([0.1, 0.5, 0.5, 0.9]), np.array([4.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(found, np.array([1 * 1, 2.5 * 4, 2.5 * 3, 4 * 2]) / 16)


def score(p: np.ndarray, thickness: list[int], **options: object) -> AmbiguityScorer:
    scorer = AmbiguityScorer((20, 16, 18), Box((1, 2, 3), (18, 16, 18)), (1, 2), **options)  # type: ignore[arg-type]
    first = 0
    for n in thickness:
        low, high = max(0, first - 1), min(SHAPE[0], first + n + 1)
        scorer.add(Slab(low, first, first + n, p[:, low:high]))
        first += n
    return scorer


def test_scores_are_those_of_the_functions_and_no_label_is_needed() -> None:
    p = two_classes()
    found = score(p, [17]).result()
    values = {(v.measure, v.class_index): v.value for v in found.values}
    for c in (1, 2):
        assert values["levelset", c] == pytest.approx(levelset_spread(p[c]))
        assert values["predictive_entropy", c] == pytest.approx(mean_entropy(p[c]), rel=1e-5)
    assert values["levelset", 0] == pytest.approx((values["levelset", 1] + values["levelset", 2]) / 2)
    assert values["levelset", 2] > 2 * values["levelset", 1]
    assert {m for m, _ in values} == {"levelset", "predictive_entropy"}


def test_map_is_entropy_near_the_border_on_the_whole_grid() -> None:
    p = two_classes()
    found = score(p, [17], voxel_zyx=(2.0, 1.0, 1.0)).result()
    rows = found.maps[AMBIGUITY_MAP]
    assert rows.shape == (3, 20, 16, 18)
    assert found.map_classes == (0, 1, 2)
    box = (slice(1, 18), slice(2, 16), slice(3, 18))
    for row, c in ((1, 1), (2, 2)):
        h = scipy_entropy(np.stack([p[c], 1 - p[c]]).astype(float), axis=0)
        expected = near_rim(h, rim_distance(p[c] > 0.5, (2.0, 1.0, 1.0)))
        np.testing.assert_allclose(rows[row][box] / 255.0, np.where(p[c] < 0.02, 0, expected), atol=0.012)
    assert np.array_equal(rows[0], rows[1:].max(axis=0))
    assert not rows[:, 0].any()
    spots = {s.class_index: s for s in found.hot_spots}
    assert set(spots) == {0, 1, 2}
    for spot in spots.values():
        assert rows[spot.class_index][spot.index_zyx] > 200
    z = spots[2].index_zyx[0]
    assert spots[2].slice_range[0] <= z <= spots[2].slice_range[1]


@pytest.mark.parametrize("thickness", [[1] * 17, [5, 3, 9], [16, 1]])
def test_nothing_depends_on_the_slabs(thickness: list[int]) -> None:
    p = two_classes()
    whole, cut = score(p, [17]).result(), score(p, thickness).result()
    assert np.array_equal(whole.maps[AMBIGUITY_MAP], cut.maps[AMBIGUITY_MAP])
    assert whole.hot_spots == cut.hot_spots
    for a, b in zip(whole.values, cut.values, strict=True):
        assert (a.measure, a.class_index) == (b.measure, b.class_index)
        assert a.value == pytest.approx(b.value, rel=1e-6)


def test_a_class_that_is_never_likely_still_has_a_border() -> None:
    p = two_classes()
    p[2] = 0.45 * p[2]
    p[0] = 1 - p[1] - p[2]
    found = score(p, [17]).result()
    assert found.maps[AMBIGUITY_MAP][2].max() > 150
    nothing = np.zeros_like(p)
    nothing[0] = 1
    assert score(nothing, [17]).result().values == ()
    assert score(nothing, [17]).result().maps == {}
    assert score(p, [17], maps=False).result().maps == {}


def test_large_images_keep_maps_of_the_most_ambiguous_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_aleatoric.uncertainty._packed._MAP_BYTES", 2 * 20 * 16 * 18)
    found = score(two_classes(), [17]).result()
    assert found.map_classes == (0, 2)
    full = two_classes()
    monkeypatch.undo()
    assert np.array_equal(found.maps[AMBIGUITY_MAP][0], score(full, [17]).result().maps[AMBIGUITY_MAP][0])


def test_an_ensemble_adds_its_entropies() -> None:
    members = [two_classes((2.0, 0.7)), two_classes((1.0, 2.0)), np.roll(two_classes(), 1, axis=2)]
    box, parts = Box.whole(SHAPE), ((0, 6), (6, 17))
    scorer = AmbiguityScorer(SHAPE, box, (1, 2))
    for start, stop in parts:
        together = ensemble_maps(*(m[:, start:stop] for m in members))
        scorer.add(Slab(start, start, stop, together.mean), together)
    found = scorer.result()
    whole = ensemble_maps(*members)
    values = {(v.measure, v.class_index): v.value for v in found.values}
    for c in (1, 2):
        assert values["member_spread", c] == pytest.approx(whole.member_spread(c))
        assert values["levelset", c] == pytest.approx(levelset_spread(whole.mean[c]))
        for name, entropy in (
            ("predictive_entropy", whole.class_predictive),
            ("expected_entropy", whole.class_expected),
            ("mutual_information", whole.class_mutual_information),
        ):
            assert values[name, c] == pytest.approx(mean_entropy(whole.mean[c], entropy[c]), rel=1e-4)
        assert values["expected_entropy", c] + values["mutual_information", c] == pytest.approx(
            values["predictive_entropy", c]
        )
    assert len(found.maps) == 4
    disagree = found.maps[MUTUAL_INFORMATION_MAP][1] / 255.0
    seen = whole.mean[1] >= 0
    np.testing.assert_allclose(disagree[seen], (whole.class_mutual_information[1] / math.log(2))[seen], atol=0.003)


def test_soft_dice_against_its_formula_and_by_slabs() -> None:
    p = two_classes()
    label = p.argmax(axis=0).astype(np.uint16)
    label[6:9] = 0
    plain = 1 - 2 * (p[1] * (label == 1)).sum() / (p[1].sum() + (label == 1).sum())
    assert soft_dice_gap(p[1], label == 1) == pytest.approx(plain, rel=1e-5)
    assert soft_dice_gap(np.array([1.0, 0.0]), np.array([True, False])) == 0
    assert math.isnan(soft_dice_gap(np.zeros(2), np.zeros(2, bool)))
    grid = np.zeros((20, 16, 18), np.uint16)
    box = Box((1, 2, 3), (18, 16, 18))
    grid[box.slices] = label
    sums = SoftOverlap(grid, box, (1, 2))
    for start, stop in ((0, 4), (4, 5), (5, 17)):
        low = max(0, start - 1)
        sums.add(Slab(low, start, stop, p[:, low : stop + 1]))
    values = {v.class_index: v.value for v in sums.result()}
    assert values[1] == pytest.approx(plain, rel=1e-5)
    assert values[0] == pytest.approx((values[1] + values[2]) / 2)
    label[label == 2] = 0
    grid[box.slices] = label
    without = SoftOverlap(grid, box, (1, 2))
    without.add(Slab(0, 0, 17, p))
    assert {v.class_index for v in without.result()} == {0, 1}  # nothing to overlap with
