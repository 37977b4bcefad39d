from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_aleatoric.foundation import Box, DecodedMaps, EmbeddedVolume, Embedding, JitteredMaps
from napari_aleatoric.model import WHOLE_CASE, ItemKey
from napari_aleatoric.uncertainty import (
    MEASURES,
    SCALE_VARIANTS,
    STRATEGIES,
    ScoreTable,
    adjusted_auv_of,
    auv,
    effective_rank,
    feature_spectrum,
    local_difficulty,
    mask_limits,
    perception_scale,
    rank,
    score_difficulty,
    size_adjusted,
    spectrum,
)


def ball(radius: float, slope: float = 1.0, n: int = 33) -> np.ndarray:
    """Logits of a ball with edges of a slope, clipped to ± 12."""
    axes = np.arange(n) - n // 2
    distance = np.sqrt(sum(a**2 for a in np.meshgrid(axes, axes, axes, indexing="ij")))
    return np.clip(slope * (radius - distance), -12, 12).astype(np.float32)


def embedded(values: np.ndarray, shape_yx: tuple[int, int] = (32, 48)) -> EmbeddedVolume:
    slices = tuple(Embedding(v.astype(np.float16), shape_yx, (32, 48), "t") for v in values)
    return EmbeddedVolume(0, Box((0, 0, 0), (len(values), *shape_yx)), slices)


def decoded(*maps: np.ndarray) -> tuple[DecodedMaps, EmbeddedVolume, np.ndarray]:
    stack = np.stack(maps)
    shape = stack.shape[1:]
    label = np.zeros(shape, dtype=np.uint8)
    for row in range(len(maps)):
        label[stack[row] > 0] = row + 1
    box = Box.whole(shape)
    rng = np.random.default_rng(0)
    slices = tuple(
        Embedding(rng.normal(size=(4, 3, 3)).astype(np.float16), shape[1:], (48, 48), "t") for _ in range(shape[0])
    )
    return DecodedMaps(stack, tuple(range(1, len(maps) + 1)), 0, box), EmbeddedVolume(0, box, slices), label


def values_of(scores: object) -> dict[tuple[str, int], float]:
    return {(v.measure, v.class_index): v.value for v in scores.values}  # type: ignore[attr-defined]


def test_every_variant_is_that_of_a_plain_svd() -> None:
    rng = np.random.default_rng(1)
    wild = ndimage.gaussian_filter(rng.normal(size=(21, 30, 40)), (1, 3, 2)) * 40
    wild = np.clip(wild - 2, -12, 12).astype(np.float32)
    wild[:4], wild[:, :7], wild[..., :8] = -12, -12, -12
    maps, image, label = decoded(wild, wild[::-1, :, ::-1] - 1)
    found = values_of(score_difficulty(maps, image, label))
    inside = np.argwhere(maps.logits[0] > 0)
    low, high = np.maximum(inside.min(axis=0) - 2, 0), inside.max(axis=0) + 3
    crop = maps.logits[0][tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    for name, variant in SCALE_VARIANTS.items():
        field = (maps.logits[0] if variant.field == "full" else crop).astype(np.float64)
        matrix = np.moveaxis(field, variant.unfold, 0).reshape(field.shape[variant.unfold], -1)
        sigma = np.linalg.svd(matrix, compute_uv=False)
        sigma = sigma / sigma.max()
        weight = sigma**2 if variant.energy == "sigma2" else sigma + 1e-6
        p = weight / weight.sum()
        p = p[p > 1e-300]
        assert found[(name, 1)] == pytest.approx(-(p * np.log(p)).sum() / np.log(len(sigma)), abs=2e-4), name
    assert len(SCALE_VARIANTS) == 12
    assert len({round(found[(name, 1)], 6) for name in SCALE_VARIANTS}) == 12  # the variants differ
    for name in SCALE_VARIANTS:
        assert found[(name, WHOLE_CASE)] == pytest.approx((found[(name, 1)] + found[(name, 2)]) / 2)
        assert MEASURES[name].question.value == "difficulty"


def test_blur_lowers_the_scale_and_so_raises_the_difficulty() -> None:
    scales = [perception_scale(ball(16, slope, 64)) for slope in (0.3, 1, 3, 10)]
    assert scales == sorted(scales)


def test_effective_rank_counts_directions() -> None:
    assert effective_rank(np.ones(5)) == pytest.approx(5)
    assert effective_rank(np.array([1.0, 0, 0])) == pytest.approx(1)
    assert effective_rank(np.zeros(3)) == 0
    assert effective_rank(np.array([2.0, 1.0])) == pytest.approx(
        np.exp(-(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3)))
    )


def test_features_are_read_inside_the_mask_only() -> None:
    """Two tokens wide and three high; tokens of 16 pixels of the input, the slice at its own size."""
    values = np.zeros((1, 3, 2, 3))
    values[0, :, 0, 0] = (9, 0, 0)  # upper left
    values[0, :, 1, 2] = (0, 4, 0)  # lower right
    image = embedded(values)
    mask = np.zeros((1, 32, 48), dtype=bool)
    assert feature_spectrum(image, mask) is None
    mask[0, :16, :16] = True
    np.testing.assert_allclose(feature_spectrum(image, mask), [9.0], rtol=1e-3)
    mask[0, 16:, 32:] = True
    found = feature_spectrum(image, mask)
    np.testing.assert_allclose(found, [9.0, 4.0], rtol=1e-3)
    mask[0, 16:, 32:40] = False  # half of a token counts half: sqrt(1/2) of its length
    np.testing.assert_allclose(feature_spectrum(image, mask), [9.0, 4.0 * np.sqrt(0.5)], rtol=1e-3)


def test_features_of_a_slice_shown_larger_than_it_is() -> None:
    """A slice of 16 × 24 pixels that fills an input of 32 × 48: a token is 8 pixels."""
    values = np.zeros((1, 3, 2, 3))
    values[0, :, 1, 2] = (0, 4, 0)
    image = embedded(values, (16, 24))
    mask = np.zeros((1, 16, 24), dtype=bool)
    mask[0, 8:, 16:] = True
    np.testing.assert_allclose(feature_spectrum(image, mask), [4.0], rtol=1e-3)


def test_local_difficulty_lies_on_borders_and_stays_in_bounds() -> None:
    logits = ball(9)
    found = local_difficulty(logits)
    assert found.shape == logits.shape
    assert found.min() >= 0
    assert found.max() <= 1
    near = ndimage.maximum_filter(np.abs(logits) < 2, size=(3, 5, 5))
    assert found[~near].max() == 0
    assert found[np.abs(logits) < 2].min() > 0
    # one scale for all: the same place gives the same number whatever else is in the map
    wide = np.pad(logits, ((0, 0), (0, 20), (0, 30)), constant_values=-12)
    np.testing.assert_allclose(local_difficulty(wide)[:, :20, :20], found[:, :20, :20], atol=1e-6)


def test_local_difficulty_is_one_minus_the_scale_of_the_window() -> None:
    logits = ball(9)
    found = local_difficulty(logits)
    z, y, x = 16, 8, 16  # on the border, on a place where a window is computed and not interpolated
    window = logits[z - 2 : z + 3, y - 2 : y + 3, x - 2 : x + 3]
    assert found[z, y, x] == pytest.approx(1 - perception_scale(window, "sigma"), abs=1e-3)
    assert found[z, y, x] != pytest.approx(1 - perception_scale(window, "sigma2"), abs=1e-2)


def test_local_difficulty_uses_its_range_along_a_border() -> None:
    # a border that some slices have elsewhere than others is no matter of one direction
    logits = ball(9)
    moved = logits.copy()
    moved[::2] = np.roll(logits[::2], 2, axis=1)
    where = np.abs(logits[14:19]) < 2
    assert local_difficulty(moved)[14:19][where].mean() < local_difficulty(logits)[14:19][where].mean() - 0.1
    straight = np.broadcast_to(np.linspace(-6, 6, 24, dtype=np.float32), (9, 20, 24))
    assert local_difficulty(np.ascontiguousarray(straight))[4, 10, 11:13] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 20, 30), (3, 4, 5), (1, 1, 1), (2, 1, 9)])
def test_local_difficulty_of_small_maps(shape: tuple[int, int, int]) -> None:
    logits = np.random.default_rng(0).normal(0, 4, shape).astype(np.float32)
    found = local_difficulty(logits)
    assert found.shape == shape
    assert np.isfinite(found).all()
    assert (local_difficulty(np.full(shape, -12, np.float32)) == 0).all()


def test_local_difficulty_does_not_depend_on_the_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    wild = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(27, 30, 21)), 1.5) * 40
    wild = wild.clip(-12, 12).astype(np.float32)
    whole = local_difficulty(wild)
    assert (whole > 0.2).mean() > 0.2
    monkeypatch.setattr("napari_aleatoric.uncertainty._local_scale._CELLS", 1)
    assert np.array_equal(local_difficulty(wild), whole)
    few = local_difficulty(wild, (9, 3, 5))
    monkeypatch.undo()
    assert np.array_equal(few, local_difficulty(wild, (9, 3, 5)))


def test_maps_come_per_class_with_the_largest_first() -> None:
    maps, image, label = decoded(ball(5), np.roll(ball(4), 8, axis=1))
    spread = np.zeros_like(maps.logits)
    spread[1, 3:6, 4:9, 5:11] = 0.4
    jittered = JitteredMaps(spread, (1.0, 0.7), (1, 2), 0, maps.box)
    scores = score_difficulty(maps, image, label, jittered)
    assert scores.map_classes == (WHOLE_CASE, 1, 2)
    assert set(scores.maps) == {"difficulty", "prompt_spread"}
    for rows in scores.maps.values():
        assert rows.dtype == np.uint8
        np.testing.assert_array_equal(rows[0], rows[1:].max(axis=0))
    assert scores.maps["prompt_spread"][2, 4, 6, 7] == 102
    assert scores.maps["prompt_spread"][1].max() == 0
    found = values_of(scores)
    assert found[("prompt_spread", 2)] == pytest.approx(0.3)
    assert found[("prompt_spread", WHOLE_CASE)] == pytest.approx(0.15)


def test_nothing_labelled_nothing_said() -> None:
    maps, image, label = decoded(ball(5))
    none = DecodedMaps(maps.logits[:0], (), 0, maps.box)
    scores = score_difficulty(none, image, np.zeros_like(label))
    assert scores.values == ()
    assert scores.maps == {}


def test_one_cell_and_constant_maps_have_a_scale_of_nought() -> None:
    one = np.full((9, 9, 9), -12, np.float32)
    maps, image, label = decoded(one)
    label[4, 4, 4] = 1
    found = values_of(score_difficulty(maps, image, label))
    assert found[("scale_sigma2_slices_full", 1)] == pytest.approx(0, abs=1e-6)
    assert all(np.isfinite(v) for v in found.values())


def test_a_single_slice_is_read_by_its_rows() -> None:
    flat = ball(9)[16][np.newaxis]
    maps, image, label = decoded(flat)
    found = values_of(score_difficulty(maps, image, label))
    sigma = spectrum(flat, 1)
    assert len(sigma) == 33
    assert found[("scale_sigma2_slices_full", 1)] == found[("scale_sigma2_rows_full", 1)] > 0


def test_mask_limits_follow_the_label() -> None:
    image = np.arange(1000.0).reshape(10, 10, 10)
    where = image >= 500
    assert mask_limits(image, where) == pytest.approx(np.percentile(image[where], (0.5, 99.5)))
    assert mask_limits(image, np.zeros_like(where)) is None
    image[where] = np.nan
    assert mask_limits(image, where) is None


def test_size_is_taken_out() -> None:
    rng = np.random.default_rng(0)
    voxels = np.exp(rng.uniform(3, 9, 200))
    own = rng.normal(0, 0.2, 200)
    scales = np.exp(-4 + 0.3 * np.log(voxels) + own)
    adjusted = size_adjusted(scales, voxels)
    assert abs(np.corrcoef(np.log(voxels), np.log(scales))[0, 1]) > 0.8
    assert abs(np.corrcoef(np.log(voxels), np.log(adjusted))[0, 1]) < 1e-6
    assert np.corrcoef(own, np.log(adjusted))[0, 1] > 0.98
    scales[3] = np.nan
    assert np.isnan(size_adjusted(scales, voxels)[3])
    np.testing.assert_array_equal(size_adjusted([0.1, 0.2], [10, 20]), [0.1, 0.2])
    np.testing.assert_array_equal(size_adjusted([0.1, 0.2, 0.4], [10, 10, 10]), [0.1, 0.2, 0.4])


def test_ranking_beyond_size() -> None:
    keys = [ItemKey(f"c{i}", "") for i in range(6)]
    voxels = np.array([10.0, 20, 40, 80, 160, 320])
    scales = 0.01 * voxels**0.5
    scales[2] *= 0.8  # harder than its size explains
    columns = {("perception_scale", 0): scales, ("volume_voxels", 0): voxels}
    table = ScoreTable(keys, columns)
    assert rank(table, "difficulty").order[0] == 0  # the smallest
    assert rank(table, "difficulty_beyond_size").order[0] == 2
    np.testing.assert_allclose(adjusted_auv_of(table), auv(size_adjusted(scales, voxels)))
    assert STRATEGIES["prompt_spread"].question is STRATEGIES["difficulty"].question


def test_a_cohort_of_one_has_an_answer() -> None:
    table = ScoreTable(
        [ItemKey("only", "")],
        {("perception_scale", 0): np.array([0.2]), ("volume_voxels", 0): np.array([50.0])},
    )
    assert rank(table, "difficulty").score[0] == 0.5
    assert rank(table, "difficulty_beyond_size").score[0] == 0.5


def test_many_classes_in_a_large_volume_do_not_all_get_a_map(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_aleatoric.uncertainty import _class_maps

    maps, image, label = decoded(ball(5), np.roll(ball(4), 8, axis=1), np.roll(ball(3), -9, axis=2))
    spread = np.zeros_like(maps.logits)
    spread[0, 2, 2, 2] = 0.8
    jittered = JitteredMaps(spread, (0.9, 0.5, 0.7), (1, 2, 3), 0, maps.box)
    monkeypatch.setattr(_class_maps, "_MAP_BYTES", 3 * label.size)
    scores = score_difficulty(maps, image, label, jittered)
    assert scores.map_classes == (WHOLE_CASE, 2, 3)  # whose answers move most
    assert scores.maps["prompt_spread"].shape == (3, *label.shape)
    assert scores.maps["prompt_spread"][0, 2, 2, 2] == 204  # of class 1, in the largest of all
    assert scores.maps["prompt_spread"][1:].max() == 0
    assert {v.class_index for v in scores.values if v.measure == "perception_scale"} == {0, 1, 2, 3}
