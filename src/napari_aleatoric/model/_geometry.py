"""Where a voxel is in the patient: the one place that knows LPS from RAS and XYZ from ZYX."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_aleatoric.errors import DataError

__all__ = ["Geometry", "Reorientation"]

FloatArray = NDArray[np.float64]

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_NOTHING = 1e-100  # of a direction: ITK's inverse fails, without a word, on numbers whose products are subnormal
_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))  # (towards smaller, towards larger) LPS coordinate


@dataclass(frozen=True)
class Geometry:
    """Grid of a volume in the patient's space.

    Parameters
    ----------
    shape_zyx : tuple of int
        Number of voxels along the array axes (Z, Y, X). A 2-D image has Z = 1.
    spacing_zyx_mm : tuple of float
        Distance between neighbouring voxel centres, in millimetres.
    origin_lps : tuple of float
        Position (x, y, z) of the centre of voxel (0, 0, 0), in millimetres, in LPS
        (x grows to the patient's left, y to posterior, z to superior), as SimpleITK and DICOM have it.
    direction_lps : tuple of tuple of float
        3×3 orthonormal matrix; column j is the LPS direction of index axis j in the order (x, y, z).
    spacing_known : bool
        False where the file has no physical spacing (photographs) or it is known to be made up. Lengths and
        volumes in millimetres must then not be reported.

    Raises
    ------
    DataError
        If a shape, a spacing or the direction matrix is not usable.
    """

    shape_zyx: tuple[int, int, int]
    spacing_zyx_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    origin_lps: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction_lps: tuple[tuple[float, float, float], ...] = (
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        (0.0, 0.0, 1.0),
    )
    spacing_known: bool = True

    def __post_init__(self) -> None:
        def triple(name: str, value: Any, kind: type) -> tuple[Any, ...]:
            items = tuple(kind(v) for v in np.asarray(value).ravel().tolist())
            if len(items) != 3:
                raise DataError(f"{name} must have 3 numbers, got {len(items)}.")
            return items

        object.__setattr__(self, "shape_zyx", triple("shape_zyx", self.shape_zyx, int))
        object.__setattr__(self, "spacing_zyx_mm", triple("spacing_zyx_mm", self.spacing_zyx_mm, float))
        object.__setattr__(self, "origin_lps", triple("origin_lps", self.origin_lps, float))
        direction = np.asarray(self.direction_lps, dtype=np.float64)
        if direction.shape != (3, 3):
            raise DataError(f"direction_lps must be a 3×3 matrix, got shape {direction.shape}.")
        rows = np.where(np.abs(direction) < _NOTHING, 0.0, direction).tolist()
        object.__setattr__(self, "direction_lps", tuple((r[0], r[1], r[2]) for r in rows))
        if min(self.shape_zyx) < 1:
            raise DataError(f"A grid needs at least one voxel on every axis, got shape {self.shape_zyx}.")
        if not all(np.isfinite(s) and s > 0 for s in self.spacing_zyx_mm):
            raise DataError(f"Voxel spacing must be positive and finite, got {self.spacing_zyx_mm} mm.")
        if not all(np.isfinite(o) for o in self.origin_lps):
            raise DataError(f"The origin must be finite, got {self.origin_lps}.")
        if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-3):
            raise DataError(
                "The direction matrix of a volume must be orthonormal (axes at right angles, length one); "
                "this one is sheared. Resample the volume to a regular grid first."
            )

    @classmethod
    def from_lps_matrix(
        cls, shape_zyx: ArrayLike, lps_from_index_xyz: ArrayLike, *, spacing_known: bool = True
    ) -> Geometry:
        """Build from the 4×4 matrix that takes an (x, y, z) index to LPS millimetres."""
        matrix = np.asarray(lps_from_index_xyz, dtype=np.float64)
        spacing_xyz = np.linalg.norm(matrix[:3, :3], axis=0)
        if not np.all(spacing_xyz > 0):
            raise DataError(f"Voxel spacing must be positive, got {spacing_xyz.tolist()} mm along x, y, z.")
        return cls(
            shape_zyx=tuple(np.asarray(shape_zyx).tolist()),
            spacing_zyx_mm=tuple(spacing_xyz[::-1].tolist()),
            origin_lps=tuple(matrix[:3, 3].tolist()),
            direction_lps=tuple(map(tuple, (matrix[:3, :3] / spacing_xyz).tolist())),
            spacing_known=spacing_known,
        )

    @classmethod
    def from_ras_matrix(
        cls, shape_zyx: ArrayLike, ras_from_index_xyz: ArrayLike, *, spacing_known: bool = True
    ) -> Geometry:
        """Build from a NIfTI-style affine: (x, y, z) index to RAS millimetres."""
        matrix = _LPS_FROM_RAS @ np.asarray(ras_from_index_xyz, dtype=np.float64)
        return cls.from_lps_matrix(shape_zyx, matrix, spacing_known=spacing_known)

    @property
    def lps_from_index_xyz(self) -> FloatArray:
        """4×4 matrix from a homogeneous (x, y, z) index to LPS millimetres."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.direction_lps) * np.asarray(self.spacing_zyx_mm[::-1])
        matrix[:3, 3] = self.origin_lps
        return matrix

    @property
    def ras_from_index_xyz(self) -> FloatArray:
        """4×4 matrix from a homogeneous (x, y, z) index to RAS millimetres (NIfTI's affine)."""
        return _LPS_FROM_RAS @ self.lps_from_index_xyz

    def lps_from_index(self, index_zyx: ArrayLike) -> FloatArray:
        """Take indices to the patient.

        Parameters
        ----------
        index_zyx : array-like, shape (..., 3)
            Array indices in the order (z, y, x); fractions are allowed.

        Returns
        -------
        numpy.ndarray, shape (..., 3)
            Positions (x, y, z) in LPS millimetres.
        """
        index_xyz = np.asarray(index_zyx, dtype=np.float64)[..., ::-1]
        matrix = self.lps_from_index_xyz
        return np.asarray(index_xyz @ matrix[:3, :3].T + matrix[:3, 3])

    def index_from_lps(self, point_lps: ArrayLike) -> FloatArray:
        """Take LPS positions (x, y, z), shape (..., 3), to fractional (z, y, x) indices."""
        matrix = self.lps_from_index_xyz
        offset = np.asarray(point_lps, dtype=np.float64) - matrix[:3, 3]
        index_xyz = offset @ np.linalg.inv(matrix[:3, :3]).T
        return np.asarray(index_xyz[..., ::-1])

    @property
    def corners_lps(self) -> FloatArray:
        """Centres of the eight corner voxels, shape (8, 3), LPS millimetres, in index order."""
        z, y, x = (n - 1 for n in self.shape_zyx)
        index = [(a, b, c) for a in (0, z) for b in (0, y) for c in (0, x)]
        return self.lps_from_index(index)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(np.prod(self.spacing_zyx_mm)) / 1000.0

    @property
    def is_flat(self) -> bool:
        """Whether this is a 2-D image (one slice)."""
        return self.shape_zyx[0] == 1

    @property
    def obliquity_deg(self) -> float:
        """Largest angle, in degrees, between a grid axis and the patient axis that it runs along."""
        matrix = np.abs(np.asarray(self.upright_reorientation().apply_geometry(self).direction_lps))
        return float(np.degrees(np.arccos(np.clip(np.diag(matrix).min(), -1.0, 1.0))))

    def same_grid(self, other: Geometry, tolerance_voxels: float = 0.1) -> bool:
        """Whether both grids put every voxel in the same place, to a fraction of a voxel."""
        if self.shape_zyx != other.shape_zyx:
            return False
        limit = tolerance_voxels * min(*self.spacing_zyx_mm, *other.spacing_zyx_mm)
        return float(np.linalg.norm(self.corners_lps - other.corners_lps, axis=1).max()) <= limit

    def reorientation_to(self, other: Geometry, tolerance_voxels: float = 0.1) -> Reorientation | None:
        """Exact axis swap and flip that takes an array on this grid to the other, or None.

        The two grids are the same lattice of points in the patient, stored in another axis order or
        direction; no resampling is involved.
        """
        if self.same_grid(other, tolerance_voxels):
            return Reorientation()
        for axes in permutations((0, 1, 2)):
            for bits in range(8):
                flips = (bool(bits & 4), bool(bits & 2), bool(bits & 1))
                candidate = Reorientation((axes[0], axes[1], axes[2]), flips)
                if candidate.apply_geometry(self).same_grid(other, tolerance_voxels):
                    return candidate
        return None

    def upright_reorientation(self) -> Reorientation:
        """Axis swap and flip after which x runs to the patient's left, y to posterior, z to superior.

        For an oblique grid the nearest such order is taken; the rest of the rotation stays in the geometry.
        """
        direction = np.asarray(self.direction_lps)
        best = max(permutations(range(3)), key=lambda p: sum(abs(direction[world, p[world]]) for world in range(3)))
        # best[world] is the index axis (x, y, z) that runs along world axis (L, P, S)
        axes_zyx = tuple(2 - best[2 - k] for k in range(3))
        flips_zyx = tuple(bool(direction[2 - k, best[2 - k]] < 0) for k in range(3))
        return Reorientation((axes_zyx[0], axes_zyx[1], axes_zyx[2]), (flips_zyx[0], flips_zyx[1], flips_zyx[2]))

    @property
    def orientation_letters(self) -> str:
        """Patient direction that each index axis (x, y, z) runs to, e.g. ``"LPS"``; nearest if oblique."""
        direction = np.asarray(self.direction_lps)
        reorientation = self.upright_reorientation()
        letters = [""] * 3
        for k in range(3):
            source_xyz = 2 - reorientation.axes_zyx[k]
            world = 2 - k
            letters[source_xyz] = _LETTERS[world][int(direction[world, source_xyz] > 0)]
        return "".join(letters)

    def to_json(self) -> dict[str, Any]:
        """Plain values that :meth:`from_json` takes back exactly."""
        return {
            "shape_zyx": list(self.shape_zyx),
            "spacing_zyx_mm": list(self.spacing_zyx_mm),
            "origin_lps": list(self.origin_lps),
            "direction_lps": [list(row) for row in self.direction_lps],
            "spacing_known": self.spacing_known,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Geometry:
        """Rebuild from :meth:`to_json`."""
        return cls(**value)


@dataclass(frozen=True)
class Reorientation:
    """An axis swap followed by flips, on (Z, Y, X) arrays: exact, and exactly invertible.

    Parameters
    ----------
    axes_zyx : tuple of int
        For each target axis (z, y, x), the source axis (0 = z, 1 = y, 2 = x) that it takes.
    flips_zyx : tuple of bool
        For each target axis, whether it then runs backwards.
    """

    axes_zyx: tuple[int, int, int] = (0, 1, 2)
    flips_zyx: tuple[bool, bool, bool] = (False, False, False)

    @property
    def is_identity(self) -> bool:
        """Whether nothing changes."""
        return self.axes_zyx == (0, 1, 2) and not any(self.flips_zyx)

    def inverse(self) -> Reorientation:
        """Return the reorientation that undoes this one."""
        axes = [0, 0, 0]
        flips = [False, False, False]
        for target, source in enumerate(self.axes_zyx):
            axes[source] = target
            flips[source] = self.flips_zyx[target]
        return Reorientation((axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]))

    def apply(self, array: NDArray[Any]) -> NDArray[Any]:
        """Reorder an array of shape (Z, Y, X) or (Z, Y, X, C). Returns a view where numpy can."""
        if array.ndim not in (3, 4):
            raise DataError(f"Expected an array (Z, Y, X) or (Z, Y, X, C), got {array.ndim} dimensions.")
        moved = array.transpose(*self.axes_zyx, *range(3, array.ndim))
        return moved[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips_zyx)]

    def apply_index(self, index_zyx: ArrayLike, shape_zyx: tuple[int, int, int]) -> FloatArray:
        """Take source indices (..., 3) to target indices; ``shape_zyx`` is the source's shape."""
        source = np.asarray(index_zyx, dtype=np.float64)
        columns = []
        for axis, flip in zip(self.axes_zyx, self.flips_zyx, strict=True):
            column = source[..., axis]
            columns.append(shape_zyx[axis] - 1 - column if flip else column)
        return np.stack(columns, axis=-1)

    def apply_geometry(self, geometry: Geometry) -> Geometry:
        """Return the geometry of the reordered array: every voxel stays where it is in the patient."""
        source_from_target = np.zeros((4, 4))  # on (x, y, z) indices
        source_from_target[3, 3] = 1.0
        for target, (source, flip) in enumerate(zip(self.axes_zyx, self.flips_zyx, strict=True)):
            source_from_target[2 - source, 2 - target] = -1.0 if flip else 1.0
            if flip:
                source_from_target[2 - source, 3] = geometry.shape_zyx[source] - 1
        spacing = geometry.spacing_zyx_mm
        matrix = geometry.lps_from_index_xyz @ source_from_target
        result = Geometry.from_lps_matrix(
            [geometry.shape_zyx[axis] for axis in self.axes_zyx], matrix, spacing_known=geometry.spacing_known
        )
        # spacings are copied, not recomputed, so that going there and back is exact to the last bit
        a, b, c = self.axes_zyx
        return replace(result, spacing_zyx_mm=(spacing[a], spacing[b], spacing[c]))
