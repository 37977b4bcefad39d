"""Label errors of known kind and size, planted into any label map.

Kinds and severities are our proposal, after the errors that reviewers report. Lengths are in voxels of the
finest axis: with a spacing given, coarser axes take proportionally fewer voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_aleatoric.errors import DataError

__all__ = ["ErrorKind", "ErrorRecord", "Severity", "plant_error"]

IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]
Rng = np.random.Generator


class ErrorKind(StrEnum):
    """How a label can be wrong."""

    JITTER = "jitter"
    OVER = "over"
    UNDER = "under"
    MISSING = "missing"
    DROPCLASS = "dropclass"
    SWAP = "swap"
    SHIFT = "shift"
    BLOB = "blob"

    @property
    def words(self) -> str:
        """The error as a person would say it."""
        return {
            ErrorKind.JITTER: "boundary drift",
            ErrorKind.OVER: "drawn too large",
            ErrorKind.UNDER: "drawn too small",
            ErrorKind.MISSING: "missing slices",
            ErrorKind.DROPCLASS: "part of a class dropped",
            ErrorKind.SWAP: "classes swapped",
            ErrorKind.SHIFT: "shifted",
            ErrorKind.BLOB: "extra blob",
        }[self]


class Severity(StrEnum):
    """How large an error is."""

    SUBTLE = "subtle"
    MILD = "mild"
    SEVERE = "severe"


@dataclass(frozen=True)
class ErrorRecord:
    """What was done to a label.

    Parameters
    ----------
    kind, severity : ErrorKind, Severity
        What and how much.
    class_values : tuple of int
        Values of the label map that were touched, before or after.
    changed_voxels : int
        How many voxels differ from the label before.
    slices_z : tuple of int
        First and last changed index of axis 0 of the array that was given, both included.
    dice : float
        Mean Dice coefficient, over the classes of the label before, of the label after to the label before.
    sentence : str
        The same in words.
    """

    kind: ErrorKind
    severity: Severity
    class_values: tuple[int, ...]
    changed_voxels: int
    slices_z: tuple[int, int]
    dice: float
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Plain values that :meth:`from_json` takes back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ErrorRecord:
        """Rebuild from :meth:`to_json`."""
        return cls(
            kind=ErrorKind(value["kind"]),
            severity=Severity(value["severity"]),
            class_values=tuple(int(v) for v in value["class_values"]),
            changed_voxels=int(value["changed_voxels"]),
            slices_z=(int(value["slices_z"][0]), int(value["slices_z"][1])),
            dice=float(value["dice"]),
            sentence=str(value["sentence"]),
        )


@dataclass(frozen=True)
class _Task:
    """The label at work: which voxels may be touched, and what a step of one voxel is on each axis."""

    label: IntArray
    values: tuple[int, ...]
    target: BoolArray
    step_zyx: NDArray[np.float64]
    severity: Severity
    rng: Rng

    def amount(self, mild: float, severe: float, subtle: float) -> float:
        return {Severity.MILD: mild, Severity.SEVERE: severe, Severity.SUBTLE: subtle}[self.severity]

    @property
    def free(self) -> BoolArray:
        return np.asarray(self.label == 0)


def plant_error(
    label: IntArray,
    kind: ErrorKind,
    severity: Severity,
    rng: Rng,
    *,
    class_values: Collection[int] | None = None,
    spacing_zyx: ArrayLike | None = None,
) -> tuple[IntArray, ErrorRecord]:
    """Return a copy of the label with one error, and what was done.

    * *jitter*: smooth random displacement, correlation length σ = 3 voxels, 1.2 / 2.2 / 0.6 voxels rms per axis;
    * *over*, *under*: grown or shrunk by 1 / 2 voxels, subtle by 1 voxel on half of the object;
    * *missing*: 2 / 5 / 1 consecutive slices, along axis 0 or 1;
    * *dropclass*: a quarter / a half / 12 % of one class, cut off by a plane;
    * *swap*: the border of two classes that touch moved by 4 / 7 / 2 voxels, or the two exchanged in a slab of
      25 / 50 / 12 % of their extent;
    * *shift*: moved as a whole by 2 / 3.3 / 1 voxels;
    * *blob*: an extra ball of radius 2.6 / 4 / 1.8 voxels near the object

    (mild / severe / subtle; our proposal).

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (Z, Y, X)
        Any label map or class indices; 0 is background. Not changed.
    kind, severity : ErrorKind, Severity
        What and how much.
    rng : numpy.random.Generator
        The only source of chance.
    class_values : collection of int, optional
        Touch only these values (all by default).
    spacing_zyx : array-like of 3, optional
        Voxel spacing in any unit. Lengths are then voxels of the finest axis; isotropic by default.

    Returns
    -------
    planted : numpy.ndarray, same shape and dtype
        The wrong label; it differs from ``label`` in at least one voxel.
    record : ErrorRecord
        What was done.

    Raises
    ------
    DataError
        If the label is no 3-D integer array, has none of the classes, or too few for the kind.
    """
    task = _prepare(label, severity, rng, class_values, spacing_zyx)
    for _ in range(20):
        planted, detail = _KINDS[ErrorKind(kind)](task)
        changed = planted != label
        if changed.any():
            return planted, _record(task, ErrorKind(kind), planted, changed, detail)
    raise DataError(
        f"A {severity} error of kind '{kind}' changes nothing in this label: its object is too small or fills "
        "the field of view. Choose another kind or severity."
    )


def _prepare(
    label: IntArray,
    severity: Severity,
    rng: Rng,
    class_values: Collection[int] | None,
    spacing_zyx: ArrayLike | None,
) -> _Task:
    if label.ndim != 3 or label.dtype.kind not in "iu":
        raise DataError(f"Expected a label map (Z, Y, X) of integers, got {label.ndim} axes of {label.dtype}.")
    present = {int(v) for v in np.unique(label)} - {0}
    values = tuple(sorted(present if class_values is None else present & {int(v) for v in class_values}))
    if not values:
        asked = "any class" if class_values is None else f"one of the classes {sorted(class_values)}"
        raise DataError(f"Expected {asked} in the label, found {sorted(present) or 'only background'}.")
    spacing = np.ones(3) if spacing_zyx is None else np.asarray(spacing_zyx, dtype=np.float64)
    if spacing.shape != (3,) or not np.all(spacing > 0):
        raise DataError(f"Expected three positive spacings (z, y, x), got {spacing.tolist()}.")
    return _Task(label, values, np.isin(label, values), spacing.min() / spacing, Severity(severity), rng)


def _record(task: _Task, kind: ErrorKind, planted: IntArray, changed: BoolArray, detail: str) -> ErrorRecord:
    touched = np.union1d(task.label[changed], planted[changed])
    slices = np.flatnonzero(changed.any(axis=(1, 2)))
    scores = []
    for value in np.unique(task.label[task.label != 0]):
        before, after = task.label == value, planted == value
        scores.append(2 * np.count_nonzero(before & after) / (np.count_nonzero(before) + np.count_nonzero(after)))
    return ErrorRecord(
        kind=kind,
        severity=task.severity,
        class_values=tuple(int(v) for v in touched if v != 0),
        changed_voxels=int(np.count_nonzero(changed)),
        slices_z=(int(slices[0]), int(slices[-1])),
        dice=float(np.mean(scores)),
        sentence=f"{kind.words}: {detail}",
    )


def _only_target(task: _Task, moved: IntArray) -> IntArray:
    """Lay the moved target classes over the rest; what they left becomes background, others stay."""
    moved = np.where(np.isin(moved, task.values), moved, 0)
    kept = np.where(task.target, 0, task.label)
    return np.where(kept != 0, kept, moved).astype(task.label.dtype)


def _jitter(task: _Task) -> tuple[IntArray, str]:
    rms = task.amount(1.2, 2.2, 0.6)
    shape = task.label.shape
    coordinates = []
    for axis in range(3):
        position = np.arange(shape[axis], dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        if shape[axis] == 1:
            coordinates.append(np.broadcast_to(position, shape))
            continue
        noise = task.rng.standard_normal(shape, dtype=np.float32)
        smooth = ndimage.gaussian_filter(noise, 3.0 * task.step_zyx, mode="wrap")
        scale = rms * task.step_zyx[axis] / max(float(np.sqrt(np.mean(smooth**2))), 1e-12)
        coordinates.append(position + scale * smooth)
    moved = ndimage.map_coordinates(task.label, coordinates, order=0, mode="nearest")
    return _only_target(task, moved), f"outline displaced by {rms:g} voxels rms"


def _half_space(task: _Task) -> BoolArray:
    """Half of the object's surroundings, on one side of a random plane through its centre."""
    points = np.argwhere(task.target)
    normal = _direction(task)
    grid = np.ogrid[tuple(slice(0, n) for n in task.label.shape)]
    height = sum(n * (g - c) for n, g, c in zip(normal, grid, points.mean(axis=0), strict=True))
    return np.asarray(height >= 0)


def _over(task: _Task) -> tuple[IntArray, str]:
    n = task.amount(1, 2, 1)
    distance, nearest = ndimage.distance_transform_edt(
        ~task.target, sampling=1.0 / task.step_zyx, return_indices=True
    )
    grown = task.free & (distance <= n + 1e-6)
    if task.severity is Severity.SUBTLE:
        grown &= _half_space(task)
    return np.where(grown, task.label[tuple(nearest)], task.label), f"grown by {n:g} voxels"


def _under(task: _Task) -> tuple[IntArray, str]:
    n = task.amount(1, 2, 1)
    distance = ndimage.distance_transform_edt(~task.free, sampling=1.0 / task.step_zyx)
    lost = task.target & (distance <= n + 1e-6)
    if task.severity is Severity.SUBTLE:
        lost &= _half_space(task)
    return np.where(lost, 0, task.label).astype(task.label.dtype), f"shrunk by {n:g} voxels"


def _missing(task: _Task) -> tuple[IntArray, str]:
    n = int(task.amount(2, 5, 1))
    axis = int(task.rng.integers(2)) if task.label.shape[0] > 1 else 1
    used = np.flatnonzero(task.target.any(axis=tuple(a for a in range(3) if a != axis)))
    first, last = int(used[0]), int(used[-1])
    n = min(n, max(1, (last - first + 1) // 2))  # never the whole object
    inside = (first + 1, last - n) if last - first > n else (first, last - n + 1)
    start = int(task.rng.integers(inside[0], inside[1] + 1))
    gone = np.zeros(task.label.shape, dtype=bool)
    gone[(slice(None),) * axis + (slice(start, start + n),)] = True
    planted = np.where(gone & task.target, 0, task.label).astype(task.label.dtype)
    return planted, f"{n} consecutive slices of axis {'zy'[axis]} from {start}"


def _dropclass(task: _Task) -> tuple[IntArray, str]:
    share = task.amount(0.25, 0.5, 0.12)
    value = int(task.rng.choice(task.values))
    points = np.argwhere(task.label == value)
    height = points @ _direction(task)
    lost = points[np.argsort(height, kind="stable")[: max(1, round(share * len(points)))]]
    planted = task.label.copy()
    planted[tuple(lost.T)] = 0
    return planted, f"{share:.0%} of class {value} removed"


def _swap(task: _Task) -> tuple[IntArray, str]:
    if len(task.values) < 2:
        raise DataError(f"Swapping needs two classes in the label, found {list(task.values)}.")
    touching = _touching_pairs(task)
    if touching and task.rng.random() < 0.5:
        a, b = touching[int(task.rng.integers(len(touching)))]
        if task.rng.random() < 0.5:
            a, b = b, a
        n = task.amount(4, 7, 2)
        distance = ndimage.distance_transform_edt(task.label != a, sampling=1.0 / task.step_zyx)
        planted = np.where((task.label == b) & (distance <= n), a, task.label).astype(task.label.dtype)
        return planted, f"border of class {a} moved {n:g} voxels into class {b}"
    pairs = touching or [(a, b) for i, a in enumerate(task.values) for b in task.values[i + 1 :]]
    a, b = pairs[int(task.rng.integers(len(pairs)))]
    share = task.amount(0.25, 0.5, 0.12)
    slab = _slab(task, (task.label == a) | (task.label == b), share)
    planted = task.label.copy()
    planted[slab & (task.label == a)] = b
    planted[slab & (task.label == b)] = a
    return planted, f"classes {a} and {b} exchanged in {share:.0%} of their extent"


def _touching_pairs(task: _Task) -> list[tuple[int, int]]:
    """Pairs of target classes that share at least 6 voxel faces."""
    counts: dict[tuple[int, int], int] = {}
    for axis in range(3):
        low = np.moveaxis(task.label, axis, 0)[:-1]
        high = np.moveaxis(task.label, axis, 0)[1:]
        border = (low != high) & np.isin(low, task.values) & np.isin(high, task.values)
        pairs, number = np.unique(np.sort(np.stack([low[border], high[border]], 1), 1), axis=0, return_counts=True)
        for (a, b), count in zip(pairs, number, strict=True):
            counts[int(a), int(b)] = counts.get((int(a), int(b)), 0) + int(count)
    return sorted(pair for pair, count in counts.items() if count >= 6)


def _slab(task: _Task, region: BoolArray, share: float) -> BoolArray:
    """Consecutive slices, along the longest axis of a region, that hold a share of its extent."""
    points = np.argwhere(region)
    extent = np.ptp(points, axis=0) + 1
    axis = int(np.argmax(extent / task.step_zyx))
    n = max(1, round(share * int(extent[axis])))
    start = int(points[:, axis].min() + task.rng.integers(int(extent[axis]) - n + 1))
    slab = np.zeros(region.shape, dtype=bool)
    slab[(slice(None),) * axis + (slice(start, start + n),)] = True
    return slab


def _direction(task: _Task) -> NDArray[np.float64]:
    """Random unit vector (z, y, x) in the plane of a flat image, else in space; isotropic in millimetres."""
    vector = task.rng.standard_normal(3)
    vector[np.asarray(task.label.shape) == 1] = 0.0
    vector /= max(float(np.linalg.norm(vector)), 1e-12)
    return vector


def _shift(task: _Task) -> tuple[IntArray, str]:
    length = task.amount(2.0, 3.3, 1.0)
    offset = _direction(task) * length * task.step_zyx
    whole = np.round(offset).astype(int)
    if not whole.any():
        whole[int(np.argmax(np.abs(offset)))] = 1 if offset[int(np.argmax(np.abs(offset)))] >= 0 else -1
    moved = ndimage.shift(task.label, whole, order=0, mode="constant", cval=0)
    return _only_target(task, moved), f"moved by {', '.join(map(str, whole))} voxels (z, y, x)"


def _blob(task: _Task) -> tuple[IntArray, str]:
    radius = task.amount(2.6, 4.0, 1.8)
    value = int(task.rng.choice(task.values))
    size = 1.0 / task.step_zyx
    distance = ndimage.distance_transform_edt(~task.target, sampling=size)
    places = np.argwhere(task.free & (distance > radius + 0.5) & (distance <= radius + 4.0))
    if not len(places):
        places = np.argwhere(task.free & (distance <= radius + 4.0))
    if not len(places):
        return task.label.copy(), ""
    centre = places[int(task.rng.integers(len(places)))]
    grid = np.ogrid[tuple(slice(0, n) for n in task.label.shape)]
    square = sum(((g - c) * s) ** 2 for g, c, s in zip(grid, centre, size, strict=True))
    ball = np.asarray(square <= radius**2) & task.free
    planted = np.where(ball, value, task.label).astype(task.label.dtype)
    return planted, f"ball of radius {radius:g} voxels of class {value}"


_KINDS: dict[ErrorKind, Callable[[_Task], tuple[IntArray, str]]] = {
    ErrorKind.JITTER: _jitter,
    ErrorKind.OVER: _over,
    ErrorKind.UNDER: _under,
    ErrorKind.MISSING: _missing,
    ErrorKind.DROPCLASS: _dropclass,
    ErrorKind.SWAP: _swap,
    ErrorKind.SHIFT: _shift,
    ErrorKind.BLOB: _blob,
}
