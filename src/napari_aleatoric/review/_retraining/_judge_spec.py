"""How held-out cases are judged: what may be chosen."""

from __future__ import annotations

from pydantic import Field

from napari_aleatoric.model import Spec

__all__ = ["JudgeSpec"]


class JudgeSpec(Spec):
    """How predictions of held-out cases are judged."""

    tolerance_mm: float = Field(
        default=2.0, gt=0, description="Distance between outlines that does not count in the surface Dice, mm."
    )
    margin_mm: float = Field(
        default=10.0, ge=0, description="Round a structure, where its probabilities are held against the truth, mm."
    )
    draws: int = Field(default=2000, ge=100, le=20_000, description="Draws of the bootstrap behind the intervals.")
    seed: int = Field(default=0, ge=0, description="Of those draws.")
