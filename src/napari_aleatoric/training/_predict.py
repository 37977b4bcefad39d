"""What a trained network says about a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Prediction"]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Mean probabilities over the checkpoints, and how sure they are; of a case or of some of its slices.

    ``0 <= expected_entropy <= predictive_entropy <= ln K`` holds in every voxel, to rounding. The entropies are
    worked out on the network's grid and interpolated from there.

    Parameters
    ----------
    probabilities : numpy.ndarray of float, shape (K, Z, Y, X)
        Mean over the checkpoints; sum to 1 over K, row 0 is background.
    predictive_entropy : numpy.ndarray of float32, shape (Z, Y, X)
        Entropy of the mean: total uncertainty, in nats.
    expected_entropy : numpy.ndarray of float32, shape (Z, Y, X)
        Mean entropy of the checkpoints: its aleatoric part, in nats.
    n_members : int
        How many checkpoints; of one, mutual information is 0.
    """

    probabilities: NDArray[Any]
    predictive_entropy: NDArray[np.float32]
    expected_entropy: NDArray[np.float32]
    n_members: int

    @property
    def mutual_information(self) -> NDArray[np.float32]:
        """Predictive minus expected entropy (Z, Y, X), in nats: the checkpoints' disagreement (epistemic part)."""
        return np.asarray(np.maximum(self.predictive_entropy - self.expected_entropy, 0), dtype=np.float32)

    @property
    def class_index(self) -> NDArray[np.uint16]:
        """The most likely class of every voxel (Z, Y, X)."""
        return np.asarray(self.probabilities.argmax(axis=0), dtype=np.uint16)
