"""A volume from a sentence to a mask: slices, carrying, votes, and the patient's left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.model import Geometry, RecordingReporter, Reorientation, Volume
from napari_aleatoric.segmentation import Query, SliceStack, VolumeSpec, segment_volume
from napari_aleatoric.segmentation._look import choose_key_slices
from napari_aleatoric.segmentation._objects import consistent, largest_parts

OTHERS = ("spleen", "prostate", "bladder", "lung", "bone")
QUICK = VolumeSpec(window=(0, 255))


def rotation(degrees: float, axis: int) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(3)
    a, b = [i for i in range(3) if i != axis]
    turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, -s, s, c
    return turn


def patient(direction=None, spacing=(5.0, 2.0, 1.5), shape=(24, 40, 60)) -> Volume:
    """A body with a liver of 120 on the patient's right (LPS x < 0) and two kidneys of 200, the left one higher."""
    direction = np.eye(3) if direction is None else direction
    half = direction @ (np.array(spacing[::-1]) * (np.array(shape[::-1]) - 1) / 2)
    geometry = Geometry(shape, spacing, tuple(-half), tuple(map(tuple, direction.tolist())))
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(geometry.lps_from_index(index), -1, 0)
    grey = np.full(shape, 0, dtype=np.uint8)
    grey[(x / 42) ** 2 + (y / 36) ** 2 < 1] = 40
    grey[((x + 20) / 15) ** 2 + ((y + 6) / 20) ** 2 + ((z - 10) / 28) ** 2 < 1] = 120
    grey[((x + 20) / 7) ** 2 + ((y - 24) / 7) ** 2 + ((z + 25) / 20) ** 2 < 1] = 200
    grey[((x - 20) / 7) ** 2 + ((y - 24) / 7) ** 2 + ((z + 12) / 20) ** 2 < 1] = 200
    return Volume(grey, geometry, "CT")


def turned(volume: Volume, storage: Reorientation) -> Volume:
    return replace(
        volume,
        data=np.ascontiguousarray(storage.apply(volume.data)),
        geometry=storage.apply_geometry(volume.geometry),
    )


def dice(a, b) -> float:
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


# -- the whole way -----------------------------------------------------------------------------------


def test_a_word_becomes_a_volume_with_every_stage(words, grey_segmenter) -> None:
    volume = patient()
    reporter = RecordingReporter()
    found = segment_volume(
        volume, Query("liver", ("liver",), OTHERS), words, grey_segmenter, QUICK, reporter=reporter
    )
    truth = volume.data == 120
    assert found.found
    assert dice(found.label.data > 0, truth) > 0.93
    assert found.label.geometry == volume.geometry
    assert found.label.data.dtype == np.uint8
    assert found.look.presence == 1.0
    assert all(truth[z].any() for z in found.look.key_slices)
    assert len(found.keys) == len(found.look.key_slices) > 1
    assert found.keys[0].result.saliency.map_yx.shape == (40, 60)
    assert found.agreement > 0.9
    assert found.uncertainty == pytest.approx(0, abs=0.1)
    assert found.volume_ml == pytest.approx(found.label.data.sum() * 5.0 * 2.0 * 1.5 / 1000)
    assert found.sentence.startswith(f"'liver' found: {found.volume_ml:.1f} ml in slices ")
    done = [step[0] for step in reporter.steps]
    assert done == sorted(done)
    assert done[-1] == reporter.steps[-1][1] == 100


def test_a_wrong_word_is_not_found_and_nothing_is_drawn(words, grey_segmenter) -> None:
    query = Query("prostate", ("prostate",), ("liver", "kidney", "spleen", "lung"))
    found = segment_volume(patient(), query, words, grey_segmenter, QUICK)
    assert not found.found
    assert not found.label.data.any()
    assert found.label.geometry == patient().geometry
    assert found.look.presence <= 0.5
    assert found.sentence.startswith("'prostate' was not found: the images suit it better than")
    assert grey_segmenter.prompts == []


def test_an_unsure_segmenter_is_not_carried(words, unsure_segmenter) -> None:
    found = segment_volume(patient(), "liver", words, unsure_segmenter, replace_spec(key_slices=1))
    reached = {z for one in found.objects for member in one.members for z in member.slices}
    assert reached == set(found.look.key_slices)
    reasons = found.objects[0].members[0].stopped
    assert reasons == {1: "the segmenter's own estimate is 0.20", -1: "the segmenter's own estimate is 0.20"}


def replace_spec(**options) -> VolumeSpec:
    return QUICK.model_copy(update=options)


def test_it_stops_where_the_object_ends(words, grey_segmenter) -> None:
    volume = patient()
    found = segment_volume(volume, "liver", words, grey_segmenter, replace_spec(key_slices=1))
    (member,) = found.objects[0].members
    inside = np.flatnonzero((volume.data == 120).any(axis=(1, 2)))
    assert inside[0] <= member.slices[0] <= inside[0] + 2
    assert inside[-1] - 2 <= member.slices[-1] <= inside[-1]
    assert set(member.stopped) == {1, -1}


@pytest.mark.parametrize("closely", [True, False])
def test_the_earlier_answer_is_given_where_slices_are_looked_at_as_a_whole(words, grey_segmenter, closely) -> None:
    found = segment_volume(patient(), "liver", words, grey_segmenter, replace_spec(key_slices=1, closely=closely))
    later = [p for p in grey_segmenter.prompts if p.mask_logits is not None]
    assert bool(later) == (not closely)
    assert dice(found.label.data > 0, patient().data == 120) > 0.9


def test_a_segmenter_with_a_memory_follows_by_itself(words, grey_tracker) -> None:
    volume = patient()
    found = segment_volume(volume, "liver", words, grey_tracker, replace_spec(key_slices=1))
    key = found.look.key_slices[0]
    assert grey_tracker.order[0] == key
    assert sorted(grey_tracker.order) == list(range(24))
    assert dice(found.label.data > 0, volume.data == 120) > 0.9


@pytest.mark.parametrize(
    ("change", "estimate", "reason"),
    [
        ({}, 0.9, ""),
        ({"at": (5, 5)}, 0.9, ""),
        ({"at": (18, 18)}, 0.9, "Dice with the slice before is 0.00"),
        ({"side": 2}, 0.9, "nothing is outlined there"),
        ({"side": 15}, 0.9, "the area grows 2.2 times"),
        ({"grey": 160}, 0.9, "the mean intensity has moved by 6.7 standard deviations"),
        ({"side": 31, "at": (0, 0)}, 0.9, "all of the slice is outlined"),
        ({}, 0.3, "the segmenter's own estimate is 0.30"),
    ],
)
def test_why_the_carrying_stops(change, estimate, reason) -> None:
    from napari_aleatoric.segmentation._carry import _looks, _stops

    def square(side=10, at=(4, 4), grey=120):
        image, mask = np.full((32, 32), 40, np.uint8), np.zeros((32, 32), bool)
        mask[at[0] : at[0] + side, at[1] : at[1] + side] = True
        image[mask] = grey
        return image, mask

    image, before = square()
    there, mask = square(**change)
    if change.get("side") == 2:
        mask[4:6, 4] = False
    assert _stops(there, mask, before, estimate, _looks(image, before), QUICK) == reason


def test_a_stop_is_heard_at_every_slice(words, grey_segmenter) -> None:
    total = RecordingReporter()
    segment_volume(patient(), "liver", words, grey_segmenter, QUICK, reporter=total)
    for after in (1, 3, len(total.steps) // 2, len(total.steps) - 2):
        reporter = RecordingReporter(cancel_after=after)
        with pytest.raises(Cancelled):
            segment_volume(patient(), "liver", words, grey_segmenter, QUICK, reporter=reporter)
        assert len(reporter.steps) == after


# -- geometry ----------------------------------------------------------------------------------------

STORAGES = [
    Reorientation(),
    Reorientation((0, 1, 2), (False, True, True)),
    Reorientation((2, 0, 1), (False, True, False)),
    Reorientation((1, 0, 2), (True, True, True)),
    Reorientation((0, 2, 1), (True, False, True)),
]


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("tilt", [0.0, 12.0])
def test_left_is_the_patients_left_however_the_volume_is_stored(words, grey_segmenter, storage, tilt) -> None:
    direction = rotation(tilt, 2) @ rotation(tilt / 2, 0)
    volume = turned(patient(direction), storage)
    for side, sign in (("left", 1), ("right", -1)):
        query = Query(f"{side} kidney", ("kidney",), OTHERS, side=side)
        found = segment_volume(volume, query, words, grey_segmenter, QUICK)
        assert found.label.geometry == volume.geometry
        # ITK's own idea of where the voxels are
        image = sitk.GetImageFromArray(found.label.data)
        geometry = volume.geometry
        image.SetSpacing(geometry.spacing_zyx_mm[::-1])
        image.SetOrigin(geometry.origin_lps)
        image.SetDirection(np.asarray(geometry.direction_lps).ravel().tolist())
        shape = sitk.LabelShapeStatisticsImageFilter()
        shape.Execute(image)
        x, y, z = shape.GetCentroid(1)
        assert x * sign == pytest.approx(20, abs=3)
        assert y == pytest.approx(24, abs=3)
        assert z == pytest.approx(-12 if side == "left" else -25, abs=7)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_every_plane_gives_the_same_place(words, grey_segmenter, plane) -> None:
    volume = turned(patient(), STORAGES[2])
    found = segment_volume(volume, "liver", words, grey_segmenter, replace_spec(plane=plane))
    assert dice(found.label.data > 0, volume.data == 120) > 0.9


def test_a_side_that_shows_nothing_is_not_found(words, grey_segmenter) -> None:
    volume = patient()
    only_right = np.where((volume.data == 200) & (np.arange(60) > 30), 40, volume.data).astype(np.uint8)
    query = Query("left kidney", ("kidney",), side="left")
    found = segment_volume(replace(volume, data=only_right), query, words, grey_segmenter, QUICK)
    assert not found.found
    assert "nothing stands out on the patient's left" in found.sentence
    anyway = segment_volume(
        replace(volume, data=only_right), query, words, grey_segmenter, replace_spec(side="off")
    )
    assert anyway.found


def test_blank_slices_are_not_looked_at(words, grey_segmenter) -> None:
    volume = patient()
    blank = volume.data.copy()
    blank[::2] = 40
    found = segment_volume(replace(volume, data=blank), "liver", words, grey_segmenter, QUICK)
    assert set(found.look.numbers) == set(range(1, 24, 2))
    nothing = segment_volume(replace(volume, data=np.zeros_like(blank)), "liver", words, grey_segmenter)
    assert nothing.sentence == "'liver' was not found: every slice is the same everywhere. Check the window."
    assert not nothing.label.data.any()


def test_both_kidneys_are_two_pieces_or_the_surer_one(words, grey_segmenter) -> None:
    volume = patient()
    both = segment_volume(volume, Query("kidneys", ("kidney",), pieces=2), words, grey_segmenter, QUICK)
    assert dice(both.label.data > 0, volume.data == 200) > 0.85
    one = segment_volume(volume, "kidney", words, grey_segmenter, QUICK)
    assert 0.3 < np.count_nonzero(one.label.data) / np.count_nonzero(volume.data == 200) < 0.7


def test_slices_are_shown_as_radiologists_see_them() -> None:
    volume = turned(patient(), STORAGES[3])
    axial, coronal, sagittal = (
        SliceStack.of(volume, plane, (0, 255)) for plane in ("axial", "coronal", "sagittal")
    )
    upright = volume.upright()
    z = int(np.argmax((upright.data == 120).sum(axis=(1, 2))))
    ys, xs = np.nonzero(axial.image(z) == 120)
    assert xs.mean() < 30  # the liver is left in the picture
    ys, xs = np.nonzero(coronal.image(17) == 120)
    assert ys.mean() < 12  # and above the middle
    assert xs.mean() < 30
    ys, xs = np.nonzero(sagittal.image(16) == 120)
    assert ys.mean() < 12
    assert xs.mean() < 20  # in front


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_points_and_masks_come_back_to_the_same_voxel(plane) -> None:
    volume = turned(patient(), STORAGES[4])
    stack = SliceStack.of(volume, plane, (0, 255))
    plane_values = np.zeros(stack.shape_yx, np.uint8)
    plane_values[3, 7] = 1
    into = stack.empty()
    stack.put(plane_values, 5, into)
    assert np.argwhere(into).tolist() == [stack.index_zyx(5, (7, 3)).astype(int).tolist()]
    assert np.array_equal(stack.take(5, into), plane_values)
    label = stack.label_map(into)
    assert label.geometry == volume.geometry
    there = volume.geometry.lps_from_index(np.argwhere(label.data)[0])
    assert there == pytest.approx(stack.volume.geometry.lps_from_index(np.argwhere(into)[0]))


def test_the_middle_of_a_tilted_body_off_the_middle_of_the_field() -> None:
    volume = patient(rotation(12.0, 2))
    moved = replace(
        volume,
        geometry=replace(
            volume.geometry, origin_lps=(volume.geometry.origin_lps[0] + 100, *volume.geometry.origin_lps[1:])
        ),
    )
    assert SliceStack.of(volume).middle_lps_x() == pytest.approx(0, abs=3)
    assert SliceStack.of(moved).middle_lps_x() == pytest.approx(100, abs=3)


def test_a_photograph_stays_as_it_is(words, grey_segmenter) -> None:
    picture = patient().data[16]
    volume = Volume(picture[np.newaxis], Geometry((1, *picture.shape), spacing_known=False), "")
    found = segment_volume(volume, "liver", words, grey_segmenter, QUICK)
    assert dice(found.label.data[0] > 0, picture == 120) > 0.95
    assert np.isnan(found.volume_ml)
    assert "voxels in slices 1 to 1" in found.sentence


# -- parts -------------------------------------------------------------------------------------------


def test_key_slices_lie_apart_and_near_the_best() -> None:
    advantage = np.array([0, 0.1, 0.9, 1.0, 0.95, 0.2, 0.1, 0.0, 0.8, 0.1, 0.1, 0.1])
    numbers = list(range(0, 24, 2))
    assert choose_key_slices(numbers, advantage, 3, 24) == (6, 8, 4)
    assert choose_key_slices(numbers, advantage, 3, 48) == (6, 16)
    assert choose_key_slices([5], np.array([0.3]), 3, 9) == (5,)


def test_one_slice_out_of_line_is_put_right() -> None:
    a, b = np.full((8, 8), -4.0, np.float32), np.full((8, 8), -4.0, np.float32)
    a[1:5, 1:5], b[6:, 6:] = 4, 4
    fixed, replaced = consistent({3: a, 4: b, 5: a.copy(), 6: b.copy()})
    assert replaced == (4,)
    assert np.array_equal(fixed[4] > 0, a > 0)
    assert np.array_equal(fixed[6], b)  # an end has no two neighbours


def test_sensible_parts_are_kept() -> None:
    mask = np.zeros((6, 20, 20), bool)
    mask[1:5, 1:8, 1:8] = True  # 196
    mask[1:5, 10:14, 10:14] = True  # 64
    mask[0, 19, 19] = True
    assert largest_parts(mask, 1, 0.2).sum() == 196
    assert largest_parts(mask, 3, 0.2).sum() == 260
    assert largest_parts(mask, 3, 0.5).sum() == 196
    assert not largest_parts(np.zeros((2, 3, 4), bool), 1, 0.2).any()
