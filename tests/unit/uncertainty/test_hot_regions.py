"""Hot regions of a map: what is one, how heavy it is, where it lies; against scikit-image and SimpleITK."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import label as components
from skimage.measure import regionprops

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Geometry
from napari_aleatoric.uncertainty import hot_regions, side_in_words


def smooth_map(seed: int, shape: tuple[int, int, int] = (9, 14, 17)) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 1.1)
    return np.asarray(255 * (noise - noise.min()) / np.ptp(noise)).round().astype(np.uint8)


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.8])
@pytest.mark.parametrize("seed", [0, 1])
def test_regions_are_those_of_scikit_image(seed: int, threshold: float) -> None:
    values = smooth_map(seed)
    found = hot_regions({3: values}.__getitem__, [3], threshold, 0.5, least_part=0.0, at_most=1000)
    props = regionprops(components(values / 255 >= threshold, connectivity=3), values / 255)
    assert len(found.regions) == len(props)
    assert found.n_smaller == 0
    expected = sorted(
        (
            (float(p.image_intensity.sum()) * 0.5, p.bbox[:3], p.image, p.mean_intensity, p.max_intensity)
            for p in props
        ),
        key=lambda one: (-round(one[0], 6), one[1]),
    )
    for region, (mass, start, image, mean, top) in zip(found.regions, expected, strict=True):
        assert region.mass == pytest.approx(mass)
        assert (region.mean, region.top) == (pytest.approx(mean), pytest.approx(top))
        assert region.start_zyx == start
        np.testing.assert_array_equal(region.inside, image)
        assert region.n_voxels == image.sum()
        assert region.inside[tuple(np.subtract(region.centre_zyx, start))], "the centre is one of its voxels"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95), st.floats(0.0, 0.4), st.integers(1, 6))
def test_every_hot_voxel_is_listed_or_counted_once(seed: int, threshold: float, part: float, at_most: int) -> None:
    rng = np.random.default_rng(seed)
    maps = {c: (rng.integers(0, 256, (4, 6, 7)) * (rng.random((4, 6, 7)) < 0.3)).astype(np.uint8) for c in (1, 4)}
    found = hot_regions(maps.__getitem__, [1, 4], threshold, least_part=part, at_most=at_most)
    masses = [region.mass for region in found.regions]
    assert masses == sorted(masses, reverse=True)
    assert len(masses) <= at_most
    total = sum(float(m[m >= np.ceil(255 * threshold - 1e-6)].sum()) / 255 for m in maps.values())
    assert sum(masses) + found.smaller_mass == pytest.approx(total)
    assert all(mass >= part * total - 1e-9 for mass in masses[1:])
    n = sum(ndimage.label(m >= np.ceil(255 * threshold - 1e-6), np.ones((3, 3, 3)))[1] for m in maps.values())
    assert len(masses) + found.n_smaller == n
    for region in found.regions:
        hot = maps[region.class_index][region.box][region.inside] / 255
        assert hot.min() >= threshold - 1e-6


def test_corners_join_and_classes_do_not() -> None:
    one, two = np.zeros((3, 4, 4), np.uint8), np.zeros((3, 4, 4), np.uint8)
    one[0, 0, 0] = one[1, 1, 1] = 200
    one[2, 3, 3] = 255
    two[0, 0, 0] = 100
    found = hot_regions({1: one, 2: two}.__getitem__, [1, 2], 0.2, 3.0, least_part=0.0)
    assert [(r.class_index, r.n_voxels, r.slices) for r in found.regions] == [
        (1, 2, (0, 1)),
        (1, 1, (2, 2)),
        (2, 1, (0, 0)),
    ]
    assert [r.mass for r in found.regions] == pytest.approx([1200 / 255, 3.0, 300 / 255])
    assert len({r.digest for r in found.regions}) == 3


def test_small_ones_are_counted_and_the_heaviest_never_is() -> None:
    values = np.zeros((1, 40, 40), np.uint8)
    values[0, 5:15, 5:15] = 200
    values[0, 30, ::4] = 255
    found = hot_regions(lambda _: values, [1], 0.5, least_part=0.05)
    assert [r.n_voxels for r in found.regions] == [100]
    assert (found.n_smaller, found.smaller_mass) == (10, pytest.approx(10.0))
    assert [r.n_voxels for r in hot_regions(lambda _: values, [1], 0.9, least_part=0.5).regions] == [1]


def test_the_threshold_includes_itself_and_nothing_is_never_hot() -> None:
    values = np.zeros((2, 3, 3), np.uint8)
    values[0, 0, 0], values[1, 2, 2] = 51, 50  # 0.2 exactly, and just below
    assert [r.centre_zyx for r in hot_regions(lambda _: values, [1], 0.2, least_part=0).regions] == [(0, 0, 0)]
    assert sum(r.n_voxels for r in hot_regions(lambda _: values, [1], 0.0, least_part=0).regions) == 2
    assert hot_regions(lambda _: values, [1], 0.9).regions == ()
    assert hot_regions(lambda _: values, [], 0.1).n_smaller == 0
    with pytest.raises(DataError, match="from 0 to 1"):
        hot_regions(lambda _: values, [1], 1.2)


def test_the_centre_of_a_bent_region_lies_in_it() -> None:
    values = np.zeros((1, 21, 21), np.uint8)
    values[0, 2:19, 2] = values[0, 2, 2:19] = values[0, 18, 2:19] = 200
    (region,) = hot_regions(lambda _: values, [1], 0.5).regions
    assert values[region.centre_zyx] == 200


# -- the words for the place ------------------------------------------------------------------------------------


def itk_words(image: sitk.Image, index_xyz: tuple[float, float, float]) -> str:
    """The same words from SimpleITK's coordinates, which are LPS."""
    size = image.GetSize()
    corners = [
        image.TransformContinuousIndexToPhysicalPoint([float(e * (n - 1)) for e, n in zip(ends, size, strict=True)])
        for ends in product((0, 1), repeat=3)
    ]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    at = np.array(image.TransformContinuousIndexToPhysicalPoint([float(i) for i in index_xyz]))
    off = 2 * (at - (low + high) / 2) / (high - low)
    names = (("right", "left"), ("anterior", "posterior"), ("inferior", "superior"))
    return ", ".join(pair[int(o > 0)] for o, pair in zip(off, names, strict=True) if abs(o) > 0.2) or "central"


def turned(rotation: np.ndarray) -> np.ndarray:
    a, b, c = 0.3, -0.2, 0.4  # about x, y, z: an oblique scan
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(rz @ ry @ rx @ rotation)


ORIENTATIONS = [
    np.eye(3)[:, list(order)] * np.array(signs)
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]


@pytest.mark.parametrize("oblique", [False, True])
def test_sides_are_those_of_simpleitk_in_all_48_orientations(oblique: bool) -> None:
    shape_zyx, spacing_zyx = (11, 17, 23), (4.0, 0.9, 0.6)
    for rotation in ORIENTATIONS:
        direction = turned(rotation) if oblique else rotation
        geometry = Geometry(shape_zyx, spacing_zyx, (31.0, -12.0, 400.0), tuple(map(tuple, direction.tolist())))
        image = sitk.Image(*shape_zyx[::-1], sitk.sitkUInt8)
        image.SetSpacing(spacing_zyx[::-1])
        image.SetOrigin((31.0, -12.0, 400.0))
        image.SetDirection(direction.ravel().tolist())
        for index in ((0, 0, 0), (10, 3, 11), (5, 8, 11), (5, 8, 21), (2, 15, 4)):
            words = itk_words(image, index[::-1])
            assert side_in_words(index, geometry) == words
            back = geometry.upright_reorientation()
            upright = back.apply_geometry(geometry)
            assert side_in_words(back.apply_index(index, shape_zyx), upright) == words, "whatever the array's order"


def test_sides_are_not_said_where_they_are_not_known() -> None:
    upright = Geometry((10, 10, 10), (1.0, 1.0, 1.0))
    assert side_in_words((9, 0, 9), upright) == "left, anterior, superior"
    assert side_in_words((0, 9, 0), upright) == "right, posterior, inferior"
    assert side_in_words((5, 4, 5), upright) == "central"
    assert side_in_words((9, 0, 9), Geometry((10, 10, 10), spacing_known=False)) == ""
    assert side_in_words((0, 0, 9), Geometry((1, 10, 10))) == "left, anterior"
