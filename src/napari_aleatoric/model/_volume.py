"""Images and label maps with their place in the patient."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

from ._geometry import Geometry

__all__ = ["LabelMap", "Volume"]


def _content_hash(data: NDArray[Any], geometry: Geometry) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(str((data.dtype.str, data.shape, geometry)).encode())
    digest.update(np.ascontiguousarray(data).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Volume:
    """An image.

    Parameters
    ----------
    data : numpy.ndarray, shape (Z, Y, X) or (Z, Y, X, C)
        Intensities; C is 3 for RGB. Shared, not copied: treat as read-only.
    geometry : Geometry
        The grid; its shape must be that of ``data``.
    modality : str
        "CT", "MR", "PET", "RGB", ... or "" where unknown.
    """

    data: NDArray[Any]
    geometry: Geometry
    modality: str = ""

    def __post_init__(self) -> None:
        if self.data.ndim not in (3, 4) or self.data.shape[:3] != self.geometry.shape_zyx:
            raise DataError(
                f"Expected an image of shape {self.geometry.shape_zyx} (Z, Y, X), with channels last if any; "
                f"got {self.data.shape}."
            )

    @property
    def is_rgb(self) -> bool:
        """Whether the last axis holds colours."""
        return self.data.ndim == 4

    @property
    def content_hash(self) -> str:
        """32 hexadecimal digits that change with any voxel, the type or the grid."""
        return _content_hash(self.data, self.geometry)

    def upright(self) -> Volume:
        """Return the same image with axes nearest to (superior, posterior, left); flat images stay as they are."""
        if self.geometry.is_flat and not self.geometry.spacing_known:
            return self
        turn = self.geometry.upright_reorientation()
        return replace(self, data=turn.apply(self.data), geometry=turn.apply_geometry(self.geometry))


@dataclass(frozen=True, eq=False)
class LabelMap:
    """One person's (or machine's) labels of an image.

    Parameters
    ----------
    data : numpy.ndarray of integer, shape (Z, Y, X)
        Label values as in the file; 0 is background.
    geometry : Geometry
        The grid; its shape must be that of ``data``.
    reader : str
        Whose label this is; "" where there is only one.
    """

    data: NDArray[Any]
    geometry: Geometry
    reader: str = ""

    def __post_init__(self) -> None:
        if self.data.ndim != 3 or self.data.shape != self.geometry.shape_zyx:
            raise DataError(
                f"Expected a label map of shape {self.geometry.shape_zyx} (Z, Y, X), got {self.data.shape}."
            )
        if self.data.dtype.kind not in "iu":
            raise DataError(f"A label map must hold integers, got {self.data.dtype}.")

    @property
    def content_hash(self) -> str:
        """32 hexadecimal digits that change with any voxel, the type or the grid."""
        return _content_hash(self.data, self.geometry)

    def upright(self) -> LabelMap:
        """Return the same labels with axes nearest to (superior, posterior, left); see `Volume.upright`."""
        if self.geometry.is_flat and not self.geometry.spacing_known:
            return self
        turn = self.geometry.upright_reorientation()
        return replace(self, data=turn.apply(self.data), geometry=turn.apply_geometry(self.geometry))

    def on_grid(self, geometry: Geometry) -> LabelMap:
        """Return the same labels stored in another axis order of the same lattice (exact, nothing resampled).

        Raises
        ------
        DataError
            If the two grids are not the same points in the patient.
        """
        turn = self.geometry.reorientation_to(geometry)
        if turn is None:
            raise DataError(
                f"The label lies on another grid ({describe(self.geometry)}) than asked for "
                f"({describe(geometry)}); resample it by world coordinates first."
            )
        return replace(self, data=turn.apply(self.data), geometry=geometry)


def describe(geometry: Geometry) -> str:
    """One line on a grid for a message: shape, spacing, orientation."""
    z, y, x = geometry.shape_zyx
    dz, dy, dx = (f"{s:.4g}" for s in geometry.spacing_zyx_mm)
    ox, oy, oz = (f"{o:.4g}" for o in geometry.origin_lps)
    return (
        f"{x}×{y}×{z} voxels of {dx}×{dy}×{dz} mm (x, y, z), axes towards {geometry.orientation_letters}, "
        f"origin {ox}, {oy}, {oz}"
    )
