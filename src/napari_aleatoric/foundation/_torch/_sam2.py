"""SAM 2 as a `PromptSegmenter`, and with its memory as a `SliceTracker`: numpy outside, torch inside."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation._segmenter import Embedding, Prompt

from ._base import PATCH, NetworkSegmenter
from ._device import at_most_threads
from ._prompt_tensors import PromptTensors, prompt_tensors
from ._sam2_net import at_size, decode, encode, step_of
from ._sam2_track import Track

__all__ = ["Sam2Segmenter", "Sam2Tracker", "sam2_segmenter"]

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class Sam2Segmenter(NetworkSegmenter):
    """A SAM 2 network (Ravi et al. 2024) on single slices.

    A slice is stretched to the square input, as the network was trained; its embedding carries the decoder's two
    finer maps and takes four times the room of Segment Anything's at the same input.

    Parameters
    ----------
    net : Sam2Model or Sam2VideoModel
        The network, with its weights.
    name : str
        Identifies network and weights.
    input_size : int, optional
        Side of the network's square input in pixels, a multiple of `step_of` (32 for the published ones). None =
        right-sized: the smallest that gives each pixel of the slice one and a half, at most what its configuration
        says.
    device, precision, focus, threads
        As of `NetworkSegmenter`.
    """

    def __init__(
        self,
        net: Any,
        name: str,
        *,
        input_size: int | None = None,
        device: str = "auto",
        precision: str = "auto",
        focus: float | None = 1.5,
        threads: int | None = None,
    ) -> None:
        step = step_of(net.config)
        if input_size is not None and (input_size < step or input_size % step):
            raise DataError(f"Expected an input size that is a multiple of {step}, got {input_size}.")
        super().__init__(
            name,
            trained_size=int(net.config.prompt_encoder_config.image_size),
            step=step,
            input_size=input_size,
            device=device,
            precision=precision,
            focus=focus,
            mirrored=False,
            threads=threads,
        )
        self._net = net.to(self._device).eval().requires_grad_(False)
        self._alone = threading.RLock()  # the network is set to one size at a time

    def _input(self, image: NDArray[np.uint8], size: int) -> tuple[Tensor, tuple[int, int]]:
        pixels = torch.from_numpy(image.copy()).to(self._device).permute(2, 0, 1)[None].float()
        if image.shape[:2] != (size, size):
            pixels = F.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
        mean = torch.tensor(_MEAN, device=self._device).view(3, 1, 1)
        deviation = torch.tensor(_STD, device=self._device).view(3, 1, 1)
        return (pixels[0] / 255 - mean) / deviation, (size, size)

    def _encode(self, pixels: Tensor) -> list[Tensor]:
        return encode(self._net, pixels)

    def _decode(self, maps: list[Tensor], size_yx: tuple[int, int], given: PromptTensors) -> tuple[Tensor, Tensor]:
        with self._alone:
            at_size(self._net, size_yx[0])
            return decode(self._net, maps, given)


class Sam2Tracker(Sam2Segmenter):
    """A SAM 2 network that also follows an object from slice to slice, as MedSAM2 does (Ma et al. 2025).

    Parameters
    ----------
    net : Sam2VideoModel
        The network, with its memory.
    name, input_size, device, precision, focus, threads
        As of `Sam2Segmenter`.
    """

    def track(
        self, slices: Sequence[Embedding], key_slice: int, prompt: Prompt
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Follow what is prompted in one slice through all of them; see `SliceTracker`.

        The key slice is answered first; then the network goes on to the last slice, forgets, and goes from the key
        slice back to the first, as MedSAM2's own program does. Where it sees no object, it says so: the logits are
        −1024 there.

        Raises
        ------
        DataError
            If there is no such slice, slices are of another segmenter or size, or the prompt has an earlier answer
            together with a box or points.
        """
        if not 0 <= key_slice < len(slices):
            raise DataError(f"Expected a key slice of 0 … {len(slices) - 1}, got {key_slice}.")
        key = slices[key_slice]
        self._check_own(key)
        size = PATCH * key.values.shape[1]
        given = prompt_tensors([key], [prompt], (size, size), self._device)
        track = Track(self._net, len(slices), key_slice, given)
        for at, backwards in track.order():
            embedding = slices[at]
            self._check_own(embedding)
            if embedding.values.shape != key.values.shape or embedding.shape_yx != key.shape_yx:
                raise DataError(
                    f"Expected slices of {key.shape_yx} pixels and embeddings of {key.values.shape}, as the key "
                    f"slice has, got {embedding.shape_yx} and {embedding.values.shape} at slice {at}."
                )
            with self._alone, torch.inference_mode(), at_most_threads(self._threads):
                at_size(self._net, size)
                logits = track.step(at, self._maps([embedding]), backwards=backwards).float().cpu().numpy()
            yield at, logits


def sam2_segmenter(net: Any, name: str, **options: Any) -> Sam2Segmenter:
    """Return a tracker for a network with memory, else a segmenter of single slices."""
    kind = Sam2Tracker if hasattr(net, "memory_attention") else Sam2Segmenter
    return kind(net, name, **options)
