"""Three planes through a place, cut out and scaled so that a millimetre is as long in all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import Geometry

__all__ = ["AXIAL", "CORONAL", "PICTURE", "SAGITTAL", "Cut", "Plane", "cuts_through", "field_of"]

Box = tuple[tuple[float, float], ...]

_MARGIN = 0.15  # of the longest side of what was drawn, on every side of it
_LEAST_PART = 0.4  # of the image's side that is shown at least, so that one knows where one is


@dataclass(frozen=True)
class Plane:
    """How a plane of an upright volume is hung, as radiologists have it: the patient's right on the left.

    Parameters
    ----------
    name : str
        What people call it.
    axis, down, right : int
        Axes of the array (0 = z to the head, 1 = y to the back, 2 = x to the patient's left): the one that is cut
        across, and those that run down and to the right in the picture.
    down_reversed : bool
        Whether the array axis runs up in the picture, as z does.
    letters : str
        Sides of the patient at left, right, top and bottom; "" where none is known.
    """

    name: str
    axis: int
    down: int
    right: int
    down_reversed: bool
    letters: str


AXIAL = Plane("axial", 0, 1, 2, False, "RLAP")
CORONAL = Plane("coronal", 1, 0, 2, True, "RLSI")
SAGITTAL = Plane("sagittal", 2, 0, 1, True, "APSI")
PICTURE = Plane("picture", 0, 1, 2, False, "")


@dataclass(frozen=True)
class Cut:
    """A rectangle of one plane on square pixels.

    Parameters
    ----------
    plane : Plane
        Which.
    index : int
        Number of the slice along its axis, from 0.
    start : tuple of float
        Array coordinates (down, right) of the centre of the first pixel; voxel centres lie at whole numbers.
    step : tuple of float
        Voxels from one pixel to the next, (down, right); negative where the array runs the other way.
    shape : tuple of int
        Pixels, (down, right).
    pixel_mm : float
        Side of a pixel; a voxel's side where the size of a voxel is not known.
    place : tuple of float
        Pixel coordinates (down, right) of what the cut was made for.
    """

    plane: Plane
    index: int
    start: tuple[float, float]
    step: tuple[float, float]
    shape: tuple[int, int]
    pixel_mm: float
    place: tuple[float, float]

    def of(self, data: NDArray[Any], *, nearest: bool = False) -> NDArray[Any]:
        """Sample a volume of shape (Z, Y, X) or (Z, Y, X, C), upright.

        Parameters
        ----------
        data : numpy.ndarray
            The whole volume.
        nearest : bool
            Take the nearest voxel, for labels; otherwise linear interpolation.

        Returns
        -------
        numpy.ndarray, shape (down, right) or (down, right, C)
            Beyond the volume its outermost values.
        """
        where: list[Any] = [slice(None)] * data.ndim
        where[self.plane.axis] = self.index
        flat: NDArray[Any] = data[tuple(where)]
        if self.plane.down > self.plane.right:
            flat = flat.swapaxes(0, 1)
        positions = [
            np.clip(self.start[k] + self.step[k] * np.arange(self.shape[k]), 0, flat.shape[k] - 1) for k in (0, 1)
        ]
        if nearest:
            rows, columns = (np.floor(p + 0.5).astype(np.intp) for p in positions)
            return np.asarray(flat[np.ix_(rows, columns)])
        values = flat.astype(np.float32)
        for axis, position in enumerate(positions):
            values = _linear(_smoothed(values, abs(self.step[axis]), axis), position, axis)
        return np.asarray(values)


def _smoothed(values: NDArray[np.float32], step: float, axis: int) -> NDArray[np.float32]:
    """Average over the voxels of a pixel, where it holds several."""
    if step < 2:
        return values
    from scipy.ndimage import uniform_filter1d

    return np.asarray(uniform_filter1d(values, round(step), axis=axis, mode="nearest"), dtype=np.float32)


def _linear(values: NDArray[np.float32], position: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    low = np.floor(position).astype(np.intp)
    high = np.minimum(low + 1, values.shape[axis] - 1)
    part = (position - low).astype(np.float32)
    shape = [1] * values.ndim
    shape[axis] = -1
    part = part.reshape(shape)
    return np.asarray(values.take(low, axis) * (1 - part) + values.take(high, axis) * part, dtype=np.float32)


def field_of(drawn: NDArray[np.bool_], place_zyx: tuple[int, int, int], spacing: tuple[float, float, float]) -> Box:
    """Choose what part of a volume to show: all that was drawn and the place, and enough around to know where.

    Parameters
    ----------
    drawn : numpy.ndarray of bool, shape (Z, Y, X)
        Voxels of the label.
    place_zyx : tuple of int
        The place.
    spacing : tuple of float
        Sides of a voxel (z, y, x), in any unit.

    Returns
    -------
    tuple of three tuples of float
        For each axis where it begins and ends, in voxels; -0.5 is the outer side of the first voxel.
    """
    sides = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        at = np.flatnonzero(drawn.any(axis=others))
        inside = (place_zyx[axis], place_zyx[axis])
        sides.append((min(inside[0], int(at[0])), max(inside[1], int(at[-1]))) if len(at) else inside)
    longest = max((last - first + 1) * s for (first, last), s in zip(sides, spacing, strict=True))
    box = []
    for (first, last), n, side in zip(sides, drawn.shape, spacing, strict=True):
        a, b = first - 0.5 - _MARGIN * longest / side, last + 0.5 + _MARGIN * longest / side
        more = max(0.0, _LEAST_PART * n - (b - a)) / 2
        box.append((max(a - more, -0.5), min(b + more, n - 0.5)))
    return tuple(box)


def cuts_through(geometry: Geometry, place_zyx: tuple[int, int, int], box: Box, longest_px: int = 320) -> list[Cut]:
    """Lay axial, coronal and sagittal planes through a place, all at one scale; of a flat image its one plane.

    Parameters
    ----------
    geometry : Geometry
        Of the upright volume.
    place_zyx : tuple of int
        The place.
    box : tuple of three tuples of float
        What to show; see `field_of`.
    longest_px : int
        Pixels of the longest side.
    """
    spacing = geometry.spacing_zyx_mm
    axes = (1, 2) if geometry.is_flat else (0, 1, 2)
    pixel = max((box[k][1] - box[k][0]) * spacing[k] for k in axes) / longest_px
    planes: tuple[Plane, ...] = (AXIAL, CORONAL, SAGITTAL)
    if geometry.is_flat:
        planes = (AXIAL if geometry.spacing_known else PICTURE,)
    return [_cut(plane, place_zyx, box, spacing, pixel) for plane in planes]


def _cut(
    plane: Plane, place: tuple[int, int, int], box: Box, spacing: tuple[float, float, float], pixel: float
) -> Cut:
    start, step, shape, at = [], [], [], []
    for axis, is_reversed in ((plane.down, plane.down_reversed), (plane.right, False)):
        voxels = pixel / spacing[axis]  # per pixel
        first, last = box[axis]
        n = max(1, round((last - first) / voxels))
        a, s = (last - voxels / 2, -voxels) if is_reversed else (first + voxels / 2, voxels)
        start.append(a)
        step.append(s)
        shape.append(n)
        at.append((place[axis] - a) / s)
    return Cut(
        plane,
        place[plane.axis],
        (start[0], start[1]),
        (step[0], step[1]),
        (shape[0], shape[1]),
        pixel,
        (at[0], at[1]),
    )
