"""Composed orders, a first batch of different problems, and known-good cases to check readers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import ClassTable, HotSpot, ItemKey, Question
from napari_aleatoric.uncertainty import (
    LABEL_RISK_MAP,
    MEASURES,
    STRATEGIES,
    ScoreTable,
    rank,
    reason,
    strategy_of,
    with_honeypots,
)

CLASSES = ClassTable.from_names({1: "liver", 2: "tumour"})
NAN = float("nan")


def keys(n: int) -> list[ItemKey]:
    return [ItemKey(f"case{i:03d}") for i in range(n)]


def test_any_single_measure_can_order_the_queue() -> None:
    for name, measure in MEASURES.items():
        if measure.stored and name != "perception_scale":  # whose order is that of the difficulty
            assert STRATEGIES[name].question is measure.question
            table = ScoreTable(keys(3), {(name, 0): np.array([0.2, 0.9, 0.5])})
            worst_first = [1, 2, 0] if measure.sign > 0 else [0, 2, 1]
            assert rank(table, name).order.tolist() == worst_first, name
    assert STRATEGIES["outside_subspace"].detail
    assert not STRATEGIES["levelset"].detail


def test_questions_come_one_after_the_other() -> None:
    asked = [s.question for s in STRATEGIES.values()]
    places = [list(Question).index(q) for q in asked if q is not None]
    assert places == sorted(places)
    assert asked[-1] is None


def test_largest_of_several_measures() -> None:
    columns = {
        ("levelset", 0): np.array([0.1, 0.2, 0.3, 0.4]),
        ("predictive_entropy", 0): np.array([9.0, 1.0, 2.0, 3.0]),
        ("levelset", 2): np.array([0.4, 0.1, 0.1, 0.2]),
        ("predictive_entropy", 1): np.array([0.4, 0.1, 0.1, 0.2]),
    }
    table = ScoreTable(keys(4), columns)
    found = rank(table, "max:levelset,predictive_entropy")
    np.testing.assert_allclose(found.score, [0.875, 0.375, 0.625, 0.875])
    assert found.part.tolist() == ["predictive_entropy", "levelset", "levelset", "levelset"]
    assert found.order.tolist() == [3, 0, 2, 1]  # equal ones by their mean: .75 before .5
    assert found.class_index[0] == 1
    assert found.class_index[3] == 2
    only = rank(table, "max:levelset,predictive_entropy", class_filter=[2])
    np.testing.assert_allclose(only.score, [0.875, 0.25, 0.25, 0.625])


def test_worst_class_of_any_measure() -> None:
    columns = {
        ("levelset", 0): np.array([0.5, 0.6, 0.1]),
        ("levelset", 1): np.array([0.5, 0.6, 0.1]),
        ("levelset", 2): np.array([0.3, 0.2, 0.9]),
    }
    table = ScoreTable(keys(3), columns)
    assert rank(table, "levelset").order.tolist() == [1, 0, 2]
    found = rank(table, "worst:levelset")
    assert found.order.tolist() == [1, 2, 0]
    assert found.class_index.tolist() == [1, 1, 2]
    assert found.part.tolist() == ["levelset"] * 3


def test_an_order_never_mixes_two_questions() -> None:
    with pytest.raises(DataError, match="one question"):
        strategy_of("max:levelset,nll_union")
    for wrong in ("max:", "max:auv", "worst:label_risk", "random:x", "nonsense", "worst:", "diverse:nonsense"):
        with pytest.raises(NotFoundError):
            strategy_of(wrong)
    with pytest.raises(DataError, match="random"):
        strategy_of("diverse:random")


def test_random_orders_differ_by_their_seed() -> None:
    table = ScoreTable(keys(50), {})
    orders = [rank(table, name).order.tolist() for name in ("random", "random:1", "random:2", "random:1")]
    assert orders[1] == orders[3]
    assert len({tuple(order) for order in orders}) == 3
    assert rank(table, "random").order.tolist() == rank(table, "random:0").order.tolist()


def many(n: int = 80) -> ScoreTable:
    """The first twenty all have the same trouble; three others stand out in something else."""
    rng = np.random.default_rng(0)
    nll = np.concatenate([np.linspace(9, 8, 17), rng.random(n - 17)])
    local = np.concatenate([rng.random(17) / 10, rng.random(n - 17) / 2])
    dice = np.concatenate([rng.random(17) / 10, rng.random(n - 17) / 2])
    local[30], dice[40], dice[41] = 0.98, 0.97, 0.96
    columns = {}
    for c in (0, 1):
        columns |= {("nll_union", c): nll, ("local_max", c): local, ("dice_gap", c): dice}
    return ScoreTable(keys(n), columns)


def test_a_diverse_batch_shows_every_kind_of_problem_first() -> None:
    table = many()
    plain, spread = rank(table, "label_risk"), rank(table, "diverse")
    assert spread.order[0] == plain.order[0]  # the worst stays the first
    kinds = [str(spread.part[row]) for row in spread.order[:3]]
    assert sorted(kinds) == ["dice_gap", "local_max", "nll_union"]
    pool = set(plain.order[:20].tolist())  # a quarter of 80
    batch = spread.order[:7].tolist()  # a third of that
    assert set(batch) <= pool
    rest = [row for row in plain.order.tolist() if row not in batch]
    assert spread.order[7:].tolist() == rest
    np.testing.assert_array_equal(spread.score, plain.score)
    assert "in order of 80" in reason(spread, int(spread.order[1]), CLASSES)
    assert "worst" not in reason(spread, int(spread.order[1]), CLASSES)


def test_different_classes_count_as_different_problems() -> None:
    n = 40
    columns = {("levelset", 1): np.linspace(1, 0, n), ("levelset", 2): np.linspace(1, 0, n)}
    columns["levelset", 2][5] = 2.0
    found = rank(ScoreTable(keys(n), columns), "diverse:worst:levelset")
    assert {int(found.class_index[row]) for row in found.order[:2]} == {1, 2}


def test_few_cases_stay_in_their_order() -> None:
    table = ScoreTable(keys(6), {("nll_union", 0): np.arange(6.0)})
    assert rank(table, "diverse").order.tolist() == rank(table).order.tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0.02, 0.5), st.integers(1, 60), st.booleans())
def test_honeypots_are_mixed_in_at_their_rate(seed: int, rate: float, n_good: int, spoiled: bool) -> None:
    n = 100
    rng = np.random.default_rng(seed)
    nll = rng.random(n)
    nll[: n // 4] = NAN if spoiled else nll[: n // 4]
    table = ScoreTable(keys(n), {("nll_union", 0): nll})
    good = {table.keys[i] for i in rng.permutation(n)[:n_good].tolist()} | {ItemKey("elsewhere")}
    plain = rank(table)
    mixed = with_honeypots(table, plain, good, rate, seed)
    assert mixed.blind
    assert sorted(mixed.order.tolist()) == list(range(n))
    flags = [table.keys[row] in good for row in mixed.order.tolist()]
    others = [row for row in mixed.order.tolist() if table.keys[row] not in good]
    assert others == [row for row in plain.order.tolist() if table.keys[row] not in good]
    block = round(1 / rate)
    n_blocks = min(n_good, (n - n_good) // (block - 1))
    for i in range(n_blocks):
        assert sum(flags[i * block : (i + 1) * block]) == 1
    again = with_honeypots(table, plain, good, rate, seed)
    assert again.order.tolist() == mixed.order.tolist()


def test_honeypots_are_not_at_foreseeable_places() -> None:
    table = ScoreTable(keys(200), {("nll_union", 0): np.arange(200.0)})
    good = set(table.keys[:40])
    mixed = with_honeypots(table, rank(table), good, 0.2)
    places = [i % 5 for i, row in enumerate(mixed.order[:200].tolist()) if table.keys[row] in good]
    assert len(set(places)) == 5
    other = with_honeypots(table, rank(table), good, 0.2, seed=1)
    assert other.order.tolist() != mixed.order.tolist()
    for rate in (0.0, 0.6, -1.0, NAN):
        with pytest.raises(DataError, match="rate"):
            with_honeypots(table, rank(table), good, rate)
    with pytest.raises(DataError, match="known-good"):
        with_honeypots(table, rank(table), {ItemKey("elsewhere")}, 0.1)


def test_no_sentence_gives_a_honeypot_away() -> None:
    table = ScoreTable(keys(40), {("nll_union", c): np.arange(40.0) for c in (0, 1)})
    mixed = with_honeypots(table, rank(table), set(table.keys[:4]), 0.1)
    spot = HotSpot(LABEL_RISK_MAP, 1, (3, 1, 1), (2, 5))
    sentences = {reason(mixed, row, CLASSES, [spot]) for row in range(40)}
    assert sentences == {"liver: look at slices 3 to 6"}
    assert reason(mixed, 0, CLASSES) == "liver: look through the whole case"


def test_sentences_tell_the_size_removed_place_beside_the_raw_one() -> None:
    size = np.linspace(100, 1000, 10)
    spread = 1000 / size
    columns = {("levelset", c): spread.copy() for c in (0, 1)} | {("volume_voxels", c): size for c in (0, 1)}
    columns["levelset", 0][9] = columns["levelset", 1][9] = 8.0  # large, and yet ambiguous
    found = rank(ScoreTable(keys(10), columns), "levelset")
    assert found.order[:2].tolist() == [0, 9]
    spot = HotSpot("ambiguity", 1, (3, 1, 1), (2, 5))
    assert reason(found, 9, CLASSES, [spot]) == (
        "liver: how far the class extends at slices 3 to 6 depends on how sure one wants to be, more than in 85% "
        "of the cases, for its size more than in 95%; second most ambiguous of 10"
    )
    assert np.isnan(rank(ScoreTable(keys(10), columns | {("nll_union", 0): spread})).size_removed).all()


def test_checked_orders_say_their_rate() -> None:
    assert strategy_of("checked").check_rate == pytest.approx(0.1)
    found = strategy_of("checked:25:worst:softmin")
    assert (found.check_rate, found.question) == (0.25, Question.LABEL_RISK)
    assert "25 %" in found.sentence
    for wrong in ("checked:0:label_risk", "checked:51:label_risk", "checked:label_risk", "checked:x:label_risk"):
        with pytest.raises(NotFoundError):
            strategy_of(wrong)


def test_ambiguity_is_somebodys_and_says_whose() -> None:
    columns = {("levelset", 0): np.array([0.2, 0.4]), ("perception_scale", 0): np.array([0.2, 0.4])}
    table = ScoreTable(keys(2), columns, judge="light")
    assert reason(rank(table, "levelset"), 1, CLASSES).endswith("of 2 (judged by the light classifier)")
    assert "judged" not in reason(rank(table, "difficulty"), 1, CLASSES)
