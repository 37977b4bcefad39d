"""Slices between painted slices, by their shapes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Reporter

from ._edit import KEEP_OTHERS, Edit, Keep, class_edit
from ._scope import SILENT, Scope, Spacing, class_box, distances

__all__ = ["interpolate_slices"]


def interpolate_slices(
    label: NDArray[Any],
    value: int,
    scope: Scope,
    spacing_zyx_mm: Spacing | None = None,
    keep: Keep = KEEP_OTHERS,
    reporter: Reporter = SILENT,
) -> Edit:
    """Draw a class into the empty slices between slices that have it.

    Shape-based interpolation: the signed distance to the outline, positive inside, is interpolated linearly between
    the two painted slices, and the class is where it is positive (S. P. Raya, J. K. Udupa, "Shape-based
    interpolation of multidimensional objects", IEEE Trans. Med. Imaging 9, 1990; G. T. Herman, J. Zheng,
    C. A. Bucholtz, "Shape-based interpolation", IEEE Comput. Graph. Appl. 12, 1992). Distances are the exact
    Euclidean ones in mm within the slice. Where the two shapes have no pixel in common they are laid onto each
    other's centre first, and the result is moved along the line between the centres (our proposal): a slanted
    vessel does not vanish half-way.

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (Z, Y, X)
        Upright; not changed.
    value : int
        Label value of the class.
    scope : Scope
        Its axis says which slices; with an index that slice alone is drawn.
    spacing_zyx_mm : tuple of float or None
        None where it is not known; pixels then count as square.
    keep : Keep
        What must stay.
    reporter : Reporter
        Told gap by gap.

    Raises
    ------
    DataError
        If there is no empty slice between two that have the class.
    """
    axis = scope.axis
    scope.box(label.shape)  # is there such a slice?
    box = class_box(label, value, Scope(axis), (0, 0, 0))
    mask = np.zeros((0, 0, 0), bool) if box is None else np.moveaxis(label[box.slices] == value, axis, 0)
    first = 0 if box is None else box.start_zyx[axis]
    painted = np.flatnonzero(mask.any(axis=(1, 2)))
    one = None if scope.index is None else scope.index - first
    gaps = [(a, b) for a, b in pairwise(painted.tolist()) if b - a > 1 and (one is None or a < one < b)]
    if box is None or not gaps:
        here = " at this slice" if scope.index is not None else ""
        raise DataError(
            f"Expected an empty slice between two slices that have the class, and there is none{here}. Paint the "
            "class on some slices, leaving others out."
        )
    wanted = mask.copy()
    sampling = distances(2, scope, spacing_zyx_mm)
    for done, (a, b) in enumerate(gaps):
        reporter.step(done, len(gaps), "drawing between slices")
        for k, shape in _between(mask, a, b, sampling):
            if one is None or k == one:
                wanted[k] = shape
    return class_edit(label, box, np.moveaxis(wanted, 0, axis), value, keep)


def _between(
    mask: NDArray[np.bool_], a: int, b: int, sampling: tuple[float, ...]
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Give the shapes of the slices between two slices."""
    shift = np.zeros(2, int)
    if not (mask[a] & mask[b]).any():
        shift = np.rint(_centre(mask[b]) - _centre(mask[a])).astype(int)
    room = [(abs(int(s)) + 1,) * 2 for s in shift]
    start = _signed_distance(np.pad(mask[a], room), sampling)
    end = _signed_distance(np.roll(np.pad(mask[b], room), tuple(-shift), (0, 1)), sampling)
    inner = tuple(slice(r[0], -r[0]) for r in room)
    for k in range(a + 1, b):
        share = (k - a) / (b - a)
        shape = (1 - share) * start + share * end > 0
        moved = np.roll(shape, tuple(np.rint(share * shift).astype(int)), (0, 1))
        yield k, moved[inner]


def _signed_distance(mask: NDArray[np.bool_], sampling: tuple[float, ...]) -> NDArray[np.float64]:
    from scipy import ndimage

    inside = ndimage.distance_transform_edt(mask, sampling=sampling)
    outside = ndimage.distance_transform_edt(~mask, sampling=sampling)
    result: NDArray[np.float64] = inside - outside
    return result


def _centre(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    centre: NDArray[np.float64] = np.argwhere(mask).mean(axis=0)
    return centre
