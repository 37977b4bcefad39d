"""Segment Anything as a `PromptSegmenter`: numpy outside, torch inside."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from segment_anything.modeling import Sam
from torch import Tensor

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation._weights._store import WeightsStore

from ._base import PATCH, NetworkSegmenter
from ._prompt_tensors import MASK_STRIDE, PromptTensors
from ._sam_net import ARCHITECTURES, build_sam, decode, encode, prompt_tokens

__all__ = ["SamSegmenter", "load_sam"]

Scaling = Literal["imagenet", "unit"]

_MEAN = (123.675, 116.28, 103.53)
_STD = (58.395, 57.12, 57.375)


class SamSegmenter(NetworkSegmenter):
    """A Segment Anything network of any size (Kirillov et al. 2023), or one of the same format such as MedSAM.

    Parameters
    ----------
    sam : Sam
        The network, with its weights.
    name : str
        Identifies network and weights.
    scaling : {"imagenet", "unit"}
        What pixels become before the network: standardised with Segment Anything's mean and deviation, the slice
        keeping its proportions; or, as MedSAM was trained (Ma et al. 2024), stretched to a square and scaled
        from the slice's least to its greatest value to 0 … 1.
    input_size : int, optional
        Side of the network's square input in pixels, a multiple of 16. None = right-sized: the smallest that
        gives each pixel of the slice one and a half, at most what the network was trained for. A network with
        attention windows gets whole windows, or it would pay for padding.
    device : str
        'cpu', 'cuda', 'cuda:1', 'mps' or 'auto'.
    precision : {"auto", "float32", "bfloat16", "float16"}
        Of the image encoder. 'auto' = a half type where the processor is faster with it.
    focus : float, optional
        `segment` looks at a window of so many times the prompt's extent; None = always at the whole slice.
    mirrored : bool
        Whether `segment` answers a box by the mean of the logits over the window and its three mirror images: four
        times the work, and worth it for a small network.
    threads : int, optional
        Of the processor, at most; for programs that do other work at the same time.
    """

    def __init__(
        self,
        sam: Sam,
        name: str,
        *,
        scaling: Scaling = "imagenet",
        input_size: int | None = None,
        device: str = "auto",
        precision: str = "auto",
        focus: float | None = 1.5,
        mirrored: bool = False,
        threads: int | None = None,
    ) -> None:
        if input_size is not None and (input_size < PATCH or input_size % PATCH):
            raise DataError(f"Expected an input size that is a multiple of {PATCH}, got {input_size}.")
        windows = [int(block.window_size) for block in sam.image_encoder.blocks]
        super().__init__(
            f"{name}-{scaling}",
            trained_size=int(sam.image_encoder.img_size),
            step=PATCH * max([2, *windows]),
            input_size=input_size,
            device=device,
            precision=precision,
            focus=focus,
            mirrored=mirrored,
            threads=threads,
        )
        self._sam = sam.to(self._device).eval().requires_grad_(False)
        self._scaling = scaling

    def _input(self, image: NDArray[np.uint8], size: int) -> tuple[Tensor, tuple[int, int]]:
        """Scale one slice, (3, size, size); and how much of it the slice fills, in pixels (y, x)."""
        height, width = image.shape[:2]
        if self._scaling == "unit":
            fill = (size, size)
        else:  # whole pixels of the mask grid, so that the answer can be cut to the slice
            scale = size / max(height, width)
            fill = (_to_grid(height * scale, size), _to_grid(width * scale, size))
        pixels = torch.from_numpy(image.copy()).to(self._device).permute(2, 0, 1)[None].float()
        if fill != (height, width):
            pixels = F.interpolate(pixels, size=fill, mode="bilinear", align_corners=False, antialias=True)
        if self._scaling == "unit":
            low, high = pixels.min(), pixels.max()
            pixels = (pixels - low) / (high - low).clamp(min=1e-8)
        else:
            mean = torch.tensor(_MEAN, device=self._device).view(3, 1, 1)
            deviation = torch.tensor(_STD, device=self._device).view(3, 1, 1)
            pixels = (pixels - mean) / deviation
        return F.pad(pixels[0], (0, size - fill[1], 0, size - fill[0])), fill

    def _encode(self, pixels: Tensor) -> list[Tensor]:
        return [encode(self._sam, pixels)]

    def _decode(self, maps: list[Tensor], size_yx: tuple[int, int], given: PromptTensors) -> tuple[Tensor, Tensor]:
        sparse, dense = prompt_tokens(self._sam, size_yx, given.points, given.labels, given.boxes, given.masks)
        logits, iou = decode(self._sam, maps[0], sparse, dense)
        n = logits.shape[0]
        best = 1 + iou[:, 1:].argmax(dim=1) if given.lone_point else iou.new_zeros(n, dtype=torch.long)
        row = torch.arange(n, device=best.device)
        return logits[row, best], iou[row, best]


def _to_grid(pixels: float, most: int) -> int:
    """Round to whole pixels of the mask grid."""
    return int(min(most, max(MASK_STRIDE, MASK_STRIDE * round(pixels / MASK_STRIDE))))


def load_sam(
    name: str,
    *,
    device: str = "auto",
    input_size: int | None = None,
    threads: int | None = None,
    store: WeightsStore | None = None,
) -> SamSegmenter:
    """Read verified weights into their network.

    Parameters
    ----------
    name : str
        Of known or imported weights.
    device, input_size, threads
        As of `SamSegmenter`.
    store : WeightsStore, optional
        Where weights lie; by default the user's.

    Raises
    ------
    NotFoundError, DataError
        If the weights are not here, or not what they should be.
    """
    store = store or WeightsStore()
    weights = store.info(name)
    state = {key: value.float() for key, value in store.load_state(name).items()}
    with torch.device("meta"):
        sam = build_sam(ARCHITECTURES[weights.architecture])
    sam = sam.to_empty(device="cpu")
    sam.load_state_dict(state, strict=True)
    pixel = sam.pixel_mean.shape  # not kept in files, and not used here: scaling is the segmenter's
    sam.pixel_mean, sam.pixel_std = torch.zeros(pixel), torch.ones(pixel)
    label = f"{name}-{(weights.sha256 or '')[:12]}"
    return SamSegmenter(
        sam,
        label,
        scaling=weights.scaling,
        device=device,
        input_size=input_size,
        mirrored=weights.architecture == "small",
        threads=threads,
    )
