"""Settings, plan and schedule of a training: what follows from the data, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.errors import AleatoricError, DataError
from napari_aleatoric.foundation import Box
from napari_aleatoric.model import Geometry, Volume
from napari_aleatoric.training import (
    CaseGrid,
    CaseShelf,
    ModelPlan,
    NetCase,
    Normalisation,
    Prediction,
    TrainingSet,
    TrainSpec,
    memory_needed,
    plan_model,
)
from napari_aleatoric.training._cases import normalised_image
from napari_aleatoric.training._model_plan import mirror_axes_of, smaller
from napari_aleatoric.training._schedule import checkpoint_steps, rate_factor

GRIDS = [CaseGrid((35, 50, 36), (1.0, 1.0, 1.0)), CaseGrid((33, 48, 37), (1.0, 1.0, 1.0))]
NETWORKS = ("unet", "segresnet", "swinunetr", "dynunet", "plainconvunet", "resenc")


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 300), st.integers(16, 300), st.integers(16, 300)),
    spacing=st.tuples(st.floats(0.2, 8), st.floats(0.2, 2), st.floats(0.2, 2)),
    network=st.sampled_from(NETWORKS),
    dimensions=st.sampled_from(["auto", "2d", "2.5d", "3d"]),
)
def test_every_data_set_gets_a_plan_that_holds_or_a_sentence(shape, spacing, network, dimensions):
    spec = TrainSpec(network=network, dimensions=dimensions)
    try:
        plan = plan_model([CaseGrid(shape, spacing)], 1, ["a", "b"], spec, memory_bytes=16 << 30)
    except DataError:
        thinnest = min(shape if dimensions == "3d" or (dimensions == "auto" and shape[0] >= 8) else shape[1:])
        assert network == "swinunetr"
        assert thinnest < 16 or np.prod(shape) > spec.case_voxels  # coarsened it is thinner
        return
    assert memory_needed(plan) <= 16 << 30
    assert all(n % m == 0 for n, m in zip(plan.patch_zyx, plan.multiples_zyx, strict=True))
    assert np.prod(plan.patch_zyx) <= max(2 * spec.patch_voxels, 64**3)
    assert ModelPlan.from_json(json.loads(plan.to_text())) == plan
    if dimensions == "auto":
        assert plan.is_flat == (shape[0] < spec.flat_below)


def test_the_plan_of_the_hippocampus():
    plan = plan_model(GRIDS, 1, ["anterior", "posterior"], TrainSpec.of_preset("quick"))
    assert plan.patch_zyx == (32, 48, 32)
    assert plan.spacing_zyx_mm == (1.0, 1.0, 1.0)
    assert plan.batch == 3
    assert plan.strides == ((1, 1, 1), *[(2, 2, 2)] * 3)
    assert plan.widths == (16, 32, 64, 128)
    assert plan == plan_model(GRIDS[::-1], 1, ["anterior", "posterior"], TrainSpec.of_preset("quick"))


def test_thick_slices_are_halved_later():
    plan = plan_model([CaseGrid((24, 256, 256), (6.0, 1.0, 1.0))], 1, ["a"], TrainSpec())
    assert plan.strides[1] == plan.strides[2] == (1, 2, 2)
    assert (2, 2, 2) in plan.strides
    alike = plan_model([CaseGrid((24, 256, 256), (6.0, 1.0, 1.0))], 1, ["a"], TrainSpec(network="segresnet"))
    assert set(alike.strides[1:]) == {(2, 2, 2)}


def test_little_memory_takes_batch_then_patch_and_wishes_stay():
    spec = TrainSpec(batch=4, patch_zyx=(64, 64, 64))
    assert plan_model(GRIDS, 1, ["a"], spec).batch == 4
    much = plan_model([CaseGrid((128,) * 3, (1.0,) * 3)], 1, ["a"], TrainSpec(voxels_per_step=8 * 96**3))
    assert much.batch == 8
    less = plan_model(
        [CaseGrid((128,) * 3, (1.0,) * 3)],
        1,
        ["a"],
        TrainSpec(voxels_per_step=8 * 96**3),
        memory_bytes=memory_needed(much) // 2,
    )
    assert less.patch_zyx == much.patch_zyx
    assert less.batch < 8
    small = plan_model([CaseGrid((128,) * 3, (1.0,) * 3)], 1, ["a"], TrainSpec(), memory_bytes=1 << 30)
    assert small.batch == 1
    assert np.prod(small.patch_zyx) < np.prod(much.patch_zyx)
    with pytest.raises(DataError, match="memory"):
        plan_model(GRIDS, 1, ["a"], spec, memory_bytes=1 << 20)


def test_smaller_and_smaller_until_nothing_is_left():
    plan = plan_model(GRIDS, 1, ["a"], TrainSpec())
    seen = [plan]
    while (less := smaller(seen[-1])) is not None:
        assert less.batch * np.prod(less.patch_zyx) < seen[-1].batch * np.prod(seen[-1].patch_zyx)
        seen.append(less)
    assert seen[-1].batch == 1
    assert len(seen) > 3


@pytest.mark.parametrize(
    ("names", "flipped"),
    [
        (["liver", "spleen"], (2,)),
        (["Left lung", "trachea"], ()),
        (["kidney_r"], ()),
        (["hippocampusLeft"], ()),
        (["anterior", "posterior"], (2,)),
        (["bright spot", "cleft"], (2,)),
    ],
)
def test_sides_are_not_flipped(names, flipped):
    assert mirror_axes_of(names) == flipped


def test_edited_plans_are_checked():
    plan = plan_model(GRIDS, 1, ["a"], TrainSpec.of_preset("quick"))
    assert replace(plan, batch=5).batch == 5
    for wrong in (
        {"patch_zyx": (33, 48, 40)},
        {"batch": 0},
        {"network": "vgg"},
        {"neighbours": 1},
        {"widths": (4,)},
    ):
        with pytest.raises(AleatoricError, match="Expected"):
            replace(plan, **wrong)
    with pytest.raises(DataError, match="Plan anew"):
        ModelPlan.from_json({**plan.to_json(), "colour": 1})


def test_fixed_normalisation_is_of_the_labelled_voxels():
    rng = np.random.default_rng(0)
    fixed = Normalisation.of_labelled(rng.normal(60, 15, 20_000))
    assert fixed.kind == "fixed"
    assert fixed.mean == pytest.approx(60, abs=1)
    data = np.full((4, 5, 6), 75, np.int16)
    data[0, 0, 0] = 3000
    volume = Volume(data, Geometry(data.shape))
    found = normalised_image(volume, Box.whole(data.shape), fixed)
    assert found[0, 1, 1, 1] == pytest.approx((75 - fixed.mean) / fixed.deviation, abs=1e-4)
    assert found[0, 0, 0, 0] == pytest.approx((fixed.high - fixed.mean) / fixed.deviation, abs=1e-4)


def test_cyclic_rates_are_those_of_the_paper():
    spec = TrainSpec(schedule="cyclic", iterations=600, cycles=3, gamma=0.8, checkpoints_per_cycle=10)
    assert rate_factor(0, 600, spec) == rate_factor(200, 600, spec) == 1
    assert rate_factor(199, 600, spec) == pytest.approx(0.756, abs=5e-4)
    assert rate_factor(160, 600, spec) == rate_factor(599, 600, spec)
    half = spec.model_copy(update={"gamma": 0.5})
    assert rate_factor(399, 600, half) == pytest.approx(0.849, abs=5e-4)
    kept = checkpoint_steps(600, spec)
    assert len(kept) == 30
    assert {200, 400, 600} <= set(kept)
    assert all((step - 1) % 200 >= 160 for step in kept)
    with pytest.raises(ValueError, match="room"):
        TrainSpec(schedule="cyclic", iterations=100)


@pytest.mark.parametrize("schedule", ["poly", "cosine"])
def test_other_rates_rise_shortly_and_fall(schedule):
    factors = [rate_factor(step, 400, TrainSpec(schedule=schedule)) for step in range(400)]
    top = int(np.argmax(factors))
    assert 18 <= top <= 22
    assert factors[top] == pytest.approx(1, abs=0.01)
    assert (np.diff(factors[:top]) > 0).all()
    assert (np.diff(factors[top:]) < 0).all()
    assert 0 <= factors[-1] < 0.06
    assert checkpoint_steps(400, TrainSpec(schedule=schedule)) == {}


def test_presets_are_settings():
    assert TrainSpec.of_preset("standard") == TrainSpec()
    assert TrainSpec.of_preset("thorough").schedule == "cyclic"
    assert TrainSpec.of_preset("quick", seed=3).seed == 3
    with pytest.raises(DataError, match="quick, standard, thorough"):
        TrainSpec.of_preset("fast")


def test_a_training_set_is_checked_and_counts_its_weights():
    cases = TrainingSet(["a", "b"], ["c"])
    assert cases.sample_weight == (1.0, 1.0)
    assert cases.digest != TrainingSet(["a", "b"], ["c"], [1, 0.5]).digest != TrainingSet(["a", "b"]).digest
    for wrong in ((["a"], ["a"]), ([],), (["a", "a"],), (["a"], [], [0.0]), (["a"], [], [1.0, 1.0])):
        with pytest.raises(DataError, match="Expected"):
            TrainingSet(*wrong)


def test_a_shelf_keeps_weights_and_forgets_old_ones(tmp_path):
    shelf = CaseShelf(tmp_path)
    image, labels = np.zeros((1, 2, 3, 4), np.float16), np.zeros((1, 2, 3, 4), np.uint16)
    shelf.put("a", NetCase(image, labels, np.full((2, 3, 4), 0.5, np.float16)))
    shelf.put("b", NetCase(image, labels))
    kept = shelf.get("a").weight
    assert kept is not None
    assert (kept == np.float16(0.5)).all()
    assert shelf.get("b").weight is None
    shelf.put("a", NetCase(image, labels))
    assert shelf.get("a").weight is None
    shelf.put("a", NetCase(image, labels, np.ones((2, 3, 4), np.float16)))
    shelf.keep_only(["b"])
    assert not list(tmp_path.glob("a.*"))
    with pytest.raises(DataError, match="weight"):
        NetCase(image, labels, np.ones((2, 3, 5), np.float16))


def test_what_a_prediction_says_follows_from_its_parts():
    p = np.array([0.2, 0.5, 0.3], np.float32).reshape(3, 1, 1, 1)
    found = Prediction(p, np.full((1, 1, 1), 0.5, np.float32), np.full((1, 1, 1), 0.6, np.float32), 2)
    assert found.class_index.item() == 1
    assert found.mutual_information.item() == 0  # rounding is not negative disagreement
    predictive, expected = found.class_entropies(1)
    assert predictive.item() == pytest.approx(np.log(2))
    assert expected is predictive  # nothing is known of the members
    by_class = np.full((3, 1, 1, 1), 0.65, np.float16)
    kept = Prediction(p, found.predictive_entropy, found.expected_entropy, 2, by_class)
    assert kept.class_entropies(1)[1].item() == pytest.approx(0.65, abs=1e-3)
    assert kept.class_entropies(2)[1].item() == kept.class_entropies(2)[0].item() < 0.65  # never above the whole
