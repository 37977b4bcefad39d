"""Two models on the held-out cases that both were judged on, without asking a network again."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from napari_aleatoric.review import CaseRow, Judgement, JudgeSpec, compare_judgements, compare_models, judge

SPEC = JudgeSpec(draws=200)


def judged(dice: dict[str, tuple[float, float]], voxels: dict[str, int] | None = None, **about) -> Judgement:
    """A judgement of liver and tumour by case."""
    rows = [
        CaseRow(
            model=model,
            case_id=case_id,
            unit=about.get("units", {}).get(case_id, case_id),
            class_name=name,
            dice=value + shift,
            surface_dice=1.0,
            hd95_mm=1.0,
            reference_voxels=(voxels or {}).get(case_id, 9),
            predicted_voxels=9,
        )
        for case_id, values in dice.items()
        for name, value in zip(("liver", "tumour"), values, strict=True)
        for model, shift in (("after", 0.0), ("before", -0.3))
    ]
    return judge(rows, SPEC, by_patient="units" in about)


def test_the_paired_difference_is_that_of_the_shared_cases() -> None:
    mine = judged({f"c{i}": (0.9 - 0.01 * i, 0.8) for i in range(9)})
    other = judged({f"c{i}": (0.85, 0.7) for i in range(1, 12)})
    found = compare_judgements(mine, other)
    change = np.array([(0.9 - 0.01 * i + 0.8) / 2 - 0.775 for i in range(1, 9)])
    assert found.row is not None
    assert (found.n_cases, found.n_changed, found.row.n_units) == (8, 0, 8)
    assert found.row.difference.value == pytest.approx(change.mean())
    assert found.row.wilcoxon_p == pytest.approx(scipy.stats.wilcoxon(change).pvalue)
    assert (found.row.n_better, found.row.n_worse) == ((change > 0).sum(), (change < 0).sum())
    assert found.sentence.startswith("The chosen model is better than the one beside it on 8 of 8 held-out cases")
    back = compare_judgements(other, mine)
    assert back.row is not None
    assert back.row.difference.value == pytest.approx(-change.mean())
    assert back.sentence.startswith("The chosen model is worse than the one beside it on 8 of 8")


def test_cases_whose_label_was_changed_meanwhile_are_left_out() -> None:
    values = {f"c{i}": (0.9, 0.8) for i in range(4)}
    found = compare_judgements(judged(values), judged({**values, "c1": (0.1, 0.1)}, {"c1": 11}))
    assert (found.n_cases, found.n_changed) == (3, 1)
    assert "do the same on 3 held-out cases." in found.sentence
    assert found.sentence.endswith("1 case is left out, for its label was changed between the two judgements.")
    none = compare_judgements(judged({"c1": (0.5, 0.5)}), judged({"c1": (0.5, 0.5)}, {"c1": 11}))
    assert none.row is None
    assert none.sentence.startswith("The two share no held-out case with the same label.")


def test_patients_stay_together_where_both_know_them() -> None:
    values = {f"c{i}": (0.9, 0.8) for i in range(4)}
    worse = dict.fromkeys(values, (0.8, 0.8))
    units = {"c0": "p", "c1": "p", "c2": "q", "c3": "q"}
    both = compare_judgements(judged(values, units=units), judged(worse, units=units))
    assert both.row is not None
    assert both.row.n_units == 2
    assert "held-out patients are too few to tell" in both.sentence
    one = compare_judgements(judged(values, units=units), judged(worse))
    assert one.row is not None
    assert one.row.n_units == 4


def test_what_was_not_judged_is_said(ws) -> None:
    assert compare_models(ws, "a", "b").sentence.startswith("Held-out cases are compared where both")
