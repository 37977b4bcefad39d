"""The heatmap's colours with their numbers."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_aleatoric.viewer import HEAT_COLOURS

__all__ = ["ColourBar"]


class ColourBar(QWidget):
    """Gradient from the threshold to 1, with ends in numbers and words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._low = 0.25
        self._words = ("supported", "contradicted")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Colour bar of the heatmap")

    @property
    def words(self) -> tuple[str, str]:
        """What 0 and 1 mean."""
        return self._words

    def set_low(self, low: float) -> None:
        """Say where the scale begins to be drawn."""
        if low != self._low:
            self._low = low
            self.update()

    def set_words(self, low: str, high: str) -> None:
        """Say what 0 and 1 mean."""
        if (low, high) != self._words:
            self._words = (low, high)
            self.update()

    def sizeHint(self) -> QSize:
        """Return the bar and one line of text."""
        return QSize(200, 12 + self.fontMetrics().height() + 3)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw."""
        painter = QPainter(self)
        area = QRectF(0, 0, self.width(), 12)
        painter.fillRect(area, QColor(40, 40, 40))
        start = area.width() * self._low
        gradient = QLinearGradient(QPointF(start, 0), QPointF(area.width(), 0))
        for stop, (red, green, blue, alpha) in HEAT_COLOURS:
            gradient.setColorAt(stop, QColor.fromRgbF(red, green, blue, alpha))
        painter.fillRect(QRectF(start, 0, area.width() - start, 12), gradient)
        painter.setPen(self.palette().windowText().color())
        line = QRectF(0, 13, self.width(), self.fontMetrics().height() + 2)
        painter.drawText(line, int(Qt.AlignmentFlag.AlignLeft), f"0 {self._words[0]}")
        painter.drawText(line, int(Qt.AlignmentFlag.AlignRight), f"1 {self._words[1]}")
        if 0.3 <= self._low <= 0.62:
            middle = QRectF(start - 20, 13, 40, line.height())
            painter.drawText(middle, int(Qt.AlignmentFlag.AlignHCenter), f"{self._low:.2f}")
        painter.end()
