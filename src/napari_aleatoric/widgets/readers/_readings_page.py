"""The page *My readings*: who I am, what I am to read, begin, answer, reveal, hand over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QSplitter, QVBoxLayout, QWidget

from napari_aleatoric.widgets._hub import Hub

from ._assign_window import AssignWindow
from ._hand_over_window import HandOverWindow
from ._readings_table import BesideTable, ReadingsTable

if TYPE_CHECKING:
    from napari_aleatoric.review import Assignment, Beside

__all__ = ["ReadingsPage"]

_BUTTONS = (
    ("begin", "Begin", "Makes your own label of the marked case; paint on it as usual."),
    ("answer", "Answer", "Your label is finished: it counts as your reading from now on."),
    ("reveal", "Reveal", "Shows what others, most of them, and the model in use say of this case."),
    ("next", "Next", "The next case that waits for your answer."),
    ("hand_over", "Hand over…", "Gives this case to another reader, with or without what you have drawn."),
)


class ReadingsPage(QWidget):
    """List, sentences, buttons; all that is done is `session.Readings`' business.

    Parameters
    ----------
    hub : Hub
        Of the window.
    """

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self.setWindowTitle("My readings")
        self._hub, self._readings = hub, hub.readings
        self._build()
        self.name.editingFinished.connect(lambda: self._readings.set_reader(self.name.text()))
        self.assign.clicked.connect(lambda: self.open_assign())
        self.table.opened.connect(self._readings.begin)
        self.table.itemSelectionChanged.connect(self._show_able)
        self._readings.changed.connect(self._show)
        self._readings.revealed.connect(self._show_beside)
        hub.session.version_changed.connect(lambda _: self._show())
        hub.session.queue_changed.connect(lambda _: self._show())
        self._show()

    def _build(self) -> None:
        self.name = QLineEdit()
        self.name.setMaximumWidth(170)
        self.name.setAccessibleName("Your name as a reader")
        self.name.setToolTip("Your readings are kept under this name; it is kept for the next start.")
        self.count = QLabel()
        self.assign = QPushButton("Assign…")
        self.assign.setToolTip("For the person who says who reads what.")
        top = QHBoxLayout()
        for part in (QLabel("I read as"), self.name, self.count):
            top.addWidget(part)
        top.addStretch(1)
        top.addWidget(self.assign)
        self.words = QLabel()
        self.words.setObjectName("aleatoric-reading-words")
        self.words.setWordWrap(True)
        self.table, self.beside = ReadingsTable(), BesideTable()
        both = QSplitter()
        both.addWidget(self.table)
        both.addWidget(self.beside)
        both.setStretchFactor(0, 2)
        both.setStretchFactor(1, 3)
        self.beside.hide()
        keys = {b.action.name: "" if b.conflict else b.key for b in self._hub.shortcuts.bindings}
        self.buttons: dict[str, QPushButton] = {}
        row = QHBoxLayout()
        row.setSpacing(4)
        for name, title, hint in _BUTTONS:
            key = keys.get("answer_reading", "") if name == "answer" else ""
            button = QPushButton(f"{title}  {key}" if key else title)
            button.setToolTip(f"{hint}{f' Key: {key}' if key else ''}")
            button.setAccessibleName(title)
            button.clicked.connect(lambda _=False, n=name: self.perform(n))
            self.buttons[name] = button
            row.addWidget(button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.words)
        layout.addWidget(both, 1)
        layout.addLayout(row)

    # -- what is asked ------------------------------------------------------------------------------

    def perform(self, name: str) -> None:
        """Do what a button says."""
        chosen = self.table.chosen
        if name == "begin" and chosen is not None:
            self._readings.begin(chosen.case_id)
        elif name == "answer":
            self._readings.answer()
        elif name == "reveal":
            self._readings.reveal()
        elif name == "next":
            self._readings.next_case()
        elif name == "hand_over":
            self._ask_hand_over()

    def _ask_hand_over(self) -> None:
        current = self._readings.current
        if current is None:
            return
        window = HandOverWindow(current.case_id, self)
        if window.exec() == QDialog.DialogCode.Accepted:
            self._readings.hand_over(window.to.text(), with_label=window.with_label.isChecked())

    def open_assign(self) -> AssignWindow:
        """Open the window for the person who assigns."""
        window = AssignWindow(self._readings, self)
        window.show()
        return window

    # -- what is shown ------------------------------------------------------------------------------

    def _show(self) -> None:
        rows, current = self._readings.rows, self._readings.current
        if not self.name.hasFocus() and self.name.text() != self._readings.reader:
            self.name.setText(self._readings.reader)
        done = sum(row.state == "answered" for row in rows)
        self.count.setText(f"{done} of {len(rows)} answered" if rows else "")
        self.table.show_rows(rows, current)
        self.beside.setVisible(bool(self._readings.beside))
        self.table.show_all_columns(not self._readings.beside)
        self.words.setText(self._sentence(rows, current))
        blinded = current is not None and current.hides
        self.words.setStyleSheet("font-weight: bold;" if blinded else "")
        self._show_able()

    def _sentence(self, rows: list[Assignment], current: Assignment | None) -> str:
        if self._readings.busy:
            return self._readings.busy
        if self._hub.session.workspace is None:
            return "Open a data set first."
        if not rows:
            return "Nothing is assigned to you under this name."
        if current is None:
            return "Begin a case of your list: your own label of it comes to the screen."
        if current.hides:
            return f"■ Blinded reading of {current.case_id}: others and the machine are hidden until you answer."
        if current.state == "begun":
            return f"Reading {current.case_id}. Paint, then answer."
        if current.revealed is None:
            return f"{current.case_id} is answered. Reveal what others say, or go on with the next."
        return f"{current.case_id} is answered and revealed. Changes are kept as versions after the reveal."

    def _show_able(self) -> None:
        chosen, current = self.table.chosen, self._readings.current
        free = not self._readings.busy
        begun = chosen is not None and chosen.state == "begun"
        answered = chosen is not None and chosen.state == "answered"
        settles = chosen is not None and chosen.kind == "adjudicate"
        title = "Settle" if settles else "Continue" if begun else "Show" if answered else "Begin"
        self.buttons["begin"].setText(title)
        here = current is not None and chosen is not None and current.case_id == chosen.case_id
        self.buttons["begin"].setEnabled(free and chosen is not None and not here)
        self.buttons["answer"].setEnabled(free and current is not None and current.state == "begun")
        self.buttons["reveal"].setEnabled(free and current is not None and current.state == "answered")
        self.buttons["next"].setEnabled(free and any(row.is_waiting for row in self._readings.rows))
        self.buttons["hand_over"].setEnabled(free and current is not None and current.is_waiting)

    def _show_beside(self, found: tuple[Beside, ...]) -> None:
        self.beside.show_rows(found)
        self._show()
