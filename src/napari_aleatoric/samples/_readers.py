"""Three people who draw the same organs, each in a personal way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_aleatoric.model import Geometry

__all__ = ["HABITS", "Habit", "draw_readers", "majority"]

FloatArray = NDArray[np.float32]
LabelArray = NDArray[np.uint8]

TUMOUR = 5
"""Label value of the tumour."""


@dataclass(frozen=True)
class Habit:
    """How one reader draws.

    Parameters
    ----------
    reader : str
        Pseudonym.
    offset_mm : float
        Outline further out (positive) or in.
    wobble_mm : float
        Standard deviation of the outline's unsteadiness.
    wobble_size_mm : float
        Its correlation length within a slice; small = jagged.
    slice_by_slice : bool
        Whether neighbouring slices are drawn independently.
    extra_slices : int
        Slices added (positive) or left out at the upper and lower end of each organ.
    sentence : str
        The habit in words.
    """

    reader: str
    offset_mm: float
    wobble_mm: float
    wobble_size_mm: float
    slice_by_slice: bool
    extra_slices: int
    sentence: str


HABITS: tuple[Habit, ...] = (
    Habit("reader_a", 1.5, 1.0, 14.0, False, 0, "draws generously and smoothly"),
    Habit("reader_b", -1.3, 1.0, 12.0, False, -1, "draws tightly and stops a slice early at both ends"),
    Habit("reader_c", 0.1, 2.2, 5.0, True, 0, "draws each slice by itself with an unsteady hand"),
)
"""The readers of every sample data set."""


def draw_readers(truth: LabelArray, geometry: Geometry, rng: np.random.Generator) -> dict[str, LabelArray]:
    """Return each reader's label map of the same patient.

    Parameters
    ----------
    truth : numpy.ndarray of uint8, shape (Z, Y, X)
        Class indices without error.
    geometry : Geometry
        Its grid (upright).
    rng : numpy.random.Generator
        Source of the wobble.
    """
    spacing = np.array(geometry.spacing_zyx_mm)
    wobbles = {habit.reader: _wobble(habit, truth.shape, spacing, rng) for habit in HABITS}
    labels = {habit.reader: np.zeros_like(truth) for habit in HABITS}
    best = {habit.reader: np.zeros(truth.shape, dtype=np.float32) for habit in HABITS}
    host = _host(truth)
    for value in (1, 2, 3, 4, TUMOUR):
        whole = truth == value
        if value == host:  # an organ is drawn with its tumour, and the tumour then on top of it
            whole |= truth == TUMOUR
        box = ndimage.find_objects(whole.view(np.uint8))[0] if whole.any() else None
        if box is None:
            continue
        around = _grown(box, truth.shape, np.ceil(9.0 / spacing).astype(int) + 1)
        inside = whole[around]
        depth = _depth_mm(inside, spacing)
        for habit in HABITS:
            # a small object is not drawn away by a habit that suits a liver
            offset = habit.offset_mm * min(1.0, float(depth.max()) / 12.0)
            score = depth + offset + wobbles[habit.reader][around]
            score = _end_slices(score, inside, habit.extra_slices)
            wins = (score > 0) & ((score > best[habit.reader][around]) | (value == TUMOUR))
            labels[habit.reader][around][wins] = value
            best[habit.reader][around][wins] = score[wins]
    return labels


def _host(truth: LabelArray) -> int:
    """Value of the organ that a tumour grows in: the one it touches most; 0 without a tumour."""
    tumour = truth == TUMOUR
    around = truth[ndimage.binary_dilation(tumour) & ~tumour]
    return int(np.argmax(np.bincount(around, minlength=TUMOUR)[1:]) + 1) if (around > 0).any() else 0


def majority(labels: list[LabelArray]) -> LabelArray:
    """Return, per voxel, the class that more than half of the labels name.

    Where more than half see some class but not the same one, the first of them counts; elsewhere it is background.
    """
    stack = np.stack(labels)
    result = np.zeros_like(labels[0])
    split = np.count_nonzero(stack, axis=0) * 2 > len(labels)
    first = np.take_along_axis(stack, (stack != 0).argmax(axis=0)[np.newaxis], axis=0)[0]
    result[split] = first[split]
    for value in np.unique(stack):
        if value:
            result[np.count_nonzero(stack == value, axis=0) * 2 > len(labels)] = value
    return result


def _wobble(
    habit: Habit, shape: tuple[int, ...], spacing: NDArray[np.float64], rng: np.random.Generator
) -> FloatArray:
    sigma = habit.wobble_size_mm / spacing
    if habit.slice_by_slice:
        sigma[0] = 0.0
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap", truncate=3)
    return np.asarray(noise * (habit.wobble_mm / max(float(noise.std()), 1e-12)), dtype=np.float32)


def _depth_mm(inside: NDArray[np.bool_], spacing: NDArray[np.float64]) -> FloatArray:
    """Signed distance to the outline in mm, positive inside, zero half-way between in and out."""
    half = float(spacing[1:].min()) / 2
    inner = ndimage.distance_transform_edt(inside, sampling=spacing)
    outer = ndimage.distance_transform_edt(~inside, sampling=spacing)
    depth = np.where(inside, inner - half, half - outer).astype(np.float32)
    return np.asarray(ndimage.gaussian_filter(depth, 0.6 * spacing.min() / spacing))  # less of the voxels' steps


def _end_slices(score: FloatArray, inside: NDArray[np.bool_], extra: int) -> FloatArray:
    """Forbid slices beyond the reader's range (axis 0); the range of the truth otherwise."""
    used = np.flatnonzero(inside.any(axis=(1, 2)))
    first, last = int(used[0]) - extra, int(used[-1]) + extra
    if last - first < 2:
        first, last = int(used[0]), int(used[-1])
    limited = score.copy()
    limited[: max(first, 0)] = -1.0
    limited[last + 1 :] = -1.0
    return limited


def _grown(box: tuple[slice, ...], shape: tuple[int, ...], by: NDArray[np.int_]) -> tuple[slice, ...]:
    return tuple(
        slice(max(0, s.start - int(g)), min(n, s.stop + int(g))) for s, n, g in zip(box, shape, by, strict=True)
    )
