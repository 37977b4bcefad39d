"""How far several readers differ: numbers, maps and words, against the whole-array functions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.model import WHOLE_CASE, ClassTable, ItemKey
from napari_aleatoric.uncertainty import (
    CONSENSUS_ENTROPY_MAP,
    MEASURES,
    READER_DEPARTURE_MAP,
    READER_MAPS,
    READER_MEASURES,
    READER_SPREAD_MAP,
    ScoreTable,
    band,
    compare_pairs,
    departure,
    rank,
    reader_habits,
    reader_weights,
    reason,
    score_readers,
)


def readers(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = np.zeros((4, 6, 8, 9), np.uint16)
    for r, shift in enumerate((0, 0, 1, 2)):
        labels[r, 1:4, 2 + shift : 6, 1:7] = 1
    labels[0, 4, 1:3, 1:3] = 2  # the others saw nothing there
    labels[1, 0, 0, 0] = rng.integers(1, 2)
    return labels


def value(values, measure: str, class_index: int = WHOLE_CASE) -> float:
    return next(v.value for v in values if (v.measure, v.class_index) == (measure, class_index))


def test_against_dice_of_all_pairs() -> None:
    labels = readers()
    found = score_readers(labels).values
    masks = labels == 1
    dice = [2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in combinations(masks, 2)]
    assert value(found, "reader_spread", 1) == pytest.approx(1 - np.mean(dice))
    # of six pairs, three agree that class 2 is nowhere, three do not overlap
    assert value(found, "reader_spread", 2) == pytest.approx(0.5)
    assert value(found, "reader_spread") == pytest.approx((1 - np.mean(dice) + 0.5) / 2)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(2, 5), n_rows=st.integers(2, 4))
def test_entropy_and_departure_are_those_of_the_whole_arrays(seed: int, n: int, n_rows: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros((n, 9, 8, 10), np.uint16)
    truth = rng.integers(0, n_rows, (3, 4, 4))
    labels[:, 2:5, 1:5, 3:7] = np.where(rng.random((n, 3, 4, 4)) < 0.3, rng.integers(0, n_rows, (3, 4, 4)), truth)
    labels[0] = np.where(rng.random(labels[0].shape) < 0.02, 1, labels[0])
    found = score_readers(labels, n_rows=n_rows)
    whole = departure(labels, n_rows=n_rows)
    assert value(found.values, "image_quality") == pytest.approx(whole.quality)
    near = max(whole.n_band, 1)
    assert value(found.values, "consensus_entropy") == pytest.approx(whole.entropy.sum() / near)
    own = [value(v, "reader_quality") for v in found.values_by_row]
    assert own == pytest.approx(list(whole.quality_by_reader))
    weights = reader_weights(labels, n_rows=n_rows)
    for c in found.map_classes[1:]:
        one = departure((labels == c).astype(np.uint8), weights)
        assert value(found.values, "consensus_entropy", c) == pytest.approx(one.entropy.sum() / one.n_band)
        i = found.map_classes.index(c)
        heat = found.map_rows(CONSENSUS_ENTROPY_MAP)[i]
        np.testing.assert_allclose(heat / 255.0, one.entropy, atol=0.002)
        for r in range(n):
            assert value(found.values_by_row[r], "reader_departure", c) == pytest.approx(
                one.by_reader[r][band((labels == c).any(axis=0))].mean()
            )
            np.testing.assert_allclose(
                found.map_rows(READER_DEPARTURE_MAP, r)[i] / 255.0, one.by_reader[r], atol=0.002
            )


@pytest.mark.parametrize("spacing", [(3.0, 0.5, 0.7), None])
def test_overlap_outline_and_volume_are_those_of_pairs_and_habits(spacing) -> None:
    labels = readers()
    found = score_readers(labels, spacing_zyx_mm=spacing).values_by_row
    known = spacing or (1.0, 1.0, 1.0)
    masks = [label == 1 for label in labels]
    pairs = compare_pairs(masks, known, 1.0 if spacing is None else 2.0)
    habits = reader_habits(masks, known)
    name = "reader_hd95_voxels" if spacing is None else "reader_hd95_mm"
    for r, values in enumerate(found):
        own = [p for p in pairs if r in (p.first, p.second)]
        assert value(values, "reader_dice", 1) == pytest.approx(np.mean([p.dice for p in own]))
        assert value(values, "reader_surface_dice", 1) == pytest.approx(np.mean([p.surface_dice for p in own]))
        assert value(values, name, 1) == pytest.approx(np.mean([p.hd95 for p in own]))
        assert value(values, "reader_volume", 1) == pytest.approx(abs(habits[r].relative_volume))
        measured = {v.measure for v in values}
        assert len(measured & {"reader_hd95_mm", "reader_hd95_voxels"}) == 1
        assert measured <= set(READER_MEASURES)
    assert value(found[0], "reader_hd95_mm" if spacing else name, 1) > 0


def test_presence_of_a_class_that_one_reader_drew() -> None:
    found = score_readers(readers())
    assert value(found.values, "presence_disagreement", 2) == pytest.approx(3 / 6)
    assert value(found.values, "presence_disagreement", 1) == 0.0
    assert value(found.values, "presence_disagreement") == pytest.approx(3 / 6)
    assert (value(found.values, "n_readers", 2), value(found.values, "n_drew", 2)) == (4.0, 1.0)
    assert [value(v, "reader_presence", 2) for v in found.values_by_row] == pytest.approx([1, 1 / 3, 1 / 3, 1 / 3])
    assert not any(v.measure.startswith("reader_hd95") and v.class_index == 2 for v in found.values_by_row[0])


def test_the_map_of_the_spread_is_four_times_the_variance() -> None:
    labels = readers()
    found = score_readers(labels)
    assert found.map_classes == (0, 1, 2)
    rows = found.map_rows(READER_SPREAD_MAP)
    for row, c in ((1, 1), (2, 2)):
        np.testing.assert_allclose(rows[row] / 255.0, 4 * (labels == c).var(axis=0), atol=0.003)
    for name in READER_MAPS:
        heat = found.map_rows(name, 2)
        assert np.array_equal(heat[0], heat[1:].max(axis=0))
    spots = {s.class_index: s for s in found.hot_spots if s.map_name == READER_SPREAD_MAP}
    assert set(spots) == {0, 1, 2}
    assert spots[2].index_zyx[0] == 4
    assert 1 <= spots[1].index_zyx[0] <= 3
    (own,) = [s for s in found.hot_spots_by_row[0] if s.class_index == 2]
    assert (own.map_name, own.index_zyx[0]) == (READER_DEPARTURE_MAP, 4)


def test_one_reader_nobody_and_all_alike() -> None:
    labels = readers()
    assert score_readers(labels[:1]).values == ()
    assert score_readers(labels[:1]).values_by_row == ()
    nobody = score_readers(np.zeros_like(labels))
    assert value(nobody.values, "image_quality") == 1.0
    assert value(nobody.values, "consensus_entropy") == 0.0
    assert value(nobody.values, "reader_spread") == 0.0
    assert value(nobody.values, "n_drew") == 0.0
    assert [value(v, "reader_departure") for v in nobody.values_by_row] == [0.0] * 4
    assert nobody.map_classes == ()
    same = score_readers(np.stack([labels[0]] * 3))
    assert {v.value for v in same.values if v.measure == "reader_spread"} == {0.0}
    assert {v.value for v in same.values if v.measure == "image_quality"} == {1.0}
    assert same.hot_spots == ()
    assert not same.map_rows(CONSENSUS_ENTROPY_MAP).any()
    assert score_readers(labels, maps=False).map_values.shape[0] == 0


def test_a_reader_who_drew_nothing_is_an_answer_and_a_missing_one_is_none() -> None:
    labels = readers()[:3]
    labels[2] = 0
    found = score_readers(labels)
    assert value(found.values, "n_drew") == 2.0
    departures = [value(v, "reader_departure") for v in found.values_by_row]
    assert departures[2] > max(departures[:2])
    without = score_readers(labels[:2])
    assert value(without.values, "presence_disagreement", 1) == 0.0
    assert value(without.values, "reader_spread", 1) < value(found.values, "reader_spread", 1)


def test_the_order_of_the_readers_does_not_matter() -> None:
    labels = readers()
    order = [2, 0, 3, 1]
    a, b = score_readers(labels), score_readers(labels[order])
    assert [v.value for v in a.values] == pytest.approx([v.value for v in b.values])
    assert np.array_equal(a.map_values, b.map_values)
    for place, r in enumerate(order):
        assert [v.value for v in a.values_by_row[r]] == pytest.approx([v.value for v in b.values_by_row[place]])


def table_of(cases: dict[str, np.ndarray]) -> ScoreTable:
    keys, rows = [], []
    for case, labels in cases.items():
        found = score_readers(labels)
        for r, own in enumerate(found.values_by_row):
            keys.append(ItemKey(case, f"r{r}"))
            rows.append({(v.measure, v.class_index): v.value for v in (*found.values, *own)})
    names = {name for row in rows for name in row}
    return ScoreTable(keys, {n: np.array([row.get(n, np.nan) for row in rows]) for n in names})


def said(strategy: str, cases: dict[str, np.ndarray], place: int = 0) -> tuple[ItemKey, str]:
    table = table_of(cases)
    ranking = rank(table, strategy)
    row = int(ranking.order[place])
    names = ClassTable.from_names({1: "liver", 2: "cyst"})
    return table.keys[row], reason(ranking, row, names)


def test_reasons_count_the_readers() -> None:
    disputed, calm = readers(), np.stack([readers()[1]] * 4)
    disputed[3] = 0
    cases = {"disputed": disputed, "calm": calm}
    key, words = said("presence_disagreement", cases)
    assert key.case_id == "disputed"
    assert "one of four readers drew nothing, more than in" in words
    assert words.startswith("liver: ")
    assert "all four readers drew it" in said("presence_disagreement", cases, 7)[1]
    key, words = said("reader_departure", cases)
    assert key == ItemKey("disputed", "r3")
    table = table_of(cases)
    part = table.column("reader_departure", 1)[3]
    assert f"this reader departs most of four, by {100 * part:.0f} % over the band" in words


def test_measures_say_in_which_direction_they_are_bad() -> None:
    good, bad = np.stack([readers()[1]] * 4), readers()
    bad[3], bad[bad == 2] = 0, 0
    table = table_of({"good": good, "bad": bad})
    for name in ("image_quality", "reader_spread", "consensus_entropy"):
        assert table.keys[int(rank(table, name).order[0])].case_id == "bad", name
    for name in ("reader_departure", "reader_quality", "reader_dice", "reader_surface_dice"):
        assert table.keys[int(rank(table, name).order[0])] == ItemKey("bad", "r3"), name
    assert all(MEASURES[name].question.value == "disagreement" for name in READER_MEASURES)
