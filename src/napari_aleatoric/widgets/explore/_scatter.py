"""Two scores against each other: a point is a label; a lasso selects, a click opens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_aleatoric.session import inside_polygon, nearest, thinned

from ._colours import Mark, PlotColours
from ._number_axis import NumberAxis

__all__ = ["ScatterPlot"]

_NEAR_PX = 9.0
_SIZE_PX = 8


class _LassoBox(pg.ViewBox):
    """A frame in which the left button draws a lasso; the wheel zooms, the middle button moves."""

    drawn = Signal(object)  # corners, array of shape (k, 2)

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self._corners: list[tuple[float, float]] = []
        self.lasso = pg.PlotCurveItem()
        self.lasso.setZValue(50)
        self.addItem(self.lasso, ignoreBounds=True)

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Draw, and tell the corners at the end."""
        if event.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        if event.isStart():
            self._corners = [self._at(event.buttonDownScenePos())]
        self._corners.append(self._at(event.scenePos()))
        corners = np.array(self._corners)
        if event.isFinish():
            self._corners = []
            self.lasso.setData([], [])
            self.drawn.emit(corners)
        else:
            closed = np.concatenate([corners, corners[:1]])
            self.lasso.setData(closed[:, 0], closed[:, 1])

    def _at(self, place: QPointF) -> tuple[float, float]:
        found = self.mapSceneToView(place)
        return found.x(), found.y()


class ScatterPlot(pg.PlotWidget):
    """Draws points, thinned where they lie on one another; selects among all of them.

    Signals
    -------
    selected(numpy.ndarray)
        Rows inside a lasso, ascending.
    opened(int)
        Row of the point that was clicked, or reached with the arrow keys.
    cleared()
        Escape was pressed.
    """

    selected = Signal(object)
    opened = Signal(int)
    cleared = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self._box = _LassoBox()
        self._axes = {side: NumberAxis(side) for side in ("bottom", "left")}
        super().__init__(parent, viewBox=self._box, axisItems=self._axes)
        self.getPlotItem().layout.setContentsMargins(0, 4, 4, 5)
        self.setAccessibleName("Scatter plot; arrow keys go from case to case, Escape ends the selection")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(120, 90)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.hideButtons()
        self._x = self._y = np.empty(0)
        self._current: int | None = None
        self._groups: list[Any] = []
        self._ring = pg.ScatterPlotItem(size=_SIZE_PX + 9, symbol="o")
        self._ring.setZValue(40)
        self.addItem(self._ring, ignoreBounds=True)
        self._colours = PlotColours("#000000", "#ffffff", "#888888", "#ffffff")
        self.n_drawn = 0
        self._box.drawn.connect(lambda corners: self.selected.emit(inside_polygon(self._x, self._y, corners)))
        self.scene().sigMouseClicked.connect(self._clicked)

    # -- to the plot --------------------------------------------------------------------------------

    def set_colours(self, colours: PlotColours) -> None:
        """Draw on a dark or light ground."""
        self._colours = colours
        self.setBackground(colours.ground)
        for name in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(name)
            axis.setPen(colours.text)
            axis.setTextPen(colours.text)
        self._ring.setPen(pg.mkPen(colours.text, width=2))
        self._ring.setBrush(None)
        self._box.lasso.setPen(pg.mkPen(colours.accent, width=2))

    def show_points(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        group: NDArray[np.int64],
        marks: list[Mark],
        shown: NDArray[np.bool_],
    ) -> None:
        """Draw points anew.

        Parameters
        ----------
        x, y : numpy.ndarray of float64, shape (n,)
            As drawn (logarithms on a logarithmic axis); NaN = no point.
        group : numpy.ndarray of int64, shape (n,)
            Place in ``marks``.
        marks : list of Mark
            How each group is drawn.
        shown : numpy.ndarray of bool, shape (n,)
            What the queue shows; the others are faint.
        """
        self._x, self._y = x, y
        for item in self._groups:
            self.removeItem(item)
        self._groups = []
        drawn = thinned(x, y, group * 2 + shown)
        self.n_drawn = len(drawn)
        for strong in (False, True):
            for number, mark in enumerate(marks):
                rows = drawn[(group[drawn] == number) & (shown[drawn] == strong)]
                if len(rows):
                    self._groups.append(self._points(rows, mark, strong))
        self.show_current(self._current)

    def _points(self, rows: NDArray[np.int64], mark: Mark, strong: bool) -> Any:
        colour = QColor(mark.colour)
        colour.setAlpha(220 if strong else 45)
        edge = QColor(self._colours.text)
        edge.setAlpha(90 if strong else 0)
        item = pg.ScatterPlotItem(
            self._x[rows],
            self._y[rows],
            size=_SIZE_PX if strong else _SIZE_PX - 2,
            symbol=mark.symbol,
            brush=pg.mkBrush(colour),
            pen=pg.mkPen(colour if mark.symbol in ("x", "+") else edge, width=0.6),
        )
        item.setZValue(10 if strong else 0)
        self.addItem(item)
        return item

    def show_current(self, row: int | None) -> None:
        """Put a ring round the item on the screen."""
        self._current = row
        here = row is not None and row < len(self._x) and np.isfinite(self._x[row]) and np.isfinite(self._y[row])
        self._ring.setData([self._x[row]] if here else [], [self._y[row]] if here else [])

    def show_words(self, across: str, up: str, *, log_across: bool, log_up: bool) -> None:
        """Write the axes."""
        for side, words, is_log in (("bottom", across, log_across), ("left", up, log_up)):
            self._axes[side].is_logarithmic = is_log
            self._axes[side].setLabel(words)

    def whole(self) -> None:
        """Show all points."""
        self.autoRange()

    # -- from the plot ------------------------------------------------------------------------------

    def _clicked(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self._box.sceneBoundingRect().contains(
            event.scenePos()
        ):
            return
        if event.double():
            self.whole()
            return
        at = self._box.mapSceneToView(event.scenePos())
        width, height = self._box.viewPixelSize()
        row = nearest(self._x, self._y, (at.x(), at.y()), (_NEAR_PX * width, _NEAR_PX * height))
        if row is not None:
            self.opened.emit(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to the next point at the right or left; end the selection."""
        if event.key() == Qt.Key.Key_Escape:
            self.cleared.emit()
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._step(1 if event.key() == Qt.Key.Key_Right else -1)
        else:
            super().keyPressEvent(event)
            return
        event.accept()

    def _step(self, step: int) -> None:
        order = np.lexsort((self._y, self._x))
        order = order[np.isfinite(self._x[order]) & np.isfinite(self._y[order])]
        if not len(order):
            return
        here = np.flatnonzero(order == self._current) if self._current is not None else np.empty(0, dtype=np.int64)
        place = int(here[0]) + step if len(here) else 0
        if 0 <= place < len(order):
            self.opened.emit(int(order[place]))
