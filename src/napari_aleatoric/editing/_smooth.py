"""A smoother border at the same volume."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import Reporter

from ._edit import KEEP_OTHERS, Edit, Keep, class_edit, no_edit
from ._scope import SILENT, Scope, Spacing, class_box

__all__ = ["smooth"]

_REACH = 4.0  # standard deviations that count


def smooth(
    label: NDArray[Any],
    value: int,
    scope: Scope,
    sigma: float,
    spacing_zyx_mm: Spacing | None = None,
    keep: Keep = KEEP_OTHERS,
    reporter: Reporter = SILENT,
) -> Edit:
    """Smooth the border of a class and keep its volume.

    The mask is blurred by a Gaussian, and of the voxels that the class may have, as many as it had before are
    taken, those with the highest values first (our proposal; a fixed threshold of 0.5 would shrink whatever is
    bent). In slices every slice keeps its area. What is thinner than about ``2 sigma`` melts away, and what it had
    goes to the thicker parts. Beyond the border of the image it is taken to go on as it is.

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (Z, Y, X)
        Upright; not changed.
    value : int
        Label value of the class.
    scope : Scope
        Smoothed in slices, or in the volume.
    sigma : float
        Standard deviation in mm; in voxels where ``spacing_zyx_mm`` is None.
    spacing_zyx_mm : tuple of float or None
        None where it is not known.
    keep : Keep
        What must stay.
    reporter : Reporter
        Told slice by slice where the scope is flat.
    """
    from scipy import ndimage

    spacing = spacing_zyx_mm or (1.0, 1.0, 1.0)
    sigmas = [sigma / s for s in spacing]
    if scope.is_flat:
        sigmas[scope.axis] = 0.0
    z, y, x = (int(np.ceil(_REACH * s)) + 1 if s else 0 for s in sigmas)
    box = class_box(label, value, scope, (z, y, x))
    if box is None:
        return no_edit(label)
    part = label[box.slices]
    mask = part == value
    reporter.step(0, 1, "smoothing")
    blurred = ndimage.gaussian_filter(mask.astype(np.float32), sigmas, mode="nearest", truncate=_REACH)
    may_have = keep.free(part, value)
    if not scope.is_flat:
        reporter.step(0.7, 1, "choosing the border")
        return class_edit(label, box, _highest(blurred, mask, may_have), value, keep)
    wanted = np.zeros_like(mask)
    axis, n = scope.axis, mask.shape[scope.axis]
    cut = [np.moveaxis(each, axis, 0) for each in (blurred, mask, may_have, wanted)]
    for k in range(n):
        reporter.step(k, n, "choosing the border")
        if cut[1][k].any():
            cut[3][k] = _highest(cut[0][k], cut[1][k], cut[2][k])
    return class_edit(label, box, wanted, value, keep)


def _highest(blurred: NDArray[Any], mask: NDArray[np.bool_], may_have: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return as many voxels as the mask has, with the highest values; at the last value its own come first."""
    n = int(mask.sum())
    offered = np.flatnonzero(may_have)
    values = blurred.ravel()[offered]
    if n >= len(offered):
        return may_have
    last = np.partition(values, len(values) - n)[len(values) - n]
    chosen = np.zeros(mask.size, dtype=bool)
    chosen[offered[values > last]] = True
    at_last = offered[values == last]
    mine_first = at_last[np.argsort(~mask.ravel()[at_last], kind="stable")]
    chosen[mine_first[: n - int(chosen.sum())]] = True
    return chosen.reshape(mask.shape)
