from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from threadpoolctl import threadpool_info

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.foundation import (
    ENCODERS,
    Box,
    ColourFilterBankEncoder,
    Features,
    FilterBankEncoder,
    ImageEncoder,
    encoder,
)
from napari_aleatoric.foundation._filter_rows import one_blas_thread
from napari_aleatoric.model import Geometry, Volume


def volume(data: np.ndarray) -> Volume:
    return Volume(data, Geometry(data.shape[:3]))


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 25, shape).astype(np.float32)


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_every_listed_encoder_keeps_the_contract(name: str) -> None:
    found = encoder(name)
    assert isinstance(found, ImageEncoder)
    assert len(found.feature_names) == found.n_features == len(set(found.feature_names))
    for data in (noise((4, 9, 11)), noise((1, 20, 20)), noise((3, 8, 9, 3)), np.full((3, 4, 5), 7)):
        features = found.encode(volume(data))
        assert features.values.shape == (found.n_features, *data.shape[:3])
        assert features.values.dtype == np.float32
        assert np.isfinite(features.values).all()
        assert np.array_equal(features.values, found.encode(volume(data.copy())).values)


def test_unknown_encoder_names_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="filter_bank"):
        encoder("sam")


def test_there_are_31_features_with_the_default_scales() -> None:
    assert FilterBankEncoder().n_features == 31


def test_name_changes_with_settings() -> None:
    assert FilterBankEncoder().name != FilterBankEncoder((1.0, 2.0)).name != ColourFilterBankEncoder().name


def test_against_scipy() -> None:
    data = noise((20, 22, 24), 3)
    bank = FilterBankEncoder()
    features = bank.encode(volume(data))
    row = dict(zip(bank.feature_names, features.values, strict=True))
    low, high = np.percentile(data.astype(float), [0.5, 99.5])
    clipped = np.clip(data.astype(float), low, high)
    image = (clipped - clipped.mean()) / clipped.std()
    np.testing.assert_allclose(row["intensity"], image, atol=1e-4)
    for sigma in (1.0, 2.0, 4.0, 8.0):
        smooth = ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=3.0)
        np.testing.assert_allclose(row[f"gaussian_{sigma:g}"], smooth, atol=1e-4)
        inner = (slice(1, -1),) * 3
        slopes = np.stack(np.gradient(smooth)) * sigma
        for axis, letter in enumerate("zyx"):
            np.testing.assert_allclose(row[f"derivative_{letter}_{sigma:g}"][inner], slopes[axis][inner], atol=1e-4)
        length = np.linalg.norm(slopes, axis=0)
        np.testing.assert_allclose(row[f"gradient_{sigma:g}"][inner], length[inner], atol=1e-4)
        laplace = ndimage.laplace(smooth, mode="nearest") * sigma**2
        np.testing.assert_allclose(row[f"laplacian_{sigma:g}"], laplace, atol=1e-3)


def test_position() -> None:
    row = dict(
        zip(
            FilterBankEncoder().feature_names,
            FilterBankEncoder().encode(volume(noise((4, 5, 8)))).values,
            strict=True,
        )
    )
    assert row["position_z"][3, 1, 2] == 3
    assert row["position_x"][3, 1, 2] == 2
    assert row["fraction_x"][3, 1, 2] == pytest.approx(2.5 / 8)
    assert row["fraction_y"][0, 4, 0] == pytest.approx(0.9)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.sampled_from([1, 7, 40]), st.integers(3, 45), st.integers(3, 45)),
    fractions=st.tuples(*[st.floats(0, 1)] * 6),
    colour=st.booleans(),
)
def test_a_block_equals_the_same_block_of_the_whole(
    shape: tuple[int, int, int], fractions: tuple[float, ...], colour: bool
) -> None:
    data = noise((*shape, 3) if colour else shape, 1)
    ends = [sorted((int(a * n), int(b * n))) for a, b, n in zip(fractions[:3], fractions[3:], shape, strict=True)]
    start = tuple(min(a, n - 1) for (a, _), n in zip(ends, shape, strict=True))
    stop = tuple(max(b, a + 1) for a, (_, b) in zip(start, ends, strict=True))
    box = Box(start, stop)
    source = ColourFilterBankEncoder().prepare(volume(data))
    part = source.read(box)
    whole = source.read().values[(slice(None), *box.slices)]
    # the same sums, but over rows that begin elsewhere in memory: the last bit may be rounded the other way
    np.testing.assert_allclose(part.values, whole, rtol=1e-5, atol=1e-5)
    assert part.geometry == box.geometry(volume(data).geometry)
    wanted = np.random.default_rng(0).random(box.shape_zyx) < 0.3
    rows = source.at(box, wanted)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, whole[:, wanted].T, rtol=1e-4, atol=5e-4)


def test_scale_and_offset_of_the_intensity_do_not_matter() -> None:
    data = noise((6, 12, 12))
    a = FilterBankEncoder().encode(volume(data)).values
    b = FilterBankEncoder().encode(volume(data * 4096 + 1e5)).values
    np.testing.assert_allclose(a, b, atol=2e-3)


def test_constant_and_broken_images_give_finite_features() -> None:
    data = noise((5, 10, 10))
    data[1, 2, 3], data[2, 3, 4], data[3, 3, 3] = np.nan, np.inf, -np.inf
    assert np.isfinite(FilterBankEncoder().encode(volume(data)).values).all()
    empty = FilterBankEncoder().encode(volume(np.full((3, 4, 5), np.nan))).values
    assert np.isfinite(empty).all()
    constant = FilterBankEncoder().encode(volume(np.full((3, 4, 5), 0.1, np.float32))).values
    assert not constant[:25].any()


def test_derivatives_along_a_single_slice_vanish() -> None:
    bank = FilterBankEncoder()
    flat = dict(zip(bank.feature_names, bank.encode(volume(noise((1, 30, 30)))).values, strict=True))
    assert not flat["derivative_z_2"].any()
    assert flat["derivative_y_2"].any()
    # the two-dimensional Laplacian, not one that sees repeated slices
    smooth = flat["gaussian_2"][0].astype(float)
    np.testing.assert_allclose(flat["laplacian_2"][0], 4 * ndimage.laplace(smooth, mode="nearest"), atol=1e-4)


def test_colours_are_told_apart_only_by_the_colour_encoder() -> None:
    red, green = np.zeros((1, 16, 16, 3)), np.zeros((1, 16, 16, 3))
    red[:, 4:12, 4:12, 0] = 0.587
    green[:, 4:12, 4:12, 1] = 0.299  # the same luminance
    plain, colour = FilterBankEncoder(), ColourFilterBankEncoder()
    np.testing.assert_allclose(plain.encode(volume(red)).values, plain.encode(volume(green)).values, atol=1e-4)
    a, b = (colour.encode(volume(x)).values for x in (red, green))
    index = colour.feature_names.index("red_green_0")
    assert a[index, 0, 8, 8] > 0 > b[index, 0, 8, 8]


def test_grey_images_have_no_colour() -> None:
    grey = ColourFilterBankEncoder().encode(volume(noise((3, 8, 8))))
    assert not grey.values[31:].any()


def test_features_check_their_shape() -> None:
    with pytest.raises(DataError, match="Expected features of shape"):
        Features(np.zeros((2, 3, 3, 3), np.float32), Geometry((3, 3, 3)), ("a",))


def test_rows_are_voxels() -> None:
    features = FilterBankEncoder().encode(volume(noise((2, 3, 4))))
    assert features.rows.shape == (24, 31)
    assert np.array_equal(features.rows[5], features.values[:, 0, 1, 1])


def test_matrix_products_get_their_cores_back_when_the_last_is_done() -> None:
    def cores() -> list[int]:
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    before = cores()
    first, second = one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    assert set(cores()) <= {1}
    first.__exit__(None, None, None)
    assert set(cores()) <= {1}
    second.__exit__(None, None, None)
    assert cores() == before
