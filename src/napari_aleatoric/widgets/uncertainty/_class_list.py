"""Classes with their scores as bars; tick a class to see its map."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, QObject, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from napari_aleatoric.model import ClassTable
from napari_aleatoric.viewer import class_colour

__all__ = ["ClassList", "ClassModel"]

_SCORE_ROLE = int(Qt.ItemDataRole.UserRole) + 1
_COLOUR_ROLE = int(Qt.ItemDataRole.UserRole) + 2
_REST_ROLE = int(Qt.ItemDataRole.UserRole) + 3


class ClassModel(QAbstractListModel):
    """One row per class: name, colour, score, ticked."""

    toggled = Signal(object)  # frozenset of hidden class indices

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._classes = ClassTable(())
        self._scores: dict[int, float] = {}
        self._rests: dict[int, float] = {}
        self._words: dict[int, str] = {}
        self._hidden: frozenset[int] = frozenset()

    def show(
        self, classes: ClassTable, scores: dict[int, float], words: dict[int, str], rests: dict[int, float]
    ) -> None:
        """Replace names and scores; ``rests`` are scores without what size explains, ``words`` the tool tips."""
        self.beginResetModel()
        self._classes, self._scores, self._words, self._rests = classes, scores, words, rests
        self.endResetModel()

    def set_hidden(self, hidden: frozenset[int]) -> None:
        """Tick and untick without telling anybody."""
        if hidden != self._hidden:
            self._hidden = hidden
            self.dataChanged.emit(self.index(0), self.index(max(0, self.rowCount() - 1)))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of classes."""
        return 0 if parent is not None and parent.isValid() else len(self._classes)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Rows can be ticked."""
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a row shows."""
        if not index.isValid():
            return None
        item = self._classes.classes[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return item.class_name
        if role == Qt.ItemDataRole.CheckStateRole:
            off = item.class_index in self._hidden
            return Qt.CheckState.Unchecked if off else Qt.CheckState.Checked
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._words.get(item.class_index, "This class has no score here.")
        if role == _SCORE_ROLE:
            return self._scores.get(item.class_index, math.nan)
        if role == _REST_ROLE:
            return self._rests.get(item.class_index, math.nan) if self._rests else None
        if role == _COLOUR_ROLE:
            return class_colour(item.class_index)
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Tick or untick."""
        if role != Qt.ItemDataRole.CheckStateRole or not index.isValid():
            return False
        class_index = self._classes.classes[index.row()].class_index
        checked = Qt.CheckState(value) == Qt.CheckState.Checked
        self._hidden = self._hidden - {class_index} if checked else self._hidden | {class_index}
        self.dataChanged.emit(index, index)
        self.toggled.emit(self._hidden)
        return True


class _BarDelegate(QStyledItemDelegate):
    """Draws a swatch and a bar at the right of the name; the bar grows with badness.

    Attributes
    ----------
    name_px : int
        What the longest name needs; bars give way to it as far as they can still be read.
    """

    name_px = 0

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """Return a compact row."""
        hint = super().sizeHint(option, index)
        return QSize(hint.width(), option.fontMetrics.height() + 7)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw a row."""
        width = option.rect.width()
        half = round(min(0.58 * width, max(0.47 * width, width - self.name_px)))  # the bar with its figures
        left = QStyleOptionViewItem(option)
        self.initStyleOption(left, index)
        left.rect = option.rect.adjusted(0, 0, -half, 0)
        widget = option.widget
        if widget is not None:
            widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, left, painter, widget)
        score = index.data(_SCORE_ROLE)
        area = QRectF(option.rect.adjusted(option.rect.width() - half, 4, -6, -4))
        painter.save()
        painter.setPen(Qt.PenStyle.NoPen)
        colour = QColor(index.data(_COLOUR_ROLE))
        painter.setBrush(colour)
        painter.drawRect(QRectF(area.left(), area.top(), 8, area.height()))
        rest = index.data(_REST_ROLE)
        room = 34 if rest is None else 4 + option.fontMetrics.horizontalAdvance("0.00 | 0.00")
        bar = QRectF(area.left() + 12, area.top(), area.width() - 12 - room, area.height())
        track = QColor(option.palette.text().color())
        track.setAlphaF(0.15)
        painter.setBrush(track)
        painter.drawRect(bar)
        painter.setPen(option.palette.text().color())
        text = QRectF(bar.right() + 4, area.top() - 4, room - 4, area.height() + 8)
        if score is None or math.isnan(score):
            painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), "–")
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawRect(QRectF(bar.left(), bar.top(), bar.width() * min(max(score, 0), 1), bar.height()))
            painter.setPen(option.palette.text().color())
            flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
            beside = "" if rest is None else " | –" if math.isnan(rest) else f" | {rest:.2f}"
            painter.drawText(text, flags, f"{score:.2f}{beside}")
        painter.restore()


class ClassList(QListView):
    """List of classes.

    Signals
    -------
    hidden_changed(frozenset)
        Class indices whose maps are off.
    """

    hidden_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.class_model = ClassModel(self)
        self.setModel(self.class_model)
        self._bars = _BarDelegate(self)
        self.setItemDelegate(self._bars)
        self.setAccessibleName("Classes and their scores; tick to show the map")
        self.setSelectionMode(QListView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.class_model.toggled.connect(self.hidden_changed.emit)
        self._fit()

    def show_classes(
        self,
        classes: ClassTable,
        scores: dict[int, float],
        words: dict[int, str],
        rests: dict[int, float] | None = None,
    ) -> None:
        """Replace the rows; ``rests`` stand behind the scores: the same without what size explains."""
        self.class_model.show(classes, scores, words, rests or {})
        self._fit()

    def _fit(self) -> None:
        tick = self.style().pixelMetric(QStyle.PixelMetric.PM_IndicatorWidth)
        names = (self.class_model.index(row).data() for row in range(self.class_model.rowCount()))
        longest = max((self.fontMetrics().horizontalAdvance(name) for name in names), default=0)
        self._bars.name_px = longest + tick + 18
        rows = min(max(self.class_model.rowCount(), 1), 3)
        self.setFixedHeight(rows * (self.fontMetrics().height() + 7) + 6)
