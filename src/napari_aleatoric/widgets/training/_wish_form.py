"""What may be chosen of a training."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QSizePolicy, QSpinBox, QWidget

from napari_aleatoric.session import (
    LABEL_CHOICES,
    LOSS_CHOICES,
    PRESET_CHOICES,
    READERS_CHOICES,
    TrainingChoice,
    TrainingWishes,
)
from napari_aleatoric.widgets._narrow_box import NarrowBox

__all__ = ["WishForm"]

_MOST_MINUTES = 2880
_CHOSEN = ("preset", "loss", "labels", "readers")


class WishForm(QWidget):
    """Boxes to choose from; says what was changed.

    Signals
    -------
    changed(dict)
        Fields of `TrainingWishes`.
    """

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.preset = _box("Preset", PRESET_CHOICES)
        self.loss = _box("Loss", LOSS_CHOICES)
        self.labels = _box("Which labels are learned from", LABEL_CHOICES)
        self.readers = _box("Which of several readers are learned from", READERS_CHOICES)
        self.minutes = QSpinBox()
        self.minutes.setRange(0, _MOST_MINUTES)
        self.minutes.setSpecialValueText("as preset")
        self.minutes.setSuffix(" min")
        self.minutes.setAccessibleName("Time for the steps")
        self.minutes.setToolTip("Time for the steps of the training; their number then follows from its pace.")
        self.baseline = QCheckBox("Plain network beside it")
        self.baseline.setToolTip(
            "Trains a plain network on the same cases in the same budget, and compares the two. Twice the time."
        )
        self.sharpness_aware = QCheckBox("Sharpness-aware")
        self.sharpness_aware.setToolTip(
            "Takes every step with the gradient of the worst place near by. Twice the time; measured "
            "in the same time, a quick training gets worse by it."
        )
        self._labels: dict[str, QLabel] = {}
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(6)
        layout.setVerticalSpacing(4)
        places = (
            ("Preset", self.preset),
            ("Loss", self.loss),
            ("Labels", self.labels),
            ("Readers", self.readers),
            ("Time", self.minutes),
        )
        for row, (words, box) in enumerate(places):
            label = QLabel(words)
            self._labels[words] = label
            label.setBuddy(box)
            layout.addWidget(label, row, 0)
            layout.addWidget(box, row, 1)
        for check in (self.baseline, self.sharpness_aware):
            layout.addWidget(check, layout.rowCount(), 0, 1, 2)
        layout.setColumnStretch(1, 1)
        layout.setRowStretch(layout.rowCount(), 1)
        self._show_readers(False)
        for name in _CHOSEN:
            choice: QComboBox = getattr(self, name)
            choice.activated.connect(lambda _, b=choice, n=name: self.changed.emit({n: b.currentData()}))
        for name in ("baseline", "sharpness_aware"):
            box_to_check: QCheckBox = getattr(self, name)
            box_to_check.toggled.connect(lambda on, n=name: self.changed.emit({n: on}))
        self.minutes.valueChanged.connect(lambda value: self.changed.emit({"minutes": value}))

    def show_wishes(self, wishes: TrainingWishes, several_readers: bool = False) -> None:
        """Show what is chosen; readers only where there are several."""
        self._show_readers(several_readers)
        for name in _CHOSEN:
            box: QComboBox = getattr(self, name)
            box.setCurrentIndex(max(0, box.findData(getattr(wishes, name))))
            box.setToolTip(str(box.currentData(Qt.ItemDataRole.ToolTipRole)))
        self.baseline.setChecked(wishes.baseline)
        self.sharpness_aware.setChecked(wishes.sharpness_aware)
        self.minutes.setValue(wishes.minutes)

    def _show_readers(self, shown: bool) -> None:
        for part in (self.readers, self._labels["Readers"]):
            if part.isHidden() == shown:
                part.setVisible(shown)


def _box(name: str, choices: Sequence[TrainingChoice]) -> QComboBox:
    box = NarrowBox()
    box.setAccessibleName(name)
    box.setMinimumContentsLength(3)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    for choice in choices:
        box.addItem(choice.title, choice.name)
        box.setItemData(box.count() - 1, choice.hint, Qt.ItemDataRole.ToolTipRole)
    return box
