"""A trained network as a judge: probabilities of the classes at every voxel of a case it has not seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_aleatoric.training._model_plan import ModelPlan
from napari_aleatoric.training._plan import NetPlan

__all__ = ["predict_grid"]

_AT_ONCE = 300_000  # voxels of the windows that are predicted together
_MOST_NUMBERS = 1 << 27  # probabilities worked out in one piece: 512 MB; beyond it, slices after slices


def predict_grid(
    net: nn.Module,
    plan: NetPlan | ModelPlan,
    image: NDArray[np.float16],
    *,
    overlap: float,
    device: torch.device,
    dtype: torch.dtype,
    go_on: Callable[[], None],
) -> Tensor:
    """Predict one case on the network's grid, with windows of the size of training.

    Parameters
    ----------
    net : torch.nn.Module
        From `train_net`.
    plan : NetPlan
        Its plan.
    image : numpy.ndarray of float16, shape (C, z, y, x)
        On the network's grid.
    overlap : float
        Of neighbouring windows; they fade into each other by a Gaussian.
    device, dtype
        As in training.
    go_on : callable
        Asked before every few windows; may raise `Cancelled`.

    Returns
    -------
    torch.Tensor of float16, shape (K, z, y, x)
        Probabilities, summing to 1 over K to rounding. Beyond the rim of a case thinner than a window the outermost
        voxels are repeated, as in training. A case with very many voxels and classes is predicted in pieces along
        z that overlap by a window on either side.
    """
    depth, height, width = image.shape[1:]
    window = plan.patch_zyx
    n_windows = max(1, _AT_ONCE // (window[0] * window[1] * window[2]))

    def predicted(pixels: Tensor) -> Tensor:
        go_on()
        found: Tensor = net(pixels)
        return found

    def piece(low: int, high: int) -> Tensor:
        pixels = torch.from_numpy(np.asarray(image[:, low:high], dtype=np.float32))[None]
        with torch.inference_mode(), torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
            logits = sliding_window_inference(
                pixels,
                roi_size=window,
                sw_batch_size=n_windows,
                predictor=predicted,
                overlap=overlap,
                mode="gaussian",
                padding_mode="replicate",
                sw_device=device,
                device="cpu",
            )
            return logits[0].float().softmax(dim=0).half()

    thick = max(window[0], _MOST_NUMBERS // (plan.n_rows * height * width))
    if thick >= depth:
        return piece(0, depth)
    parts = []
    for first in range(0, depth, thick):
        last = min(first + thick, depth)
        low = max(0, first - window[0])
        parts.append(piece(low, min(depth, last + window[0]))[:, first - low : last - low])
    return torch.cat(parts, dim=1)
