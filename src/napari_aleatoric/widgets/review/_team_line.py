"""How this computer stands to the team's server, where there is something to say; and the conflicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_aleatoric.widgets._whole_text import WholeText

if TYPE_CHECKING:
    from napari_aleatoric.review import Conflict, LinkState

__all__ = ["TeamLine"]


class TeamLine(QWidget):
    """Hidden while all is well.

    Signals
    -------
    item_requested(ItemKey)
        Of a conflict that was clicked.
    """

    item_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = WholeText("")
        self.words.setAccessibleName("The team's server")
        self.lines = QListWidget()
        self.lines.setAccessibleName("Conflicts: a click shows the case")
        self.lines.setWordWrap(True)
        self.lines.setMaximumHeight(72)
        self.lines.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.lines.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.words)
        layout.addWidget(self.lines)
        self.lines.itemClicked.connect(lambda line: self.item_requested.emit(line.data(Qt.ItemDataRole.UserRole)))
        self.hide()

    def show_link(self, state: LinkState | None, conflicts: Sequence[Conflict] = ()) -> None:
        """Show a new state; ``conflicts`` are those that this reader may know of."""
        sentences = [] if state is None else _sentences(state)
        if conflicts:
            words = "conflict" if len(conflicts) == 1 else "conflicts"
            sentences.append(f"⚠ {len(conflicts)} {words}, settled by deciding anew:")
        self.words.setText("\n".join(sentences))
        self.words.setToolTip("" if state is None else state.away)
        self.lines.clear()
        for conflict in conflicts:
            line = QListWidgetItem(conflict.sentence)
            line.setToolTip(conflict.sentence)
            line.setData(Qt.ItemDataRole.UserRole, conflict.key)
            self.lines.addItem(line)
        self.lines.setVisible(bool(conflicts))
        self.setVisible(bool(sentences))


def _sentences(state: LinkState) -> list[str]:
    said = []
    n = state.n_waiting
    if state.away:
        waits = f" {n} {'entry waits' if n == 1 else 'entries wait'} on this computer." if n else ""
        said.append(f"⚠ The team's server is away.{waits} You can go on.")
    if state.refused:
        said.append(f"⚠ {len(state.refused)} not taken by the server: {state.refused[-1]}")
    return said
