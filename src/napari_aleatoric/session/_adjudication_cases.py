"""The cases that several readers drew, looked through beside the window."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ._adjudication_view import CaseRow, case_row
from ._training_work import Beside, Deliver, Worker

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import Adjudication, Dispute, ReviewStore

    from ._session import ReviewSession

__all__ = ["DifferingCases", "begin_or_go_on"]

_BATCH_S = 0.3  # cases are told together


class DifferingCases:
    """How far every case is. Main thread only.

    Parameters
    ----------
    session : ReviewSession
        Whose data set.
    show : callable
        Takes ``cases`` and ``is_listing``.
    deliver, worker, failed
        As `Beside` has them.
    """

    def __init__(
        self,
        session: ReviewSession,
        show: Callable[..., None],
        deliver: Deliver,
        worker: Worker,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._session, self._show, self._deliver = session, show, deliver
        self._files = Beside(deliver, worker, failed)
        self._turn = 0  # which look counts
        self._busy = False
        self._rows: tuple[CaseRow, ...] = ()

    def look(self) -> None:
        """Look through all cases."""
        workspace, store, by = self._session.workspace, self._session.store, self._session.reader
        if workspace is None or store is None or self._busy:
            return
        self._turn += 1
        mine, self._busy, self._rows = self._turn, True, ()
        self._show(is_listing=True, cases=())

        def work() -> int:
            from napari_aleatoric.review import list_differences

            rows: list[CaseRow] = []
            told = time.monotonic()
            for found in list_differences(workspace, store, [], by=by):
                rows.append(case_row(found))
                if mine != self._turn:
                    break
                if time.monotonic() - told > _BATCH_S:
                    self._hand_on(mine, rows)
                    rows, told = [], time.monotonic()
            self._hand_on(mine, rows)
            return mine

        self._files.ask("cases", work, self._done)

    def _hand_on(self, mine: int, rows: list[CaseRow]) -> None:
        def tell() -> None:
            if mine == self._turn:
                self._rows = (*self._rows, *rows)
                self._show(cases=self._rows)

        self._deliver(tell)

    def _done(self, mine: int) -> None:
        if mine == self._turn:
            self._busy = False
            self._show(is_listing=False)

    def decided(self, case_id: str, n_open: int, *, is_saved: bool = True) -> None:
        """Take note of how far a case is now."""

        def now(row: CaseRow) -> CaseRow:
            if row.case_id != case_id:
                return row
            done = "saved" if is_saved else "all decided"
            words = f"{n_open} of {row.n_regions} open" if n_open else done
            return replace(row, n_open=n_open, is_finished=row.is_finished or is_saved, words=words)

        self._rows = tuple(map(now, self._rows))
        self._show(cases=self._rows)

    def forget(self) -> None:
        """Stop, and know of no case."""
        self._turn += 1
        self._busy, self._rows = False, ()
        self._files.forget()
        self._show(cases=(), is_listing=False)

    def close(self) -> None:
        """Let go."""
        self._turn += 1
        self._files.close()


def begin_or_go_on(
    workspace: Workspace, store: ReviewStore, case_id: str, start: tuple[str, str], by: str
) -> tuple[Adjudication, tuple[Dispute, ...]]:
    """Begin with a label, or go on with what was begun as it was; also its regions in words. For a thread."""
    from napari_aleatoric.review import ADJUDICATED, AdjudicateSpec, adjudicate, describe_region, fold_choices

    spec = None
    if fold_choices(store.adjudications.of(case_id, ADJUDICATED)).begun is None:
        spec = AdjudicateSpec.model_validate({"start": start[0], "start_reader": start[1]})
    of = adjudicate(workspace, store, case_id, spec, by=by)
    case, classes = of.case, workspace.dataset.classes
    told = (describe_region(case_id, region, case.readers, case.geometry, classes) for region in case.regions)
    return of, tuple(told)
