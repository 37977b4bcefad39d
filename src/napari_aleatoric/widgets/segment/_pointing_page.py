"""The way in by pointing: boxes and points, and what the segmenter does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_aleatoric.session import PromptStatus
from napari_aleatoric.widgets._segmenting import Segmenting

__all__ = ["PointingPage"]

_MODES = {
    "box": ("Box", "segment_box", "Drag a box round an object in the slice. Middle button: move the image."),
    "points": (
        "Points",
        "segment_points",
        "Click into an object; a right click, or Shift and a click, says what is not part of it.",
    ),
}


class PointingPage(QWidget):
    """Turns prompts on and off and tells how they go.

    Parameters
    ----------
    segmenting : Segmenting
        Takes the prompts.
    key : callable
        Returns the key of an action, "" for none.
    window, canvas : callable
        Return where keys are taken while a mode is on.
    """

    def __init__(
        self,
        segmenting: Segmenting,
        key: Callable[[str], str],
        window: Callable[[], Any],
        canvas: Callable[[], Any],
    ) -> None:
        super().__init__()
        self.segmenting = segmenting
        self._window, self._canvas = window, canvas
        self._live: list[QShortcut] = []
        self._build(key)
        for mode, button in self.modes.items():
            button.clicked.connect(lambda _=False, m=mode: segmenting.toggle(m))
        self.cancel.clicked.connect(lambda: segmenting.stop())
        self.next.clicked.connect(lambda: segmenting.next_object())
        segmenting.mode_changed.connect(self.show_mode)
        segmenting.status_changed.connect(self.show_status)
        self.show_status(segmenting.sentence)
        self.show_mode(segmenting.mode)

    def _build(self, key_of: Callable[[str], str]) -> None:
        self.modes: dict[str, QPushButton] = {}
        buttons = QHBoxLayout()
        for mode, (title, action, words) in _MODES.items():
            key = key_of(action)
            button = QPushButton(f"{title}  {key}" if key else title)
            button.setCheckable(True)
            button.setToolTip(f"{words}{f' Key: {key}.' if key else ''}")
            button.setAccessibleName(f"Segment by {title.lower()}")
            self.modes[mode] = button
            buttons.addWidget(button)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setAccessibleName("What the segmenter does")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1)  # a moving one would take a third of a core from what is waited for
        self.bar.setValue(0)
        self.bar.setMaximumHeight(14)
        self.bar.setTextVisible(False)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop waiting, and take no more prompts.")
        self.next = QPushButton("Next object  ⏎")
        self.next.setToolTip("Finish these points: the next click begins another object. Key: Enter.")
        busy = QHBoxLayout()
        busy.addWidget(self.bar, 1)
        busy.addWidget(self.cancel)
        left = QVBoxLayout(self)
        left.setContentsMargins(0, 0, 0, 0)
        for row in (buttons, busy):
            row.setSpacing(4)
            left.addLayout(row)
        left.setSpacing(4)
        left.addWidget(self.next)
        left.addWidget(self.words)
        left.addStretch(1)

    def show_mode(self, mode: str) -> None:
        """Show which prompts are taken."""
        for name, button in self.modes.items():
            button.setChecked(name == mode)
        self.next.setVisible(mode == "points")
        self._bind(mode)

    def show_status(self, sentence: str) -> None:
        """Show what is going on."""
        status: PromptStatus = self.segmenting.prompting.status
        self.words.setText(sentence)
        waits = status.phase in ("loading", "looking")
        self.bar.setVisible(waits)
        self.cancel.setVisible(waits)

    def _bind(self, mode: str) -> None:
        """Take Escape and Enter while a mode is on; napari's own use of them needs its polygon tool."""
        for shortcut in self._live:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._live = []
        if mode:
            self._take("Escape", self._window(), Qt.ShortcutContext.WindowShortcut, self.segmenting.stop)
        if mode == "points":  # only over the image: Enter elsewhere ends what is typed
            for key in ("Return", "Enter"):
                context = Qt.ShortcutContext.WidgetWithChildrenShortcut
                self._take(key, self._canvas(), context, self.segmenting.next_object)

    def _take(self, key: str, parent: Any, context: Any, act: Any) -> None:
        shortcut = QShortcut(QKeySequence(key), parent)
        shortcut.setContext(context)
        shortcut.activated.connect(act)
        self._live.append(shortcut)
