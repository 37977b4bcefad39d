"""A volume as slices that a person would look at, and the way back to the volume's own grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_aleatoric.foundation import intensity_range, slice_axis, to_uint8
from napari_aleatoric.model import Geometry, LabelMap, Reorientation, Volume

from ._query import Side
from ._spec import Plane

__all__ = ["SliceStack"]

_AXES: dict[str, int] = {"axial": 0, "coronal": 1, "sagittal": 2}
_SAMPLES = 200_000
_BODY = 25  # of 255


@dataclass(frozen=True, eq=False)
class SliceStack:
    """Slices of a volume in the upright frame, in radiological display.

    Axial slices have the patient's front up and the patient's left at the right; coronal slices have the head up
    and the patient's left at the right; sagittal slices have the head up and the front at the left.

    Parameters
    ----------
    volume : Volume
        The image in the upright frame.
    axis : int
        Array axis that the slices follow each other on.
    limits : tuple of float
        Intensities that become 0 and 255.
    turn : Reorientation
        From the stored order to the upright frame.
    stored : Geometry
        The grid as it was stored.
    """

    volume: Volume
    axis: int
    limits: tuple[float, float]
    turn: Reorientation
    stored: Geometry

    @classmethod
    def of(cls, volume: Volume, plane: Plane = "acquired", window: tuple[float, float] | None = None) -> SliceStack:
        """Cut a volume into slices.

        Parameters
        ----------
        volume : Volume
            In the stored order, any orientation, oblique as it may be: the nearest axes are taken.
        plane : {"acquired", "axial", "coronal", "sagittal"}
            Which slices; "acquired" are those of the coarsest spacing.
        window : tuple of float, optional
            Intensities that become black and white; by default the 0.5 and 99.5 percentiles.
        """
        upright = volume.upright()
        kept = upright is volume  # a photograph stays as it is
        turn = Reorientation() if kept else volume.geometry.upright_reorientation()
        axis = slice_axis(upright.geometry) if plane == "acquired" else _AXES[plane]
        return cls(upright, axis, window or intensity_range(volume.data), turn, volume.geometry)

    def __len__(self) -> int:
        return int(self.volume.data.shape[self.axis])

    @property
    def shape_yx(self) -> tuple[int, int]:
        """Rows and columns of a slice."""
        first, second = (n for axis, n in enumerate(self.volume.geometry.shape_zyx) if axis != self.axis)
        return (first, second)

    @property
    def spacing_mm(self) -> float:
        """Distance between neighbouring slices, mm."""
        return self.volume.geometry.spacing_zyx_mm[self.axis]

    @property
    def _head_up(self) -> bool:
        return self.axis != 0

    def image(self, number: int) -> NDArray[np.uint8]:
        """Return one slice as it is shown, (Y, X) or (Y, X, 3) of uint8."""
        plane = to_uint8(np.take(self.volume.data, number, axis=self.axis), self.limits)
        return np.ascontiguousarray(plane[::-1] if self._head_up else plane)

    def put(self, plane: NDArray[Any], number: int, into: NDArray[Any]) -> None:
        """Write what lies on one slice, (Y, X), to its voxels of an array in the upright frame, (Z, Y, X)."""
        np.moveaxis(into, self.axis, 0)[number] = plane[::-1] if self._head_up else plane

    def take(self, number: int, values: NDArray[Any]) -> NDArray[Any]:
        """Cut one slice (Y, X) out of an array in the upright frame, (Z, Y, X), as it is shown."""
        plane = np.take(values, number, axis=self.axis)
        return np.ascontiguousarray(plane[::-1] if self._head_up else plane)

    def empty(self) -> NDArray[np.uint8]:
        """Return an array of zeros in the upright frame, (Z, Y, X)."""
        return np.zeros(self.volume.geometry.shape_zyx, dtype=np.uint8)

    def label_map(self, upright: NDArray[np.integer]) -> LabelMap:
        """Bring labels of the upright frame (Z, Y, X) back to exactly the stored grid."""
        return LabelMap(np.ascontiguousarray(self.turn.inverse().apply(upright)), self.stored)

    def index_zyx(self, number: int, xy: ArrayLike) -> NDArray[np.float64]:
        """Take positions (..., 2) on a slice, (x, y) in pixels, to indices (z, y, x) of the upright frame."""
        points = np.asarray(xy, dtype=np.float64)
        rows = self.shape_yx[0] - 1 - points[..., 1] if self._head_up else points[..., 1]
        columns = [rows, points[..., 0]]
        columns.insert(self.axis, np.full_like(rows, float(number)))
        return np.stack(columns, axis=-1)

    # -- left and right ---------------------------------------------------------------------------------

    def middle_lps_x(self) -> float:
        """Return where the middle of the imaged body is from the patient's right to left, LPS x in millimetres.

        Half way between the 2nd and the 98th percentile of what is brighter than a tenth of the window; our
        proposal.
        """
        grey = self.volume.data.mean(axis=-1) if self.volume.is_rgb else self.volume.data
        step = max(1, round((grey.size / _SAMPLES) ** (1 / 3)))
        index = np.argwhere(to_uint8(grey[::step, ::step, ::step], self.limits) > _BODY) * step
        if not len(index):
            index = (np.asarray(self.volume.geometry.shape_zyx)[np.newaxis] - 1) / 2
        low, high = np.percentile(self.volume.geometry.lps_from_index(index)[:, 0], (2, 98))
        return float(low + high) / 2

    def lps_x(self, number: int) -> NDArray[np.float64]:
        """Return where the pixels of a slice are from the patient's right to left, LPS x in millimetres, (Y, X)."""
        corners = self.index_zyx(number, [(0, 0), (1, 0), (0, 1)])
        corner, right, below = self.volume.geometry.lps_from_index(corners)[:, 0]
        y, x = np.ogrid[: self.shape_yx[0], : self.shape_yx[1]]
        return np.asarray(corner + x * (right - corner) + y * (below - corner))

    def on_side(self, number: int, side: Side, middle_lps_x: float) -> NDArray[np.bool_]:
        """Return which pixels of a slice lie on one side of the patient, (Y, X); by position in millimetres."""
        lps_x = self.lps_x(number)
        return np.asarray(lps_x > middle_lps_x if side == "left" else lps_x < middle_lps_x)

    @property
    def knows_sides(self) -> bool:
        """Whether left and right mean the patient's: not in photographs."""
        return self.volume.geometry.spacing_known or not self.volume.geometry.is_flat

    def with_limits(self, limits: tuple[float, float]) -> SliceStack:
        """Return the same slices in another window."""
        return replace(self, limits=limits)
