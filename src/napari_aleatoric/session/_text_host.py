"""Which text-image models can be chosen, and what opens and closes one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import JobFailedError
from napari_aleatoric.foundation import (
    TEXT_IMAGE_WEIGHTS,
    Saliency,
    SaliencyMethod,
    SaliencySpec,
    TextImageModel,
    WeightsStore,
    all_weights_store,
)
from napari_aleatoric.jobs import Actor
from napari_aleatoric.model import Reporter

from ._model_list import NEEDED_WORDS, missing_parts, model_rows
from ._segmenter_host import SegmenterChoice
from ._text_seer import SeerByMany

__all__ = ["OwnTextProcess", "TextHost", "text_model_choices"]


class TextHost(Protocol):
    """Where a text-image model lives."""

    def open(self) -> TextImageModel:
        """Load it; takes seconds, and runs in a thread. Raises `Cancelled` after `close`."""

    def close(self) -> None:
        """Let go of it, from any thread; what is under way may end with `Cancelled`."""


class OwnTextProcess:
    """Keeps the text-image model in a process of its own: the window neither waits for it nor falls with it.

    Parameters
    ----------
    source : str
        As of `segmentation.open_text_model`: a name, or a folder.
    """

    def __init__(self, source: str) -> None:
        self._actor = Actor("napari_aleatoric.segmentation:open_text_model", source)

    def open(self) -> TextImageModel:
        """Start the process and load it there."""
        self._actor.open()
        return _Elsewhere(self._actor)

    def close(self) -> None:
        """End the process."""
        self._actor.close()


class _Elsewhere(SeerByMany):
    """A `TextImageModel` in another process."""

    def __init__(self, actor: Actor) -> None:
        self._call = actor.call
        self._name, self._n_layers = str(actor.call("name")), int(actor.call("n_layers"))
        with suppress(JobFailedError):  # not every model brings advice about its use
            self.advice: Any = actor.call("advice")

    @property
    def name(self) -> str:
        """Identifier of model, weights and settings."""
        return self._name

    @property
    def n_layers(self) -> int:
        """How many layers the image network has."""
        return self._n_layers

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector for each sentence."""
        return np.asarray(self._call("embed_texts", list(texts)))

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return one vector for each slice."""
        return np.asarray(self._call("embed_images", list(images)))

    def likeness(
        self, images: Sequence[NDArray[np.uint8]], text_vectors: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return how well slices suit sentences, in the model's own way."""
        return np.asarray(self._call("likeness", list(images), text_vectors))

    def saliencies(
        self,
        images: Sequence[NDArray[np.uint8]],
        text_vectors: NDArray[np.float32],
        *,
        method: SaliencyMethod | None = None,
        spec: SaliencySpec | None = None,
        reporter: Reporter | None = None,
    ) -> list[Saliency]:
        """Say where in slices sentences are seen; may be stopped between two passes through the network."""
        options: dict[str, Any] = {"method": method, "spec": spec}
        return list(self._call("saliencies", list(images), text_vectors, reporter=reporter, **options))


def text_model_choices(own: str = "", store: WeightsStore | None = None) -> list[SegmenterChoice]:
    """Return all text-image models that are known by name, usable or not, and a folder of the user's.

    Parameters
    ----------
    own : str
        The folder; "" for none.
    store : WeightsStore, optional
        By default the one of this machine, with all weights.
    """
    known = [row for row in model_rows(store or all_weights_store()) if row.name in TEXT_IMAGE_WEIGHTS]
    found = [SegmenterChoice(row.name, not row.why_not, row.why_not or row.good_for) for row in known]
    if own:
        there = (Path(own) / "open_clip_config.json").is_file()
        absent = "" if there else f"The folder '{Path(own).name}' has no open_clip_config.json any more."
        why = missing_parts(NEEDED_WORDS) or absent
        found.append(SegmenterChoice(own, not why, why or "A model of your own, from a folder."))
    return found
