"""How the readers of the open data set agree: compared beside the window when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_aleatoric.errors import Cancelled

from ._agreement_rows import AgreementView, shown_of
from ._notice import Kind, Notice
from ._sentence import sentence_of
from ._text_reporter import RunReporter
from ._training_work import Beside, Deliver, Worker, in_a_thread

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import ReadersReport

    from ._session import ReviewSession

__all__ = ["Agreement"]

_ASK = "Compare the readers to see how they agree; it reads every label once."
_FEW = "No case has labels of two readers."
_NO_DATA = "Open a data set in which several readers drew the same images."
_STOPPED = "Stopped; nothing was kept."


class Agreement:
    """The comparison of the readers of a session's data set. Main thread only; labels are read beside it.

    Attributes
    ----------
    view : AgreementView
        What is shown.

    Parameters
    ----------
    session : ReviewSession
        Whose data set.
    deliver, worker : callable, optional
        Run a function in the main thread, and elsewhere.
    """

    view_changed = Signal(object)  # AgreementView
    refused = Signal(object)  # Notice

    def __init__(
        self, session: ReviewSession, deliver: Deliver | None = None, worker: Worker = in_a_thread
    ) -> None:
        self._session, self._deliver = session, deliver or (lambda call: call())
        self._work = Beside(self._deliver, worker, self._failed)
        self._report: ReadersReport | None = None
        self._reporter: RunReporter | None = None
        self._class_name = self._when = ""
        self.view = AgreementView()
        session.opened.connect(self._opened)
        if session.workspace is not None:
            self._opened(session.workspace)
        else:
            self._show(AgreementView(words=_NO_DATA))

    def compare(self) -> None:
        """Read all labels and compare the readers; what is hidden from this reader is left out."""
        workspace, reader = self._session.workspace, self._session.reader
        if workspace is None or self.view.busy:
            return
        reporter = RunReporter(lambda words, share: self._deliver(lambda: self._told(reporter, words, share)))
        self._reporter = reporter
        self._show(replace(self.view, busy=True, stopping=False, fraction=None, words="Reading labels …"))

        def done(report: ReadersReport) -> None:
            if reporter is self._reporter:
                self._reporter, self._report = None, report
                self._when = f"{datetime.now():%H:%M}"
                self._show(self._shown(report))

        self._work.ask("compare", lambda: _compared(workspace, reader, reporter), done)

    def cancel(self) -> None:
        """Stop comparing; what was shown before stays."""
        if self._reporter is not None:
            self._reporter.stop()
            self._show(replace(self.view, stopping=True))

    def choose(self, class_name: str) -> None:
        """Show another structure."""
        self._class_name = class_name
        if self._report is not None:
            now = self.view
            shown = self._shown(self._report)
            self._show(replace(shown, busy=now.busy, stopping=now.stopping, fraction=now.fraction, words=now.words))

    def go(self, case_id: str) -> None:
        """Show a case: the label of it that stands first in the queue."""
        queue = self._session.full_queue
        if queue is None:
            return
        keys = [key for key in queue.columns.keys if key.case_id == case_id]
        places = {place: key for key in keys if (place := queue.find(key)) is not None}
        if places:
            self._session.go(places[min(places)])

    def save(self, folder: Path, done: Callable[[list[str]], None]) -> None:
        """Write the report into a new folder; ``done`` is given the names of the files."""
        workspace, report = self._session.workspace, self._report
        if workspace is None or report is None:
            return

        def work() -> list[str]:
            from napari_aleatoric.review import write_readers_report

            return write_readers_report(report, folder, workspace)

        self._work.ask("save", work, done)

    def close(self) -> None:
        """Stop, and let go."""
        if self._reporter is not None:
            self._reporter.stop()
        self._reporter = None
        self._work.close()

    # -- what comes ---------------------------------------------------------------------------------

    def _opened(self, workspace: Workspace) -> None:
        if self._reporter is not None:
            self._reporter.stop()
        self._reporter = self._report = None
        self._work.forget()
        several = any(len(case.labels) > 1 for case in workspace.dataset.cases)
        self._show(AgreementView(is_open=several, words=_ASK if several else _FEW))

    def _told(self, reporter: RunReporter, words: str, share: float | None) -> None:
        if reporter is self._reporter and not self.view.stopping:
            self._show(replace(self.view, fraction=share, words=words))

    def _failed(self, error: BaseException) -> None:
        was_comparing, self._reporter = self._reporter is not None, None
        stopped = isinstance(error, Cancelled)
        words = _STOPPED if stopped else sentence_of(error)
        if not was_comparing and not stopped:
            self.refused.emit(Notice(words, Kind.ERROR))
            return
        shown = AgreementView(is_open=True) if self._report is None else self._shown(self._report)
        self._show(replace(shown, words=words))

    def _shown(self, report: ReadersReport) -> AgreementView:
        return shown_of(report, self._class_name, self._when)

    def _show(self, view: AgreementView) -> None:
        self.view = view
        self.view_changed.emit(view)


def _compared(workspace: Workspace, reader: str, reporter: RunReporter) -> ReadersReport:
    """Compare in the work's thread, with a store of its own; cases that the reader has yet to read are left out."""
    from napari_aleatoric.review import ReviewStore, hidden_cases, report_readers

    with ReviewStore.open(workspace.store_url) as store:
        hidden = hidden_cases(store, reader)
    return report_readers(workspace, reporter=reporter, without=hidden)
