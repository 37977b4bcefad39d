"""A slice as a segmenter gets to see it: grey levels 0 to 255, pixels about square."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Prediction, Prompt, bilinear, to_uint8

__all__ = ["SliceLook"]

_SQUARE = 1.3  # pixels whose sides differ less are left as they are
_LARGEST = 2048  # pixels along either side after stretching


@dataclass(frozen=True, eq=False)
class SliceLook:
    """One displayed slice, prepared; and the way between its pixels and those of the prepared image.

    A network that knows objects by their shape should not see a body squeezed to a fifth of its height because
    slices lie 5 mm apart: the coarser axis is stretched until pixels are about square.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W) or (H, W, 3)
        What the segmenter sees.
    shape : tuple of int
        Of the slice itself, (down, right).
    """

    image: NDArray[np.uint8]
    shape: tuple[int, int]

    @classmethod
    def of(cls, pixels: NDArray[Any], spacing: tuple[float, float], limits: tuple[float, float]) -> SliceLook:
        """Prepare a slice.

        Parameters
        ----------
        pixels : numpy.ndarray, shape (down, right) or (down, right, 3)
            Intensities.
        spacing : tuple of float
            Distance of pixels, (down, right), in any one unit.
        limits : tuple of float
            Intensities that become 0 and 255.
        """
        shape = (pixels.shape[0], pixels.shape[1])
        is_bytes = pixels.ndim == 3 and pixels.dtype == np.uint8
        image = pixels if is_bytes else to_uint8(pixels, limits)
        finest = min(spacing)
        size = [
            n if s < _SQUARE * finest else min(round(n * s / finest), max(n, _LARGEST))
            for n, s in zip(shape, spacing, strict=True)
        ]
        if tuple(size) != shape:
            channels = [image] if image.ndim == 2 else [image[..., c] for c in range(image.shape[2])]
            grown = [np.rint(bilinear(c.astype(np.float32), (size[0], size[1]))).astype(np.uint8) for c in channels]
            image = grown[0] if image.ndim == 2 else np.stack(grown, axis=-1)
        return cls(np.ascontiguousarray(image), shape)

    @property
    def _growth(self) -> tuple[float, float]:
        return (self.image.shape[0] / self.shape[0], self.image.shape[1] / self.shape[1])

    def prompt(self, prompt: Prompt) -> Prompt:
        """Carry a prompt from pixels of the slice to pixels of the image; a box keeps whole pixels."""
        down, right = self._growth
        if down == right == 1:
            return prompt
        box = prompt.box_xyxy
        if box is not None:
            x0, y0, x1, y1 = box
            box = (x0 * right, y0 * down, (x1 + 1) * right - 1, (y1 + 1) * down - 1)
        points = tuple(((x + 0.5) * right - 0.5, (y + 0.5) * down - 0.5) for x, y in prompt.points_xy)
        return replace(prompt, box_xyxy=box, points_xy=points)

    def mask(self, prediction: Prediction) -> NDArray[np.bool_]:
        """Return which pixels of the slice an answer covers, shape (down, right)."""
        logits = prediction.on_slice()
        if logits.shape != self.shape:
            logits = bilinear(logits, self.shape)
        return logits > 0
