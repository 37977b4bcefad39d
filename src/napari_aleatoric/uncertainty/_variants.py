"""The named variants of the perception scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["SCALE_VARIANTS", "Field", "ScaleVariant"]

Field = Literal["full", "crop"]
Energy = Literal["sigma2", "sigma"]

_ROWS = ("slices", "rows", "columns")  # what becomes the rows of the matrix


@dataclass(frozen=True)
class ScaleVariant:
    """One way to read the perception scale from a decoded map (D, h, w).

    Parameters
    ----------
    energy : {"sigma2", "sigma"}
        Squared singular values as in the paper, or plain ones as in the released code.
    unfold : {0, 1, 2}
        Axis that becomes the rows: 0 = D × (h·w), the paper's; 1 = h × (D·w); 2 = w × (D·h), options of the
        released code.
    field : {"full", "crop"}
        The whole decoded map, or (our proposal) the answered object and a margin.
    """

    energy: Energy
    unfold: int
    field: Field

    @property
    def name(self) -> str:
        """Name of the measure."""
        if self.unfold == 0 and self.field == "crop":
            return "perception_scale" if self.energy == "sigma2" else "perception_scale_sigma"
        return f"scale_{self.energy}_{_ROWS[self.unfold]}_{self.field}"

    @property
    def words(self) -> str:
        """What it is, for a menu."""
        energy = "squared singular values" if self.energy == "sigma2" else "plain singular values"
        field = "whole field" if self.field == "full" else "object"
        return f"{energy}, {_ROWS[self.unfold]} against the rest, {field}"


SCALE_VARIANTS: Mapping[str, ScaleVariant] = MappingProxyType(
    {
        variant.name: variant
        for energy in ("sigma2", "sigma")
        for unfold in range(3)
        for field in ("crop", "full")
        for variant in [ScaleVariant(energy, unfold, field)]
    }
)
"""By the name of the measure; the first is the default."""
