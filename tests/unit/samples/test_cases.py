"""Synthetic patients look like patients, lie right in space, and are the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.samples import HABITS, SAMPLE_CLASSES, ErrorKind, SampleSpec, make_case, plan_cases

SMALL = SampleSpec(n_cases=12, matrix=64)


@pytest.fixture(scope="module")
def cases():
    return [make_case(SMALL, index) for index in range(SMALL.n_cases)]


def centre_lps(label, value):
    return label.geometry.lps_from_index(ndimage.center_of_mass(label.data == value))


def test_a_quarter_is_wrong_and_kinds_take_turns():
    plans = plan_cases(SampleSpec())
    kinds = [plan.error for plan in plans if plan.error]
    assert len(plans) == 24
    assert len(kinds) == 6
    assert len(set(kinds)) == 6
    assert {ErrorKind.MISSING, ErrorKind.SHIFT, ErrorKind.DROPCLASS, ErrorKind.SWAP, ErrorKind.BLOB} < set(kinds)
    assert sum(bool(plan.tumour_in) for plan in plans) == 12
    assert plans != plan_cases(SampleSpec(seed=1))


def test_a_swap_takes_other_organs_where_a_kidney_is_too_small():
    spec = SampleSpec(n_cases=24, seed=3, matrix=32)
    swapped = [make_case(spec, i) for i, plan in enumerate(plan_cases(spec)) if plan.error is ErrorKind.SWAP]
    assert swapped
    assert all(np.count_nonzero(case.given.data != case.truth.data) for case in swapped)
    assert all(len(case.error.class_values) == 2 for case in swapped)
    assert any(set(case.error.class_values) != {3, 4} for case in swapped)


def test_organs_are_on_their_side_of_the_patient(cases):
    for case in cases:
        liver, spleen, right, left = (centre_lps(case.truth, value) for value in (1, 2, 3, 4))
        assert liver[0] < -20 < 20 < spleen[0]  # x grows to the patient's left
        assert right[0] < -30 < 30 < left[0]
        assert liver[1] < right[1]  # the kidney lies behind the liver (y grows to posterior)
        assert liver[2] > right[2]  # and below it


def test_the_picture_is_the_label_in_the_stored_order_too(cases):
    """Attenuation under each label is that of the organ, so image and label share one grid and order."""
    expected = {1: (80, 140), 2: (95, 155), 3: (120, 230), 4: (120, 230)}
    for case in cases:
        assert case.image.data.dtype == np.int16
        assert case.image.geometry == case.truth.geometry == case.given.geometry
        for value, (low, high) in expected.items():
            core = ndimage.binary_erosion(case.truth.data == value)
            assert low < np.median(case.image.data[core]) < high
        air = np.median(case.image.data[case.image.data < -900])
        assert air == pytest.approx(-1000, abs=25)
        assert case.image.data.max() > 300  # bone


def test_storage_orders_tilts_and_spacings_vary(cases):
    letters = {case.image.geometry.orientation_letters for case in cases}
    assert {"LPS", "RAS", "LAS"} <= letters
    assert len(letters) >= 5
    tilts = [case.image.geometry.obliquity_deg for case in cases]
    assert sum(5 < tilt < 20 for tilt in tilts) == 3
    spacings = {case.image.upright().geometry.spacing_zyx_mm for case in cases}
    assert len(spacings) == len(cases)


def test_organ_volumes_are_human(cases):
    bounds_ml = {1: (600, 2600), 2: (60, 450), 3: (60, 320), 4: (60, 320)}
    for case in cases:
        for value, (low, high) in bounds_ml.items():
            volume = np.count_nonzero(case.truth.data == value) * case.truth.geometry.voxel_volume_ml
            assert low < volume < high, (case.case_id, value)


def test_tumours_are_where_the_plan_says(cases):
    host_value = {"liver": 1, "right kidney": 3, "left kidney": 4}
    for case, plan in zip(cases, plan_cases(SMALL), strict=True):
        tumour = case.truth.data == 5
        assert tumour.any() == bool(plan.tumour_in)
        if plan.tumour_in:
            around = ndimage.binary_dilation(tumour, iterations=1) & ~tumour
            assert np.count_nonzero(case.truth.data[around] == host_value[plan.tumour_in]) > 0.2 * around.sum()


def test_outlines_blend_within_a_voxel(cases):
    """Partial volume: some voxels between liver and lung or fat hold a mixture, few voxels wide."""
    case = cases[1]
    liver = case.truth.data == 1
    rim = liver & ~ndimage.binary_erosion(liver)
    core = ndimage.binary_erosion(liver, iterations=2)
    inner = np.median(case.image.data[core])
    mixed = np.mean(case.image.data[rim] < inner - 30)
    assert 0.1 < mixed < 0.9


def test_noise_has_the_grain_of_ct():
    from napari_aleatoric.samples._ct import ct_noise

    noise = ct_noise((8, 96, 96), np.random.default_rng(0), 12.0)
    assert noise.std() == pytest.approx(12.0, rel=1e-3)
    power = np.mean(np.abs(np.fft.fft2(noise)) ** 2, axis=0)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(96), np.fft.fftfreq(96)))
    low, middle, high = (power[(f > a) & (f < b)].mean() for a, b in ((0.0, 0.04), (0.15, 0.25), (0.45, 0.5)))
    assert middle > 3 * low
    assert middle > 2 * high


def test_readers_keep_their_habits(cases):
    sizes = {habit.reader: [] for habit in HABITS}
    steps = {habit.reader: [] for habit in HABITS}
    for case in cases:
        truth = case.truth.upright().data
        for reader, label in case.readers.items():
            data = label.upright().data
            sizes[reader].append(np.count_nonzero(data == 1) / np.count_nonzero(truth == 1))
            area = np.count_nonzero(data[:, 1:] != data[:, :-1], axis=(1, 2))
            steps[reader].append(area.sum())
    assert np.mean(sizes["reader_a"]) > 1.02
    assert np.mean(sizes["reader_b"]) < 0.97
    assert np.mean(steps["reader_c"]) > 1.02 * np.mean(steps["reader_a"])  # jagged
    for case in cases:
        spleen = {
            reader: np.flatnonzero((label.upright().data == 2).any(axis=(1, 2)))
            for reader, label in case.readers.items()
        }
        truth = np.flatnonzero((case.truth.upright().data == 2).any(axis=(1, 2)))
        assert spleen["reader_b"][-1] < truth[-1]  # stops a slice early
        assert spleen["reader_b"][0] > truth[0]
        assert spleen["reader_a"][-1] <= truth[-1]


def test_nobody_leaves_a_gap_between_an_organ_and_its_tumour(cases):
    seen = 0
    for case in cases:
        labels = [*case.readers.values(), case.given] if case.error is None else list(case.readers.values())
        for label in labels:
            tumour = label.data == 5
            if not tumour.any():
                continue
            seen += 1
            foreground = label.data > 0
            holes = ndimage.binary_fill_holes(foreground) & ~foreground
            beside = holes & ndimage.binary_dilation(tumour, iterations=2)
            assert np.count_nonzero(beside) <= 2, (case.case_id, label.reader)
    assert seen >= 12


def test_given_labels_are_good_except_where_planted(cases):
    for case, plan in zip(cases, plan_cases(SMALL), strict=True):
        assert (case.error is not None) == (plan.error is not None)
        given, truth = case.given.data, case.truth.data
        dice = [
            2 * np.count_nonzero((given == v) & (truth == v)) / (np.sum(given == v) + np.sum(truth == v))
            for v in (1, 2, 3, 4)
        ]
        if case.error is None:
            assert min(dice) > 0.93
        else:
            assert case.error.kind == plan.error
            stack = np.stack([label.data for label in case.readers.values()])
            certain = np.zeros(truth.shape, bool)
            majority = np.zeros_like(truth)
            for value in range(6):
                votes = (stack == value).sum(0) >= 2
                majority[votes] = value
                certain |= votes
            assert certain.mean() > 0.999
            differ = np.count_nonzero((majority != given) & certain)
            assert case.error.changed_voxels - (~certain).sum() <= differ <= case.error.changed_voxels


def test_a_case_is_the_same_alone_and_every_time(cases):
    again = make_case(SMALL, 7)
    assert again.image.content_hash == cases[7].image.content_hash
    assert again.given.content_hash == cases[7].given.content_hash
    other = make_case(SMALL.model_copy(update={"seed": 5}), 7)
    assert other.image.content_hash != again.image.content_hash


def test_class_table_and_range():
    assert SAMPLE_CLASSES.names == {1: "liver", 2: "spleen", 3: "right kidney", 4: "left kidney", 5: "tumour"}
    with pytest.raises(NotFoundError, match="0 to 11"):
        make_case(SMALL, 12)
