from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_aleatoric.foundation import _intensity, intensity_range, to_uint8

RNG = np.random.default_rng(3)


def test_the_range_is_that_of_all_but_half_a_percent_at_either_end() -> None:
    data = RNG.normal(100, 30, (20, 30, 40))
    low, high = intensity_range(data)
    assert (low, high) == pytest.approx(tuple(np.percentile(data, [0.5, 99.5])))
    data[0, 0, :5] = 1e6  # a few bright voxels change little
    assert intensity_range(data)[1] == pytest.approx(high, rel=0.02)


def test_what_is_not_finite_does_not_count() -> None:
    data = RNG.normal(size=(30, 40)).astype(np.float32)
    expected = intensity_range(data[5:])
    data[:5] = np.array([np.nan, np.inf, -np.inf, np.nan, np.inf], np.float32)[:, None]
    assert intensity_range(data) == expected
    assert intensity_range(np.full((3, 4), np.nan)) == (0.0, 0.0)
    assert intensity_range(np.full((3, 4), np.inf)) == (0.0, 0.0)
    assert intensity_range(np.zeros((0, 4))) == (0.0, 0.0)


@pytest.mark.parametrize("value", [0, 7, -1000])
def test_a_constant_image_has_an_empty_range_and_becomes_black(value: int) -> None:
    data = np.full((4, 5), value, np.int16)
    assert intensity_range(data) == (value, value)
    assert np.array_equal(to_uint8(data, intensity_range(data)), np.zeros((4, 5), np.uint8))


def test_a_bright_speck_on_black_stays_to_be_seen() -> None:
    data = np.zeros((100, 100), np.uint16)
    data[3, 4:7] = 300, 600, 450
    assert intensity_range(data) == (0.0, 600.0)
    assert to_uint8(data, intensity_range(data))[3, 4:7].tolist() == [128, 255, 191]


def test_of_a_large_image_not_only_a_few_columns_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_intensity, "_MAX_SAMPLES", 1000)
    data = np.zeros((100, 50, 16))
    data[:] = np.arange(16)  # every 80th of 80,000 values lies in the first column
    low, high = intensity_range(data)
    assert (low, high) == (0.0, 15.0)
    by_row = np.broadcast_to(np.arange(50.0)[:, None], (100, 50, 16))
    assert intensity_range(by_row) == (0.0, 49.0)


def test_between_the_limits_it_is_a_straight_line_beyond_them_it_is_cut() -> None:
    data = np.array([[-1100, -1000, -999, -500, 0, 999, 1000, 4000]], np.int16)
    found = to_uint8(data, (-1000.0, 1000.0))
    assert found.dtype == np.uint8
    assert found.tolist() == [[0, 0, 0, 64, 128, 255, 255, 255]]


def test_nan_is_black_and_infinity_the_end() -> None:
    data = np.array([np.nan, np.inf, -np.inf, 0.5], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_uint8(data, (0.0, 1.0)).tolist() == [0, 255, 0, 128]
    assert to_uint8(data, (2.0, 1.0)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "kind", ["uint8", "int8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64"]
)
def test_every_type_gives_the_same_picture(kind: str) -> None:
    data = np.linspace(0, 120, 61).reshape(1, 61).round().astype(kind)
    assert to_uint8(data, (0.0, 120.0)).tolist() == [np.rint(np.linspace(0, 120, 61).round() / 120 * 255).tolist()]


@pytest.mark.parametrize("kind", ["int32", "uint32", "int64", "float64"])
def test_small_differences_of_large_numbers_are_kept(kind: str) -> None:
    data = (2**30 + np.arange(256)).astype(kind)
    assert to_uint8(data, (2.0**30, 2.0**30 + 255)).tolist() == list(range(256))


def test_numbers_beyond_single_precision_are_no_trouble() -> None:
    data = np.array([0.0, 5e299, 1e300])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_uint8(data, intensity_range(data)).tolist()[0] == 0
        assert to_uint8(data, (0.0, 1e300)).tolist() == [0, 128, 255]


def test_the_image_itself_stays_as_it_is_and_its_shape_too() -> None:
    data = RNG.normal(size=(3, 4, 5)).astype(np.float32)
    data[0, 0, 0] = np.nan
    before = data.copy()
    data.flags.writeable = False
    assert to_uint8(data, intensity_range(data)).shape == (3, 4, 5)
    assert np.array_equal(data, before, equal_nan=True)


@given(low=st.floats(-1e4, 1e4), width=st.floats(1e-3, 1e4), seed=st.integers(0, 99))
def test_brighter_never_becomes_darker(low: float, width: float, seed: int) -> None:
    data = np.sort(np.random.default_rng(seed).uniform(low - width, low + 2 * width, 50)).astype(np.float32)
    found = to_uint8(data, (low, low + width)).astype(int)
    assert (np.diff(found) >= 0).all()
    assert found[0] == 0 or data[0] > low
