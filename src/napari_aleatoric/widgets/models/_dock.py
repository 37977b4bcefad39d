"""The *Models* dock: builds its parts, connects them, nothing more."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QSize, Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from napari_aleatoric.session import Kind, ModelTask, Notice
from napari_aleatoric.widgets._hub_dock import HubDock

from ._card import ModelCard
from ._licence_page import LicencePage
from ._own_page import OwnPage
from ._table import ModelTable
from ._task_bar import TaskBar

__all__ = ["ModelsDock"]

_FILES = "Weights (*.pth *.pt *.bin *.ckpt *.safetensors);;All files (*)"


class ModelsDock(HubDock):
    """Which frozen models there are, and bringing, checking and choosing them.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The window.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.models = self.hub.models
        self._build()
        self._connect()
        self.look_again()
        self._show_task(self.models.task)

    def _build(self) -> None:
        self.supply = QLabel()
        self.missing = QLabel()
        for line in (self.supply, self.missing):
            line.setWordWrap(True)
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.supply.setAccessibleName("Where downloads come from")
        self.missing.setAccessibleName("What is not installed")
        self.table = ModelTable()
        self.card = ModelCard()
        self.file = QPushButton("Import file…")
        self.file.setToolTip("A file of weights from another computer, or a checkpoint of your own.")
        self.folder = QPushButton("Import folder…")
        self.folder.setToolTip(
            "Looks for known models in a folder and the folders in it, whatever they are called."
        )
        self.show_folder = QPushButton("Show folder")
        self.show_folder.setToolTip("Open the folder that the models lie in.")
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (self.file, self.folder, self.show_folder):
            buttons.addWidget(button, 1)
        listed = QWidget()
        layout = QVBoxLayout(listed)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for part in (self.missing, self.supply, self.table):
            layout.addWidget(part)
        layout.addWidget(self.card, 1)
        layout.addLayout(buttons)
        self.licence = LicencePage()
        self.own = OwnPage()
        self.pages = QStackedWidget()
        for page in (listed, self.licence, self.own):
            self.pages.addWidget(page)
        self.task = TaskBar()
        body = QWidget()
        whole = QVBoxLayout(body)
        whole.setContentsMargins(6, 4, 6, 4)
        whole.setSpacing(6)
        whole.addWidget(self.pages, 1)
        whole.addWidget(self.task)
        self.setWidget(body)
        self.setMinimumWidth(330)
        stops = [
            self.table,
            *self.card.buttons.values(),
            self.file,
            self.folder,
            self.show_folder,
            self.task.cancel,
        ]
        for before, after in pairwise(stops):
            self.setTabOrder(before, after)

    def sizeHint(self) -> QSize:
        """Return a panel beside the image."""
        return QSize(390, 560)

    def _connect(self) -> None:
        models = self.models
        self.table.marked.connect(lambda name: self._show_card())
        self.card.asked.connect(self._asked)
        self.file.clicked.connect(lambda: self._choose_file())
        self.folder.clicked.connect(lambda: self._choose_folder())
        self.show_folder.clicked.connect(lambda: self._open_folder())
        self.licence.accepted.connect(self._download)
        self.own.accepted.connect(self._import_own)
        for page in (self.licence, self.own):
            page.refused.connect(self._show_list)
        self.task.cancel_requested.connect(models.cancel)
        models.changed.connect(self.look_again)
        models.task_changed.connect(self._show_task)
        models.told.connect(self._tell)
        models.unrecognised.connect(self._ask_about)
        self.hub.prompt_model.changed.connect(self.look_again)

    def showEvent(self, event: Any) -> None:
        """Look again."""
        self.look_again()
        super().showEvent(event)

    # -- widgets to session ---------------------------------------------------------------------------

    def _asked(self, what: str, name: str) -> None:
        if what == "use":
            self.hub.prompt_model.use(name)
        elif what == "verify":
            self.models.verify(name)
        elif (row := self.models.row(name)) is not None:
            self.pages.setCurrentWidget(self.licence)
            self.licence.show_model(row)

    def _download(self, name: str) -> None:
        self._show_list()
        self.models.download(name)

    def _import_own(self, path: Path, name: str, scaling: Any, licence: str) -> None:
        self._show_list()
        self.models.bring_in_own(path, name, scaling, licence)

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import a file of weights", "", _FILES)
        if path:
            self.models.bring_in(Path(path))

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Import weights from a folder")
        if path:
            self.models.bring_in(Path(path))

    def _open_folder(self) -> None:
        folder = self.models.store.folder
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self._tell(Notice(f"No program to show folders was found. The models lie in {folder}", Kind.WARNING))

    # -- session to widgets ---------------------------------------------------------------------------

    def _show_list(self) -> None:
        self.pages.setCurrentIndex(0)
        self.table.setFocus()

    def _ask_about(self, path: Path) -> None:
        self.pages.setCurrentWidget(self.own)
        self.own.show_file(path)
        self.task.words.clear()

    def look_again(self) -> None:
        """Show what is there now: a command may have brought something meanwhile."""
        chosen = self.hub.prompt_model
        self.table.show_rows(self.models.rows(), (chosen.name, chosen.words))
        self.supply.setText(self.models.supply)
        self._show_card()

    def _show_card(self) -> None:
        models, name, chosen = self.models, self.table.current, self.hub.prompt_model
        row = models.row(name)
        used = name in (chosen.name, chosen.words)
        busy, offline = models.task is not None, models.offline
        self.card.show_model(row, used=used, scores=models.scoring, busy=busy, offline=offline)
        for button in (self.file, self.folder):
            button.setEnabled(not busy)
        missing = models.missing
        self.missing.setText(f"{missing}\nUntil then no prompts; scoring takes the filter bank." if missing else "")
        self.missing.setVisible(bool(missing))

    def _show_task(self, task: ModelTask | None) -> None:
        began_or_ended = (task is None) != (not self.task.bar.isVisibleTo(self.task))
        self.task.show_task(task)
        if began_or_ended:
            self._show_card()

    def _tell(self, notice: Notice) -> None:
        self.task.tell(notice)
        if self.visibleRegion().isEmpty():  # somebody who went back to the cases is told there
            self.session.notice.emit(notice)
