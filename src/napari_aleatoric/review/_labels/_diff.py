"""What differs between two versions of a label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_aleatoric.model import ClassTable, LabelMap

__all__ = ["ClassDiff", "LabelDiff", "diff"]


@dataclass(frozen=True)
class ClassDiff:
    """One class in two versions.

    Parameters
    ----------
    class_index, class_name
        Which class.
    voxels_before, voxels_after : int
        Its size.
    voxels_added, voxels_removed : int
        Voxels that became and ceased to be this class.
    dice : float
        2·|a ∩ b| / (|a| + |b|), in [0, 1], 1 = equal; NaN where neither version has the class.
    ml_before, ml_after : float
        Its volume; NaN where the voxel size is unknown.
    """

    class_index: int
    class_name: str
    voxels_before: int
    voxels_after: int
    voxels_added: int
    voxels_removed: int
    dice: float
    ml_before: float
    ml_after: float


@dataclass(frozen=True)
class LabelDiff:
    """Two versions of a label side by side.

    Parameters
    ----------
    classes : tuple of ClassDiff
        One for every foreground class.
    n_changed : int
        Voxels with another value, of classes outside the table too.
    slice_range : tuple of int or None
        First and last changed slice (z, upright, both included); None if nothing changed.
    """

    classes: tuple[ClassDiff, ...]
    n_changed: int
    slice_range: tuple[int, int] | None

    @property
    def is_same(self) -> bool:
        """Whether no voxel differs."""
        return self.n_changed == 0


def diff(before: LabelMap, after: LabelMap, classes: ClassTable) -> LabelDiff:
    """Compare two versions of a label.

    Parameters
    ----------
    before, after : LabelMap
        On one grid; the stored axis order may differ.
    classes : ClassTable
        Which values count.

    Raises
    ------
    DataError
        If they do not lie on the same points.
    """
    before, after = before.upright(), after.upright()
    if not before.geometry.same_grid(after.geometry):
        after = after.on_grid(before.geometry)
    a, b = before.data, after.data
    changed = a != b
    slices = np.flatnonzero(changed.any(axis=(1, 2)))
    ml = before.geometry.voxel_volume_ml if before.geometry.spacing_known else float("nan")
    rows = []
    for item in classes:
        in_a, in_b = a == item.label_value, b == item.label_value
        n_a, n_b, both = int(in_a.sum()), int(in_b.sum()), int((in_a & in_b).sum())
        rows.append(
            ClassDiff(
                class_index=item.class_index,
                class_name=item.class_name,
                voxels_before=n_a,
                voxels_after=n_b,
                voxels_added=n_b - both,
                voxels_removed=n_a - both,
                dice=2 * both / (n_a + n_b) if n_a + n_b else float("nan"),
                ml_before=n_a * ml,
                ml_after=n_b * ml,
            )
        )
    return LabelDiff(tuple(rows), int(changed.sum()), (int(slices[0]), int(slices[-1])) if len(slices) else None)
