"""A transparent sheet over a canvas, painted by Qt: a layer in its place would cost a second of every change."""

from __future__ import annotations

from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QObject, QPointF, Qt
from qtpy.QtWidgets import QWidget

from napari_aleatoric.viewer import signs_on_canvas

__all__ = ["CanvasSheet"]


class CanvasSheet(QWidget):
    """A transparent sheet over a canvas; the mouse goes through it.

    Parameters
    ----------
    viewer : ViewerModel
        Whose camera looks.
    canvas : QWidget
        The canvas that it looks through.
    """

    def __init__(self, viewer: ViewerModel, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._viewer: Any = viewer
        self._canvas: Any = canvas
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        canvas.installEventFilter(self)
        viewer.scene.camera.events.connect(self._moved)
        self.hide()

    def cover(self, on: bool) -> None:
        """Show or hide the sheet."""
        if on and not self.isVisible():
            self.setGeometry(self._canvas.rect())
            self.show()
            self.raise_()
        elif not on and self.isVisible():
            self.hide()

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
        vertical, horizontal = signs_on_canvas(self._viewer)
        y = (place[0] - down) * camera.zoom * vertical
        x = (place[1] - right) * camera.zoom * horizontal
        return QPointF(self.width() / 2 + x, self.height() / 2 + y)
