"""The state of one viewer: which data set, which queue, which case, what was said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_aleatoric.errors import AleatoricError, DataError
from napari_aleatoric.io import Workspace
from napari_aleatoric.jobs import JobHandle, JobStatus, running, submit
from napari_aleatoric.model import ClassTable, ItemKey, Spec, Verdict

from ._account import account_name
from ._asking import Asking
from ._class_scores import ClassScore, class_scores
from ._desk import Desk
from ._item import ItemData
from ._job_watch import JobWatch
from ._notice import Kind, Notice
from ._opening import Opened, QueueFilter
from ._options import ViewOptions
from ._places import HotPlace
from ._prompt_words import AcceptedDraft, PromptAnswer
from ._resolve import ViewState
from ._sentence import sentence_of
from ._session_signals import SessionSignals, hand_on
from ._sight import Sight

if TYPE_CHECKING:
    from napari_aleatoric.review import Queue, ReviewStore

__all__ = ["ReviewSession"]

Deliver = Callable[[Callable[[], None]], None]


class ReviewSession(SessionSignals):
    """One reader at one viewer. Main thread only; what takes time is handed to threads or jobs.

    The one door for widgets and scripts. It holds what outlives a data set: reader, wishes, the job that is
    followed. All about the open data set is its `Desk`'s; where none is open, questions have empty answers and
    wishes do nothing.

    Parameters
    ----------
    deliver : callable
        Runs a function in the main thread; the default runs it at once (tests, scripts).
    reader : str, optional
        Who reviews; the account's name by default.
    """

    def __init__(self, deliver: Deliver | None = None, reader: str = "") -> None:
        self._deliver: Deliver = deliver or (lambda call: call())
        self._reader = reader or account_name()
        self._sight: Sight | None = None
        self.options = ViewOptions()
        self.options.events.connect(lambda *_: self._resolve())
        self.options.events.map_name.connect(self._another_map)
        self.asking = Asking(self.options, lambda strategy: self.set_filter(strategy=strategy))
        self._desk: Desk | None = None
        self._jobs = JobWatch()
        hand_on(self._jobs.changed, self.job_changed)
        self._jobs.ended.connect(self._job_ended)

    # -- who looks ----------------------------------------------------------------------------------

    @property
    def reader(self) -> str:
        """Who reviews; of what this reader is to read blinded, only their own label is seen here."""
        return self._reader

    @reader.setter
    def reader(self, name: str) -> None:
        self._reader = name
        self.look_again()

    def look_again(self) -> None:
        """Look what the reader may see now; somebody may have given them a case, or they have answered one."""
        if self._sight is not None and self._desk is not None and self._sight.renew(self._reader):
            self._desk.seen_otherwise()
            self.sight_changed.emit()

    # -- what is open -------------------------------------------------------------------------------

    @property
    def workspace(self) -> Workspace | None:
        """The open workspace."""
        return self._desk.opened.workspace if self._desk is not None else None

    @property
    def store(self) -> ReviewStore | None:
        """Its review store."""
        return self._desk.opened.store if self._desk is not None else None

    @property
    def classes(self) -> ClassTable:
        """Classes of the data set; empty where none is open."""
        return self.workspace.dataset.classes if self.workspace is not None else ClassTable(())

    @property
    def queue(self) -> Queue | None:
        """The queue as filtered and sorted."""
        return self._desk.walk.shown if self._desk is not None else None

    @property
    def full_queue(self) -> Queue | None:
        """The queue without filters."""
        return self._desk.walk.full if self._desk is not None else None

    @property
    def filter(self) -> QueueFilter:
        """What the queue is narrowed to."""
        return self._desk.walk.wish if self._desk is not None else QueueFilter()

    @property
    def item(self) -> ItemData | None:
        """What is on screen."""
        return self._desk.screen.item if self._desk is not None else None

    @property
    def no_models(self) -> str:
        """Why models must not be prompted in what is on screen, in a sentence; "" where they may."""
        return self.item.no_models if self.item is not None else ""

    @property
    def view(self) -> ViewState | None:
        """How it is shown."""
        return self._desk.screen.view if self._desk is not None else None

    @property
    def held(self) -> Mapping[ItemKey, str]:
        """Items that other readers have before them, and who."""
        return self._desk.seat.held if self._desk is not None else {}

    @property
    def unsaved(self) -> bool:
        """Whether the item on screen has strokes that are not saved: no version, or no map, holds them."""
        return self._desk is not None and self._desk.unsaved

    def class_scores(self, measure: str) -> dict[int, ClassScore]:
        """Every class of the item on screen under a measure, compared with the rest of the data set."""
        if self.item is None or self.full_queue is None or self.full_queue.blind:
            return {}
        return class_scores(self.full_queue.table, self.item.key, measure, self.classes)

    def attach(self, opened: Opened) -> None:
        """Make an opened workspace the session's: its queue, its running job, nothing on screen yet."""
        self._let_go()
        self._sight = Sight(opened, self._reader)
        seen = self._sight.opened
        self._desk = Desk(seen, lambda: self.reader, self.options, self._deliver, self)
        self.asking.begin(opened.order)
        self.opened.emit(seen.workspace)
        self._desk.tell_queue()
        self.follow(opened.job or running(opened.workspace))

    def close(self) -> None:
        """Save what is unsaved, wait for writes under way, let go of the files. Running jobs go on."""
        self._let_go()

    def _let_go(self) -> None:
        if self._desk is not None:
            self._desk.close()
            self._desk = self._sight = None

    # -- the queue, and the way through it ------------------------------------------------------------

    def refresh_queue(self) -> None:
        """Read scores and decisions again."""
        self.look_again()
        if self._desk is not None:
            self._desk.refresh_queue()

    def set_filter(self, **changes: Any) -> None:
        """Change some of the filter's fields; see `QueueFilter`."""
        if self._desk is not None:
            self._desk.narrow(QueueFilter(**{**self.filter.model_dump(), **changes}))
            self.asking.follow(self.filter.strategy)

    def go(self, key: ItemKey) -> None:
        """Show an item; unsaved strokes of the one before are saved as a version first."""
        self.look_again()
        if self._desk is not None:
            self._desk.go(key)

    def next_item(self, pending_only: bool = False) -> None:
        """Go down the queue; at its end say so."""
        if self._desk is not None:
            if pending_only:
                self._desk.go_to_pending()
            else:
                self._desk.step(+1)

    def previous_item(self) -> None:
        """Go up the queue; at its beginning say so."""
        if self._desk is not None:
            self._desk.step(-1)

    # -- the view -----------------------------------------------------------------------------------

    def next_place(self, step: int = 1) -> HotPlace | None:
        """Return the hottest place, then the next hottest, and round again; None where the map shows none."""
        return self._desk.screen.next_place(step) if self._desk is not None else None

    def _resolve(self) -> None:
        if self._desk is not None:
            self._desk.screen.resolve()

    def _another_map(self, name: str) -> None:
        if self._desk is not None:
            self._desk.screen.ask_map(name)

    # -- painting -----------------------------------------------------------------------------------

    def painted(self) -> None:
        """Say that the label on screen may have changed."""
        if self._desk is not None:
            self._desk.painting.touched()
            self.label_painted.emit()

    @property
    def label_unsaved(self) -> bool:
        """Whether the label on screen has strokes that no version holds."""
        return self._desk is not None and self._desk.painting.unsaved

    @property
    def last_saved(self) -> NDArray[Any] | None:
        """The label on screen as it was last saved, shape (Z, Y, X); not to be written to."""
        return self._desk.painting.last_saved if self._desk is not None else None

    def bar_voxels(self, write: Callable[[], None]) -> None:
        """Let a function change, on screen, what is not to be learned from; see `Desk.bar_voxels`."""
        if self._desk is not None:
            self._desk.bar_voxels(write)

    def barred_painted(self) -> None:
        """Say that what is not to be learned from may have changed on screen."""
        if self._desk is not None:
            self._desk.barring.touched()

    def keep_strokes(self) -> None:
        """Journal what was painted since the last call; the window calls this twice a second."""
        if self._desk is not None:
            self._desk.keep_strokes()

    @contextmanager
    def drawing(self, answer: PromptAnswer | AcceptedDraft) -> Iterator[None]:
        """Draw an answer to a prompt into the label on screen within this block.

        The version that is saved later then names the segmenter and the number of prompts, for as long as what it
        drew is in the label: undo takes the mention back.

        Raises
        ------
        DataError
            If models must not be prompted in what is on screen.
        """
        if self.no_models:
            raise DataError(self.no_models)
        with self._desk.painting.drawing(answer) if self._desk is not None else nullcontext():
            yield

    def leave(self) -> None:
        """Save the strokes of the item on screen, if there are any, before it goes away."""
        if self._desk is not None:
            self._desk.leave()

    def come_back(self) -> None:
        """Take up the item on screen again that was left: the window that was to be closed stayed."""
        if self._desk is not None:
            self._desk.come_back()

    def save(self, verdict: Verdict | None = None, quality: int | None = None, comment: str = "") -> None:
        """Write label, verdict and what is not to be learned from in the background; see `Desk.save`."""
        if self._desk is not None:
            self._desk.save(verdict, quality, comment)

    def after_saving(self, work: Callable[[], Any], done: Callable[[Future[Any]], None]) -> None:
        """Do something in the thread that writes labels, once all that is being written is on the disk.

        ``done`` is told in the main thread how it went; where a version could not be written, nothing is done.
        """
        if self._desk is not None:
            self._desk.painting.then(work, done)

    def show_again(self) -> None:
        """Read what is on screen anew, unless it has strokes to lose."""
        if self._desk is not None:
            self._desk.show_new_scores()

    def discard_strokes(self) -> None:
        """Throw the unsaved strokes away."""
        if self._desk is not None:
            self._desk.discard_strokes()

    def restore_strokes(self) -> None:
        """Put the strokes of an earlier, unfinished session back; a notice says if the label was another then."""
        if self._desk is not None:
            self._desk.restore_strokes()

    def drop_pending(self) -> None:
        """Throw the strokes of an earlier, unfinished session away."""
        if self._desk is not None:
            self._desk.drop_pending()

    # -- deciding -----------------------------------------------------------------------------------

    def decide(self, verdict: Verdict, quality: int | None = None, comment: str = "") -> None:
        """Record a verdict on the item on screen.

        Unsaved strokes are saved as a version of their own first, and an "accepted" then becomes "corrected":
        the label that is accepted is the repainted one.
        """
        if self._desk is not None:
            self._desk.decide(verdict, quality, comment)

    def comment(self, text: str) -> None:
        """Record a remark without a verdict."""
        if self._desk is not None and text.strip():
            self._desk.record(comment=text.strip())

    def undo_decision(self) -> None:
        """Take back the last entry of this reader on the item on screen; both stay in the log."""
        if self._desk is not None:
            self._desk.undo_decision()

    # -- jobs ---------------------------------------------------------------------------------------

    @property
    def job(self) -> JobHandle | None:
        """The background job that is followed."""
        return self._jobs.job

    @property
    def own_job(self) -> JobHandle | None:
        """The same, if this window started it."""
        return self._jobs.job if self._jobs.is_own else None

    @property
    def job_status(self) -> JobStatus | None:
        """Its last known status."""
        return self._jobs.status

    def start(self, door: str, spec: Spec) -> None:
        """Start a background job on this workspace and follow it."""
        if self.workspace is None:
            return
        try:
            self.follow(submit(self.workspace, door, spec), own=True)
        except AleatoricError as error:
            self.notice.emit(Notice(sentence_of(error), Kind.ERROR))

    def follow(self, job: JobHandle | None, *, own: bool = False) -> None:
        """Watch a job: a new one of this window's own, or one that an earlier window started."""
        self._jobs.follow(job, own=own)

    def poll_job(self) -> None:
        """Look where the job is; the window calls this a few times a second."""
        self._jobs.poll()

    def cancel_job(self) -> None:
        """Ask the job to stop; by force if it does not."""
        self._jobs.cancel()

    def _job_ended(self, completed: bool) -> None:
        if self._jobs.door in ("filter", "report", "spectra"):  # nothing that is shown has changed
            return
        self.refresh_queue()
        if completed and self._desk is not None:
            self._desk.show_new_scores()
