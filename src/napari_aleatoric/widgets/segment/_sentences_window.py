"""The sentences that stand for words: seen, edited, averaged; and a question to ask for better ones."""

from __future__ import annotations

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.widgets._text_segmenting import TextSegmenting

__all__ = ["SentencesWindow"]


class SentencesWindow(QDialog):
    """One sentence in a line; what the model is asked is their mean.

    Parameters
    ----------
    words : str
        What they stand for.
    segmenting : TextSegmenting
        Has the prompt library, and asks the sentences.
    parent : QWidget
        Qt's owner.
    """

    def __init__(self, words: str, segmenting: TextSegmenting, parent: QWidget) -> None:
        super().__init__(parent)
        self._words, self._segmenting = words, segmenting
        self.setWindowTitle(f"Sentences for '{words}'")
        about = QLabel(
            "One sentence in a line; the model is asked for their mean. Say what it looks like in the image: "
            "shape, brightness, border, place. Nothing is sent anywhere."
        )
        about.setWordWrap(True)
        self.modality = QComboBox()
        self.modality.addItem("not known", "")
        for name, called in segmenting.library.content.modalities.items():
            self.modality.addItem(f"{name}: {called[0]}" if called and called[0] != name else name, name)
        self.modality.setCurrentIndex(max(0, self.modality.findData(segmenting.modality)))
        self.modality.setEnabled(segmenting.modality == segmenting.modality_said)
        self.modality.setToolTip("Where the file says which kind of image it is, that is taken.")
        kind = QHBoxLayout()
        kind.addWidget(QLabel("Kind of image"))
        kind.addWidget(self.modality)
        kind.addStretch(1)
        self.edit = QPlainTextEdit()
        self.edit.setAccessibleName("Sentences, one in a line")
        self.edit.setStyleSheet("border: 1px solid gray;")
        self.own = QPushButton("Use these")
        self.own.setDefault(True)
        self.library = QPushButton("Back to the library's")
        self.library.setToolTip("Ask what the prompt library says for these words.")
        self.copy = QPushButton("Copy a question for a language model")
        self.copy.setToolTip("Puts a question on the clipboard whose answer can be pasted here, line by line.")
        row = QHBoxLayout()
        for button in (self.own, self.library, self.copy):
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.addLayout(kind)
        layout.addWidget(about)
        layout.addWidget(self.edit, 1)
        layout.addLayout(row)
        self.resize(640, 300)
        self.modality.activated.connect(self._say_modality)
        self.own.clicked.connect(self._use)
        self.library.clicked.connect(self._back)
        self.copy.clicked.connect(self._copy)
        self._show()

    def _show(self) -> None:
        try:
            sentences = self._segmenting.query(self._words).sentences
        except AleatoricError:
            sentences = ()
        self.edit.setPlainText("\n".join(sentences))

    def _say_modality(self, row: int) -> None:
        self._segmenting.modality_said = str(self.modality.itemData(row))
        self._show()

    def _use(self) -> None:
        self._segmenting.write_sentences(self._words, tuple(self.edit.toPlainText().splitlines()))
        self.accept()

    def _back(self) -> None:
        self._segmenting.write_sentences(self._words, ())
        self._show()

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._segmenting.question(self._words))
        self.copy.setText("Copied ✓")
