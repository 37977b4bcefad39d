"""How far several readers differ."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from napari_aleatoric.uncertainty import score_readers


def readers(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = np.zeros((4, 6, 8, 9), np.uint16)
    for r, shift in enumerate((0, 0, 1, 2)):
        labels[r, 1:4, 2 + shift : 6, 1:7] = 1
    labels[0, 4, 1:3, 1:3] = 2  # the others saw nothing there
    labels[1, 0, 0, 0] = rng.integers(1, 2)
    return labels


def test_against_dice_of_all_pairs() -> None:
    labels = readers()
    found = score_readers(labels)
    values = {v.class_index: v.value for v in found.values}
    masks = labels == 1
    dice = [2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in combinations(masks, 2)]
    assert values[1] == pytest.approx(1 - np.mean(dice))
    # of six pairs, three agree that class 2 is nowhere, three do not overlap
    assert values[2] == pytest.approx(0.5)
    assert values[0] == pytest.approx((values[1] + values[2]) / 2)


def test_map_is_four_times_the_variance() -> None:
    labels = readers()
    found = score_readers(labels)
    assert found.map_classes == (0, 1, 2)
    for row, c in ((1, 1), (2, 2)):
        np.testing.assert_allclose(found.map_values[row] / 255.0, 4 * (labels == c).var(axis=0), atol=0.003)
    assert np.array_equal(found.map_values[0], found.map_values[1:].max(axis=0))
    spots = {s.class_index: s for s in found.hot_spots}
    assert set(spots) == {0, 1, 2}
    assert spots[2].index_zyx[0] == 4
    assert 1 <= spots[1].index_zyx[0] <= 3


def test_one_reader_or_none_says_nothing() -> None:
    labels = readers()
    assert score_readers(labels[:1]).values == ()
    assert score_readers(np.zeros_like(labels)).values == ()
    same = score_readers(np.stack([labels[0]] * 3))
    assert {v.value for v in same.values} == {0.0}
    assert same.hot_spots == ()
    assert score_readers(labels, maps=False).map_values.shape[0] == 0


def test_the_order_of_the_readers_does_not_matter() -> None:
    labels = readers()
    a, b = score_readers(labels), score_readers(labels[[2, 0, 3, 1]])
    assert [v.value for v in a.values] == pytest.approx([v.value for v in b.values])
    assert np.array_equal(a.map_values, b.map_values)
