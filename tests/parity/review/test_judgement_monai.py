"""Overlap and distances of outlines against MONAI's, on anisotropic volumes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_aleatoric.uncertainty import compare_surfaces, dice

torch = pytest.importorskip("torch")
metrics = pytest.importorskip("monai.metrics")


def blob(rng: np.random.Generator, shape: tuple[int, int, int], part: float) -> np.ndarray:
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), 2.0)
    return np.asarray(smooth > np.quantile(smooth, 1 - part))


def tensor(mask: np.ndarray):
    return torch.from_numpy(mask[None, None].copy())


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 0.7, 0.7), (1.25, 3.0, 0.31)])
@pytest.mark.parametrize("seed", range(4))
def test_dice_surface_dice_and_hd95(spacing, seed):
    rng = np.random.default_rng(seed)
    truth = blob(rng, (12, 20, 18), rng.uniform(0.02, 0.4))
    found = np.roll(truth, (0, 2, 1), (0, 1, 2)) ^ (rng.random(truth.shape) > 0.995)
    mine = compare_surfaces(truth, found, spacing, 1.7)
    p, y = tensor(found), tensor(truth)
    surface = metrics.compute_surface_dice(p, y, [1.7], include_background=True, spacing=spacing)
    hd95 = metrics.compute_hausdorff_distance(p, y, include_background=True, percentile=95, spacing=spacing)
    assert mine.surface_dice == pytest.approx(surface.item(), abs=1e-6)
    assert mine.hd95_mm == pytest.approx(hd95.item(), rel=1e-5)
    assert dice(truth, found) == pytest.approx(metrics.compute_dice(p, y).item(), abs=1e-6)


def test_a_flat_image_is_a_plane():
    rng = np.random.default_rng(0)
    truth, found = (blob(rng, (1, 30, 30), 0.2) for _ in range(2))
    mine = compare_surfaces(truth, found, (4.0, 0.5, 2.0), 1.1)
    p, y = (torch.from_numpy(m[None].copy()) for m in (found, truth))
    how = {"include_background": True, "spacing": (0.5, 2.0)}
    assert mine.surface_dice == pytest.approx(metrics.compute_surface_dice(p, y, [1.1], **how).item(), abs=1e-6)
    hd95 = metrics.compute_hausdorff_distance(p, y, percentile=95, **how)
    assert mine.hd95_mm == pytest.approx(hd95.item(), rel=1e-5)
