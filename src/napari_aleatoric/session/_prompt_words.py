"""What prompting tells: where it stands, and an answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Prompt
from napari_aleatoric.review import PromptUse

from ._slice_plane import SlicePlane, WholeVolume

__all__ = ["AcceptedDraft", "PromptAnswer", "PromptPhase", "PromptStatus"]


class PromptPhase(StrEnum):
    """What is going on."""

    OFF = "off"
    LOADING = "loading"
    LOOKING = "looking"
    READY = "ready"
    ANSWERING = "answering"
    IDLE = "idle"
    FAILED = "failed"


@dataclass(frozen=True)
class PromptStatus:
    """What is going on, in words.

    Parameters
    ----------
    phase : PromptPhase
        For programs.
    sentence : str
        For people.
    """

    phase: PromptPhase
    sentence: str

    @property
    def busy(self) -> bool:
        """Whether something can be waited for."""
        return self.phase in (PromptPhase.LOADING, PromptPhase.LOOKING, PromptPhase.ANSWERING)


@dataclass(frozen=True, eq=False)
class PromptAnswer:
    """A mask for a prompt.

    Parameters
    ----------
    plane : SlicePlane
        Which slice.
    prompt : Prompt
        What was asked, in pixels of the slice.
    mask : numpy.ndarray of bool, shape (down, right)
        Pixels of the object.
    overlap : float
        Intersection over union with the object, as the network estimates it; 0..1.
    logits : numpy.ndarray of float32 or None
        What a next prompt about the same object may go on from.
    about : object
        As `Prompting.ask` was told.
    seconds : float
        From the question to here.
    segmenter : str
        `PromptSegmenter.name` of the network that answered.
    """

    plane: SlicePlane
    prompt: Prompt
    mask: NDArray[np.bool_]
    overlap: float
    logits: NDArray[np.float32] | None
    about: object
    seconds: float
    segmenter: str = ""

    @property
    def use(self) -> PromptUse:
        """Who drew, and how often it was pointed at, for the record of a version."""
        boxes, clicks = int(self.prompt.box_xyxy is not None), len(self.prompt.points_xy)
        return PromptUse(self.segmenter or "unnamed model", boxes, clicks)


@dataclass(frozen=True, eq=False)
class AcceptedDraft:
    """A machine's proposal that a person accepted, for the record of a version.

    Parameters
    ----------
    plane : SlicePlane or WholeVolume
        Where it was drawn.
    use : PromptUse
        Who drew.
    """

    plane: SlicePlane | WholeVolume
    use: PromptUse

    @property
    def about(self) -> object:
        """Each by itself."""
        return self
