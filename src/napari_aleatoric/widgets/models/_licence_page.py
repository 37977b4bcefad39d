"""The licence of a model, to be accepted before its download begins."""

from __future__ import annotations

from urllib.parse import urlsplit

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from napari_aleatoric.session import ModelRow

from ._licence_text import licence_text

__all__ = ["LicencePage"]


class LicencePage(QWidget):
    """Shows a licence and asks.

    Signals
    -------
    accepted(str)
        The model's name.
    refused()
    """

    accepted = Signal(str)
    refused = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = ""
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName("Text of the licence")
        self.accept = QPushButton("Accept and download")
        self.accept.setToolTip("You accept these terms; then the download begins.")
        self.refuse = QPushButton("Not now")
        self.refuse.setToolTip("Back to the list; nothing is downloaded.")
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self.accept, 1)
        buttons.addWidget(self.refuse, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.title)
        layout.addWidget(self.text, 1)
        layout.addLayout(buttons)
        self.accept.clicked.connect(lambda: self.accepted.emit(self._name))
        self.refuse.clicked.connect(lambda: self.refused.emit())

    def show_model(self, row: ModelRow) -> None:
        """Show the licence of a model."""
        self._name = row.name
        host = urlsplit(row.source).hostname or row.source
        self.title.setText(
            f"{row.name}: {row.size} from {host}. Its licence is {row.licence}; it holds between its authors and "
            "you. The download begins when you accept it."
        )
        self.text.setPlainText(licence_text(row.licence))
        self.text.setFocus()
