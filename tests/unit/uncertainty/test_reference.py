from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import ClassTable, ItemKey
from napari_aleatoric.uncertainty import (
    ADJUSTED,
    Reference,
    ScoreSpec,
    ScoreTable,
    adjusted_auv_of,
    auv,
    auv_of,
    made_reference,
    rank,
    reason,
    reference_place,
    size_adjusted,
    size_line,
)

CLASSES = ClassTable.from_names({1: "Liver", 4: "tumour"})
SETTINGS = {"decode": "labels", "normalise": "image", "jitters": 3, "jitter_voxels": 2.0}


def table(n: int, seed: int = 0, **more) -> ScoreTable:
    rng = np.random.default_rng(seed)
    columns = {}
    for c in (0, 1, 2):
        voxels = np.exp(rng.normal(8, 1, n))
        columns["volume_voxels", c] = voxels
        columns["perception_scale", c] = np.clip(0.02 * voxels**0.2 * np.exp(rng.normal(0, 0.2, n)), 0, 1)
        columns["prompt_spread", c] = rng.random(n)
    columns["nll_union", 0] = rng.random(n)
    columns["perception_scale", 2][0] = np.nan  # absent
    return ScoreTable([ItemKey(f"c{i}") for i in range(n)], columns, **more)


def reference(n: int = 50, classes: ClassTable = CLASSES, seed: int = 7) -> Reference:
    return made_reference(table(n, seed), classes, "ref", "sam-x", SETTINGS)


# --- AUV against a reference ------------------------------------------------------------------------------------


def test_auv_takes_the_range_of_the_reference_and_clips() -> None:
    found = auv([0.2, 0.4, 0.8, 0.05, np.nan], reference=[0.1, np.nan, 0.4])
    np.testing.assert_allclose(found, [0.5, 0, 0, 1, np.nan], atol=1e-12)
    own = np.array([0.4, 0.8, 1.2, 1.6]) / 2
    np.testing.assert_allclose(auv(own, reference=own), auv(own))
    assert np.isnan(auv([0.3], reference=[])).all()
    assert auv([0.3], reference=[0.2, 0.2]).tolist() == [0.5]


def test_percentile_range_of_cohort_and_reference() -> None:
    scales = np.exp(np.linspace(-4, -1, 101))
    scales[0] = 1e-3  # one odd case would own the range
    found = auv(scales, percentiles=(1, 99))
    assert found[0] == 1
    assert found[1] == pytest.approx(1, abs=0.011)
    assert auv(scales)[1] < 0.6
    low, high = np.percentile(np.log(scales), (5, 95))
    one = auv([0.1], percentiles=(5, 95), reference=scales)
    assert one[0] == pytest.approx(1 - (np.log(0.1) - low) / (high - low))


def test_a_single_case_has_an_answer() -> None:
    known = reference().bound(CLASSES)
    alone = table(1, seed=3)
    assert auv_of(alone).tolist() == [0.5]
    of_reference = table(50, seed=7).column("perception_scale", 1)
    mine = float(alone.column("perception_scale", 1)[0])
    expected = auv([mine], reference=of_reference)
    np.testing.assert_allclose(auv_of(alone, 1, reference=known), expected)
    bound = ScoreTable(alone.keys, alone.columns, known)
    np.testing.assert_allclose(auv_of(bound, 1), expected)
    place = reference_place(bound, "auv", 1)[0]  # low scales are hard: what lies above is easier
    assert place == pytest.approx((of_reference > mine).mean())
    spread = float(alone.column("prompt_spread", 0)[0])
    expected = stats.percentileofscore(table(50, seed=7).column("prompt_spread", 0), spread, "mean") / 100
    assert bound.percentile("prompt_spread")[0] == pytest.approx(expected)
    assert bound.percentile("nll_union")[0] == 0.5  # no measure of difficulty: among this data set


def test_the_line_of_size_is_the_reference_s() -> None:
    made = table(50, seed=7)
    scales, voxels = made.column("perception_scale", 1), made.column("volume_voxels", 1)
    line = size_line(scales, voxels)
    slope, intercept = stats.linregress(np.log(voxels), np.log(scales))[:2]
    assert line == pytest.approx((slope, np.log(voxels).mean()))
    known = reference().bound(CLASSES)
    new = ScoreTable(*(lambda t: (t.keys, t.columns))(table(4, seed=5)), known)
    residual = np.log(new.column("perception_scale", 1)) - (
        intercept + slope * np.log(new.column("volume_voxels", 1))
    )
    all_residuals = np.log(scales) - (intercept + slope * np.log(voxels))
    low, high = all_residuals.min(), all_residuals.max()
    np.testing.assert_allclose(
        adjusted_auv_of(new, 1), 1 - np.clip((residual - low) / (high - low), 0, 1), atol=1e-6
    )
    np.testing.assert_allclose(
        reference_place(new, ADJUSTED, 1), [(all_residuals > r).mean() for r in residual], atol=1e-6
    )
    assert size_line([0.1, 0.2], [1, 2]) is None
    np.testing.assert_allclose(size_adjusted([0.1, 0.2], [1, 2]), [0.1, 0.2])


# --- keeping it -------------------------------------------------------------------------------------------------


def test_a_reference_survives_the_disk() -> None:
    before = reference()
    after = Reference.from_text(before.to_text())
    assert (after.name, after.model, after.n_cases) == ("ref", "sam-x", 50)
    assert after.settings == SETTINGS
    assert after.class_names == ("Liver", "tumour")
    assert after.classes["tumour"].n_cases == 49
    for name, one in before.classes.items():
        assert set(one.values) == {"perception_scale", "prompt_spread", ADJUSTED}
        for measure, values in one.values.items():
            np.testing.assert_allclose(after.classes[name].values[measure], values, rtol=1e-7)
            assert (np.diff(values) >= 0).all()
    assert "c17" not in before.to_text()  # no names of cases


def test_large_references_keep_quantiles() -> None:
    made = made_reference(table(5000), CLASSES, "big", "m", SETTINGS)
    values = made.classes[""].values["perception_scale"]
    column = table(5000).column("perception_scale")
    assert len(values) == 200
    assert (values[0], values[-1]) == (column.min(), column.max())
    place = made.bound(CLASSES).place("perception_scale", 0, column[:300])
    np.testing.assert_allclose(place, [(column > v).mean() for v in column[:300]], atol=0.006)
    assert len(made.to_text()) < 60_000


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format": "x"}', '{"format": "aleatoric-reference"}'])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="no reference"):
        Reference.from_text(text)


def test_damaged_and_newer_references_are_refused() -> None:
    content = json.loads(reference().to_text())
    content["format_version"] = 99
    with pytest.raises(DataError, match="Update the program"):
        Reference.from_text(json.dumps(content))
    content["format_version"] = 1
    content["classes"]["Liver"]["values"]["perception_scale"][0] = 5.0
    with pytest.raises(DataError, match="damaged"):
        Reference.from_text(json.dumps(content))


def test_two_cases_are_the_least() -> None:
    with pytest.raises(DataError, match="at least two"):
        made_reference(table(1), CLASSES, "one", "m", SETTINGS)


# --- never silently mixed ---------------------------------------------------------------------------------------


def test_other_models_and_settings_are_refused() -> None:
    known = reference()
    assert known.fitting("sam-x", SETTINGS, CLASSES) == (known, [])
    with pytest.raises(DataError, match=r"sam-x.*sam-y"):
        known.fitting("sam-y", SETTINGS, CLASSES)
    with pytest.raises(DataError, match=r"normalise = image.*mask"):
        known.fitting("sam-x", {**SETTINGS, "normalise": "mask"}, CLASSES)
    other, notes = known.fitting("sam-x", {**SETTINGS, "jitters": 5}, CLASSES)
    assert "jitters = 3" in notes[0]
    assert "prompt spread" in notes[0]
    bound = other.bound(CLASSES)
    assert not bound.has("prompt_spread")
    assert bound.has("perception_scale")
    new = table(3, seed=5)
    with_it = ScoreTable(new.keys, new.columns, bound)
    np.testing.assert_allclose(with_it.percentile("prompt_spread"), new.percentile("prompt_spread"))


def test_classes_go_by_name_and_unknown_ones_are_left_out() -> None:
    classes = ClassTable.from_names({1: "spleen", 2: "TUMOUR "})
    known, notes = reference().fitting("sam-x", SETTINGS, classes)
    assert any("'spleen'" in note for note in notes)
    assert any("hardest" in note for note in notes)
    bound = known.bound(classes)
    assert set(bound.classes) == {2}  # neither the spleen nor whole cases, which were means over other classes
    new = table(4, seed=5)
    with_it = ScoreTable(new.keys, new.columns, bound)
    assert np.isnan(auv_of(with_it, 1)).all()
    assert np.isnan(auv_of(with_it, 0)).all()
    np.testing.assert_allclose(
        auv_of(with_it, 2),
        auv(new.column("perception_scale", 2), reference=table(50, 7).column("perception_scale", 2)),
    )
    found = rank(with_it, "difficulty", classes)
    np.testing.assert_allclose(found.score, auv_of(with_it, 2))
    assert found.class_index.tolist() == [0, 2, 2, 2]
    with pytest.raises(DataError, match="none of the classes 'lung'"):
        reference().fitting("sam-x", SETTINGS, ClassTable.from_names({1: "lung"}))


# --- order and words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["difficulty", "difficulty_beyond_size", "prompt_spread"])
def test_order_and_reason_speak_of_the_reference(strategy: str) -> None:
    known = reference().bound(CLASSES)
    new = table(5, seed=11)
    with_it = ScoreTable(new.keys, new.columns, known)
    found = rank(with_it, strategy, CLASSES)
    assert found.reference == "ref"
    worst = int(found.order[0])
    assert found.reference_place[worst] == np.nanmax(found.reference_place)
    words = reason(found, worst, CLASSES)
    assert f"{int(100 * found.reference_place[worst])}" in words
    assert "reference 'ref'" in words
    without = rank(new, strategy, CLASSES)
    assert np.isnan(without.reference_place).all()
    assert "reference" not in reason(without, 0, CLASSES)


def test_beyond_the_range_the_place_decides() -> None:
    # both easier than every case of the reference but not equally: AUV 0 for both, ties go by the key
    known = reference().bound(CLASSES)
    scales = np.array([0.9, 0.95, 0.001])
    new = ScoreTable([ItemKey(c) for c in "abc"], {("perception_scale", 0): scales}, known)
    found = rank(new, "difficulty")
    assert found.score.tolist() == [0, 0, 1]
    assert found.reference_place.tolist() == [0, 0, 1]
    assert found.order.tolist() == [2, 0, 1]


def test_a_single_case_without_a_reference_says_so() -> None:
    alone = table(1)
    words = reason(rank(alone, "difficulty", CLASSES), 0, CLASSES)
    assert "only case" in words
    assert "AUV" not in words


def test_percentiles_of_the_table_count_everywhere() -> None:
    new = table(40)
    robust = ScoreTable(new.keys, new.columns, auv_percentiles=(10, 90))
    np.testing.assert_allclose(auv_of(robust), auv(new.column("perception_scale"), percentiles=(10, 90)))
    assert (adjusted_auv_of(robust) == 1).sum() >= 4
    assert (rank(robust, "difficulty").score == 1).sum() == 4


def test_comparing_does_not_change_what_is_stored() -> None:
    spec = ScoreSpec(reference="x", auv_percentiles=(1, 99))
    assert spec.values_digest == ScoreSpec().values_digest != ScoreSpec(jitters=5).values_digest
    assert spec.digest != ScoreSpec().digest
    assert ScoreSpec.model_validate(json.loads(spec.model_dump_json())) == spec
    for wrong in ((5, 5), (-1, 50), (0, 101)):
        with pytest.raises(ValueError, match="lower one first"):
            ScoreSpec(auv_percentiles=wrong)
