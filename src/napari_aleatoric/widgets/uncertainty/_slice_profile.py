"""One bar per slice: where along the volume the map is hot. Click to go there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_aleatoric.viewer import HEAT_COLOURS

__all__ = ["SliceProfile"]


class SliceProfile(QWidget):
    """Heat of every slice, as a share of the hottest slice of the case.

    Signals
    -------
    slice_requested(int)
        Slice index, from 0.
    """

    slice_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: NDArray[np.float32] = np.zeros(0, np.float32)
        self._current = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Profile of the map over the slices; click to go to a slice")
        self.setToolTip(
            "Heat of the map in every slice, the first at the left; full height is the hottest slice of this case. "
            "Click to go there."
        )
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setMouseTracking(True)

    def show_profile(self, values: NDArray[np.float32]) -> None:
        """Show other values (Z,), 0..1."""
        self._values = values
        self.update()

    def set_current(self, index: int) -> None:
        """Mark the slice that is on screen."""
        if index != self._current:
            self._current = index
            self.update()

    def slice_at(self, x: float) -> int:
        """Slice under a horizontal position in pixels."""
        count = max(len(self._values), 1)
        return int(np.clip(x / max(self.width(), 1) * count, 0, count - 1))

    def sizeHint(self) -> QSize:
        """Return a low strip."""
        return QSize(200, 70)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw."""
        painter = QPainter(self)
        ink = self.palette().windowText().color()
        ground = QColor(ink)
        ground.setAlphaF(0.08)
        painter.fillRect(self.rect(), ground)
        count = len(self._values)
        words = self.fontMetrics().height()
        height = self.height() - words - 2
        if count:
            step = self.width() / count
            stops = np.array([s for s, _ in HEAT_COLOURS])
            table = np.array([c[:3] for _, c in HEAT_COLOURS])
            for index, value in enumerate(self._values.tolist()):
                colour = QColor.fromRgbF(*(float(np.interp(value, stops, table[:, k])) for k in range(3)))
                painter.fillRect(
                    QRectF(index * step, height * (1 - value), max(step - (step > 3), 1), height * value), colour
                )
            x = (self._current + 0.5) * step
            painter.setPen(QPen(ink, 2))
            painter.drawLine(QPointF(x, 0), QPointF(x, height))
        painter.setPen(ink)
        line = QRectF(0, height + 1, self.width(), words + 1)
        text = f"slice {self._current + 1} of {count}" if count else "no map"
        painter.drawText(line, int(Qt.AlignmentFlag.AlignHCenter), text)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Go to the slice."""
        if event is not None and len(self._values):
            self.slice_requested.emit(self.slice_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Scrub while the button is held."""
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton and len(self._values):
            self.slice_requested.emit(self.slice_at(event.position().x()))
