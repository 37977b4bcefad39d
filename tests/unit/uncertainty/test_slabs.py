"""Large cases are worked on a few slices at a time: nothing may depend on how they are cut."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_aleatoric.foundation import Box, FilterBankEncoder
from napari_aleatoric.model import Geometry, Volume
from napari_aleatoric.uncertainty import (
    CaseProbabilities,
    CaseSamples,
    LabelScorer,
    LightClassifier,
    ScoreSpec,
    draw_voxels,
    evened,
    gather_features,
    score_label,
    smoothed,
)
from napari_aleatoric.uncertainty._blocks import blocks, classes_in, nth_true
from napari_aleatoric.uncertainty._label_risk import RiskSums

SHAPE = (31, 20, 22)
SPEC = ScoreSpec(samples_per_case=400, rounds=8, scale_margin=2)


def example(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of three classes and a label that partly contradicts them."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(SHAPE)
    label = np.zeros(SHAPE, np.uint16)
    label[((z - 14) / 11) ** 2 + ((y - 9) / 7) ** 2 + ((x - 10) / 7) ** 2 < 1] = 1
    label[((z - 20) / 4) ** 2 + ((y - 9) / 4) ** 2 + ((x - 10) / 4) ** 2 < 1] = 2
    logits = np.stack([4.0 * (label == c) for c in range(3)]) + rng.normal(0, 1, (3, *SHAPE))
    p = np.exp(logits) / np.exp(logits).sum(axis=0)
    wrong = label.copy()
    wrong[24:27, 5:9, 4:9] = 2
    return p.astype(np.float32), wrong


def cut(values: np.ndarray, thickness: list[int]) -> list[np.ndarray]:
    ends = np.cumsum(thickness)
    return [values[:, end - n : end] for n, end in zip(thickness, ends, strict=True)]


THICKNESS = [[31], [1] * 31, [2, 3, 1, 4, 7, 9, 5], [30, 1], [8, 8, 8, 7]]


@pytest.mark.parametrize("thickness", THICKNESS)
def test_smoothing_does_not_depend_on_the_slabs(thickness: list[int]) -> None:
    p, _ = example()
    expected = smoothed(p)
    seen = []
    for slab in evened(iter(cut(p, thickness)), len(p[0])):
        assert np.array_equal(slab.values, expected[:, slab.first : slab.first + slab.values.shape[1]])
        assert slab.first == max(0, slab.start - 1)
        assert slab.first + slab.values.shape[1] == min(31, slab.stop + 1)
        seen += list(range(slab.start, slab.stop))
    assert seen == list(range(31))


@pytest.mark.parametrize("thickness", THICKNESS[1:])
@pytest.mark.parametrize("known", [(1, 2), (1,)])
def test_scores_do_not_depend_on_the_slabs(thickness: list[int], known: tuple[int, ...]) -> None:
    p, label = example()
    grid = np.zeros((33, 24, 25), np.uint16)
    box = Box((1, 2, 3), (32, 22, 25))
    grid[box.slices] = label
    whole = score_label(CaseProbabilities.of(p, box, known), grid, SPEC, voxel_ml=0.5)
    scorer = LabelScorer(grid, box, known, SPEC, voxel_ml=0.5)
    for slab in evened(iter(cut(p, thickness)), 31):
        scorer.add(slab)
    found = scorer.result()
    assert [(v.measure, v.class_index) for v in found.values] == [(v.measure, v.class_index) for v in whole.values]
    for a, b in zip(found.values, whole.values, strict=True):
        # objects are kept in half precision between slabs
        assert a.value == pytest.approx(b.value, rel=2e-3 if "scale" in a.measure else 1e-6), a.measure
    assert found.hot_spots == whole.hot_spots
    assert found.map_classes == whole.map_classes
    assert np.array_equal(found.map_values, whole.map_values)
    assert found.map_values[0].max() > 100


@pytest.mark.parametrize("at", [0, 30])
@pytest.mark.parametrize("thickness", THICKNESS[1:])
def test_the_hottest_place_in_an_outermost_slice_is_seen_by_slabs(thickness: list[int], at: int) -> None:
    p = np.full((2, *SHAPE), 0.1, np.float32)
    p[0] = 0.9
    p[:, at, 8:11, 10:13] = [[[0.02]], [[0.98]]]  # in this slice alone
    risk = 1 - p[0]
    sums = RiskSums(31, (1,))
    whole = RiskSums(31, (1,))
    label = np.zeros(SHAPE, np.uint16)
    for _ in whole.add(p, label, 0, slice(0, 31)):
        pass
    for stop, n in zip(np.cumsum(thickness), thickness, strict=True):
        low, high = max(0, stop - n - 1), min(31, stop + 1)
        for _ in sums.add(p[:, low:high], label[low:high], low, slice(stop - n - low, stop - low)):
            pass
    found, expected = next(iter(sums.result())), next(iter(whole.result()))
    mean = ndimage.uniform_filter(risk, 3, mode="nearest")  # another implementation of the 3x3x3 mean
    assert expected.local_max == pytest.approx(mean.max(), abs=1e-6)
    assert found.local_max == pytest.approx(expected.local_max, abs=1e-6)
    assert found.hottest_zyx == expected.hottest_zyx == (at, 9, 11)


def test_a_class_that_is_only_in_one_slab_is_judged_everywhere() -> None:
    p, label = example()
    label[label == 2] = 0  # predicted only, in some slices
    p[:, :10] = np.array([0.9, 0.06, 0.04], np.float32)[:, None, None, None]
    p[2, 3, 4:7, 4:7], p[0, 3, 4:7, 4:7] = 0.45, 0.49  # nearly, where it is predicted nowhere
    whole = score_label(CaseProbabilities.of(p, Box.whole(SHAPE), (1, 2)), label, SPEC)
    scorer = LabelScorer(label, Box.whole(SHAPE), (1, 2), SPEC)
    for slab in evened(iter(cut(p, [8, 8, 8, 7])), 31):
        scorer.add(slab)
    assert [v.value for v in scorer.result().values] == pytest.approx([v.value for v in whole.values], rel=2e-3)


def test_large_volumes_keep_maps_of_the_classes_that_stand_out(monkeypatch: pytest.MonkeyPatch) -> None:
    p, label = example()
    monkeypatch.setattr("napari_aleatoric.uncertainty._score_label._MAP_BYTES", 2 * label.size)
    found = score_label(CaseProbabilities.of(p, Box.whole(SHAPE), (1, 2)), label, SPEC)
    gaps = {v.class_index: v.value for v in found.values if v.measure == "dice_gap"}
    assert found.map_classes == (0, 1 if gaps[1] > gaps[2] else 2)


@pytest.mark.parametrize("start", [(0, 0, 0), (1, 3, 2)])
def test_predictions_do_not_depend_on_the_slabs(
    monkeypatch: pytest.MonkeyPatch, start: tuple[int, int, int]
) -> None:
    _, label = example()
    image = (40.0 * label + np.random.default_rng(1).normal(0, 10, SHAPE)).astype(np.float32)
    volume = Volume(ndimage.gaussian_filter(image, 0.7), Geometry(SHAPE))
    source, box = FilterBankEncoder().prepare(volume), Box(start, (30, 19, 22))
    voxels = draw_voxels(label[np.newaxis], box, "a", SPEC)
    voxels = voxels[((voxels >= box.start_zyx) & (voxels < box.stop_zyx)).all(axis=1)]
    samples = CaseSamples(gather_features(source, box, voxels), label[tuple(voxels.T)][:, np.newaxis])
    model = LightClassifier(3, SPEC).fit([samples])
    readers = np.stack([label, np.roll(label, 3, axis=1)])
    whole = model.predict(source, box, readers)
    assert len(list(model.predict_slabs(source, box, readers))) == 1
    monkeypatch.setattr("napari_aleatoric.uncertainty._light._SLAB_NUMBERS", 1)
    monkeypatch.setattr("napari_aleatoric.uncertainty._light.TILE_VOXELS", 700)
    slabs = list(model.predict_slabs(source, box, readers))
    assert [s.shape[1] for s in slabs] == [8] * (len(slabs) - 1) + [(30 - start[0]) % 8 or 8]
    assert np.array_equal(np.concatenate(slabs, axis=1), whole)
    assert np.array_equal(model.predict(source, box, readers), whole)


def test_drawing_does_not_depend_on_the_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    _, label = example()
    readers = np.stack([label, np.roll(label, 4, axis=0)])
    once = draw_voxels(readers, Box.whole(SHAPE), "a", SPEC)
    monkeypatch.setattr("napari_aleatoric.uncertainty._samples._AT_ONCE", 1)
    assert np.array_equal(draw_voxels(readers, Box.whole(SHAPE), "a", SPEC), once)
    # against distances on the whole grid
    distance = ndimage.distance_transform_edt(~(readers > 0).any(axis=0))
    near = (distance[tuple(once.T)] <= SPEC.near_voxels).sum()
    assert near >= SPEC.near_fraction * SPEC.samples_per_case


def test_blocks_cover_a_box_once_and_are_compact() -> None:
    box = Box((2, 1, 0), (40, 90, 70))
    seen = np.zeros((42, 92, 72), int)
    for part in blocks(box, 5000):
        seen[part.slices] += 1
        assert part.n_voxels <= 5000
        assert max(part.shape_zyx) <= 4 * min(part.shape_zyx)
    assert np.array_equal(seen[box.slices], np.ones(box.shape_zyx, int))
    assert seen.sum() == box.n_voxels


def test_counting_by_slices_is_numpys() -> None:
    rng = np.random.default_rng(0)
    label = rng.choice([0, 3, 7, 200], (5, 6, 7)).astype(np.uint16)
    assert classes_in(label) == np.unique(label).tolist()
    mask = rng.random((9, 8, 7)) < 0.2
    mask[3] = False
    numbers = rng.permutation(int(mask.sum()))
    assert np.array_equal(nth_true(mask, numbers), np.flatnonzero(mask)[numbers])
