"""What may be chosen about segmentation by a sentence."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from napari_aleatoric.foundation import SaliencyMethod, SaliencySpec
from napari_aleatoric.model import Spec

__all__ = ["Choice", "Plane", "PointAt", "SentenceKind", "SideRule", "SliceSpec", "ThresholdMethod", "VolumeSpec"]

ThresholdMethod = Literal["otsu", "two-means", "fixed"]
PointAt = Literal["box", "points", "both"]
Choice = Literal["single", "best", "average", "staple"]
SentenceKind = Literal["auto", "noun", "generic", "specific", "as-written"]
SideRule = Literal["strict", "off"]
Plane = Literal["acquired", "axial", "coronal", "sagittal"]


class SliceSpec(Spec):
    """How a sentence becomes a mask in one slice; every stage has its own values."""

    sentence: SentenceKind = Field(
        default="auto",
        description="Which sentences of the prompt library stand for a word: noun, generic, specific, all of the "
        "word's own kind (auto), or only what was typed (as-written).",
    )
    saliency_method: SaliencyMethod | None = Field(
        default=None,
        description="How the model is asked where it sees it: by the information bottleneck (m2ib), a gradient map "
        "(gradcam), or patch by patch (patches); none = as the model advises, else m2ib.",
    )
    saliency: SaliencySpec = Field(default_factory=SaliencySpec, description="Settings of the saliency map.")
    threshold: ThresholdMethod = Field(default="otsu", description="How the saliency map becomes a coarse mask.")
    fixed_level: float = Field(default=0.3, ge=0, le=1, description="Level of the threshold 'fixed', 0 … 1.")
    least_share: float = Field(
        default=0.001, ge=0, lt=1, description="Components smaller than this part of the slice are dropped."
    )
    least_confidence: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Components whose mean saliency is less are dropped, unless none would be left.",
    )
    most_components: int | None = Field(
        default=None, ge=1, le=50, description="Components that are kept, at most; none = as the word says."
    )
    order: Literal["confidence", "area"] = Field(
        default="confidence", description="Which components are kept first where there are too many."
    )
    boxes: Literal["each", "one"] = Field(
        default="each", description="A box for each component, or one round all of them."
    )
    box_margin: float = Field(
        default=0.0, ge=0, le=1, description="By how much a box is widened on every side, in parts of its extent."
    )
    point_at: PointAt = Field(default="box", description="What the segmenter is prompted with.")
    n_inside: int = Field(default=10, ge=1, le=100, description="Points in a component.")
    n_outside: int = Field(default=0, ge=0, le=100, description="Points beside it that are not in the object.")
    choice: Choice = Field(
        default="single",
        description="single: one answer to what point_at says; otherwise box, points and both are asked, and the "
        "best by the network's own estimate, the mean, or STAPLE of the three is taken.",
    )
    closely: bool = Field(
        default=True,
        description="Look at each box in a window of its own: better with small networks; or prompt the slice as a "
        "whole, looked at once.",
    )
    largest_hole: float = Field(
        default=0.2, ge=0, le=1, description="Holes up to this part of the mask's area are filled."
    )
    most_share: float = Field(
        default=0.9, gt=0, le=1, description="A mask of more than this part of the slice is taken for no answer."
    )
    least_presence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Part of the other words of the library that must suit the images less, or it is not found; "
        "none = as the model advises, else 0.6.",
    )
    least_score: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        description="Cosine similarity that the best slices must have, or it is not found; none = as the model "
        "advises, else -1.",
    )
    side: SideRule = Field(
        default="strict",
        description="strict: what is asked for as left or right must lie on that side of the patient; off: for "
        "images that show one side only.",
    )
    seed: int = Field(default=0, ge=0, description="Decides which points are drawn.")


class VolumeSpec(SliceSpec):
    """How a sentence becomes a mask in a volume."""

    plane: Plane = Field(default="acquired", description="In which slices it is looked at.")
    window: tuple[float, float] | None = Field(
        default=None,
        description="Intensities that become black and white; none = the 0.5 and 99.5 percentiles of the volume.",
    )
    look_at_most: int = Field(
        default=40,
        ge=1,
        le=10_000,
        description="Slices compared with the sentence, evenly spread, at most.",
    )
    key_slices: int = Field(default=3, ge=1, le=50, description="Slices that masks are carried from, at most.")
    least_estimate: float = Field(
        default=0.5, ge=0, le=1, description="The carrying stops where the segmenter's own estimate is less."
    )
    least_overlap: float = Field(
        default=0.4, ge=0, le=1, description="The carrying stops where Dice with the slice before is less."
    )
    most_growth: float = Field(
        default=1.8, ge=1, le=10, description="The carrying stops where the area grows by more from slice to slice."
    )
    most_drift: float = Field(
        default=1.5,
        gt=0,
        description="The carrying stops where the mean intensity in the mask has moved by more than so many "
        "standard deviations of the key slice's.",
    )
    carry_margin: float = Field(
        default=0.04,
        ge=0,
        le=1,
        description="By how much a mask's box is widened for the next slice, in parts of its extent.",
    )
    pieces: int | None = Field(
        default=None,
        ge=1,
        le=50,
        description="Parts of the object that are kept, at most; none = as the word says.",
    )
    least_piece: float = Field(
        default=0.2, ge=0, le=1, description="Parts smaller than this share of the largest are dropped."
    )

    @model_validator(mode="after")
    def _window_is_ordered(self) -> VolumeSpec:
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"Expected a window from a smaller to a larger intensity, got {self.window}.")
        return self
