"""What may be chosen of an adjudication."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_aleatoric.model import Spec

from ._fold import ADJUDICATED

__all__ = ["AdjudicateSpec"]


class AdjudicateSpec(Spec):
    """How an adjudication is begun."""

    start: Literal["vote", "staple", "multilabel-staple", "reader"] = Field(
        default="vote", description="The label it begins with; where readers agree it is what they agree on."
    )
    start_reader: str = Field(default="", description="Whose label, for 'reader'.")
    name: str = Field(default=ADJUDICATED, description="The reader under whose name the outcome is saved.")
