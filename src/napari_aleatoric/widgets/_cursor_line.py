"""Two lines at the bottom left of the canvas: the window, and what is under the mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QLabel

__all__ = ["CursorLine"]

_MARGIN = 6
_LETTER_PX = 44  # height that the patient's letter in the middle and the scale bar at the right take at the bottom
_STYLE = "color: white; background: rgba(0, 0, 0, 150); padding: 2px 5px; border-radius: 3px;"


class CursorLine(QLabel):
    """Words over the canvas; the mouse goes through them. Qt draws them, so the image is not drawn anew.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    on_left : callable
        Called when the mouse leaves the canvas.
    """

    def __init__(self, viewer: Any, on_left: Callable[[], None] = lambda: None) -> None:
        canvas = viewer.window._qt_viewer.canvas.native
        super().__init__(canvas)
        self._canvas: Any = canvas
        self._on_left = on_left
        self._lines = ("", "")
        self.setObjectName("aleatoric-cursor-line")
        self.setAccessibleName("Window, and what is under the mouse")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setStyleSheet(_STYLE)
        canvas.installEventFilter(self)
        self.hide()

    def show_window(self, words: str) -> None:
        """Say which window is shown; "" for none."""
        self._show((words, self._lines[1]))

    def show_place(self, words: str) -> None:
        """Say what is under the mouse; "" for nothing."""
        self._show((self._lines[0], words))

    def let_go(self) -> None:
        """Let go of the window."""
        self._canvas.removeEventFilter(self)
        self._on_left = lambda: None
        self._canvas = None
        self.hide()
        self.deleteLater()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stay in the corner, and hear that the mouse left."""
        if event is not None and self._canvas is not None:
            if event.type() == QEvent.Type.Resize:
                self._place()
            elif event.type() == QEvent.Type.Leave:
                self._on_left()
        return super().eventFilter(watched, event)

    def _show(self, lines: tuple[str, str]) -> None:
        if lines == self._lines or self._canvas is None:
            return
        self._lines = lines
        words = "\n".join(line for line in lines if line)
        self.setText(words)
        if words:
            self._place()
            self.show()
            self.raise_()
        else:
            self.hide()

    def _place(self) -> None:
        self.setMaximumWidth(max(self._canvas.width() - 2 * _MARGIN, 1))
        self.adjustSize()
        reaches_the_letter = _MARGIN + self.width() > (self._canvas.width() - _LETTER_PX) / 2
        below = _LETTER_PX if reaches_the_letter else _MARGIN
        self.move(_MARGIN, self._canvas.height() - self.height() - below)
