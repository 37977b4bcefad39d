"""What those who trained a text-image model advise about its use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from pydantic import Field, ValidationError, model_validator

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Spec

from ._saliency import SaliencyMethod

__all__ = ["Advice", "Advised", "advice_in"]

KEY = "aleatoric"


class Advice(Spec):
    """Settings that suit a model; none = nothing is advised. The model's description may hold them."""

    least_presence: float | None = Field(
        default=None, ge=0, le=1, description="As of the settings of a slice: below it, words are not found."
    )
    least_score: float | None = Field(
        default=None, ge=-1, le=1, description="As of the settings of a slice: below it, words are not found."
    )
    saliency_method: SaliencyMethod | None = Field(
        default=None, description="How to ask the model where it sees words, unless one is chosen."
    )
    patch_scale: float | None = Field(
        default=None,
        gt=0,
        description="With patch_offset: the logit of 'this patch shows it' is scale × similarity + offset.",
    )
    patch_offset: float | None = Field(default=None, description="See patch_scale.")
    layer: int | None = Field(
        default=None, ge=0, description="Layer of the image network that saliency looks at, from 0."
    )

    @model_validator(mode="after")
    def _scale_and_offset_go_together(self) -> Advice:
        if (self.patch_scale is None) != (self.patch_offset is None):
            raise ValueError("expected patch_scale and patch_offset, or neither of them")
        return self


@runtime_checkable
class Advised(Protocol):
    """A `TextImageModel` that brings advice; one without is used with the program's own settings."""

    @property
    def advice(self) -> Advice:
        """What suits it."""


def advice_in(config: Mapping[str, Any], shown: str) -> Advice:
    """Read advice out of ``open_clip_config.json``: its key ``aleatoric``, which open_clip itself leaves alone.

    Parameters
    ----------
    config : mapping
        The description of a model.
    shown : str
        What the user knows the model as.

    Raises
    ------
    DataError
        If there is such a key and it holds anything but advice.
    """
    try:
        return Advice.model_validate(config.get(KEY) or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or KEY
        raise DataError(
            f"The description of '{shown}' advises something that is not understood: {KEY}, {where}: "
            f"{first['msg']}. Correct open_clip_config.json, or take the key out."
        ) from error
