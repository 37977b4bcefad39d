"""What the network draws of one slice, as a picture; earlier looks under a slider."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QSlider, QVBoxLayout, QWidget

from napari_aleatoric.session import ExampleView
from napari_aleatoric.viewer import COMPARED_COLOURS

__all__ = ["ExamplePanel"]

_WIDTH_PX = 170
_HINT = (
    "One slice of a case that the training only looks at: its label white, what the network draws blue. Every look "
    "brings a new picture; the slider goes back to earlier ones."
)


class ExamplePicture(QWidget):
    """A picture as large as there is room for, in its true proportions."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setMinimumSize(60, 60)
        self._image, self._aspect = QImage(), 1.0

    @property
    def image(self) -> QImage:
        """What is drawn."""
        return self._image

    def show_picture(self, view: ExampleView) -> None:
        """Draw another picture, or none."""
        if view.picture is None:
            self._image = QImage()
        else:
            data = np.ascontiguousarray(view.picture)
            height, width, _ = data.shape
            kept = QImage(data.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            self._image, self._aspect = kept.copy(), view.aspect
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw it at the top, in the middle."""
        if self._image.isNull():
            return
        width = min(float(self.width()), self.height() * self._aspect)
        place = QRectF((self.width() - width) / 2, 0.0, width, width / self._aspect)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, self._image)
        painter.end()


class ExamplePanel(QWidget):
    """Words, picture, slider; hidden where there is no picture.

    Signals
    -------
    chosen(int)
        Step of a look.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(_WIDTH_PX)
        self.setToolTip(_HINT)
        self.words = QLabel()
        self.words.setTextFormat(Qt.TextFormat.RichText)
        self.words.setWordWrap(True)
        self.words.setAccessibleName("Which look the picture is of")
        self.picture = ExamplePicture()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Look whose picture is shown, the newest at the right")
        self.slider.setToolTip(
            "Goes back to what the network drew earlier; at the right end new pictures are followed."
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.words)
        layout.addWidget(self.picture, 1)
        layout.addWidget(self.slider)
        self._steps: tuple[int, ...] = ()
        self.slider.valueChanged.connect(self._moved)
        self.hide()

    def sizeHint(self) -> QSize:
        """Return a narrow column."""
        return QSize(_WIDTH_PX, 120)

    def show_view(self, view: ExampleView) -> None:
        """Show another picture, or nothing."""
        self.picture.show_picture(view)
        self._steps = view.steps
        was = self.slider.blockSignals(True)
        self.slider.setRange(0, max(0, len(view.steps) - 1))
        if view.step in view.steps:
            self.slider.setValue(view.steps.index(view.step))
        self.slider.blockSignals(was)
        self.slider.setVisible(len(view.steps) > 1)
        mark = f'<span style="color:{COMPARED_COLOURS["after"]}">━</span>'
        self.words.setText(f"{mark}&nbsp;drawn after&nbsp;{view.step:,}&nbsp;steps")
        self.picture.setAccessibleName(f"What the network draws after {view.step:,} steps, beside the label")
        self.setVisible(view.picture is not None)

    def _moved(self, place: int) -> None:
        if 0 <= place < len(self._steps):
            self.chosen.emit(self._steps[place])
