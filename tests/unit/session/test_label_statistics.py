"""Figures of a label per class, against SimpleITK."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from napari_aleatoric.model import ClassTable, Geometry, Volume
from napari_aleatoric.session import label_statistics

SHAPE = (14, 30, 33)
SPACING = (3.0, 0.6, 0.8)
CLASSES = ClassTable.from_names({1: "liver", 5: "tumour", 9: "nowhere"})


@pytest.fixture
def label() -> np.ndarray:
    rng = np.random.default_rng(5)
    made = np.zeros(SHAPE, np.uint8)
    made[2:9, 4:20, 5:22] = 1
    made[rng.random(SHAPE) > 0.985] = 5
    made[12, 29, 32] = 1
    return made


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_figures_are_those_of_simpleitk(label: np.ndarray, dtype: Any) -> None:
    data = np.random.default_rng(6).normal(50, 30, SHAPE).astype(np.float32)
    found = label_statistics(label.astype(dtype), Volume(data, Geometry(SHAPE, SPACING)), CLASSES)
    image, mask = sitk.GetImageFromArray(data), sitk.GetImageFromArray(label)
    for each in (image, mask):
        each.SetSpacing(SPACING[::-1])
    shape, values = sitk.LabelShapeStatisticsImageFilter(), sitk.LabelIntensityStatisticsImageFilter()
    shape.Execute(mask)
    values.Execute(mask, image)
    assert [each.label_value for each in found] == [1, 5, 9]
    for each in found[:2]:
        value = each.label_value
        assert each.n_voxels == shape.GetNumberOfPixels(value)
        assert each.volume_ml == pytest.approx(shape.GetPhysicalSize(value) / 1000)
        assert each.mean == pytest.approx(values.GetMean(value), rel=1e-5)
        assert each.sd == pytest.approx(values.GetStandardDeviation(value), rel=1e-5)
        box = shape.GetBoundingBox(value)
        assert each.slices == (box[2], box[2] + box[5] - 1)
        pieces = sitk.ConnectedComponent(mask == value, True)
        assert each.n_pieces == int(sitk.GetArrayViewFromImage(pieces).max())


def test_a_class_that_is_not_there(label: np.ndarray) -> None:
    nowhere = label_statistics(label, Volume(np.zeros(SHAPE, np.int16), Geometry(SHAPE)), CLASSES)[2]
    assert (nowhere.n_voxels, nowhere.volume_ml, nowhere.n_pieces, nowhere.slices) == (0, 0.0, 0, None)
    assert np.isnan(nowhere.mean)


def test_no_millilitres_where_the_spacing_is_not_known(label: np.ndarray) -> None:
    image = Volume(np.zeros(SHAPE, np.int16), Geometry(SHAPE, SPACING, spacing_known=False))
    assert all(each.volume_ml is None for each in label_statistics(label, image, CLASSES))


def test_values_that_are_no_numbers_and_colours_are_left_out(label: np.ndarray) -> None:
    data = np.ones(SHAPE, np.float32)
    data[5, 10, 10] = np.nan
    liver = label_statistics(label, Volume(data, Geometry(SHAPE)), CLASSES)[0]
    assert (liver.mean, liver.sd) == (1.0, 0.0)
    colours = Volume(np.zeros((*SHAPE, 3), np.uint8), Geometry(SHAPE))
    assert np.isnan(label_statistics(label, colours, CLASSES)[0].mean)
