"""Walking the regions in which readers differ: the state of one window, without Qt and napari."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from psygnal import Signal

from napari_aleatoric.errors import AleatoricError, Cancelled

from ._adjudication_cases import DifferingCases, begin_or_go_on
from ._adjudication_scene import AdjudicationScene
from ._adjudication_view import AdjudicationView, reader_marks, region_rows, settled_from_here
from ._item import ItemData
from ._notice import Kind, Notice
from ._sentence import sentence_of
from ._switched_off import SwitchedOff
from ._training_work import Beside, Deliver, Worker, in_a_thread

if TYPE_CHECKING:
    from napari_aleatoric.review import Adjudication, Dispute

    from ._session import ReviewSession

__all__ = ["Adjudicating"]

Box = tuple[slice, slice, slice]


class Adjudicating:
    """Which case is settled, and what is chosen. Main thread only; cases are read and saved beside it.

    While a case is settled, heatmap and label are switched off, and on again afterwards.

    Attributes
    ----------
    view : AdjudicationView
        What the page shows.
    scene : AdjudicationScene or None
        What is on the canvas.

    Parameters
    ----------
    session : ReviewSession
        Whose data set.
    deliver : callable, optional
        Runs a function in the main thread.
    worker : callable, optional
        Runs a function elsewhere; the default in a thread.
    """

    view_changed = Signal(object)  # AdjudicationView
    scene_changed = Signal(object)  # AdjudicationScene or None
    label_changed = Signal(object)  # the box in which the outcome changed
    region_changed = Signal(object)  # DisputedRegion: look there
    finished = Signal(str)  # case of which the outcome was saved

    def __init__(
        self, session: ReviewSession, deliver: Deliver | None = None, worker: Worker = in_a_thread
    ) -> None:
        self._session = session
        self._deliver: Deliver = deliver or (lambda call: call())
        self._files = Beside(self._deliver, worker, self._refused)
        self._cases = DifferingCases(session, self._show, self._deliver, worker, self._refused)
        self._wanted = ""  # the case that is being opened
        self._came: tuple[Adjudication, tuple[Dispute, ...]] | None = None
        self._disputes: tuple[Dispute, ...] = ()
        self._others = SwitchedOff(session.options)
        self.of: Adjudication | None = None
        self.scene: AdjudicationScene | None = None
        self.view = AdjudicationView()
        session.opened.connect(self._opened)
        session.item_changed.connect(self._item_changed)

    def look(self) -> None:
        """Look through the cases that several readers drew, in the background."""
        self._cases.look()

    # -- opening and leaving --------------------------------------------------------------------------

    def begin_with(self, start: str, reader: str = "") -> None:
        """Choose the label that adjudications begin with: a method of consensus, or "reader" and whose."""
        self._show(start=start, start_reader=reader)

    def open(self, case_id: str) -> None:
        """Begin to settle a case, or go on with it."""
        workspace, store, by = self._session.workspace, self._session.store, self._session.reader
        if workspace is None or store is None or self.view.is_busy:
            return
        self.leave()
        self._wanted = case_id
        self._show(is_busy=True, sentence="")
        start = (self.view.start, self.view.start_reader)
        self._files.ask("open", lambda: begin_or_go_on(workspace, store, case_id, start, by), self._read)

    def _read(self, came: tuple[Adjudication, tuple[Dispute, ...]]) -> None:
        of, item = came[0], self._session.item
        workspace = self._session.workspace
        if of.case.case_id != self._wanted or workspace is None:
            return
        self._came = came
        if item is not None and item.key.case_id == of.case.case_id:
            self._begin(item)
            return
        key = next((k for k in workspace.dataset.items if k.case_id == of.case.case_id), None)
        if key is not None:
            self._session.go(key)

    def _item_changed(self, item: ItemData) -> None:
        if self._came is not None and item.key.case_id == self._came[0].case.case_id:
            self._begin(item)
        elif self.of is not None and item.key.case_id != self.of.case.case_id:
            self.leave()

    def _begin(self, item: ItemData) -> None:
        if self._came is None:
            return
        (of, disputes), self._came, self._wanted = self._came, None, ""
        self.of, self._disputes = of, disputes
        workspace = self._session.workspace
        marks = reader_marks(of.case.readers, () if workspace is None else workspace.dataset.readers)
        self.scene = AdjudicationScene(item.key, marks, of.case.labels, of.label.copy(), of.case.regions)
        self._others.begin()
        self._show(**settled_from_here(of, disputes, marks))
        self.scene_changed.emit(self.scene)
        self._look_at()

    def leave(self) -> None:
        """Stop here; every choice is kept, and `open` goes on."""
        self._wanted, self._came = "", None
        if self.of is None:
            return
        self.of, self.scene, self._disputes = None, None, ()
        self.scene_changed.emit(None)
        self._others.end()
        self._show(shown="", readers=(), regions=(), row=0, n_outdated=0, is_painting=False, beside="", sentence="")

    def close(self) -> None:
        """Let go."""
        self._files.close()
        self._cases.close()
        self.of = self.scene = None

    def _opened(self, _: object) -> None:
        self._files.forget()
        self._cases.forget()
        self.leave()
        self._show(is_busy=False)

    # -- walking --------------------------------------------------------------------------------------

    def go_to(self, row: int) -> None:
        """Look at a region."""
        if self.of is not None and 0 <= row < len(self.view.regions):
            self._show(row=row)
            self._look_at()

    def step(self, by: int) -> None:
        """Go to the next (+1) or the previous (−1) region, and round again."""
        n = len(self.view.regions)
        if n:
            self.go_to((self.view.row + by) % n)

    def _go_on(self) -> None:
        """Go to the next open region, if there is one and that is wanted."""
        n, row = len(self.view.regions), self.view.row
        ahead = [(row + i) % n for i in range(1, n)] if n else []
        following = next((r for r in ahead if self.view.regions[r].is_open), None)
        if following is not None and self.view.goes_on:
            self.go_to(following)

    def _look_at(self) -> None:
        if self.scene is not None and self.scene.regions:
            self.region_changed.emit(self.scene.regions[self.view.row])

    # -- choosing -------------------------------------------------------------------------------------

    def choose_reader(self, number: int) -> None:
        """Take a reader's answer for the region in question; readers count from 1."""
        if 1 <= number <= len(self.view.readers):
            self._choose("reader", self.view.readers[number - 1].name)

    def choose_consensus(self) -> None:
        """Take the consensus for the region in question."""
        self._choose("consensus")

    def choose_machine(self) -> None:
        """Take the answer of the model in use, where it is kept."""
        if self.view.shown and not self.view.has_machine:
            self._tell("No model's answer is kept for this case: predict it in the dock Training.", Kind.WARNING)
            return
        self._choose("machine")

    def _choose(self, source: Literal["reader", "consensus", "machine"], name: str = "") -> None:
        of = self.of
        if of is None or self.view.is_busy or not self.view.regions:
            return
        row = self.view.row
        if self._tried(lambda: of.choose(row, source, name)):
            self._redraw(of.case.regions[row].box)
            self._show_choices()
            self._go_on()

    def painted(self) -> None:
        """Keep what was painted on ``scene.shown`` since the last call."""
        of, scene = self.of, self.scene
        if of is None or scene is None or self.view.is_busy:
            return
        where = np.flatnonzero(scene.shown.ravel() != of.label.ravel())
        if not len(where):
            return
        classes = scene.shown.ravel()[where]
        if int(classes.max()) >= self._session.classes.n_rows:
            self._tell("This number is no structure of the data set; nothing was painted.", Kind.WARNING)
        elif self._tried(lambda: of.paint(where.astype(np.int64), classes)):
            self._show_choices()
            return
        scene.shown.ravel()[where] = of.label.ravel()[where]
        self.label_changed.emit(None)

    def undo(self) -> None:
        """Take back one's own last choice, and look at its region."""
        of = self.of
        if of is None or self.view.is_busy:
            return
        before = dict(of.choices.by_region)
        found: list[bool] = []
        if not self._tried(lambda: found.append(of.undo())):
            return
        if not found[0]:
            self._tell("There is nothing of yours to take back here.")
            return
        after = of.choices.by_region
        changed = [k for k in of.case.ids if before.get(k) is not after.get(k) and before.get(k) != after.get(k)]
        rows = [of.case.row_of[k] for k in changed]
        self._redraw(of.case.regions[rows[0]].box if len(rows) == 1 else None)
        self._show_choices()
        if rows:
            self.go_to(rows[0])

    def _redraw(self, box: Box | None) -> None:
        if self.of is None or self.scene is None:
            return
        if box is None:
            self.scene.shown[:] = self.of.label
        else:
            self.scene.shown[box] = self.of.label[box]
        self.label_changed.emit(box)

    def _tried(self, action: Callable[[], Any]) -> bool:
        try:
            action()
        except (AleatoricError, OSError) as error:
            self._tell(sentence_of(error), Kind.ERROR)
            return False
        return True

    def _show_choices(self) -> None:
        if self.of is not None:
            self._show(regions=region_rows(self.of, self._disputes))

    def set_look(self, **wishes: Any) -> None:
        """Change ``beside``, ``is_dimmed``, ``goes_on`` or ``is_painting`` of the view."""
        self._show(**wishes)

    def finish(self, *, allow_open: bool = False) -> None:
        """Save the outcome; with open regions only if they may stay as the label was begun."""
        of = self.of
        if of is None or self.view.is_busy:
            return
        if self.view.n_open and not allow_open:
            n = self.view.n_open
            self._show(sentence=f"{n} region{'' if n == 1 else 's'} still open; go to one with N, or finish so.")
            return
        self._show(is_busy=True, sentence="Saving …", is_painting=False)
        self._files.ask("finish", lambda: of.finish(allow_open=allow_open), self._finished)

    def _finished(self, record: Any) -> None:
        self._show(is_busy=False, sentence=f"Saved as the label of '{record.name}'.")
        self._tell(f"Saved the label of '{record.name}' for {record.case_id}.", Kind.SUCCESS)
        self._cases.decided(record.case_id, record.n_open)
        self._session.refresh_queue()
        self.finished.emit(record.case_id)

    def _refused(self, error: BaseException) -> None:
        if isinstance(error, Cancelled):
            return
        self._wanted, self._came = "", None
        self._show(is_busy=False, is_listing=False, sentence=sentence_of(error))
        self._tell(sentence_of(error), Kind.ERROR)

    def _tell(self, words: str, kind: Kind = Kind.INFO) -> None:
        self._session.notice.emit(Notice(words, kind))

    def _show(self, **changes: Any) -> None:
        view = replace(self.view, **changes)
        if view != self.view:
            self.view = view
            self.view_changed.emit(view)
