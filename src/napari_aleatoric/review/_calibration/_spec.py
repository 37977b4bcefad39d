"""What may be chosen about the search for the measure that works on a data set."""

from __future__ import annotations

import hashlib
import json

from pydantic import Field, field_validator

from napari_aleatoric.model import Spec
from napari_aleatoric.samples import ErrorKind, Severity
from napari_aleatoric.uncertainty import ScoreSpec

__all__ = ["CalibrateSpec"]

_ASKING = ("seeds", "first_seed", "error_rate", "draws", "anyway")  # what was planted and scored stays the same


class CalibrateSpec(Spec):
    """Which errors are planted, how often, and how they are looked for."""

    seeds: int = Field(default=3, ge=1, le=100, description="How often errors are planted, each time into others.")
    first_seed: int = Field(default=0, ge=0, description="Number of the first of them.")
    fraction: float = Field(default=0.2, ge=0.02, le=0.5, description="Part of the cases that gets one error each.")
    kinds: tuple[ErrorKind, ...] = Field(default=tuple(ErrorKind), min_length=1, description="They take turns.")
    severities: tuple[Severity, ...] = Field(
        default=(Severity.MILD, Severity.SEVERE), min_length=1, description="They take turns within a kind."
    )
    reader: str = Field(default="", description="Plant into this reader's labels only; none = into anybody's.")
    error_rate: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="Part of your labels that you expect to be wrong: it turns places in the queue into words. The "
        "part that is planted is not it.",
    )
    draws: int = Field(default=1000, ge=100, le=20_000, description="Draws of the bootstrap behind the intervals.")
    anyway: bool = Field(default=False, description="Go on even with too few cases to tell anything.")
    score: ScoreSpec = Field(default=ScoreSpec(), description="How the labels are scored.")

    @field_validator("kinds", "severities")
    @classmethod
    def _once_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("expected every one once")
        return value

    @property
    def planting_digest(self) -> str:
        """16 hexadecimal digits that change with what is planted and how it is scored, not with what is asked."""
        score = self.score
        kept = self.model_dump(mode="json", exclude={*_ASKING, "score"})
        judging = [score.judge, score.network.digest, score.second_opinion, score.probabilities]
        kept["score"] = [score.values_digest, *judging]
        return hashlib.blake2b(json.dumps(kept, sort_keys=True).encode(), digest_size=8).hexdigest()
