"""Regions in which readers differ: what is one decision, and what is two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_aleatoric.uncertainty import disputed_regions

MM = (3.0, 1.0, 1.0)


def box(shape, z, y, x) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[z[0] : z[1], y[0] : y[1], x[0] : x[1]] = True
    return mask


def test_largest_first_then_the_more_central():
    core = box((6, 20, 20), (1, 5), (5, 15), (5, 15))
    first, second, third = core.copy(), core.copy(), core.copy()
    first[2, 5:9, 17:19] = True  # 8 voxels apart from the core, one reader
    second[3, 15, 7] = True  # one voxel, near
    second[3, 19, 0] = True  # one voxel, far away
    third[1, 9, 9] = False
    found = disputed_regions([first, second, third], MM)
    assert [r.n_voxels for r in found] == [8, 1, 1, 1]
    assert found[0].chosen == (1, 0, 0)
    assert found[0].is_uniform
    assert found[0].centre_zyx[0] == 2
    assert found[1].from_centre < found[2].from_centre < found[3].from_centre
    assert found[3].centre_zyx == (3, 19, 0)
    assert {r.chosen for r in found if r.centre_zyx == (1, 9, 9)} == {(1, 1, 0)}
    assert len(disputed_regions([first, second, third], MM, at_least=2)) == 1
    assert disputed_regions([core, core], (1.0, 1.0, 1.0)) == ()
    assert disputed_regions([core], (1.0, 1.0, 1.0)) == ()


def test_wide_pieces_with_different_answers_are_two_decisions():
    a = box((4, 12, 30), (0, 4), (2, 8), (2, 20))  # only a draws x 2..11, a and b draw 11..20
    b = box((4, 12, 30), (0, 4), (2, 8), (11, 20))
    c = np.zeros_like(a)
    found = disputed_regions([a, b, c], MM)
    assert [(r.n_voxels, r.chosen, r.is_uniform) for r in found] == [
        (4 * 6 * 9, (1, 0, 0), True) if found[0].chosen == (1, 0, 0) else (4 * 6 * 9, (1, 1, 0), True),
        (4 * 6 * 9, (1, 1, 0), True) if found[0].chosen == (1, 0, 0) else (4 * 6 * 9, (1, 0, 0), True),
    ]


def test_a_thin_rim_with_another_answer_joins_what_it_lies_on():
    a = box((4, 14, 30), (0, 4), (2, 12), (2, 22))
    b = box((4, 14, 30), (0, 4), (2, 12), (20, 22))  # two voxels wide: a sliver of a's piece
    (only,) = disputed_regions([a, b, np.zeros_like(a)], MM)
    assert only.n_voxels == 4 * 10 * 20
    assert not only.is_uniform
    assert only.shares(1) == pytest.approx((1.0, 0.1, 0.0))


def test_an_outline_that_all_draw_a_little_differently_is_one_decision():
    _, y, x = np.indices((1, 60, 60))
    radius = np.hypot(y - 30, x - 30)
    masks = [radius < 15, radius < 16, radius < 17]
    found = disputed_regions(masks, MM)
    assert len(found) == 1
    assert found[0].n_voxels == int((masks[2] & ~masks[0]).sum())


def test_thin_outlines_of_two_structures_that_touch_stay_apart():
    labels = np.zeros((2, 3, 40, 40), np.uint8)
    labels[:, :, 5:20, 5:35] = 1
    labels[:, :, 22:38, 5:35] = 2
    labels[0, :, 20, 5:35] = 1  # 90 voxels in question: structure 1
    labels[1, :, 21, 5:35] = 2  # and beside them 90: structure 2
    found = disputed_regions(labels, MM)
    assert [(r.n_voxels, r.classes) for r in found] == [(90, (1,)), (90, (2,))] or [
        (r.n_voxels, r.classes) for r in found
    ] == [(90, (2,)), (90, (1,))]


def test_two_answers_and_none_are_one_region_with_each_readers_answer():
    labels = np.zeros((3, 4, 20, 20), np.uint8)
    labels[0, 1:3, 5:10, 5:10] = 1
    labels[1, 1:3, 5:10, 5:10] = 2
    labels[1, 1, 5, 5] = 0  # a sliver with another answer
    (only,) = disputed_regions(labels, MM)
    assert only.classes == (1, 2)
    assert only.chosen == (1, 2, 0)
    assert only.shares(2) == pytest.approx((0.0, 49 / 50, 0.0))
    taken = np.zeros((4, 20, 20), np.uint8)
    taken[only.box][only.inside] = only.answers[1]
    np.testing.assert_array_equal(taken, labels[1])


def test_the_digest_hangs_on_voxels_and_answers_and_on_nothing_else():
    labels = np.zeros((3, 4, 20, 20), np.uint8)
    labels[0, 1:3, 5:10, 5:10] = 1
    labels[1, 1:3, 5:9, 5:10] = 1
    names = ("ann", "bob", "cyd")
    (one, *more) = disputed_regions(labels, MM)
    before = [r.digest(names) for r in (one, *more)]
    assert [r.digest(("cyd", "bob", "ann")) for r in disputed_regions(labels[::-1], MM)] == before
    assert len(set(before)) == len(before)
    cut = disputed_regions(labels[:, :, 2:, 1:], MM)
    assert [r.moved((0, 2, 1)).digest(names) for r in cut] == before
    assert one.digest(("bob", "ann", "cyd")) != before[0]  # the other way round
    elsewhere = labels.copy()
    elsewhere[2, 0, 15:18, 15:18] = 2
    assert set(before) < {r.digest(names) for r in disputed_regions(elsewhere, MM)}
    labels[1, 2, 6, 6] = 0
    assert before[0] not in {r.digest(names) for r in disputed_regions(labels, MM)}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 4), n_classes=st.integers(1, 3))
def test_every_disputed_voxel_is_in_one_connected_region(seed, n, n_classes):
    rng = np.random.default_rng(seed)
    truth = ndimage.zoom(rng.integers(0, n_classes + 1, (2, 4, 4)), (3, 4, 4), order=0)
    wrong = rng.random((n, *truth.shape)) < 0.15
    labels = np.where(wrong, rng.integers(0, n_classes + 1, wrong.shape), truth).astype(np.uint16)
    found = disputed_regions(labels, MM)
    count = np.zeros(truth.shape, int)
    for region in found:
        count[region.box][region.inside] += 1
        assert ndimage.label(region.inside, np.ones((3, 3, 3)))[1] == 1
        np.testing.assert_array_equal(region.answers, [label[region.box][region.inside] for label in labels])
        assert region.inside[tuple(np.subtract(region.centre_zyx, region.start_zyx))]
        if region.n_voxels < 10:  # only what has no neighbour stays that small
            around = ndimage.binary_dilation(np.pad(region.inside, 1), np.ones((3, 3, 3)))
            start = np.array(region.start_zyx) - 1
            for voxel in np.argwhere(around) + start:
                if (voxel >= 0).all() and (voxel < truth.shape).all():
                    z, y, x = voxel
                    inside = region.inside.shape
                    local = voxel - region.start_zyx
                    mine = (local >= 0).all() and (local < inside).all() and region.inside[tuple(local)]
                    assert mine or (labels[:, z, y, x] == labels[0, z, y, x]).all()
    np.testing.assert_array_equal(count, (labels != labels[:1]).any(axis=0))
    assert [r.n_voxels for r in found] == sorted((r.n_voxels for r in found), reverse=True)
