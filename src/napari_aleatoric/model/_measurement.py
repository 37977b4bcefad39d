"""Lengths and areas that a person draws on a slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_aleatoric.errors import DataError

from ._geometry import Geometry

__all__ = ["MEASURE_KINDS", "MeasureKind", "Measurement", "area_of", "length_of"]

MeasureKind = Literal["distance", "ellipse", "rectangle", "polygon"]
MEASURE_KINDS: tuple[MeasureKind, ...] = get_args(MeasureKind)
_FEWEST = {"distance": 2, "ellipse": 4, "rectangle": 4, "polygon": 3}
_MOST = {"distance": 2, "ellipse": 4, "rectangle": 4, "polygon": 100_000}


@dataclass(frozen=True)
class Measurement:
    """Something that was measured on one slice.

    Parameters
    ----------
    measurement_id : str
        Unique in its case.
    kind : str
        "distance", "ellipse", "rectangle" or "polygon".
    vertices_zyx : tuple of tuple of float
        Indices (z, y, x) with fractions: the two ends of a distance, the corners of a polygon in turn, of a
        rectangle, or of the rectangle that an ellipse touches from inside.
    axis : int
        The array axis (0 = z, 1 = y, 2 = x) that the slice is taken along.
    created : str
        When, as ISO 8601 in UTC.

    Raises
    ------
    DataError
        If the kind is not known, or the number of vertices is not that of the kind.
    """

    measurement_id: str
    kind: MeasureKind
    vertices_zyx: tuple[tuple[float, float, float], ...]
    axis: int
    created: str = ""

    def __post_init__(self) -> None:
        if self.kind not in MEASURE_KINDS:
            raise DataError(f"Expected a measurement of kind {', '.join(MEASURE_KINDS)}, got '{self.kind}'.")
        points = np.asarray(self.vertices_zyx, dtype=np.float64)
        n = len(points)
        if points.ndim != 2 or points.shape[1] != 3 or not _FEWEST[self.kind] <= n <= _MOST[self.kind]:
            raise DataError(f"Expected {_FEWEST[self.kind]} or more places (z, y, x) of a {self.kind}, got {n}.")
        if not np.isfinite(points).all() or self.axis not in (0, 1, 2):
            raise DataError("Expected finite places, and a slice along axis 0, 1 or 2.")
        object.__setattr__(self, "vertices_zyx", tuple((float(z), float(y), float(x)) for z, y, x in points))

    @property
    def slice_index(self) -> int:
        """Number of the slice along ``axis``."""
        return int(np.floor(self.vertices_zyx[0][self.axis] + 0.5))

    def to_json(self) -> dict[str, Any]:
        """Plain values that :meth:`from_json` takes back."""
        return {
            "measurement_id": self.measurement_id,
            "kind": self.kind,
            "vertices_zyx": [list(vertex) for vertex in self.vertices_zyx],
            "axis": self.axis,
            "created": self.created,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Measurement:
        """Rebuild from :meth:`to_json`."""
        return cls(**{**value, "vertices_zyx": tuple(tuple(vertex) for vertex in value["vertices_zyx"])})


def length_of(geometry: Geometry, vertices_zyx: ArrayLike) -> float:
    """Return the distance of two places.

    Parameters
    ----------
    geometry : Geometry
        The grid that the indices are of.
    vertices_zyx : array-like, shape (2, 3)
        Indices with fractions.

    Returns
    -------
    float
        Millimetres in the patient; voxels where the spacing is not known.
    """
    a, b = _places(geometry, vertices_zyx)
    return float(np.linalg.norm(b - a))


def area_of(geometry: Geometry, vertices_zyx: ArrayLike, kind: MeasureKind) -> float:
    """Return the area that a flat outline encloses.

    The outline's vector area, half the sum of the cross products of neighbouring corners (Stokes), whose length
    does not depend on how the plane lies in the patient; of an ellipse, π/4 of the rectangle round it. Where an
    outline crosses itself, parts that run the other way round are subtracted.

    Returns
    -------
    float
        Square millimetres; pixels where the spacing is not known.
    """
    places = _places(geometry, vertices_zyx)
    spokes = places - places[0]
    vector = np.cross(spokes, np.roll(spokes, -1, axis=0)).sum(axis=0) / 2
    return float(np.linalg.norm(vector)) * (np.pi / 4 if kind == "ellipse" else 1.0)


def _places(geometry: Geometry, vertices_zyx: ArrayLike) -> NDArray[np.float64]:
    index = np.asarray(vertices_zyx, dtype=np.float64)
    return geometry.lps_from_index(index) if geometry.spacing_known else index
