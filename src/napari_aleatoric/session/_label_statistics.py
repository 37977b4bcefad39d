"""How large every class of a label is, of how many pieces, how bright, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import ClassTable, Volume

__all__ = ["ClassStatistics", "label_statistics"]


@dataclass(frozen=True)
class ClassStatistics:
    """Figures of one class in one label.

    Parameters
    ----------
    label_value : int
        Which class.
    n_voxels : int
        0 where the label does not have it; all else is then 0, empty or not a number.
    volume_ml : float or None
        None where the spacing is not known.
    n_pieces : int
        Connected components; voxels that touch at a corner are connected (26 neighbours), as in the checks.
    mean, sd : float
        Of the image inside; the standard deviation is that of a sample (n − 1). Not numbers for colours.
    slices : tuple of int
        First and last slice along z, of the upright frame, counted from 0.
    """

    label_value: int
    n_voxels: int = 0
    volume_ml: float | None = None
    n_pieces: int = 0
    mean: float = float("nan")
    sd: float = float("nan")
    slices: tuple[int, int] | None = None


def label_statistics(label: NDArray[Any], image: Volume, classes: ClassTable) -> tuple[ClassStatistics, ...]:
    """Measure every class of a label. Reads all of it: not in the window's thread.

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (Z, Y, X)
        Upright.
    image : Volume
        On the same grid.
    classes : ClassTable
        Which values are classes.

    Returns
    -------
    tuple of ClassStatistics
        One per class, in the order of the table.
    """
    from scipy import ndimage

    top = max((c.label_value for c in classes), default=0)
    boxes = _boxes(label, top, ndimage)
    return tuple(_of_class(label, image, c.label_value, boxes.get(c.label_value)) for c in classes)


def _boxes(label: NDArray[Any], top: int, ndimage: Any) -> dict[int, tuple[slice, ...]]:
    """Where the values lie; in one walk through the label where they are small."""
    if label.dtype.kind == "u" and label.dtype.itemsize <= 2:
        found = ndimage.find_objects(label, max_label=max(top, 1))
        return {value: box for value, box in enumerate(found, start=1) if box is not None}
    boxes = {}
    for value in (int(v) for v in np.unique(label) if v != 0):
        boxes[value] = ndimage.find_objects((label == value).astype(np.uint8))[0]
    return boxes


def _of_class(label: NDArray[Any], image: Volume, value: int, box: tuple[slice, ...] | None) -> ClassStatistics:
    import cc3d

    geometry = image.geometry
    if box is None:
        return ClassStatistics(value, volume_ml=0.0 if geometry.spacing_known else None)
    mask = label[box] == value
    n = int(np.count_nonzero(mask))
    pieces = int(cc3d.connected_components(mask, connectivity=26, return_N=True)[1])
    mean = sd = float("nan")
    if not image.is_rgb:
        values = image.data[box][mask].astype(np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            mean, sd = float(values.mean()), float(values.std(ddof=1)) if values.size > 1 else 0.0
    volume = n * geometry.voxel_volume_ml if geometry.spacing_known else None
    return ClassStatistics(value, n, volume, pieces, mean, sd, (box[0].start, box[0].stop - 1))
