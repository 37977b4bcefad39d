"""The *Measure* dock: builds its parts, connects them, nothing more."""

from __future__ import annotations

from typing import Any, get_args

from napari.viewer import Viewer
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QTabWidget, QVBoxLayout, QWidget

from napari_aleatoric.model import MeasureKind
from napari_aleatoric.widgets._hub_dock import HubDock

from ._tables import FiguresTable, MeasurementsTable
from ._window_box import WindowBox

__all__ = ["MeasureDock"]

_AFTER_STROKE_MS = 900
_TOOLS: dict[str, tuple[str, str, str]] = {
    "distance": ("Distance", "measure_distance", "Drag from one place to the other."),
    "ellipse": (
        "Ellipse",
        "measure_ellipse",
        "Drag from corner to corner: area, mean, SD and range inside.",
    ),
    "rectangle": ("Rectangle", "measure_rectangle", "Drag from corner to corner."),
    "polygon": ("Outline", "measure_outline", "Draw round it with the button held; the outline closes itself."),
}


class MeasureDock(HubDock):
    """Windows, measurements, and the figures of the label before and now.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The window.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.tools = self.hub.measuring
        self.habits = self.hub.habits
        self._layer: Any = None
        self._later = QTimer(self, singleShot=True, interval=_AFTER_STROKE_MS)
        self._later.timeout.connect(self._look)
        self._build()
        self._connect()
        self._show_rows()
        self._show_figures()

    def _build(self) -> None:
        keys = {b.action.name: b.key for b in self.hub.shortcuts.bindings if not b.conflict}
        self.window_box = WindowBox(self.session, self.habits.windowing)
        self.wheel = QCheckBox("Wheel: slices")
        self.wheel.setToolTip("Ctrl and the wheel zoom. Off: the wheel zooms and Ctrl scrolls, as napari has it.")
        self.wheel.setChecked(self.habits.habits.wheel_scrolls)
        self.buttons: dict[str, QPushButton] = {}
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.window_box, 1)
        row.addWidget(self.wheel)
        for kind in get_args(MeasureKind):
            title, action, words = _TOOLS[kind]
            button = QPushButton(title)
            button.setCheckable(True)
            button.setAccessibleName(f"Measure: {title.lower()}")
            key = f" Key: {keys[action]}" if keys.get(action) else ""
            button.setToolTip(f"{words} Press again to lay the tool down.{key}")
            self.buttons[kind] = button
            row.addWidget(button)
        self.delete = QPushButton("Delete")
        self.delete.setAccessibleName("Delete the chosen measurement")
        self.delete.setToolTip("Delete the measurement that is chosen in the table, or else the last one.")
        row.addWidget(self.delete)
        self.measured = MeasurementsTable(self.tools.go_to, self.tools.remove)
        self.figures = FiguresTable()
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.measured, "Measurements")
        self.tabs.addTab(self.figures, "Label")
        body = QWidget()
        whole = QVBoxLayout(body)
        whole.setContentsMargins(6, 2, 6, 4)
        whole.setSpacing(4)
        whole.addLayout(row)
        whole.addWidget(self.tabs, 1)
        self.setWidget(body)
        self.setMinimumSize(320, 120)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)  # one row of buttons

    def sizeHint(self) -> QSize:
        """Return a strip below the image."""
        return QSize(760, 7 * self.delete.sizeHint().height())

    def _connect(self) -> None:
        for kind, button in self.buttons.items():
            button.clicked.connect(lambda _, kind=kind: self._take(kind))
        self.delete.clicked.connect(lambda: self.tools.remove(self.measured.current_id))
        self.wheel.toggled.connect(lambda on: setattr(self.habits.habits, "wheel_scrolls", on))
        self.habits.habits.wheel_changed.connect(self._show_wheel)
        self.tools.tool_changed.connect(self._show_tool)
        self.tools.measuring.changed.connect(self._show_rows)
        self.tools.figures.changed.connect(self._show_figures)
        self.session.item_changed.connect(self._item_changed)
        self.session.version_changed.connect(self._painted)

    def _show_wheel(self, on: bool) -> None:
        self.wheel.setChecked(on)

    def _take(self, kind: Any) -> None:
        self.tools.take(kind)
        self._show_tool(self.tools.pad.tool or "")

    def _show_tool(self, tool: str) -> None:
        for kind, button in self.buttons.items():
            button.setChecked(kind == tool)

    def _show_rows(self) -> None:
        self.measured.show_rows(self.tools.measuring.rows)
        self.delete.setEnabled(bool(self.tools.measuring.rows))

    def _show_figures(self) -> None:
        item, figures = self.session.item, self.tools.figures
        is_hu = item is not None and item.intensities is not None and item.intensities.is_hu
        self.figures.show_figures(self.session.classes, figures.before, figures.after, "HU" if is_hu else "")

    # -- the label changes under the hands -------------------------------------------------------------

    def showEvent(self, event: QShowEvent | None) -> None:
        """Work the figures out while somebody looks."""
        super().showEvent(event)
        self._item_changed()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Work nothing out while nobody looks."""
        self._later.stop()
        super().hideEvent(event)

    def _item_changed(self, item: object = None) -> None:
        layer = self.hub.stage.label_layer
        if layer is not None and layer is not self._layer:
            for events in (layer.events.paint, layer.events.labels_update):
                events.connect(self._painted)
            self._layer = layer
        self._look()

    def _painted(self, event: object = None) -> None:
        if self.isVisible():
            self._later.start()

    def _look(self) -> None:
        if self.isVisible() and not self.hub.closed:
            self.tools.figures.look()
