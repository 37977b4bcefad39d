"""The *Explore* dock: builds its parts, connects them, nothing more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QSize, QTimer
from qtpy.QtGui import QResizeEvent, QShowEvent
from qtpy.QtWidgets import QBoxLayout, QTabWidget, QWidget

from napari_aleatoric.errors import DataError
from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import Status
from napari_aleatoric.session import Explore, Kind, Notice, explore_table
from napari_aleatoric.widgets._background import run
from napari_aleatoric.widgets._hub_dock import HubDock
from napari_aleatoric.widgets._selection_chip import SelectionChip

from ._colours import PAPER, PlotColours, plot_colours
from ._dropped_page import DroppedTable
from ._filter_page import FilterPage
from ._save_menu import TABLE, SaveMenu

__all__ = ["ExploreDock"]

_REDRAW_MS = 30  # several changes at once are drawn once
_WIDE_PX = 560
_SAVED = (
    ("distribution", "Histogram as figure…", "distribution.png"),
    ("scatter", "Scatter plot as figure…", "scatter.png"),
    ("spectrum", "Spectrum as figure…", "spectrum.png"),
    (TABLE, "Table of all cases…", "scores.csv"),
)


class ExploreDock(HubDock):
    """All scores of the data set in linked plots, and the filter.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The window.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.explore = Explore(self.session)
        self._redraw = QTimer(self, singleShot=True, interval=_REDRAW_MS)
        self._points_stale = True
        self._build()
        self._connect(napari_viewer)
        self._show_theme()
        self._fill()

    def _build(self) -> None:
        from ._distribution_panel import DistributionPanel  # here: the plot library loads with the first dock
        from ._scatter_panel import ScatterPanel
        from ._spectrum_panel import SpectrumPanel

        self.chip = SelectionChip(self.session, words="")
        self.distribution = DistributionPanel(self.explore)
        self.scatter = ScatterPanel(self.explore, self.chip)
        self.spectrum = SpectrumPanel(self.session)
        self.filter_page, self.dropped = FilterPage(), DroppedTable()
        self.save = SaveMenu(_SAVED)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        pages = (self.scatter, self.spectrum, self.filter_page, self.dropped)
        for page, title in zip(pages, ("Scatter", "Spectrum", "Filter", "Dropped"), strict=True):
            self.tabs.addTab(page, title)
        self.tabs.setCornerWidget(self.save)
        body = QWidget()
        self._columns = QBoxLayout(QBoxLayout.Direction.TopToBottom, body)
        self._columns.setContentsMargins(6, 2, 6, 4)
        self._columns.setSpacing(6)
        for part, width in ((self.distribution, 6), (self.tabs, 7)):
            self._columns.addWidget(part, width)
        self.setWidget(body)
        self.setMinimumSize(320, 120)  # no more than its neighbour, which gets its own height back

    def sizeHint(self) -> QSize:
        """Return a panel below the image."""
        return QSize(720, 340)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Stand in two columns where there is width, else one below the other."""
        directions = QBoxLayout.Direction
        wide = self.width() > _WIDE_PX
        self._columns.setDirection(directions.LeftToRight if wide else directions.TopToBottom)
        super().resizeEvent(event)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Draw what has changed meanwhile."""
        self._redraw.start()
        super().showEvent(event)

    def _connect(self, viewer: Viewer) -> None:
        explore = self.explore
        self._redraw.timeout.connect(self.draw)
        self.filter_page.changed.connect(lambda changes: explore.set_filter(**changes))
        self.filter_page.export_requested.connect(self._export)
        self.filter_page.progress.cancel_requested.connect(self.session.cancel_job)
        self.dropped.opened.connect(explore.open)
        self.save.asked.connect(self._save)
        self.tabs.currentChanged.connect(lambda _: self._show_current())
        self.session.opened.connect(lambda _: self.spectrum.forget())
        explore.data_changed.connect(self._fill)
        explore.filter_changed.connect(lambda: self._redraw.start())
        explore.shown_changed.connect(self._draw_soon)
        explore.current_changed.connect(self._show_current)
        self.session.job_changed.connect(self._show_job)
        viewer.events.theme.connect(self._show_theme)

    # -- state to widgets ---------------------------------------------------------------------------

    def _fill(self) -> None:
        """Offer what the data set has, and draw."""
        self.distribution.fill()
        self.scatter.fill()
        workspace = self.session.workspace
        self.filter_page.show_readers(workspace.dataset.readers if workspace is not None else ())
        self._draw_soon()

    def _draw_soon(self) -> None:
        self._points_stale = True
        self._redraw.start()

    def draw(self) -> None:
        """Draw everything that follows from data, wishes and filter."""
        from napari_aleatoric.review import ends_in_words

        if not self.isVisible():  # drawn when it comes to the front
            return
        self.distribution.draw()
        if self._points_stale or self.explore.options.colour_by == "kept":
            self.scatter.draw()  # while a line is dragged the points stay as they are
            self._points_stale = False
        preview = self.explore.preview
        self.filter_page.show_filter(self.explore.filter, ends_in_words(self.explore.measure))
        self.dropped.show_preview(preview)
        n = 0 if preview is None else len(preview.dropped_rows)
        self.tabs.setTabText(self.tabs.indexOf(self.dropped), f"Dropped {n:,}" if n else "Dropped")
        self._show_export()
        self._show_current()

    def _show_current(self) -> None:
        self.distribution.show_current()
        self.scatter.show_current()
        if self.tabs.currentWidget() is self.spectrum:
            self.spectrum.draw(self.explore.options.class_index)

    def _show_theme(self, *_: object) -> None:
        if self.hub.viewer is None:  # the window is closing
            return
        self._set_colours(plot_colours(self.hub.viewer.theme))
        self._draw_soon()

    def _set_colours(self, colours: PlotColours) -> None:
        for part in (self.distribution.plot, self.scatter.plot, self.spectrum):
            part.set_colours(colours)
        self.scatter.draw()  # the edges of its points follow

    # -- export -------------------------------------------------------------------------------------

    def _export(self, wishes: dict[str, Any]) -> None:
        from napari_aleatoric.review import FilterExportSpec

        self.session.start("filter", FilterExportSpec(filter=self.explore.filter, **wishes))

    @property
    def _busy(self) -> bool:
        """Whether a job is under way; it is still there when its end is told."""
        status = self.session.job_status
        return self.session.job is not None and not (status is not None and status.is_over)

    def _show_export(self) -> None:
        preview, reason = self.explore.preview, ""
        if self._busy:
            reason = "Another piece of work is under way; wait for it."
        elif preview is None or not preview.n_kept:
            reason = self.explore.problem or "Nothing is kept."
        self.filter_page.show_export(reason)
        self.spectrum.show_busy(self._busy)

    def _show_job(self, status: JobStatus | None) -> None:
        job = self.session.job
        if job is not None and job.door == "filter" and status is not None:
            self.filter_page.show_job(status)
        if job is not None and job.door == "spectra" and status is not None:
            self._show_measuring(status)
        self._show_export()

    def _show_measuring(self, status: JobStatus) -> None:
        if not status.is_over:
            self.spectrum.sentence.setText(status.sentence)
            return
        self.spectrum.forget()
        self._show_current()
        if status.status is Status.FAILED:
            self.spectrum.sentence.setText(f"✗ {status.error}")

    # -- files --------------------------------------------------------------------------------------

    def _save(self, what: str, path: Path) -> None:
        from ._save import save_table, sentence_of

        def done(saved: Path) -> None:
            self.session.notice.emit(Notice(f"Saved {saved.name}.", Kind.SUCCESS))

        def failed(error: BaseException) -> None:
            self.session.notice.emit(Notice(sentence_of(error), Kind.ERROR))

        if what == TABLE:
            columns, preview, measures = self.explore.columns, self.explore.preview, self.explore.measures
            if columns is None:
                failed(DataError(self.explore.problem))
            else:
                run(lambda: save_table(lambda: explore_table(columns, preview, measures), path), done, failed)
            return
        try:
            done(self._save_figure(what, path))
        except Exception as error:  # noqa: BLE001 - told to the user
            failed(error)

    def _save_figure(self, what: str, path: Path) -> Path:
        from ._save import save_figure

        panel: Any = getattr(self, what)
        self._set_colours(PAPER)
        try:
            return save_figure(panel.plot, path, self.scatter.legend.text() if panel is self.scatter else "")
        finally:
            self._show_theme()
