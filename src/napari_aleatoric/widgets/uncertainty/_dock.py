"""The *Uncertainty* dock: builds its parts, connects them, nothing more."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.viewer import Viewer
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.model import Question
from napari_aleatoric.session import ItemData, ViewState, answered, measured
from napari_aleatoric.uncertainty import MAPS, MEASURES, QUESTIONS, measures_of
from napari_aleatoric.widgets._hub_dock import HubDock
from napari_aleatoric.widgets._whole_text import WholeText

from ._calibrate_window import beside_calibration
from ._class_list import ClassList
from ._colour_bar import ColourBar
from ._question_bar import QuestionBar
from ._slice_profile import SliceProfile

__all__ = ["UncertaintyDock"]


class UncertaintyDock(HubDock):
    """What is doubtful about the label on screen, per class, and where.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The window.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self._build()
        self._connect(napari_viewer)
        if self.session.item is not None:
            self._show_item(self.session.item)

    def _build(self) -> None:
        self.measure = QComboBox()
        self.measure.setAccessibleName("Measure shown per class")
        self.measure.setMinimumContentsLength(10)
        self.questions = QuestionBar(self._key_of("next_question"))
        self.classes = ClassList()
        self.heatmap = QCheckBox("Heatmap")
        self.heatmap.setChecked(self.session.options.heatmap_on)
        self.jump = QPushButton(self._with_key("Jump", "jump_hottest"))
        self.jump.setAccessibleName("Jump to the hottest place")
        self.jump.setToolTip("Go to the hottest place of the map, then to the next.")
        self.barred = QPushButton("Do not learn")
        self.barred.setAccessibleName("Paint what is not to be learned from")
        self.barred.setCheckable(True)
        key = self._key_of("paint_barred")
        self.barred.setToolTip(
            "Paint the voxels that the network shall not learn from; napari's eraser and undo work there too. They "
            f"are saved when you switch this off, save, or go on.{f' Key: {key}' if key else ''}"
        )
        self.opacity = self._slider("Opacity of the heatmap", self.session.options.heatmap_opacity)
        self.threshold = self._slider("Map values below are not drawn", self.session.options.threshold)
        self.threshold.setMaximum(95)
        self.threshold_words = QLabel()
        self.bar = ColourBar()
        self.legend = WholeText()
        self.profile = SliceProfile()
        sliders = QGridLayout()
        sliders.setSpacing(4)
        sliders.addWidget(QLabel("Opacity"), 0, 0)
        sliders.addWidget(self.opacity, 0, 1)
        sliders.addWidget(self.threshold_words, 1, 0)
        sliders.addWidget(self.threshold, 1, 1)
        body = QWidget()
        whole = QVBoxLayout(body)
        whole.setContentsMargins(6, 2, 6, 4)
        whole.setSpacing(4)
        whole.addLayout(beside_calibration(self.hub, self.questions))
        self._columns = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._columns.setSpacing(6)
        whole.addLayout(self._columns, 1)
        switches = QHBoxLayout()
        switches.setSpacing(6)
        switches.addWidget(self.heatmap)
        switches.addWidget(self.jump, 1)
        first = QHBoxLayout()
        first.setSpacing(4)
        first.addWidget(self.measure, 1)
        first.addWidget(self.barred)
        self._add_column(7, first, self.classes)
        self._add_column(5, switches, sliders, self.legend)
        self._add_column(5, self.profile, self.bar)
        self.setWidget(body)
        self.setMinimumSize(320, 120)
        self._show_threshold()
        self._show_question(self.session.options.question)

    def _add_column(self, stretch: int, *parts: QWidget | QLayout) -> None:
        column = QVBoxLayout()
        column.setSpacing(4)
        for part in parts:
            if isinstance(part, QWidget):
                column.addWidget(part)
            else:
                column.addLayout(part)
        column.addStretch(1)
        self._columns.addLayout(column, stretch)

    def sizeHint(self) -> QSize:
        """Return a strip below the image; at the side the dock scrolls."""
        button, line = self.jump.sizeHint().height(), self.fontMetrics().height()
        return QSize(600, 2 * button + 6 * line + 22)  # questions and switches, sliders, two lines of legend

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Stand in columns where there is width, else one below the other."""
        wide = self.width() > 520
        directions = QBoxLayout.Direction
        self._columns.setDirection(directions.LeftToRight if wide else directions.TopToBottom)
        super().resizeEvent(event)

    def _slider(self, words: str, value: float) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, 100)
        slider.setValue(round(100 * value))
        slider.setToolTip(words)
        slider.setAccessibleName(words)
        return slider

    def _key_of(self, action: str) -> str:
        for binding in self.hub.shortcuts.bindings:
            if binding.action.name == action and not binding.conflict:
                return binding.key
        return ""

    def _with_key(self, text: str, action: str) -> str:
        key = self._key_of(action)
        return f"{text}  {key}" if key else text

    def _connect(self, viewer: Viewer) -> None:
        options = self.session.options
        self.questions.asked.connect(lambda question: setattr(options, "question", question))
        self.measure.activated.connect(lambda _: self._measure_chosen())
        self.classes.hidden_changed.connect(lambda hidden: setattr(options, "hidden_classes", hidden))
        self.heatmap.toggled.connect(lambda on: setattr(options, "heatmap_on", on))
        self.opacity.valueChanged.connect(lambda v: setattr(options, "heatmap_opacity", v / 100))
        self.threshold.valueChanged.connect(lambda v: setattr(options, "threshold", v / 100))
        self.jump.clicked.connect(lambda: self.hub.jump(+1))
        self.barred.clicked.connect(self._paint_barred)
        self.profile.slice_requested.connect(self._go_to_slice)
        self.session.item_changed.connect(self._show_item)
        self.session.view_changed.connect(self._show_view)
        self.session.queue_changed.connect(lambda _: self._show_queue())
        options.events.question.connect(self._show_question)
        options.events.map_name.connect(self._show_map)
        options.events.heatmap_on.connect(self._show_heatmap_on)
        options.events.threshold.connect(lambda _: self._show_threshold())
        viewer.dims.events.point.connect(self._slice_changed)

    # -- to widgets ---------------------------------------------------------------------------------

    def _show_question(self, question: Question) -> None:
        """Offer the measures of a question, and say whether there is an answer."""
        self.measure.clear()
        for measure in measures_of(question):
            if measure.per_class:
                self.measure.addItem(measure.title, measure.name)
                self.measure.setItemData(self.measure.count() - 1, measure.sentence, Qt.ItemDataRole.ToolTipRole)
        self._show_queue()
        self._show_map(self.session.options.map_name)

    def _show_queue(self) -> None:
        """Follow the order of the queue: its measure is the one that is shown per class."""
        question, queue = self.session.options.question, self.session.full_queue
        known = frozenset[str]() if queue is None else measured(queue.table)
        self.questions.show_question(question, () if queue is None else answered(queue.table))
        model: Any = self.measure.model()
        for row in range(self.measure.count()):
            model.item(row).setEnabled(self.measure.itemData(row) in known)
        strategy = self.session.filter.strategy
        self._choose(strategy if self.measure.findData(strategy) >= 0 else QUESTIONS[question].measure)
        self._show_scores()

    def _choose(self, measure: str) -> None:
        row = self.measure.findData(measure)
        if row >= 0:
            self.measure.setCurrentIndex(row)
            self.measure.setToolTip(MEASURES[measure].sentence)

    def _measure_chosen(self) -> None:
        measure = MEASURES[self.measure.currentData()]
        self.measure.setToolTip(measure.sentence)
        if measure.map_name:
            self.session.options.map_name = measure.map_name
        self._show_scores()

    def _show_map(self, name: str) -> None:
        """Name the ends of the colours: those of the map on the screen, where an item is there."""
        item = self.session.item
        found = MAPS[name if item is None else item.map_name]
        self.bar.set_words(found.low, found.high)

    def _show_heatmap_on(self, on: bool) -> None:
        self.heatmap.setChecked(on)

    def _show_threshold(self) -> None:
        self.threshold_words.setText(f"From {self.session.options.threshold:.2f}")

    def _show_scores(self) -> None:
        """Draw each class's place in the data set under the chosen measure."""
        classes = self.session.classes
        scores: dict[int, float] = {}
        rests: dict[int, float] = {}
        words: dict[int, str] = {}
        measure = MEASURES[self.measure.currentData()]
        for class_index, (place, value, rest) in self.session.class_scores(measure.name).items():
            if np.isnan(place):
                continue
            unit = f" {measure.unit}" if measure.unit else ""
            raw = "" if np.isnan(value) else f" ({value:.4g}{unit})"
            scores[class_index] = place
            words[class_index] = (
                f"{classes.name_of(class_index)}: {measure.title.lower()}{raw} stands out more than in "
                f"{100 * place:.0f} % of the cases."
            )
            if not np.isnan(rest):
                rests[class_index] = rest
                words[class_index] += (
                    f" For its size, more than in {100 * rest:.0f} % (the number behind the bar's)."
                )
        self.classes.show_classes(classes, scores, words, rests)

    def _show_item(self, item: ItemData) -> None:
        self._show_scores()
        if self.session.view is not None:
            self._show_view(self.session.view)
        self._slice_changed()

    def _show_view(self, view: ViewState) -> None:
        item = self.session.item
        self.legend.setText(view.legend)
        self.legend.setToolTip(view.legend_help)
        self._show_map(self.session.options.map_name)
        self.bar.set_low(self.session.options.threshold)
        self.classes.class_model.set_hidden(self.session.options.hidden_classes)
        values: Any = np.zeros(0, np.float32)
        if item is not None and item.heat is not None and view.heatmap_classes:
            values = np.sum([item.heat.profiles[c] for c in view.heatmap_classes], axis=0)
            values = values / max(float(values.max()), 1e-6)
        self.profile.show_profile(values)
        self.jump.setEnabled(bool(view.places))
        self.barred.setChecked(view.barring)

    def _paint_barred(self) -> None:
        self.hub.barred.toggle()
        self.barred.setChecked(self.session.options.barring)  # it stays off where no case is open

    def _slice_changed(self, event: object = None) -> None:
        self.profile.set_current(self.hub.stage.slice_index)

    def _go_to_slice(self, index: int) -> None:
        self.hub.stage.go_to_slice(index)
