"""Curves over the steps of a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_aleatoric.session import TrainingCurve
from napari_aleatoric.widgets.explore import PlotColours

__all__ = ["CurvePlot", "DrawnCurve"]

_FEW = 40  # points, each of which gets a mark


@dataclass(frozen=True)
class DrawnCurve:
    """A curve and how it is drawn; "" is the colour of the words of the plot.

    ``beside`` says of which other training it is, in words; "" = of the chosen one.
    """

    curve: TrainingCurve
    colour: str = ""
    width: float = 1.6
    beside: str = ""


class CurvePlot(pg.PlotWidget):
    """Draws curves; the wheel and the mouse leave it as it is, for it moves by itself.

    Parameters
    ----------
    name : str
        What is drawn, for screen readers.
    label : str
        Of the upright axis.
    ends : tuple of float, optional
        Smallest and largest value that is always shown; by default those that there are.
    """

    def __init__(
        self, name: str, label: str, ends: tuple[float, float] | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setMinimumSize(120, 90)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(False, False)
        plot = self.getPlotItem()
        plot.layout.setContentsMargins(0, 4, 8, 4)
        for side, words in (("bottom", "steps"), ("left", label)):
            plot.getAxis(side).enableAutoSIPrefix(False)  # else 0.7 may be written as 700 (x0.001)
            plot.setLabel(side, words)
        if ends is not None:
            self.setYRange(*ends, padding=0.02)
        self._lines: dict[tuple[str, bool, bool], pg.PlotDataItem] = {}
        self._text = "#000000"

    @property
    def n_lines(self) -> int:
        """How many curves are drawn."""
        return len(self._lines)

    def set_colours(self, colours: PlotColours) -> None:
        """Draw on a dark or light ground; the curves take the new colours when they are drawn next."""
        self._text = colours.text
        self.setBackground(colours.ground)
        for side in ("left", "bottom"):
            axis: Any = self.getPlotItem().getAxis(side)
            axis.setPen(colours.text)
            axis.setTextPen(colours.text)

    def show_curves(self, drawn: Sequence[DrawnCurve]) -> None:
        """Draw these curves and no others: dashed those of a plain network, dotted those of another training."""
        wanted = {(each.curve.name, each.curve.is_plain, bool(each.beside)): each for each in drawn}
        for key in [key for key in self._lines if key not in wanted]:
            self.removeItem(self._lines.pop(key))
        for key, each in wanted.items():
            if key not in self._lines:
                self._lines[key] = pg.PlotDataItem()
                self.addItem(self._lines[key])
            self._draw(self._lines[key], each)
        last = max((each.curve.steps[-1] for each in drawn), default=1.0)
        self.setXRange(0.0, max(last, 1.0), padding=0.02)  # from the beginning, however few points there are

    def _draw(self, line: pg.PlotDataItem, each: DrawnCurve) -> None:
        curve, colour = each.curve, each.colour or self._text
        style = Qt.PenStyle.DashLine if curve.is_plain else Qt.PenStyle.SolidLine
        if each.beside:
            style = Qt.PenStyle.DotLine
        line.setData(curve.steps, curve.values)
        line.setPen(pg.mkPen(colour, width=each.width, style=style))
        line.setSymbol("o" if len(curve.steps) <= _FEW else None)
        line.setSymbolSize(4)
        line.setSymbolPen(None)
        line.setSymbolBrush(colour)
