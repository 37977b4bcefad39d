"""The benchmarks' own figures, against scikit-learn's."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

_PATH = Path(__file__).resolve().parents[3] / "benchmarks" / "detection.py"


@pytest.fixture(scope="module")
def detection():
    spec = importlib.util.spec_from_file_location("detection", _PATH)
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["detection"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["detection"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [5, 10_000])
def test_same_as_scikit_learn_ties_included(detection, seed, levels):
    rng = np.random.default_rng(seed)
    wrong = rng.random(200) < 0.2
    score = np.floor((rng.random(200) + 0.3 * wrong) * levels)
    assert detection.auroc(score, wrong) == pytest.approx(roc_auc_score(wrong, score), abs=1e-12)
    assert detection.average_precision(score, wrong) == pytest.approx(
        average_precision_score(wrong, score), abs=1e-12
    )


def test_precision_at_the_top(detection):
    wrong = np.array([True, True, False, False, False, False, False, False, False, True])
    assert detection.precision_at(np.arange(10)[::-1].astype(float), wrong, 0.2) == 1.0
    assert detection.precision_at(np.arange(10).astype(float), wrong, 0.2) == 0.5


def test_voxels_from_histograms_are_exact(detection):
    rng = np.random.default_rng(1)
    bad = [rng.random(500) < 0.1, rng.random(300) < 0.3]
    heat = [np.clip(rng.normal(100 + 40 * b, 40), 0, 255).astype(np.uint8) for b in bad]
    expected = roc_auc_score(np.concatenate(bad), np.concatenate(heat))
    assert detection.voxel_auroc(heat, bad) == pytest.approx(expected, abs=1e-12)


def test_interval_holds_the_value_and_a_score_does_not_differ_from_itself(detection):
    rng = np.random.default_rng(2)
    wrong = [rng.random(150) < 0.2 for _ in range(2)]
    score = [rng.random(150) + 0.5 * w for w in wrong]
    low, high = detection.bootstrap(score, wrong, n=200)
    mean = np.mean([detection.auroc(s, w) for s, w in zip(score, wrong, strict=True)])
    assert low < mean < high
    assert detection.bootstrap(score, wrong, score, n=20) == (0.0, 0.0)


def test_what_was_not_measured_comes_last(detection):
    wrong = np.array([True, False, False])
    assert detection.detection(np.array([np.nan, 0.1, 0.2]), wrong).auroc == 0.0
