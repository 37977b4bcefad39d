"""Consensus and distances of readers against SimpleITK itself, on anisotropic, oblique and flipped grids."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from napari_aleatoric.uncertainty import compare_pairs, consensus, kappa_sums

ANGLE = np.deg2rad(27)
OBLIQUE = (np.cos(ANGLE), -np.sin(ANGLE), 0, np.sin(ANGLE), np.cos(ANGLE), 0, 0, 0, 1)
FLIPPED = (-1, 0, 0, 0, 0, -1, 0, 1, 0)


def readers(seed: int, n_rows: int = 2, shape=(9, 20, 18)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = np.zeros((4, *shape), np.uint8)
    for c in range(1, n_rows):
        smooth = ndimage.gaussian_filter(rng.normal(size=shape), 2.5)
        for r in range(4):
            noise = ndimage.gaussian_filter(rng.normal(size=shape), 1.5)
            found[r][smooth + 0.15 * noise > np.quantile(smooth, 0.85)] = c
    return found


def images(labels: np.ndarray) -> list[sitk.Image]:
    return [sitk.GetImageFromArray(label.astype(np.uint8)) for label in labels]


@pytest.mark.parametrize("seed", range(3))
def test_staple(seed):
    labels = readers(seed)
    found = consensus(labels, "staple")
    staple = sitk.STAPLEImageFilter()
    probability = sitk.GetArrayFromImage(staple.Execute(images(labels)))
    np.testing.assert_allclose(found.probabilities[1], probability, atol=1e-9)
    np.testing.assert_array_equal(found.label, probability > 0.5)
    np.testing.assert_allclose([s.sensitivity for s in found.skills], staple.GetSensitivity())
    np.testing.assert_allclose([s.specificity for s in found.skills], staple.GetSpecificity())


@pytest.mark.parametrize("seed", range(3))
def test_vote_and_multilabel_staple(seed):
    labels = readers(seed, n_rows=4)
    voting = sitk.LabelVoting(images(labels), 9)  # 9 = undecided
    expected = sitk.GetArrayFromImage(voting)
    found = consensus(labels, "vote")
    np.testing.assert_array_equal(found.ties, expected == 9)
    np.testing.assert_array_equal(found.label[~found.ties], expected[expected != 9])
    staple = sitk.MultiLabelSTAPLEImageFilter()
    staple.SetLabelForUndecidedPixels(9)
    expected = sitk.GetArrayFromImage(staple.Execute(images(labels)))
    found = consensus(labels, "multilabel-staple")
    np.testing.assert_array_equal(found.ties, expected == 9)
    np.testing.assert_array_equal(found.label[~found.ties], expected[expected != 9])
    for r in range(4):
        matrix = np.array(staple.GetConfusionMatrix(r)).reshape(5, 4)
        np.testing.assert_allclose(found.confusion[r], matrix)
        sensitivity = [s.sensitivity for s in found.skills if s.reader == r]
        np.testing.assert_allclose(sensitivity, np.diag(matrix[:4])[1:])


@pytest.mark.parametrize("direction", [OBLIQUE, FLIPPED])
@pytest.mark.parametrize("spacing_zyx", [(1.0, 1.0, 1.0), (4.0, 0.6, 0.8)])
def test_dice_and_distances_in_the_patient(spacing_zyx, direction):
    """HD95 on the grid equals that of border voxels placed in the patient by SimpleITK."""
    labels = readers(7)
    found = compare_pairs([label > 0 for label in labels], spacing_zyx, 1.0)
    placed = images(labels)
    for image in placed:
        image.SetSpacing(spacing_zyx[::-1])
        image.SetDirection(direction)
        image.SetOrigin((-31.0, 12.0, 5.0))
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    for pair, (a, b) in zip(found, combinations(range(4), 2), strict=True):
        overlap.Execute(placed[a], placed[b])
        assert pair.dice == pytest.approx(overlap.GetDiceCoefficient())
        points = [in_patient(placed[i]) for i in (a, b)]
        apart = np.linalg.norm(points[0][:, None] - points[1][None], axis=2)
        hd95 = max(np.percentile(apart.min(1), 95), np.percentile(apart.min(0), 95))
        assert pair.hd95 == pytest.approx(hd95, rel=1e-6)
        near = (apart.min(1) <= 1 + 1e-6).sum() + (apart.min(0) <= 1 + 1e-6).sum()
        assert pair.surface_dice == pytest.approx(near / sum(apart.shape), abs=1e-9)


def in_patient(image: sitk.Image) -> np.ndarray:
    border = sitk.GetArrayFromImage(image) > 0
    border &= ~ndimage.binary_erosion(border)
    where = np.argwhere(border)[:, ::-1].tolist()
    return np.array([image.TransformIndexToPhysicalPoint(index) for index in where])


def test_kappa_of_two_alike_raters_is_scikit_learns():
    """With two readers Fleiss' kappa is Scott's pi: Cohen's kappa of the readers and of the readers exchanged."""
    metrics = pytest.importorskip("sklearn.metrics")
    a, b = (label.ravel() for label in readers(3, n_rows=3)[:2])
    expected = metrics.cohen_kappa_score(np.concatenate([a, b]), np.concatenate([b, a]))
    assert kappa_sums(readers(3, n_rows=3)[:2]).kappa == pytest.approx(expected)
