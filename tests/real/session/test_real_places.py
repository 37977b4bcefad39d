"""Places, lengths and areas on a tilted scan and on one volume in all 48 orders, as SimpleITK has them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from napari_aleatoric.io import read_volume
from napari_aleatoric.model import ClassTable, ItemKey, area_of, length_of
from napari_aleatoric.session import ItemData, ViewOptions, place_in_words, resolve, under_cursor

pytestmark = pytest.mark.real


def check(path: Path) -> float:
    """Compare some places of a file; return the tilt of the scan in degrees."""
    stored, foreign = read_volume(path), sitk.ReadImage(str(path))
    image = stored.upright()
    shape = image.geometry.shape_zyx
    item = ItemData(ItemKey("a"), image, stored.geometry, np.zeros(shape, np.uint8), "", None, (0.0, 1.0))
    view = resolve(item, ViewOptions(), ClassTable(()))
    rng = np.random.default_rng(1)
    places: list[tuple[Any, np.ndarray]] = []
    for index in (rng.integers(0, shape, (6, 3))).tolist():
        found = under_cursor(item, tuple(index), ClassTable(()), view)
        assert found is not None
        file_index = [int(v) for v in found.voxel.removeprefix("voxel ").split(",")]
        there = np.array(foreign.TransformIndexToPhysicalPoint(file_index))
        assert found.position == place_in_words(there)
        assert float(found.value) == pytest.approx(float(foreign[file_index]), rel=1e-3)
        places.append((index, there))
    for (a, p), (b, q) in pairwise(places):
        assert length_of(image.geometry, (a, b)) == pytest.approx(np.linalg.norm(q - p), abs=1e-3)
    for axis in range(3):  # a rectangle in each plane
        rows, columns = (k for k in range(3) if k != axis)
        corners = np.full((4, 3), 3.0)
        corners[:, rows], corners[:, columns] = (2, 2, 12, 12), (1, 9, 9, 1)
        lps = image.geometry.lps_from_index(corners).tolist()
        p = [np.array(foreign.TransformPhysicalPointToContinuousIndex(each)) for each in lps]
        p = [np.array(foreign.TransformContinuousIndexToPhysicalPoint(each.tolist())) for each in p]
        sides = float(np.linalg.norm(np.cross(p[1] - p[0], p[3] - p[0])))
        assert area_of(image.geometry, corners, "rectangle") == pytest.approx(sides, rel=1e-4)
    return image.geometry.obliquity_deg


def test_the_oblique_flair(real_data: Path) -> None:
    assert check(real_data / "niivue/FLAIR.nii.gz") > 5.0


def test_one_volume_in_all_orders(real_data: Path) -> None:
    paths = sorted((real_data / "niivue/nifti_space").glob("*.nii*"))
    assert len(paths) >= 48
    for path in paths:
        check(path)
