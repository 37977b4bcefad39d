"""Entropies of an ensemble against scipy, by hand, and as properties."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy

from napari_aleatoric.errors import DataError
from napari_aleatoric.uncertainty import EnsembleSums, binary_entropy, ensemble_maps, entropy


def members(
    seed: int, n: int, k: int, sharpness: float = 2.0, shape: tuple[int, ...] = (2, 3, 4)
) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = sharpness * rng.normal(size=(n, k, *shape))
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return list((p / p.sum(axis=1, keepdims=True)).astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 7), st.sampled_from([0.0, 1.0, 30.0]))
def test_expected_lies_between_zero_and_predictive_and_that_below_ln_k(
    seed: int, n: int, k: int, sharpness: float
) -> None:
    found = ensemble_maps(*members(seed, n, k, sharpness))
    for low, high, top in (
        (found.expected, found.predictive, math.log(k)),
        (found.class_expected, found.class_predictive, math.log(2)),
    ):
        assert (low >= 0).all()
        assert (low <= high).all()
        assert high.max() <= np.float32(top)
    assert (found.mutual_information >= 0).all()
    np.testing.assert_allclose(found.mutual_information + found.expected, found.predictive, atol=1e-6)


def test_against_scipy() -> None:
    stack = members(1, 5, 4)
    found = ensemble_maps(*stack)
    p = np.stack(stack).astype(np.float64)
    np.testing.assert_allclose(found.predictive, scipy_entropy(p.mean(axis=0), axis=0), atol=2e-6)
    np.testing.assert_allclose(found.expected, scipy_entropy(p, axis=1).mean(axis=0), atol=2e-6)
    for c in range(4):
        one = np.stack([p[:, c], 1 - p[:, c]])
        np.testing.assert_allclose(found.class_predictive[c], scipy_entropy(one.mean(axis=1), axis=0), atol=2e-6)
        np.testing.assert_allclose(found.class_expected[c], scipy_entropy(one, axis=0).mean(axis=0), atol=2e-6)


def test_by_hand() -> None:
    # two sure members that disagree: all of the entropy is disagreement; two unsure ones that agree: none of it
    sure = ensemble_maps(np.array([[[[1.0]]], [[[0.0]]]]), np.array([[[[0.0]]], [[[1.0]]]]))
    assert sure.predictive.item() == pytest.approx(math.log(2))
    assert sure.expected.item() == 0
    assert sure.class_mutual_information[1].item() == pytest.approx(math.log(2))
    unsure = ensemble_maps(*[np.full((2, 1, 1, 1), 0.5)] * 2)
    assert unsure.expected.item() == pytest.approx(math.log(2))
    assert unsure.mutual_information.item() == pytest.approx(0, abs=1e-7)
    # in bits: .2 → 0.721928 bit, .1 → 0.468996 bit
    np.testing.assert_allclose(
        binary_entropy(np.array([0.2, 0.1, 0.0, 1.0])) / math.log(2), [0.721928, 0.468996, 0, 0], atol=1e-6
    )
    assert entropy(np.full((3, 1), 1 / 3)).item() == pytest.approx(math.log(3), abs=1e-6)


def test_one_member_has_no_disagreement() -> None:
    found = ensemble_maps(members(3, 1, 3)[0])
    assert np.abs(found.mutual_information).max() < 1e-6
    assert math.isnan(found.member_spread(1))


def test_order_of_members_and_of_classes_does_not_matter() -> None:
    stack = members(4, 4, 3)
    once, again = ensemble_maps(*stack), ensemble_maps(*(m[[2, 0, 1]] for m in reversed(stack)))
    np.testing.assert_allclose(once.predictive, again.predictive, atol=1e-6)
    np.testing.assert_allclose(once.class_expected[[2, 0, 1]], again.class_expected, atol=1e-6)


def test_member_spread_is_one_minus_dice() -> None:
    def masks(*xs: tuple[int, ...]) -> list[np.ndarray]:
        return [np.stack([1 - np.array(x, float), np.array(x, float)]).reshape(2, 1, 1, -1) for x in xs]

    # Dice of {0,1,2} and {1,2,3}: 2·2/6
    assert ensemble_maps(*masks((1, 1, 1, 0), (0, 1, 1, 1))).member_spread(1) == pytest.approx(1 - 4 / 6)
    three = masks((1, 1, 0, 0), (0, 1, 1, 0), (1, 1, 1, 1))
    kept = [m[1] > 0.5 for m in three]
    both = sum(int((a & b).sum()) for a, b in combinations(kept, 2))
    sizes = sum(int(a.sum() + b.sum()) for a, b in combinations(kept, 2))
    assert ensemble_maps(*three).member_spread(1) == pytest.approx(1 - 2 * both / sizes)
    assert math.isnan(ensemble_maps(*masks((0, 0, 0), (0, 0, 0))).member_spread(1))


def test_bytes_that_were_rounded_are_probabilities_and_logits_are_not() -> None:
    p = members(5, 1, 3)[0]
    rounded = np.rint(p * 255) / 255
    np.testing.assert_allclose(ensemble_maps(rounded).predictive, entropy(p), atol=0.02)
    sums = EnsembleSums()
    for wrong in (np.log(p), 3 * p, p[:1], np.where(p > 0.9, np.nan, p)):
        with pytest.raises(DataError, match="probabilities"):
            sums.add(wrong)
    sums.add(p)
    with pytest.raises(DataError, match="same classes and the same grid"):
        sums.add(p[:, :, :, :-1])
    with pytest.raises(DataError, match="at least one member"):
        EnsembleSums().result()
