"""The *Segment* dock: builds its parts, connects them, nothing more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QSize
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.session import segmenter_choices
from napari_aleatoric.widgets._hub_dock import HubDock

from ._class_box import ClassBox
from ._model_box import ModelBox
from ._pointing_page import PointingPage
from ._text_page import TextPage

__all__ = ["SegmentDock"]


class SegmentDock(HubDock):
    """Boxes, clicks and words become masks of the chosen class.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The window.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.segmenting = self.hub.segmenting
        self._layer: Any = None
        self._build()
        self._connect()
        self._show_item()
        self._show_way(0)

    def _build(self) -> None:
        hub = self.hub  # asked anew each time: what Qt keeps must not keep the window
        self.pointing = PointingPage(
            self.segmenting, self._key, lambda: hub.window, lambda: hub.viewer.window._qt_viewer
        )
        self.text = TextPage(self.segmenting)
        self.modes, self.words = self.pointing.modes, self.pointing.words
        self.next, self.cancel, self.bar = self.pointing.next, self.pointing.cancel, self.pointing.bar
        self.ways = QTabBar()
        self.ways.setAccessibleName("How to say what is meant")
        self.ways.setDrawBase(False)
        self.ways.setExpanding(False)
        for title in ("Boxes and points", "Text"):
            self.ways.addTab(title)
        self.pages = QStackedWidget()
        for page in (self.pointing, self.text):
            self.pages.addWidget(page)
        self.model = ModelBox()
        self.models = QPushButton("Models…")
        key = self._key("show_models")
        self.models.setToolTip(f"Get models, check them, and choose among them.{f' Key: {key}.' if key else ''}")
        self.seer = ModelBox()
        self.seer.setAccessibleName("Text-image model")
        self.folder = QPushButton("Folder…")
        self.folder.setToolTip("Take a text-image model from a folder: open_clip_config.json and weights.")
        self.classes = ClassBox()
        self.how = QComboBox()
        self.how.addItems(["Add to the class", "Replace the class on this slice"])
        self.how.setAccessibleName("Add or replace")
        self.how.setToolTip("Whether a mask is added to what the slice has of the class, or stands in its place.")
        for box in (self.how, self.classes, self.model, self.seer):  # as wide as the column, whatever they hold
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.how.setMinimumContentsLength(8)
        self.keep = QCheckBox("Keep other classes")
        self.keep.setToolTip("Draw only where no other class is: napari's “preserve labels”.")
        self.over = QCheckBox("Over other classes, too")
        self.over.setToolTip("Without it, an accepted draft is drawn only where no other class is.")
        left = QVBoxLayout()
        left.setSpacing(4)
        ways = QHBoxLayout()
        ways.addWidget(self.ways)
        ways.addStretch(1)
        ways.addWidget(self.text.sentences)
        left.addLayout(ways)
        left.addWidget(self.pages, 1)
        body = QWidget()
        self._columns = QBoxLayout(QBoxLayout.Direction.TopToBottom, body)
        self._columns.setContentsMargins(6, 4, 6, 4)
        self._columns.setSpacing(10)
        self._columns.addLayout(left, 1)
        self._columns.addLayout(self._form())
        self.setWidget(body)
        self.setMinimumSize(300, 120)

    def _form(self) -> QFormLayout:
        self._rows = form = QFormLayout()
        form.setSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Class", self.classes)
        form.addRow("Mask", self.how)
        form.addRow("", self.keep)
        form.addRow("", self.over)
        form.addRow("Model", _side_by_side(self.model, self.models))
        self._words_row = QWidget()
        self._words_row.setLayout(_side_by_side(self.seer, self.folder))
        form.addRow("Words", self._words_row)
        return form

    def _key(self, action: str) -> str:
        for binding in self.hub.shortcuts.bindings:
            if binding.action.name == action and binding.key and not binding.conflict:
                return binding.key
        return ""

    def sizeHint(self) -> QSize:
        """Return a strip below the image."""
        return QSize(600, 160)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Stand in columns where there is width, else one below the other."""
        directions = QBoxLayout.Direction
        self._columns.setDirection(directions.LeftToRight if self.width() > 520 else directions.TopToBottom)
        super().resizeEvent(event)

    def _connect(self) -> None:
        self.ways.currentChanged.connect(self._show_way)
        self.model.chosen.connect(self.hub.prompt_model.use)
        self.seer.chosen.connect(self.hub.prompt_model.use_words)
        self.folder.clicked.connect(self._choose_folder)
        self.models.clicked.connect(lambda: self.hub.performers()["show_models"]())
        self.hub.prompt_model.changed.connect(self._show_models)
        self.hub.models.changed.connect(self._show_models)
        self.classes.chosen.connect(self._choose_class)
        self.how.currentIndexChanged.connect(self._choose_how)
        self.keep.toggled.connect(self._choose_keep)
        self.text.accepted.connect(self._accept)
        self.segmenting.mode_changed.connect(self._show_mode)
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

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "A folder with a text-image model", str(Path.home()))
        if folder:
            self.hub.prompt_model.use_words(folder)

    def _accept(self) -> None:
        value = self.classes.currentData()
        if value is not None:
            replaces, over = self.segmenting.replaces, self.over.isChecked()
            self.segmenting.words.accept(int(value), replaces=replaces, over_others=over)

    # -- session to widgets ---------------------------------------------------------------------------

    def show_text(self) -> None:
        """Show the way in by words, ready to type."""
        self.ways.setCurrentIndex(1)
        self.text.edit.setFocus()
        self.text.edit.selectAll()

    def _show_way(self, row: int) -> None:
        for number in range(self.pages.count()):  # only the page that is seen asks for room
            kind = QSizePolicy.Policy.Preferred if number == row else QSizePolicy.Policy.Ignored
            self.pages.widget(number).setSizePolicy(kind, kind)
        self.pages.setCurrentIndex(row)
        for part, wanted in ((self.keep, 0), (self.over, 1), (self.text.sentences, 1)):
            part.setVisible(row == wanted)
        for words in (self._words_row, self._rows.labelForField(self._words_row)):
            words.setVisible(row == 1)
        self.how.setItemText(1, f"Replace the class {'there' if row else 'on this slice'}")
        self._show_models()

    def _show_mode(self, mode: str) -> None:
        if mode:
            self.ways.setCurrentIndex(0)

    def _show_item(self) -> None:
        layer = self.hub.stage.label_layer
        if layer is not None and layer is not self._layer:
            self._layer = layer
            layer.events.selected_label.connect(self._show_class)
            layer.events.preserve_labels.connect(self._show_keep)
        self.classes.show_classes(self.session.classes, 0 if layer is None else int(layer.selected_label))
        self._show_keep()
        for part in (*self.modes.values(), self.classes, self.how, self.keep, self.over, self.text):
            part.setEnabled(self.session.item is not None)

    def _show_models(self) -> None:
        chosen = self.hub.prompt_model
        self.model.show_choices(segmenter_choices(self.hub.models.store), chosen.name)
        if self.ways.currentIndex() == 1:
            self.seer.show_choices(chosen.words_choices(), chosen.words)
            self.text.show_status(self.segmenting.words.status)

    def _show_class(self, event: Any = None) -> None:
        if self._layer is not None:
            self.classes.mark(int(self._layer.selected_label))

    def _show_keep(self, event: Any = None) -> None:
        if self._layer is not None:
            self.keep.setChecked(bool(self._layer.preserve_labels))


def _side_by_side(box: QWidget, button: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    row.addWidget(box, 1)
    row.addWidget(button)
    return row
