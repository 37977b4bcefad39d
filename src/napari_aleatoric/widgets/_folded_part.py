"""A part of a dock that is folded away until somebody wants it."""

from __future__ import annotations

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

__all__ = ["FoldedPart"]

_CLOSED, _OPEN = "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}", "\N{BLACK DOWN-POINTING SMALL TRIANGLE}"


class FoldedPart(QWidget):
    """A title to press, and below it what is unfolded.

    Parameters
    ----------
    title : str
        What is folded.
    hint : str
        Tool tip of the title.
    body : QWidget
        What is shown when it is unfolded.
    parent : QWidget, optional
        Qt's owner.
    """

    def __init__(self, title: str, hint: str, body: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self.body = title, body
        self.head = QPushButton()
        self.head.setCheckable(True)
        self.head.setToolTip(hint)
        self.head.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.head)
        layout.addWidget(body)
        body.hide()
        self.head.toggled.connect(self._fold)
        self._show_title()

    def set_title(self, title: str) -> None:
        """Say something else in the title."""
        self._title = title
        self._show_title()

    def _show_title(self) -> None:
        self.head.setText(f"{_OPEN if self.head.isChecked() else _CLOSED} {self._title}")

    def _fold(self, is_open: bool) -> None:
        self.body.setVisible(is_open)
        self._show_title()
        if is_open:
            QTimer.singleShot(0, self._bring_into_sight)  # once it has its place

    def _bring_into_sight(self) -> None:
        above = self.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        if above is not None:
            above.ensureWidgetVisible(self.body, 0, 0)
            above.ensureWidgetVisible(self.head, 0, 0)
