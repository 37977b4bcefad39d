"""What text-image models that stand for others have in common: one slice is looked at like several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Saliency, SaliencyMethod, SaliencySpec
from napari_aleatoric.model import Reporter

__all__ = ["SeerByMany"]


class SeerByMany(ABC):
    """Looks at one slice as at several."""

    def saliency(
        self,
        image_yx: NDArray[np.uint8],
        text_vector: NDArray[np.float32],
        *,
        method: SaliencyMethod | None = None,
        spec: SaliencySpec | None = None,
    ) -> Saliency:
        """Say where in a slice a sentence is seen."""
        return self.saliencies([image_yx], text_vector[np.newaxis], method=method, spec=spec)[0]

    @abstractmethod
    def saliencies(
        self,
        images: Sequence[NDArray[np.uint8]],
        text_vectors: NDArray[np.float32],
        *,
        method: SaliencyMethod | None = None,
        spec: SaliencySpec | None = None,
        reporter: Reporter | None = None,
    ) -> list[Saliency]:
        """Say where in slices sentences are seen; see `foundation.TextImageModel`."""
