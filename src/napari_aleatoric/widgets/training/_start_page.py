"""What may be chosen, what would be learned from, and the button that begins it."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_aleatoric.session import TrainingView
from napari_aleatoric.widgets._progress_line import ProgressLine
from napari_aleatoric.widgets._whole_text import WholeText

from ._wish_form import WishForm

__all__ = ["StartPage", "StopLine", "scrolling", "words_of"]

_WIDE_PX = 440
_SENTENCES_PX = 90  # of their height at least


class StopLine(ProgressLine):
    """A progress line whose button stops: nothing is lost by it."""

    def show_busy(self, busy: bool, stopping: bool | None = None) -> None:
        """Show bar and button while there is work."""
        super().show_busy(busy, stopping)
        if self.cancel.isEnabled():
            self.cancel.setText("Stop")


class StartPage(QWidget):
    """Wishes at the left, sentences and the button at the right.

    Signals
    -------
    changed(dict)
        Fields of `TrainingWishes`.
    start_requested()
    plan_requested()
        The plan is to be shown.
    """

    changed = Signal(object)
    start_requested = Signal()
    plan_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form = WishForm()
        self.selection = words_of("What is learned from")
        font = self.selection.font()
        font.setBold(True)
        self.selection.setFont(font)
        self.advice = words_of("What was done since the last training, and whether it pays to train again")
        self.problem = words_of("Why it cannot be started")
        self.where = words_of("How long it takes, and where it runs")
        self.remarks = words_of("What to know about the held-out cases")
        self.start = QPushButton("Train")
        self.start.setToolTip(
            "Trains in the background on the labels as they are now and judges the network on cases that it never "
            "learns from. Nothing is put to use by it."
        )
        self.plan = QPushButton("Network …")
        self.plan.setToolTip("Which network would be trained, on which grid, with which patches; and to change it.")
        said = QWidget()
        lines = QVBoxLayout(said)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(4)
        for part in (self.selection, self.advice, self.problem, self.where, self.remarks):
            lines.addWidget(part)
        lines.addStretch(1)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(scrolling(said), 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.plan)
        buttons.addWidget(self.start, 1)
        column.addLayout(buttons)
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._columns.setContentsMargins(0, 4, 0, 0)
        self._columns.setSpacing(10)
        self._columns.addWidget(self.form, 1)
        self._columns.addWidget(right, 1)
        self.form.changed.connect(self.changed)
        self.start.clicked.connect(self.start_requested)
        self.plan.clicked.connect(self.plan_requested)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Stand in two columns where there is width, else one below the other."""
        directions = QBoxLayout.Direction
        self._columns.setDirection(directions.LeftToRight if self.width() > _WIDE_PX else directions.TopToBottom)
        super().resizeEvent(event)

    def needed_height(self, width: int) -> int:
        """Return the height below which something would be cut, of a dock of this width; sentences may scroll."""
        form, said = self.form.minimumSizeHint().height(), _SENTENCES_PX + self.start.sizeHint().height()
        return max(form, said) + 8 if width > _WIDE_PX else form + said + 20

    def show_view(self, view: TrainingView) -> None:
        """Show what is known."""
        self.form.show_wishes(view.wishes, view.several_readers)
        texts = {
            self.selection: view.selection,
            self.advice: view.advice,
            self.problem: view.problem,
            self.where: " ".join(part for part in (view.duration, view.machine) if part),
            self.remarks: " ".join(view.remarks),
        }
        for label, words in texts.items():
            if label.text() != words:  # a new text lays out the whole dock
                label.setText(words)
            label.setVisible(bool(words))
        self.start.setEnabled(view.can_start)


def words_of(name: str) -> WholeText:
    """Return an empty text that breaks its lines and can be copied."""
    words = WholeText()
    words.setTextFormat(Qt.TextFormat.PlainText)
    words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    words.setAlignment(Qt.AlignmentFlag.AlignTop)
    words.setAccessibleName(name)
    return words


def scrolling(content: QWidget) -> QScrollArea:
    """Return an area that scrolls down: many sentences leave buttons and tables their room."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area
