"""Curves from what runs reported: thinned, joined after a stop, sorted into plots."""

from __future__ import annotations

import math

import pytest

from napari_aleatoric.session._training_curves import curve_table, thinned_curve, training_curves


def test_what_was_reported_is_sorted_into_plots() -> None:
    points = ((1, 0.5), (2, 0.25))
    run = {
        "loss": points,
        "learning_rate": points,
        "loss/dice": points,
        "dice/left/right": points,
        "dice/mean": points,
        "class_weight/liver": points,
        "scale/liver": points,
        "baseline/loss": ((1, 0.75),),
        "baseline/dice/mean": points,
    }
    curves = training_curves([run])
    assert [(c.name, c.is_plain) for c in curves.loss] == [("", False), ("", True)]
    assert [(c.name, c.is_plain) for c in curves.dice] == [("left/right", False), ("mean", False), ("mean", True)]
    assert [c.name for c in curves.class_weight] == ["liver"]
    assert [c.name for c in curves.scale] == ["liver"]
    assert curves.loss[0].steps == (1.0, 2.0)
    assert curves.loss[0].last == 0.25
    assert curves.loss[1].values == (0.75,)
    assert curves
    assert not training_curves([{"learning_rate": points}])


def test_a_run_that_goes_on_takes_the_place_of_what_was_lost() -> None:
    """It was stopped after step 4 and goes on from the state that was kept after step 2."""
    first = {"loss": ((1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)), "dice/mean": ((2, 0.1),)}
    second = {"loss": ((3, 30.0), (4, 40.0), (5, 50.0)), "dice/mean": ()}
    curves = training_curves([first, second])
    assert curves.loss[0].steps == (1, 2, 3, 4, 5)
    assert curves.loss[0].values == (1, 2, 30, 40, 50)
    assert curves.dice[0].values == (0.1,)


def test_many_points_become_means_and_none_is_invented() -> None:
    points = [(step, float(step % 2)) for step in range(1, 1001)]
    thin = thinned_curve(points, most=100)
    assert len(thin) == 100
    assert thin[0] == (5.5, 0.5)
    assert sum(value for _, value in thin) / 100 == pytest.approx(0.5)
    assert thinned_curve(points[:100], most=100) == points[:100]
    assert thinned_curve([(1, math.nan), (2, 0.5), (3, math.inf)]) == [(2.0, 0.5)]


def test_a_table_has_a_row_for_every_point() -> None:
    points = [(step, float(step)) for step in range(1, 1001)]
    run = {"loss": points, "baseline/loss": [(1, 2.5)], "dice/liver": [(7, 0.5)]}
    other = training_curves([{"loss": [(2, 0.125)]}])
    found = curve_table({"first": training_curves([run], None), "second": other})
    assert list(found) == ["training", "plot", "curve", "network", "step", "value"]
    rows = list(zip(*found.values(), strict=True))
    assert rows[:1000] == [("first", "loss", "", "trained", step, value) for step, value in points]
    assert rows[1000:] == [
        ("first", "loss", "", "plain", 1, 2.5),
        ("first", "dice", "liver", "trained", 7, 0.5),
        ("second", "loss", "", "trained", 2, 0.125),
    ]
