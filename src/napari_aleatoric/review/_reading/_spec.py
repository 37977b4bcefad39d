"""How readers are compared: what may be chosen."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_aleatoric.model import Spec

__all__ = ["ReadersSpec"]


class ReadersSpec(Spec):
    """How the readers of a data set are compared."""

    tolerance_mm: float = Field(
        default=2.0, gt=0, description="Distance between outlines that does not count in the surface Dice, mm."
    )
    tolerance_voxels: float = Field(
        default=1.0, gt=0, description="The same where the size of a voxel is not known, in voxels."
    )
    band_voxels: float = Field(
        default=3.0, ge=0, le=100, description="How far round what anybody drew quality and kappa look, in voxels."
    )
    kappa_over: Literal["band", "image"] = Field(
        default="band", description="Voxels that Fleiss' kappa is of: that band, or the whole image."
    )
    weights: Literal["dice", "staple"] = Field(
        default="dice", description="Where the readers' weights in their mean come from."
    )
    answers: Literal["first", "latest"] = Field(
        default="first", description="Which version of a reading counts: the first answer, or the latest."
    )
    draws: int = Field(default=1000, ge=100, le=20_000, description="Draws of the bootstrap behind the intervals.")
    seed: int = Field(default=0, ge=0, description="Of those draws.")
