"""What can be said about the labelled structures of one slice: which, on which side, how large, how they look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import ClassTable

__all__ = ["Brightness", "Extent", "Place", "SliceFact", "facts_of"]

Place = Literal["left", "right", "middle"]
Extent = Literal["small", "medium", "large"]
Brightness = Literal["bright", "dark", "similar"]

_SMALL, _LARGE = 0.01, 0.08  # parts of the body's cross-section
_CONTRAST = 12.0  # of 255, between the inside and the rim outside
_UNEVEN = 22.0  # of 255: standard deviation inside
_RIM = 3  # pixels
_MIDDLE = 0.12  # of the body's width, either side of its middle
_BODY = 25  # of 255


@dataclass(frozen=True)
class SliceFact:
    """What is true of one labelled structure in one slice.

    Parameters
    ----------
    class_index : int
        Row of the class table.
    name : str
        The class's name, without underscores.
    share : float
        Part of the body's cross-section that it fills.
    place : {"left", "right", "middle"}
        Side of the patient that its middle lies on; "" where sides are not known.
    extent : {"small", "medium", "large"}
        Below 1 %, up to 8 %, or above, of the body's cross-section.
    brightness : {"bright", "dark", "similar"}
        Against a rim of three pixels round it.
    even : bool
        Whether its intensities differ little.
    """

    class_index: int
    name: str
    share: float
    place: Place | Literal[""]
    extent: Extent
    brightness: Brightness
    even: bool


def facts_of(
    image: NDArray[np.uint8],
    label_index: NDArray[np.integer[Any]],
    classes: ClassTable,
    *,
    lps_x: NDArray[np.floating[Any]] | None = None,
    middle_lps_x: float = 0.0,
    width_mm: float | None = None,
    least_pixels: int = 12,
) -> tuple[SliceFact, ...]:
    """Say what is true of every labelled structure of a slice.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (Y, X)
        The slice.
    label_index : numpy.ndarray of integer, shape (Y, X)
        Class indices.
    classes : ClassTable
        Their names.
    lps_x : numpy.ndarray, shape (Y, X), optional
        Position of every pixel from the patient's right to left, mm; None where sides are not known.
    middle_lps_x : float
        Middle of the body on that axis.
    width_mm : float, optional
        Of the body, where the slice shows a part of it; by default what the slice shows.
    least_pixels : int
        Smaller structures are not spoken of.

    Returns
    -------
    tuple of SliceFact
        In the order of the class indices.
    """
    from scipy import ndimage

    body = image > _BODY
    n_body = max(int(np.count_nonzero(body)), 1)
    width = width_mm or (0.0 if lps_x is None or not body.any() else float(np.ptp(lps_x[body])))
    found = []
    for info in classes:
        mask = label_index == info.class_index
        n = int(np.count_nonzero(mask))
        if n < least_pixels:
            continue
        rim = ndimage.binary_dilation(mask, iterations=_RIM) & (label_index != info.class_index)
        inside = image[mask].astype(np.float64)
        contrast = float(inside.mean() - image[rim].mean()) if rim.any() else 0.0
        place: Place | Literal[""] = ""
        if lps_x is not None:
            offset = float(np.median(lps_x[mask])) - middle_lps_x
            place = "middle" if abs(offset) < _MIDDLE * width else "left" if offset > 0 else "right"
        share = n / n_body
        found.append(
            SliceFact(
                info.class_index,
                info.class_name.replace("_", " "),
                share,
                place,
                "small" if share < _SMALL else "large" if share > _LARGE else "medium",
                "bright" if contrast > _CONTRAST else "dark" if contrast < -_CONTRAST else "similar",
                float(inside.std()) <= _UNEVEN,
            )
        )
    return tuple(found)
