"""Names of labels that are too long for their column: the case stays whole, the reader gives way."""

from __future__ import annotations

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_aleatoric.model import ItemKey

from ._queue_model import KEY_ROLE

__all__ = ["CaseNames", "shortened"]


class CaseNames(QStyledItemDelegate):
    """Draws the column of the names."""

    def initStyleOption(self, option: QStyleOptionViewItem | None, index: QModelIndex) -> None:
        """Shorten a name to its cell."""
        super().initStyleOption(option, index)
        key = index.data(KEY_ROLE)
        if option is not None and isinstance(key, ItemKey) and option.widget is not None:
            margin = option.widget.style().pixelMetric(
                QStyle.PixelMetric.PM_FocusFrameHMargin, option, option.widget
            )
            option.text = shortened(key, option.fontMetrics, option.rect.width() - 2 * (margin + 1))


def shortened(key: ItemKey, metrics: QFontMetrics, room: int) -> str:
    """Return what fits of the name of a label.

    Parameters
    ----------
    key : ItemKey
        Which label.
    metrics : QFontMetrics
        Of the font.
    room : int
        Pixels.

    Returns
    -------
    str
        The whole name; else the whole case and the beginning of its reader; else the two ends of the name.
    """
    name = str(key)
    reader = name.removeprefix(key.case_id)
    left = room - metrics.horizontalAdvance(key.case_id)
    if metrics.horizontalAdvance(name) <= room or left <= metrics.horizontalAdvance(reader[:3] + "…"):
        return metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room)
    return key.case_id + metrics.elidedText(reader, Qt.TextElideMode.ElideRight, left)
