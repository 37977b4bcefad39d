"""What the worker's thread does for prompting: load, look at a slice, answer.

The objects here are made in the main thread and handed over with the work. Fields that belong to the worker are
read by nobody else before the work's future is done.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.foundation import Embedding, Prompt, PromptSegmenter, intensity_range
from napari_aleatoric.model import Volume

from ._segmenter_host import SegmenterHost
from ._slice_look import SliceLook
from ._slice_plane import SlicePlane

__all__ = ["CaseInView", "Found", "LoadedModel", "SeenSlice", "answer", "look_at"]

_CLOSE_UP = 0.4  # a box of at least this share of the slice is answered from the whole slice
_COARSE = 160  # pixels; a slice of up to so many was looked at coarsely, and is looked at again for every box


@dataclass(eq=False)
class LoadedModel:
    """A segmenter and where it lives.

    Parameters
    ----------
    host : SegmenterHost
        Opens and closes it.
    opened : PromptSegmenter, optional
        The worker's: there once it is loaded.
    seconds : float
        The worker's: how long it last looked at a slice.
    """

    host: SegmenterHost
    opened: PromptSegmenter | None = None
    seconds: float = 0.0

    def load(self) -> None:
        """Open it, once; takes seconds."""
        if self.opened is None:
            self.opened = self.host.open()

    @property
    def segmenter(self) -> PromptSegmenter:
        """The loaded segmenter; `Cancelled` before it is loaded."""
        if self.opened is None:
            raise Cancelled("The segmenter is not loaded.")
        return self.opened


@dataclass(eq=False)
class CaseInView:
    """A volume.

    Parameters
    ----------
    volume : Volume
        Upright.
    limits : tuple of float, optional
        The worker's: intensities that become black and white.
    """

    volume: Volume
    limits: tuple[float, float] | None = None

    @property
    def window(self) -> tuple[float, float]:
        """Intensities that become black and white; looked for at the first call."""
        if self.limits is None:
            self.limits = intensity_range(self.volume.data)
        return self.limits

    def look(self, plane: SlicePlane) -> SliceLook:
        """Prepare a slice for a segmenter."""
        spacing = plane.spacing(self.volume.geometry.spacing_zyx_mm)
        return SliceLook.of(plane.cut(self.volume.data), spacing, self.window)


@dataclass(eq=False)
class SeenSlice:
    """What is known of one slice of a case; ``look`` and ``embedding`` are the worker's."""

    plane: SlicePlane
    case: CaseInView
    look: SliceLook | None = None
    embedding: Embedding | None = None

    @property
    def prepared(self) -> SliceLook:
        """The slice as a segmenter sees it; made at the first call."""
        if self.look is None:
            self.look = self.case.look(self.plane)
        return self.look


@dataclass(frozen=True, eq=False)
class Found:
    """What a segmenter answered.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (down, right)
        Pixels of the slice.
    overlap : float
        Intersection over union with the object, as the network estimates it; 0..1.
    logits : numpy.ndarray of float32, or None
        Of the whole slice, for a next prompt about the same object.
    segmenter : str
        Who answered.
    """

    mask: NDArray[np.bool_]
    overlap: float
    logits: NDArray[np.float32] | None
    segmenter: str


def look_at(model: LoadedModel, seen: SeenSlice) -> Embedding:
    """Look at a slice, once; the expensive part.

    Raises
    ------
    Cancelled
        If the segmenter is not loaded.
    """
    if seen.embedding is None:
        started = time.perf_counter()
        seen.embedding = model.segmenter.embed([seen.prepared.image])[0]
        model.seconds = time.perf_counter() - started
    return seen.embedding


def answer(model: LoadedModel, seen: SeenSlice, prompt: Prompt) -> Found:
    """Answer a prompt about a slice.

    A small box, and the place that clicks seem to mean, are looked at by themselves; a large box is answered from
    the slice as it was seen.

    Raises
    ------
    Cancelled
        If the segmenter is not loaded.
    """
    segmenter, look = model.segmenter, seen.prepared
    asked = look.prompt(prompt)
    if asked.box_xyxy is not None and _is_small(asked.box_xyxy, look):
        found, logits = segmenter.segment(look.image, asked), None
    else:
        found = segmenter.predict([look_at(model, seen)], [asked])[0]
        logits = found.logits
        if asked.box_xyxy is None and asked.points_xy:
            found = segmenter.segment(look.image, asked, whole=found)
    return Found(look.mask(found), min(max(float(found.iou), 0.0), 1.0), logits, segmenter.name)


def _is_small(box_xyxy: tuple[float, float, float, float], look: SliceLook) -> bool:
    x0, y0, x1, y1 = box_xyxy
    longest: int = max(look.image.shape[:2])
    return longest <= _COARSE or max(x1 - x0, y1 - y0) + 1 < _CLOSE_UP * longest
