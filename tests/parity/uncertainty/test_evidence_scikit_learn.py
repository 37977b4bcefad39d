"""Figures of evidence are scikit-learn's, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from napari_aleatoric.uncertainty import auroc, average_precision, detection_curve, voxel_auroc


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [1, 5, 10_000])
def test_same_as_scikit_learn(seed, levels):
    rng = np.random.default_rng(seed)
    wrong = rng.random(200) < 0.2
    score = np.floor((rng.random(200) + 0.3 * wrong) * levels)
    assert auroc(score, wrong) == pytest.approx(roc_auc_score(wrong, score), abs=1e-12)
    assert average_precision(score, wrong) == pytest.approx(average_precision_score(wrong, score), abs=1e-12)


def test_same_with_weights():
    rng = np.random.default_rng(7)
    wrong = rng.random(80) < 0.3
    score = rng.integers(0, 9, 80).astype(float)
    weights = rng.integers(1, 5, (3, 80)).astype(float)
    curve = detection_curve(score, wrong, weights)
    for row, weight in enumerate(weights):
        assert curve.auroc()[row] == pytest.approx(roc_auc_score(wrong, score, sample_weight=weight))
        expected = average_precision_score(wrong, score, sample_weight=weight)
        assert curve.average_precision()[row] == pytest.approx(expected)


def test_voxels_from_histograms_are_exact():
    rng = np.random.default_rng(1)
    bad = rng.random(800) < 0.2
    heat = np.clip(rng.normal(100 + 40 * bad, 40), 0, 255).astype(np.uint8)
    counts = [np.bincount(heat[group], minlength=256) for group in (bad, ~bad)]
    assert voxel_auroc(*counts) == pytest.approx(roc_auc_score(bad, heat), abs=1e-12)
