"""Which plane shows what: axes, the crosshair they share, who is large, which way left and right are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psygnal import Signal

from napari_aleatoric.model import Geometry

__all__ = ["FLAT_PLANES", "PLANES", "SPACE", "Plane", "PlaneWishes", "facing", "place_in_volume"]

Place = tuple[float, float, float]


@dataclass(frozen=True)
class Plane:
    """A view of the upright volume (z to the head, y to the back, x to the patient's left).

    Parameters
    ----------
    name : str
        As it is called.
    axis : int
        The array axis (0 = z, 1 = y, 2 = x) that scrolling goes along.
    down, right : int
        The array axes that are drawn down (or up) and to the right (or left).
    """

    name: str
    axis: int
    down: int
    right: int

    @property
    def order(self) -> tuple[int, int, int]:
        """As napari's order of dimensions."""
        return (self.axis, self.down, self.right)


FLAT_PLANES = (Plane("Axial", 0, 1, 2), Plane("Coronal", 1, 0, 2), Plane("Sagittal", 2, 0, 1))
SPACE = "3-D"
PLANES = (*(plane.name for plane in FLAT_PLANES), SPACE)


def facing(down: int, right: int, *, neurological: bool, head_up: bool) -> tuple[str, str]:
    """Say which way the axes of a slice are drawn.

    Parameters
    ----------
    down, right : int
        Array axes of the upright volume on the screen.
    neurological : bool
        The patient's left is drawn at the left; else at the right, as radiologists have it.
    head_up : bool
        Where the slice has a z axis, the head is drawn at the top.

    Returns
    -------
    tuple of str
        "down" or "up", and "right" or "left": where larger indices are.
    """
    vertical = "up" if (head_up and down == 0) or (neurological and down == 2) else "down"
    return vertical, "left" if neurological and right == 2 else "right"


def place_in_volume(world_zyx_mm: Iterable[float], geometry: Geometry) -> Place:
    """Return the centre of the voxel that is nearest to a place, in millimetres along the axes of the volume.

    Voxel (0, 0, 0) is at 0 mm; places beyond the volume become voxels of its border.
    """
    spacing, shape = geometry.spacing_zyx_mm, geometry.shape_zyx
    at = [
        min(max(round(where / step), 0), n - 1) * step
        for where, step, n in zip(world_zyx_mm, spacing, shape, strict=True)
    ]
    return (at[0], at[1], at[2])


class PlaneWishes:
    """What the user wishes of the planes, and where the crosshair is.

    Attributes
    ----------
    is_on : bool
        Four views instead of one.
    crosshair_on : bool
        Draw the crosshair.
    neurological : bool
        Draw the patient's left at the left.
    largest : str
        Which of `PLANES` has the room alone; "" = all share it.
    place : tuple of float
        Where the crosshair is: millimetres along z, y, x of the upright volume, voxel (0, 0, 0) at 0.
    """

    changed = Signal()  # a wish, not the place
    moved = Signal(tuple)  # the place

    def __init__(self) -> None:
        self.is_on = self.neurological = False
        self.crosshair_on = True
        self.largest = ""
        self.place: Place = (0.0, 0.0, 0.0)

    def toggle(self, name: str) -> None:
        """Turn `is_on` or `crosshair_on` on or off."""
        setattr(self, name, not getattr(self, name))
        if name == "is_on":
            self.largest = ""
        self.changed.emit()

    def enlarge(self, name: str) -> None:
        """Give a plane all the room, or the room back to all if it has it."""
        self.largest = "" if self.largest == name or not self.is_on else name
        self.changed.emit()

    def enlarge_next(self) -> None:
        """Give the room to each plane in turn, and then to all."""
        if not self.is_on:
            return
        turn = ("", *PLANES)
        self.largest = turn[(turn.index(self.largest) + 1) % len(turn)]
        self.changed.emit()

    def move_to(self, place: Place) -> None:
        """Put the crosshair there."""
        if place != self.place:
            self.place = place
            self.moved.emit(place)

    def move_along(self, axis: int, where: float) -> None:
        """Move the crosshair along one axis: somebody scrolled there."""
        place = list(self.place)
        place[axis] = where
        self.move_to((place[0], place[1], place[2]))
