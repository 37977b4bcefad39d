"""The standard patient: solids of an upper abdomen, with a person's own proportions.

Coordinates are LPS millimetres from the middle of the body: x to the patient's left, y to posterior,
z to superior. The liver is therefore at negative x.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ._shapes import FloatArray, PatientGrid, cut, ellipsoid, filled, join
from ._spec import TumourHost

__all__ = ["Person", "Tissue", "draw_person", "tissues"]

Point = tuple[float, float, float]
_EVERYWHERE = float("inf")


@dataclass(frozen=True)
class Tissue:
    """One material of the patient.

    Parameters
    ----------
    hu : float
        Hounsfield units.
    share : numpy.ndarray of float32
        How much of each voxel of the box it fills.
    box : tuple of slice
        Where in the grid.
    label_value : int
        Class of the label map; 0 for what is not labelled.
    """

    hu: float
    share: FloatArray
    box: tuple[slice, slice, slice]
    label_value: int = 0


@dataclass(frozen=True)
class Person:
    """Proportions, attenuation and illness of one patient."""

    body_xy: tuple[float, float]
    hu: dict[str, float]
    centre: dict[str, Point]
    scale: dict[str, float]
    tilt: dict[str, float]
    tumour_in: TumourHost = ""
    tumour_at: Point = (0.0, 0.0, 0.0)
    tumour_radii: Point = (0.0, 0.0, 0.0)
    bowel: tuple[tuple[Point, Point, float], ...] = field(default=())


_CENTRES: dict[str, Point] = {
    "liver": (-72.0, -6.0, 48.0),
    "left lobe": (-8.0, -48.0, 58.0),
    "spleen": (98.0, 42.0, 56.0),
    "right kidney": (-62.0, 52.0, -34.0),
    "left kidney": (64.0, 50.0, -18.0),
    "stomach": (48.0, -38.0, 52.0),
}
# mean, standard deviation: portal venous phase
_HU = {
    "fat": (-100.0, 5.0),
    "muscle": (58.0, 4.0),
    "liver": (108.0, 8.0),
    "spleen": (124.0, 8.0),
    "kidney": (178.0, 14.0),
    "aorta": (152.0, 12.0),
    "vein": (138.0, 10.0),
    "marrow": (165.0, 25.0),
    "cortex": (520.0, 40.0),
    "stomach": (35.0, 10.0),
    "tumour": (62.0, 9.0),
    "kidney tumour": (88.0, 10.0),
}


def draw_person(rng: np.random.Generator, tumour_in: TumourHost) -> Person:
    """Draw one patient by lot."""
    stout = float(rng.normal(1.0, 0.06))
    centre = {
        name: (x * stout + rng.normal(0, 4), y * stout + rng.normal(0, 4), z + rng.normal(0, 8))
        for name, (x, y, z) in _CENTRES.items()
    }
    scale = {name: float(rng.normal(1.0, 0.07)) * stout**0.5 for name in _CENTRES}
    tilt = {name: float(rng.normal(0, 0.12)) for name in _CENTRES}
    bowel = tuple(
        (
            (float(rng.uniform(-95, 95)), float(rng.uniform(-75, 5)), float(rng.uniform(-115, -25))),
            (float(rng.uniform(12, 24)), float(rng.uniform(10, 16)), float(rng.uniform(14, 26))),
            float(rng.choice([25.0, 40.0, 55.0, -850.0], p=[0.3, 0.3, 0.25, 0.15])),
        )
        for _ in range(22)
    )
    at, radii = _draw_tumour(rng, tumour_in, centre, scale)
    return Person(
        body_xy=(158.0 * stout, 112.0 * stout),
        hu={name: float(rng.normal(mean, deviation)) for name, (mean, deviation) in _HU.items()},
        centre=centre,
        scale=scale,
        tilt=tilt,
        tumour_in=tumour_in,
        tumour_at=at,
        tumour_radii=radii,
        bowel=bowel,
    )


def _draw_tumour(
    rng: np.random.Generator, host: TumourHost, centre: dict[str, Point], scale: dict[str, float]
) -> tuple[Point, Point]:
    if not host:
        return (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
    base = np.array(centre[host])
    if host == "liver":
        place = base + rng.uniform((-34, -30, -22), (22, 22, 30)) * scale[host]
        size = rng.uniform(14, 24)
    else:
        outward = -1.0 if host == "right kidney" else 1.0
        place = base + np.array([outward * rng.uniform(8, 16), rng.uniform(-10, 6), rng.uniform(-30, 30)])
        size = rng.uniform(13, 20)
    radii = size * rng.uniform(0.85, 1.15, 3)
    return (
        (float(place[0]), float(place[1]), float(place[2])),
        (float(radii[0]), float(radii[1]), float(radii[2])),
    )


def tissues(person: Person, grid: PatientGrid) -> Iterator[Tissue]:
    """Give the materials from the outside in; each one replaces what was there before."""
    cavity = _body_ellipse(person, grid, 0.80)
    yield from _body_wall(person, grid, cavity)
    yield from _lungs(person, grid, cavity)
    yield from _bowels(person, grid, cavity)
    yield from _spine(person, grid)
    yield from _vessels(person, grid)
    yield from _organs(person, grid, cavity)


def _body_ellipse(person: Person, grid: PatientGrid, factor: float) -> FloatArray:
    a, b = person.body_xy
    inset = 0.5 * (1.0 - factor) * (a + b)  # a wall of even thickness
    return ellipsoid(grid, (0, 0, 0), (a - inset, b - inset, _EVERYWHERE))


def _whole(grid: PatientGrid) -> tuple[slice, slice, slice]:
    z, y, x = grid.x.shape
    return (slice(0, z), slice(0, y), slice(0, x))


def _body_wall(person: Person, grid: PatientGrid, cavity: FloatArray) -> Iterator[Tissue]:
    everywhere = _whole(grid)
    couch = np.maximum(np.abs(grid.y - person.body_xy[1] - 9.0) - 3.0, np.abs(grid.x) - 190.0)
    yield Tissue(-620.0, filled(couch), everywhere)
    body = _body_ellipse(person, grid, 1.0)
    yield Tissue(30.0, filled(body), everywhere)  # skin
    yield Tissue(person.hu["fat"], filled(body + 2.5), everywhere)
    yield Tissue(person.hu["muscle"], filled(_body_ellipse(person, grid, 0.90)), everywhere)
    yield Tissue(person.hu["fat"] - 5.0, filled(cavity), everywhere)
    for side in (-1.0, 1.0):
        box = grid.column(side * 36, 70, 28, 34)
        part = grid.within(box)
        back = ellipsoid(part, (side * 36, 84, 0), (27, 17, _EVERYWHERE))
        yield Tissue(person.hu["muscle"], filled(back), box)
        psoas = ellipsoid(part, (side * 36, 55, -90), (15, 17, 75))
        yield Tissue(person.hu["muscle"] + 4.0, filled(psoas), box)
    yield Tissue(person.hu["cortex"] * 0.75, filled(_ribs(person, grid)), everywhere)


def _ribs(person: Person, grid: PatientGrid) -> FloatArray:
    """Tubes in the body wall that run down from the spine to the front."""
    wall = _body_ellipse(person, grid, 0.86)
    height = grid.z - 0.45 * grid.y
    period = 27.0
    from_axis = np.mod(height, period) - period / 2
    tube = np.sqrt(wall * wall + from_axis * from_axis) - 4.6
    last_rib = -30.0 - height
    front = -0.55 * person.body_xy[1] - grid.y
    return np.asarray(np.maximum(np.maximum(tube, last_rib), front), dtype=np.float32)


def _lungs(person: Person, grid: PatientGrid, cavity: FloatArray) -> Iterator[Tissue]:
    """Lung bases above two domes; liver and spleen are laid over them later, so their tops border on air."""
    lungs: FloatArray | None = None
    for x, top in ((-70.0, 97.0), (70.0, 88.0)):
        dome = ellipsoid(grid, (x, 0.0, top - 78.0), (92.0, 104.0, 78.0))
        lungs = dome if lungs is None else join(lungs, dome, 12.0)
    if lungs is None:
        return
    above = np.maximum(np.maximum(4.0 - lungs, 40.0 - grid.z), cavity + 2.0)
    mediastinum = ellipsoid(grid, (0, 40, 0), (38, 60, _EVERYWHERE))
    yield Tissue(-840.0, filled(cut(np.asarray(above, dtype=np.float32), mediastinum, 2.0)), _whole(grid))


def _bowels(person: Person, grid: PatientGrid, cavity: FloatArray) -> Iterator[Tissue]:
    for centre, radii, hu in person.bowel:
        box = grid.box(centre, max(radii) + 4)
        if box is None:
            continue
        loop = np.maximum(ellipsoid(grid.within(box), centre, radii), cavity[box] + 4.0)
        yield Tissue(45.0, filled(loop - 2.0), box)
        yield Tissue(hu, filled(loop), box)


def _spine(person: Person, whole: PatientGrid) -> Iterator[Tissue]:
    box = whole.column(0, 82, 40, 38)
    grid = whole.within(box)
    body = ellipsoid(grid, (0, 62, 0), (22, 17, _EVERYWHERE))
    phase = np.mod(grid.z, 34.0)
    disc = np.maximum(body, np.abs(phase - 17.0) - 4.0)
    arch = ellipsoid(grid, (0, 88, 0), (13, 13, _EVERYWHERE))
    process = np.maximum(ellipsoid(grid, (0, 102, 0), (5, 16, _EVERYWHERE)), np.abs(phase - 25.0) - 8.0)
    wings = np.maximum(ellipsoid(grid, (0, 80, 0), (38, 5, _EVERYWHERE)), np.abs(phase - 30.0) - 4.0)
    bone = np.minimum(np.minimum(body, arch), np.minimum(process, wings))
    yield Tissue(person.hu["cortex"], filled(np.asarray(bone, dtype=np.float32)), box)
    yield Tissue(person.hu["marrow"], filled(body + 3.0), box)
    yield Tissue(75.0, filled(np.asarray(disc, dtype=np.float32)), box)
    canal = ellipsoid(grid, (0, 86, 0), (9, 8, _EVERYWHERE))
    yield Tissue(28.0, filled(canal), box)


def _vessels(person: Person, grid: PatientGrid) -> Iterator[Tissue]:
    box = grid.column(-5, 32, 30, 14)
    part = grid.within(box)
    aorta = ellipsoid(part, (9, 34, 0), (10.5, 10.5, _EVERYWHERE))
    yield Tissue(person.hu["aorta"], filled(aorta), box)
    vein = ellipsoid(part, (-20, 30, 0), (13, 9, _EVERYWHERE))
    yield Tissue(person.hu["vein"], filled(vein), box)


def _organs(person: Person, grid: PatientGrid, cavity: FloatArray) -> Iterator[Tissue]:
    liver_box = grid.box(person.centre["liver"], 150.0)
    kidneys = {name: _kidney(person, grid, name) for name in ("right kidney", "left kidney")}
    if liver_box is not None:
        part = grid.within(liver_box)
        liver = np.maximum(_liver(person, part), cavity[liver_box] + 2.0)
        for distance in kidneys.values():
            liver = cut(liver, distance[liver_box], 4.0)
        stomach = cut(
            np.maximum(
                ellipsoid(part, person.centre["stomach"], (36, 30, 40), _turn(0.4, 1)), cavity[liver_box] + 3.0
            ),
            liver,
            3.0,
        )
        yield Tissue(50.0, filled(stomach), liver_box)
        yield Tissue(person.hu["stomach"], filled(stomach + 4.0), liver_box)
        gas = np.maximum(stomach + 4.0, part.y - person.centre["stomach"][1] + 12.0)
        yield Tissue(-900.0, filled(np.asarray(gas, dtype=np.float32)), liver_box)
        yield Tissue(person.hu["liver"], filled(liver), liver_box, 1)
    yield from _spleen(person, grid, cavity, kidneys["left kidney"])
    for value, (name, distance) in zip((3, 4), kidneys.items(), strict=True):
        box = _kidney_box(person, grid, name)
        if box is not None:
            yield Tissue(person.hu["kidney"], filled(distance[box]), box, value)
    if person.tumour_in:
        yield from _tumour(person, grid)


def _turn(angle: float, axis: int) -> NDArray[np.float64]:
    """Rotation by an angle in radians about patient axis 0 (x), 1 (y) or 2 (z)."""
    a, b = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix


def _liver(person: Person, grid: PatientGrid) -> FloatArray:
    s = person.scale["liver"]
    right = ellipsoid(grid, person.centre["liver"], (74 * s, 74 * s, 66 * s), _turn(person.tilt["liver"], 1))
    left = ellipsoid(grid, person.centre["left lobe"], (74 * s, 34 * s, 36 * s), _turn(0.15, 1))
    whole = join(right, left, 16.0)
    x, _, z = person.centre["liver"]
    under = (z - 46.0 * s) - grid.z + 0.62 * (grid.x - x) + 0.15 * grid.y  # the visceral face slopes
    return np.asarray(np.maximum(whole, under / 1.2), dtype=np.float32)


def _spleen(person: Person, grid: PatientGrid, cavity: FloatArray, kidney: FloatArray) -> Iterator[Tissue]:
    centre, s = person.centre["spleen"], person.scale["spleen"]
    box = grid.box(centre, 62.0 * s)
    if box is None:
        return
    part = grid.within(box)
    turn = _turn(0.5 + person.tilt["spleen"], 2) @ _turn(0.35, 0)
    spleen = ellipsoid(part, centre, (29 * s, 50 * s, 45 * s), turn)
    hilum = ellipsoid(part, (centre[0] - 38 * s, centre[1] - 14, centre[2]), (22, 30, 40))
    spleen = np.maximum(cut(spleen, hilum), cavity[box] + 2.0)
    spleen = cut(np.asarray(spleen, dtype=np.float32), kidney[box], 4.0)
    yield Tissue(person.hu["spleen"], filled(spleen), box, 2)


def _kidney_box(person: Person, grid: PatientGrid, name: str) -> tuple[slice, slice, slice] | None:
    return grid.box(person.centre[name], 62 * person.scale[name])


def _kidney(person: Person, grid: PatientGrid, name: str) -> FloatArray:
    """Distance to a kidney; simply far away outside its box."""
    s, (x, y, z) = person.scale[name], person.centre[name]
    medial = 1.0 if x < 0 else -1.0
    turn = _turn(medial * (0.22 + abs(person.tilt[name])), 1)
    distance = np.full(grid.x.shape, 1000.0, dtype=np.float32)
    box = _kidney_box(person, grid, name)
    if box is not None:
        part = grid.within(box)
        kidney = ellipsoid(part, (x, y, z), (27 * s, 25 * s, 54 * s), turn)
        distance[box] = cut(kidney, ellipsoid(part, (x + medial * 20 * s, y - 4, z), (15 * s, 9 * s, 19 * s)))
    return distance


def _tumour(person: Person, grid: PatientGrid) -> Iterator[Tissue]:
    box = grid.box(person.tumour_at, max(person.tumour_radii) + 6)
    if box is None:
        return
    part = grid.within(box)
    lump = ellipsoid(part, person.tumour_at, person.tumour_radii)
    if person.tumour_in == "liver":
        lump = np.maximum(lump, _liver(person, part) + 2.0)
    share = filled(np.asarray(lump, dtype=np.float32))
    hu = person.hu["tumour" if person.tumour_in == "liver" else "kidney tumour"]
    yield Tissue(hu, share, box, 5)
    core = ellipsoid(part, person.tumour_at, [0.45 * r for r in person.tumour_radii])
    yield Tissue(hu - 28.0, filled(np.maximum(core, lump + 3.0)), box)
