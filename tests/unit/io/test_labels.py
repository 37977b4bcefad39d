"""Label files of any type become small integers, or are refused with a sentence."""

import warnings

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import SoftLabelWarning, read_label_map
from napari_aleatoric.io._labels import as_integers, smallest_type


def save(path, array, **geometry):
    image = sitk.GetImageFromArray(array, isVector=False)
    for name, value in geometry.items():
        getattr(image, f"Set{name}")(value)
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.uint8, np.uint8),
        (np.int16, np.uint8),
        (np.int64, np.uint8),
        (np.float32, np.uint8),
        (np.float64, np.uint8),
    ],
)
def test_every_type_that_holds_integers(tmp_path, stored, expected):
    array = np.zeros((3, 4, 5), stored)
    array[1, 2, 3], array[2, 0, 4] = 2, 7
    label = read_label_map(save(tmp_path / "a.nii.gz", array), reader="anna")
    assert label.data.dtype == expected
    assert label.data[1, 2, 3] == 2
    assert label.data[2, 0, 4] == 7
    assert label.data.sum() == 9
    assert label.reader == "anna"


def test_large_and_negative_values_keep_their_number(tmp_path):
    array = np.zeros((3, 4, 5), np.int32)
    array[0, 0, 0], array[1, 1, 1] = 70_000, -1
    label = read_label_map(save(tmp_path / "a.nrrd", array))
    assert label.data.dtype == np.int32
    assert (label.data == array).all()


def test_soft_maps_are_clipped_and_cut_with_a_warning(tmp_path):
    array = np.array([[[-0.02, 0.0, 0.49, 0.5, 0.75, 1.11]]], np.float32)
    path = save(tmp_path / "soft.nii.gz", np.repeat(array, 2, axis=1))
    with pytest.warns(SoftLabelWarning, match=r"soft\.nii\.gz is a soft map .* 1\.11"):
        label = read_label_map(path)
    assert label.data[0, 0].tolist() == [0, 0, 0, 1, 1, 1]
    assert label.data.dtype == np.uint8


def test_hard_maps_do_not_warn(tmp_path):
    path = save(tmp_path / "hard.nii.gz", np.ones((2, 2, 2), np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_label_map(path)


@pytest.mark.parametrize("values", [[0.0, 2.5], [0.0, 0.3, 1.4], [-3.5, 1.0]])
def test_an_image_is_no_label(tmp_path, values):
    path = save(tmp_path / "image.nii.gz", np.resize(np.float32(values), (2, 3, 4)))
    with pytest.raises(DataError, match=r"Expected integers in the label file image\.nii\.gz"):
        read_label_map(path)


def test_not_a_number_is_no_label(tmp_path):
    array = np.zeros((2, 3, 4), np.float32)
    array[0, 0, 0] = np.nan
    with pytest.raises(DataError, match="NaN"):
        read_label_map(save(tmp_path / "a.nrrd", array))


def test_one_bit_mask(tmp_path):
    from PIL import Image

    mask = np.zeros((6, 9), bool)
    mask[2:4, 3:8] = True
    Image.fromarray(mask).save(tmp_path / "m.png")
    label = read_label_map(tmp_path / "m.png")
    assert label.data.shape == (1, 6, 9)
    assert ((label.data[0] > 0) == mask).all()
    assert not label.geometry.spacing_known


def test_indexed_png_gives_its_indices_not_its_colours(tmp_path):
    from PIL import Image

    indices = np.arange(12, dtype=np.uint8).reshape(3, 4) % 5
    picture = Image.fromarray(indices, mode="P")
    picture.putpalette([200, 10, 10, 3, 99, 7, 5, 6, 7, 40, 50, 60, 255, 255, 0])
    picture.save(tmp_path / "p.png")
    assert (read_label_map(tmp_path / "p.png").data[0] == indices).all()


def test_grey_stored_as_colours_is_read_and_true_colours_are_refused(tmp_path):
    from PIL import Image

    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(tmp_path / "g.png")
    assert (read_label_map(tmp_path / "g.png").data[0] == grey).all()
    colours = np.zeros((3, 4, 3), np.uint8)
    colours[0, 0] = 1, 2, 3
    Image.fromarray(colours).save(tmp_path / "c.png")
    with pytest.raises(DataError, match="3 components"):
        read_label_map(tmp_path / "c.png")


def test_several_channels_are_refused(tmp_path):
    path = save(tmp_path / "four.nii.gz", np.zeros((3, 2, 2, 2), np.uint8))
    with pytest.raises(DataError, match="3 channels"):
        read_label_map(path)


@given(hnp.arrays(np.int64, (2, 3), elements=st.integers(-(2**40), 2**40)))
def test_the_smallest_type_holds_every_value(array):
    labels, remark = as_integers(array, "x")
    assert (labels == array).all()
    assert remark == ""
    assert labels.dtype.itemsize <= 8


@pytest.mark.parametrize(
    ("lowest", "highest", "expected"),
    [
        (0, 255, "uint8"),
        (0, 256, "uint16"),
        (-1, 5, "int16"),
        (0, 65536, "int32"),
        (-40000, 1, "int32"),
        (0, 2**32 - 1, "uint32"),
        (-1, 2**32, "int64"),
    ],
)
def test_smallest_type(lowest, highest, expected):
    assert smallest_type(lowest, highest) == np.dtype(expected)
