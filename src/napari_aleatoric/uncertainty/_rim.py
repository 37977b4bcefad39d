"""Distance to the border of an object, and what is ambiguous near it. Pure functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["RIM_REACH", "near_rim", "rank_product", "rim_distance"]

FloatArray = NDArray[np.float32]
Triple = tuple[float, float, float]

RIM_REACH = 12.0
"""Voxels (of the finest axis) from the border beyond which nothing counts as near it."""

_FADE = 3.0  # voxels of the finest axis: nearness falls to 1/e
_AT_ONCE = 1 << 23  # voxels whose distances are held at a time


def rim_distance(mask: NDArray[np.bool_], voxel_zyx: Triple = (1.0, 1.0, 1.0)) -> FloatArray:
    """Distance of every voxel to the nearest voxel that touches the border of an object, from either side.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (Z, Y, X)
        The object. The rim of the array is no border.
    voxel_zyx : tuple of float
        Edges of a voxel in any unit; distances come in units of the shortest.

    Returns
    -------
    numpy.ndarray of float32, shape (Z, Y, X)
        0 at the border; infinity beyond `RIM_REACH`, and everywhere where there is no border.
    """
    rim = np.zeros(mask.shape, dtype=bool)
    for axis in range(mask.ndim):
        low = [slice(None)] * mask.ndim
        high = [slice(None)] * mask.ndim
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        edge = mask[tuple(low)] != mask[tuple(high)]
        rim[tuple(low)] |= edge
        rim[tuple(high)] |= edge
    shortest = min(voxel_zyx)
    sampling = [edge / shortest for edge in voxel_zyx]
    reach = math.ceil(RIM_REACH / sampling[0])  # slices that a border can be away and still count
    depth = len(mask)
    result = np.full(mask.shape, np.inf, dtype=np.float32)
    step = max(1, _AT_ONCE // max(1, mask[:1].size))
    for first in range(0, depth, step):
        last = min(first + step, depth)
        low_z = max(0, first - reach)
        part = rim[low_z : last + reach]
        if part.any():
            distance = ndimage.distance_transform_edt(~part, sampling=sampling)[first - low_z : last - low_z]
            result[first:last] = np.where(distance <= RIM_REACH, distance, np.inf)
    return result


def near_rim(entropy: NDArray[Any], distance: FloatArray) -> FloatArray:
    """Entropy, fading with the distance to the predicted border: (H / ln 2) · exp(−d / 3 voxels).

    Our proposal, one scale for all cases: entropy that lies far from every border is mostly the model's, not the
    image's. `rank_product` is the same idea in ranks within one case.

    Parameters
    ----------
    entropy : numpy.ndarray, shape (Z, Y, X)
        Of "is it this class or not", in nats.
    distance : numpy.ndarray of float32, shape (Z, Y, X)
        As of `rim_distance`.

    Returns
    -------
    numpy.ndarray of float32, shape (Z, Y, X)
        From 0 to 1.
    """
    scaled = np.clip(entropy.astype(np.float32) / np.float32(np.log(2)), 0, 1)
    return np.asarray(scaled * np.exp(-distance / np.float32(_FADE)), dtype=np.float32)


def rank_product(entropy: NDArray[Any], distance: NDArray[Any]) -> NDArray[np.float64]:
    """Product of two places: that of the entropy, and that of the nearness to the border, among all given voxels.

    Parameters
    ----------
    entropy, distance : numpy.ndarray, any shape
        Of the voxels to be compared, such as those round an object.

    Returns
    -------
    numpy.ndarray of float64, the same shape
        In (0, 1]; equal values share their mean rank. Only voxels of one call may be compared.
    """
    from scipy.stats import rankdata

    n = max(1, entropy.size)
    places = [rankdata(values.ravel()) / n for values in (entropy, -distance.astype(np.float64))]
    return np.asarray((places[0] * places[1]).reshape(entropy.shape))
