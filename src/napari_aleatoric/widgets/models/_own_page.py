"""Asks what a checkpoint of the user's own is to be called."""

from __future__ import annotations

import re
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

__all__ = ["OwnPage"]


class OwnPage(QWidget):
    """Name, scaling and licence of weights of the user's own.

    Signals
    -------
    accepted(Path, str, str, str)
        The file, its name, its scaling ('imagenet' or 'unit') and its licence.
    refused()
    """

    accepted = Signal(object, str, str, str)
    refused = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path = Path()
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of your model")
        self.name.setToolTip("Small letters, digits, '-', '_' and '.'")
        self.scaling = QComboBox()
        self.scaling.addItem("normalised, as Segment Anything", "imagenet")
        self.scaling.addItem("0 to 1, as MedSAM", "unit")
        self.scaling.setAccessibleName("Scaling of intensities")
        self.scaling.setToolTip(
            "What the network was trained on: intensities normalised by ImageNet's mean, or between 0 and 1."
        )
        self.licence = QLineEdit()
        self.licence.setPlaceholderText("not stated")
        self.licence.setAccessibleName("Licence of your model")
        self.licence.setToolTip("For your own records, such as CC-BY-4.0.")
        self.accept = QPushButton("Import")
        self.accept.setToolTip("Read the file in a process of its own, see which network it fits, and copy it.")
        self.refuse = QPushButton("Not now")
        self.refuse.setToolTip("Back to the list; nothing is imported.")
        form = QFormLayout()
        form.setSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Name", self.name)
        form.addRow("Intensities", self.scaling)
        form.addRow("Licence", self.licence)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self.accept, 1)
        buttons.addWidget(self.refuse, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.title)
        layout.addLayout(form)
        layout.addLayout(buttons)
        layout.addStretch(1)
        self.accept.clicked.connect(self._accept)
        self.name.returnPressed.connect(self._accept)
        self.refuse.clicked.connect(lambda: self.refused.emit())

    def show_file(self, path: Path) -> None:
        """Ask about a file."""
        self._path = path
        self.title.setText(
            f"{path.name} is none of the known models. If it is a Segment Anything checkpoint of your own, give it "
            "a name; which network it belongs to is found out from what it holds."
        )
        self.name.setText(re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._")[:64])
        self.scaling.setCurrentIndex(0)
        self.licence.clear()
        self.name.setFocus()
        self.name.selectAll()

    def _accept(self) -> None:
        scaling = str(self.scaling.currentData())
        self.accepted.emit(self._path, self.name.text().strip(), scaling, self.licence.text().strip())
