"""What the plots show. Evented, validated, and nothing derived in it."""

from __future__ import annotations

from typing import Literal

from psygnal import EventedModel
from pydantic import ConfigDict, Field

__all__ = ["ExploreOptions"]


class ExploreOptions(EventedModel):
    """Wishes about the plots."""

    model_config = ConfigDict(validate_assignment=True, extra="forbid")

    measure: str = Field(default="auv", description="Of the histogram, and what the filter cuts by.")
    class_index: int = Field(default=0, ge=0, description="Class whose values are shown; 0 = the whole case.")
    across: str = Field(default="volume_voxels", description="Measure along x of the scatter plot.")
    up: str = Field(default="label_risk", description="Measure along y of the scatter plot.")
    colour_by: Literal["status", "class", "kept"] = Field(default="status", description="What colours points.")
