from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Box
from napari_aleatoric.model import Geometry


def test_around_holds_exactly_the_mask() -> None:
    mask = np.zeros((5, 6, 7), dtype=bool)
    mask[1, 2, 3] = mask[3, 4, 6] = True
    assert Box.around(mask) == Box((1, 2, 3), (4, 5, 7))
    assert Box.around(np.zeros((2, 2, 2))) is None


def test_grown_stays_inside_the_grid() -> None:
    assert Box((1, 2, 3), (4, 5, 7)).grown(2, (5, 9, 7)) == Box((0, 0, 1), (5, 7, 7))
    assert Box((1, 2, 3), (4, 5, 7)).grown((0, 1, 0), (5, 9, 7)) == Box((1, 1, 3), (4, 6, 7))


@given(
    start=st.tuples(*[st.integers(0, 4)] * 3),
    size=st.tuples(*[st.integers(1, 9)] * 3),
    limit=st.integers(1, 400),
)
def test_tiles_cover_the_box_once_within_the_limit(
    start: tuple[int, int, int], size: tuple[int, int, int], limit: int
) -> None:
    box = Box(start, (start[0] + size[0], start[1] + size[1], start[2] + size[2]))
    count = np.zeros((14, 14, 14), dtype=int)
    for tile in box.tiles(limit):
        assert 0 < tile.n_voxels <= limit
        count[tile.slices] += 1
    expected = np.zeros_like(count)
    expected[box.slices] = 1
    assert np.array_equal(count, expected)


def test_tiles_need_room() -> None:
    with pytest.raises(DataError, match="at least one voxel"):
        list(Box((0, 0, 0), (1, 1, 1)).tiles(0))


def test_geometry_of_a_block_keeps_every_voxel_in_its_place() -> None:
    whole = Geometry((6, 7, 8), (2.0, 1.5, 1.0), (10, 20, 30), ((0, -1, 0), (1, 0, 0), (0, 0, 1)))
    box = Box((1, 2, 3), (4, 6, 8))
    assert box.geometry(whole).shape_zyx == (3, 4, 5)
    np.testing.assert_allclose(box.geometry(whole).lps_from_index((1, 1, 1)), whole.lps_from_index((2, 3, 4)))


def test_within_counts_from_the_outer_corner() -> None:
    outer, inner = Box((1, 1, 1), (9, 9, 9)), Box((2, 3, 4), (5, 6, 7))
    field = np.arange(1000).reshape(10, 10, 10)
    assert np.array_equal(field[outer.slices][inner.within(outer).slices], field[inner.slices])
