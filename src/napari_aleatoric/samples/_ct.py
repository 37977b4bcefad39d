"""From materials to a scan: the grid, partial volume, noise with the grain of CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_aleatoric.model import Geometry, Reorientation

from ._anatomy import Person, tissues
from ._shapes import FloatArray, PatientGrid

__all__ = ["Scan", "ct_noise", "draw_grid", "draw_storage", "patient_grid", "scan_person"]

Rng = np.random.Generator

_STORAGE: tuple[Reorientation, ...] = (
    Reorientation(),  # LPS
    Reorientation((0, 1, 2), (False, True, True)),  # RAS
    Reorientation((0, 1, 2), (False, True, False)),  # LAS
    Reorientation((0, 1, 2), (True, False, False)),  # LPI: slices from the top
    Reorientation((2, 0, 1), (False, True, False)),  # stored in sagittal planes
    Reorientation((1, 0, 2), (True, True, False)),  # stored in coronal planes
)


@dataclass(frozen=True)
class Scan:
    """A scanned patient in the upright frame.

    Parameters
    ----------
    image : numpy.ndarray of int16, shape (Z, Y, X)
        Hounsfield units.
    truth : numpy.ndarray of uint8, shape (Z, Y, X)
        Class indices of the solids themselves: what fills more than half of the voxel.
    geometry : Geometry
        The grid.
    """

    image: NDArray[np.int16]
    truth: NDArray[np.uint8]
    geometry: Geometry


def draw_grid(rng: Rng, matrix: int, tilted: bool) -> Geometry:
    """Draw the scanner's grid: near-upright axes, slices 4 to 6 mm thick (thicker for a very small matrix)."""
    field_x, field_y, coverage = rng.uniform(365, 395), rng.uniform(278, 298), rng.uniform(215, 240)
    in_plane = field_x / matrix
    thickness = float(rng.choice([4.0, 4.5, 5.0, 5.0, 6.0])) * max(1.0, 96 / matrix)
    shape = (max(8, round(coverage / thickness)), round(field_y / in_plane), matrix)
    direction = np.eye(3)
    if tilted:
        direction = _rotation(rng.normal(size=3), np.radians(rng.uniform(6, 14)))
    spacing = np.array([in_plane, in_plane, thickness])
    half = direction @ (spacing * (np.array(shape[::-1]) - 1) / 2)
    return Geometry(
        shape_zyx=shape,
        spacing_zyx_mm=(thickness, in_plane, in_plane),
        origin_lps=tuple(-half + rng.normal(0, 3, 3)),
        direction_lps=tuple((row[0], row[1], row[2]) for row in direction.tolist()),
    )


def _rotation(axis: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Rotation matrix about an axis (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k))


def draw_storage(index: int) -> Reorientation:
    """Order in which case number ``index`` is stored: half of the cases are not stored upright."""
    turn = index % 10
    return _STORAGE[turn // 2] if turn % 2 else _STORAGE[0]


def patient_grid(geometry: Geometry, rng: Rng, deformation_mm: float = 3.5) -> PatientGrid:
    """Place every voxel in the standard patient, with a smooth deformation that makes people differ.

    Parameters
    ----------
    geometry : Geometry
        The grid.
    rng : numpy.random.Generator
        Draws the deformation.
    deformation_mm : float
        Root mean square of each component.
    """
    matrix = geometry.lps_from_index_xyz.astype(np.float32)
    z, y, x = np.ogrid[tuple(slice(0, n) for n in geometry.shape_zyx)]
    coordinates = []
    reach = 0.0
    for row in matrix[:3]:
        bend = _smooth_field(geometry.shape_zyx, rng, deformation_mm)
        reach = max(reach, float(np.abs(bend).max()))
        coordinates.append((row[0] * x + row[1] * y + row[2] * z + row[3] + bend).astype(np.float32))
    return PatientGrid(geometry, coordinates[0], coordinates[1], coordinates[2], reach)


def _smooth_field(shape_zyx: tuple[int, int, int], rng: Rng, rms: float) -> FloatArray:
    """Random field (Z, Y, X) of a given root mean square: a cubic B-spline on 5 × 5 × 6 control points."""
    field = rng.standard_normal((5, 5, 6)).astype(np.float32)
    for axis, n in enumerate(shape_zyx):
        m = field.shape[axis]
        distance = np.abs(np.linspace(0.5, m - 1.5, n)[:, None] - np.arange(m)[None, :])
        near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - np.minimum(distance, 2)) ** 3 / 6
        weights = np.where(distance < 1, near, far).astype(np.float32)
        field = np.moveaxis(np.tensordot(weights, field, axes=(1, axis)), 0, axis)
    return np.asarray(field * (rms / float(np.sqrt(np.mean(field**2)))), dtype=np.float32)


def scan_person(person: Person, grid: PatientGrid, rng: Rng, noise_hu: float) -> Scan:
    """Mix the materials by how much of each voxel they fill, then blur and add noise."""
    shape = grid.geometry.shape_zyx
    image = np.full(shape, -1000.0, dtype=np.float32)
    truth = np.zeros(shape, dtype=np.uint8)
    for tissue in tissues(person, grid):
        part = image[tissue.box]
        part += (tissue.hu - part) * tissue.share
        if tissue.label_value:
            truth[tissue.box][tissue.share > 0.5] = tissue.label_value
    spacing = np.array(grid.geometry.spacing_zyx_mm)
    body = image > -300
    grain = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), 6.0 / spacing)
    image += np.where(body, 4.0 * grain / max(float(grain.std()), 1e-6), 0.0)
    image = ndimage.gaussian_filter(image, (0.0, *(1.1 / spacing[1:])))  # the scanner's point spread
    image += ct_noise(shape, rng, noise_hu)
    return Scan(np.clip(np.round(image), -1024, 3071).astype(np.int16), truth, grid.geometry)


def ct_noise(shape_zyx: tuple[int, int, int], rng: Rng, noise_hu: float) -> FloatArray:
    """Noise of filtered back projection: its power rises with spatial frequency and then falls off.

    In-plane power spectrum ∝ f·exp(−(f/f₀)²) with f₀ = 0.28 cycles per voxel, after the ramp filter and its
    apodisation; neighbouring slices share a little (slice sensitivity profile).

    Parameters
    ----------
    shape_zyx : tuple of int
        Shape (Z, Y, X).
    rng : numpy.random.Generator
        Source of chance.
    noise_hu : float
        Standard deviation in Hounsfield units.
    """
    white = rng.standard_normal(shape_zyx, dtype=np.float32)
    fy = fft.fftfreq(shape_zyx[1]).astype(np.float32)[:, None]
    fx = fft.rfftfreq(shape_zyx[2]).astype(np.float32)[None, :]
    f = np.sqrt(fy**2 + fx**2)
    amplitude = np.sqrt(f * np.exp(-((f / 0.28) ** 2)))
    noise = fft.irfft2(fft.rfft2(white) * amplitude, s=shape_zyx[1:])
    noise = ndimage.convolve1d(noise, [0.2, 0.6, 0.2], axis=0, mode="nearest")
    return np.asarray(noise * (noise_hu / max(float(noise.std()), 1e-12)), dtype=np.float32)
