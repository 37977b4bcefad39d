"""Saliency → coarse mask → components → boxes and points: each stage by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.errors import DataError
from napari_aleatoric.segmentation import SliceSpec, coarse_mask, components_of, pointings_of


def blobs() -> np.ndarray:
    """A large blob of 0.7, a small bright one of 0.95, a faint one of 0.4 and a speck of 1, on noise below 0.2."""
    values = np.random.default_rng(3).uniform(0, 0.2, (60, 80))
    values[5:25, 10:40] = 0.7
    values[40:48, 60:70] = 0.95
    values[45:55, 5:25] = 0.4
    values[30, 75] = 1.0
    return values


# -- thresholds --------------------------------------------------------------------------------------


def test_otsu_cuts_where_the_variance_between_the_two_sides_is_greatest() -> None:
    values = blobs()
    found = coarse_mask(values, "otsu")

    def between(level: float) -> float:
        low, high = values[values <= level], values[values > level]
        return float(len(low) * len(high) * (low.mean() - high.mean()) ** 2)

    best = max(between(level) for level in np.linspace(0.01, 0.94, 400))
    assert between(found.level) >= 0.999 * best
    assert found.mask[10, 20]
    assert not found.mask[0, 0]
    assert np.array_equal(found.mask, values > found.level)


def test_two_means_leaves_every_value_with_the_nearer_of_two_centres_that_are_their_means() -> None:
    values = blobs()
    found = coarse_mask(values, "two-means")
    low, high = values[~found.mask].mean(), values[found.mask].mean()
    assert found.level == pytest.approx((low + high) / 2, abs=1e-6)
    nearer_high = np.abs(values - high) < np.abs(values - low)
    assert np.array_equal(found.mask, nearer_high)


def test_fixed_level_is_the_one_given() -> None:
    found = coarse_mask(blobs(), "fixed", 0.3)
    assert found.level == 0.3
    assert found.mask[50, 10]
    assert not coarse_mask(blobs(), "fixed", 0.5).mask[50, 10]


@pytest.mark.parametrize("method", ["otsu", "two-means", "fixed"])
def test_a_map_that_says_nothing_gives_an_empty_mask_and_a_sentence(method) -> None:
    for values in (np.full((9, 9), 0.7), np.zeros((9, 9)), np.full((9, 9), np.nan), np.full((1, 1), 1.0)):
        found = coarse_mask(values, method)
        assert not found.mask.any()
        assert found.remark.endswith("nothing stands out.")
        assert np.isnan(found.level)


@pytest.mark.parametrize("method", ["otsu", "two-means", "fixed"])
def test_nan_counts_as_not_seen_and_does_not_move_the_level(method) -> None:
    values = blobs()
    holed = values.copy()
    holed[:4] = np.nan
    found, without = coarse_mask(holed, method), coarse_mask(values[4:], method)
    assert found.level == pytest.approx(without.level)
    assert np.array_equal(found.mask[4:], without.mask)
    assert not found.mask[:4].any()


def test_a_level_above_everything_is_said() -> None:
    found = coarse_mask(blobs() * 0.5, "fixed", 0.8)
    assert not found.mask.any()
    assert found.remark == "No value of the saliency map is above 0.8."


def test_what_is_no_map_is_refused() -> None:
    with pytest.raises(DataError, match=r"\(Y, X\), got an array of shape \(3, 4, 5\)"):
        coarse_mask(np.zeros((3, 4, 5)))
    with pytest.raises(DataError, match="otsu, two-means or fixed, got 'li'"):
        coarse_mask(np.zeros((3, 4)), "li")  # type: ignore[arg-type]


# -- components --------------------------------------------------------------------------------------


def test_confidence_is_the_mean_saliency_of_a_component_and_decides_who_stays() -> None:
    values = blobs()
    found = components_of(coarse_mask(values, "fixed", 0.3), values)
    by_area = {part.area: part for part in found.parts}
    assert sorted(by_area) == [1, 80, 200, 600]
    assert by_area[600].confidence == pytest.approx(0.7)
    assert by_area[80].confidence == pytest.approx(0.95)
    assert [part.area for part in found.kept] == [80, 600]  # the speck is too small, the faint one too faint
    assert by_area[80].box_xyxy == (60, 40, 69, 47)
    assert found.mask.sum() == 680
    assert not found.mask[50, 10]


def test_if_none_is_confident_the_single_most_confident_stays() -> None:
    values = blobs() * 0.5
    found = components_of(coarse_mask(values, "fixed", 0.15), values)
    assert [part.area for part in found.kept] == [80]


def test_the_cap_keeps_the_first_by_the_chosen_order() -> None:
    values = blobs()
    coarse = coarse_mask(values, "fixed", 0.3)
    assert [p.area for p in components_of(coarse, values, SliceSpec(most_components=1)).kept] == [80]
    largest = SliceSpec(most_components=1, order="area")
    assert [p.area for p in components_of(coarse, values, largest).kept] == [600]


def test_nothing_is_kept_of_nothing() -> None:
    values = np.zeros((20, 20))
    found = components_of(coarse_mask(values), values)
    assert found.parts == ()
    assert found.kept == ()
    assert not found.mask.any()
    assert pointings_of(found) == ()


def test_corners_that_touch_are_one_component() -> None:
    values = np.eye(12)
    found = components_of(coarse_mask(values, "fixed"), values)
    assert len(found.parts) == 1


# -- boxes and points --------------------------------------------------------------------------------


def kept(**options):
    values = blobs()
    spec = SliceSpec(least_confidence=0.3, **options)
    return components_of(coarse_mask(values, "fixed", 0.3), values, spec), spec


def test_a_box_for_each_or_one_round_all() -> None:
    each = pointings_of(*kept())
    assert [p.box_xyxy for p in each] == [(60, 40, 69, 47), (10, 5, 39, 24), (5, 45, 24, 54)]
    one = pointings_of(*kept(boxes="one"))
    assert [p.box_xyxy for p in one] == [(5, 5, 69, 54)]
    assert one[0].confidence == pytest.approx((80 * 0.95 + 600 * 0.7 + 200 * 0.4) / 880)


def test_a_margin_widens_and_the_edge_of_the_slice_stops_it() -> None:
    wide = pointings_of(*kept(box_margin=0.5))
    assert wide[0].box_xyxy == (55, 36, 74, 51)
    assert wide[1].box_xyxy == (0, 0, 54, 34)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), n_inside=st.integers(1, 30), n_outside=st.integers(0, 30))
def test_points_lie_in_their_component_or_beside_all_and_never_twice(seed, n_inside, n_outside) -> None:
    components, spec = kept(seed=seed, n_inside=n_inside, n_outside=n_outside)
    for part, pointing in zip(components.kept, pointings_of(components, spec), strict=True):
        mask = components.of(part)
        assert all(mask[int(y), int(x)] for x, y in pointing.inside_xy)
        assert len(set(pointing.inside_xy)) == n_inside
        x0, y0, x1, y1 = pointing.box_xyxy
        for x, y in pointing.outside_xy:
            assert not components.mask[int(y), int(x)]
            assert abs(x - (x0 + x1) / 2) <= x1 - x0 + 1
            assert abs(y - (y0 + y1) / 2) <= y1 - y0 + 1
        assert len(set(pointing.outside_xy)) == n_outside


def test_a_prompt_is_a_box_or_points_or_both() -> None:
    pointing = pointings_of(*kept(n_inside=3, n_outside=2))[0]
    box, points, both = (pointing.prompt(kind) for kind in ("box", "points", "both"))
    assert box.box_xyxy == pointing.box_xyxy
    assert box.points_xy == ()
    assert points.box_xyxy is None
    assert points.point_labels == (1, 1, 1, 0, 0)
    assert points.points_xy[:3] == pointing.inside_xy
    assert both.box_xyxy == pointing.box_xyxy
    assert both.points_xy == points.points_xy
