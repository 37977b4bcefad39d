"""The plan of a network follows from the data."""

import math

import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.training import CaseGrid, QuickNetSpec, plan_net

ONE = (1.0, 1.0, 1.0)


def test_small_aligned_crops_are_seen_at_their_own_grid():
    plan = plan_net([CaseGrid((35, 50, 35), ONE)] * 3, 1, 3, QuickNetSpec())
    assert plan.patch_zyx == (32, 48, 32)
    assert plan.spacing_zyx_mm == ONE
    assert plan.strides == ((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2))
    assert plan.widths == (16, 32, 64, 128)
    assert plan.shape_of(CaseGrid((31, 52, 36), ONE)) == (31, 52, 36)


def test_a_large_scan_is_coarsened_evenly():
    plan = plan_net([CaseGrid((600, 512, 512), (1.0, 0.8, 0.8))], 1, 5, QuickNetSpec())
    assert max(plan.spacing_zyx_mm) / min(plan.spacing_zyx_mm) < 1.11
    shape = plan.shape_of(CaseGrid((600, 512, 512), (1.0, 0.8, 0.8)))
    assert 0.7 * 1_500_000 < math.prod(shape) <= 1.02 * 1_500_000
    assert math.prod(plan.patch_zyx) <= 64_000


def test_thick_slices_are_neither_coarsened_nor_halved_first():
    plan = plan_net([CaseGrid((30, 256, 256), (5.0, 1.0, 1.0))], 1, 2, QuickNetSpec())
    assert plan.spacing_zyx_mm[0] == 5.0
    assert plan.strides[1] == (1, 2, 2)
    assert plan.patch_zyx[0] < plan.patch_zyx[1]


def test_a_picture_is_flat():
    plan = plan_net([CaseGrid((1, 960, 999), ONE)], 3, 2, QuickNetSpec())
    assert plan.is_flat
    assert plan.patch_zyx[0] == 1
    assert all(stride[0] == 1 for stride in plan.strides)


def test_few_slices_are_looked_at_one_by_one():
    grids = [CaseGrid((n, 128, 128), (2.5, 0.7, 0.7)) for n in (4, 5, 6, 7, 32)]
    plan = plan_net(grids, 1, 2, QuickNetSpec())
    assert plan.is_flat
    assert plan.patch_zyx == (1, 128, 128)
    assert plan.patches_per_step == 9
    # slices stay slices, whatever lies between them; in the plane millimetres count
    assert plan.shape_of(CaseGrid((11, 64, 128), (5.0, 1.4, 0.7))) == (11, 128, 128)
    assert not plan_net(grids, 1, 2, QuickNetSpec(flat_below=6)).is_flat
    assert not plan_net([CaseGrid((8, 128, 128), ONE)], 1, 2, QuickNetSpec()).is_flat


def test_a_case_of_another_spacing_is_resampled_in_millimetres():
    plan = plan_net([CaseGrid((40, 40, 40), ONE)] * 3, 1, 2, QuickNetSpec())
    assert plan.shape_of(CaseGrid((20, 80, 40), (2.0, 0.5, 1.05))) == (40, 40, 40)


def test_the_order_of_the_cases_does_not_matter():
    grids = [CaseGrid((20 + k, 40, 60 - k), (1.0, 1.0 + 0.1 * k, 2.0)) for k in range(7)]
    assert plan_net(grids, 1, 2, QuickNetSpec()) == plan_net(grids[::-1], 1, 2, QuickNetSpec())


def test_every_level_can_be_halved():
    for shape in ((7, 9, 11), (1, 33, 65), (5, 200, 200), (64, 64, 64), (2, 2, 2)):
        plan = plan_net([CaseGrid(shape, ONE)], 1, 2, QuickNetSpec())
        size = list(plan.patch_zyx)
        for stride in plan.strides:
            assert all(n % s == 0 for n, s in zip(size, stride, strict=True))
            size = [n // s for n, s in zip(size, stride, strict=True)]
        assert min(size) >= 1


def test_no_case_is_an_error():
    with pytest.raises(DataError, match="at least one case"):
        plan_net([], 1, 2, QuickNetSpec())
