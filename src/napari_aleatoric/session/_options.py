"""What the user wishes to see. Evented, validated, and nothing derived in it."""

from __future__ import annotations

from psygnal import EventedModel
from pydantic import ConfigDict, Field

from napari_aleatoric.model import Question

from ._item import DEFAULT_MAP

__all__ = ["ViewOptions"]


class ViewOptions(EventedModel):
    """Wishes about the display; `resolve` turns them into what is shown."""

    model_config = ConfigDict(validate_assignment=True, extra="forbid")

    question: Question = Question.LABEL_RISK
    map_name: str = DEFAULT_MAP
    heatmap_on: bool = True
    heatmap_opacity: float = Field(default=0.6, ge=0.0, le=1.0)
    threshold: float = Field(default=0.25, ge=0.0, lt=1.0, description="Map values below are not drawn.")
    hidden_classes: frozenset[int] = Field(default=frozenset(), description="class_index of classes switched off.")
    label_visible: bool = True
    label_outline: bool = True
    original_visible: bool = False
    barring: bool = Field(default=False, description="Paint which voxels are not to be learned from.")
