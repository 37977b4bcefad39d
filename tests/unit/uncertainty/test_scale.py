from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_aleatoric.errors import DataError
from napari_aleatoric.uncertainty import (
    auv,
    gram,
    perception_scale,
    scale_from_gram,
    scale_from_singular_values,
)

# singular values, S from sigma squared, S from sigma
VECTORS = [
    ((1, 1), 1.0, 1.0),
    ((2, 1), 0.721928, 0.918296),
    ((3, 2, 1), 0.755928, 0.920620),
    ((10, 1, 1, 1), 0.118077, 0.572555),
    ((1, 0, 0), 0.0, 0.0),
]


@pytest.mark.parametrize(("sigma", "squared", "plain"), VECTORS)
def test_known_spectra(sigma: tuple[int, ...], squared: float, plain: float) -> None:
    assert scale_from_singular_values(sigma) == pytest.approx(squared, abs=2e-6)
    assert scale_from_singular_values(sigma, "sigma") == pytest.approx(plain, abs=5e-5)


@pytest.mark.parametrize(("sigma", "squared", "plain"), VECTORS)
def test_known_spectra_as_maps(sigma: tuple[int, ...], squared: float, plain: float) -> None:
    rng = np.random.default_rng(0)
    left, _ = np.linalg.qr(rng.normal(size=(len(sigma), len(sigma))))
    right, _ = np.linalg.qr(rng.normal(size=(60, len(sigma))))
    volume = ((left * np.array(sigma, float)) @ right.T).reshape(len(sigma), 6, 10)
    assert perception_scale(volume) == pytest.approx(squared, abs=2e-6)
    assert perception_scale(volume, "sigma") == pytest.approx(plain, abs=5e-5)


def test_auv_of_known_scales() -> None:
    np.testing.assert_allclose(auv([0.4, 0.8, 1.2, 1.6]), [1, 0.5, 0.207519, 0], atol=1e-6)


def test_absent_classes_do_not_own_the_range() -> None:
    found = auv([0.4, np.nan, 0.8, 1.2, 1.6])
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[[0, 2, 3, 4]], [1, 0.5, 0.207519, 0], atol=1e-6)


def test_auv_floor_and_degenerate_cohorts() -> None:
    np.testing.assert_allclose(auv([0.0, 1e-3, 0.1, 1.0]), [1, 1, 1 / 3, 0], atol=1e-9)
    np.testing.assert_allclose(auv([0.3, 0.3]), [0.5, 0.5])
    assert np.isnan(auv([np.nan, np.nan])).all()
    assert auv([]).shape == (0,)


def test_auv_percentile_range_tames_an_outlier() -> None:
    scales = np.concatenate([np.full(1, 1e-3), np.linspace(0.5, 0.9, 99)])
    plain, tamed = auv(scales), auv(scales, percentiles=(2, 98))
    assert plain[1] < 0.15  # the outlier squeezed the rest
    assert tamed[1] > 0.95
    assert tamed.min() == 0
    assert tamed.max() == 1


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, st.tuples(*[st.integers(1, 6)] * 3), elements=st.floats(-1e3, 1e3, width=32)),
    st.floats(1e-3, 1e3),
    st.sampled_from(["sigma2", "sigma"]),
)
def test_bounds_and_invariance_under_scaling(volume: np.ndarray, factor: float, energy: str) -> None:
    scale = perception_scale(volume, energy)
    assert 0 <= scale <= 1
    if np.abs(volume).max() > 1e-6:
        assert perception_scale(volume * factor, energy) == pytest.approx(scale, abs=1e-5)


def test_nan_and_infinity_count_as_zero() -> None:
    rng = np.random.default_rng(1)
    clean = rng.normal(size=(5, 6, 7))
    clean[1, 2, 3] = clean[4, 0, 0] = clean[2, 2, 2] = 0
    broken = clean.copy()
    broken[1, 2, 3], broken[4, 0, 0], broken[2, 2, 2] = np.nan, np.inf, -np.inf
    assert perception_scale(broken) == pytest.approx(perception_scale(clean), abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 3.5])
@pytest.mark.parametrize("energy", ["sigma2", "sigma"])
def test_constant_maps_have_no_scale(value: float, energy: str) -> None:
    assert perception_scale(np.full((8, 9, 10), value), energy) == pytest.approx(0, abs=1e-3)


def test_white_noise_has_full_scale() -> None:
    noise = np.random.default_rng(0).normal(size=(32, 64, 64))
    assert perception_scale(noise) > 0.99


def test_blur_lowers_and_surviving_noise_raises() -> None:
    z, y, x = np.indices((48, 48, 48)) - 24
    distance = 12 - np.sqrt(z**2 + y**2 + x**2)
    soft, sharp = (np.clip(slope * distance, -12, 12) for slope in (0.3, 3.0))
    assert perception_scale(soft) < perception_scale(sharp)
    noisy = sharp + np.random.default_rng(0).normal(0, 4, sharp.shape)
    assert perception_scale(noisy) > perception_scale(sharp)


def test_flat_images_are_unfolded_along_rows() -> None:
    image = np.random.default_rng(2).normal(size=(12, 30))
    assert perception_scale(image) == pytest.approx(
        scale_from_singular_values(np.linalg.svd(image, compute_uv=False))
    )
    assert perception_scale(image[np.newaxis]) == perception_scale(image)


def test_centring_removes_the_mean_of_rows() -> None:
    volume = np.random.default_rng(3).normal(size=(6, 5, 8)) + 50
    assert perception_scale(volume) < 0.05
    matrix = volume.reshape(6, -1)
    expected = scale_from_singular_values(
        np.linalg.svd(matrix - matrix.mean(axis=1, keepdims=True), compute_uv=False)
    )
    assert perception_scale(volume, centre=True) == pytest.approx(expected, abs=1e-9)


def test_streamed_gram_equals_the_whole() -> None:
    matrix = np.random.default_rng(4).normal(size=(7, 1000)).astype(np.float32)
    streamed = gram((matrix[:, i : i + 37] for i in range(0, 1000, 37)), 7)
    np.testing.assert_allclose(streamed, matrix.astype(float) @ matrix.astype(float).T, rtol=1e-12)
    assert scale_from_gram(streamed, 7) == pytest.approx(
        scale_from_singular_values(np.linalg.svd(matrix, compute_uv=False)), abs=1e-6
    )


def test_wrong_input_is_refused() -> None:
    with pytest.raises(DataError, match="Expected a map"):
        perception_scale(np.zeros((2, 2, 2, 2)))
    with pytest.raises(DataError, match="energy"):
        scale_from_singular_values((1, 2), "sigma3")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="unfold"):
        perception_scale(np.ones((2, 2, 2)), unfold=3)
    with pytest.raises(DataError, match="rows"):
        gram([np.zeros((3, 4))], 2)


@pytest.mark.parametrize("unfold", [0, 1, 2])
@pytest.mark.parametrize("kind", ["float32", "float64", "int16"])
def test_a_large_map_is_not_held_twice(unfold: int, kind: str) -> None:
    data = (np.random.default_rng(0).normal(size=(64, 320, 320)) * 100).astype(kind)
    data[3, 4, 5] = 0 if kind == "int16" else np.nan
    tracemalloc.start()
    try:
        perception_scale(data, unfold=unfold)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1e7 < data.nbytes, f"{peak / data.nbytes:.2f} of the map itself"
