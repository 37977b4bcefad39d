"""Trees that are asked class by class give what scikit-learn gives for all of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from napari_aleatoric.uncertainty import _trees
from napari_aleatoric.uncertainty._trees import Trees


def rows(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 6)).astype(np.float32)


def fitted(n_classes: int) -> HistGradientBoostingClassifier:
    x = rows(600, 0)
    signal = x[:, 0] + 0.5 * x[:, 1] * x[:, 2]
    target = np.digitize(signal, np.quantile(signal, np.arange(1, n_classes) / n_classes))
    return HistGradientBoostingClassifier(max_iter=12, max_leaf_nodes=9, early_stopping=False).fit(x, target)


@pytest.fixture(scope="module")
def model() -> HistGradientBoostingClassifier:
    return fitted(5)


def test_probabilities_are_scikit_learns(model: HistGradientBoostingClassifier) -> None:
    x = rows(20_000, 1)  # more than are predicted at a time
    np.testing.assert_allclose(Trees(model).probabilities(x), model.predict_proba(x), atol=1e-6)


def test_some_classes_are_a_softmax_over_them(model: HistGradientBoostingClassifier) -> None:
    x = rows(9_000, 2)
    p = model.predict_proba(x)
    possible = np.random.default_rng(0).random(p.shape) < 0.4
    possible[:, 1] = True
    others = np.full(p.shape, 0.01, np.float32)
    trees = Trees(model)
    found = trees.among(x, possible, others)
    kept, rest = np.where(possible, p, 0), np.where(possible, 0, 0.01)
    expected = kept / kept.sum(axis=1, keepdims=True) * (1 - rest.sum(axis=1, keepdims=True)) + rest
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(trees.among(x, np.ones_like(possible), others), p, atol=1e-6)
    assert trees.among(x[:0], possible[:0], others[:0]).shape == (0, 5)


def test_nothing_asked_first_does_not_close_the_door(model: HistGradientBoostingClassifier) -> None:
    trees = Trees(model)
    none = np.zeros((0, 5), bool)
    trees.among(rows(0, 0), none, none.astype(np.float32))
    assert trees._opened(rows(9, 0)) is not None


@pytest.mark.parametrize("insides", ["gone", "different", "renamed"])
def test_without_a_door_to_the_trees_all_are_asked(
    model: HistGradientBoostingClassifier, monkeypatch: pytest.MonkeyPatch, insides: str
) -> None:
    real = _trees._class_by_class
    if insides == "gone":
        monkeypatch.setattr(_trees, "_class_by_class", lambda _: None)
    elif insides == "different":  # they would give other probabilities
        monkeypatch.setattr(_trees, "_class_by_class", lambda m: lambda values, k: real(m)(values, k) + (k == 2))
    else:
        monkeypatch.setattr(type(model._predictors[0][0]), "predict", lambda self, X, bitsets, n: np.zeros(len(X)))
    trees, x = Trees(model), rows(300, 3)
    assert trees._opened(x) is None
    if insides != "renamed":  # there scikit-learn's own prediction is broken too
        possible = np.eye(5, dtype=bool)[np.zeros(300, int)]
        found = trees.among(x, possible, np.zeros((300, 5), np.float32))
        np.testing.assert_allclose(found, model.predict_proba(x), atol=1e-6)


def test_two_classes_have_one_tree_a_round() -> None:
    trees, x = Trees(fitted(2)), rows(300, 3)
    assert trees._opened(x) is None
    p = trees.among(x, np.ones((300, 2), bool), np.zeros((300, 2), np.float32))
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert 0.1 < (p[:, 1] > 0.5).mean() < 0.9
