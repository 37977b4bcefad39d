"""What is to be known of the marked model, and what can be done with it."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_aleatoric.session import ModelRow

__all__ = ["ModelCard"]

_BUTTONS = (
    ("use", "Use for prompts", "Boxes and clicks of the Segment dock are answered by this model from now on."),
    ("download", "Download…", "Shows the licence; what is accepted there begins the download."),
    ("verify", "Verify", "Read the whole file anew, and compare its digest with the published one."),
)

_FOR_WORDS = "Words of the Segment dock are looked for with this model from now on."

_LINES = (("good_for", "Good for"), ("licence", "Licence"), ("state", "State"), ("used", "Used for"))


class ModelCard(QWidget):
    """One model in words, and its buttons.

    Signals
    -------
    asked(str, str)
        'use', 'download' or 'verify', and the model's name.
    """

    asked = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = ""
        self.buttons: dict[str, QPushButton] = {}
        actions = QHBoxLayout()
        actions.setSpacing(4)
        for name, title, words in _BUTTONS:
            button = QPushButton(title)
            button.setToolTip(words)
            button.clicked.connect(lambda _=False, what=name: self.asked.emit(what, self._name))
            self.buttons[name] = button
            actions.addWidget(button, 1)
        self.lines: dict[str, QLabel] = {}
        facts = QGridLayout()
        facts.setHorizontalSpacing(10)
        facts.setVerticalSpacing(6)
        facts.setColumnStretch(1, 1)
        for row, (name, title) in enumerate(_LINES):
            line = QLabel()
            line.setWordWrap(True)
            line.setTextFormat(Qt.TextFormat.PlainText)
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            line.setAccessibleName(title)
            self.lines[name] = line
            facts.addWidget(QLabel(title), row, 0, Qt.AlignmentFlag.AlignTop)
            facts.addWidget(line, row, 1, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(actions)
        layout.addLayout(facts)
        layout.addStretch(1)

    def show_model(self, row: ModelRow | None, *, used: bool, scores: str, busy: bool, offline: bool) -> None:
        """Show a model.

        Parameters
        ----------
        row : ModelRow or None
            Which; None for none.
        used : bool
            Whether it answers the prompts, or words are looked for with it.
        scores : str
            Name of the model that scoring takes by default.
        busy : bool
            Whether a piece of work on weights goes on.
        offline : bool
            Whether downloads are switched off.
        """
        self._name = "" if row is None else row.name
        if row is None:
            for line in self.lines.values():
                line.clear()
            for button in self.buttons.values():
                button.setEnabled(False)
            return
        self.lines["good_for"].setText(row.good_for)
        self.lines["licence"].setText(row.licence)
        self.lines["state"].setText(row.sentence)
        self.lines["used"].setText(_uses(row, used=used, scores=scores))
        for name, on in (
            ("use", not row.why_not and not used),
            ("download", row.can_download and not busy and not offline),
            ("verify", row.can_verify and not busy),
        ):
            self.buttons[name].setEnabled(on)
        for_words = row.finds_words
        titles = ("Use for words", "Finds the words") if for_words else ("Use for prompts", "Answers the prompts")
        self.buttons["use"].setText(titles[used])
        for name, _, words in _BUTTONS:
            why = row.why_not or (_FOR_WORDS if for_words else "") if name == "use" else ""
            if name == "download" and offline and row.can_download:
                why = "The program is switched offline (ALEATORIC_OFFLINE)."
            self.buttons[name].setToolTip(why or words)


def _uses(row: ModelRow, *, used: bool, scores: str) -> str:
    if row.finds_words:
        command = "Where it is named: aleatoric segment IMAGE --text WORDS --model"
        found = ["The words of this window."] if used else []
        return " ".join([*found, *([] if row.why_not else [f"{command} {row.name}"])]) or "Nothing yet."
    found = ["The prompts of this window."] if used else []
    if row.name == scores:
        found.append("Scoring, unless another model is named.")
    elif not row.why_not:
        found.append(f"Scoring, where it is named: aleatoric score WORKSPACE --encoder {row.name}")
    return " ".join(found) or "Nothing yet."
