from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Box
from napari_aleatoric.model import HotSpot
from napari_aleatoric.uncertainty import (
    CaseProbabilities,
    ScoreSpec,
    class_scale,
    hot_spot,
    label_risk_of,
    perception_scale,
    risk_map,
    score_label,
    smoothed,
    softmin,
)


def example(n_classes: int = 3, shape: tuple[int, int, int] = (6, 7, 8), seed: int = 0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n_classes, *shape))
    p = np.exp(logits) / np.exp(logits).sum(axis=0)
    return p.astype(np.float32), rng.integers(0, n_classes, shape).astype(np.uint16)


def test_parts_of_a_case_worked_by_hand() -> None:
    # one row of five voxels, two classes
    p1 = np.array([0.1, 0.9, 0.8, 0.4, 0.2], np.float32)
    label = np.array([0, 1, 1, 1, 0], np.uint16).reshape(1, 1, 5)
    p = np.stack([1 - p1, p1]).reshape(2, 1, 1, 5)
    whole, first = label_risk_of(p, label)
    # label or prediction: voxels 1, 2, 3
    assert whole.nll_union == pytest.approx(-np.log([0.9, 0.8, 0.4]).mean(), abs=1e-5)
    assert whole.dice_gap == pytest.approx(1 - 2 * 2 / 5)
    # 1 − p(given) = .1 .1 .2 .6 .2: the largest mean of three neighbours
    assert whole.local_max == pytest.approx(1 / 3, abs=1e-5)
    quality = np.array([0.9, 0.9, 0.8, 0.4, 0.8])
    weight = np.exp((1 - quality) / 0.1)
    assert whole.softmin == pytest.approx((quality * weight).sum() / weight.sum(), abs=1e-5)
    # with a single class, it is the whole case
    assert first.class_index == 1
    assert (first.nll_union, first.dice_gap) == pytest.approx((whole.nll_union, whole.dice_gap))


def test_a_perfect_prediction_has_no_risk() -> None:
    _, label = example()
    p = np.stack([(label == c) for c in range(3)]).astype(np.float32)
    for found in label_risk_of(p, label):
        assert found.nll_union == found.local_max == found.dice_gap == 0
        assert found.softmin == 1
    assert not risk_map(p, label).any()


@settings(max_examples=20, deadline=None)
@given(st.permutations([0, 1, 2]), st.integers(0, 50))
def test_permuting_classes_permutes_scores(order: list[int], seed: int) -> None:
    p, label = example(4, seed=seed)
    new_of_old = np.array([0, *(o + 1 for o in order)])
    moved = np.empty_like(p)
    moved[new_of_old] = p
    before = {r.class_index: r for r in label_risk_of(p, label)}
    after = {r.class_index: r for r in label_risk_of(moved, new_of_old[label].astype(np.uint16))}
    for c, found in before.items():
        twin = after[int(new_of_old[c])]
        for part in ("nll_union", "local_max", "dice_gap", "softmin"):
            assert getattr(found, part) == pytest.approx(getattr(twin, part), rel=1e-5)


def test_class_map_asks_whether_it_is_this_class() -> None:
    p, label = example()
    heat = risk_map(p, label, 2)
    np.testing.assert_allclose(heat[label == 2], 1 - p[2][label == 2], atol=1e-6)
    np.testing.assert_allclose(heat[label == 1], p[2][label == 1], atol=1e-6)
    whole = risk_map(p, label)
    np.testing.assert_allclose(whole[label == 1], 1 - p[1][label == 1], atol=1e-6)


def test_worse_labels_score_worse_in_every_part() -> None:
    z, y, x = np.indices((12, 16, 16))
    label = (((z - 6) ** 2 + (y - 8) ** 2 + (x - 8) ** 2) <= 20).astype(np.uint16)
    p1 = np.where(label == 1, 0.95, 0.05).astype(np.float32)
    p = np.stack([1 - p1, p1])
    wrong = label.copy()
    wrong[6:8] = 0
    good, bad = next(label_risk_of(p, label)), next(label_risk_of(p, wrong))
    assert bad.nll_union > good.nll_union
    assert bad.local_max > 3 * good.local_max
    assert bad.dice_gap > good.dice_gap == 0
    assert bad.softmin < good.softmin


def test_empty_label_and_empty_prediction_agree() -> None:
    p = np.stack([np.full((2, 3, 4), 0.98), np.full((2, 3, 4), 0.02)]).astype(np.float32)
    (whole,) = label_risk_of(p, np.zeros((2, 3, 4), np.uint16))
    assert (whole.nll_union, whole.dice_gap) == (0, 0)
    assert whole.local_max == pytest.approx(0.02, abs=1e-6)


def test_nothing_is_said_of_classes_that_were_not_learned() -> None:
    p, label = example(3)
    p[0] += p[2]
    p[2] = 0
    p0, label0 = p.copy(), np.where(label == 2, 0, label).astype(np.uint16)
    found = {r.class_index: r for r in label_risk_of(p, label, known=[1])}
    assert set(found) == {0, 1}
    assert found[0].nll_union < next(label_risk_of(p, label)).nll_union
    everything_known = {r.class_index: r for r in label_risk_of(p0, label0, known=[1, 2])}
    assert set(everything_known) == {0, 1}


def test_other_grids_are_refused() -> None:
    p, label = example()
    with pytest.raises(DataError, match="share one grid"):
        list(label_risk_of(p, label[1:]))


def test_smoothing_keeps_the_sum_and_single_slices() -> None:
    p, _ = example()
    np.testing.assert_allclose(smoothed(p).sum(axis=0), 1, atol=1e-5)
    flat, _ = example(shape=(1, 9, 9))
    assert smoothed(flat).std() < flat.std()
    assert smoothed(p.astype(np.float16)).dtype == np.float16


def test_softmin_lies_between_the_worst_and_the_mean() -> None:
    quality = np.random.default_rng(0).random(500).astype(np.float32)
    assert quality.min() <= softmin(quality) < quality.mean()
    assert softmin(np.full(7, 0.3, np.float32)) == pytest.approx(0.3)


# --- hot spots --------------------------------------------------------------------------------------------------


def test_hottest_place_and_the_slices_around_it() -> None:
    heat = np.zeros((10, 5, 6), np.float32)
    heat[1, 0, 0] = 0.9  # hot, but apart
    heat[[4, 5, 6, 7, 8], 2, 3] = 0.5, 0.8, 1.0, 0.51, 0.4
    assert hot_spot(heat, "m", 2, (10, 20, 30)) == HotSpot("m", 2, (16, 22, 33), (14, 17))


def test_no_heat_no_spot() -> None:
    assert hot_spot(np.zeros((2, 3, 4)), "m", 0) is None
    heat = np.full((2, 3, 4), np.nan)
    heat[1, 1, 1] = 0.1
    found = hot_spot(heat, "m", 0)
    assert found is not None
    assert found.index_zyx == (1, 1, 1)


# --- one label --------------------------------------------------------------------------------------------------


def test_score_label_measures_on_the_box_and_maps_the_whole_grid() -> None:
    shape, box = (14, 18, 20), Box((2, 3, 4), (12, 16, 18))
    label = np.zeros(shape, np.uint16)
    label[6:11, 6:12, 7:13] = 1
    p1 = np.full(box.shape_zyx, 0.04, np.float32)
    p1[label[box.slices] == 1] = 0.96
    p1[8 - 2, 6 - 3 : 12 - 3, 7 - 4 : 13 - 4] = 0.02  # the model sees nothing in slice 8
    probabilities = CaseProbabilities.of(np.stack([1 - p1, p1]), box, [1])
    found = score_label(probabilities, label, ScoreSpec(), voxel_ml=0.5)
    values = {(v.measure, v.class_index): v.value for v in found.values}
    assert values["volume_voxels", 1] == values["volume_voxels", 0] == 180
    assert values["volume_ml", 1] == pytest.approx(90)
    assert found.map_classes == (0, 1)
    assert found.map_values.shape == (2, *shape)
    heat = risk_map(probabilities.values, label[box.slices])
    np.testing.assert_allclose(found.map_values[0][box.slices] / 255, heat, atol=0.5 / 255 + 1e-6)
    assert not found.map_values[:, :2].any()  # not looked at
    spot = next(s for s in found.hot_spots if s.class_index == 1)
    assert 7 <= spot.index_zyx[0] <= 9
    assert spot.slice_range[0] <= 8 <= spot.slice_range[1]
    assert 0 < values["perception_scale", 1] == values["perception_scale", 0] < values["perception_scale_sigma", 1]
    assert found.facts.classes[1].n_voxels == 180


def test_no_map_is_made_when_none_is_wanted() -> None:
    p, label = example(2)
    probabilities = CaseProbabilities.of(p, Box.whole(label.shape), [1])
    assert score_label(probabilities, label, ScoreSpec(maps=False)).map_classes == ()


def test_unknown_voxel_size_gives_no_millilitres() -> None:
    p, label = example(2)
    probabilities = CaseProbabilities.of(p, Box.whole(label.shape), [1])
    found = score_label(probabilities, label, ScoreSpec())
    assert "volume_ml" not in {v.measure for v in found.values}


def test_class_scale_is_that_of_the_cropped_smooth_logits() -> None:
    z, y, x = np.indices((30, 30, 30)) - 15
    distance = 6 - np.sqrt(z**2 + y**2 + x**2)
    p = 1 / (1 + np.exp(-np.clip(distance, -12, 12)))
    found = class_scale(p, distance > 0, 4)
    assert found is not None
    from scipy import ndimage

    logits = ndimage.gaussian_filter(np.clip(distance, -12, 12)[6:25, 6:25, 6:25], 1, mode="nearest")
    assert found[0] == pytest.approx(perception_scale(logits), abs=1e-4)
    assert found[1] == pytest.approx(perception_scale(logits, "sigma"), abs=1e-3)
    assert class_scale(p, np.zeros_like(distance, bool), 4) is None
