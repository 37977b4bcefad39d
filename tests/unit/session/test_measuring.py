"""Lengths, areas and what is inside: as SimpleITK has them, on every orientation; kept with case and reader."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from psygnal import Signal

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import measurements_path, read_measurements
from napari_aleatoric.model import Geometry, ItemKey, Measurement, Volume, area_of, length_of
from napari_aleatoric.session import Intensities, ItemData, Measuring, pixels_inside, size_in_words

SHAPE = (6, 9, 11)
AXES = [
    tuple(tuple(sign * float(k == axis) for k in range(3)) for sign, axis in zip(signs, axes, strict=True))
    for axes in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]
STRAIGHT = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
C, S = np.cos(0.4), np.sin(0.4)
TILT = np.array([[C, -S, 0], [S, C, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, C, -S], [0, S, C]])


def grid(direction: Any = STRAIGHT, **changes: Any) -> Geometry:
    rows = tuple(map(tuple, np.asarray(direction, dtype=float)))
    return Geometry(SHAPE, (4.0, 0.5, 0.75), (-31.0, 12.0, -7.5), rows, **changes)


def foreign(geometry: Geometry, data: Any = None) -> Any:
    image = sitk.GetImageFromArray(np.zeros(geometry.shape_zyx, np.int16) if data is None else data)
    image.SetSpacing(geometry.spacing_zyx_mm[::-1])
    image.SetOrigin(geometry.origin_lps)
    image.SetDirection(np.asarray(geometry.direction_lps).ravel().tolist())
    return image


def item(stored: Volume, name: str = "case") -> ItemData:
    image = stored.upright()
    label = np.zeros(image.geometry.shape_zyx, np.uint8)
    return ItemData(ItemKey(name), image, stored.geometry, label, "", None, (0.0, 1.0))


class Room:
    """A session as far as measurements are concerned."""

    item_changed = Signal(object)
    sight_changed = Signal()

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace: Any = SimpleNamespace(root=root)
        self.item: ItemData | None = None
        self.reader = "me"
        self.notices: list[Any] = []
        self.notice = SimpleNamespace(emit=self.notices.append)
        self.measuring = Measuring(self, lambda call: call())  # type: ignore[arg-type]

    def show(self, shown: ItemData) -> None:
        self.item = shown
        self.item_changed.emit(shown)


@pytest.mark.parametrize("direction", AXES)
@pytest.mark.parametrize("turn", [np.eye(3), TILT])
def test_lengths_and_areas_are_those_of_simpleitk(direction: Any, turn: Any) -> None:
    geometry = grid(turn @ np.array(direction))
    image = foreign(geometry)

    def place(z: float, y: float, x: float) -> Any:
        return np.array(image.TransformContinuousIndexToPhysicalPoint((x, y, z)))

    a, b = (1.0, 2.5, 3.0), (4.0, 7.0, 9.25)
    assert length_of(geometry, (a, b)) == pytest.approx(np.linalg.norm(place(*b) - place(*a)))
    for axis in range(3):
        rows, columns = (k for k in range(3) if k != axis)
        corners = np.full((4, 3), 2.0)
        corners[:, rows], corners[:, columns] = (1.0, 1.0, 4.5, 4.5), (0.5, 5.0, 5.0, 0.5)
        p = [place(*corner) for corner in corners]
        sides = float(np.linalg.norm(p[1] - p[0]) * np.linalg.norm(p[2] - p[1]))
        assert area_of(geometry, corners, "rectangle") == pytest.approx(sides)
        assert area_of(geometry, corners, "ellipse") == pytest.approx(np.pi / 4 * sides)
        assert area_of(geometry, corners[:3], "polygon") == pytest.approx(sides / 2)


def test_voxels_where_the_spacing_is_not_known() -> None:
    geometry = grid(spacing_known=False)
    shown = item(Volume(np.zeros(SHAPE, np.int16), geometry))
    assert length_of(geometry, ((0, 0, 0), (0, 3, 4))) == pytest.approx(5.0)
    assert size_in_words(shown, "distance", ((0, 0, 0), (0, 3, 4))) == "5.0 voxels"
    assert size_in_words(shown, "rectangle", ((0, 0, 0), (0, 0, 4), (0, 3, 4), (0, 3, 0))) == "12.0 pixels"
    known = item(Volume(np.zeros(SHAPE, np.int16), grid()))
    assert size_in_words(known, "distance", ((0, 0, 0), (1, 0, 0))) == "4.0 mm"


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("kind", ["ellipse", "polygon"])
def test_pixels_inside_are_those_whose_centre_is(axis: int, kind: Any) -> None:
    shape, rows, columns = (40, 41, 42), *(k for k in range(3) if k != axis)
    corners = np.full((4, 3), 17.3)
    corners[:, rows], corners[:, columns] = (5.2, 5.2, 30.7, 30.7), (8.4, 33.1, 33.1, 8.4)
    mask = np.zeros(shape, bool)
    mask[pixels_inside(shape, corners, axis, kind)] = True
    at = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).astype(float)
    r, c = (at[..., rows] - 17.95) / 12.75, (at[..., columns] - 20.75) / 12.35
    expected = (r**2 + c**2 <= 1) if kind == "ellipse" else (abs(r) <= 1) & (abs(c) <= 1)
    assert np.array_equal(mask, expected & (at[..., axis] == 17))


def test_outlines_beyond_the_image_are_cut_and_empty_ones_are_empty() -> None:
    box = ((2, -5, -5), (2, -5, 40), (2, 40, 40), (2, 40, -5))
    assert len(pixels_inside(SHAPE, box, 0, "rectangle")[0]) == SHAPE[1] * SHAPE[2]
    tiny = ((2, 1.2, 1.2), (2, 1.2, 1.4), (2, 1.4, 1.4), (2, 1.4, 1.2))
    assert [len(each) for each in pixels_inside(SHAPE, tiny, 0, "ellipse")] == [0, 0, 0]
    assert len(pixels_inside(SHAPE, np.add(box, (50, 0, 0)), 0, "rectangle")[0]) == 0


@pytest.mark.parametrize("direction", AXES[::5])
def test_what_is_inside_is_what_simpleitk_finds_there(direction: Any, tmp_path: Path) -> None:
    data = np.random.default_rng(3).integers(-100, 300, SHAPE).astype(np.int16)
    stored = Volume(data, grid(direction))
    shown = item(stored)
    room = Room(tmp_path)
    room.show(shown)
    _, y, x = (n - 2 for n in shown.image.geometry.shape_zyx)
    row = room.measuring.add("rectangle", ((2, 1, 1), (2, 1, x), (2, y, x), (2, y, 1)), 0)
    assert row is not None
    mask = np.zeros(shown.image.geometry.shape_zyx, np.uint8)
    mask[pixels_inside(mask.shape, row.measurement.vertices_zyx, 0, "rectangle")] = 1
    figures = sitk.LabelStatisticsImageFilter()
    geometry = shown.image.geometry
    figures.Execute(foreign(geometry, np.ascontiguousarray(shown.image.data)), foreign(geometry, mask))
    assert row.n_pixels == figures.GetCount(1)
    found = (row.mean, row.sd, row.low, row.high)
    expected = (figures.GetMean(1), figures.GetSigma(1), figures.GetMinimum(1), figures.GetMaximum(1))
    assert found == pytest.approx(expected)
    room.measuring.close()


@pytest.mark.parametrize("direction", AXES[::5])
def test_measurements_are_there_again_where_they_were_in_the_file(direction: Any, tmp_path: Path) -> None:
    stored = Volume(np.zeros(SHAPE, np.int16), grid(TILT @ np.array(direction)))
    shown, room = item(stored), Room(tmp_path)
    room.show(shown)
    ends = np.array([(1.0, 2.0, 3.0), (1.0, 4.5, 2.0)])
    room.measuring.add("distance", ends, 0)
    before = room.measuring.rows[0]
    room.measuring.close()
    (kept,) = read_measurements(room.workspace, "case", "me", stored.geometry)
    there = stored.geometry.lps_from_index(kept.vertices_zyx)
    assert there == pytest.approx(shown.image.geometry.lps_from_index(ends))  # the same places in the patient
    again = Room(tmp_path)
    again.show(shown)
    assert again.measuring.rows[0].measurement.axis == 0
    assert np.allclose(again.measuring.rows[0].measurement.vertices_zyx, ends)
    assert again.measuring.rows[0].size == before.size
    again.measuring.close()


def test_measurements_belong_to_a_case_and_a_reader(tmp_path: Path) -> None:
    room, volume = Room(tmp_path), Volume(np.zeros(SHAPE, np.int16), grid())
    room.show(item(volume, "a"))
    room.measuring.add("distance", ((1, 1, 1), (1, 2, 2)), 0)
    room.show(item(volume, "b"))
    assert room.measuring.rows == ()
    room.measuring.add("distance", ((2, 1, 1), (2, 2, 2)), 0)
    room.show(item(volume, "a"))
    assert [row.place for row in room.measuring.rows] == ["axial 1"]
    room.reader = "somebody else"
    room.sight_changed.emit()
    assert room.measuring.rows == ()
    room.reader = "me"
    room.measuring.add("distance", ((3, 1, 1), (3, 2, 2)), 0)  # mine again, before anything was told of it
    assert [row.place for row in room.measuring.rows] == ["axial 1", "axial 3"]
    room.measuring.close()


def test_deleted_is_deleted(tmp_path: Path) -> None:
    room, volume = Room(tmp_path), Volume(np.zeros(SHAPE, np.int16), grid())
    room.show(item(volume))
    first, second, third = (room.measuring.add("distance", ((k, 1, 1), (k, 2, 2)), 0) for k in range(3))
    assert first is not None
    assert second is not None
    assert third is not None
    room.measuring.remove(first.measurement.measurement_id)
    room.measuring.remove_last()
    assert [(row.number, row.place) for row in room.measuring.rows] == [(1, "axial 1")]
    room.measuring.close()
    again = Room(tmp_path)
    again.show(item(volume))
    assert [row.place for row in again.measuring.rows] == ["axial 1"]
    again.measuring.close()


@pytest.mark.parametrize("content", ["{", "[]", '{"format_version": 9}', '{"format_version": 1, "grid": {}}'])
def test_a_damaged_file_is_told_and_never_written_over(tmp_path: Path, content: str) -> None:
    room = Room(tmp_path)
    path = measurements_path(room.workspace, "case", "me")
    path.parent.mkdir(parents=True)
    path.write_text(content)
    room.show(item(Volume(np.zeros(SHAPE, np.int16), grid())))
    assert "cannot be read" in room.notices[0].text
    assert room.measuring.add("distance", ((1, 1, 1), (1, 2, 2)), 0) is None
    room.measuring.close()
    assert path.read_text() == content


def test_an_image_that_was_turned_since_keeps_the_places_in_the_patient(tmp_path: Path) -> None:
    room = Room(tmp_path)
    volume = Volume(np.zeros(SHAPE, np.int16), grid())
    room.show(item(volume))
    room.measuring.add("distance", ((1, 2, 3), (1, 4, 5)), 0)
    room.measuring.close()
    turned = Volume(np.zeros((11, 9, 6), np.int16), Geometry.from_lps_matrix(
        (11, 9, 6), volume.geometry.lps_from_index_xyz[:, [2, 1, 0, 3]]
    ))  # fmt: skip
    (kept,) = read_measurements(room.workspace, "case", "me", turned.geometry)
    assert np.allclose(kept.vertices_zyx, ((3, 2, 1), (5, 4, 1)))
    assert kept.axis == 2
    other = Geometry((6, 9, 12), (4.0, 0.5, 0.75))
    with pytest.raises(DataError, match="another grid"):
        read_measurements(room.workspace, "case", "me", other)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "angle"},
        {"vertices_zyx": ((0, 0, 0),)},
        {"vertices_zyx": ((0, 0, 0), (0, 0, float("nan")))},
        {"axis": 3},
    ],
)
def test_what_is_no_measurement_is_refused(wrong: dict[str, Any]) -> None:
    ends = ((0, 0, 0), (0, 1, 1))
    fields: dict[str, Any] = {"measurement_id": "m", "kind": "distance", "vertices_zyx": ends, "axis": 0}
    with pytest.raises(DataError, match="Expected"):
        Measurement(**{**fields, **wrong})


def test_intensities_are_in_hounsfield_units_only_where_they_are(tmp_path: Path) -> None:
    room = Room(tmp_path)
    shown = item(Volume(np.full(SHAPE, 40, np.int16), grid(), "CT"))
    box = ((1, 1, 1), (1, 1, 5), (1, 5, 5), (1, 5, 1))
    room.show(shown)
    room.measuring.add("ellipse", box, 0)
    assert room.measuring.rows[0].inside == "mean 40.0 SD 0"
    fields = {**vars(shown), "intensities": Intensities("CT", -1000, 1000, {})}
    room.show(ItemData(**{**fields, "image": Volume(shown.image.data, shown.image.geometry, "CT")}))
    assert room.measuring.rows[0].inside == "mean 40.0 SD 0 HU"
    room.measuring.close()
