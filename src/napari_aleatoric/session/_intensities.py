"""What kind of intensities an image has, and how they are spread: what windows are chosen by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import Volume, sample_of

__all__ = ["CT_KIND", "Intensities", "intensities_of"]

CT_KIND = "CT"
_PERCENTILES = (0.5, 1.0, 2.0, 98.0, 99.0, 99.5)
_AIR, _TISSUE, _LOWEST_HU = -700.0, (-200.0, 300.0), -4096.0
_BELOW_WATER = -20.0


@dataclass(frozen=True)
class Intensities:
    """How the intensities of one image are spread.

    Parameters
    ----------
    kind : str
        "CT" for Hounsfield units, "RGB" for colours, else the modality; "" where nothing is known.
    low, high : float
        The smallest and the largest finite value.
    percentiles : mapping of float to float
        Value by percent, of a sample of at most about a million voxels.
    """

    kind: str
    low: float
    high: float
    percentiles: Mapping[float, float]

    @property
    def is_hu(self) -> bool:
        """Whether the values are Hounsfield units."""
        return self.kind == CT_KIND


def intensities_of(image: Volume) -> Intensities:
    """Look at the intensities of an image. Reads every voxel once: not in the window's thread for large images.

    A volume is taken for a CT in Hounsfield units if it is said to be a CT and has values below water, or if
    nothing is said of it and there is air as well as tissue among its values (our proposal; a CT that was scaled
    to 0 … 1 or 0 … 255 is none).
    """
    if image.is_rgb:
        return Intensities("RGB", 0.0, 255.0, {})
    sample = sample_of(image)
    if not sample.size:
        return Intensities(image.modality, 0.0, 0.0, dict.fromkeys(_PERCENTILES, 0.0))
    values = np.percentile(sample, _PERCENTILES)
    low, high = _extremes(image.data)
    kind = CT_KIND if _is_hu(sample, low, image.modality) else "" if image.modality == CT_KIND else image.modality
    return Intensities(kind, low, high, {p: float(v) for p, v in zip(_PERCENTILES, values, strict=True)})


def _extremes(data: NDArray[Any]) -> tuple[float, float]:
    low, high = float(data.min()), float(data.max())
    if np.isfinite(low) and np.isfinite(high):
        return low, high
    finite = data[np.isfinite(data)]
    return float(finite.min()), float(finite.max())


def _is_hu(sample: NDArray[Any], low: float, modality: str) -> bool:
    if modality not in ("", CT_KIND) or low < _LOWEST_HU:
        return False
    if modality == CT_KIND:
        return low < _BELOW_WATER
    air = float(np.mean(sample < _AIR))
    tissue = float(np.mean((sample > _TISSUE[0]) & (sample < _TISSUE[1])))
    return air > 0.02 and tissue > 0.05
