"""Where in an image a sentence is seen, and what a model that can say so has to offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Reporter, Spec

__all__ = ["Likens", "Saliency", "SaliencyMethod", "SaliencySpec", "TextImageModel", "likeness"]

SaliencyMethod = Literal["m2ib", "gradcam", "patches"]


class SaliencySpec(Spec):
    """Settings of a saliency map.

    All but ``layer`` belong to the information bottleneck; the defaults are those of the published program.
    """

    layer: int | None = Field(
        default=None,
        ge=0,
        description="Layer of the image network whose answer is looked at, from 0; None = as the model advises, "
        "else the eighth of twelve, or as deep in a network of another depth.",
    )
    beta: float = Field(default=0.1, ge=0, description="How much it costs to let the image through.")
    steps: int = Field(default=10, ge=1, le=1000, description="Steps of the optimiser.")
    draws: int = Field(default=10, ge=1, le=1000, description="Draws of noise in every step.")
    learning_rate: float = Field(default=1.0, gt=0, description="Of the optimiser, Adam.")
    seed: int = Field(default=0, ge=0, description="Decides the noise.")


@dataclass(frozen=True, eq=False)
class Saliency:
    """Where in a slice a sentence is seen.

    Parameters
    ----------
    map_yx : numpy.ndarray of float32, shape (Y, X)
        On the slice's own pixels; 0 = where it is seen least, 1 = where most. It says nothing about whether it is
        seen at all: the greatest value is always 1, unless the map is the same everywhere, then it is 0.
    score : float
        How well the slice suits the sentence, −1 … 1, as of `likeness`.
    method : {"m2ib", "gradcam", "patches"}
        How it was found.
    """

    map_yx: NDArray[np.float32]
    score: float
    method: SaliencyMethod

    def __post_init__(self) -> None:
        values = self.map_yx
        if values.ndim != 2 or values.dtype != np.float32 or values.size == 0:
            raise DataError(f"Expected a map (Y, X) of float32, got {values.dtype} {values.shape}.")
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise DataError(f"Expected values of 0 to 1 in a map, got {values.min():g} to {values.max():g}.")
        if not -1.001 <= self.score <= 1.001:
            raise DataError(f"Expected a similarity of −1 to 1, got {self.score:g}.")
        if self.method not in get_args(SaliencyMethod):
            raise DataError(f"Expected one of {', '.join(get_args(SaliencyMethod))}, got '{self.method}'.")


@runtime_checkable
class TextImageModel(Protocol):
    """A frozen model that brings sentences and images into one space.

    Contract
    --------
    * ``name`` identifies model, weights and settings; it enters every cache key.
    * Slices are uint8, one of (Y, X) or (Y, X, 3); bring them there with `to_uint8`. A slice is stretched to the
      network's square input, so all of it is seen.
    * The same slice and sentence give the same answer, alone or among others, up to rounding.
    """

    @property
    def name(self) -> str:
        """Identifier of model, weights and settings."""

    @property
    def n_layers(self) -> int:
        """How many layers the image network has, for `SaliencySpec.layer`."""

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector of length 1 for each sentence, shape (N, D)."""

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return one vector of length 1 for each slice, shape (N, D)."""

    def saliency(
        self,
        image_yx: NDArray[np.uint8],
        text_vector: NDArray[np.float32],
        *,
        method: SaliencyMethod | None = None,
        spec: SaliencySpec | None = None,
    ) -> Saliency:
        """Say where in a slice a sentence is seen; ``text_vector`` (D,) is of `embed_texts`, or a mean of some.

        ``method`` None = as the model advises, else the information bottleneck.
        """

    def saliencies(
        self,
        images: Sequence[NDArray[np.uint8]],
        text_vectors: NDArray[np.float32],
        *,
        method: SaliencyMethod | None = None,
        spec: SaliencySpec | None = None,
        reporter: Reporter | None = None,
    ) -> list[Saliency]:
        """Do the same for several slices at a time; ``text_vectors`` (N, D) has one for each of them.

        ``reporter`` hears of slices and may stop the work between two passes through the network.
        """


@runtime_checkable
class Likens(Protocol):
    """A `TextImageModel` that judges in its own way how well a slice suits a sentence."""

    def likeness(
        self, images: Sequence[NDArray[np.uint8]], text_vectors: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return how well each of N slices suits each of M sentences, −1 … 1, shape (N, M)."""


def likeness(
    model: TextImageModel, images: Sequence[NDArray[np.uint8]], text_vectors: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Say how well slices suit sentences: in the model's own way, else by their cosine similarity.

    Parameters
    ----------
    model : TextImageModel
        One that is `Likens` is asked itself.
    images : sequence of numpy.ndarray of uint8
        Slices, each (Y, X) or (Y, X, 3).
    text_vectors : numpy.ndarray of float32, shape (M, D)
        Of length 1, as of `TextImageModel.embed_texts` or a mean of some.

    Returns
    -------
    numpy.ndarray of float32, shape (N, M)
        −1 … 1.
    """
    if isinstance(model, Likens):
        return model.likeness(images, text_vectors)
    found: NDArray[np.float32] = model.embed_images(images) @ np.asarray(text_vectors, dtype=np.float32).T
    return found
