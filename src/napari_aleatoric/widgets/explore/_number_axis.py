"""An axis that may be one of logarithms, and shows the numbers themselves."""

from __future__ import annotations

import math
from typing import Any

import pyqtgraph as pg

from ._axes import number_ticks

__all__ = ["NumberAxis"]


class NumberAxis(pg.AxisItem):
    """An axis that may be one of logarithms; it then shows the numbers themselves, and not too many."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.enableAutoSIPrefix(False)
        self.is_logarithmic = False

    def tickValues(self, low: float, high: float, size: float) -> Any:
        """Return where ticks are: round numbers."""
        if not self.is_logarithmic:
            return super().tickValues(low, high, size)
        room = max(2, int(size // (70 if self.orientation == "bottom" else 30)))
        return [(1.0, [math.log10(v) for v in number_ticks(low, high, room)])]

    def tickStrings(self, values: Any, scale: float, spacing: float) -> Any:
        """Return what is written at them."""
        if not self.is_logarithmic:
            return super().tickStrings(values, scale, spacing)
        return [f"{10**v:,.4g}" if v < 4 else f"{10**v:,.0f}" for v in values]
