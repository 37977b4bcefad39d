"""Our figures against foreign implementations of the same definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import entropy
from sklearn.metrics import f1_score, log_loss

from napari_aleatoric.uncertainty import label_risk_of, percentile_rank, perception_scale, softmin


def probabilities(n_classes: int, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    logits = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(n_classes, *shape)), (0, 1, 1, 1)) * 8
    p = np.exp(logits)
    return (p / p.sum(axis=0)).astype(np.float32)


@pytest.mark.parametrize("shape", [(9, 13, 17), (40, 4, 5), (1, 30, 20), (2, 1, 1), (96, 32, 33)])
@pytest.mark.parametrize("seed", [0, 1])
def test_perception_scale_against_the_full_svd(shape: tuple[int, int, int], seed: int) -> None:
    volume = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 0.7) * 5
    matrix = volume[0] if shape[0] == 1 else volume.reshape(shape[0], -1)
    sigma = np.linalg.svd(matrix, compute_uv=False)
    rank = min(matrix.shape)
    expected = entropy(sigma**2 / (sigma**2).sum()) / np.log(rank) if rank > 1 else 0.0
    assert perception_scale(volume) == pytest.approx(expected, abs=1e-9)
    shifted = sigma + 1e-6 * sigma.max()
    expected = entropy(shifted / shifted.sum()) / np.log(rank) if rank > 1 else 0.0
    assert perception_scale(volume, "sigma") == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("unfold", [0, 1, 2])
def test_unfoldings_against_the_full_svd(unfold: int) -> None:
    volume = np.random.default_rng(2).normal(size=(8, 9, 20))
    matrix = np.moveaxis(volume, unfold, 0).reshape(volume.shape[unfold], -1)
    sigma = np.linalg.svd(matrix, compute_uv=False)
    expected = entropy(sigma**2 / (sigma**2).sum()) / np.log(sigma.size)
    assert perception_scale(volume, unfold=unfold) == pytest.approx(expected, abs=1e-9)


def test_soft_minimum_against_cleanlab() -> None:
    from cleanlab.segmentation.rank import get_label_quality_scores

    p = probabilities(3, (6, 20, 24))
    label = np.random.default_rng(1).integers(0, 3, (6, 20, 24))
    flat_p = p.reshape(3, -1, 24)[np.newaxis].astype(np.float64)
    theirs, _ = get_label_quality_scores(
        label.reshape(1, -1, 24), flat_p, method="softmin", downsample=1, verbose=False
    )
    ours = next(label_risk_of(p, label)).softmin
    assert ours == pytest.approx(float(theirs[0]), abs=1e-5)


def test_soft_minimum_against_cleanlab_on_plain_numbers() -> None:
    from cleanlab.internal.multilabel_scorer import softmin as theirs

    quality = np.random.default_rng(3).random(400).astype(np.float32)
    assert softmin(quality) == pytest.approx(float(theirs(quality[np.newaxis], temperature=0.1)[0]), abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_dice_and_likelihood_against_scikit_learn(seed: int) -> None:
    p = probabilities(4, (7, 12, 14), seed)
    truth = probabilities(4, (7, 12, 14), seed + 50).argmax(axis=0)
    predicted = p.argmax(axis=0)
    found = {r.class_index: r for r in label_risk_of(p, truth)}
    gaps = []
    for c in (1, 2, 3):
        gaps.append(1 - f1_score(truth.ravel() == c, predicted.ravel() == c))
        assert found[c].dice_gap == pytest.approx(gaps[-1], abs=1e-12)
        union = (truth == c) | (predicted == c)
        given = (truth == c)[union]
        expected = log_loss(given, np.clip(p[c][union].astype(float), 1e-4, 1 - 1e-4), labels=[False, True])
        assert found[c].nll_union == pytest.approx(expected, rel=1e-3)
    assert found[0].dice_gap == pytest.approx(np.mean(gaps))
    union = (truth > 0) | (predicted > 0)
    rows = np.clip(p[:, union].T.astype(float), 1e-4, 1)
    expected = log_loss(truth[union], rows / rows.sum(axis=1, keepdims=True), labels=range(4))
    assert found[0].nll_union == pytest.approx(expected, rel=1e-3)


def test_local_maximum_against_a_plain_loop() -> None:
    p = probabilities(2, (5, 6, 7))
    label = np.random.default_rng(0).integers(0, 2, (5, 6, 7))
    risk = np.pad(1 - np.where(label == 1, p[1], p[0]), 1, mode="edge")
    means = [risk[z : z + 3, y : y + 3, x : x + 3].mean() for z in range(5) for y in range(6) for x in range(7)]
    assert next(label_risk_of(p, label)).local_max == pytest.approx(max(means), abs=1e-6)


def test_percentile_rank_against_pandas_style_ranks() -> None:
    values = np.round(np.random.default_rng(5).random(300), 1)
    expected = [((values < v).sum() + 0.5 * (values == v).sum()) / 300 for v in values]
    np.testing.assert_allclose(percentile_rank(values), expected)
