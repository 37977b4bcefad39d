"""Background that a class encloses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import Reporter

from ._edit import KEEP_OTHERS, Edit, Keep, class_edit, no_edit
from ._scope import SILENT, Scope, class_box, per_slice

__all__ = ["fill_holes"]


def fill_holes(
    label: NDArray[Any], value: int, scope: Scope, keep: Keep = KEEP_OTHERS, reporter: Reporter = SILENT
) -> Edit:
    """Fill what a class encloses wholly.

    A hole is what no way through faces of voxels leads out of to the border of the slice or volume. With
    ``keep.others`` only background in it is filled: a tumour inside a liver stays a tumour.

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (Z, Y, X)
        Upright; not changed.
    value : int
        Label value of the class.
    scope : Scope
        A ring in a slice is a hole there, and none of the volume.
    keep : Keep
        What must stay.
    reporter : Reporter
        Told slice by slice where the scope is flat.
    """
    from scipy import ndimage

    box = class_box(label, value, scope, (0, 0, 0))
    if box is None:
        return no_edit(label)
    mask = label[box.slices] == value

    def filled(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = ndimage.binary_fill_holes(part)
        return result

    return class_edit(label, box, per_slice(mask, scope, filled, reporter, "looking for holes"), value, keep)
