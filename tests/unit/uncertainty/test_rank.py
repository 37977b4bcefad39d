from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import WHOLE_CASE, ClassTable, ItemKey, Question
from napari_aleatoric.uncertainty import (
    LABEL_RISK_PARTS,
    MEASURES,
    STRATEGIES,
    ScoreTable,
    auv,
    percentile_rank,
    rank,
)

CLASSES = ClassTable.from_names({1: "liver", 2: "tumour"})
NAN = float("nan")


def table(n: int = 30, n_classes: int = 2, seed: int = 0, levels: int = 5) -> ScoreTable:
    """Few different values, so that there are many ties."""
    rng = np.random.default_rng(seed)
    keys = [ItemKey(f"case{i:03d}", f"reader{i % 2}") for i in rng.permutation(n)]
    names = (*LABEL_RISK_PARTS, "softmin", "perception_scale")
    columns = {(m, c): rng.integers(1, levels + 1, n) / levels for m in names for c in range(n_classes + 1)}
    columns["nll_union", 1][rng.random(n) < 0.3] = NAN
    return ScoreTable(keys, columns)


def permuted(original: ScoreTable, order: np.ndarray) -> ScoreTable:
    return ScoreTable(
        [original.keys[i] for i in order], {name: column[order] for name, column in original.columns.items()}
    )


@given(st.lists(st.one_of(st.integers(0, 5).map(float), st.just(NAN)), max_size=40))
def test_percentile_rank_against_scipy(values: list[float]) -> None:
    column = np.array(values, dtype=float)
    known = ~np.isnan(column)
    expected = np.full(column.shape, NAN)
    if known.any():
        expected[known] = (rankdata(column[known]) - 0.5) / known.sum()
    np.testing.assert_allclose(percentile_rank(column), expected)


COMPOSED = (
    "max:nll_union,softmin",
    "worst:softmin",
    "random:7",
    "diverse:softmin",
    "diverse:max:nll_union,softmin",
)


@pytest.mark.parametrize("strategy", [*(s.name for s in STRATEGIES.values() if not s.detail), *COMPOSED])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), filtered=st.booleans())
def test_the_order_is_total_and_does_not_depend_on_the_rows(strategy: str, seed: int, filtered: bool) -> None:
    original = table(seed=seed)
    order = np.random.default_rng(seed + 1).permutation(len(original))
    moved = permuted(original, order)
    chosen = [2] if filtered else None
    a = rank(original, strategy, class_filter=chosen)
    b = rank(moved, strategy, class_filter=chosen)
    assert sorted(a.order.tolist()) == list(range(len(original)))
    assert [original.keys[i] for i in a.order] == [moved.keys[i] for i in b.order]
    scores = a.score[a.order]
    known = ~np.isnan(scores)
    if not strategy.startswith("diverse"):
        assert (np.diff(scores[known]) <= 0).all()
    assert not known[np.argmin(known) :].any() or known.all()  # NaN last
    assert ((a.score[~np.isnan(a.score)] >= 0) & (a.score[~np.isnan(a.score)] <= 1)).all()
    assert np.array_equal(a.position[a.order], np.arange(len(original)))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_permuting_classes_permutes_what_drives_the_score(seed: int) -> None:
    original = table(seed=seed, levels=1000)
    swapped = ScoreTable(
        original.keys, {(m, {0: 0, 1: 2, 2: 1}[c]): column for (m, c), column in original.columns.items()}
    )
    a, b = rank(original, "worst_class"), rank(swapped, "worst_class")
    np.testing.assert_allclose(a.score, b.score)
    clear = (
        np.abs(
            np.nan_to_num(rank(original, "worst_class", class_filter=[1]).score)
            - np.nan_to_num(rank(original, "worst_class", class_filter=[2]).score)
        )
        > 1e-9
    )
    assert np.array_equal(a.class_index[clear], np.array([0, 2, 1])[b.class_index[clear]])


def test_label_risk_is_the_largest_percentile_of_its_parts() -> None:
    keys = [ItemKey(c) for c in "abcd"]
    scores = ScoreTable(
        keys,
        {
            ("nll_union", 0): np.array([4.0, 1.0, 2.0, 3.0]),
            ("local_max", 0): np.array([0.1, 0.9, 0.2, 0.3]),
            ("dice_gap", 0): np.array([0.1, 0.2, 0.3, 0.0]),
            ("nll_union", 2): np.array([1.0, 2.0, 3.0, 4.0]),
            ("local_max", 1): np.array([4.0, 3.0, NAN, 1.0]),
        },
    )
    found = rank(scores)
    np.testing.assert_allclose(found.score, [0.875, 0.875, 0.875, 0.625])
    assert found.part.tolist() == ["nll_union", "local_max", "dice_gap", "nll_union"]
    assert found.class_index.tolist() == [1, 1, 2, 2]
    # equal scores: the larger mean of the parts first (a: .875+.125+.375, b: .125+.875+.625, c: .375+.375+.875)
    assert [keys[i].case_id for i in found.order] == ["b", "c", "a", "d"]


def test_good_is_low_for_soft_minimum() -> None:
    scores = ScoreTable([ItemKey(c) for c in "abc"], {("softmin", 0): np.array([0.9, 0.1, 0.5])})
    assert rank(scores, "softmin").order.tolist() == [1, 2, 0]


def test_difficulty_is_the_auv_of_the_cohort() -> None:
    scales = np.array([0.4, 0.8, 1.2, 1.6]) / 2
    scores = ScoreTable([ItemKey(c) for c in "abcd"], {("perception_scale", 0): scales})
    found = rank(scores, "difficulty")
    np.testing.assert_allclose(found.score, auv(scales))
    assert found.order.tolist() == [0, 1, 2, 3]
    assert set(found.part.tolist()) == {"auv"}


def test_class_filter_looks_at_these_classes_only() -> None:
    original = table(seed=4, levels=1000)
    only = rank(original, class_filter=[2])
    assert set(only.class_index.tolist()) == {2}
    own = ScoreTable(original.keys, {(m, 2): original.columns[m, 2] for m in LABEL_RISK_PARTS})
    np.testing.assert_allclose(only.score, rank(own, class_filter=[2]).score)


def test_unmeasured_items_come_last_by_key() -> None:
    scores = ScoreTable([ItemKey(c) for c in "cba"], {("nll_union", 0): np.array([NAN, 0.5, NAN])})
    found = rank(scores)
    assert [scores.keys[i].case_id for i in found.order] == ["b", "a", "c"]
    assert found.part.tolist() == ["", "nll_union", ""]


def test_random_order_stays_when_cases_are_added() -> None:
    small, large = table(20), table(60)
    first = [large.keys[i] for i in rank(large, "random").order if large.keys[i] in set(small.keys)]
    assert first == [small.keys[i] for i in rank(small, "random").order]
    assert first != sorted(first)


def test_empty_table() -> None:
    for strategy in STRATEGIES:
        assert len(rank(ScoreTable([], {}), strategy)) == 0


def test_unknown_names_are_refused() -> None:
    with pytest.raises(NotFoundError, match="label_risk"):
        rank(table(), "best")
    with pytest.raises(NotFoundError, match="7"):
        rank(table(), class_filter=[7])
    with pytest.raises(NotFoundError, match="3"):
        rank(table(n_classes=3), classes=CLASSES, class_filter=[3])
    with pytest.raises(DataError, match="Expected 3 values"):
        ScoreTable([ItemKey(c) for c in "abc"], {("nll_union", 0): np.zeros(2)})


def test_measures_declare_themselves() -> None:
    assert set(LABEL_RISK_PARTS) <= set(MEASURES)
    for name, measure in MEASURES.items():
        assert measure.name == name
        assert measure.sentence.endswith(".")
        assert measure.bounds[0] < measure.bounds[1]
    assert MEASURES["auv"].question is Question.DIFFICULTY
    assert MEASURES["label_risk"].question is Question.LABEL_RISK
    assert next(iter(STRATEGIES)) == "label_risk"
    for strategy in STRATEGIES.values():
        assert strategy.sentence.endswith(".")


@pytest.mark.parametrize(("n_classes", "first"), [(2, "all a little"), (3, "one class wrong")])
def test_one_wrong_class_among_many_comes_first(n_classes: int, first: str) -> None:
    """With more than two classes the worst class counts; with two, the case as a whole."""
    keys = [ItemKey(name) for name in ("all a little", "one class wrong", "plain", "quite plain")]
    columns = {}
    for part in LABEL_RISK_PARTS:
        columns[part, WHOLE_CASE] = np.array([0.9, 0.5, 0.3, 0.1])
        columns[part, n_classes] = np.array([0.5, 0.9, 0.3, 0.2])
        for c in range(1, n_classes):
            columns[part, c] = np.full(4, 0.4)
    ranking = rank(ScoreTable(keys, columns))
    assert keys[ranking.order[0]].case_id == first
    assert ranking.class_index[1] == n_classes
