"""What was measured, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_aleatoric.model import MeasureKind, Measurement, area_of, length_of

from ._item import ItemData
from ._pixels_inside import pixels_inside

__all__ = ["MeasuredRow", "measured_row", "size_in_words"]

_PLANES = ("axial", "coronal", "sagittal")


@dataclass(frozen=True)
class MeasuredRow:
    """One measurement as a line of a table.

    Parameters
    ----------
    measurement : Measurement
        Places in the upright frame.
    number : int
        From 1, in the order in which they were made.
    size : str
        "12.3 mm", "4.5 voxels", "123 mm²", "88 pixels".
    place : str
        "axial 34": the plane, and the number of the slice from 0 as napari's slider has it.
    mean, sd, low, high : float
        Of the image inside; not numbers for a distance, for colours, and where nothing is inside.
    unit : str
        "HU" or "".
    n_pixels : int
        How many centres of pixels are inside.
    """

    measurement: Measurement
    number: int
    size: str
    place: str
    mean: float = float("nan")
    sd: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    unit: str = ""
    n_pixels: int = 0

    @property
    def inside(self) -> str:
        """Intensities in a few words: "mean 43.1 SD 12.0 HU"; "" where there are none."""
        if not self.n_pixels or np.isnan(self.mean):
            return ""
        return f"mean {_number(self.mean)} SD {_number(self.sd)} {self.unit}".rstrip()

    @property
    def words(self) -> str:
        """For the canvas."""
        return f"{self.size}\n{self.inside}" if self.inside else self.size


def size_in_words(item: ItemData, kind: MeasureKind, vertices_zyx: ArrayLike) -> str:
    """Say a length or an area; millimetres only where the spacing is known."""
    geometry = item.image.geometry
    if kind == "distance":
        return f"{length_of(geometry, vertices_zyx):.1f} {'mm' if geometry.spacing_known else 'voxels'}"
    area = area_of(geometry, vertices_zyx, kind)
    return f"{_number(area)} {'mm²' if geometry.spacing_known else 'pixels'}"


def measured_row(item: ItemData, measurement: Measurement, number: int) -> MeasuredRow:
    """Measure, on the image of an item; the standard deviation is that of a sample (n − 1)."""
    kind, vertices = measurement.kind, measurement.vertices_zyx
    size = size_in_words(item, kind, vertices)
    plane = _PLANES[measurement.axis] if item.image.geometry.spacing_known else "zyx"[measurement.axis]
    place = f"{plane} {measurement.slice_index}"
    if kind == "distance" or item.image.is_rgb:
        return MeasuredRow(measurement, number, size, place)
    where = pixels_inside(item.image.geometry.shape_zyx, vertices, measurement.axis, kind)
    values = np.asarray(item.image.data[where], dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return MeasuredRow(measurement, number, size, place)
    is_hu = item.intensities is not None and item.intensities.is_hu
    return MeasuredRow(
        measurement,
        number,
        size,
        place,
        mean=float(values.mean()),
        sd=_sd(values),
        low=float(values.min()),
        high=float(values.max()),
        unit="HU" if is_hu else "",
        n_pixels=len(where[0]),
    )


def _sd(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if values.size > 1 else 0.0


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.3g}"
