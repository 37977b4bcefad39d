"""Energy outside the dominant subspace of a class, against a plain singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Box, FilterBankEncoder
from napari_aleatoric.model import Geometry, Volume
from napari_aleatoric.uncertainty import CaseSamples, ClassSubspaces, score_subspace


def samples(seed: int, n: int = 300) -> CaseSamples:
    """Class 1 lies in a plane of its own, class 2 in another, class 0 everywhere."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, n).astype(np.uint16)
    x = rng.normal(0, 0.05, (n, 6))
    x[label == 0] += rng.normal(size=((label == 0).sum(), 6))
    for c, axes in ((1, (0, 1)), (2, (3, 4))):
        x[np.ix_(label == c, axes)] += rng.normal(0, 3, ((label == c).sum(), 2))
    return CaseSamples((x * 10 + 5).astype(np.float32), label[:, np.newaxis])


def plain(cases: list[CaseSamples], c: int, energy: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.concatenate([case.features for case in cases]).astype(float)
    label = np.concatenate([case.labels[:, 0] for case in cases])
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    _, sigma, vt = np.linalg.svd(((x - mean) / deviation)[label == c], full_matrices=False)
    part = np.cumsum(sigma**2) / (sigma**2).sum()
    return mean, deviation, vt[: int((part < energy).sum()) + 1].T


@pytest.mark.parametrize("energy", [0.5, 0.9])
def test_against_a_singular_value_decomposition(energy: float) -> None:
    cases = [samples(i) for i in range(3)]
    found = ClassSubspaces.fit(iter(cases), energy)
    for c in (0, 1, 2):
        mean, deviation, basis = plain(cases, c, energy)
        x = (cases[0].features.astype(float) - mean) / deviation
        rest = x - x @ basis @ basis.T
        expected = (rest**2).sum(axis=1) / (x**2).sum(axis=1)
        np.testing.assert_allclose(found.outside(cases[0].features, c), expected, atol=1e-6)
    assert found.bases[1].shape[1] < found.bases[0].shape[1]


def test_features_of_another_class_lie_outside() -> None:
    found = ClassSubspaces.fit([samples(0), samples(1)])
    case = samples(9)
    one, two = (case.features[case.labels[:, 0] == c] for c in (1, 2))
    assert np.median(found.outside(one, 1)) < 0.05
    assert np.median(found.outside(two, 1)) > 0.8
    np.testing.assert_allclose(found.outside(found.mean[np.newaxis], 1), 0)  # no energy at all


def test_readers_share_a_voxel_and_constant_features_do_no_harm() -> None:
    case = samples(2)
    constant = np.concatenate([case.features, np.full((300, 1), 7.0, np.float32)], axis=1)
    twice = CaseSamples(constant, np.repeat(case.labels, 2, axis=1))
    a, b = ClassSubspaces.fit([case]), ClassSubspaces.fit([twice])
    np.testing.assert_allclose(a.outside(case.features, 1), b.outside(constant, 1), atol=1e-9)
    with pytest.raises(DataError, match="at least one case"):
        ClassSubspaces.fit([])
    with pytest.raises(DataError, match="between 0 and 1"):
        ClassSubspaces.fit([case], 1.0)


def test_a_label_is_measured_tile_by_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    shape = (9, 12, 11)
    label = np.zeros((11, 12, 13), np.uint16)
    label[2:6, 2:8, 3:9], label[6:9, 5:9, 3:9] = 1, 2
    image = (rng.normal(0, 1, label.shape) + 3 * label).astype(np.float32)
    source = FilterBankEncoder((1.0,)).prepare(Volume(image, Geometry(label.shape)))
    box = Box((1, 0, 1), (10, 12, 12))
    assert box.shape_zyx == shape
    rows = source.read(box).rows
    index = label[box.slices].ravel()
    subspaces = ClassSubspaces.fit([CaseSamples(np.ascontiguousarray(rows), index[:, np.newaxis])], 0.6)
    whole = score_subspace(source, box, label, subspaces)
    values = {v.class_index: v.value for v in whole.values}
    for c in (1, 2):
        expected = subspaces.outside(rows[index == c], c)
        assert values[c] == pytest.approx(expected.mean())
        np.testing.assert_allclose(whole.map_values[c][label == c] / 255.0, expected, atol=0.003)
        assert not whole.map_values[c][label != c].any()
    assert values[0] == pytest.approx((values[1] + values[2]) / 2)
    assert whole.map_classes == (0, 1, 2)
    monkeypatch.setattr("napari_aleatoric.uncertainty._subspace.TILE_VOXELS", 100)
    tiled = score_subspace(source, box, label, subspaces)
    assert np.abs(tiled.map_values.astype(int) - whole.map_values).max() <= 1
    assert score_subspace(source, box, np.zeros_like(label), subspaces).values == ()
