"""The singular values behind the perception scale: the case on the screen against the others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QPushButton, QSizePolicy, QWidget

from napari_aleatoric.session import ReviewSession, SpectrumView, spectrum_view

from ._colours import PlotColours
from ._number_axis import NumberAxis
from ._parts import fill_column, words_of

__all__ = ["SpectrumPanel"]

_LEAST_SHARE = 1e-3  # per cent; what is below is not drawn
_EXPLAINED = (
    "The parts of a decoded map's energy along its main directions. A flat curve, energy in many directions, goes "
    "with images that are easy for the frozen model, a steep one with hard ones. It says nothing about the label."
)


class SpectrumPanel(QWidget):
    """Plot, sentence, and a button that measures what is missing.

    Parameters
    ----------
    session : ReviewSession
        Whose item on the screen is shown, and through which the measuring is started.
    """

    def __init__(self, session: ReviewSession) -> None:
        super().__init__()
        self._session = session
        self._spectra: list[Any] | None = None
        self._class_index = 0
        axes = {side: NumberAxis(side) for side in ("bottom", "left")}
        axes["left"].is_logarithmic = True
        self.plot = pg.PlotWidget(axisItems=axes)
        self.plot.setAccessibleName("Singular values of the case on the screen against the other cases")
        self.plot.setToolTip(_EXPLAINED)
        self.plot.setMinimumSize(120, 90)
        self.plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        item = self.plot.getPlotItem()
        item.layout.setContentsMargins(0, 4, 4, 5)
        item.setLabel("bottom", "singular value, the largest first")
        item.setLabel("left", "part of the energy, %")
        self._low, self._high, self._median = (pg.PlotCurveItem() for _ in range(3))
        self._band = pg.FillBetweenItem(self._low, self._high)
        self._own = pg.PlotDataItem(symbol="o", symbolSize=5)
        for curve in (self._low, self._high, self._band, self._median, self._own):
            self.plot.addItem(curve)
        self.sentence = words_of("How the case compares")
        self.measure = QPushButton("Measure")
        self.measure.setToolTip("Decode this case and 40 others anew, in the background; their spectra are kept.")
        self.measure.clicked.connect(lambda: self.start())
        fill_column(self, self.plot, self.sentence, self.measure, stretched=self.plot)

    def set_colours(self, colours: PlotColours) -> None:
        """Draw on a dark or light ground."""
        self.plot.setBackground(colours.ground)
        for name in ("left", "bottom"):
            axis = self.plot.getPlotItem().getAxis(name)
            axis.setPen(colours.text)
            axis.setTextPen(colours.text)
        faint = QColor(colours.bars)
        faint.setAlpha(110)
        self._band.setBrush(faint)
        for curve in (self._low, self._high):
            curve.setPen(pg.mkPen(None))
        self._median.setPen(pg.mkPen(colours.text, width=1.5, style=Qt.PenStyle.DashLine))
        self._own.setPen(pg.mkPen(colours.accent, width=2.5))
        self._own.setSymbolBrush(colours.accent)
        self._own.setSymbolPen(None)

    def forget(self) -> None:
        """Read the spectra again when they are drawn next: some were measured, or another data set is open."""
        self._spectra = None

    def draw(self, class_index: int) -> None:
        """Draw the case on the screen and the others.

        Parameters
        ----------
        class_index : int
            Which class; 0 = the first one that the case has.
        """
        from napari_aleatoric.review import read_spectra

        session = self._session
        if session.workspace is None:
            self._say("Open a data set first.", offer=False)
            return
        if self._spectra is None:
            self._spectra = read_spectra(session.workspace)
        key = None if session.item is None else session.item.key
        mine = [s.class_index for s in self._spectra if s.key == key and not s.stale]
        shown = class_index or (min(mine) if mine else 1)
        view = spectrum_view(self._spectra, shown, key)
        self._draw(view)
        name = session.classes.name_of(shown) if shown <= len(session.classes) else ""
        self._say(_in_words(view, "" if key is None else str(key), name), offer=not len(view.own) or view.n < 3)

    def _draw(self, view: SpectrumView) -> None:
        self.plot.setVisible(bool(len(view.own) or len(view.median)))
        for curve, values in ((self._low, view.low), (self._high, view.high), (self._median, view.median)):
            curve.setData(*_points(values))
        x, y = _points(view.own)
        self._own.setData(x[view.own >= _LEAST_SHARE], y[view.own >= _LEAST_SHARE])
        if len(view.own) or len(view.median):
            self.plot.setXRange(1, max(len(view.own), len(view.median), 2), padding=0.03)
            self.plot.setYRange(math.log10(_LEAST_SHARE), 2, padding=0.02)

    def _say(self, words: str, *, offer: bool) -> None:
        self.sentence.setText(words)
        self.measure.setVisible(offer)

    def show_busy(self, busy: bool) -> None:
        """Offer the button only while nothing else is under way."""
        self.measure.setEnabled(not busy)

    def start(self) -> None:
        """Measure the case on the screen and a sample of the others."""
        from napari_aleatoric.review import SpectraSpec

        item = self._session.item
        self._session.start("spectra", SpectraSpec(cases=() if item is None else (item.key.case_id,)))


def _points(shares: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the number of each direction, and the logarithm of its part of the energy."""
    return np.arange(1.0, len(shares) + 1), np.log10(np.maximum(shares, _LEAST_SHARE))


def _in_words(view: SpectrumView, case: str, class_name: str) -> str:
    if not view.n:
        return (
            "Scoring keeps only the entropy of the singular values. Measure them for this case and a sample of 40."
        )
    text = f"{class_name}: " if class_name else ""
    own = f"{case} has the perception scale {view.own_scale:.2f} (line)"
    text += own if len(view.own) else f"{case or 'the case on the screen'} is not measured yet"
    if math.isnan(view.scales[0]):
        return f"{text}. Too few others to compare with ({view.n})."
    low, high = view.scales
    others = f"half of the {view.n} measured lie between {low:.2f} and {high:.2f}"
    return f"{text}; {others} (dashed: the middle; band: the middle 80 %)."
