"""How words become a mask: the settings of the stages that a person may want to change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from napari_aleatoric.segmentation import VolumeSpec
from napari_aleatoric.widgets._narrow_box import NarrowBox

__all__ = ["SettingsForm"]

_WIDE = 520  # pixels, from which two settings stand beside each other
_LETTERS = 12  # that a box has room for at least
_CHOICES: Mapping[str, tuple[str, Mapping[Any, str]]] = {
    "saliency_method": (
        "Seen by",
        {
            None: "as advised",
            "m2ib": "bottleneck (m2ib)",
            "gradcam": "gradient (gradcam)",
            "patches": "patches",
        },
    ),
    "threshold": ("Threshold", {"otsu": "Otsu", "two-means": "two means", "fixed": "fixed level"}),
    "boxes": ("Boxes", {"each": "one for each part", "one": "one round all parts"}),
}
_NUMBERS: Mapping[str, str] = {
    "fixed_level": "Fixed level",
    "most_components": "Parts in a slice",
    "key_slices": "Key slices",
    "pieces": "Parts in a volume",
}
_NONE = "as the word says"  # a number that is not chosen
_ORDER = ("saliency_method", "boxes", "threshold", "fixed_level", "most_components", "key_slices", "pieces")


class SettingsForm(QWidget):
    """Shows settings and says which one was changed; the words of every one are those of the spec.

    Signals
    -------
    chosen(VolumeSpec)
        The settings as they are wished for now.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spec = VolumeSpec()
        self.fields: dict[str, QWidget] = {}
        self._titles: dict[str, QLabel] = {}
        for name in _ORDER:
            title = _CHOICES[name][0] if name in _CHOICES else _NUMBERS[name]
            field = self._choice(name) if name in _CHOICES else self._number(name)
            label = QLabel(title)
            label.setBuddy(field)
            for part in (field, label):
                part.setToolTip(_words(name))
            field.setAccessibleName(title)
            field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            field.installEventFilter(self)
            self.fields[name], self._titles[name] = field, label
        self.usual = QPushButton("Usual settings")
        self.usual.setToolTip("Take all settings back to what they are in a new project.")
        self.usual.clicked.connect(lambda: self.chosen.emit(VolumeSpec()))
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # asks for no width
        self._wide: bool | None = None
        self._arrange(wide=False)
        self.show_settings(self._spec)

    def show_settings(self, spec: VolumeSpec) -> None:
        """Show settings, and tell nobody."""
        self._spec = spec
        for name, field in self.fields.items():
            was = field.blockSignals(True)
            value = getattr(spec, name)
            if isinstance(field, QComboBox):
                field.setCurrentIndex(max(0, field.findData(value)))
            elif isinstance(field, QSpinBox):
                field.setValue(field.minimum() if value is None else value)
            elif isinstance(field, QDoubleSpinBox):
                field.setValue(value)
            field.blockSignals(was)
        for part in (self.fields["fixed_level"], self._titles["fixed_level"]):
            part.setEnabled(spec.threshold == "fixed")
        self.usual.setEnabled(bool(spec.changed()))

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Leave the wheel to the dock, which scrolls, unless somebody has gone into the field."""
        over = isinstance(watched, QWidget) and not watched.hasFocus()
        if over and event is not None and event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Stand in two columns where there is width."""
        self._arrange(wide=self.width() >= _WIDE)
        super().resizeEvent(event)

    # -- parts ------------------------------------------------------------------------------------------

    def _choice(self, name: str) -> QComboBox:
        box, titles = NarrowBox(), _CHOICES[name][1]
        for value in _values(name):
            box.addItem(titles.get(value, str(value)), value)
        box.setMinimumContentsLength(_LETTERS)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.currentIndexChanged.connect(self._telling(name, box.currentData))
        return box

    def _number(self, name: str) -> QSpinBox | QDoubleSpinBox:
        kind, (low, high) = VolumeSpec.model_fields[name].annotation, _bounds(name)
        if kind is float:
            level = QDoubleSpinBox()
            level.setSingleStep(0.05)
            level.setRange(low, high)
            level.setKeyboardTracking(False)
            level.valueChanged.connect(self._telling(name, lambda: round(level.value(), 2)))
            return level
        box, may_be_none = QSpinBox(), type(None) in get_args(kind)
        box.setRange(int(low) - may_be_none, int(high))
        box.setSpecialValueText(_NONE if may_be_none else "")  # in the place of the smallest value
        box.setKeyboardTracking(False)
        box.valueChanged.connect(self._telling(name, lambda: box.value() if box.value() >= low else None))
        return box

    def _telling(self, name: str, value: Callable[[], Any]) -> Callable[[Any], None]:
        def tell(_: Any) -> None:
            values = {**self._spec.model_dump(), name: value()}
            self.chosen.emit(VolumeSpec.model_validate(values))

        return tell

    def _arrange(self, *, wide: bool) -> None:
        if wide == self._wide:
            return
        self._wide = wide
        columns = 2 if wide else 1
        for number, name in enumerate(_ORDER):
            row, column = divmod(number, columns)
            self._grid.addWidget(self._titles[name], row, 2 * column)
            self._grid.addWidget(self.fields[name], row, 2 * column + 1)
        row, column = divmod(len(_ORDER), columns)
        self._grid.addWidget(self.usual, row, 2 * column + 1)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(3, 1 if wide else 0)


def _words(name: str) -> str:
    return VolumeSpec.model_fields[name].description or ""


def _values(name: str) -> list[Any]:
    """Return what a setting may be, as the spec says it; None first where that is possible."""
    kind = VolumeSpec.model_fields[name].annotation
    found = [value for each in get_args(kind) for value in (get_args(each) or (each,))]
    values = [value for value in found if value is not type(None)]
    return [None, *values] if type(None) in found else values


def _bounds(name: str) -> tuple[float, float]:
    """Return the least and the largest value that the spec takes."""
    limits = VolumeSpec.model_fields[name].metadata
    low = next(each.ge for each in limits if hasattr(each, "ge"))
    high = next(each.le for each in limits if hasattr(each, "le"))
    return float(low), float(high)
