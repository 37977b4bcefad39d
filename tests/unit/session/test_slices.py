"""Slices along any axis, what a segmenter sees of them, and the way back."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Prediction, Prompt
from napari_aleatoric.session import SliceLook, SlicePlane

VOLUME = np.arange(4 * 5 * 6).reshape(4, 5, 6)


@pytest.mark.parametrize("axes", list(permutations((0, 1, 2))))
def test_pixels_of_a_slice_lie_where_they_say(axes: tuple[int, int, int]) -> None:
    plane = SlicePlane(axes[0], 2, down=axes[1], right=axes[2])
    cut = plane.cut(VOLUME)
    assert cut.shape == (VOLUME.shape[axes[1]], VOLUME.shape[axes[2]])
    rows, columns = np.nonzero(np.ones(cut.shape))
    assert np.array_equal(VOLUME[plane.indices(rows, columns)], cut[rows, columns])
    index = [0, 0, 0]
    index[axes[0]], index[axes[1]], index[axes[2]] = 2, 1, 3
    assert cut[1, 3] == VOLUME[tuple(index)]
    assert plane.spacing((10.0, 20.0, 30.0)) == (10.0 * (axes[1] + 1), 10.0 * (axes[2] + 1))


def test_a_cut_is_a_view_and_keeps_colours() -> None:
    assert SlicePlane(1, 0, 2, 0).cut(VOLUME).base is not None
    colours = np.zeros((4, 5, 6, 3), np.uint8)
    assert SlicePlane(1, 0, 2, 0).cut(colours).shape == (6, 4, 3)


def test_axes_have_to_be_three() -> None:
    with pytest.raises(DataError, match="once each"):
        SlicePlane(0, 0, 1, 1)


def test_neighbours_stay_in_the_volume() -> None:
    assert [p.index for p in SlicePlane(0, 2, 1, 2).neighbours((4, 5, 6))] == [3, 1]
    assert [p.index for p in SlicePlane(0, 3, 1, 2).neighbours((4, 5, 6), reach=2)] == [2, 1]


def test_square_pixels_stay_as_they_are() -> None:
    pixels = np.linspace(-1000, 1000, 20).reshape(4, 5)
    look = SliceLook.of(pixels, (1.0, 1.1), (-500.0, 500.0))
    assert look.image.shape == (4, 5)
    assert look.image.dtype == np.uint8
    assert look.image[0, 0] == 0
    assert look.image[-1, -1] == 255
    prompt = Prompt(box_xyxy=(1, 1, 2, 2))
    assert look.prompt(prompt) is prompt


def test_thick_slices_are_stretched_and_prompts_with_them() -> None:
    """Slices 4 mm apart, pixels of 1 mm: a row of the slice becomes four rows of the image."""
    pixels = np.zeros((6, 30))
    pixels[2:4] = 1.0
    look = SliceLook.of(pixels, (4.0, 1.0), (0.0, 1.0))
    assert look.image.shape == (24, 30)
    prompt = look.prompt(Prompt(box_xyxy=(5, 2, 9, 3), points_xy=((7.0, 2.0),), point_labels=(1,)))
    assert prompt.box_xyxy == (5.0, 8.0, 9.0, 15.0)  # rows 2 and 3: all of the image's rows 8 to 15
    assert prompt.points_xy == ((7.0, 9.5),)  # the middle of row 2
    inside = np.full((24, 30), -1.0, np.float32)
    inside[8:16, 5:10] = 1.0
    mask = look.mask(Prediction(inside, 1.0, (24, 30)))
    assert np.array_equal(np.argwhere(mask).min(axis=0), (2, 5))
    assert np.array_equal(np.argwhere(mask).max(axis=0), (3, 9))
    assert mask.sum() == 10


def test_colours_of_bytes_are_not_windowed() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    assert np.array_equal(SliceLook.of(pixels, (1.0, 1.0), (100.0, 110.0)).image, pixels)
    assert SliceLook.of(pixels, (2.0, 1.0), (0.0, 255.0)).image.shape == (16, 8, 3)
