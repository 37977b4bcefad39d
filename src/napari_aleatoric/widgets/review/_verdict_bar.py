"""Say what you think of the label on screen."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

__all__ = ["VerdictBar"]

_BUTTONS = (
    ("accept", "Accept", "The label is right as it is (or as you repainted it)."),
    ("correct", "Corrected", "Save what you repainted as a new version and record it."),
    ("reject", "Reject", "The label is wrong and should not be used."),
    ("exclude", "Exclude", "Neither right nor wrong: leave this case out of learning."),
    ("skip", "Skip", "Decide later."),
    ("save_label", "Save", "Write the label as a new version, without a verdict."),
)
_QUALITY = ("quality –", "1 unusable", "2 poor", "3 fair", "4 good", "5 perfect")


class VerdictBar(QWidget):
    """Buttons, quality and comment.

    Signals
    -------
    asked(str)
        Name of an action of the key table.
    commented(str)
        A remark without a verdict.
    """

    asked = Signal(str)
    commented = Signal(str)

    def __init__(self, keys: dict[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("aleatoric-verdicts")
        self.buttons: dict[str, QPushButton] = {}
        grid = QGridLayout()
        grid.setSpacing(4)
        for place, (name, title, words) in enumerate(_BUTTONS):
            key = keys.get(name, "")
            button = QPushButton(f"{title}  {key}" if key else title)
            button.setToolTip(f"{words}{f' Key: {key}' if key else ''}")
            button.setAccessibleName(title)
            button.clicked.connect(lambda _=False, n=name: self.asked.emit(n))
            self.buttons[name] = button
            grid.addWidget(button, place // 3, place % 3)
        self.quality = QComboBox()
        self.quality.addItems(_QUALITY)
        self.quality.setAccessibleName("Quality of the label, 1 to 5")
        self.quality.setToolTip("Quality of the label as you found it; recorded with the verdict.")
        self.comment = QLineEdit()
        self.comment.setPlaceholderText("Comment; Return records it")
        self.comment.setAccessibleName("Comment")
        self.advance = QCheckBox("then next")
        self.advance.setToolTip("Go to the next case after a verdict.")
        self.advance.setChecked(True)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.quality)
        row.addWidget(self.comment, 1)
        row.addWidget(self.advance)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(grid)
        layout.addLayout(row)
        self.comment.returnPressed.connect(self._comment_entered)

    @property
    def goes_on(self) -> bool:
        """Whether a verdict is followed by the next case."""
        return self.advance.isChecked()

    def take(self) -> tuple[int | None, str]:
        """Return quality and comment, and empty both for the next case."""
        quality = self.quality.currentIndex() or None
        comment = self.comment.text().strip()
        self.clear()
        return quality, comment

    def clear(self) -> None:
        """Empty the fields."""
        self.quality.setCurrentIndex(0)
        self.comment.clear()

    def focus_comment(self) -> None:
        """Put the cursor into the comment."""
        self.comment.setFocus()

    def _comment_entered(self) -> None:
        text = self.comment.text().strip()
        if text:
            self.comment.clear()
            self.commented.emit(text)
        self.comment.clearFocus()
