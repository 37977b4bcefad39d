"""The *Edit* dock: builds its parts, connects them, nothing more."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QSize, QTimer
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.session import EditSource, class_title
from napari_aleatoric.widgets._hub_dock import HubDock
from napari_aleatoric.widgets._progress_line import ProgressLine
from napari_aleatoric.widgets.segment._class_box import ClassBox

from ._brush_row import BrushRow
from ._operation_grid import OperationGrid

__all__ = ["EditDock"]

_REACHES = (
    ("slice", "This slice", "Only the slice on the screen is changed."),
    ("slices", "Every slice by itself", "All slices along the axis on the screen, each in two dimensions."),
    ("volume", "Volume", "In three dimensions."),
)
_LOOK_MS = 100


class EditDock(HubDock):
    """Tools that correct the label, a class at a time.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The window.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.editing = self.hub.editing
        self._layer: Any = None
        self._build()
        self._connect()
        self._show_item()

    def _build(self) -> None:
        self.classes = ClassBox()
        self.classes.setToolTip("The class that is corrected: the selected label of the Label layer.")
        self.lock = QPushButton("Lock")
        self.lock.setCheckable(True)
        self.lock.setAccessibleName("Lock the class")
        key = self._key("edit_lock")
        self.lock.setToolTip(f"Nothing may change this class any more.{f' Key: {key}.' if key else ''}")
        self.locked = QPushButton("Unlock all")
        self.locked.setAccessibleName("Unlock all classes")
        self.reach = QComboBox()
        self.reach.setAccessibleName("Where the operations work")
        for name, title, hint in _REACHES:
            self.reach.addItem(title, name)
            self.reach.setItemData(self.reach.count() - 1, hint, 3)  # Qt's tool tip of an entry
        self.reach.setToolTip("Where the operations work: on this slice, on every slice by itself, or in 3-D.")
        self.over = QCheckBox("Over other classes")
        self.over.setToolTip("Without it, a class grows into the background alone. Locked classes always stay.")
        self.brush = BrushRow(self.editing)
        self.grid = OperationGrid(self.editing, self._key)
        self.source = QComboBox()
        self.source.setAccessibleName("Label to take regions from")
        self.source.setToolTip("Another label of this case, shown as a white outline.")
        self.region = QPushButton("Take regions")
        self.region.setCheckable(True)
        self.region.setAccessibleName("Take over regions that are clicked")
        key = self._key("edit_take_region")
        under = f" Key for the one under the mouse: {key}." if key else ""
        self.region.setToolTip(f"While it is on, a click takes over the region of the other label there.{under}")
        self.all_classes = QCheckBox("All")
        self.all_classes.setAccessibleName("All classes of a region")
        self.all_classes.setToolTip("Take a region over with all its classes, not the chosen class alone.")
        self.progress = ProgressLine("the correction", "Stop working it out; the label stays as it is.")
        for box in (self.classes, self.reach, self.source, self.brush.kind):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(6)
        form = QFormLayout()
        form.setSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Class", _row(self.classes, self.lock))
        form.addRow("Where", self.reach)
        form.addRow("", _row(self.over, self.locked))
        form.addRow("Brush", self.brush)
        right = QVBoxLayout()
        right.setSpacing(4)
        right.addWidget(self.grid)
        take = QFormLayout()
        take.setSpacing(4)
        take.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        take.addRow("From", _row(self.source, self.region, self.all_classes))
        right.addLayout(take)
        right.addWidget(self.progress)
        right.addStretch(1)
        body = QWidget()
        self._columns = QBoxLayout(QBoxLayout.Direction.TopToBottom, body)
        self._columns.setContentsMargins(6, 4, 6, 4)
        self._columns.setSpacing(10)
        self._columns.addLayout(form, 2)
        self._columns.addLayout(right, 3)
        self.setWidget(body)
        self.setMinimumSize(300, 120)
        self._clock = QTimer(self, interval=_LOOK_MS)

    def _connect(self) -> None:
        editing, wishes = self.editing, self.editing.wishes
        self.classes.chosen.connect(self._choose_class)
        self.lock.clicked.connect(lambda: editing.toggle_lock())
        self.locked.clicked.connect(lambda: setattr(wishes, "locked", frozenset()))
        self.reach.activated.connect(lambda row: setattr(wishes, "reach", self.reach.itemData(row)))
        self.over.toggled.connect(lambda on: setattr(wishes, "over_others", on))
        self.all_classes.toggled.connect(lambda on: setattr(wishes, "all_classes", on))
        self.source.activated.connect(lambda row: editing.other.choose(self.source.itemData(row)))
        self.region.clicked.connect(lambda on: editing.other.take(on))
        self.progress.cancel_requested.connect(editing.cancel)
        self._clock.timeout.connect(self._show_progress)
        wishes.events.connect(lambda *_: self._show_wishes())
        editing.changed.connect(self._show_progress)
        editing.other.changed.connect(self._show_sources)
        editing.other.taking_changed.connect(lambda on: self.region.setChecked(on))
        self.session.opened.connect(lambda _: self._show_item())
        self.session.item_changed.connect(lambda _: self._show_item())

    def _key(self, action: str) -> str:
        for binding in self.hub.shortcuts.bindings:
            if binding.action.name == action and binding.key and not binding.conflict:
                return binding.key
        return ""

    def sizeHint(self) -> QSize:
        """Return a strip below the image."""
        return QSize(600, 190)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Stand side by side where there is room."""
        directions = QBoxLayout.Direction
        wide = sum(self._columns.itemAt(k).minimumSize().width() for k in range(2)) + 30  # margins
        self._columns.setDirection(directions.LeftToRight if self.width() >= wide else directions.TopToBottom)
        super().resizeEvent(event)

    # -- what is shown ------------------------------------------------------------------------------------

    def _choose_class(self, value: int) -> None:
        if self._layer is not None:
            self._layer.selected_label = value

    def _show_item(self) -> None:
        layer = self.hub.stage.label_layer
        if layer is not None and layer is not self._layer:
            self._layer = layer
            layer.events.selected_label.connect(self._show_class)
        self.classes.show_classes(self.session.classes, 0 if layer is None else int(layer.selected_label))
        for part in (self.classes, self.lock, self.reach, self.over, self.brush, self.all_classes):
            part.setEnabled(self.session.item is not None)
        self._show_wishes()
        self._show_sources()
        self._show_progress()

    def _show_class(self, event: Any = None) -> None:
        if self._layer is not None:
            self.classes.mark(int(self._layer.selected_label))
            self._show_wishes()

    def _show_wishes(self) -> None:
        wishes, item = self.editing.wishes, self.session.item
        self.brush.show_wishes()
        self.reach.setCurrentIndex([name for name, _, _ in _REACHES].index(wishes.reach))
        is_locked = self.editing.value in wishes.locked
        self.lock.setChecked(is_locked)
        self.lock.setText("Locked" if is_locked else "Lock")
        names = ", ".join(class_title(self.session.classes, value) for value in sorted(wishes.locked))
        self.locked.setVisible(bool(wishes.locked - {self.editing.value}))
        self.locked.setToolTip(f"Locked: {names}." if names else "No class is locked.")
        self.grid.show_units(item is not None and item.image.geometry.spacing_known, wishes.reach)

    def _show_sources(self) -> None:
        self.source.clear()
        other = self.editing.other
        self.source.addItem("nothing" if other.sources else "no other label", None)
        for source in other.sources:
            self.source.addItem(source.title, source)
        chosen: EditSource | None = other.source
        rows = [None, *other.sources]
        self.source.setCurrentIndex(rows.index(chosen) if chosen in rows else 0)
        self.source.setEnabled(bool(other.sources))
        self.region.setEnabled(chosen is not None)

    def _show_progress(self) -> None:
        editing = self.editing
        busy = editing.busy
        if busy != self._clock.isActive():
            self._clock.start() if busy else self._clock.stop()
            self.progress.show_busy(busy, stopping=False)
        self.grid.show_can(self.session.item is not None and not busy)
        if busy:
            fraction, words = editing.progress
            self.progress.show_fraction(fraction or None)
            self.progress.say(f"{editing.sentence.removesuffix(' …')}: {words} …" if words else editing.sentence)
        else:
            self.progress.say(editing.sentence)


def _row(box: QWidget, *others: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    row.addWidget(box, 1)
    for other in others:
        row.addWidget(other)
    return row
