"""A box to choose from that may be narrower than its words."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QPaintEvent
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter

__all__ = ["NarrowBox"]

_SCROLL_BAR_PX = 24


class NarrowBox(QComboBox):
    """A box narrower than its words: it shows that there is more of them, and its list shows them whole."""

    def shown_option(self) -> QStyleOptionComboBox:
        """Return how the box is drawn: with as much of the words as has room, and an ellipsis."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self).width()
        words = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideRight, room)
        option.currentText = words
        return option

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the box."""
        painter, option = QStylePainter(self), self.shown_option()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def showPopup(self) -> None:
        """Open the list, as wide as its words."""
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0) + _SCROLL_BAR_PX)
        super().showPopup()
