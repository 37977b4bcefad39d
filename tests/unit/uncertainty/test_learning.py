from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, DataError
from napari_aleatoric.foundation import Box, FilterBankEncoder
from napari_aleatoric.model import Geometry, Volume
from napari_aleatoric.uncertainty import (
    CaseSamples,
    LightClassifier,
    ScoreSpec,
    assign_folds,
    draw_voxels,
    gather_features,
    look_box,
)

SPEC = ScoreSpec(samples_per_case=400, rounds=15)


def ball(centre: tuple[int, int, int], radius: float, shape: tuple[int, int, int] = (16, 20, 22)) -> np.ndarray:
    grid = np.indices(shape) - np.array(centre).reshape(3, 1, 1, 1)
    return (grid**2).sum(axis=0) <= radius**2


def case(seed: int, shape: tuple[int, int, int] = (16, 20, 22)) -> tuple[Volume, np.ndarray]:
    """A bright ball of class 1 with a dark core of class 2, somewhere."""
    rng = np.random.default_rng(seed)
    centre = tuple(int(n // 2 + rng.integers(-2, 3)) if n > 1 else 0 for n in shape)
    label = np.zeros(shape, np.uint16)
    label[ball(centre, 6, shape)] = 1
    label[ball(centre, 3, shape)] = 2
    image = np.array([0.0, 100.0, 40.0])[label] + rng.normal(0, 8, shape)
    return Volume(image.astype(np.float32), Geometry(shape)), label


def samples(seed: int, spec: ScoreSpec = SPEC) -> CaseSamples:
    volume, label = case(seed)
    box = look_box(label[np.newaxis], spec)
    voxels = draw_voxels(label[np.newaxis], box, f"case{seed}", spec)
    features = gather_features(FilterBankEncoder().prepare(volume), box, voxels)
    return CaseSamples(features, label[np.newaxis][(slice(None), *voxels.T)].T)


# --- which voxels -----------------------------------------------------------------------------------------------


def test_drawn_voxels_are_different_and_mostly_near_the_label() -> None:
    _, label = case(0, (40, 60, 60))
    spec = ScoreSpec(samples_per_case=2000)
    voxels = draw_voxels(label[np.newaxis], Box.whole((40, 60, 60)), "a", spec)
    assert len(np.unique(voxels, axis=0)) == len(voxels) == 2000
    near = ball(tuple(np.argwhere(label == 2).mean(axis=0).round().astype(int)), 10.5, label.shape)
    assert near[tuple(voxels.T)].mean() == pytest.approx(0.75, abs=0.05)


def test_the_draw_depends_on_case_and_seed_only() -> None:
    _, label = case(0)
    box = Box.whole(label.shape)
    first = draw_voxels(label[np.newaxis], box, "a", SPEC)
    assert np.array_equal(first, draw_voxels(label[np.newaxis], box, "a", SPEC))
    assert not np.array_equal(first, draw_voxels(label[np.newaxis], box, "b", SPEC))
    assert not np.array_equal(
        first, draw_voxels(label[np.newaxis], box, "a", ScoreSpec(seed=1, samples_per_case=400))
    )


def test_small_classes_get_their_share() -> None:
    label = np.zeros((60, 60, 60), np.uint16)
    label[ball((30, 30, 30), 25, label.shape)] = 1
    label[30, 30, 30:33] = 2
    voxels = draw_voxels(label[np.newaxis], Box.whole(label.shape), "a", ScoreSpec(samples_per_case=2000))
    assert (label[tuple(voxels.T)] == 2).sum() == 3


def test_a_case_without_any_label_is_drawn_from_everywhere() -> None:
    empty = np.zeros((2, 8, 9, 10), np.uint16)
    voxels = draw_voxels(empty, Box.whole((8, 9, 10)), "a", SPEC)
    assert len(voxels) == 400


def test_large_volumes_are_looked_at_around_the_label() -> None:
    label = np.zeros((1, 50, 50, 50), np.uint16)
    label[0, 20:24, 10:30, 5] = 1
    spec = ScoreSpec(whole_below=1000, margin=6)
    assert look_box(label, spec) == Box((14, 4, 0), (30, 36, 12))
    assert look_box(label, ScoreSpec()) == Box.whole((50, 50, 50))
    empty = look_box(np.zeros_like(label), spec)
    assert empty.n_voxels == pytest.approx(1000, rel=0.5)


def test_gathered_features_are_those_of_the_voxels(monkeypatch: pytest.MonkeyPatch) -> None:
    volume, label = case(3)
    source = FilterBankEncoder().prepare(volume)
    box = Box((2, 3, 4), (14, 18, 20))
    voxels = draw_voxels(label[np.newaxis], box, "a", SPEC)
    voxels = voxels[((voxels >= box.start_zyx) & (voxels < box.stop_zyx)).all(axis=1)]
    expected = source.read().values[(slice(None), *voxels.T)].T
    monkeypatch.setattr("napari_aleatoric.uncertainty._samples.TILE_VOXELS", 500)
    assert np.array_equal(gather_features(source, box, voxels), expected)


# --- what is kept -----------------------------------------------------------------------------------------------


def test_samples_survive_the_disk_and_damage_is_noticed() -> None:
    before = samples(0)
    after = CaseSamples.from_bytes(before.to_bytes())
    assert np.array_equal(before.features, after.features)
    assert np.array_equal(before.labels, after.labels)
    for damaged in (b"", b"nonsense", before.to_bytes()[:-300], before.to_bytes()[:100]):
        with pytest.raises(DataError):
            CaseSamples.from_bytes(damaged)


def test_thinned_samples_keep_their_labels() -> None:
    full = samples(0)
    few = full.thinned(3)
    assert np.array_equal(few.features, full.features[::3])
    assert np.array_equal(few.labels, full.labels[::3])
    assert full.thinned(1) is full


def test_readers_count_in_proportion() -> None:
    labels = np.array([[1, 1, 2], [0, 0, 0], [1, 2, 0]], np.uint16)
    row, class_index, weight = CaseSamples(np.zeros((3, 1), np.float32), labels).expanded()
    found = {(int(r), int(c)): float(w) for r, c, w in zip(row, class_index, weight, strict=True)}
    third = pytest.approx(1 / 3)
    assert found == {
        (0, 1): pytest.approx(2 / 3),
        (0, 2): third,
        (1, 0): 1.0,
        (2, 0): third,
        (2, 1): third,
        (2, 2): third,
    }


# --- the classifier ---------------------------------------------------------------------------------------------


def test_learns_the_task_from_other_cases() -> None:
    model = LightClassifier(3, SPEC).fit([samples(s) for s in range(6)])
    volume, label = case(99)
    found = model.predict(FilterBankEncoder().prepare(volume), Box.whole(label.shape), label[np.newaxis])
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    for c in (1, 2):
        predicted = found.argmax(axis=0) == c
        dice = 2 * (predicted & (label == c)).sum() / (predicted.sum() + (label == c).sum())
        assert dice > 0.85


def test_same_samples_same_model_and_tiles_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    volume, label = case(99)
    source, box = FilterBankEncoder().prepare(volume), Box((1, 0, 2), (15, 20, 21))
    training = [samples(s) for s in range(3)]
    whole = LightClassifier(3, SPEC).fit(training).predict(source, box, label[np.newaxis])
    monkeypatch.setattr("napari_aleatoric.uncertainty._light.TILE_VOXELS", 300)
    tiled = LightClassifier(3, SPEC).fit(training).predict(source, box, label[np.newaxis])
    assert np.array_equal(whole, tiled)


def test_every_voxel_that_matters_is_predicted_itself() -> None:
    volume, label = case(99)
    source, box = FilterBankEncoder().prepare(volume), Box.whole(label.shape)
    model = LightClassifier(3, SPEC).fit([samples(s) for s in range(4)])
    wrong = label.copy()
    wrong[ball((8, 10, 11), 2)] = 0
    found = model.predict(source, box, wrong[np.newaxis])
    exact = model.probabilities(source.read().rows).T.reshape(found.shape)
    doubted = (1 - np.take_along_axis(exact, wrong[np.newaxis].astype(int), axis=0)[0]) > 0.3
    assert doubted.sum() > 20
    np.testing.assert_allclose(found[:, doubted], exact[:, doubted], atol=1e-6)
    assert np.abs(found - exact).mean() < 0.01


def test_classes_that_were_not_learned_have_no_probability() -> None:
    training = [samples(s) for s in range(3)]
    only = [CaseSamples(s.features, np.where(s.labels == 2, 1, s.labels).astype(np.uint16)) for s in training]
    model = LightClassifier(4, SPEC).fit(only)
    assert model.classes == (0, 1)
    found = model.probabilities(training[0].features)
    assert not found[:, 2:].any()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_a_single_class_is_predicted_everywhere() -> None:
    empty = CaseSamples(samples(0).features, np.zeros_like(samples(0).labels))
    model = LightClassifier(3, SPEC).fit([empty])
    assert np.array_equal(model.probabilities(empty.features[:2]), [[1, 0, 0], [1, 0, 0]])


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match="at least one"):
        LightClassifier(2, SPEC).fit([])
    with pytest.raises(DataError, match="not trained"):
        LightClassifier(2, SPEC).probabilities(np.zeros((1, 31), np.float32))


# --- folds ------------------------------------------------------------------------------------------------------


def test_patients_stay_together_in_folds_of_equal_size() -> None:
    patients = {f"c{i:02d}": f"p{i // 3}" for i in range(30)}
    folds = assign_folds(patients, 2)
    assert folds.n_folds == 2
    assert sorted(np.bincount(list(folds.of_case.values())).tolist()) in ([12, 18], [15, 15])
    for patient in set(patients.values()):
        assert len({folds.of_case[c] for c, p in patients.items() if p == patient}) == 1


def test_folds_do_not_depend_on_the_order_of_cases_but_on_the_seed() -> None:
    patients = {f"c{i:02d}": "" for i in range(40)}
    backwards = dict(reversed(patients.items()))
    assert assign_folds(patients, 3).of_case == assign_folds(backwards, 3).of_case
    assert assign_folds(patients, 3).of_case != assign_folds(patients, 3, seed=1).of_case


def test_known_cases_keep_their_fold() -> None:
    before = assign_folds({f"c{i:02d}": "" for i in range(20)}, 2)
    after = assign_folds({f"c{i:02d}": "" for i in range(5, 26)}, 2, known=before.of_case)
    assert all(after.of_case[c] == before.of_case[c] for c in after.of_case if c in before.of_case)
    assert abs(sum(after.of_case.values()) - 10.5) <= 3.5


def test_few_cases_are_explained() -> None:
    single = assign_folds({"a": "p"}, 2)
    assert (single.n_folds, single.of_case) == (1, {"a": 0})
    assert "single labelled case" in single.note
    one_patient = assign_folds({"a": "p", "b": "p", "c": "p"}, 2)
    assert one_patient.n_folds == 2
    assert "one patient" in one_patient.note
    assert assign_folds({"a": "", "b": ""}, 5).n_folds == 2
    assert assign_folds({}, 2).of_case == {}


# --- stopping ---------------------------------------------------------------------------------------------------


class SetAfter(threading.Event):
    """Is set from the n-th look at it."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.left, self.looks = n, 0

    def is_set(self) -> bool:
        self.looks += 1
        return self.looks >= self.left


class GoOn:
    """Raises at the n-th call."""

    def __init__(self, n: int) -> None:
        self.left, self.calls = n, 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls >= self.left:
            raise Cancelled("Stopped as asked.")


@pytest.mark.parametrize("n_classes", [2, 3])
def test_whoever_may_stop_learns_the_same(n_classes: int) -> None:
    given = [samples(seed) for seed in (1, 2)]
    if n_classes == 2:
        given = [CaseSamples(s.features, np.minimum(s.labels, 1)) for s in given]
    stopping = SetAfter(1000)
    alone = LightClassifier(3, SPEC).fit(given)
    asking = LightClassifier(3, SPEC).fit(given, stopping=stopping)
    np.testing.assert_array_equal(asking.probabilities(given[0].features), alone.probabilities(given[0].features))
    assert stopping.looks >= SPEC.rounds  # every round was grown, and asked after


def test_learning_stops_after_the_round_at_work() -> None:
    stopping = SetAfter(4)
    model = LightClassifier(3, SPEC)
    with pytest.raises(Cancelled):
        model.fit([samples(1)], stopping=stopping)
    assert stopping.looks == 4  # of 15 rounds
    with pytest.raises(DataError, match="not trained"):
        model.probabilities(samples(1).features)


class CountedReads:
    """Counts the blocks that were read of an image; see `FeatureSource`."""

    def __init__(self, volume: Volume) -> None:
        self._source, self.reads = FilterBankEncoder().prepare(volume), 0

    def read(self, box: Box | None = None):
        self.reads += 1
        return self._source.read(box)

    def at(self, box: Box, wanted: np.ndarray) -> np.ndarray:
        self.reads += 1
        return self._source.at(box, wanted)


@pytest.mark.parametrize("large", [False, True])
def test_gathering_reads_no_block_after_a_stop(monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    monkeypatch.setattr("napari_aleatoric.uncertainty._samples.TILE_VOXELS", 1000)
    monkeypatch.setattr("napari_aleatoric.uncertainty._samples._LARGE_VOXELS", 1 if large else 1 << 23)
    monkeypatch.setattr("napari_aleatoric.uncertainty._samples._SLAB_VOXELS", 1000)
    volume, label = case(3)
    box = Box.whole((16, 20, 22))
    voxels = draw_voxels(label[np.newaxis], box, "a", SPEC)
    whole, stopped = CountedReads(volume), CountedReads(volume)
    gather_features(whole, box, voxels)
    assert whole.reads >= 7
    with pytest.raises(Cancelled):
        gather_features(stopped, box, voxels, go_on=GoOn(3))
    assert stopped.reads == 2


def test_drawing_looks_at_few_slices_after_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_aleatoric.uncertainty._samples._AT_ONCE", 1)
    _, label = case(3)
    box, never, third = Box.whole((16, 20, 22)), GoOn(1000), GoOn(3)
    drawn = draw_voxels(label[np.newaxis], box, "a", SPEC, go_on=never)
    np.testing.assert_array_equal(drawn, draw_voxels(label[np.newaxis], box, "a", SPEC))
    assert never.calls >= 16  # every slice of two classes
    with pytest.raises(Cancelled):
        draw_voxels(label[np.newaxis], box, "a", SPEC, go_on=third)
    assert third.calls == 3
