"""The page *Differences*: cases that several readers drew, the regions in which they differ, what is taken."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from napari_aleatoric.session import AdjudicationView
from napari_aleatoric.widgets._hub import Hub

from ._difference_tables import CaseTable, RegionTable
from ._taking_panel import TakingPanel

__all__ = ["DifferencesPage"]


class DifferencesPage(QWidget):
    """Cases at the left, or the regions of the one that is settled; what can be taken at the right.

    Parameters
    ----------
    hub : Hub
        Of the window.
    """

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self.setWindowTitle("Differences")
        self.hub, self.state = hub, hub.settling.state
        self.cases, self.regions, self.panel = CaseTable(), RegionTable(), TakingPanel()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(8)
        self.lists = QStackedWidget()
        for part in (self.cases, self.regions):
            self.lists.addWidget(part)
        layout.addWidget(self.lists, 3)
        layout.addWidget(self.panel, 2)
        self._connect()
        self._show(self.state.view)

    def _connect(self) -> None:
        state, panel = self.state, self.panel
        perform: dict[str, Callable[[], None]] = self.hub.settling.performers()
        self.cases.picked.connect(state.open)
        self.regions.picked.connect(state.go_to)
        panel.asked.connect(lambda name: perform[name]())
        panel.started.connect(self._start)
        panel.looked.connect(lambda wishes: state.set_look(**wishes))
        panel.begin_with.connect(state.begin_with)
        panel.finished_so.connect(lambda: state.finish(allow_open=True))
        state.view_changed.connect(self._show)
        self.hub.readings.settle_asked.connect(state.open)
        state.finished.connect(self.hub.readings.settled)
        self.hub.session.opened.connect(self._opened)

    def _start(self) -> None:
        case_id = self.cases.chosen()
        item = self.hub.session.item
        if not case_id and item is not None:
            case_id = item.key.case_id
        if case_id:
            self.state.open(case_id)

    def _opened(self, _: object) -> None:
        if self.isVisible():
            self.state.look()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Look through the cases when the page is first seen."""
        if not self.state.view.cases:
            self.state.look()
        super().showEvent(event)

    def _show(self, view: AdjudicationView) -> None:
        self.cases.show_view(view)
        self.regions.show_view(view)
        self.panel.show_view(view)
        self.lists.setCurrentWidget(self.regions if view.shown else self.cases)
        n = sum(not row.is_finished and row.n_open > 0 for row in view.cases)
        self.setWindowTitle(f"Differences {n}" if n else "Differences")
        self.setCursor(Qt.CursorShape.BusyCursor if view.is_busy else Qt.CursorShape.ArrowCursor)
