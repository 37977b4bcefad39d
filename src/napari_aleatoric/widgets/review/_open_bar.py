"""Open a data set or a workspace, and score it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QWidget

from napari_aleatoric.widgets._recent import RecentFolders

__all__ = ["OpenBar"]


class OpenBar(QWidget):
    """Buttons on top of the dock.

    Signals
    -------
    choose_requested()
    open_requested(Path)
    score_requested()
    report_requested()
    keys_requested()
    """

    choose_requested = Signal()
    open_requested = Signal(object)
    score_requested = Signal()
    report_requested = Signal()
    keys_requested = Signal()

    def __init__(self, recent: RecentFolders, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recent = recent
        self.open_button = QPushButton("Open…")
        self.open_button.setToolTip("Open a folder of images and labels, or a workspace.")
        self.recent_button = QPushButton("Recent")
        self.recent_button.setAccessibleName("Recent folders")
        self._menu = QMenu(self.recent_button)
        self._menu.aboutToShow.connect(self._fill)
        self.recent_button.setMenu(self._menu)
        self.score_button = QPushButton("Score")
        self.score_button.setEnabled(False)
        self.score_button.setToolTip(
            "Measure every label in the background: which contradict the rest of the data set, and where."
        )
        self.report_button = QPushButton("Report…")
        self.report_button.setEnabled(False)
        self.report_button.setToolTip("Write a page and a PDF with pictures of this case, or of the whole review.")
        self.keys_button = QPushButton("?")
        self.keys_button.setToolTip("Table of keys")
        self.keys_button.setAccessibleName("Table of keys")
        self.keys_button.setMaximumWidth(28)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.open_button, 1)
        row.addWidget(self.recent_button, 1)
        row.addWidget(self.score_button, 1)
        row.addWidget(self.report_button, 1)
        row.addWidget(self.keys_button)
        self.open_button.clicked.connect(lambda: self.choose_requested.emit())
        self.score_button.clicked.connect(lambda: self.score_requested.emit())
        self.report_button.clicked.connect(lambda: self.report_requested.emit())
        self.keys_button.clicked.connect(lambda: self.keys_requested.emit())

    def _fill(self) -> None:
        self._menu.clear()
        folders = self._recent()
        for folder in folders:
            action = self._menu.addAction(folder.name)
            action.setToolTip(str(folder))
            action.triggered.connect(lambda _=False, f=folder: self.open_requested.emit(f))
        if not folders:
            self._menu.addAction("nothing opened yet").setEnabled(False)
