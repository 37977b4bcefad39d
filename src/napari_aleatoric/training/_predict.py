"""What a trained network says about a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.uncertainty import binary_entropy

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
    class_expected : numpy.ndarray of float, shape (K, Z, Y, X), optional
        Mean over the checkpoints of the entropy of "is it this class or not", in nats; empty for one checkpoint,
        where it is that of ``probabilities``.
    """

    probabilities: NDArray[Any]
    predictive_entropy: NDArray[np.float32]
    expected_entropy: NDArray[np.float32]
    n_members: int
    class_expected: NDArray[Any] | None = None

    @property
    def mutual_information(self) -> NDArray[np.float32]:
        """Predictive minus expected entropy (Z, Y, X), in nats: the checkpoints' disagreement (epistemic part)."""
        return np.asarray(np.maximum(self.predictive_entropy - self.expected_entropy, 0), dtype=np.float32)

    @property
    def class_index(self) -> NDArray[np.uint16]:
        """The most likely class of every voxel (Z, Y, X)."""
        return np.asarray(self.probabilities.argmax(axis=0), dtype=np.uint16)

    def class_entropies(self, class_index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return predictive and expected entropy of "is it this class or not" (Z, Y, X), each from 0 to ln 2.

        Their difference is what the checkpoints disagree about with regard to this class; it is nowhere negative.
        """
        predictive = binary_entropy(self.probabilities[class_index])
        if self.class_expected is None:
            return predictive, predictive
        expected = np.minimum(self.class_expected[class_index].astype(np.float32), predictive)
        return predictive, np.asarray(np.maximum(expected, 0), dtype=np.float32)
