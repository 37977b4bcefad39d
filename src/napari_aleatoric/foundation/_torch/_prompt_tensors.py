"""Prompts in pixels of a slice → tensors in pixels of a network's input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation._segmenter import Embedding, Prompt

__all__ = ["MASK_STRIDE", "PromptTensors", "prompt_tensors"]

MASK_STRIDE = 4  # of the input, per pixel of a mask the decoder gives
_NOTHING = -10.0  # logits of an earlier answer beyond the slice


class PromptTensors(NamedTuple):
    """B prompts of one kind; None for what they do not have. Integers are centres of input pixels."""

    points: Tensor | None  # (B, P, 2), (x, y)
    labels: Tensor | None  # (B, P), 1 inside, 0 outside
    boxes: Tensor | None  # (B, 4), (x0, y0, x1, y1), the first and the last pixel
    masks: Tensor | None  # (B, 1, Y/4, X/4), logits

    @property
    def lone_point(self) -> bool:
        """Whether it is one point and nothing else, which may mean several things."""
        bare = self.boxes is None and self.masks is None
        return bare and self.points is not None and self.points.shape[1] == 1


def prompt_tensors(
    embeddings: Sequence[Embedding], prompts: Sequence[Prompt], size_yx: tuple[int, int], device: torch.device
) -> PromptTensors:
    """Bring prompts of one kind onto the input of their embeddings.

    Parameters
    ----------
    embeddings : sequence of Embedding
        What is prompted.
    prompts : sequence of Prompt
        As many; all have, or have not, a box, an earlier answer, and the same number of points.
    size_yx : tuple of int
        Of the network's input, in pixels.
    device : torch.device
        Where the tensors are to be.

    Raises
    ------
    DataError
        If an earlier answer does not lie on the mask grid of its embedding.
    """
    scales = [
        np.array([e.input_yx[1] / e.shape_yx[1], e.input_yx[0] / e.shape_yx[0]], dtype=np.float32)
        for e in embeddings
    ]
    points = labels = boxes = masks = None
    if prompts[0].points_xy:
        centres = [
            (np.array(p.points_xy, np.float32) + 0.5) * s - 0.5 for p, s in zip(prompts, scales, strict=True)
        ]
        points = torch.from_numpy(np.stack(centres)).to(device)
        labels = torch.tensor([p.point_labels for p in prompts], dtype=torch.float32, device=device)
    if prompts[0].box_xyxy is not None:
        rows = []
        for prompt, scale in zip(prompts, scales, strict=True):
            corners = np.array(prompt.box_xyxy, dtype=np.float32).reshape(2, 2)
            rows.append(np.concatenate([corners[0] * scale, (corners[1] + 1) * scale - 1]))  # whole pixels
        boxes = torch.from_numpy(np.stack(rows).astype(np.float32)).to(device)
    if prompts[0].mask_logits is not None:
        grid = tuple(n // MASK_STRIDE for n in size_yx)
        stack = np.full((len(prompts), 1, *grid), _NOTHING, dtype=np.float32)
        for into, prompt, embedding in zip(stack, prompts, embeddings, strict=True):
            fill = embedding.mask_yx
            given = np.asarray(prompt.mask_logits)
            if given.shape != fill:
                raise DataError(f"Expected an earlier answer on the mask grid {fill}, got {given.shape}.")
            into[0, : fill[0], : fill[1]] = given
        masks = torch.from_numpy(stack).to(device)
    return PromptTensors(points, labels, boxes, masks)
