"""A class made larger or smaller by a distance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import Reporter

from ._edit import KEEP_OTHERS, Edit, Keep, class_edit, no_edit
from ._scope import SILENT, Scope, Spacing, class_box, distances, per_slice

__all__ = ["grow", "shrink"]

_ROUNDING = 1e-6  # a voxel exactly at the distance belongs to it


def grow(
    label: NDArray[Any],
    value: int,
    scope: Scope,
    distance: float,
    spacing_zyx_mm: Spacing | None = None,
    keep: Keep = KEEP_OTHERS,
    reporter: Reporter = SILENT,
) -> Edit:
    """Add to a class all voxels that lie within a distance of it.

    The distance is the Euclidean one between centres of voxels (exact, scipy's distance transform), so that a
    margin is as wide in mm in all directions, however thick the slices are.

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (Z, Y, X)
        Upright; not changed.
    value : int
        Label value of the class.
    scope : Scope
        Within slices, or in the volume.
    distance : float
        In mm; in voxels where ``spacing_zyx_mm`` is None.
    spacing_zyx_mm : tuple of float or None
        None where it is not known.
    keep : Keep
        What must stay.
    reporter : Reporter
        Told slice by slice where the scope is flat.
    """
    from scipy import ndimage

    def larger(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
        away = ndimage.distance_transform_edt(~part, sampling=distances(part.ndim, scope, spacing_zyx_mm))
        near: NDArray[np.bool_] = away <= distance * (1 + _ROUNDING)
        return near

    return _with_margin(label, value, scope, distance, spacing_zyx_mm, larger, keep, reporter)


def shrink(
    label: NDArray[Any],
    value: int,
    scope: Scope,
    distance: float,
    spacing_zyx_mm: Spacing | None = None,
    keep: Keep = KEEP_OTHERS,
    reporter: Reporter = SILENT,
) -> Edit:
    """Take from a class all voxels that lie within a distance of what is not the class.

    The border of the image is no border of the class: what is cut by it stays there.

    Parameters
    ----------
    label, value, scope, distance, spacing_zyx_mm, keep, reporter
        As in `grow`.
    """
    from scipy import ndimage

    def smaller(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if part.all():
            return part
        depth = ndimage.distance_transform_edt(part, sampling=distances(part.ndim, scope, spacing_zyx_mm))
        deep: NDArray[np.bool_] = depth > distance * (1 + _ROUNDING)
        return deep

    return _with_margin(label, value, scope, distance, spacing_zyx_mm, smaller, keep, reporter)


def _with_margin(
    label: NDArray[Any],
    value: int,
    scope: Scope,
    distance: float,
    spacing_zyx_mm: Spacing | None,
    work: Any,
    keep: Keep,
    reporter: Reporter,
) -> Edit:
    steps = [int(np.ceil(distance / s)) + 1 for s in spacing_zyx_mm or (1.0, 1.0, 1.0)]
    if scope.is_flat:
        steps[scope.axis] = 0
    box = class_box(label, value, scope, (steps[0], steps[1], steps[2]))
    if box is None:
        return no_edit(label)
    wanted = per_slice(label[box.slices] == value, scope, work, reporter, "measuring distances")
    return class_edit(label, box, wanted, value, keep)
