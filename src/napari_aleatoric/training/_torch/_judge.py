"""A trained network as a judge: probabilities of the classes at every voxel of a case it has not seen."""

from __future__ import annotations

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray
from torch import nn

from napari_aleatoric.training._cases import NetCase
from napari_aleatoric.training._plan import NetPlan

from ._grid import finer_probabilities

__all__ = ["predict_case"]

_AT_ONCE = 300_000  # voxels of the windows that are predicted together


def predict_case(
    net: nn.Module,
    plan: NetPlan,
    case: NetCase,
    shape_zyx: tuple[int, int, int],
    *,
    overlap: float,
    device: torch.device,
    dtype: torch.dtype,
) -> NDArray[np.float16]:
    """Predict one case with windows of the size of training.

    Parameters
    ----------
    net : torch.nn.Module
        From `train_net`.
    plan : NetPlan
        Its plan.
    case : NetCase
        On the network's grid.
    shape_zyx : tuple of int
        The image's grid that the answer is wanted on.
    overlap : float
        Of neighbouring windows; they fade into each other by a Gaussian.
    device, dtype
        As in training.

    Returns
    -------
    numpy.ndarray of float16, shape (K, Z, Y, X)
        Probabilities, summing to 1 over K to rounding. Beyond the rim of a case thinner than a window the outermost
        voxels are repeated, as in training.
    """
    window = plan.patch_zyx
    n = max(1, _AT_ONCE // (window[0] * window[1] * window[2]))
    pixels = torch.from_numpy(np.asarray(case.image, dtype=np.float32))[None]
    with torch.inference_mode(), torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
        logits = sliding_window_inference(
            pixels,
            roi_size=window,
            sw_batch_size=n,
            predictor=net,
            overlap=overlap,
            mode="gaussian",
            padding_mode="replicate",
            sw_device=device,
            device="cpu",
        )
    return finer_probabilities(logits[0].float().softmax(dim=0), shape_zyx)
