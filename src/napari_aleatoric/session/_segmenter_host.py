"""Which promptable segmenters can be chosen, and what opens and closes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import (
    TEXT_IMAGE_WEIGHTS,
    Embedding,
    Prediction,
    Prompt,
    PromptSegmenter,
    WeightsStore,
)
from napari_aleatoric.jobs import Actor

from ._model_list import model_rows

__all__ = ["OwnProcess", "SegmenterChoice", "SegmenterHost", "segmenter_choices"]


class SegmenterHost(Protocol):
    """Where a segmenter lives."""

    def open(self) -> PromptSegmenter:
        """Load it; takes seconds, and runs in a thread. Raises `Cancelled` after `close`."""

    def close(self) -> None:
        """Let go of it, from any thread; what is under way may end with `Cancelled`."""


class OwnProcess:
    """Keeps the segmenter in a process of its own: the window neither waits for it nor falls with it.

    Parameters
    ----------
    name : str
        As of `foundation.segmenter`.
    """

    def __init__(self, name: str) -> None:
        self._actor = Actor("napari_aleatoric.foundation:segmenter", name)

    def open(self) -> PromptSegmenter:
        """Start the process and load it there."""
        self._actor.open()
        return _Elsewhere(self._actor)

    def close(self) -> None:
        """End the process."""
        self._actor.close()


class _Elsewhere:
    """A `PromptSegmenter` in another process."""

    def __init__(self, actor: Actor) -> None:
        self._call = actor.call
        self._name = str(actor.call("name"))

    @property
    def name(self) -> str:
        """Identifier of model, weights and settings."""
        return self._name

    def embed(self, slices: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Look at slices."""
        return list(self._call("embed", list(slices)))

    def predict(self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]) -> list[Prediction]:
        """Answer one prompt on each embedding."""
        return list(self._call("predict", list(embeddings), list(prompts)))

    def segment(self, image: NDArray[np.uint8], prompt: Prompt, *, whole: Prediction | None = None) -> Prediction:
        """Answer one prompt on one slice."""
        found: Prediction = self._call("segment", image, prompt, whole=whole)
        return found


@dataclass(frozen=True)
class SegmenterChoice:
    """One segmenter in the list.

    Parameters
    ----------
    name : str
        As of `foundation.segmenter`.
    ready : bool
        Whether it can be used now.
    sentence : str
        What it is good for; or, where it cannot be used, why, and what to do.
    """

    name: str
    ready: bool
    sentence: str


def segmenter_choices(store: WeightsStore | None = None) -> list[SegmenterChoice]:
    """Return all segmenters, usable or not; reads no weights and loads nothing heavy.

    Parameters
    ----------
    store : WeightsStore, optional
        By default the one of this machine.
    """
    rows = [row for row in model_rows(store or WeightsStore()) if row.name not in TEXT_IMAGE_WEIGHTS]
    return [SegmenterChoice(row.name, not row.why_not, row.why_not or row.good_for) for row in rows]
