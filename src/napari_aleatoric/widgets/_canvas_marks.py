"""Boxes and points over the canvas: painted by Qt, because a layer for them would cost a second of every prompt."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from napari_aleatoric.viewer import PromptMarks

__all__ = ["CanvasMarks"]

_EDGE = QColor("#ffd833")
_SPOTS = {1: QColor("#2fd157"), 0: QColor("#ff4d4d")}
_RADIUS = 6.0


class CanvasMarks(QWidget):
    """A transparent sheet over the canvas of a window; the mouse goes through it.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    """

    def __init__(self, viewer: Any) -> None:
        canvas = viewer.window._qt_viewer.canvas.native
        super().__init__(canvas)
        self._viewer: Any = viewer
        self._canvas: Any = canvas
        self._marks = PromptMarks()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        canvas.installEventFilter(self)
        viewer.scene.camera.events.connect(self._moved)
        self.hide()

    def show_marks(self, marks: PromptMarks) -> None:
        """Draw these instead of what is drawn."""
        self._marks = marks
        visible = bool(marks.box or marks.points)
        if visible and not self.isVisible():
            self.setGeometry(self._canvas.rect())
            self.show()
            self.raise_()
        elif not visible and self.isVisible():
            self.hide()
        self.update()

    def let_go(self) -> None:
        """Let go of the window."""
        self._viewer.scene.camera.events.disconnect(self._moved)
        self._canvas.removeEventFilter(self)
        self.hide()
        self._viewer = self._canvas = None
        self.deleteLater()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stay as large as the canvas."""
        if event is not None and event.type() == QEvent.Type.Resize and self._canvas is not None:
            self.setGeometry(self._canvas.rect())
        return super().eventFilter(watched, event)

    def _moved(self, event: Any = None) -> None:
        if self.isVisible():
            self.update()

    def on_canvas(self, place: tuple[float, float]) -> QPointF:
        """Return where a place of the world (down, right) is on the canvas."""
        camera = self._viewer.scene.camera
        _, down, right = camera.center
        _, vertical, horizontal = camera.orientation
        y = (place[0] - down) * camera.zoom * (1 if vertical == "down" else -1)
        x = (place[1] - right) * camera.zoom * (1 if horizontal == "right" else -1)
        return QPointF(self.width() / 2 + x, self.height() / 2 + y)

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
