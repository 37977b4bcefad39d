"""Measurements over the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPaintEvent, QPen

from ._canvas_sheet import CanvasSheet

__all__ = ["DrawnMeasurement", "MeasureMarks"]

_EDGE, _PICKED, _SHADOW = QColor("#ffd833"), QColor("#ffffff"), QColor(0, 0, 0, 170)
_TICK_PX, _GAP_PX = 5.0, 6.0


@dataclass(frozen=True)
class DrawnMeasurement:
    """One measurement to be seen.

    Parameters
    ----------
    kind : str
        "distance", "ellipse", "rectangle" or "polygon".
    places : tuple of tuple of float
        Its vertices in the world, (down, right).
    words : str
        What it measures; may have several lines.
    is_picked : bool
        Whether it is the one that was chosen in the table.
    """

    kind: str
    places: tuple[tuple[float, float], ...]
    words: str
    is_picked: bool = False


class MeasureMarks(CanvasSheet):
    """Lines and outlines with what they measure, over the canvas of a window.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer, viewer.window._qt_viewer.canvas.native)
        self.shown: tuple[DrawnMeasurement, ...] = ()

    def show_measurements(self, shown: Sequence[DrawnMeasurement]) -> None:
        """Draw these instead of what is drawn."""
        if tuple(shown) != self.shown:
            self.shown = tuple(shown)
            self.cover(bool(self.shown))
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw them."""
        if self._viewer is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for each in self.shown:
            corners = [self.on_canvas(place) for place in each.places]
            path = _path(each.kind, corners)
            for pen in (
                QPen(_SHADOW, 4.0),
                QPen(_PICKED if each.is_picked else _EDGE, 2.0 if each.is_picked else 1.5),
            ):
                painter.setPen(pen)
                painter.drawPath(path)
            self._write(painter, each.words, path.boundingRect())
        painter.end()

    def _write(self, painter: QPainter, words: str, beside: QRectF) -> None:
        """Write beside an outline; at its left, or moved in, where the canvas ends."""
        size = QFontMetricsF(painter.font()).boundingRect(
            QRectF(0, 0, 1000, 1000), int(Qt.AlignmentFlag.AlignLeft), words
        )
        x = beside.right() + _GAP_PX
        if x + size.width() + _GAP_PX > self.width():
            x = max(beside.left() - size.width() - _GAP_PX, _GAP_PX)
        y = min(max(beside.center().y() - size.height() / 2, _GAP_PX), self.height() - size.height() - _GAP_PX)
        box = QRectF(x, y, size.width() + 1, size.height())
        painter.fillRect(box.adjusted(-3, -1, 3, 1), _SHADOW)
        painter.setPen(QPen(QColor("white")))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft), words)


def _path(kind: str, corners: list[QPointF]) -> QPainterPath:
    path = QPainterPath()
    if kind == "ellipse":
        path.addEllipse(QRectF(corners[0], corners[2]).normalized())
        return path
    path.moveTo(corners[0])
    for corner in corners[1:]:
        path.lineTo(corner)
    if kind == "distance":
        _add_ticks(path, corners[0], corners[1])
    else:
        path.closeSubpath()
    return path


def _add_ticks(path: QPainterPath, a: QPointF, b: QPointF) -> None:
    """Mark the ends of a distance across its line."""
    along = b - a
    length = max((along.x() ** 2 + along.y() ** 2) ** 0.5, 1e-9)
    across = QPointF(-along.y() / length * _TICK_PX, along.x() / length * _TICK_PX)
    for end in (a, b):
        path.moveTo(end - across)
        path.lineTo(end + across)
