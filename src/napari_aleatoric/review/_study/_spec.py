"""What may be chosen about a study of readers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from napari_aleatoric.model import Spec

from ._assignment import BLIND_BY_DEFAULT

__all__ = ["AssignSpec", "HoneypotSpec", "SecondSpec"]


class _Terms(Spec):
    """What holds for all assignments that are made together."""

    by: str = Field(default="", description="Who assigns.")
    blinded: bool | None = Field(
        default=None,
        description="Whether readers see nothing of others before they answer; by default they do not.",
    )
    machine: bool = Field(default=False, description="Whether models may be prompted before the answer.")
    remark: str = Field(default="", description="Words for the reader.")
    seed: int = Field(default=0, ge=0, description="Of everything that is drawn.")


class AssignSpec(_Terms):
    """Who is to read which cases, and how."""

    readers: tuple[str, ...] = Field(default=(), description="To whom; each gets about as many cases.")
    cases: tuple[str, ...] = Field(default=(), description="These cases, for the rule 'listed'.")
    rule: Literal["listed", "pending", "queue", "random"] = Field(
        default="pending",
        description="Which cases: those listed; all that nobody has decided or is to read; the first n of the "
        "queue; a random share of those pending.",
    )
    n: int = Field(default=10, ge=1, description="Cases for the rule 'queue'.")
    share: float = Field(default=0.1, gt=0, le=1, description="Part of the cases for the rule 'random'.")
    readers_per_case: int = Field(default=1, ge=1, le=100, description="How many of the readers get each case.")
    kind: Literal["first", "second", "adjudicate"] = "first"
    start: str = Field(
        default="", description="Whose label is copied at the beginning: a reader, 'model', or nobody's."
    )

    @model_validator(mode="after")
    def _blinded_is_empty(self) -> AssignSpec:
        blinded = self.kind in BLIND_BY_DEFAULT if self.blinded is None else self.blinded
        if self.start and blinded:
            raise ValueError(
                "A blinded reading starts empty: a copy would show another's label. Leave the start out, or turn "
                "blinding off."
            )
        if self.kind == "adjudicate" and blinded:
            raise ValueError("Who settles where readers differ sees all of them: an adjudication is not blinded.")
        return self


class SecondSpec(_Terms):
    """Which answered cases are read once more."""

    readers: tuple[str, ...] = ()
    share: float = Field(
        default=0.2, gt=0, le=1, description="Part of the answered cases without a second reading."
    )


class HoneypotSpec(_Terms):
    """Which cases with a label that is trusted are mixed into a reader's list."""

    readers: tuple[str, ...] = ()
    trusted: str = Field(default="", description="Whose labels are trusted.")
    cases: tuple[str, ...] = Field(default=(), description="These cases; by default some of all.")
    n: int = Field(default=5, ge=1, description="How many for each reader, where no cases are named.")
