"""Very large blocks are looked at coarsely first: what matters comes out as if every voxel had been predicted."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from scipy import ndimage

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.foundation import Box, FilterBankEncoder
from napari_aleatoric.model import Geometry, Volume
from napari_aleatoric.uncertainty import (
    CaseSamples,
    LightClassifier,
    ScoreSpec,
    draw_voxels,
    gather_features,
    label_risk_of,
    risk_map,
    smoothed,
)
from napari_aleatoric.uncertainty import _coarse_look as coarse_look
from napari_aleatoric.uncertainty import _light as light
from napari_aleatoric.uncertainty import _trees as trees
from napari_aleatoric.uncertainty._coarse_look import cell_sizes
from napari_aleatoric.uncertainty._label_risk import local_mean

SHAPE = (46, 60, 66)
SPEC = ScoreSpec(samples_per_case=1500, rounds=25)
SOURCE_OF = FilterBankEncoder()


def ball(centre: tuple[int, int, int], radius: float, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    grid = np.indices(shape) - np.array(centre).reshape(3, 1, 1, 1)
    return (grid**2).sum(axis=0) <= radius**2


def case(seed: int, shape: tuple[int, int, int] = SHAPE) -> tuple[Volume, np.ndarray]:
    """Four organs of their own brightness at places of their own."""
    rng = np.random.default_rng(seed)
    label = np.zeros(shape, np.uint16)
    for c, (centre, radius) in enumerate(
        [((20, 20, 20), 13), ((18, 18, 24), 6), ((26, 40, 44), 9), ((30, 18, 50), 5)], start=1
    ):
        moved = tuple(int(v + rng.integers(-2, 3)) for v in centre)
        label[ball(moved, radius, shape)] = c
    image = np.array([0.0, 60.0, 100.0, 140.0, 30.0])[label] + rng.normal(0, 5, shape)
    return Volume(image.astype(np.float32), Geometry(shape)), label


def samples(seed: int) -> CaseSamples:
    volume, label = case(seed)
    voxels = draw_voxels(label[np.newaxis], Box.whole(SHAPE), f"case{seed}", SPEC)
    features = gather_features(SOURCE_OF.prepare(volume), Box.whole(SHAPE), voxels)
    return CaseSamples(features, label[tuple(voxels.T)][:, np.newaxis])


@pytest.fixture(scope="module")
def model() -> LightClassifier:
    return LightClassifier(5, SPEC).fit([samples(s) for s in range(4)])


@pytest.fixture(scope="module")
def exact(model: LightClassifier) -> np.ndarray:
    """Every voxel of case 99, predicted."""
    volume, _ = case(99)
    return model.probabilities(SOURCE_OF.prepare(volume).read().rows).T.reshape(5, *SHAPE)


@pytest.fixture
def coarsely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of this size are large, and a cell has about 4 voxels along every axis."""
    monkeypatch.setattr(light, "_EXACT_VOXELS", 1)
    monkeypatch.setattr(coarse_look, "_MOST_CELLS", math.prod(SHAPE) // 60)
    monkeypatch.setattr(light, "_SLAB_NUMBERS", 5 * 60 * 66 * 9)


def look(model: LightClassifier, label: np.ndarray, box: Box | None = None) -> np.ndarray:
    volume, _ = case(99)
    readers = label if label.ndim == 4 else label[np.newaxis]
    return model.predict(SOURCE_OF.prepare(volume), Box.whole(SHAPE) if box is None else box, readers)


def near_border(label: np.ndarray) -> np.ndarray:
    return ndimage.maximum_filter(label, size=5) != ndimage.minimum_filter(label, size=5)


# --- cells ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((600, 512, 512), (4, 4, 4)), ((40, 1024, 1024), (1, 4, 4)), ((100, 100, 100), (1, 1, 1))],
)
def test_cells_are_as_fine_as_there_is_time_for(
    shape: tuple[int, int, int], expected: tuple[int, int, int]
) -> None:
    assert cell_sizes(shape, 3_000_000) == expected
    assert max(cell_sizes((4000, 4000, 4000), 3_000_000)) == 5  # a middle must not be farther than borders reach


# --- what matters -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("coarsely")
def test_borders_and_doubts_are_predicted_themselves_and_the_rest_is_its_cells(
    model: LightClassifier, exact: np.ndarray
) -> None:
    _, label = case(99)
    wrong = np.where(label == 4, 0, label)  # no border is left there
    assert cell_sizes(SHAPE, coarse_look._MOST_CELLS) == (4, 4, 5)
    found = look(model, wrong)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=2e-6)
    border = near_border(wrong)
    difference = np.abs(found - exact).max(axis=0)
    # a class of less than 0.1 % all around is not asked; a tree may turn the other way where a feature is rounded
    assert (difference[border] < 0.005).mean() > 0.99
    assert (difference[border] < 0.1).mean() > 0.999
    doubted = np.take_along_axis(exact, wrong[np.newaxis].astype(int), 0)[0] < 0.5
    assert (difference[doubted] < 0.02).mean() > 0.98
    assert (doubted & ~border).sum() > 50
    # the middle of a cell holds for all of it, where nothing is doubted
    z, y, x = 6, 50, 12  # of the cell from (4, 48, 10)
    assert label[0:12, 44:56, 5:20].max() == 0
    assert exact[0, 0:12, 44:56, 5:20].min() > 0.97
    assert np.abs(found[:, 4:8, 48:52, 10:15] - exact[:, z, y, x, None, None, None]).max() < 1e-3
    assert np.ptp(exact[0, 4:8, 48:52, 10:15]) > 1e-6


def planted() -> dict[str, np.ndarray]:
    _, label = case(99)
    far, hole, gone, moved = label.copy(), label.copy(), label.copy(), label.copy()
    far[ball((40, 52, 8), 2)] = 3  # a blob far from every label
    hole[ball((27, 40, 44), 4)] = 0  # deep in an organ, all around labelled the same
    gone[label == 4] = 0
    moved = np.where(label == 3, 0, label)
    moved[np.roll(label == 3, (3, 2, -2), (0, 1, 2))] = 3
    return {"none": label, "far": far, "hole": hole, "gone": gone, "moved": moved}


@pytest.mark.usefixtures("coarsely")
@pytest.mark.parametrize("kind", ["none", "far", "hole", "gone", "moved"])
def test_the_parts_and_the_map_are_those_of_predicting_every_voxel(
    model: LightClassifier, exact: np.ndarray, kind: str
) -> None:
    label = planted()[kind]
    even, true = smoothed(look(model, label)), smoothed(exact)
    for a, b in zip(label_risk_of(even, label), label_risk_of(true, label), strict=True):
        assert a.class_index == b.class_index
        assert a.softmin == pytest.approx(b.softmin, abs=0.03)  # the grain of far voxels counts in it
        assert a.nll_union == pytest.approx(b.nll_union, rel=0.02, abs=0.01)
        assert a.local_max == pytest.approx(b.local_max, abs=0.02)
        assert a.dice_gap == pytest.approx(b.dice_gap, abs=0.005)
        if b.local_max > 0.6:
            there = local_mean(risk_map(true, label, a.class_index))[a.hottest_zyx]
            assert there >= b.local_max - 0.02  # another place may be as hot
    difference = np.abs(risk_map(even, label) - risk_map(true, label))
    assert difference.mean() < 0.003
    assert (difference[risk_map(true, label) > 0.5] < 0.1).mean() > 0.98
    if kind == "far":
        assert risk_map(even, label)[40, 52, 8] > 0.8


@pytest.mark.usefixtures("coarsely")
def test_where_doubt_is_everywhere_only_its_greatest_changes_are_looked_at(
    model: LightClassifier, exact: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, label = case(99)
    other = np.where(label == 0, 4, label).astype(np.uint16)  # all the background doubted
    asked: list[int] = []
    among = trees.Trees.among
    monkeypatch.setattr(
        trees.Trees, "among", lambda self, rows, *more: asked.append(len(rows)) or among(self, rows, *more)
    )
    found = look(model, other)
    everything = sum(asked)
    monkeypatch.setattr(coarse_look, "_MOST_CHANGING", 15_000)
    asked.clear()
    few = look(model, other)
    assert sum(asked) <= near_border(other).sum() + 15_000
    assert sum(asked) > near_border(other).sum() + 5_000
    assert everything > near_border(other).sum() + 25_000
    assert np.abs(few - exact).mean() < 0.02
    assert np.abs(few - found).max() > 0


@pytest.mark.usefixtures("coarsely")
def test_only_classes_that_are_possible_are_asked_about(
    model: LightClassifier, exact: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, label = case(99)
    shares: list[np.ndarray] = []
    among = trees.Trees.among

    def listening(self: trees.Trees, rows: np.ndarray, possible: np.ndarray, others: np.ndarray) -> np.ndarray:
        shares.append(possible.sum(axis=1))
        return among(self, rows, possible, others)

    monkeypatch.setattr(trees.Trees, "among", listening)
    found = look(model, label)
    assert np.concatenate(shares).mean() < 3.5
    monkeypatch.setattr(coarse_look, "_FAINT", -1.0)
    shares.clear()
    all_asked = look(model, label)
    assert np.concatenate(shares).min() == 5
    assert (np.abs(found - all_asked).max(axis=0) < 0.02).mean() > 0.9995
    assert np.abs(found - all_asked).mean() < 1e-4


# --- how it is cut, and by how many ------------------------------------------------------------------------------


@pytest.mark.usefixtures("coarsely")
@pytest.mark.parametrize("start", [(0, 0, 0), (3, 5, 1)])
def test_slabs_and_threads_change_nothing(
    model: LightClassifier, monkeypatch: pytest.MonkeyPatch, start: tuple[int, int, int]
) -> None:
    _, label = case(99)
    readers = np.stack([label, np.roll(label, 3, axis=1)])
    box = Box(start, (45, 59, 66))
    monkeypatch.setattr(coarse_look, "_cores", lambda: 1)
    monkeypatch.setattr(light, "_SLAB_NUMBERS", 1 << 26)
    whole = look(model, readers, box)
    assert whole.shape == (5, *box.shape_zyx)
    monkeypatch.setattr(coarse_look, "_cores", lambda: 3)
    monkeypatch.setattr(light, "_SLAB_NUMBERS", 1)
    monkeypatch.setattr(coarse_look, "_SLAB_VOXELS", 1)
    monkeypatch.setattr(coarse_look, "_ROWS_AT_ONCE", 1000)
    volume, _ = case(99)
    slabs = list(model.predict_slabs(SOURCE_OF.prepare(volume), box, readers))
    size = cell_sizes(box.shape_zyx, coarse_look._MOST_CELLS)[0]
    assert {s.shape[1] for s in slabs[:-1]} == {size}
    cut = np.concatenate(slabs, axis=1)
    assert (np.abs(cut - whole).max(axis=0) < 1e-5).mean() > 0.999  # features are rounded otherwise in other slabs
    assert np.abs(cut - whole).max() < 0.5


@pytest.mark.usefixtures("coarsely")
def test_whoever_has_enough_does_not_wait(model: LightClassifier) -> None:
    volume, label = case(99)
    before = threading.active_count()
    slabs = model.predict_slabs(SOURCE_OF.prepare(volume), Box.whole(SHAPE), label[np.newaxis])
    assert next(slabs).shape[0] == 5
    slabs.close()
    assert threading.active_count() == before


@pytest.mark.usefixtures("coarsely")
@pytest.mark.parametrize("when", ["at once", "after a slab"])
def test_whoever_is_stopped_hears_of_it(model: LightClassifier, when: str) -> None:
    volume, label = case(99)
    stopping, before = threading.Event(), threading.active_count()
    source = SOURCE_OF.prepare(volume)
    slabs = model.predict_slabs(source, Box.whole(SHAPE), label[np.newaxis], stopping=stopping)
    if when == "after a slab":
        next(slabs)
    stopping.set()
    with pytest.raises(Cancelled):
        list(slabs)
    assert threading.active_count() == before


def test_samples_of_large_boxes_have_the_same_features(monkeypatch: pytest.MonkeyPatch) -> None:
    volume, label = case(5)
    source, box = SOURCE_OF.prepare(volume), Box((2, 3, 4), (44, 58, 60))
    voxels = draw_voxels(label[np.newaxis], box, "a", SPEC)
    voxels = voxels[((voxels >= box.start_zyx) & (voxels < box.stop_zyx)).all(axis=1)]
    expected = gather_features(source, box, voxels)
    monkeypatch.setattr("napari_aleatoric.uncertainty._samples._LARGE_VOXELS", 1)
    monkeypatch.setattr("napari_aleatoric.uncertainty._samples._SLAB_VOXELS", 9_000)
    mixed = np.random.default_rng(0).permutation(len(voxels))
    np.testing.assert_allclose(gather_features(source, box, voxels[mixed]), expected[mixed], atol=5e-4)


@pytest.mark.usefixtures("coarsely")
def test_two_classes_and_one() -> None:
    training = [samples(s) for s in range(3)]
    two = [CaseSamples(s.features, np.minimum(s.labels, 1)) for s in training]
    one = [CaseSamples(s.features, np.zeros_like(s.labels)) for s in training]
    volume, label = case(99)
    label = np.minimum(label, 1)
    model = LightClassifier(3, SPEC).fit(two)  # class 2 was not learned
    found = look(model, np.where(label == 1, 2, label).astype(np.uint16))
    assert not found[2].any()
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    p = model.probabilities(SOURCE_OF.prepare(volume).read().rows).T.reshape(3, *SHAPE)
    border = near_border(label)
    assert (np.abs(found - p).max(axis=0)[border] < 1e-4).mean() > 0.999
    assert (look(LightClassifier(3, SPEC).fit(one), label)[0] == 1).all()
