"""The *Regions* dock: builds its parts, connects them, nothing more."""

from __future__ import annotations

from itertools import pairwise

from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QDockWidget,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.session import HotWalkView
from napari_aleatoric.widgets._hub_dock import HubDock
from napari_aleatoric.widgets._whole_text import WholeText

from ._table import HotRegionTable

__all__ = ["RegionsDock"]

_BUTTONS = (
    ("previous_hot_region", "Previous", "Go to the region before."),
    ("next_hot_region", "Next", "Go to the next region."),
    ("accept_region", "Right here", "The label is right in this region."),
    (
        "repaint_region",
        "Repainted",
        "The label was repainted here. Regions that you paint in are marked so by themselves.",
    ),
    (
        "exclude_region",
        "Do not learn",
        "Nothing is to be learned from the voxels of this region; they join the layer “Do not learn from here”.",
    ),
    ("undo_region", "Take back", "Take back what you said of this region."),
)


class RegionsDock(HubDock):
    """The regions of the map above the threshold: walked, and settled one by one.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The window.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.state = self.hub.walking.state
        self._is_watched = False
        self._build()
        self._connect()
        self._show(self.state.view)
        self._show_threshold(self.session.options.threshold)

    def _build(self) -> None:
        self.progress = WholeText()
        self.progress.setAccessibleName("How many regions are left")
        font = self.progress.font()
        font.setBold(True)
        self.progress.setFont(font)
        self.smaller = WholeText()
        self.smaller.setAccessibleName("Regions that are not listed")
        self.threshold_words = QLabel()
        self.threshold = QSlider(Qt.Orientation.Horizontal)
        self.threshold.setRange(0, 95)
        self.threshold.setAccessibleName("Threshold of the map")
        self.threshold.setToolTip(
            "Regions are where the map is at or above this value; below it nothing of the heatmap is drawn. "
            "What you said stays with the voxels when it moves."
        )
        self.table = HotRegionTable()
        self.buttons = {name: self._button(name, text, words) for name, text, words in _BUTTONS}
        self.goes_on = QCheckBox("After the last region, on to the next case")
        self.goes_on.setToolTip("The key for the next region then leads from case to case.")
        self.finish = QPushButton()
        self.finish.setAccessibleName("Record the case")
        sliders = QHBoxLayout()
        sliders.setSpacing(6)
        sliders.addWidget(self.threshold_words)
        sliders.addWidget(self.threshold, 1)
        grid = QGridLayout()
        grid.setSpacing(4)
        for place, button in enumerate(self.buttons.values()):
            grid.addWidget(button, place // 2, place % 2)
        body = QWidget()
        whole = QVBoxLayout(body)
        whole.setContentsMargins(6, 4, 6, 4)
        whole.setSpacing(6)
        whole.addWidget(self.progress)
        whole.addLayout(sliders)
        whole.addWidget(self.table, 1)
        whole.addWidget(self.smaller)
        whole.addLayout(grid)
        whole.addWidget(self.goes_on)
        whole.addWidget(self.finish)
        self.setWidget(body)
        self.setMinimumWidth(330)
        stops = [self.threshold, self.table, *self.buttons.values(), self.goes_on, self.finish]
        for before, after in pairwise(stops):
            self.setTabOrder(before, after)

    def _button(self, action: str, text: str, words: str) -> QPushButton:
        key = self._key_of(action)
        button = QPushButton(f"{text}  {key}" if key else text)
        button.setToolTip(f"{words}{f' Key: {key}' if key else ''}")
        button.setAccessibleName(text)
        button.clicked.connect(lambda: self.hub.performers()[action]())
        return button

    def _key_of(self, action: str) -> str:
        bindings = self.hub.shortcuts.bindings
        return next((b.key for b in bindings if b.action.name == action and not b.conflict), "")

    def _connect(self) -> None:
        options = self.session.options
        self.table.picked.connect(self.state.go_to)
        self.threshold.valueChanged.connect(lambda value: setattr(options, "threshold", value / 100))
        options.events.threshold.connect(self._show_threshold)
        self.goes_on.toggled.connect(self.state.go_on_at_the_end)
        self.finish.clicked.connect(lambda: self.hub.performers()["finish_regions"]())
        self.state.view_changed.connect(self._show)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Look for regions while they are seen."""
        frame = self.parentWidget()
        while frame is not None and not isinstance(frame, QDockWidget):
            frame = frame.parentWidget()
        if frame is not None and not self._is_watched:  # behind another tab it is not seen, and not hidden either
            self._is_watched = True
            frame.visibilityChanged.connect(self._seen)
        self._seen(True)
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Look no more, and take the outline away."""
        self._seen(False)
        super().hideEvent(event)

    def _seen(self, is_seen: bool) -> None:
        if self.hub.closed:
            return
        if is_seen:
            self.state.turn_on()
        else:
            self.state.turn_off()

    # -- to widgets ---------------------------------------------------------------------------------

    def _show_threshold(self, value: float) -> None:
        self.threshold.setValue(round(100 * value))
        self.threshold_words.setText(f"From {value:.2f}")

    def _show(self, view: HotWalkView) -> None:
        self.progress.setText(view.progress)
        self.smaller.setText(view.smaller)
        self.smaller.setVisible(bool(view.smaller))
        self.table.show_view(view)
        for button in self.buttons.values():
            button.setEnabled(bool(view.rows))
        self.buttons["undo_region"].setEnabled(bool(view.rows) and bool(view.rows[view.row].kind))
        self.goes_on.setChecked(view.goes_on)
        key = self._key_of("finish_regions")
        verdict = "" if view.proposal is None else view.proposal.value
        text = f"Record the label as {verdict}" if verdict else "Record the label, once all is settled"
        self.finish.setText(f"{text}  {key}" if key else text)
        self.finish.setToolTip(
            "Accepted where nothing was repainted, corrected where something was. Nothing is recorded by itself."
        )
        self.finish.setEnabled(view.proposal is not None)
