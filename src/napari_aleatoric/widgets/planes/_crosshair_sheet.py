"""The crosshair over a canvas."""

from __future__ import annotations

from napari.components import ViewerModel
from qtpy.QtCore import QLineF
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from napari_aleatoric.widgets._canvas_sheet import CanvasSheet

__all__ = ["CrosshairSheet"]

_LINE, _SHADE = QColor(255, 225, 77, 190), QColor(0, 0, 0, 90)
_GAP = 9.0  # pixels about the place that stay free, so that what is looked at is seen


class CrosshairSheet(CanvasSheet):
    """Two thin lines that cross, with a gap, where the other planes cut."""

    def __init__(self, viewer: ViewerModel, canvas: QWidget) -> None:
        super().__init__(viewer, canvas)
        self._place: tuple[float, float, float] | None = None

    def show_place(self, place: tuple[float, float, float] | None) -> None:
        """Cross the lines at a place of the world (z, y, x); None = no lines."""
        self._place = place
        dims = self._viewer.dims
        self.cover(place is not None and dims.ndisplay == 2 and dims.ndim == 3 and not self._is_parted())
        self.update()

    def lines(self) -> list[QLineF]:
        """Return what is drawn, in pixels of the canvas."""
        if self._place is None or self._viewer is None:
            return []
        down, right = self._viewer.dims.displayed
        at = self.on_canvas((self._place[down], self._place[right]))
        x, y = round(at.x()) + 0.5, round(at.y()) + 0.5
        return [
            QLineF(0, y, x - _GAP, y),
            QLineF(x + _GAP, y, self.width(), y),
            QLineF(x, 0, x, y - _GAP),
            QLineF(x, y + _GAP, x, self.height()),
        ]

    def _is_parted(self) -> bool:
        return bool(self._viewer.canvas.grid.enabled)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the lines."""
        lines = self.lines()
        if not lines:
            return
        painter = QPainter(self)
        for colour, width in ((_SHADE, 3.0), (_LINE, 1.0)):
            painter.setPen(QPen(colour, width))
            painter.drawLines(lines)
        painter.end()
