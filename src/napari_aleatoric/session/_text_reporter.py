"""How far looking for words is: told to the window a few times per second, and stopped when asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Saliency, SaliencyMethod, SaliencySpec, TextImageModel, likeness
from napari_aleatoric.jobs import duration_in_words
from napari_aleatoric.model import Reporter

from ._stop_switch import StopSwitch
from ._text_seer import SeerByMany

__all__ = ["ReportingSeer", "RunReporter", "StopOnly"]

_TOLD_S = 0.15  # between two words to the window
_LEAST_S, _LEAST_SHARE = 3.0, 0.08  # before anything is estimated


class RunReporter(StopSwitch):
    """Takes steps in the work's thread.

    Parameters
    ----------
    tell : callable
        ``tell(sentence, fraction)``; runs in the thread of the work.
    clock : callable
        Seconds.
    """

    def __init__(
        self, tell: Callable[[str, float | None], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._tell, self._clock = tell, clock
        self._began, self._told = clock(), float("-inf")

    def step(self, done: float, total: float, message: str = "") -> None:
        """Take note; raises `Cancelled` when a stop was asked for."""
        self.check()
        now = self._clock()
        if now - self._told < _TOLD_S and done < total:
            return
        self._told = now
        share = min(max(done / total, 0.0), 1.0) if total > 0 else None
        self._tell(f"{message}{self._left(share, now - self._began)}\u00a0…", share)

    def _left(self, share: float | None, seconds: float) -> str:
        if share is None or not _LEAST_SHARE <= share < 1 or seconds < _LEAST_S:
            return ""
        return f", about {duration_in_words(seconds * (1 - share) / share)} left"


class StopOnly:
    """A part of the work whose own progress is not shown, but which can be stopped."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._last = (0.0, 100.0, "")

    def step(self, done: float, total: float, message: str = "") -> None:
        """Tell the last step of the whole once more."""
        self._reporter.step(*self._last)

    def whole(self, done: float, total: float, message: str = "") -> None:
        """Take a step of the whole."""
        self._last = (done, total, message)
        self._reporter.step(done, total, message)

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Do nothing."""


class ReportingSeer(SeerByMany):
    """A `TextImageModel` that tells a reporter while it looks for one sentence.

    Parameters
    ----------
    model : TextImageModel
        Who looks.
    reporter : Reporter
        Who is told.
    """

    def __init__(self, model: TextImageModel, reporter: Reporter) -> None:
        self._model, self._reporter = model, reporter
        if hasattr(model, "advice"):  # not every model brings some
            self.advice: Any = model.advice

    @property
    def name(self) -> str:
        """Identifier of model, weights and settings."""
        return self._model.name

    @property
    def n_layers(self) -> int:
        """How many layers the image network has."""
        return self._model.n_layers

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector for each sentence."""
        return self._model.embed_texts(texts)

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return one vector for each slice."""
        return self._model.embed_images(images)

    def likeness(
        self, images: Sequence[NDArray[np.uint8]], text_vectors: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Say how well slices suit sentences, in the model's own way."""
        return likeness(self._model, images, text_vectors)

    def saliencies(
        self,
        images: Sequence[NDArray[np.uint8]],
        text_vectors: NDArray[np.float32],
        *,
        method: SaliencyMethod | None = None,
        spec: SaliencySpec | None = None,
        reporter: Reporter | None = None,
    ) -> list[Saliency]:
        """Do the same for several slices."""
        told = reporter or self._reporter
        return self._model.saliencies(images, text_vectors, method=method, spec=spec, reporter=told)
