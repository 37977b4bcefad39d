"""Hot places: the hottest first, and never two of one place."""

from __future__ import annotations

import numpy as np

from napari_aleatoric.session import HotPlace, far_apart, peaks


def test_peak_is_the_hottest_voxel() -> None:
    values = np.zeros((20, 30, 40), np.uint8)
    values[13, 17, 29] = 250
    values[3, 4, 5] = 100
    assert [(p.index_zyx, round(p.value * 255)) for p in peaks(values, 3)] == [
        ((13, 17, 29), 250),
        ((3, 4, 5), 100),
    ]


def test_slab_beats_a_lone_voxel_of_the_same_heat() -> None:
    values = np.zeros((16, 16, 16), np.uint8)
    values[0, 0, 0] = 255
    values[12, 9:15, 9:15] = 255
    first = peaks(values, 1)[0].index_zyx
    assert first[0] == 12
    assert all(10 <= c <= 13 for c in first[1:])  # its middle, not its corner


def test_cold_map_has_no_place() -> None:
    assert peaks(np.zeros((5, 5, 5), np.uint8), 1) == []


def test_shape_that_is_no_multiple_of_a_block() -> None:
    values = np.zeros((9, 1, 17), np.uint8)
    values[8, 0, 16] = 7
    assert peaks(values, 1)[0].index_zyx == (8, 0, 16)


def test_places_of_two_classes_over_the_whole_volume_are_merged_by_distance() -> None:
    near = [HotPlace((5, 5, 5), 1, 1.0, 9.0), HotPlace((5, 5, 9), 2, 0.9, 20.0), HotPlace((5, 5, 40), 1, 0.5, 3.0)]
    assert [p.heat for p in far_apart(near)] == [20.0, 3.0]
