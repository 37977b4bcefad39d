"""Histogram and cumulative curve of one score, with the filter's cut as lines that are dragged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_aleatoric.session import cumulative, histogram

from ._colours import PlotColours

__all__ = ["DistributionPlot"]


class DistributionPlot(pg.PlotWidget):
    """Draws values; the shaded part between two lines is what the filter keeps.

    Signals
    -------
    cut_moved(float, float)
        Smallest and largest value that a dragged line would keep; infinite = nothing is cut there.
    nudged(bool, int)
        An arrow key moved the line at the right (True) or the left end by so many steps.
    """

    cut_moved = Signal(float, float)
    nudged = Signal(bool, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Histogram and cumulative curve; arrow keys move the line of the filter")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(120, 90)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setMenuEnabled(False)
        self.getPlotItem().layout.setContentsMargins(0, 4, 0, 5)
        self.hideButtons()
        self.setMouseEnabled(False, False)
        self._range = (0.0, 1.0)
        self._bars = pg.BarGraphItem(x0=[], x1=[], height=[])
        self._shown = pg.BarGraphItem(x0=[], x1=[], height=[])
        self._region = pg.LinearRegionItem((0, 1), swapMode="block")
        self._region.setZValue(-5)
        self._here = pg.InfiniteLine(0, angle=90, movable=False)
        for item in (self._region, self._bars, self._shown, self._here):
            self.addItem(item)
        self._shares = pg.ViewBox(enableMenu=False)
        self._curve = pg.PlotCurveItem()
        plot = self.getPlotItem()
        plot.showAxis("right")
        for side in ("left", "right", "bottom"):
            plot.getAxis(side).enableAutoSIPrefix(False)  # else 0.7 may be written as 700 (x0.001)
        plot.scene().addItem(self._shares)
        plot.getAxis("right").linkToView(self._shares)
        self._shares.setXLink(plot)
        self._shares.setMouseEnabled(False, False)
        self._shares.addItem(self._curve)
        self._shares.setYRange(0, 103, padding=0)
        self._shares.setZValue(-1)  # the lines stay within reach of the mouse
        plot.vb.sigResized.connect(self._follow)
        plot.setLabel("left", "labels")
        plot.setLabel("right", "of them at most, %")
        self._region.sigRegionChanged.connect(self._moved)
        self._here.hide()

    def _follow(self) -> None:
        """Keep the frame of the curve on that of the bars."""
        self._shares.setGeometry(self.getPlotItem().vb.sceneBoundingRect())

    # -- to the plot --------------------------------------------------------------------------------

    def set_colours(self, colours: PlotColours) -> None:
        """Draw on a dark or light ground."""
        self.setBackground(colours.ground)
        for name in ("left", "right", "bottom"):
            axis = self.getPlotItem().getAxis(name)
            axis.setPen(colours.text)
            axis.setTextPen(colours.text)
        self._bars.setOpts(brush=_faint(colours.bars, 150), pen=pg.mkPen(colours.ground))
        self._shown.setOpts(brush=colours.accent, pen=pg.mkPen(colours.ground))
        self._curve.setPen(pg.mkPen(colours.text, width=1.5))
        self._here.setPen(pg.mkPen(colours.text, style=Qt.PenStyle.DashLine))
        self._region.setBrush(_faint(colours.accent, 38))
        self._region.setHoverBrush(_faint(colours.accent, 60))
        for line in self._region.lines:
            line.setPen(pg.mkPen(colours.accent, width=3))
            line.setHoverPen(pg.mkPen(colours.text, width=4))

    def show_values(self, values: NDArray[np.float64], shown: NDArray[np.bool_], words: str) -> None:
        """Draw values anew; those that the queue shows stand out.

        Parameters
        ----------
        values : numpy.ndarray of float64, shape (n,)
            NaN = not measured.
        shown : numpy.ndarray of bool, shape (n,)
            Which stand out; where all do, none does.
        words : str
            For the axis.
        """
        bars, curve = histogram(values), cumulative(values)
        x0, x1 = bars.edges[:-1], bars.edges[1:]
        self._bars.setOpts(x0=x0, x1=x1, height=bars.counts)
        counts = np.histogram(values[shown & np.isfinite(values)], bars.edges)[0]
        self._shown.setOpts(x0=x0, x1=x1, height=counts)
        self._curve.setData(curve.x, curve.y, stepMode=None)
        low, high = float(bars.edges[0]), float(bars.edges[-1])
        self._range = (low, high)
        pad = 0.04 * (high - low)
        self.setXRange(low - pad, high + pad, padding=0)
        self.setYRange(0, max(1.0, float(bars.counts.max()) * 1.05), padding=0)
        self._region.blockSignals(True)  # only a person moves the cut
        self._region.setBounds((low - pad, high + pad))
        self._region.blockSignals(False)
        self.setLabel("bottom", words)

    def show_cut(self, smallest: float, largest: float, *, movable: bool) -> None:
        """Put the lines where the filter cuts, without telling anybody."""
        low, high = self._range
        pad = 0.03 * (high - low)
        self._region.blockSignals(True)
        self._region.setRegion(
            (smallest if math.isfinite(smallest) else low - pad, largest if math.isfinite(largest) else high + pad)
        )
        self._region.blockSignals(False)
        self._region.setVisible(movable)

    def show_here(self, value: float) -> None:
        """Mark the value of the item on the screen; NaN = none."""
        self._here.setVisible(math.isfinite(value))
        if math.isfinite(value):
            self._here.setValue(value)

    # -- from the plot ------------------------------------------------------------------------------

    def _moved(self) -> None:
        smallest, largest = self._region.getRegion()
        low, high = self._range
        self.cut_moved.emit(
            float(smallest) if smallest > low else -math.inf, float(largest) if largest < high else math.inf
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the right line with the arrow keys, the left one with Shift and the arrow keys."""
        steps: dict[Any, int] = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        step = steps.get(event.key())
        if step is None:
            super().keyPressEvent(event)
            return
        self.nudged.emit(not event.modifiers() & Qt.KeyboardModifier.ShiftModifier, step)
        event.accept()


def _faint(colour: str, alpha: int) -> QColor:
    found = QColor(colour)
    found.setAlpha(alpha)
    return found
