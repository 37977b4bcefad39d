"""What can be counted on a label alone, without its image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_aleatoric.foundation import Box

from ._blocks import classes_in, nth_true

__all__ = ["ClassFacts", "LabelFacts", "label_facts"]

BoolArray = NDArray[np.bool_]
Triple = tuple[int, int, int]


@dataclass(frozen=True)
class ClassFacts:
    """Counts of one class of one label, on the upright grid.

    Parameters
    ----------
    n_voxels : int
        Labelled voxels.
    n_pieces : int
        Connected pieces (26 neighbours; 8 in a flat image).
    smallest_piece : int
        Voxels of the smallest piece.
    smallest_zyx : tuple of int
        A voxel of it.
    hole_voxels : int
        Background voxels enclosed by the class.
    hole_zyx : tuple of int or None
        One of them.
    faces : tuple of str
        Sides of the volume that the class touches, e.g. "first z".
    jump : float
        Largest change of the area between neighbouring slices, as a part of the largest area, over all axes and
        both ends; 0..1.
    jump_axis, jump_at : int
        Its axis, and the index of the slice behind which it lies.
    gap_axis, gap : int, tuple of int
        First and last empty slice between labelled ones, and its axis; axis −1 if there is none.
    """

    n_voxels: int
    n_pieces: int
    smallest_piece: int
    smallest_zyx: Triple
    hole_voxels: int
    hole_zyx: Triple | None
    faces: tuple[str, ...]
    jump: float
    jump_axis: int
    jump_at: int
    gap_axis: int
    gap: tuple[int, int]


@dataclass(frozen=True)
class LabelFacts:
    """Counts of all classes of one label; absent classes are not in ``classes``.

    Parameters
    ----------
    classes : mapping of int to ClassFacts
        By class index.
    voxel_ml : float
        Volume of a voxel in millilitres; NaN where the spacing is unknown.
    flat : bool
        Whether the grid has one slice.
    """

    classes: Mapping[int, ClassFacts]
    voxel_ml: float = float("nan")
    flat: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values that :meth:`from_json` takes back."""
        known = self.voxel_ml if np.isfinite(self.voxel_ml) else None
        return {
            "voxel_ml": known,
            "flat": self.flat,
            "classes": {str(c): asdict(facts) for c, facts in self.classes.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LabelFacts:
        """Rebuild from :meth:`to_json`."""
        classes = {}
        for c, facts in value["classes"].items():
            hole = facts["hole_zyx"]
            tuples = {
                "smallest_zyx": tuple(facts["smallest_zyx"]),
                "hole_zyx": None if hole is None else tuple(hole),
                "faces": tuple(facts["faces"]),
                "gap": tuple(facts["gap"]),
            }
            classes[int(c)] = ClassFacts(**{**facts, **tuples})
        known = value["voxel_ml"]
        return cls(classes, float("nan") if known is None else float(known), bool(value["flat"]))


def label_facts(label_index: NDArray[Any], voxel_ml: float = float("nan")) -> LabelFacts:
    """Count what the geometry checks need.

    Parameters
    ----------
    label_index : numpy.ndarray of integer, shape (Z, Y, X)
        Class indices, upright.
    voxel_ml : float
        Volume of a voxel in millilitres; NaN where unknown.
    """
    flat = label_index.shape[0] == 1
    classes = {c: _class_facts(label_index, c, flat) for c in classes_in(label_index) if c != 0}
    return LabelFacts(classes, voxel_ml, flat)


def _class_facts(label_index: NDArray[Any], class_index: int, flat: bool) -> ClassFacts:
    whole = label_index == class_index
    box = Box.around(whole)
    if box is None:  # never for a class that np.unique found
        raise AssertionError("a class without voxels")
    cut = label_index[box.slices]
    mask = cut == class_index
    # as uint8 in three dimensions: two-dimensional bool masks get wrong labels in connected-components-3d 4.1
    pieces, n_pieces = cc3d.connected_components(mask.astype(np.uint8), connectivity=26, return_N=True)
    sizes = np.zeros(n_pieces + 1, dtype=np.int64)
    for plane in pieces:
        sizes[: int(plane.max()) + 1] += np.bincount(plane.ravel())
    sizes = sizes[1:]
    smallest = int(sizes.argmin()) + 1
    holes = _holes(mask, cut, flat)
    jump, jump_axis, jump_at = _largest_jump(mask, box)
    gap_axis, gap = _longest_gap(mask, box)
    return ClassFacts(
        n_voxels=int(mask.sum()),
        n_pieces=int(n_pieces),
        smallest_piece=int(sizes.min()),
        smallest_zyx=_a_voxel(pieces == smallest, box),
        hole_voxels=int(holes.sum()),
        hole_zyx=_a_voxel(holes, box) if holes.any() else None,
        faces=_faces(box, label_index.shape),
        jump=jump,
        jump_axis=jump_axis,
        jump_at=jump_at,
        gap_axis=gap_axis,
        gap=gap,
    )


def _a_voxel(mask: BoolArray, box: Box) -> Triple:
    """Return the middle one of the voxels of a mask, on the whole grid."""
    middle = nth_true(mask, np.array([np.count_nonzero(mask) // 2]))
    z, y, x = (int(i[0]) + s for i, s in zip(np.unravel_index(middle, mask.shape), box.start_zyx, strict=True))
    return (z, y, x)


def _holes(mask: BoolArray, cut: NDArray[Any], flat: bool) -> BoolArray:
    filled = ndimage.binary_fill_holes(mask[0])[np.newaxis] if flat else ndimage.binary_fill_holes(mask)
    return np.asarray(filled & (cut == 0))


def _faces(box: Box, shape: tuple[int, ...]) -> tuple[str, ...]:
    found = []
    for axis, name in enumerate("zyx"):
        if shape[axis] == 1:
            continue
        if box.start_zyx[axis] == 0:
            found.append(f"first {name}")
        if box.stop_zyx[axis] == shape[axis]:
            found.append(f"last {name}")
    return tuple(found)


def _areas(mask: BoolArray, axis: int) -> NDArray[np.int64]:
    return np.asarray(mask.sum(axis=tuple(a for a in range(3) if a != axis), dtype=np.int64))


def _largest_jump(mask: BoolArray, box: Box) -> tuple[float, int, int]:
    best = (0.0, 0, 0)
    for axis in range(3):
        areas = _areas(mask, axis)
        if areas.size < 3:  # too thin to have a shape along this axis
            continue
        change = np.abs(np.diff(np.concatenate(([0], areas, [0])))) / areas.max()
        at = int(change.argmax())
        if change[at] > best[0]:
            best = (float(change[at]), axis, box.start_zyx[axis] + max(at - 1, 0))
    return best


def _longest_gap(mask: BoolArray, box: Box) -> tuple[int, tuple[int, int]]:
    best = (-1, (0, 0), 0)
    for axis in range(3):
        filled = np.flatnonzero(_areas(mask, axis))
        empty = np.diff(filled) - 1
        if empty.size and empty.max() > best[2]:
            at = int(empty.argmax())
            start = box.start_zyx[axis]
            best = (axis, (start + int(filled[at]) + 1, start + int(filled[at + 1]) - 1), int(empty.max()))
    return best[0], best[1]
