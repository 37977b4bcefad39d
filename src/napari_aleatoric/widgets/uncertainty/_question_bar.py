"""Four buttons, one question each; those without an answer say what is missing."""

from __future__ import annotations

from collections.abc import Collection

from qtpy.QtCore import Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QPushButton, QSizePolicy, QWidget

from napari_aleatoric.model import Question
from napari_aleatoric.uncertainty import QUESTIONS
from napari_aleatoric.widgets._whole_text import WholeText

__all__ = ["QuestionBar"]

_QUIET = "QPushButton:!checked { color: rgb(128, 128, 128); }"  # is read on dark and on light ground
_NARROW = 440  # pixels; below, the buttons stand two by two and the sentence under them


class QuestionBar(QWidget):
    """Chooses the question that the window answers.

    Signals
    -------
    asked(Question)
    """

    asked = Signal(object)

    def __init__(self, key: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._key = key
        self._answered: frozenset[Question] = frozenset()
        self._group = QButtonGroup(self)
        self.buttons: dict[Question, QPushButton] = {}
        for number, (question, info) in enumerate(QUESTIONS.items()):
            button = QPushButton(info.title)
            button.setCheckable(True)
            button.setAccessibleName(info.sentence)
            button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda _=False, q=question: self.asked.emit(q))
            self._group.addButton(button, number)
            self.buttons[question] = button
        self.words = WholeText()
        self.words.setAccessibleName("The question, or what its answer needs")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self._wide: bool | None = None
        self._arrange(wide=False)
        self.show_question(Question.LABEL_RISK, ())

    def show_question(self, question: Question, answered: Collection[Question]) -> None:
        """Mark the question that is asked, and those that there is an answer to."""
        self._answered = frozenset(answered)
        self.buttons[question].setChecked(True)
        for each, button in self.buttons.items():
            info, known = QUESTIONS[each], each in self._answered
            button.setStyleSheet("" if known else _QUIET)
            key = f" Key for the next question: {self._key}" if self._key else ""
            button.setToolTip(f"{info.sentence} {info.help}{'' if known else f' {info.missing}'}{key}")
        info = QUESTIONS[question]
        self.words.setText(info.sentence if question in self._answered else info.missing)
        self.words.setToolTip(info.help)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Stand in a row where there is width."""
        self._arrange(wide=self.width() > _NARROW)
        super().resizeEvent(event)

    def _arrange(self, *, wide: bool) -> None:
        if wide == self._wide:
            return
        self._wide = wide
        for number, button in enumerate(self.buttons.values()):
            row, column = (0, number) if wide else divmod(number, 2)
            self._grid.addWidget(button, row, column)
        if wide:
            self._grid.addWidget(self.words, 0, 4)
        else:
            self._grid.addWidget(self.words, 2, 0, 1, 2)
        self._grid.setColumnStretch(4, 1 if wide else 0)
