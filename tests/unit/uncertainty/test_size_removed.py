"""Scores without what size explains."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress, rankdata, spearmanr

from napari_aleatoric.model import ItemKey
from napari_aleatoric.uncertainty import ScoreTable, size_removed

NAN = float("nan")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_against_scipys_line_over_ranks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = np.exp(rng.normal(5, 1, 40))
    score = -np.log(size) + rng.normal(0, 1, 40)
    r, s = rankdata(score), rankdata(size)
    line = linregress(s, r)
    expected = rankdata(np.round((r - line.intercept - line.slope * s) / 40, 12))
    found = size_removed(score, size)
    np.testing.assert_allclose(found, (expected - 0.5) / 40)
    assert abs(spearmanr(score, size).statistic) > 0.2
    assert abs(spearmanr(found, size).statistic) < 0.2


def test_what_only_follows_size_has_nothing_left() -> None:
    size = np.array([10.0, 20, 30, 40, 50])
    np.testing.assert_allclose(size_removed(-np.log(size), size), 0.5)
    score = -size
    score[2] = -5.0  # far worse than its size says
    assert size_removed(score, size).argmax() == 2


def test_unknown_sizes_and_few_cases() -> None:
    found = size_removed([1.0, 2.0, NAN, 4.0, 3.0], [5.0, 0.0, 7.0, 8.0, 9.0])
    assert np.isnan(found[[1, 2]]).all()
    assert np.isfinite(found[[0, 3, 4]]).all()
    assert np.isnan(size_removed([1.0, 2.0], [1.0, 2.0])).all()
    assert np.isnan(size_removed([1.0, 2.0, 3.0], [4.0, 4.0, 4.0])).all()
    assert size_removed([], []).shape == (0,)


def test_the_table_knows_the_direction_of_a_measure() -> None:
    size = np.array([10.0, 20, 30, 40])
    keys = [ItemKey(c) for c in "abcd"]
    columns = {
        ("softmin", 0): np.array([0.4, 0.1, 0.2, 0.3]),  # low is worse
        ("levelset", 0): np.array([0.1, 0.4, 0.3, 0.2]),
        ("volume_voxels", 0): size,
    }
    table = ScoreTable(keys, columns)
    np.testing.assert_allclose(table.size_removed("softmin"), table.size_removed("levelset"))
    assert table.size_removed("levelset").argmax() == 1
    assert np.isnan(table.size_removed("levelset", 1)).all()
