"""Figures of evidence: hand-worked values, ties, intervals, choices and words."""

from __future__ import annotations

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.uncertainty import (
    DetectionCurve,
    Trial,
    auroc,
    average_precision,
    choose_order,
    detection_curve,
    estimates,
    in_ten,
    least_cases,
    line_of,
    lines_of,
    precision_at,
    score_interval,
    voxel_auroc,
)

WRONG = np.array([True, False, True, False])


def test_by_hand():
    score = np.array([4.0, 3.0, 2.0, 1.0])  # wrong, right, wrong, right
    assert auroc(score, WRONG) == 3 / 4
    assert average_precision(score, WRONG) == pytest.approx((1 + 2 / 3) / 2)
    assert precision_at(score, WRONG, 2) == 1 / 2
    assert precision_at(score, WRONG, 3) == pytest.approx(2 / 3)


def test_equal_scores_count_as_the_mean_of_their_orders():
    score = np.array([1.0, 1.0, 1.0, 0.0])
    assert auroc(score, WRONG) == pytest.approx((0.5 + 1 + 0.5 + 1) / 4)
    assert precision_at(score, WRONG, 1) == pytest.approx(2 / 3)
    assert precision_at(np.zeros(4), WRONG, 3) == pytest.approx(0.5)
    assert auroc(np.zeros(4), WRONG) == 0.5


def test_what_was_not_measured_is_least_suspicious_and_tied():
    score = np.array([np.nan, 5.0, 7.0, np.nan])
    assert auroc(score, WRONG) == auroc(np.array([0.0, 5.0, 7.0, 0.0]), WRONG)


def test_without_one_of_the_kinds_there_is_no_figure():
    assert np.isnan(auroc(np.arange(3.0), np.ones(3, bool)))
    assert np.isnan(average_precision(np.arange(3.0), np.zeros(3, bool)))


def test_weights_are_the_same_as_copies():
    rng = np.random.default_rng(0)
    score, wrong = rng.integers(0, 6, 30).astype(float), rng.random(30) < 0.4
    times = rng.integers(0, 4, 30)
    copies = np.repeat(np.arange(30), times)
    curve = detection_curve(score, wrong, np.stack([times, np.ones(30)]))
    assert curve.auroc() == pytest.approx([auroc(score[copies], wrong[copies]), auroc(score, wrong)])
    assert curve.average_precision()[0] == pytest.approx(average_precision(score[copies], wrong[copies]))
    assert curve.precision_at(7)[0] == pytest.approx(precision_at(score[copies], wrong[copies], 7))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="each of 4"):
        auroc(np.zeros(3), WRONG)
    with pytest.raises(DataError, match="draws, 4"):
        detection_curve(np.zeros(4), WRONG, np.ones((2, 3)))


def test_the_line_follows_the_expected_rate_of_errors():
    # 10 wrong on top of 10 right, then 80 right: half of the top 20 is wrong here
    wrong = np.r_[np.tile([True, False], 10), np.zeros(80, bool)]
    score = np.r_[np.ones(20), np.zeros(80)]
    curve = detection_curve(score, wrong)
    # as planted, r = 0.1: the top 20 % holds all 10 wrong ones and 10 right ones
    precision, recall = curve.above_line(0.2, 0.1)
    assert (precision[0], recall[0]) == (pytest.approx(0.5), pytest.approx(1.0))
    # were half of the labels wrong: above the score stand 0.5 + 0.5/9 of the queue, 0.9 of them wrong
    precision, recall = curve.above_line(0.5 + 0.5 / 9, 0.5)
    assert (precision[0], recall[0]) == (pytest.approx(0.9), pytest.approx(1.0))
    # half as far down there are half as many of them, in the same mixture
    precision, recall = curve.above_line((0.5 + 0.5 / 9) / 2, 0.5)
    assert (precision[0], recall[0]) == (pytest.approx(0.9), pytest.approx(0.5))


def test_voxels_by_hand():
    # wrong: one voxel of value 2; right: values 0, 1, 2, 2
    assert voxel_auroc(np.array([0, 0, 1]), np.array([1, 1, 2])) == pytest.approx((1 + 1 + 0.5 + 0.5) / 4)
    assert np.isnan(voxel_auroc(np.zeros(3), np.ones(3)))


def trial(seed: int, n: int = 100, good: float = 2.0, units: np.ndarray | None = None) -> Trial:
    rng = np.random.default_rng(seed)
    wrong = np.arange(n) % 5 == seed % 5
    scores = {
        "good": rng.normal(size=n) + good * wrong,
        "poor": rng.normal(size=n) + 0.3 * wrong,
        "none": np.full(n, np.nan),
    }
    scores["as good"] = scores["good"] ** 3  # the same order
    return Trial(np.arange(n) if units is None else units, wrong, scores)


def test_an_interval_holds_about_the_truth_as_often_as_it_says():
    from statistics import NormalDist

    truth = NormalDist().cdf(1.0 / 2**0.5)
    hits = 0
    for seed in range(60):
        found = estimates([trial(seed, 120, 1.0)], "good", {"auroc": DetectionCurve.auroc}, draws=200)["auroc"]
        hits += found.low <= truth <= found.high
    assert 50 <= hits <= 60


def test_cases_that_come_again_in_other_seeds_are_not_taken_for_more():
    same = trial(0)
    figures = {"auroc": DetectionCurve.auroc}
    once = estimates([same], "good", figures)["auroc"]
    thrice = estimates([same] * 3, "good", figures)["auroc"]
    assert thrice == pytest.approx(once)


def test_labels_of_one_case_are_drawn_together():
    figures = {"auroc": DetectionCurve.auroc}
    one = trial(0, 40)
    twice = Trial(
        np.tile(np.arange(40), 2), np.tile(one.wrong, 2), {name: np.tile(v, 2) for name, v in one.scores.items()}
    )
    assert estimates([twice], "good", figures)["auroc"] == pytest.approx(estimates([one], "good", figures)["auroc"])


def test_the_planted_rate_does_not_vary_from_draw_to_draw():
    found = estimates([trial(0)], "none", {"average precision": DetectionCurve.average_precision})
    assert found["average precision"] == pytest.approx((0.2, 0.2, 0.2))


def test_few_labels_say_little():
    assert score_interval(1.0, 3, 6).low < 0.7
    assert score_interval(1.0, 3, 6).high == pytest.approx(1.0)
    assert score_interval(0.0, 6, 3).high == pytest.approx(1 - score_interval(1.0, 3, 6).low)
    wide, narrow = score_interval(0.8, 5, 20), score_interval(0.8, 50, 200)
    assert wide.low < narrow.low < 0.8 < narrow.high < wide.high
    assert np.isnan(score_interval(0.8, 0, 20).low)


def test_the_interval_ends_where_the_variance_says():
    low = score_interval(0.8, 10, 30).low
    n = (10 + 30) / 2 - 1  # Newcombe 2006, method 5
    variance = low * (1 - low) * (1 + n * ((1 - low) / (2 - low) + low / (1 + low))) / (10 * 30)
    assert 0.8 - low == pytest.approx(1.959964 * np.sqrt(variance), abs=1e-6)


def test_least_cases():
    n = least_cases(0.2)
    assert 6 < n <= 24
    assert score_interval(0.8, round(0.2 * n), n - round(0.2 * n)).low > 0.5
    assert least_cases(0.05) > n
    with pytest.raises(DataError, match="too small"):
        least_cases(1e-9)


def test_the_best_order_must_beat_the_default_by_more_than_noise():
    trials = [trial(1), trial(2)]
    chosen = choose_order(trials, ["good", "poor", "none"], "poor", draws=200)
    assert (chosen.order, chosen.best) == ("good", "good")
    assert chosen.difference.low > 0.1
    kept = choose_order(trials, ["good", "poor"], "good", draws=200)
    assert (kept.order, kept.best) == ("good", "good")
    # an order that is the same in other words is no reason to change
    assert choose_order(trials, ["as good"], "good", draws=200).order == "good"
    close = choose_order([trial(3, 30, 1.0)], ["good", "poor"], "poor", draws=200)
    assert (close.best == "good") <= (close.difference.low > 0 or close.order == "poor")


def test_lines_say_what_stands_above_them():
    trials = [trial(1), trial(2)]
    tenth, fifth = lines_of(trials, "good", [0.1, 0.2], 0.2, draws=200)
    assert tenth.precision.value > fifth.precision.value > 0.5
    assert tenth.recall.value < fifth.recall.value
    assert fifth.precision.low < fifth.precision.value < fifth.precision.high
    # as planted, the line after a fifth is the precision at the top fifth
    assert fifth.precision.value == pytest.approx(
        np.mean([precision_at(t.scores["good"], t.wrong, 20) for t in trials])
    )
    rarer = lines_of(trials, "good", [0.2], 0.05, draws=20)[0]
    assert rarer.precision.value < fifth.precision.value


def test_a_line_lies_as_deep_as_eight_in_ten_allow():
    trials = [trial(1), trial(2)]
    line = line_of(trials, "good", 0.2, 100, draws=200)
    assert line.precision.value >= 0.8
    deeper = lines_of(trials, "good", [line.share + 0.02], 0.2, draws=1)[0]
    assert deeper.precision.value < 0.8
    assert line_of(trials, "poor", 0.2, 100, draws=20).share == pytest.approx(0.2)  # none has 8 in 10


@pytest.mark.parametrize(
    ("part", "words"),
    [(0.8, "about 8 in 10"), (0.75, "about 8 in 10"), (0.97, "more than 9"), (0.01, "fewer than 1 in 10")],
)
def test_parts_in_words(part, words):
    assert words in in_ten(part)
