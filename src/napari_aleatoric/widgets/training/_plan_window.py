"""*Network*: what would be trained, in sentences, and what of it may be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.session import DIMENSION_CHOICES, NETWORK_CHOICES, PlanView, TrainingChoice, TrainingPlan
from napari_aleatoric.widgets._whole_text import WholeText

__all__ = ["PlanWindow"]

_PLANNED = "planned"
_AXES = ("z", "y", "x")
_MOST_VOXELS, _MOST_MM = 1024, 100.0
_WORDS = (
    "What is left open is planned from the cases that are learned from and from the memory at hand. "
    "A change makes another model: it is trained from the beginning."
)


class PlanWindow(QDialog):
    """Shows the plan of the training that is wished for, and changes it.

    Parameters
    ----------
    plan : TrainingPlan
        What is shown.
    parent : QWidget
        The window that it belongs to.
    """

    def __init__(self, plan: TrainingPlan, parent: QWidget) -> None:
        super().__init__(parent)
        self._plan = plan
        self.setWindowTitle("Network")
        self.resize(660, 440)
        self.network = _choice("Network", NETWORK_CHOICES)
        self.dimensions = _choice("Looks at", DIMENSION_CHOICES)
        self.width_box = _number("Channels", 3, 128, "Of the finest level; doubled from level to level.")
        self.batch = _number("Patches in a step", 0, 1024, "More make a step steadier, and need more memory.")
        self.patch = [
            _number(f"Patch along {axis}", 0, _MOST_VOXELS, "Voxels of a patch; choose all three or none.")
            for axis in _AXES
        ]
        self.spacing = [_length(f"Voxel along {axis}") for axis in _AXES]
        self.usual = QPushButton("As planned")
        self.usual.setToolTip("Take all choices back.")
        self.words = WholeText()
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.words.setAccessibleName("The plan")
        self._lay_out()
        self._connect()
        self._show(plan.view)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        rows: Sequence[tuple[str, Sequence[QWidget]]] = (
            ("Network", [self.network]),
            ("Looks at", [self.dimensions]),
            ("Channels", [self.width_box]),
            ("Patch, voxels (z, y, x)", self.patch),
            ("Voxel, mm (z, y, x)", self.spacing),
            ("Patches in a step", [self.batch]),
        )
        for row, (words, boxes) in enumerate(rows):
            label = QLabel(words)
            label.setBuddy(boxes[0])
            grid.addWidget(label, row, 0)
            beside = QHBoxLayout()
            for box in boxes:
                beside.addWidget(box, 1)
            grid.addLayout(beside, row, 1)
        grid.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(WholeText(_WORDS))
        layout.addLayout(grid)
        layout.addWidget(self.words, 1)
        last = QHBoxLayout()
        last.addStretch(1)
        last.addWidget(self.usual)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        last.addWidget(close)
        layout.addLayout(last)

    def _connect(self) -> None:
        plan = self._plan
        self.network.activated.connect(lambda _: plan.change(network=self.network.currentData()))
        self.dimensions.activated.connect(lambda _: plan.change(dimensions=self.dimensions.currentData()))
        self.width_box.valueChanged.connect(lambda n: plan.change(width=n if n >= 4 else None))
        self.batch.valueChanged.connect(lambda n: plan.change(batch=n or None))
        for box in self.patch:
            box.valueChanged.connect(lambda _: plan.change(patch_zyx=_all_or_none(self.patch)))
        for length in self.spacing:
            length.valueChanged.connect(lambda _: plan.change(spacing_zyx_mm=_all_or_none(self.spacing)))
        self.usual.clicked.connect(plan.as_planned)
        plan.view_changed.connect(self._show)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Plan while it is seen."""
        super().showEvent(event)
        self._plan.wake()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Read nothing while it is not."""
        self._plan.rest()
        super().hideEvent(event)

    def _show(self, view: PlanView) -> None:
        net = view.wishes
        for box, value in ((self.network, net.network), (self.dimensions, net.dimensions)):
            box.setCurrentIndex(max(0, box.findData(value)))
            box.setToolTip(str(box.currentData(Qt.ItemDataRole.ToolTipRole)))
        self.width_box.setSpecialValueText(f"{view.preset_width}, as preset")
        _set(self.width_box, net.width)
        self.batch.setSpecialValueText(_special(view.batch))
        _set(self.batch, net.batch)
        groups = (
            (self.patch, net.patch_zyx, view.patch_zyx),
            (self.spacing, net.spacing_zyx_mm, view.spacing_zyx_mm),
        )
        for boxes, chosen, planned in groups:
            for axis, field in enumerate(boxes):
                field.setSpecialValueText(_special(None if planned is None else planned[axis]))
                if chosen is not None or not any(each.value() > 0 for each in boxes) or net == type(net)():
                    _set(field, None if chosen is None else chosen[axis])
        for field in (self.width_box, self.batch, *self.patch, *self.spacing):
            field.setEnabled(not net.is_nnunet)
        self.usual.setEnabled(net != type(net)())
        words = view.problem or view.progress or "\n".join(view.lines)
        if self.words.text() != words:
            self.words.setText(words)


def _choice(name: str, choices: Sequence[TrainingChoice]) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    for choice in choices:
        box.addItem(choice.title, choice.name)
        box.setItemData(box.count() - 1, choice.hint, Qt.ItemDataRole.ToolTipRole)
    return box


def _number(name: str, low: int, high: int, words: str) -> QSpinBox:
    """Return a box whose smallest value means that nothing is chosen."""
    box = QSpinBox()
    box.setRange(low, high)
    return _dressed(box, name, words)


def _length(name: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0, _MOST_MM)
    box.setDecimals(3)
    box.setSingleStep(0.1)
    return _dressed(box, name, "Of the network's grid, in millimetres; choose all three or none.")


def _dressed(box: Any, name: str, words: str) -> Any:
    box.setKeyboardTracking(False)
    box.setAccessibleName(name)
    box.setToolTip(words)
    box.setSpecialValueText(_PLANNED)
    return box


def _special(planned: float | None) -> str:
    return _PLANNED if planned is None else f"{planned:.3g}, {_PLANNED}"


def _set(box: QSpinBox | QDoubleSpinBox, value: Any) -> None:
    """Show a value, and tell nobody."""
    was = box.blockSignals(True)
    box.setValue(box.minimum() if value is None else value)
    box.blockSignals(was)


def _all_or_none(boxes: Sequence[QSpinBox | QDoubleSpinBox]) -> tuple[Any, ...] | None:
    """Return the values where all are chosen; None where one is not."""
    values = tuple(box.value() for box in boxes)
    return values if all(value > 0 for value in values) else None
