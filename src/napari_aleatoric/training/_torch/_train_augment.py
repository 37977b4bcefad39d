"""Changes that an image may undergo and still show the same: turned and scaled a little, of other contrast."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from napari_aleatoric.training._model_plan import ModelPlan

__all__ = ["Turn", "changed_intensities", "resampled"]

_MOVED = 0.4  # part of the patches that are turned and scaled
_MOST_DEGREES = 15.0
_MOST_SCALE = 0.15  # of its logarithm
_THICK = 3.0  # slices thicker than this times the pixels are not tilted
_OFTEN = 0.15  # part of the patches with each of the rarer changes


@dataclass(frozen=True, eq=False)
class Turn:
    """A small rotation and scaling about the middle of a patch.

    Parameters
    ----------
    input_from_output : numpy.ndarray of float64, shape (3, 3)
        From an offset in the new patch to that in the old image, both in voxels, z, y, x.
    """

    input_from_output: NDArray[np.float64]

    @classmethod
    def drawn(cls, plan: ModelPlan, strength: float, rng: np.random.Generator) -> Turn | None:
        """Draw one; None for most patches. Rotations are by millimetres, about all axes where slices are thin."""
        if strength == 0 or rng.random() >= _MOVED:
            return None
        angles = np.deg2rad(rng.uniform(-1, 1, 3) * _MOST_DEGREES * strength)
        scale = math.exp(rng.uniform(-1, 1) * _MOST_SCALE * strength)
        spacing = np.array(plan.spacing_zyx_mm)
        tilted = not plan.is_flat and spacing.max() < _THICK * spacing.min()
        turned = np.eye(3)
        for axis in range(3) if tilted else [0]:
            a, b = [k for k in range(3) if k != axis]
            one = np.eye(3)
            one[a, a] = one[b, b] = math.cos(angles[axis])
            one[a, b], one[b, a] = -math.sin(angles[axis]), math.sin(angles[axis])
            turned = turned @ one
        sizes = np.full(3, scale) if tilted else np.array([1.0, scale, scale])
        return cls(np.diag(1 / spacing) @ turned @ np.diag(sizes) @ np.diag(spacing))

    def reach(self, patch_zyx: tuple[int, int, int]) -> NDArray[np.int64]:
        """Return the voxels of the old image, along each axis, that a patch is made from."""
        half = np.abs(self.input_from_output) @ ((np.array(patch_zyx) - 1) / 2)
        return np.where(half > 1e-9, 2 * np.ceil(half) + 2, 1).astype(np.int64)


def resampled(
    values: Tensor, turn: Turn, middle: NDArray[np.float64], patch_zyx: tuple[int, int, int], *, nearest: bool
) -> Tensor:
    """Resample a block (C, z, y, x) to a turned patch.

    Parameters
    ----------
    values : torch.Tensor of float32
        The block; beyond it, its rim.
    turn : Turn
        The rotation.
    middle : numpy.ndarray of float64, shape (3,)
        Where the patch's middle lies in the block, in voxels.
    patch_zyx : tuple of int
        Wanted size.
    nearest : bool
        Take the nearest voxel (labels), or interpolate linearly (images).
    """
    offsets = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in patch_zyx]
    at = torch.stack(torch.meshgrid(*offsets, indexing="ij"), dim=-1)
    place = at @ torch.from_numpy(turn.input_from_output.T.copy()) + torch.from_numpy(middle)
    last = torch.tensor([max(n - 1, 1) for n in values.shape[1:]], dtype=torch.float64)
    grid = (2 * place / last - 1).flip(-1)[None].float()  # x, y, z from −1 to 1
    mode = "nearest" if nearest else "bilinear"
    return F.grid_sample(values[None], grid, mode=mode, padding_mode="border", align_corners=True)[0]


def changed_intensities(
    image: NDArray[np.float32], strength: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Change contrast and brightness a little, and sometimes gamma, sharpness and noise; (C, z, y, x)."""
    if strength == 0:
        return image
    image = image * np.float32(np.exp(rng.normal(0, 0.1 * strength))) + np.float32(rng.normal(0, 0.1 * strength))
    if rng.random() < _OFTEN:
        low, high = float(image.min()), float(image.max())
        if high > low:
            gamma = math.exp(rng.uniform(-0.3, 0.3) * strength)
            image = ((image - low) / (high - low)) ** np.float32(gamma) * (high - low) + low
    if rng.random() < _OFTEN:
        sigma = rng.uniform(0.3, 0.8) * strength
        image = gaussian_filter(image, (0, 0 if image.shape[1] == 1 else sigma, sigma, sigma))
    if rng.random() < _OFTEN:
        image = image + rng.normal(0, rng.uniform(0, 0.2) * strength, image.shape).astype(np.float32)
    return image.astype(np.float32)
