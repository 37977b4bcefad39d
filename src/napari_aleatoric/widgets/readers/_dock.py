"""The *Readers* dock: puts its pages into tabs, nothing more."""

from __future__ import annotations

from napari.viewer import Viewer
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QTabWidget, QVBoxLayout, QWidget

from napari_aleatoric.widgets._hub_dock import HubDock

from ._pages import make_pages

__all__ = ["ReadersDock"]


class ReadersDock(HubDock):
    """What several people drew of the same images: one's own readings, where they differ, how they agree.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The window.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.pages = make_pages(self.hub)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        # else a sentence whose height follows its width lets the tabs ask for more height than they need
        self.tabs.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        for page in self.pages:
            self._add(page)
        self.tabs.setVisible(bool(self.pages))
        self.hub.readings.settle_asked.connect(self._show_differences)
        self.nothing = QLabel("Open a data set in which several readers drew the same images.")
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.nothing.setWordWrap(True)
        self.nothing.setVisible(not self.pages)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(6, 2, 6, 4)
        for part in (self.tabs, self.nothing):
            layout.addWidget(part, 1)
        self.setWidget(body)
        self.setMinimumSize(320, 120)  # no more than its neighbour, which gets its own height back

    def _add(self, page: QWidget) -> None:
        self.tabs.addTab(page, page.windowTitle())
        page.windowTitleChanged.connect(lambda title: self.tabs.setTabText(self.tabs.indexOf(page), title))

    def sizeHint(self) -> QSize:
        """Return a panel below the image."""
        return QSize(720, 320)

    def page(self, name: str) -> QWidget | None:
        """Return the page of a class by its name; None where there is no such page."""
        return next((page for page in self.pages if type(page).__name__ == name), None)

    def _show_differences(self, case_id: str) -> None:
        self.show_page("DifferencesPage")

    def show_page(self, name: str) -> None:
        """Bring a page to the front."""
        page = self.page(name)
        if page is not None:
            self.tabs.setCurrentWidget(page)
