"""What a user may choose about the first-day scores."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from napari_aleatoric.model import Spec

from ._quick_spec import QuickNetSpec

__all__ = ["ScoreSpec"]

_COMPARING = ("reference", "auv_percentiles")  # the AUV is worked out for the present cohort, never stored
# what they come to is in the judge's identity
_JUDGING = ("judge", "network", "second_opinion", "probabilities", "ensemble")


class ScoreSpec(Spec):
    """Settings of who judges the labels, of the perception scale and of what is kept of them.

    The defaults are the ones that were measured (see the page on label risk); a case is scored by models that
    never saw it, nor any other case of the same patient.
    """

    judge: Literal["auto", "network", "light", "probabilities"] = Field(
        default="auto",
        description="Who judges the labels: a small network that is trained on the data set (minutes; needs the ai "
        "extra), the light classifier, or the probabilities in a folder; 'auto' takes the folder where one is "
        "named, else the network where torch and monai are installed, else the light classifier.",
    )
    network: QuickNetSpec = Field(default=QuickNetSpec(), description="Settings of the small network.")
    second_opinion: Literal["auto"] | Annotated[float, Field(ge=0, lt=1)] = Field(
        default="auto",
        description="Weight of the light classifier, learned on the same cases, in the probabilities of the small "
        "network; 0 = the network alone; 'auto' = 0.25, or 1 where it clearly foretells the labels of unseen "
        "cases better than the network.",
    )
    probabilities: str = Field(
        default="",
        description="Folder with probabilities of every case from a model of your own that did not learn from the "
        "case; see the page on label risk for the files.",
    )
    ensemble: tuple[str, ...] = Field(
        default=(),
        description="Folders with the probabilities of several networks, one folder each: their mean judges the "
        "labels, and their entropies and their disagreement are measured.",
    )
    encoder: str = Field(
        default="auto",
        description="Frozen model behind the difficulty measures: 'sam-small', 'sam-vit-b' and so on, or "
        "'filter-bank', which needs neither torch nor weights; 'auto' takes sam-small with the ai extra.",
    )
    device: str = Field(default="auto", description="Where the frozen model runs: cpu, cuda, mps or auto.")
    jitters: int = Field(
        default=3,
        ge=0,
        le=32,
        description="Moved boxes per slice and class for the prompt spread; below 2, none.",
    )
    jitter_voxels: float = Field(
        default=2.0, gt=0, description="How far a box is moved, in voxels (one deviation)."
    )
    decode: Literal["labels", "image"] = Field(
        default="labels",
        description="What the frozen model looks at: the labelled part and a margin, or whole slices.",
    )
    normalise: Literal["image", "mask"] = Field(
        default="image",
        description="Intensity range from the image, or from under the labels (leans towards the label).",
    )
    features: str = Field(
        default="auto",
        description="Features of the light classifier by name; 'auto' takes the filter bank, with colour for "
        "colour images.",
    )
    seed: int = Field(default=0, ge=0, description="Decides the folds and which voxels are sampled.")
    n_folds: int = Field(default=2, ge=2, le=10, description="Cross-validation folds over patients.")
    rounds: int = Field(default=120, ge=5, le=1000, description="Boosting rounds; fewer are used for many classes.")
    learning_rate: float = Field(default=0.12, gt=0, le=1)
    max_leaves: int = Field(default=31, ge=3, le=255, description="Leaves per tree.")
    samples_per_case: int = Field(default=3300, ge=100, description="Voxels of a case that the models learn from.")
    near_fraction: float = Field(
        default=0.75, ge=0, le=1, description="Part of them that lies within `near_voxels` of the label."
    )
    near_voxels: int = Field(default=4, ge=1, description="What counts as near the label, in voxels.")
    margin: int = Field(
        default=24, ge=4, description="Voxels around the labels' box that are still looked at in large volumes."
    )
    whole_below: int = Field(
        default=3_000_000, ge=1, description="Volumes of up to this many voxels are looked at as a whole."
    )
    scale_margin: int = Field(default=4, ge=0, description="Voxels around an object's box in its perception scale.")
    max_training_change: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="The models are kept while at most this part of their training cases was added, removed or "
        "changed; beyond it everything is learned and scored anew.",
    )
    maps: bool = Field(default=True, description="Write the voxel maps.")
    reference: str = Field(
        default="",
        description="Name or file of a stored reference that the AUV is taken from, instead of from this data set.",
    )
    auv_percentiles: tuple[float, float] | None = Field(
        default=None,
        description="Percentiles of ln S that become AUV 0 and 1, such as [1, 99], so that one odd case does not "
        "own the range; none = the smallest and the largest.",
    )

    @field_validator("auv_percentiles")
    @classmethod
    def _a_range(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 <= value[0] < value[1] <= 100:
            raise ValueError("expected two percentiles from 0 to 100, the lower one first, such as [1, 99]")
        return value

    @model_validator(mode="after")
    def _one_judge(self) -> Self:
        given = bool(self.probabilities or self.ensemble)
        if given and self.judge not in ("auto", "probabilities"):
            raise ValueError(f"expected either a folder of probabilities or the judge '{self.judge}', got both")
        if self.probabilities and self.ensemble:
            raise ValueError("expected either one folder of probabilities or the folders of an ensemble, got both")
        if len(self.ensemble) == 1:
            raise ValueError("expected the folders of at least two networks in an ensemble, got one")
        if self.judge == "probabilities" and not given:
            raise ValueError("expected a folder of probabilities for the judge 'probabilities'; name it")
        return self

    @property
    def values_digest(self) -> str:
        """16 hexadecimal digits that change with what changes stored values.

        How they are compared is no part of it, nor who judges: what 'auto' comes to is known only where it runs.
        """
        kept = self.model_dump(mode="json", exclude={*_COMPARING, *_JUDGING})
        return hashlib.blake2b(json.dumps(kept, sort_keys=True).encode(), digest_size=8).hexdigest()
