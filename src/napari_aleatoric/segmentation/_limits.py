"""Below which likeness words count as not found: what was chosen, or what the model advises."""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import Field

from napari_aleatoric.foundation import Advice, Advised
from napari_aleatoric.model import Spec

from ._spec import SliceSpec

__all__ = ["NotFoundLimits", "limits_of", "with_limits"]

LEAST_PRESENCE, LEAST_SCORE = 0.6, -1.0
"""Where neither the user nor the model says anything."""

LimitSource = Literal["settings", "model", "program"]
AnySpec = TypeVar("AnySpec", bound=SliceSpec)


class NotFoundLimits(Spec):
    """The limits that were used, and who chose them."""

    least_presence: float = Field(default=LEAST_PRESENCE, description="As of the settings of a slice.")
    least_score: float = Field(default=LEAST_SCORE, description="As of the settings of a slice.")
    presence_from: LimitSource = Field(default="program", description="settings, model or program.")
    score_from: LimitSource = Field(default="program", description="settings, model or program.")


def limits_of(spec: SliceSpec, model: object = None) -> NotFoundLimits:
    """Return the limits that hold: the user's, else those that the model advises, else the program's.

    Parameters
    ----------
    spec : SliceSpec
        What was chosen.
    model : TextImageModel, optional
        May bring advice, see `foundation.Advised`.
    """
    advice = model.advice if isinstance(model, Advised) else Advice()
    presence, presence_from = _first(spec.least_presence, advice.least_presence, LEAST_PRESENCE)
    score, score_from = _first(spec.least_score, advice.least_score, LEAST_SCORE)
    return NotFoundLimits(
        least_presence=presence, least_score=score, presence_from=presence_from, score_from=score_from
    )


def with_limits(spec: AnySpec, limits: NotFoundLimits) -> AnySpec:
    """Return settings that say what the limits are."""
    return spec.model_copy(update={"least_presence": limits.least_presence, "least_score": limits.least_score})


def _first(chosen: float | None, advised: float | None, own: float) -> tuple[float, LimitSource]:
    if chosen is not None:
        return chosen, "settings"
    return (own, "program") if advised is None else (advised, "model")
