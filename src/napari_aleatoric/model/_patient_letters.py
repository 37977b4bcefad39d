"""R, L, A, P, S and I at the edges of a slice: which side of the patient lies beyond each."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ._geometry import _LETTERS, Geometry

__all__ = ["EdgeLetters", "edge_letters", "patient_letters"]

TILT_NAMED_DEG = 10.0
"""From this angle on an axis is named after two directions of the patient (our proposal)."""


class EdgeLetters(NamedTuple):
    """What lies beyond the edges of a picture of a slice, each one or two letters."""

    top: str
    bottom: str
    left: str
    right: str


def patient_letters(geometry: Geometry, axis_zyx: int) -> tuple[str, str]:
    """Name the two directions of an array axis after the patient.

    The first letter is the direction that the axis is nearest to. A second one follows, as on a DICOM workstation
    (DICOM PS3.3, C.7.6.1.1.1: letters in the order of their share), where the axis is tilted towards another
    direction by ten degrees or more.

    Parameters
    ----------
    geometry : Geometry
        Any grid.
    axis_zyx : int
        Array axis: 0 = z, 1 = y, 2 = x.

    Returns
    -------
    tuple of str
        Towards smaller and towards larger indices, such as ``("R", "L")`` or ``("RA", "LP")``.
    """
    along_lps = np.asarray(geometry.direction_lps)[:, 2 - axis_zyx]
    least = math.sin(math.radians(TILT_NAMED_DEG)) - 1e-9
    order = sorted(range(3), key=lambda k: -abs(along_lps[k]))
    named = [order[0], *(k for k in order[1:2] if abs(along_lps[k]) >= least)]
    larger = "".join(_LETTERS[k][int(along_lps[k] > 0)] for k in named)
    smaller = "".join(_LETTERS[k][int(along_lps[k] <= 0)] for k in named)
    return smaller, larger


def edge_letters(
    geometry: Geometry, down: int, right: int, *, mirrored: bool = False, upside_down: bool = False
) -> EdgeLetters:
    """Name the edges of a slice as it is drawn.

    Parameters
    ----------
    geometry : Geometry
        The grid of the volume.
    down, right : int
        Array axes (0 = z, 1 = y, 2 = x) that run down and to the right on the screen.
    mirrored : bool
        The axis `right` runs to the left instead.
    upside_down : bool
        The axis `down` runs upwards instead.
    """
    top, bottom = patient_letters(geometry, down)
    left, right_side = patient_letters(geometry, right)
    if upside_down:
        top, bottom = bottom, top
    if mirrored:
        left, right_side = right_side, left
    return EdgeLetters(top, bottom, left, right_side)
