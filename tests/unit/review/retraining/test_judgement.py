"""Judging predictions of held-out cases: hand-made cases with known answers, scipy and scikit-learn beside it."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import ClassTable, Geometry
from napari_aleatoric.review import CaseRow, Judgement, JudgeSpec, judge, judgement_csv, judgement_markdown
from napari_aleatoric.review._retraining._case_figures import case_rows, mean_rows
from napari_aleatoric.review._retraining._paired import mean_of, paired_difference
from napari_aleatoric.review._retraining._reliability import Reliability, near_region
from napari_aleatoric.uncertainty import compare_surfaces, dice, surface_points

CLASSES = ClassTable.from_names({1: "head", 2: "tail"})
SPACING = (3.0, 1.0, 0.5)


def block(low: tuple[int, int, int], high: tuple[int, int, int], shape=(8, 12, 14)) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return mask


def test_dice_by_hand():
    a, b = block((1, 1, 1), (3, 3, 3)), block((2, 1, 1), (4, 3, 3))  # 8 and 8 voxels, 4 shared
    assert dice(a, b) == 0.5
    nothing = np.zeros_like(a)
    assert (dice(nothing, nothing), dice(a, nothing), dice(nothing, a)) == (1.0, 0.0, 0.0)


def test_a_shift_along_a_coarse_axis_costs_its_millimetres():
    plate = block((3, 2, 2), (4, 10, 12))  # one slice thick: every voxel is border
    moved = np.roll(plate, 1, axis=0)
    found = compare_surfaces(plate, moved, SPACING, 2.9)
    assert found == (0.0, 3.0)
    assert compare_surfaces(plate, moved, SPACING, 3.0) == (1.0, 3.0)  # exactly the tolerance is within it
    assert compare_surfaces(plate, np.roll(plate, 1, axis=2), SPACING, 0.5).surface_dice == 1.0


def test_nothing_against_something():
    nothing, thing = np.zeros((8, 12, 14), dtype=bool), block((1, 1, 1), (3, 3, 3))
    assert compare_surfaces(nothing, nothing, SPACING, 1.0) == (1.0, 0.0)
    diagonal = math.dist((0, 0, 0), (24.0, 12.0, 7.0))
    for pair in ((thing, nothing), (nothing, thing)):
        assert compare_surfaces(*pair, SPACING, 1.0) == pytest.approx((0.0, diagonal))


def test_the_border_of_one_slice_is_its_outline():
    disc = block((0, 2, 2), (1, 7, 7), shape=(1, 9, 9))
    assert len(surface_points(disc, (1.0, 1.0, 1.0))) == 16  # 5 × 5 without the 3 × 3 inside


def test_the_edge_of_the_image_is_a_border():
    whole = np.ones((4, 4, 4), dtype=bool)
    assert len(surface_points(whole, (1.0, 1.0, 1.0))) == 64 - 8


def test_an_oblique_grid_has_the_distances_of_the_patient():
    rng = np.random.default_rng(3)
    a, b = (rng.random((6, 7, 8)) > 0.7 for _ in range(2))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    grid = Geometry((6, 7, 8), SPACING, (5.0, -3.0, 2.0), tuple(map(tuple, turn.tolist())))
    places = [grid.lps_from_index(np.round(surface_points(m, SPACING) / SPACING)) for m in (a, b)]
    apart = np.linalg.norm(places[0][:, None] - places[1][None], axis=-1)
    found = compare_surfaces(a, b, grid.spacing_zyx_mm, 1.2)
    hd95 = max(np.percentile(apart.min(axis=1), 95), np.percentile(apart.min(axis=0), 95))
    within = (apart.min(axis=1) <= 1.2).sum() + (apart.min(axis=0) <= 1.2).sum()
    assert found == pytest.approx((within / sum(apart.shape), hd95))


@given(st.integers(0, 10_000))
def test_surfaces_are_symmetric_and_keep_their_bounds(seed):
    rng = np.random.default_rng(seed)
    a, b = (rng.random((4, 5, 6)) < rng.random() for _ in range(2))
    found, back = compare_surfaces(a, b, SPACING, 1.0), compare_surfaces(b, a, SPACING, 1.0)
    assert found == pytest.approx(back)
    assert 0 <= found.surface_dice <= 1
    assert found.hd95_mm >= 0
    assert compare_surfaces(a, a, SPACING, 1.0) == (1.0, 0.0)


def test_calibration_by_hand():
    told = Reliability(n_bins=10)
    told.add(np.array([0.05, 0.05, 0.85, 0.85]), np.array([False, True, True, True]))
    assert told.expected_calibration_error == pytest.approx((2 * 0.45 + 2 * 0.15) / 4)
    assert told.brier == pytest.approx((0.05**2 + 0.95**2 + 2 * 0.15**2) / 4)
    assert math.isnan(Reliability().brier)


def test_brier_is_that_of_scikit_learn_and_parts_add_up():
    from sklearn.metrics import brier_score_loss

    rng = np.random.default_rng(0)
    p = rng.random(999).astype(np.float32)
    y = rng.random(999) < p
    whole, parts = Reliability(), Reliability()
    whole.add(p, y)
    for at in (slice(0, 10), slice(10, 700), slice(700, None)):
        parts.add(p[at], y[at])
    assert whole.brier == pytest.approx(brier_score_loss(y, p), abs=1e-7)
    assert parts.brier == pytest.approx(whole.brier)
    assert parts.expected_calibration_error == pytest.approx(whole.expected_calibration_error)
    assert whole.expected_calibration_error < 0.1  # the probabilities were true ones
    off = Reliability()
    off.add(np.clip(p * 0.5, 0, 1), y)
    assert off.expected_calibration_error > 0.2


def test_where_calibration_looks():
    mask = block((2, 5, 6), (4, 7, 8))
    assert near_region(mask, SPACING, 3.0) == (slice(1, 5), slice(2, 10), slice(0, 14))
    assert near_region(np.zeros_like(mask), SPACING, 3.0) == (slice(None),) * 3


def test_rows_of_a_case_and_of_several_readers():
    truth = np.where(block((1, 1, 1), (3, 3, 3)), 1, 0)
    found = np.where(block((2, 1, 1), (4, 3, 3)), 1, 0)
    certain = np.stack([found == k for k in range(3)]).astype(np.float32)
    how = {"tolerance_mm": 1.0, "margin_mm": 3.0}
    head, tail = case_rows("after", "a", "p", truth, found, certain, CLASSES, SPACING, **how)
    assert (head.dice, head.reference_voxels, head.predicted_voxels) == (0.5, 8, 8)
    wrong = 8  # of the 2·8 voxels in either; all of them lie within the box
    box = 4 * 6 * 9  # the label's 2 × 2 × 2 and 3 mm on each side, cut at the image's edge
    assert head.brier == pytest.approx(wrong / box)
    assert (tail.dice, tail.surface_dice, tail.hd95_mm, tail.brier) == (1.0, 1.0, 0.0, 0.0)
    silent = case_rows("after", "a", "p", truth, truth, None, CLASSES, SPACING, **how)
    assert (silent[0].dice, silent[0].brier) == (1.0, None)
    mean = mean_rows([(head, tail), silent])
    assert (mean[0].dice, mean[0].brier) == (0.75, head.brier)
    with pytest.raises(DataError, match="one grid"):
        case_rows("after", "a", "p", truth, found[:-1], None, CLASSES, SPACING, **how)


def test_the_interval_of_a_mean_is_scipys():
    values = np.random.default_rng(1).normal(0.8, 0.1, 40)
    mine = mean_of(values, draws=5000, seed=0)
    other = stats.bootstrap((values,), np.mean, n_resamples=5000, method="percentile", rng=0).confidence_interval
    assert mine.value == pytest.approx(values.mean())
    assert (mine.low, mine.high) == pytest.approx((other.low, other.high), abs=0.003)
    assert mine == mean_of(values, draws=5000, seed=0)
    assert math.isnan(mean_of(np.array([0.5]), draws=100, seed=0).low)


def test_a_paired_comparison():
    rng = np.random.default_rng(2)
    before = {f"c{i}": float(v) for i, v in enumerate(rng.normal(0.7, 0.1, 12))}
    after = {unit: value + 0.02 + 0.001 * i for i, (unit, value) in enumerate(before.items())}
    found = paired_difference(after, before, 1, draws=1000, seed=0)
    assert (found.n_units, found.n_better, found.n_worse, found.shown) == (12, 12, 0, "better")
    assert found.estimate.value == pytest.approx(0.0255)
    assert found.estimate.low > 0.02
    assert found.p == pytest.approx(stats.wilcoxon([after[u] - before[u] for u in before]).pvalue)
    assert paired_difference(after, before, -1, draws=1000, seed=0).shown == "worse"  # where low is good
    noise = {unit: value + d for (unit, value), d in zip(before.items(), rng.normal(0, 0.05, 12), strict=True)}
    assert paired_difference(noise, before, 1, draws=1000, seed=0).shown == "not shown"
    few = {unit: after[unit] for unit in list(after)[:5]}
    assert paired_difference(few, before, 1, draws=1000, seed=0).shown == "too few"
    same = paired_difference(before, before, 1, draws=1000, seed=0)
    assert (same.n_better, same.n_worse, same.shown) == (0, 0, "not shown")
    assert math.isnan(same.p)


def row(model: str, case: int, value: float, name: str = "head", unit: str = "", found: int = 9) -> CaseRow:
    return CaseRow(
        model=model,
        case_id=f"case{case:02}",
        unit=unit or f"case{case:02}",
        class_name=name,
        dice=value,
        surface_dice=value,
        hd95_mm=10 * (1 - value),
        calibration_error=None,
        brier=None,
        reference_voxels=9,
        predicted_voxels=found,
    )


def test_the_sentence_of_a_better_model():
    rows = [row("after", i, 0.80 + 0.01 * i) for i in range(12)]
    rows += [row("before", i, 0.80 + 0.01 * i - (0.03 if i < 11 else -0.01)) for i in range(12)]
    found = judge(rows, JudgeSpec(draws=500))
    assert found.sentence.startswith(
        "The new model is better than the promoted one on 11 of 12 held-out cases: mean Dice +0.027 [+0.0"
    )
    assert found.sentence.endswith("(signed-rank p < 0.001).")
    hd95 = found.comparison("before", "hd95_mm")
    assert hd95 is not None
    assert (hd95.n_better, hd95.shown) == (11, "better")  # low is good there
    assert hd95.difference.value == pytest.approx(-10 * (11 * 0.03 - 0.01) / 12)
    assert Judgement.model_validate_json(found.model_dump_json()) == found


def test_what_few_cases_cannot_show_is_said():
    rng = np.random.default_rng(0)
    rows = [row(m, i, float(rng.uniform(0.7, 0.9))) for m in ("after", "before", "baseline") for i in range(12)]
    found = judge(rows, JudgeSpec(draws=500))
    assert "no difference that 12 held-out cases could show: mean Dice" in found.sentence
    assert "the plain one trained beside it in the same budget" in found.sentence
    few = judge([r for r in rows if r.case_id < "case03"], JudgeSpec(draws=500))
    assert few.sentence.startswith("3 held-out cases are too few to tell the new model from the promoted one")
    alone = judge([r for r in rows if r.model == "after"], JudgeSpec(draws=500))
    assert alone.sentence.endswith("on 12 held-out cases; no other model to compare it with.")
    with pytest.raises(DataError, match="got none"):
        judge([r for r in rows if r.model == "before"], JudgeSpec())


def test_cases_of_a_patient_are_one_and_classes_count_alike():
    rows = [row("after", 0, 1.0, unit="p"), row("after", 1, 0.0, unit="p"), row("after", 2, 0.8, unit="q")]
    rows += [row("after", 0, 0.4, "tail", "p", found=0)]
    found = judge(rows, JudgeSpec(draws=100), by_patient=True)
    assert (found.n_cases, found.n_units, found.unit_word) == (3, 2, "patient")
    head, mean, tail = (found.of_class("after", name) for name in ("head", "", "tail"))
    assert head is not None
    assert mean is not None
    assert tail is not None
    assert head.dice.value == pytest.approx((0.5 + 0.8) / 2)
    assert mean.dice.value == pytest.approx(((0.7 + 0.0) / 2 + 0.8) / 2)
    assert (tail.n_missed, head.n_missed, mean.n_missed) == (1, 0, 1)


def test_a_model_is_not_judged_on_what_it_learned_from():
    rows = [row("after", i, 0.7) for i in range(8)] + [row("before", i, 0.99) for i in range(8)]
    learned = frozenset({"case00", "case01"})
    found = judge(rows, JudgeSpec(draws=100), learned={"before": learned})
    assert found.n_cases == 8
    compared = found.comparison("before")
    assert compared is not None
    assert compared.n_units == 6
    assert not [r for r in found.rows if r.model == "before" and r.case_id in learned]


def test_the_tables():
    rows = [
        row(m, i, 0.8 + 0.01 * i + (0.02 if m == "after" else 0)) for m in ("after", "before") for i in range(7)
    ]
    found = judge(rows, JudgeSpec(draws=100), notes=["A remark."], spacing_known=False)
    table = list(csv.DictReader(io.StringIO(judgement_csv(found))))
    assert len(table) == 14
    assert table[0] == {
        "model": "after",
        "case": "case00",
        "class": "head",
        "dice": "0.82",
        "surface_dice": "0.82",
        "hd95_voxels": "1.8",
        "calibration_error": "",
        "brier": "",
        "reference_voxels": "9",
        "predicted_voxels": "9",
    }
    text = judgement_markdown(found)
    assert text.startswith(found.sentence)
    assert "| new | head | 7 | 0 | 0.850 [" in text
    assert text.rstrip().endswith("A remark.")
