"""What the session's reader is to read: the list, begin, answer, reveal, hand over."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import check_reader_name
from napari_aleatoric.model import ItemKey

from ._notice import Kind, Notice
from ._reader_name import keep_reader_name, kept_reader_name
from ._sentence import sentence_of
from ._session import ReviewSession

if TYPE_CHECKING:
    from napari_aleatoric.review import Assignment, Beside, ReaderProgress

__all__ = ["Readings"]


class Readings:
    """The readings of the person at this window. Main thread only; files are written in the session's own thread.

    Parameters
    ----------
    session : ReviewSession
        Whose reader reads.
    """

    changed = Signal()  # the list, or how far it is
    revealed = Signal(object)  # tuple of Beside
    settle_asked = Signal(str)  # case that is to be settled where its readers differ

    def __init__(self, session: ReviewSession) -> None:
        self._session = session
        self._read: tuple[Any, list[Assignment]] | None = None  # the list as last read, and when that was
        self.busy = ""  # what is under way, in a word
        self.beside: tuple[Beside, ...] = ()
        if name := kept_reader_name():
            session.reader = name
        session.opened.connect(self._opened)
        session.item_changed.connect(self._another_item)

    # -- who reads, and what ------------------------------------------------------------------------

    @property
    def reader(self) -> str:
        """Who reads here."""
        return self._session.reader

    def set_reader(self, name: str) -> None:
        """Read under this name from now on, and at the next start; a name that cannot be is told and left out."""
        try:
            kept = check_reader_name(name)
            keep_reader_name(kept)
        except (OSError, AleatoricError) as error:
            self._tell(sentence_of(error), Kind.WARNING)
            return
        if kept != self._session.reader:
            self._session.leave()
            self._session.reader = kept
            self.changed.emit()

    @property
    def rows(self) -> list[Assignment]:
        """What is to be read and was read, in the reader's order; a honeypot looks like all else."""
        from napari_aleatoric.review import my_assignments

        store = self._session.store
        if store is None:
            return []
        now = (store, self.reader, store.study.last_seq())
        if self._read is None or self._read[0] != now:
            self._read = now, my_assignments(store, self.reader)
        return self._read[1]

    @property
    def current(self) -> Assignment | None:
        """The assignment whose label is on the screen; None for any other label."""
        item = self._session.item
        if item is None or item.key.label_reader != self.reader:
            return None
        return self._row(item.key.case_id)

    def _row(self, case_id: str) -> Assignment | None:
        return next((a for a in self.rows if a.case_id == case_id), None)

    def progress(self) -> tuple[ReaderProgress, ...]:
        """How far all readers are; counts alone, which tell nothing of a case."""
        from napari_aleatoric.review import progress_of

        sight = self._session._sight
        return () if sight is None else progress_of(sight.all_assignments())

    def refresh(self) -> None:
        """Look again what there is to read."""
        self._session.look_again()
        self.changed.emit()

    # -- steps --------------------------------------------------------------------------------------

    def begin(self, case_id: str) -> None:
        """Begin to read a case, or go on with it: the reader's own label comes to the screen.

        For a case that is to be settled `settle_asked` is emitted; say `settled` when that is done.
        """
        from napari_aleatoric.review import begin_assignment

        key = ItemKey(case_id, self.reader)
        row = self._row(case_id)
        settles = row is not None and row.kind == "adjudicate"

        def begun(_: Any = None) -> None:
            self.settle_asked.emit(case_id) if settles else self._session.go(key)

        if row is not None and row.state == "answered":
            begun()
            return
        self._do(
            f"Beginning {case_id} …",
            lambda ws, store: begin_assignment(ws, store, case_id, key.label_reader),
            begun,
        )

    def next_case(self) -> None:
        """Begin the next case that waits for its answer; say so if there is none."""
        current = self.current
        waiting = [a for a in self.rows if a.is_waiting and (current is None or a.case_id != current.case_id)]
        if waiting:
            self.begin(waiting[0].case_id)
        else:
            self._tell("Nothing else is waiting to be read by you.", Kind.INFO)

    def answer(self) -> None:
        """Answer what is on the screen: unsaved strokes are saved first, then the label counts as the answer."""
        from napari_aleatoric.review import answer_assignment

        current = self.current
        if current is None or current.state != "begun":
            self._tell("There is no reading of yours on the screen that waits for an answer.", Kind.WARNING)
            return
        if self._session.unsaved:
            self._session.save(comment="answer")
        self._do(
            f"Answering {current.case_id} …",
            lambda ws, store: answer_assignment(ws, store, current.case_id, current.reader),
            lambda _: self._answered(current),
        )

    def settled(self, case_id: str) -> None:
        """Say that a label was made of what the readers of a case drew: whose task it was has answered it."""
        from napari_aleatoric.review import answer_assignment

        row = self._row(case_id)
        if row is not None and row.kind == "adjudicate" and row.state == "begun":
            self._do(
                f"Answering {case_id} …",
                lambda ws, store: answer_assignment(ws, store, case_id, row.reader),
                lambda _: self._session.look_again(),
            )

    def reveal(self) -> None:
        """Show what others and the machine say of the answered case on the screen; `revealed` follows."""
        from napari_aleatoric.review import beside_answer, reveal_assignment

        current = self.current
        if current is None or current.state != "answered":
            self._tell("Answer this reading first; then what others say can be revealed.", Kind.WARNING)
            return

        def work(ws: Any, store: Any) -> tuple[Beside, ...]:
            reveal_assignment(store, current.case_id, current.reader)
            return beside_answer(ws, store, current.case_id, current.reader)

        self._do(f"Revealing {current.case_id} …", work, self._show_beside)

    def hand_over(self, to: str, *, with_label: bool = False) -> None:
        """Give what is on the screen to another reader, with or without what was drawn, and go on."""
        from napari_aleatoric.review import hand_over

        current, sight = self.current, self._session._sight
        if current is None or not current.is_waiting or sight is None:
            self._tell("There is no reading of yours on the screen that could be handed over.", Kind.WARNING)
            return
        if self._session.unsaved:
            self._session.save(comment="saved when handed over")
        self._do(
            f"Handing {current.case_id} over …",
            lambda ws, _: hand_over(
                ws.whole, sight.whole, current.case_id, current.reader, to, with_label=with_label
            ),
            lambda new: self._handed_over(new),
        )

    def assign(self, spec: Any) -> None:
        """Give cases to readers; see `review.assign`, and `second_readings` and `honeypots` for their specs."""
        from napari_aleatoric.review import HoneypotSpec, SecondSpec, assign, honeypots, second_readings

        door: Callable[[Any, Any, Any], Any] = assign
        if isinstance(spec, HoneypotSpec):
            door = honeypots
        elif isinstance(spec, SecondSpec):
            door = second_readings
        sight = self._session._sight
        if sight is not None:
            self._do("Assigning …", lambda ws, _: door(ws.whole, sight.whole, spec), self._assigned)

    # -- what follows -------------------------------------------------------------------------------

    def _answered(self, was: Assignment) -> None:
        self._session.look_again()
        self._session.show_again()
        self._tell(f"Answered {was.case_id}. It can be revealed now.", Kind.SUCCESS)

    def _handed_over(self, new: Assignment) -> None:
        self._tell(f"{new.case_id} is {new.reader}'s to read now.", Kind.SUCCESS)
        self._session.look_again()
        self.next_case()

    def _assigned(self, found: Any) -> None:
        words = " ".join([f"{len(found.assignments)} readings were assigned.", *found.left_out[:3]])
        self._tell(words, Kind.SUCCESS if found.assignments else Kind.WARNING)
        self._session.look_again()

    def _show_beside(self, found: tuple[Beside, ...]) -> None:
        self.beside = found
        self._session.look_again()
        self.revealed.emit(found)

    def _opened(self, _: object) -> None:
        self.changed.emit()

    def _another_item(self, _: object) -> None:
        self.beside = ()
        self.changed.emit()

    def _do(self, words: str, work: Callable[[Any, Any], Any], done: Callable[[Any], None]) -> None:
        """Do something in the thread that writes labels, after all that is being written; then go on here."""
        workspace, store = self._session.workspace, self._session.store
        if workspace is None or store is None or self.busy:
            return
        self.busy = words
        self.changed.emit()

        def ended(future: Future[Any]) -> None:
            self.busy = ""
            if (error := future.exception()) is not None:
                self._tell(sentence_of(error), Kind.ERROR)
            elif self._session.workspace is workspace:
                done(future.result())
            self.changed.emit()

        self._session.after_saving(lambda: work(workspace, store), ended)

    def _tell(self, text: str, kind: Kind) -> None:
        self._session.notice.emit(Notice(text, kind))
