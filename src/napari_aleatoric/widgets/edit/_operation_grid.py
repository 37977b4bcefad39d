"""The buttons of the operations, each beside the number that it needs."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_aleatoric.session import OPERATIONS
from napari_aleatoric.widgets._editing import Editing

__all__ = ["OperationGrid", "number_box"]


class OperationGrid(QWidget):
    """Buttons of all operations on one class.

    Parameters
    ----------
    editing : Editing
        Does them.
    key : callable
        Returns the key of an action, "" for none.
    """

    def __init__(self, editing: Editing, key: Callable[[str], str]) -> None:
        super().__init__()
        self._editing, wishes = editing, editing.wishes
        self.buttons: dict[str, QPushButton] = {}
        for name, operation in OPERATIONS.items():
            if name != "take_region":
                self.buttons[name] = self._button(name, operation.title, operation.hint, key(f"edit_{name}"))
        self.smallest = number_box(
            "Size below which parts are dropped", 0.0, 1e6, 1, wishes.smallest, "10000.0 mm³"
        )
        self.sigma = number_box("Width of the smoothing", 0.1, 50.0, 1, wishes.sigma)
        self.distance = number_box("Distance to grow or shrink by", 0.1, 200.0, 1, wishes.distance)
        for box, name in ((self.smallest, "smallest"), (self.sigma, "sigma"), (self.distance, "distance")):
            box.valueChanged.connect(lambda number, n=name: setattr(wishes, n, number))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        b = self.buttons
        for row in (
            (b["interpolate"], b["fill_holes"]),
            (b["remove_small"], self.smallest, b["keep_largest"]),
            (b["grow"], b["shrink"], self.distance, b["smooth"], self.sigma),
            (b["copy_before"], b["copy_after"]),
        ):
            column.addLayout(_beside(*row))

    def show_units(self, spacing_known: bool, reach: str) -> None:
        """Say in which units the numbers are."""
        length = " mm" if spacing_known else " vox"
        size = ("mm³" if reach == "volume" else "mm²") if spacing_known else "vox"
        for box, unit in ((self.smallest, f" {size}"), (self.sigma, length), (self.distance, length)):
            if box.suffix() != unit:
                box.setSuffix(unit)

    def show_can(self, can: bool) -> None:
        """Switch the buttons on or off."""
        for button in self.buttons.values():
            button.setEnabled(can)

    def _button(self, name: str, title: str, hint: str, key: str) -> QPushButton:
        button = QPushButton(title)
        button.setToolTip(f"{hint}{f' Key: {key}.' if key else ''}")
        button.setAccessibleName(title)
        button.clicked.connect(lambda: self._editing.perform(name))
        return button


def number_box(
    about: str, low: float, high: float, decimals: int, value: float, widest: str = "100.0 mm"
) -> QDoubleSpinBox:
    """Return a box for a number, with a name for screen readers, with room for the widest text."""
    box = QDoubleSpinBox()
    box.setDecimals(decimals)
    box.setRange(low, high)
    box.setValue(value)
    box.setAccessibleName(about)
    box.setToolTip(f"{about}.")
    box.setKeyboardTracking(False)
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)  # the arrow keys and the wheel do as well
    box.setStyleSheet("QAbstractSpinBox { min-width: 30px; padding: 1px 4px; }")  # napari keeps room for buttons
    box.setFixedWidth(box.fontMetrics().horizontalAdvance(widest) + 18)
    return box


def _beside(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(4)
    for widget in widgets:
        row.addWidget(widget, 1 if isinstance(widget, QPushButton) else 0)
    return row
