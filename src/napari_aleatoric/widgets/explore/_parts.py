"""Small pieces that the panels share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.uncertainty import MEASURES
from napari_aleatoric.widgets._narrow_box import NarrowBox

__all__ = ["choice", "fill_column", "offer", "row_of", "words_of"]


def choice(words: str) -> QComboBox:
    """Return an empty box to choose from, that may become narrow."""
    box = NarrowBox()
    box.setAccessibleName(words)
    box.setToolTip(words)
    box.setMinimumContentsLength(3)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return box


def words_of(name: str) -> QLabel:
    """Return an empty text that takes the width it gets, never asks for more, and can be copied."""
    words = QLabel()
    words.setWordWrap(True)
    words.setAccessibleName(name)
    words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return words


def offer(box: QComboBox, entries: Sequence[tuple[str, Any]], chosen: Any) -> None:
    """Fill a box unless it holds these entries already, and show what is chosen; measures get their sentence."""
    if [(box.itemText(i), box.itemData(i)) for i in range(box.count())] != list(entries):
        box.clear()
        for text, value in entries:
            box.addItem(text, value)
            if value in MEASURES:
                box.setItemData(box.count() - 1, MEASURES[value].sentence, Qt.ItemDataRole.ToolTipRole)
    box.setCurrentIndex(max(0, box.findData(chosen)))


def row_of(*parts: QWidget, widths: Sequence[int] = ()) -> QWidget:
    """Return parts beside each other; ``widths`` are their shares of it, by default equal."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for number, part in enumerate(parts):
        layout.addWidget(part, widths[number] if widths else 1)
    return row


def fill_column(column: QWidget, *parts: QWidget, stretched: QWidget) -> None:
    """Put parts below each other into a widget; one of them takes the height that is left."""
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 2, 0, 0)
    layout.setSpacing(4)
    for part in parts:
        layout.addWidget(part, 1 if part is stretched else 0)
