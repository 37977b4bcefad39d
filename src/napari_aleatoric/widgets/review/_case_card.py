"""The case on screen in words: why it is here, what the label itself shows, what was said of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from napari_aleatoric.model import Decision, Flag, ItemKey
from napari_aleatoric.widgets._whole_text import WholeText

__all__ = ["CaseCard", "RecoveryBanner", "decision_words"]


def decision_words(decision: Decision, undone: bool = False) -> str:
    """One line of history.

    Parameters
    ----------
    decision : Decision
        The entry.
    undone : bool
        Whether a later entry took it back.
    """
    when = decision.created.astimezone().strftime("%d %b %H:%M")
    if decision.undoes:
        what = "took a decision back"
    elif decision.verdict is not None:
        what = decision.verdict.value
    else:
        what = "comment"
    parts = [f"{when} {decision.reader}: {what}"]
    if decision.quality:
        parts.append(f"quality {decision.quality} of 5")
    if decision.comment:
        parts.append(f"“{decision.comment}”")
    text = ", ".join(parts)
    return f"{text} (taken back)" if undone else text


class CaseCard(QWidget):
    """Reason, findings and history.

    Signals
    -------
    jump_requested(tuple)
        Index (z, y, x) of a finding that was clicked.
    """

    jump_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.reason = WholeText("Open a folder to begin.")
        self.reason.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.reason.setAccessibleName("Why this case is here")
        self.lines = QListWidget()
        self.lines.setAccessibleName("Findings and history of this case")
        self.lines.setWordWrap(True)
        self.lines.setMaximumHeight(72)
        self.lines.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.lines.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.reason)
        layout.addWidget(self.lines)
        self.lines.itemClicked.connect(self._clicked)
        self.lines.hide()

    def show_case(
        self,
        key: ItemKey,
        reason: str,
        flags: tuple[Flag, ...],
        history: Sequence[tuple[Decision, bool]],
        barred: str = "",
    ) -> None:
        """Show another case, or the same with a new history: newest first; findings and what is barred on top."""
        self.show_reason(key, reason)
        self.lines.clear()
        if barred:
            item = QListWidgetItem(f"▨ {barred}")
            item.setToolTip("Painted as not to be learned from; a training passes these voxels over.")
            self.lines.addItem(item)
        for flag in flags:
            item = QListWidgetItem(f"⚑ {flag.sentence}")
            item.setToolTip("A check of the label alone. Click to go there." if flag.index_zyx else flag.sentence)
            item.setData(Qt.ItemDataRole.UserRole, flag.index_zyx)
            self.lines.addItem(item)
        for decision, undone in reversed(history):
            item = QListWidgetItem(decision_words(decision, undone))
            item.setToolTip(decision.created.astimezone().isoformat(timespec="seconds"))
            self.lines.addItem(item)
        self.lines.setVisible(self.lines.count() > 0)

    def show_reason(self, key: ItemKey, reason: str) -> None:
        """Say anew why the case stands where it stands: the order of the queue may be another."""
        self.reason.setText(reason or f"{key}: not scored yet.")

    def _clicked(self, item: QListWidgetItem) -> None:
        index = item.data(Qt.ItemDataRole.UserRole)
        if index is not None:
            self.jump_requested.emit(tuple(index))


class RecoveryBanner(QWidget):
    """Offers strokes back that an earlier session could not save.

    Signals
    -------
    restore_requested(), drop_requested()
    """

    restore_requested = Signal()
    drop_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.restore = QPushButton("Put them back")
        self.drop = QPushButton("Throw away")
        row = QHBoxLayout()
        row.addWidget(self.restore)
        row.addWidget(self.drop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words)
        layout.addLayout(row)
        self.restore.clicked.connect(lambda: (self.hide(), self.restore_requested.emit()))
        self.drop.clicked.connect(lambda: (self.hide(), self.drop_requested.emit()))
        self.hide()

    def offer(self, voxels: int, when: datetime | None, barred_voxels: int = 0) -> None:
        """Show, or hide where there is nothing to offer; ``barred_voxels`` are not to be learned from."""
        at = "" if when is None else when.astimezone().strftime("%d %b %H:%M")
        barred = f"{barred_voxels} voxels that are not to be learned from"
        if not barred_voxels:
            words = f"{voxels} repainted voxels{at and f' from {at}'} were never saved as a version."
        else:
            repainted = f"{voxels} repainted voxels and " if voxels else ""
            words = f"{repainted}{barred}{at and f', painted {at},'} were never saved."
        self.words.setText(words)
        self.setVisible(voxels + barred_voxels > 0)
