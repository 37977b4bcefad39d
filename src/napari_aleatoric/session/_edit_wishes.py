"""How the label is to be corrected: what the person at the window chose. Evented, nothing derived in it."""

from __future__ import annotations

from typing import Literal

from psygnal import EventedModel
from pydantic import ConfigDict, Field

__all__ = ["BRUSHES", "BrushKind", "EditWishes", "Reach"]

BrushKind = Literal["plain", "range", "edge", "ball"]
Reach = Literal["slice", "slices", "volume"]

BRUSHES: tuple[BrushKind, ...] = ("plain", "range", "edge", "ball")


class EditWishes(EventedModel):
    """Wishes of the *Edit* dock. Lengths are in mm where the distance of voxels is known, else in voxels."""

    model_config = ConfigDict(validate_assignment=True, extra="forbid")

    reach: Reach = Field(default="slice", description="This slice, every slice by itself, or the volume.")
    over_others: bool = Field(default=False, description="Whether a class may take voxels from other classes.")
    locked: frozenset[int] = Field(default=frozenset(), description="Label values that nothing may change.")
    brush: BrushKind = "plain"
    low: float = Field(default=0.0, description="Least intensity that the brush paints on.")
    high: float = Field(default=100.0, description="Largest such intensity.")
    tolerance: float = Field(default=2.0, gt=0.0, le=20.0, description="Standard deviations of one tissue.")
    smallest: float = Field(default=100.0, ge=0.0, description="Parts below are removed: mm³, mm² or voxels.")
    sigma: float = Field(default=1.5, gt=0.0, le=50.0, description="Of the smoothing.")
    distance: float = Field(default=2.0, gt=0.0, le=200.0, description="To grow or shrink by.")
    all_classes: bool = Field(default=False, description="Whether regions are copied with all their classes.")
