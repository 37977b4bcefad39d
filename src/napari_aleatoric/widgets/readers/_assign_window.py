"""For the person who assigns: who reads what, and how far everybody is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.widgets._row_table import dress

if TYPE_CHECKING:
    from napari_aleatoric.session import Readings

__all__ = ["AssignWindow"]

_WHAT = (
    ("pending", "First readings of all pending cases"),
    ("queue", "First readings of the first of the queue"),
    ("random", "First readings of a random share"),
    ("listed", "First readings of these cases"),
    ("second", "Second readings of a share of those answered"),
    ("honeypots", "Honeypots: cases with a trusted label"),
)
_COLUMNS = (
    ("Reader", "Whose list."),
    ("Assigned", "Not given away."),
    ("Begun", "Waiting for their answer."),
    ("Answered", ""),
    ("Minutes", "From beginning to answer, the median."),
)


class AssignWindow(QDialog):
    """Collects a spec and hands it on; shows how far every reader is.

    Parameters
    ----------
    readings : Readings
        Whose doors assign.
    parent : QWidget, optional
        The window.
    """

    def __init__(self, readings: Readings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Assign readings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._readings = readings
        self._fields()
        self.progress = QTableWidget(0, len(_COLUMNS))
        dress(self.progress, _COLUMNS)
        self.progress.horizontalHeader().setStretchLastSection(True)
        self.progress.setAccessibleName("How far every reader is")
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.go = QPushButton("Assign")
        self.go.setDefault(True)
        close = QPushButton("Close")
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.go)
        row.addWidget(close)
        layout = QVBoxLayout(self)
        layout.addLayout(self._form)
        layout.addWidget(self.words)
        layout.addWidget(self.progress, 1)
        layout.addLayout(row)
        self.resize(520, 480)
        self.what.currentIndexChanged.connect(self._another)
        self.go.clicked.connect(self._assign)
        close.clicked.connect(self.close)
        readings.changed.connect(self._show)
        self.finished.connect(lambda _: readings.changed.disconnect(self._show))
        self._another()
        self._show()

    def _fields(self) -> None:
        self.what = QComboBox()
        for name, words in _WHAT:
            self.what.addItem(words, name)
        self.readers = QLineEdit()
        self.readers.setPlaceholderText("Ada, Ben")
        self.cases = QLineEdit()
        self.cases.setPlaceholderText("case_1, case_2")
        self.n = QSpinBox(minimum=1, maximum=100_000, value=10)
        self.share = QSpinBox(minimum=1, maximum=100, value=20, suffix=" %")
        self.per_case = QSpinBox(minimum=1, maximum=100, value=1)
        self.trusted = QLineEdit()
        self.trusted.setPlaceholderText("of the data set")
        self.seed = QSpinBox(minimum=0, maximum=1_000_000)
        self.blinded = QCheckBox("blinded: others and the machine are hidden until the answer")
        self.blinded.setChecked(True)
        self.machine = QCheckBox("models may be prompted by boxes, points and words")
        self.remark = QLineEdit()
        self._form = QFormLayout()
        self._labelled: dict[str, QWidget] = {
            "What": self.what,
            "To readers": self.readers,
            "Cases": self.cases,
            "How many": self.n,
            "Share": self.share,
            "Readers of each case": self.per_case,
            "Trusted reader": self.trusted,
            "Seed of the draw": self.seed,
            "Remark": self.remark,
        }
        for words, field in self._labelled.items():
            field.setAccessibleName(words)
            self._form.addRow(words, field)
        self._form.addRow("", self.blinded)
        self._form.addRow("", self.machine)

    def _another(self) -> None:
        """Show only the fields that matter for what is chosen."""
        what = self.what.currentData()
        shown = {
            "Cases": what == "listed",
            "How many": what in ("queue", "honeypots"),
            "Share": what in ("random", "second"),
            "Readers of each case": what not in ("second", "honeypots"),
            "Trusted reader": what == "honeypots",
        }
        for words, on in shown.items():
            field = self._labelled[words]
            field.setVisible(on)
            self._form.labelForField(field).setVisible(on)

    def spec(self) -> Any:
        """Return what was chosen, as the spec of a door."""
        from napari_aleatoric.review import AssignSpec, HoneypotSpec, SecondSpec

        what = self.what.currentData()
        terms: dict[str, Any] = {
            "readers": _names(self.readers.text()),
            "by": self._readings.reader,
            "blinded": None if self.blinded.isChecked() else False,
            "machine": self.machine.isChecked(),
            "remark": self.remark.text().strip(),
            "seed": self.seed.value(),
        }
        if what == "second":
            return SecondSpec(**terms, share=self.share.value() / 100)
        if what == "honeypots":
            return HoneypotSpec(**terms, trusted=self.trusted.text().strip(), n=self.n.value())
        return AssignSpec(
            **terms,
            rule=what,
            cases=_names(self.cases.text()),
            n=self.n.value(),
            share=self.share.value() / 100,
            readers_per_case=self.per_case.value(),
        )

    def _assign(self) -> None:
        try:
            spec = self.spec()
        except ValidationError as error:
            self.words.setText(str(error.errors()[0]["msg"]).removeprefix("Value error, "))
            return
        self.words.clear()
        self._readings.assign(spec)

    def _show(self) -> None:
        rows = self._readings.progress()
        self.go.setEnabled(not self._readings.busy)
        self.progress.setRowCount(len(rows))
        for number, row in enumerate(rows):
            minutes = "–" if row.median_minutes is None else f"{row.median_minutes:.1f}"
            texts = (row.reader, str(row.assigned), str(row.begun), str(row.answered), minutes)
            for column, text in enumerate(texts):
                self.progress.setItem(number, column, QTableWidgetItem(text))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
