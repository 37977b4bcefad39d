"""A body with two lobes that differ in size, height and brightness: left and right cannot be mistaken."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume

_TILT = np.deg2rad(20.0)
GRIDS = (
    Geometry((14, 18, 20), (4.0, 4.0, 4.0), (-38.0, -34.0, -26.0)),
    # x fastest from left to right, y from back to front, stored so as most NIfTI files are
    Geometry((14, 18, 20), (4.0, 4.0, 4.0), (38.0, 34.0, -26.0), ((-1, 0, 0), (0, -1, 0), (0, 0, 1))),
    # slices along the patient's left-right axis, from feet to head within them
    Geometry((20, 14, 18), (4.0, 4.0, 4.0), (38.0, -34.0, -26.0), ((0, 0, -1), (1, 0, 0), (0, 1, 0))),
    Geometry(
        (14, 18, 20),
        (4.0, 4.0, 4.0),
        (-38.0 * np.cos(_TILT), -34.0, -26.0 + 38.0 * np.sin(_TILT)),
        ((np.cos(_TILT), 0, np.sin(_TILT)), (0, 1, 0), (-np.sin(_TILT), 0, np.cos(_TILT))),
    ),
)
"""Upright, flipped, transposed, and tilted by 20 degrees."""

VALUES = {1: 2, 2: 7}  # label value by class index: with gaps
LEVELS = (0.0, 400.0, 150.0)  # intensity by class index


def lobes_at(points_lps: np.ndarray) -> np.ndarray:
    """Class index at positions (..., 3): 1 = the large lobe to the left, 2 = the small one to the right."""
    x, y, z = np.moveaxis(points_lps, -1, 0)
    left = (x - 18) ** 2 / 16**2 + y**2 / 22**2 + (z - 4) ** 2 / 18**2 <= 1
    right = (x + 20) ** 2 / 12**2 + (y - 4) ** 2 / 14**2 + (z + 8) ** 2 / 12**2 <= 1
    return np.where(left, 1, np.where(right, 2, 0))


def write_lobes(folder: Path, n: int = 6) -> Workspace:
    """Write a data set whose cases lie on all of `GRIDS` in turn, and a workspace beside it."""
    rows = ["case,image,label,patient,class_names"]
    for i in range(n):
        grid = GRIDS[i % len(GRIDS)]
        index = np.stack(np.indices(grid.shape_zyx), axis=-1)
        truth = lobes_at(grid.lps_from_index(index) - np.random.default_rng(i).uniform(-3, 3, 3))
        noise = np.random.default_rng(100 + i).normal(0, 20, truth.shape)
        write_volume(
            folder / "data" / f"image_{i}.nii.gz", Volume((np.take(LEVELS, truth) + noise).astype("f4"), grid)
        )
        values = np.take([0, *VALUES.values()], truth).astype(np.uint8)
        write_label_map(folder / "data" / f"label_{i}.nii.gz", LabelMap(values, grid))
        rows.append(f"case_{i},image_{i}.nii.gz,label_{i}.nii.gz,,2=left lobe;7=right lobe")
    (folder / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(folder / "workspace", scan(folder / "data"))
