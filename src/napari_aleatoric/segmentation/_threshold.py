"""From a saliency map to a coarse mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

from ._spec import ThresholdMethod

__all__ = ["CoarseMask", "coarse_mask", "otsu_level", "two_means_level"]


@dataclass(frozen=True, eq=False)
class CoarseMask:
    """What of a saliency map counts as seen.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (Y, X)
        Where the map is above the level.
    level : float
        The level; NaN where there is none.
    method : {"otsu", "two-means", "fixed"}
        How the level was found.
    remark : str
        A sentence where the map said nothing; else "".
    """

    mask: NDArray[np.bool_]
    level: float
    method: ThresholdMethod
    remark: str = ""


def coarse_mask(map_yx: NDArray[Any], method: ThresholdMethod = "otsu", fixed_level: float = 0.3) -> CoarseMask:
    """Cut a saliency map in two.

    Parameters
    ----------
    map_yx : numpy.ndarray of float, shape (Y, X)
        Saliency; NaN counts as not seen.
    method : {"otsu", "two-means", "fixed"}
        Otsu's level as in the paper (arXiv 2409.19483 v4); two-means clustering of the values, or a fixed level, as
        in its authors' program.
    fixed_level : float
        The level of "fixed".

    Returns
    -------
    CoarseMask
        Empty, with a remark, where the map is the same everywhere or holds no number.

    Raises
    ------
    DataError
        If it is no map (Y, X), or the method is unknown.
    """
    values = np.asarray(map_yx, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise DataError(f"Expected a saliency map (Y, X), got an array of shape {values.shape}.")
    if method not in ("otsu", "two-means", "fixed"):
        raise DataError(f"Expected the threshold otsu, two-means or fixed, got '{method}'.")
    known = np.isfinite(values)
    nothing = np.zeros(values.shape, dtype=bool)
    if not known.any():
        return CoarseMask(nothing, float("nan"), method, "The saliency map holds no number: nothing stands out.")
    if float(np.ptp(values[known])) <= 1e-9:
        remark = "The saliency map is the same everywhere: nothing stands out."
        return CoarseMask(nothing, float("nan"), method, remark)
    if method == "fixed":
        level = fixed_level
    elif method == "otsu":
        level = otsu_level(values[known])
    else:
        level = two_means_level(values[known])
    mask = np.where(known, values, -np.inf) > level
    remark = "" if mask.any() else f"No value of the saliency map is above {level:.3g}."
    return CoarseMask(mask, float(level), method, remark)


def otsu_level(values: NDArray[np.float64]) -> float:
    """Return Otsu's level of some finite values that are not all equal."""
    from skimage import filters

    return float(filters.threshold_otsu(values))  # type: ignore[no-untyped-call]


def two_means_level(values: NDArray[np.float64]) -> float:
    """Return the middle between the two cluster centres (k-means, k = 2) of some values that are not all equal.

    The clusters start at the ends, so that no chance is in it.
    """
    from sklearn.cluster import KMeans

    distinct, counts = np.unique(values, return_counts=True)
    start = np.array([[distinct[0]], [distinct[-1]]])
    found = KMeans(n_clusters=2, init=start, n_init=1).fit(distinct[:, None], sample_weight=counts)
    return float(found.cluster_centers_.mean())
