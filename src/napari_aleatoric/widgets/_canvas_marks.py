"""Boxes and points over the canvas: painted by Qt, because a layer for them would cost a second of every prompt."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QPointF, QRectF
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen

from napari_aleatoric.viewer import PromptMarks

from ._canvas_sheet import CanvasSheet

__all__ = ["CanvasMarks"]

_EDGE = QColor("#ffd833")
_SPOTS = {1: QColor("#2fd157"), 0: QColor("#ff4d4d")}
_RADIUS = 6.0


class CanvasMarks(CanvasSheet):
    """The marks of prompts, over the canvas of a window.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer, viewer.window._qt_viewer.canvas.native)
        self._marks = PromptMarks()

    def show_marks(self, marks: PromptMarks) -> None:
        """Draw these instead of what is drawn."""
        self._marks = marks
        self.cover(bool(marks.box or marks.points))
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the marks."""
        if self._viewer is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._marks.box is not None:
            corners = QRectF(*(self.on_canvas(corner) for corner in self._marks.box)).normalized()
            for colour, width in ((QColor(0, 0, 0, 160), 3.5), (_EDGE, 1.5)):
                painter.setPen(QPen(colour, width))
                painter.drawRect(corners)
        for place, label in self._marks.points:
            centre = self.on_canvas(place)
            painter.setPen(QPen(QColor("white"), 1.5))
            painter.setBrush(_SPOTS[label])
            painter.drawEllipse(centre, _RADIUS, _RADIUS)
            arm = _RADIUS / 2
            painter.drawLine(centre - QPointF(arm, 0), centre + QPointF(arm, 0))
            if label == 1:  # plus and minus, for those who do not tell green from red
                painter.drawLine(centre - QPointF(0, arm), centre + QPointF(0, arm))
        painter.end()
