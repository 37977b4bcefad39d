"""What may be chosen of the regions of a map."""

from __future__ import annotations

from pydantic import Field

from napari_aleatoric.model import Spec
from napari_aleatoric.uncertainty import LABEL_RISK_MAP

__all__ = ["RegionSpec"]


class RegionSpec(Spec):
    """Which map, and what of it is a region worth a look."""

    map_name: str = LABEL_RISK_MAP
    threshold: float = Field(default=0.25, ge=0.0, le=1.0, description="Map values below belong to no region.")
    classes: tuple[int, ...] = Field(default=(), description="Class indices; none: all that the map has.")
    least_part: float = Field(
        default=0.01, ge=0.0, le=1.0, description="Regions with a smaller part of all mass are only counted."
    )
    at_most: int = Field(default=50, ge=1, le=1000, description="So are those beyond this number.")
