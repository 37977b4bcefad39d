"""A text of several lines that layouts cannot cut."""

from __future__ import annotations

from qtpy.QtGui import QResizeEvent, QShowEvent
from qtpy.QtWidgets import QLabel

__all__ = ["WholeText"]


class WholeText(QLabel):
    """Text that breaks its lines and is never cut off: layouts alone forget to ask again when it grows."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setWordWrap(True)

    def setText(self, text: str) -> None:
        """Show another text, and ask for the height it needs."""
        super().setText(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Ask for another height where the width changed."""
        super().resizeEvent(event)
        if event is not None and event.oldSize().width() != event.size().width():
            self._fit()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Ask for the height that the text needs which was set meanwhile."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        if not self.isVisible():  # it has not got its width yet
            return
        self.setMinimumHeight(0)  # else it is part of the answer
        self.setMinimumHeight(max(0, self.heightForWidth(self.width())))
        around = self.parentWidget()
        while around is not None and around.layout() is not None:
            around.layout().invalidate()
            around.updateGeometry()
            around = around.parentWidget()
