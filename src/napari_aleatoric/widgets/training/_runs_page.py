"""The trainings there are, what the chosen one showed, and what may be done with it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_aleatoric.session import TrainingPairView, TrainingRow, TrainingView

from ._runs_table import RunsTable
from ._start_page import scrolling, words_of

__all__ = ["RunsPage"]

_BUTTONS = (
    ("resume", "Go on", "Lets a stopped or failed training go on where it was."),
    ("promote", "Promote", "Puts this model to use: it predicts, and the next one is compared with it."),
    ("roll_back", "Roll back", "Takes the last promotion back; the model before it is in use again."),
    ("predict", "Predict cases", "Lets this model look at all cases; what it says becomes measures of the queue."),
)
_ALONE = TrainingPairView()


class RunsPage(QWidget):
    """Table, sentences, buttons.

    Signals
    -------
    chosen(str)
        Key of a training.
    beside(str)
        Key of a second training that is compared with it; "" = none.
    asked(str)
        "resume", "promote", "roll_back" or "predict".
    """

    chosen = Signal(str)
    beside = Signal(str)
    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = RunsTable()
        self.words = words_of("What the chosen training showed")
        self.buttons: dict[str, QPushButton] = {}
        row = QHBoxLayout()
        row.setSpacing(4)
        for name, title, hint in _BUTTONS:
            button = QPushButton(title)
            button.setToolTip(hint)
            button.clicked.connect(lambda _=False, n=name: self.asked.emit(n))
            self.buttons[name] = button
            row.addWidget(button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.table, 3)
        layout.addWidget(scrolling(self.words), 2)
        layout.addLayout(row)
        self.table.chosen.connect(self.chosen)
        self.table.beside.connect(self.beside)

    def show_view(self, view: TrainingView, pair: TrainingPairView = _ALONE) -> None:
        """Show rows and the chosen one's judgement, and how it does against the one beside it."""
        self.table.show_rows(view.rows, view.chosen, pair.key)
        row = view.chosen
        if row is None:
            words = "Nothing was trained in this workspace yet."
        else:
            compared = _compared(row, pair) if pair.key else _how(view, self.table.n_marked)
            words = "\n".join(part for part in (compared, row.sentence, row.selection, *row.remarks) if part)
        if self.words.text() != words:
            self.words.setText(words)
        able = {
            "resume": view.can_resume,
            "promote": view.can_promote,
            "roll_back": view.can_roll_back,
            "predict": view.can_predict,
        }
        for name, button in self.buttons.items():
            button.setEnabled(able[name])


def _compared(row: TrainingRow, pair: TrainingPairView) -> str:
    return f"Chosen: {row.when.astimezone():%d %b %H:%M}; beside it: {pair.title}. {pair.sentence}"


def _how(view: TrainingView, n_marked: int) -> str:
    return f"{n_marked} rows are marked; two can be compared." if n_marked > 2 and len(view.rows) > 2 else ""
