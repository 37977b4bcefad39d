"""What looking for words tells: what is wanted, where it stands, and the draft that came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.segmentation import Query

from ._prompt_trail import painted_slice
from ._slice_plane import SlicePlane, WholeVolume
from ._text_picture import DraftPointing

__all__ = ["DraftSlice", "Region", "TextDraft", "TextPhase", "TextStatus"]

Region = SlicePlane | WholeVolume


class TextPhase(StrEnum):
    """What is going on."""

    IDLE = "idle"
    RUNNING = "running"
    STOPPING = "stopping"
    DRAFT = "draft"
    FAILED = "failed"


@dataclass(frozen=True)
class TextStatus:
    """What is going on, in words.

    Parameters
    ----------
    phase : TextPhase
        For programs.
    sentence : str
        For people.
    fraction : float or None
        How much of the work is done, 0 … 1; None where that is not known.
    """

    phase: TextPhase
    sentence: str
    fraction: float | None = None

    @property
    def busy(self) -> bool:
        """Whether something can be waited for."""
        return self.phase in (TextPhase.RUNNING, TextPhase.STOPPING)


@dataclass(frozen=True, eq=False)
class DraftSlice:
    """The stages on one slice that was looked at closely.

    Parameters
    ----------
    plane : SlicePlane
        Which slice, of `upright_plane`.
    saliency : numpy.ndarray of float32, shape (down, right)
        Where the words are seen, 0 … 1.
    coarse : numpy.ndarray of bool, shape (down, right)
        The parts of the map above its level that were gone on with.
    pointings : tuple of DraftPointing
        What the segmenter was told.
    """

    plane: SlicePlane
    saliency: NDArray[np.float32]
    coarse: NDArray[np.bool_]
    pointings: tuple[DraftPointing, ...] = ()


@dataclass(frozen=True, eq=False)
class TextDraft:
    """A machine's proposal: what was found for some words, and everything on the way.

    Parameters
    ----------
    query : Query
        What was looked for.
    modality : str
        Of the image, as its file says.
    region : SlicePlane or WholeVolume
        Where it was looked for.
    label : numpy.ndarray of uint8, shape (Z, Y, X)
        1 in the object, upright frame. Shown and edited in place, until a person accepts or rejects it.
    slices : tuple of DraftSlice
        What was looked at closely.
    sentence : str
        What was found, or why nothing, with the score.
    score : float
        Cosine similarity of the best slices with the words.
    seer, segmenter : str
        Names of the models.
    """

    query: Query
    modality: str
    region: Region
    label: NDArray[np.uint8]
    slices: tuple[DraftSlice, ...]
    sentence: str
    score: float
    seer: str
    segmenter: str

    @property
    def axis(self) -> int:
        """Along which the slices lie that were looked at."""
        if isinstance(self.region, SlicePlane):
            return self.region.axis
        return self.slices[0].plane.axis if self.slices else 0

    @property
    def found(self) -> bool:
        """Whether there is a mask."""
        return bool(self.label.any())

    @property
    def made_by(self) -> str:
        """The models, for the record of a version."""
        return f"{self.segmenter} led by words ({self.seer})"

    def painted(self, label: NDArray[Any], value: int, *, replace: bool, keep_others: bool) -> NDArray[Any]:
        """Return a label map (Z, Y, X) with the draft drawn into it; see `painted_slice`.

        ``replace`` empties the class where the draft was looked for: on its slice, or in the volume.
        """
        mask = self.label > 0
        found = painted_slice(label, mask, value, replace=False, keep_others=keep_others)
        if replace:
            here = self.region.cut(label), self.region.cut(mask)
            self.region.cut(found)[...] = painted_slice(*here, value, replace=True, keep_others=keep_others)
        return found
