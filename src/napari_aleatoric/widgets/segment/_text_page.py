"""The way in by words: what to look for, where, how far it is, and what to do with the draft."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_aleatoric.segmentation import VolumeSpec
from napari_aleatoric.session import TextPhase, TextStatus
from napari_aleatoric.widgets._folded_part import FoldedPart
from napari_aleatoric.widgets._progress_line import ProgressLine
from napari_aleatoric.widgets._segmenting import Segmenting

from ._completing_edit import CompletingEdit
from ._sentences_window import SentencesWindow
from ._settings_form import SettingsForm

__all__ = ["TextPage"]

_TOOLS = {
    "boxes": ("Boxes", "Drag or reshape a box of the draft; Delete takes the chosen one away."),
    "box": ("+ Box", "Draw another box round a part that was missed."),
    "inside": ("+ In", "Click what belongs to the object."),
    "outside": ("− Out", "Click what does not belong to it."),
    "brush": ("Brush", "Paint the draft, or erase from it, with napari's brush."),
}
_HINT = "Type what to look for. What is found is a draft: correct it, then accept it into the class, or reject it."


class TextPage(QWidget):
    """Words, and the draft that comes of them.

    Parameters
    ----------
    segmenting : Segmenting
        Looks, and has the draft.
    parent : QWidget, optional
        Qt's owner.

    Signals
    -------
    accepted()
        The user takes the draft into the class.
    """

    accepted = Signal()

    def __init__(self, segmenting: Segmenting, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._segmenting, self._words = segmenting, segmenting.words
        self._build()
        self._connect()
        self.show_status(self._words.status)
        self.show_settings(self._words.settings)

    def _build(self) -> None:
        self.edit = CompletingEdit(lambda text: self._words.library.complete(text))
        self.edit.setPlaceholderText("What to look for: liver, left kidney …")
        self.edit.setAccessibleName("What to look for")
        self.edit.setClearButtonEnabled(True)
        self.where = QComboBox()
        self.where.addItems(["This slice", "Whole volume"])
        self.where.setAccessibleName("Where to look")
        self.where.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.find = QPushButton("Find")
        self.find.setToolTip("Look for it. Key: Enter, in the line.")
        self.sentences = QPushButton("Sentences…")
        self.sentences.setToolTip("See and edit the sentences that the model is asked, or get better ones.")
        self.accept = QPushButton("✓ Accept")
        self.accept.setToolTip("Make the draft part of the class, as one step that Ctrl+Z takes back.")
        self.reject = QPushButton("✗ Reject")
        self.reject.setToolTip("Throw the draft away; the label stays as it is.")
        self.tools: dict[str, QPushButton] = {}
        self.line = ProgressLine("looking for words", "Stop looking; nothing is drawn.")
        self.form = SettingsForm()
        hint = "How words become a mask. What is chosen is kept in the project, and holds from the next look on."
        self.settings = FoldedPart("Settings", hint, self.form)
        top, self._draft_row = QHBoxLayout(), QWidget()
        top.addWidget(self.edit, 1)
        for part in (self.where, self.find):
            top.addWidget(part)
        self.carry = QPushButton("Carry")
        self.carry.setToolTip("Carry boxes and points of all slices through the volume, in the place of the draft.")
        self.clear = QPushButton("Clear")
        self.clear.setToolTip("Put the saliency away.")
        tools = QHBoxLayout()
        for name, (title, hint) in _TOOLS.items():
            button = QPushButton(title)
            button.setToolTip(hint)
            self.tools[name] = button
            tools.addWidget(button)
        tools.addWidget(self.clear)
        tools.addStretch(1)
        self._verdict = QWidget()
        verdict = QHBoxLayout(self._verdict)
        verdict.setContentsMargins(0, 0, 0, 0)
        for button in (self.accept, self.reject):
            verdict.addWidget(button, 1)
        verdict.addWidget(self.carry)
        below = QVBoxLayout(self._draft_row)
        below.setContentsMargins(0, 0, 0, 0)
        below.addWidget(self._verdict)
        below.addLayout(tools)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for row in (top, below, verdict, tools):
            row.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self._draft_row)
        layout.addWidget(self.line)
        layout.addWidget(self.settings)
        layout.addStretch(1)

    def _connect(self) -> None:
        words = self._words
        self.edit.returnPressed.connect(self._find)
        self.find.clicked.connect(self._find)
        self.line.cancel_requested.connect(lambda: words.text.cancel())
        self.sentences.clicked.connect(self._show_sentences)
        self.accept.clicked.connect(lambda: self.accepted.emit())
        for button in (self.reject, self.clear):
            button.clicked.connect(lambda: words.reject())
        self.carry.clicked.connect(lambda: words.text.carry(words.layers.drawn))
        for name, button in self.tools.items():
            button.clicked.connect(_chooser(self, name))
        self.form.chosen.connect(lambda spec: words.use_settings(spec))
        words.settings_changed.connect(self.show_settings)
        words.status_changed.connect(self.show_status)

    def choose_tool(self, name: str) -> None:
        """Take a tool for the draft; boxes and points of the other way in are off."""
        if self._segmenting.mode:
            self._segmenting.stop()
        self._words.layers.choose_tool(name)

    def _find(self) -> None:
        self.edit.stop_offering()
        if self._segmenting.mode:
            self._segmenting.stop()
        self._words.find(self.edit.text(), self._segmenting.plane, whole=self.where.currentIndex() == 1)

    def _show_sentences(self) -> None:
        words = self.edit.text().strip()
        if not words:
            self.line.say("Type words first; then their sentences can be seen.")
            return
        SentencesWindow(words, self._words, self).open()

    def show_settings(self, spec: VolumeSpec) -> None:
        """Show how words are looked for; the title tells how much of it is not as usual."""
        self.form.show_settings(spec)
        n = len(spec.changed())
        self.settings.set_title(f"Settings ({n} changed)" if n else "Settings")

    def show_status(self, status: TextStatus) -> None:
        """Show what is going on."""
        self.line.show_busy(status.busy, stopping=status.phase is TextPhase.STOPPING)
        self.line.show_fraction(status.fraction)
        hint = _HINT if self._words.text.model else self._words.text.NO_MODEL
        self.line.say(status.sentence or hint)
        draft = self._words.text.draft
        self._draft_row.setVisible(draft is not None and not status.busy)
        found = draft is not None and draft.found
        self._verdict.setVisible(found)
        self.clear.setVisible(not found)
        self.find.setEnabled(not status.busy)


def _chooser(page: TextPage, name: str) -> Callable[[], None]:
    return lambda: page.choose_tool(name)
