"""The *Segment* dock: builds its parts, connects them, nothing more."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QKeySequence, QResizeEvent, QShortcut
from qtpy.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.session import PromptStatus, segmenter_choices
from napari_aleatoric.widgets._hub_dock import HubDock

from ._class_box import ClassBox
from ._model_box import ModelBox

__all__ = ["SegmentDock"]

_MODES = {
    "box": ("Box", "segment_box", "Drag a box round an object in the slice. Middle button: move the image."),
    "points": (
        "Points",
        "segment_points",
        "Click into an object; a right click, or Shift and a click, says what is not part of it.",
    ),
}


class SegmentDock(HubDock):
    """Boxes and clicks in the slice become masks of the chosen class.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The window.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.segmenting = self.hub.segmenting
        self._layer: Any = None
        self._live: list[QShortcut] = []
        self._build()
        self._connect()
        self._show_item()
        self._show_models()
        self._show_status(self.segmenting.sentence)
        self._show_mode(self.segmenting.mode)

    def _build(self) -> None:
        self.modes: dict[str, QPushButton] = {}
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for mode, (title, action, words) in _MODES.items():
            key = self._key(action)
            button = QPushButton(f"{title}  {key}" if key else title)
            button.setCheckable(True)
            button.setToolTip(f"{words}{f' Key: {key}.' if key else ''}")
            button.setAccessibleName(f"Segment by {title.lower()}")
            self.modes[mode] = button
            buttons.addWidget(button)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setAccessibleName("What the segmenter does")
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setMaximumHeight(14)
        self.bar.setTextVisible(False)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop waiting, and take no more prompts.")
        self.next = QPushButton("Next object  ⏎")
        self.next.setToolTip("Finish these points: the next click begins another object. Key: Enter.")
        self.model = ModelBox()
        self.models = QPushButton("Models…")
        key = self._key("show_models")
        self.models.setToolTip(f"Get models, check them, and choose among them.{f' Key: {key}.' if key else ''}")
        self.classes = ClassBox()
        self.how = QComboBox()
        self.how.addItems(["Add to the class", "Replace the class on this slice"])
        self.how.setAccessibleName("Add or replace")
        self.how.setToolTip("Whether a mask is added to what the slice has of the class, or stands in its place.")
        self.keep = QCheckBox("Keep other classes")
        self.keep.setToolTip("Draw only where no other class is: napari's “preserve labels”.")
        busy = QHBoxLayout()
        busy.setSpacing(4)
        busy.addWidget(self.bar, 1)
        busy.addWidget(self.cancel)
        left = QVBoxLayout()
        left.setSpacing(4)
        for part in (buttons, busy):
            left.addLayout(part)
        left.addWidget(self.next)
        left.addWidget(self.words)
        left.addStretch(1)
        form = QFormLayout()
        form.setSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Class", self.classes)
        form.addRow("Mask", self.how)
        form.addRow("", self.keep)
        chosen = QHBoxLayout()
        chosen.setSpacing(4)
        chosen.addWidget(self.model, 1)
        chosen.addWidget(self.models)
        form.addRow("Model", chosen)
        body = QWidget()
        self._columns = QBoxLayout(QBoxLayout.Direction.TopToBottom, body)
        self._columns.setContentsMargins(6, 4, 6, 4)
        self._columns.setSpacing(10)
        self._columns.addLayout(left, 1)
        self._columns.addLayout(form, 1)
        self.setWidget(body)
        self.setMinimumSize(300, 120)

    def _key(self, action: str) -> str:
        for binding in self.hub.shortcuts.bindings:
            if binding.action.name == action and binding.key and not binding.conflict:
                return binding.key
        return ""

    def sizeHint(self) -> QSize:
        """Return a strip below the image."""
        return QSize(600, 150)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Stand in columns where there is width, else one below the other."""
        directions = QBoxLayout.Direction
        self._columns.setDirection(directions.LeftToRight if self.width() > 520 else directions.TopToBottom)
        super().resizeEvent(event)

    def _connect(self) -> None:
        segmenting = self.segmenting
        for mode, button in self.modes.items():
            button.clicked.connect(lambda _=False, m=mode: segmenting.toggle(m))
        self.cancel.clicked.connect(lambda: segmenting.stop())
        self.next.clicked.connect(lambda: segmenting.next_object())
        self.model.chosen.connect(self.hub.prompt_model.use)
        self.models.clicked.connect(lambda: self.hub.performers()["show_models"]())
        self.hub.prompt_model.changed.connect(self._show_models)
        self.hub.models.changed.connect(self._show_models)
        self.classes.chosen.connect(self._choose_class)
        self.how.currentIndexChanged.connect(self._choose_how)
        self.keep.toggled.connect(self._choose_keep)
        segmenting.mode_changed.connect(self._show_mode)
        segmenting.status_changed.connect(self._show_status)
        self.session.opened.connect(lambda _: self._show_item())
        self.session.item_changed.connect(lambda _: self._show_item())

    def showEvent(self, event: Any) -> None:
        """Look again which weights there are: some may have been fetched meanwhile."""
        self._show_models()
        super().showEvent(event)

    # -- widgets to session ---------------------------------------------------------------------------

    def _choose_class(self, value: int) -> None:
        if self._layer is not None:
            self._layer.selected_label = value

    def _choose_how(self, row: int) -> None:
        self.segmenting.replaces = row == 1

    def _choose_keep(self, on: bool) -> None:
        if self._layer is not None:
            self._layer.preserve_labels = on

    # -- session to widgets ---------------------------------------------------------------------------

    def _show_item(self) -> None:
        layer = self.hub.stage.label_layer
        if layer is not None and layer is not self._layer:
            self._layer = layer
            layer.events.selected_label.connect(self._show_class)
            layer.events.preserve_labels.connect(self._show_keep)
        self.classes.show_classes(self.session.classes, 0 if layer is None else int(layer.selected_label))
        self._show_keep()
        for part in (*self.modes.values(), self.classes, self.how, self.keep):
            part.setEnabled(self.session.item is not None)

    def _show_models(self) -> None:
        self.model.show_choices(segmenter_choices(self.hub.models.store), self.hub.prompt_model.name)

    def _show_class(self, event: Any = None) -> None:
        if self._layer is not None:
            self.classes.mark(int(self._layer.selected_label))

    def _show_keep(self, event: Any = None) -> None:
        if self._layer is not None:
            self.keep.setChecked(bool(self._layer.preserve_labels))

    def _show_mode(self, mode: str) -> None:
        for name, button in self.modes.items():
            button.setChecked(name == mode)
        self.next.setVisible(mode == "points")
        self._bind(mode)

    def _show_status(self, sentence: str) -> None:
        status: PromptStatus = self.segmenting.prompting.status
        self.words.setText(sentence)
        waits = status.phase in ("loading", "looking")
        self.bar.setVisible(waits)
        self.cancel.setVisible(waits)

    def _bind(self, mode: str) -> None:
        """Take Escape and Enter while a mode is on; napari's own use of them needs its polygon tool."""
        for shortcut in self._live:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._live = []
        if mode:
            self._take("Escape", self.hub.window, Qt.ShortcutContext.WindowShortcut, self.segmenting.stop)
        if mode == "points":  # only over the image: Enter elsewhere ends what is typed
            canvas = self.hub.viewer.window._qt_viewer
            for key in ("Return", "Enter"):
                context = Qt.ShortcutContext.WidgetWithChildrenShortcut
                self._take(key, canvas, context, self.segmenting.next_object)

    def _take(self, key: str, parent: Any, context: Any, act: Any) -> None:
        shortcut = QShortcut(QKeySequence(key), parent)
        shortcut.setContext(context)
        shortcut.activated.connect(act)
        self._live.append(shortcut)
