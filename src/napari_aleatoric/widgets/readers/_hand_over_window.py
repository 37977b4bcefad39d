"""Asks to whom a reading is handed over."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QVBoxLayout, QWidget

__all__ = ["HandOverWindow"]


class HandOverWindow(QDialog):
    """A name, and whether what was drawn goes along.

    Parameters
    ----------
    case_id : str
        Which case.
    parent : QWidget, optional
        The window.
    """

    def __init__(self, case_id: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Hand {case_id} over")
        self.to = QLineEdit()
        self.to.setAccessibleName("To whom")
        self.with_label = QCheckBox("with what I have drawn")
        self.with_label.setToolTip("Else the other reader begins with nothing; yours stays on the disk either way.")
        form = QFormLayout()
        form.addRow("To", self.to)
        form.addRow("", self.with_label)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        self.ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok.setText("Hand over")
        self.ok.setEnabled(False)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(buttons)
        self.to.textChanged.connect(lambda text: self.ok.setEnabled(bool(text.strip())))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
