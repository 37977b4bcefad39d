"""Cases on the network's grid, and the shelf that keeps them."""

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Box
from napari_aleatoric.model import Geometry, Volume
from napari_aleatoric.training import CaseShelf, NetCase, case_grid, standardised

BOX = Box((1, 2, 3), (4, 6, 9))


def volume(data, **keywords):
    return Volume(data, Geometry(data.shape[:3], (2.0, 1.0, 0.5)), **keywords)


def case(value=1.0):
    return NetCase(np.full((1, 2, 3, 4), value, np.float16), np.ones((2, 2, 3, 4), np.uint16))


def test_the_part_is_standardised_and_clipped_by_the_whole_image():
    data = np.random.default_rng(0).normal(100, 20, (6, 8, 10)).astype(np.float32)
    data[0, 0, 0] = 1e6  # outside the part, and beyond the percentile
    data[2, 3, 4] = np.nan
    part = standardised(volume(data), BOX)
    assert part.shape == (1, 3, 4, 6)
    assert np.isfinite(part).all()
    assert abs(part.mean()) < 1e-5
    assert part.std() == pytest.approx(1, abs=1e-5)
    assert part[0, 1, 1, 1] == part.min()
    inner = data[BOX.slices]
    assert np.corrcoef(part[0][~np.isnan(inner)], inner[~np.isnan(inner)])[0, 1] > 0.99


def test_a_constant_image_is_all_zero():
    assert not standardised(volume(np.full((6, 8, 10), 7, np.int16)), BOX).any()


def test_the_grid_is_in_millimetres_where_they_are_known():
    assert case_grid(volume(np.zeros((6, 8, 10), np.uint8)), BOX).spacing_zyx_mm == (2.0, 1.0, 0.5)
    assert case_grid(volume(np.zeros((6, 8, 10), np.uint8)), BOX).shape_zyx == (3, 4, 6)


def test_a_shelf_gives_back_what_was_put(tmp_path):
    shelf = CaseShelf(tmp_path / "cases")
    assert not shelf.has("a")
    shelf.put("a", case(0.25))
    shelf.put("b", case())
    assert shelf.has("a")
    assert (shelf.get("a").image == np.float16(0.25)).all()
    assert shelf.get("a").labels.shape == (2, 2, 3, 4)
    shelf.keep_only(["b"])
    assert not shelf.has("a")
    assert shelf.has("b")


def test_a_damaged_case_is_forgotten(tmp_path):
    shelf = CaseShelf(tmp_path)
    shelf.put("a", case())
    image = tmp_path / "a.image.npy"
    image.write_bytes(image.read_bytes()[:-8])
    with pytest.raises(DataError, match="make it anew"):
        shelf.get("a")
    assert not shelf.has("a")
    with pytest.raises(DataError):
        shelf.get("a")


def test_image_and_labels_of_two_grids_are_refused():
    with pytest.raises(DataError, match="one grid"):
        NetCase(np.zeros((1, 2, 3, 4), np.float16), np.zeros((1, 2, 3, 5), np.uint16))
