"""The shape distance: how far from the reference the predicted parts lie."""

from __future__ import annotations

import weakref

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._known import Known

__all__ = ["SignedDistances", "shape_loss", "signed_distance"]


def signed_distance(mask: NDArray[np.bool_], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of every voxel to the other side of a mask's border, in voxels, divided by the largest.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (Z, Y, X) or (Y, X)
        The reference.
    seen : numpy.ndarray of bool, same shape
        Where the reference is known; elsewhere it counts as neither side.

    Returns
    -------
    numpy.ndarray of float32, same shape
        Below 0 inside (to the nearest voxel that is known to be outside), above 0 outside, −1 or 1 at the farthest;
        0 where unknown, and everywhere if one side has no voxel.
    """
    import edt

    inside, outside = mask & seen, ~mask & seen
    if not inside.any() or not outside.any():
        return np.zeros(mask.shape, np.float32)
    found = np.zeros(mask.shape, np.float32)
    found[outside] = edt.edt(np.ascontiguousarray(~inside), black_border=False, parallel=1)[outside]
    found[inside] = -edt.edt(np.ascontiguousarray(~outside), black_border=False, parallel=1)[inside]
    return np.asarray(found / np.abs(found).max(), dtype=np.float32)


class SignedDistances:
    """Makes the maps of a batch on the processor, once for every target tensor that comes twice in a row."""

    def __init__(self) -> None:
        self._target: weakref.ref[Tensor] | None = None
        self._version = -1
        self._maps: Tensor | None = None

    def __call__(self, target: Tensor, known: Known, shape: tuple[int, ...], n_classes: int) -> Tensor:
        """Return maps of every class but background, shape (B, K − 1, N); unknown where a weight is 0.

        Parameters
        ----------
        target : torch.Tensor
            As the caller gave it; the same one with the same weights has the same maps.
        known : Known
            Made from it. A part above one half counts as the class.
        shape : tuple of int
            Space, N voxels.
        n_classes : int
            K.
        """
        same = self._target is not None and self._target() is target and self._version == target._version
        if same and self._maps is not None and known.everywhere:
            return self._maps
        seen = (known.weight > 0).cpu().numpy().reshape(-1, *shape)
        if known.index is not None:
            index = known.index.cpu().numpy().reshape(-1, 1, *shape)
            masks = index == np.arange(1, n_classes).reshape(1, -1, *(1 for _ in shape))
        else:
            assert known.soft is not None
            masks = (known.soft[:, 1:] > 0.5).cpu().numpy().reshape(-1, n_classes - 1, *shape)
        maps = [
            signed_distance(mask, where) for of_sample, where in zip(masks, seen, strict=True) for mask in of_sample
        ]
        found = torch.from_numpy(np.stack(maps)).reshape(len(seen), n_classes - 1, -1).to(target.device)
        if known.everywhere:  # elsewhere the maps hang on the weights, too
            self._target, self._version, self._maps = weakref.ref(target), target._version, found
        return found


def shape_loss(logits: Tensor, distance: Tensor, known: Known) -> Tensor:
    """Mean of φ·p, less its lowest value, so that 0 is reached where prediction and reference agree; shape (B,).

    L = mean φ·p + mean |φ|·1[φ < 0] (our proposal, after the boundary loss of Kervadec et al.,
    arXiv 1812.07032), the mean over the voxels, then over the classes that have a border.

    Parameters
    ----------
    logits : torch.Tensor, shape (B, K, N)
    distance : torch.Tensor, shape (B, K − 1, N)
        φ of every class but background.
    known : Known
        Weights.
    """
    counted = distance.to(logits.dtype) * known.weight[:, None]
    p = logits.softmax(dim=1)[:, 1:]
    voxels = known.weight.sum(dim=1).clamp(min=1)[:, None]
    by_class = ((p * counted).sum(dim=2) - counted.clamp(max=0).sum(dim=2)) / voxels
    borders = (distance != 0).any(dim=2).sum(dim=1).clamp(min=1)
    return by_class.sum(dim=1) / borders
