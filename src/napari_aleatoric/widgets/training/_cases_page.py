"""The held-out cases of the chosen training: before and after of each, and what is shown of them."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.session import ALL_CLASSES, OTHER_WORDS, HeldOutView, TrainingRow
from napari_aleatoric.viewer import COMPARED_COLOURS
from napari_aleatoric.widgets._narrow_box import NarrowBox

from ._cases_table import CasesTable
from ._start_page import scrolling, words_of

__all__ = ["CasesPage"]

_HOW = "Click a case, or press Enter on it, to see its reference, before and after on the image."
_NOTHING = "Choose a finished training under Runs: its held-out cases are listed here."


class CasesPage(QWidget):
    """Table at the left; what is compared, legend and buttons at the right.

    Signals
    -------
    picked(str)
        A case to be seen.
    hide_requested()
        Show the case on the screen as it was.
    side_by_side_wished(bool)
        Whether before and after stand beside each other.
    class_chosen(str), other_chosen(str)
        What is compared.
    """

    picked = Signal(str)
    hide_requested = Signal()
    side_by_side_wished = Signal(bool)
    class_chosen = Signal(str)
    other_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = CasesTable()
        self.which = words_of("Whose held-out cases these are")
        self.words = words_of("What to know about what is shown")
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setAccessibleName("Colours of the outlines")
        self.other = _box("What is before", "Which network is before: the model in use then, or the plain one.")
        self.classes = _box("Class that is compared", "Shows one class alone, in the list and on the image.")
        self.side_by_side = QPushButton("Side by side")
        self.side_by_side.setCheckable(True)
        self.side_by_side.setToolTip(
            "Before at the left, after at the right, with one camera and one slice; again: as it was."
        )
        self.hide_masks = QPushButton("Hide")
        self.hide_masks.setToolTip("Takes the outlines away; heatmap and label are shown as they were.")
        self._build()
        self.table.picked.connect(self.picked)
        self.hide_masks.clicked.connect(self.hide_requested)
        self.side_by_side.clicked.connect(self.side_by_side_wished)
        self.classes.activated.connect(lambda _: self.class_chosen.emit(self.classes.currentData()))
        self.other.activated.connect(lambda _: self.other_chosen.emit(self.other.currentData()))

    def _build(self) -> None:
        boxes = QGridLayout()
        boxes.setHorizontalSpacing(6)
        boxes.setVerticalSpacing(4)
        for row, (title, box) in enumerate((("Before", self.other), ("Class", self.classes))):
            label = QLabel(title)
            label.setBuddy(box)
            boxes.addWidget(label, row, 0)
            boxes.addWidget(box, row, 1)
        boxes.setColumnStretch(1, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self.side_by_side, 1)
        buttons.addWidget(self.hide_masks, 1)
        said = QWidget()
        lines = QVBoxLayout(said)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(4)
        lines.addWidget(self.which)
        lines.addWidget(self.words)
        lines.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(4)
        right.addLayout(boxes)
        right.addWidget(scrolling(said), 1)
        right.addWidget(self.legend)
        right.addLayout(buttons)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.table, 1)
        layout.addLayout(right, 1)

    def show_view(self, view: HeldOutView, chosen: TrainingRow | None) -> None:
        """Show the cases of a training."""
        self.table.show_rows(view.rows, view.shown)
        _fill(self.other, [(f"{OTHER_WORDS[name][1]}".capitalize(), name) for name in view.others], view.other)
        if not view.others:
            _fill(self.other, [("nothing to compare with", "")], "")
        self.other.setEnabled(len(view.others) > 1)
        _fill(
            self.classes,
            [("all classes", ALL_CLASSES), *((name, name) for name in view.class_names)],
            view.class_name,
        )
        self.classes.setEnabled(len(view.class_names) > 1)
        which = "" if chosen is None or not view.rows else _which(chosen)
        words = "Reading what was drawn …" if view.is_busy else view.sentence or (_HOW if view.rows else _NOTHING)
        for label, text in ((self.which, which), (self.words, words)):
            if label.text() != text:
                label.setText(text)
            label.setVisible(bool(text))
        self.legend.setText(_legend(OTHER_WORDS[view.other][0] if view.other else ""))
        self.legend.setVisible(bool(view.rows))
        self.side_by_side.setChecked(view.side_by_side)
        self.side_by_side.setEnabled(bool(view.rows))
        self.hide_masks.setEnabled(bool(view.shown))


def _which(row: TrainingRow) -> str:
    return f"{row.preset}, {row.loss}, {row.when.astimezone():%d %b %H:%M}: Dice {row.dice}."


def _legend(before: str) -> str:
    parts = [("Reference", "reference"), (before, "before"), ("After", "after")]
    marks = [
        # on a light ground white would be lost, and on a dark one black: the swatch has a dark ground of its own
        f'<span style="background-color:#303030; color:{COMPARED_COLOURS[role]}">&nbsp;━&nbsp;</span>&nbsp;{title}'
        for title, role in parts
        if title
    ]
    return " &nbsp; ".join(marks)


def _box(name: str, hint: str) -> QComboBox:
    box = NarrowBox()
    box.setAccessibleName(name)
    box.setToolTip(hint)
    box.setMinimumContentsLength(3)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return box


def _fill(box: QComboBox, entries: list[tuple[str, str]], chosen: str) -> None:
    if [(box.itemText(i), box.itemData(i)) for i in range(box.count())] != entries:
        box.clear()
        for title, data in entries:
            box.addItem(title, data)
    box.setCurrentIndex(max(0, box.findData(chosen)))
