"""Open a data set or a workspace, and score it."""

from __future__ import annotations

import json
from pathlib import Path

from platformdirs import user_config_path
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QWidget

from napari_aleatoric.io import write_whole

__all__ = ["OpenBar", "RecentFolders"]


class RecentFolders:
    """The last folders that were opened, kept for the next start.

    Parameters
    ----------
    path : Path, optional
        The file; by default in the user's configuration folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or user_config_path("napari-aleatoric") / "recent.json"

    def __call__(self) -> list[Path]:
        """Return those that still exist, newest first."""
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return []
        return [Path(p) for p in found if Path(p).is_dir()] if isinstance(found, list) else []

    def add(self, folder: Path) -> None:
        """Put a folder on top."""
        folders = [folder, *(f for f in self() if f != folder)][:8]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, json.dumps([str(f) for f in folders]).encode())


class OpenBar(QWidget):
    """Buttons on top of the dock.

    Signals
    -------
    open_requested(Path)
    score_requested()
    keys_requested()
    """

    open_requested = Signal(object)
    score_requested = Signal()
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
        row.addWidget(self.keys_button)
        self.open_button.clicked.connect(self._choose)
        self.score_button.clicked.connect(lambda: self.score_requested.emit())
        self.keys_button.clicked.connect(lambda: self.keys_requested.emit())

    def _choose(self) -> None:
        recent = self._recent()
        start = str(recent[0].parent) if recent else ""
        folder = QFileDialog.getExistingDirectory(self, "Open a data set or a workspace", start)
        if folder:
            self.open_requested.emit(Path(folder))

    def _fill(self) -> None:
        self._menu.clear()
        folders = self._recent()
        for folder in folders:
            action = self._menu.addAction(folder.name)
            action.setToolTip(str(folder))
            action.triggered.connect(lambda _=False, f=folder: self.open_requested.emit(f))
        if not folders:
            self._menu.addAction("nothing opened yet").setEnabled(False)
