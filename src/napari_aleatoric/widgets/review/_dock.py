"""The *Review* dock: builds its parts, connects them, nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.viewer import Viewer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_aleatoric.io import Workspace
from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import ItemKey
from napari_aleatoric.session import ItemData, measured
from napari_aleatoric.widgets._hub_dock import HubDock
from napari_aleatoric.widgets._selection_chip import SelectionChip

from ._case_card import CaseCard, RecoveryBanner
from ._filter_bar import FilterBar
from ._open_bar import OpenBar
from ._progress_bar import JobCard, ReviewProgress
from ._queue_view import QueueView
from ._team_line import TeamLine
from ._verdict_bar import VerdictBar

if TYPE_CHECKING:
    from napari_aleatoric.review import LinkState, Queue

__all__ = ["ReviewDock"]


class ReviewDock(HubDock):
    """Open a data set, walk its queue, say what you think.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The window.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self._reading = False  # the case that is asked for is still being read
        self._build()
        self._connect()
        if self.session.queue is not None:
            self._show_opened(self.session.workspace)
            self._show_queue(self.session.queue)
        if self.session.item is not None:
            self._show_item(self.session.item)

    def _build(self) -> None:
        self.open_bar = OpenBar(self.hub.recent)
        self.progress = ReviewProgress()
        self.job = JobCard()
        self.filters = FilterBar()
        self.chip = SelectionChip(self.session)
        self.table = QueueView()
        self.team = TeamLine()
        self.banner = RecoveryBanner()
        self.case = CaseCard()
        keys = {b.action.name: "" if b.conflict else b.key for b in self.hub.shortcuts.bindings}
        self.verdicts = VerdictBar(keys)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(5)
        for part in (self.open_bar, self.job, self.progress, self.filters, self.chip):
            layout.addWidget(part)
        layout.addWidget(self.table, 1)
        for part in (self.team, self.banner, self.case, self.verdicts):
            layout.addWidget(part)
        self.setWidget(body)
        self.setMinimumWidth(330)

    def _connect(self) -> None:
        session, hub = self.session, self.hub
        self.open_bar.open_requested.connect(hub.open)
        self.open_bar.choose_requested.connect(hub.choose_folder)
        self.open_bar.score_requested.connect(self._score)
        self.open_bar.report_requested.connect(lambda: hub.report(of_case=True))
        self.open_bar.keys_requested.connect(hub.show_keys)
        self.job.cancel_requested.connect(session.cancel_job)
        self.filters.changed.connect(lambda changes: session.set_filter(**changes))
        self.table.item_requested.connect(session.go)
        self.table.sort_requested.connect(
            lambda column, down: session.set_filter(sort_column=column, descending=down)
        )
        self.verdicts.asked.connect(lambda name: hub.performers()[name]())
        self.verdicts.commented.connect(session.comment)
        self.case.jump_requested.connect(hub.stage.jump_to)
        self.banner.restore_requested.connect(self._restore)
        self.banner.drop_requested.connect(session.drop_pending)
        session.opened.connect(self._show_opened)
        session.queue_changed.connect(self._show_queue)
        session.item_loading.connect(self._show_loading)
        session.item_changed.connect(self._show_item)
        session.history_changed.connect(self._show_history)
        session.job_changed.connect(self._show_job)
        session.held_changed.connect(self.table.show_held)
        session.link_changed.connect(self._show_link)
        self.team.item_requested.connect(session.go)
        session.unsaved_changed.connect(self._show_unsaved)

    def _score(self) -> None:
        self.open_bar.score_button.setEnabled(False)  # until the job is over
        self.hub.score()

    # -- session to widgets -------------------------------------------------------------------------

    def _show_opened(self, workspace: object) -> None:
        self.open_bar.score_button.setEnabled(True)
        self.open_bar.report_button.setEnabled(True)
        self.filters.set_classes(self.session.classes)
        self.filters.strategy.show_order(self.session.filter.strategy)
        if isinstance(workspace, Workspace):
            self.table.set_readers(workspace.dataset.readers)
            self.table.show_held(self.session.held)
            store = self.session.store
            self._show_link(None if store is None or store.link is None else store.link.state)
            self.hub.recent.add(workspace.root)

    def _show_link(self, state: LinkState | None) -> None:
        store = self.session.store
        self.team.show_link(state, () if store is None or state is None else store.conflicts())

    def _show_queue(self, queue: Queue) -> None:
        item = self.session.item
        self.table.show_queue(queue, self.session.classes, item.key if item is not None else None)
        full = self.session.full_queue
        if full is not None:
            self.progress.show_progress(full.progress())
            self.filters.strategy.show_order(full.strategy)
            self.filters.strategy.set_measured(measured(full.table))
        if item is not None and not self._reading:
            self.case.show_reason(item.key, self._reason_of(item.key))

    def _reason_of(self, key: ItemKey) -> str:
        queue = self.session.full_queue
        row = None if queue is None else queue.find(key)
        return "" if queue is None or row is None else queue.row(row).reason

    def _show_loading(self, key: ItemKey) -> None:
        self._reading = True
        self.table.select(key)
        self.case.reason.setText(f"Reading {key} …")

    def _show_item(self, item: ItemData) -> None:
        self._reading = False
        self.table.select(item.key)
        self.verdicts.clear()
        self._show_history(item.key)
        barred = item.barred
        pending = (*item.pending, *(() if barred is None else barred.pending))
        newest = max((strokes.started for strokes in pending), default=None)
        self.banner.offer(item.pending_voxels, newest, 0 if barred is None else barred.pending_voxels)

    def _show_history(self, key: ItemKey) -> None:
        item, store = self.session.item, self.session.store
        if item is None or store is None or item.key != key:
            return
        entries = [(entry, entry.undone) for entry in store.history(key)]
        barred = "" if self.session.view is None else self.session.view.barred
        self.case.show_case(key, self._reason_of(key), item.flags, entries, barred)

    def _show_job(self, status: JobStatus | None) -> None:
        self.job.show_status(status)
        busy = status is not None and not status.is_over
        self.open_bar.score_button.setEnabled(self.session.workspace is not None and not busy)

    def _show_unsaved(self, unsaved: bool) -> None:
        button = self.verdicts.buttons["save_label"]
        button.setText(button.text().removeprefix("● "))
        if unsaved:
            button.setText(f"● {button.text()}")
        button.setToolTip(
            "There are strokes that are not saved yet; they are journalled."
            if unsaved
            else "Write the label as a new version, without a verdict."
        )

    def _restore(self) -> None:
        self.session.restore_strokes()
        label = self.hub.stage.label_layer
        if label is not None:
            label.refresh()
        self.hub.barred.layer.redraw()
