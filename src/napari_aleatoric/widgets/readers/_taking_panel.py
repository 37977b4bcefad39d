"""What can be taken for the region in question, with its keys; how it is shown; and the end."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.session import AdjudicationView, ReaderMark
from napari_aleatoric.widgets._narrow_box import NarrowBox

__all__ = ["TakingPanel"]

_STARTS = (
    ("the vote", "vote"),
    ("STAPLE", "staple"),
    ("multi-label STAPLE", "multilabel-staple"),
)
_HOW = (
    "Click a case to walk the regions in which its readers differ. While it is open, 1 … 9 take a reader's answer, "
    "C the consensus, M the model's, R is the brush, N and P walk, U takes back."
)
_SWATCH_PX = 12
_COLUMNS = 2


class TakingPanel(QWidget):
    """Buttons that are the keys, and the legend of the outlines at once.

    Signals
    -------
    asked(str)
        An action of `ADJUDICATION_ACTIONS`, by its name.
    started()
        Settle the chosen case.
    looked(dict)
        Wishes about how it is shown.
    begin_with(str)
        The label to begin with.
    finished_so()
        Save with open regions.
    """

    asked = Signal(str)
    started = Signal()
    looked = Signal(dict)
    begin_with = Signal(str)
    finished_so = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._marks: tuple[ReaderMark, ...] | None = None
        self._readers = QGridLayout()
        self._readers.setSpacing(3)
        self.reader_buttons: list[QPushButton] = []
        self.start = _box("Label to begin with", "What holds where nothing is chosen.")
        for title, name in _STARTS:
            self.start.addItem(title, name)
        self.settle = _button("Settle", "Walks the regions of the chosen case.")
        self.leave = _button("Stop", "All choices are kept; the case goes on from here later (Shift+Q).")
        self.bar = QProgressBar()
        self.bar.setMaximumHeight(16)
        self.bar.setAccessibleName("Regions that are decided")
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setAccessibleName("What to know")
        self.consensus = _button("C  Consensus", "Takes what the readers come to together.")
        self.machine = _button("M  Machine", "Takes what the model in use says, where it was asked about the case.")
        self.repaint = _button("R  Repaint", "Takes the brush; what is painted in a region is its choice.")
        self.repaint.setCheckable(True)
        self.undo = _button("U  Undo", "Takes your last choice back; the log keeps both.")
        self.previous = _button("P  ◂", "The region before.")
        self.next = _button("N  ▸", "The next region.")
        self.beside = _box("Reader in a panel of their own", "One reader beside all others, with the image alone.")
        self.dim = QCheckBox("Dim the rest")
        self.dim.setToolTip("Makes everything but the region darker.")
        self.on = QCheckBox("Go on")
        self.on.setToolTip("A choice leads to the next open region.")
        self.finish = _button("Finish", "Saves the outcome as a label of its own (Shift+F).")
        self.finish_so = _button("Finish so", "Saves it although regions are open: they stay as it was begun.")
        self._build()
        self._connect()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self._begin = _row(QLabel("Begin with"), self.start, self.settle)
        self._begin.layout().setStretch(1, 2)
        self._take = QWidget()
        inner = QVBoxLayout(self._take)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(4)
        inner.addWidget(self.bar)
        inner.addLayout(self._readers)
        inner.addWidget(_row(self.consensus, self.machine))
        inner.addWidget(_row(self.repaint, self.undo))
        inner.addWidget(_row(self.previous, self.next, self.on))
        inner.addWidget(_row(self.beside, self.dim))
        inner.addWidget(_row(self.finish, self.finish_so, self.leave))
        layout.addWidget(self._begin)
        layout.addWidget(self._take)
        layout.addWidget(self.words)
        layout.addStretch(1)

    def _connect(self) -> None:
        actions = (
            (self.consensus, "take_consensus"),
            (self.machine, "take_machine"),
            (self.repaint, "repaint"),
            (self.undo, "undo_choice"),
            (self.previous, "previous_region"),
            (self.next, "next_region"),
            (self.finish, "finish_adjudication"),
            (self.leave, "leave_adjudication"),
        )
        for button, name in actions:
            button.clicked.connect(lambda _=False, name=name: self.asked.emit(name))
        self.settle.clicked.connect(lambda: self.started.emit())
        self.finish_so.clicked.connect(lambda: self.finished_so.emit())
        self.start.activated.connect(lambda _: self.begin_with.emit(self.start.currentData()))
        self.dim.clicked.connect(lambda on: self.looked.emit({"is_dimmed": on}))
        self.on.clicked.connect(lambda on: self.looked.emit({"goes_on": on}))
        self.beside.activated.connect(lambda _: self.looked.emit({"beside": self.beside.currentData()}))

    # -- state to widgets ---------------------------------------------------------------------------

    def show_view(self, view: AdjudicationView) -> None:
        """Show what can be done."""
        is_on = bool(view.shown)
        self._begin.setVisible(not is_on)
        self._take.setVisible(is_on)
        self.settle.setEnabled(not view.is_busy and bool(view.cases))
        self.start.setCurrentIndex(max(0, self.start.findData(view.start)))
        if view.readers != self._marks:
            self._show_readers(view.readers)
        n = len(view.regions)
        self.bar.setRange(0, max(1, n))
        self.bar.setValue(n - view.n_open if n else 1)
        self.bar.setFormat(view.progress)
        for button in (*self.reader_buttons, self.consensus, self.repaint, self.previous, self.next):
            button.setEnabled(not view.is_busy and n > 0)
        self.machine.setEnabled(not view.is_busy and view.has_machine and n > 0)
        self.undo.setEnabled(not view.is_busy)
        self.repaint.setChecked(view.is_painting)
        self.dim.setChecked(view.is_dimmed)
        self.on.setChecked(view.goes_on)
        self.beside.setCurrentIndex(max(0, self.beside.findData(view.beside)))
        self.finish.setEnabled(not view.is_busy)
        self.finish_so.setVisible(is_on and view.n_open > 0)
        self.finish_so.setEnabled(not view.is_busy)
        self.words.setText(_words(view))

    def _show_readers(self, marks: tuple[ReaderMark, ...]) -> None:
        self._marks = marks
        for button in self.reader_buttons:
            self._readers.removeWidget(button)
            button.deleteLater()
        self.reader_buttons = []
        self.beside.clear()
        self.beside.addItem("all together", "")
        for place, mark in enumerate(marks):
            key = f"{mark.number}  " if mark.number < 10 else ""
            button = _button(
                f"{key}{mark.name}", f"Takes the answer of {mark.name}; the outline of this colour is theirs."
            )
            button.setIcon(_swatch(mark.colour))
            button.clicked.connect(lambda _=False, n=mark.number: self.asked.emit(f"take_reader_{n}"))
            self._readers.addWidget(button, place // _COLUMNS, place % _COLUMNS)
            self.reader_buttons.append(button)
            self.beside.addItem(f"{mark.name} beside", mark.name)


def _words(view: AdjudicationView) -> str:
    if view.sentence:
        return view.sentence
    if view.is_busy:
        return "Reading what the readers drew …"
    if view.shown:
        return "" if view.regions else "The readers agree on every voxel of this case."
    if view.is_listing and not view.cases:
        return "Looking where readers differ …"
    return _HOW if view.cases else "No case of this data set has labels of two readers."


def _swatch(colour: str) -> QIcon:
    made = QPixmap(_SWATCH_PX, _SWATCH_PX)
    made.fill(QColor(colour))
    return QIcon(made)


def _button(text: str, hint: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(hint)
    button.setAccessibleName(text)
    button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return button


def _box(name: str, hint: str) -> QComboBox:
    box = NarrowBox()
    box.setAccessibleName(name)
    box.setToolTip(hint)
    box.setMinimumContentsLength(3)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return box


def _row(*parts: Any) -> QWidget:
    made = QWidget()
    layout = QHBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for part in parts:
        layout.addWidget(part, 0 if isinstance(part, (QLabel, QCheckBox)) else 1)
    return made
