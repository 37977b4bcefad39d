"""Which plane shows what, which way it faces, and who has the room."""

from __future__ import annotations

import pytest

from napari_aleatoric.model import Geometry, edge_letters
from napari_aleatoric.session import FLAT_PLANES, PLANES, PlaneWishes, facing, place_in_volume


@pytest.mark.parametrize(
    ("name", "neurological", "letters"),
    [
        ("Axial", False, ("A", "P", "R", "L")),
        ("Axial", True, ("A", "P", "L", "R")),
        ("Coronal", False, ("S", "I", "R", "L")),
        ("Coronal", True, ("S", "I", "L", "R")),
        ("Sagittal", False, ("S", "I", "A", "P")),
        ("Sagittal", True, ("S", "I", "A", "P")),
    ],
)
def test_planes_face_as_in_textbooks(name: str, neurological: bool, letters: tuple[str, ...]) -> None:
    plane = next(plane for plane in FLAT_PLANES if plane.name == name)
    vertical, horizontal = facing(plane.down, plane.right, neurological=neurological, head_up=True)
    mirrored, upside_down = horizontal == "left", vertical == "up"
    upright = Geometry((4, 5, 6))
    assert edge_letters(upright, plane.down, plane.right, mirrored=mirrored, upside_down=upside_down) == letters


def test_a_transposed_slice_is_mirrored_where_left_and_right_are() -> None:
    assert facing(2, 1, neurological=True, head_up=False) == ("up", "right")
    assert facing(2, 1, neurological=False, head_up=False) == ("down", "right")


def test_places_are_voxels_of_the_volume() -> None:
    geometry = Geometry((4, 5, 6), (5.0, 0.7, 2.0))
    assert place_in_volume((7.4, 1.1, 4.2), geometry) == pytest.approx((5.0, 1.4, 4.0))
    assert place_in_volume((-30.0, 99.0, 11.0), geometry) == pytest.approx((0.0, 2.8, 10.0))


def test_one_plane_after_the_other_has_the_room() -> None:
    wishes, seen = PlaneWishes(), []
    wishes.changed.connect(lambda: seen.append(wishes.largest))
    wishes.enlarge_next()
    wishes.enlarge("Axial")
    assert wishes.largest == ""  # with one view there is nothing to share
    wishes.toggle("is_on")
    for _ in range(5):
        wishes.enlarge_next()
    assert seen[-5:] == [*PLANES, ""]
    wishes.enlarge("Coronal")
    wishes.enlarge("Coronal")
    assert wishes.largest == ""
    wishes.enlarge("Sagittal")
    wishes.toggle("is_on")
    assert wishes.largest == ""


def test_the_place_is_told_once() -> None:
    wishes, seen = PlaneWishes(), []
    wishes.moved.connect(seen.append)
    wishes.move_to((1.0, 2.0, 3.0))
    wishes.move_along(1, 2.0)
    wishes.move_along(2, 9.0)
    assert seen == [(1.0, 2.0, 3.0), (1.0, 2.0, 9.0)]
