"""The state of one viewer: which data set, which queue, which case, what was said of it."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_aleatoric.errors import AleatoricError, NotFoundError
from napari_aleatoric.io import Workspace
from napari_aleatoric.jobs import JobHandle, JobStatus, running, submit
from napari_aleatoric.model import (
    ClassTable,
    Decision,
    ItemKey,
    LabelMap,
    Spec,
    Status,
    Verdict,
)

from ._class_scores import class_scores
from ._heat import HeatMaps
from ._item import ItemData, load_heat, load_item, with_version
from ._notice import Kind, Notice
from ._opening import Opened, QueueFilter
from ._options import ViewOptions
from ._places import HotPlace
from ._prefetch import Prefetcher
from ._resolve import ViewState, resolve
from ._strokes import StrokeKeeper

if TYPE_CHECKING:
    from napari_aleatoric.review import Queue, ReviewStore

__all__ = ["ReviewSession"]

Deliver = Callable[[Callable[[], None]], None]


class ReviewSession:
    """One reader at one viewer. Main thread only; what takes time is handed to threads or jobs.

    Parameters
    ----------
    deliver : callable
        Runs a function in the main thread; the default runs it at once (tests, scripts).
    reader : str, optional
        Who reviews; the account's name by default.
    """

    opened = Signal(object)  # Workspace
    queue_changed = Signal(object)  # Queue, as filtered
    item_loading = Signal(object)  # ItemKey
    item_changed = Signal(object)  # ItemData
    version_changed = Signal(object)  # ItemData: the same strokes, now a saved version, or with another map
    view_changed = Signal(object)  # ViewState
    history_changed = Signal(object)  # ItemKey
    job_changed = Signal(object)  # JobStatus or None
    notice = Signal(object)  # Notice
    unsaved_changed = Signal(bool)

    def __init__(self, deliver: Deliver | None = None, reader: str = "") -> None:
        self._deliver: Deliver = deliver or (lambda call: call())
        self.reader = reader or _account_name()
        self.options = ViewOptions()
        self.options.events.connect(lambda *_: self._resolve())
        self.options.events.map_name.connect(self._another_map)
        self._workspace: Workspace | None = None
        self._store: ReviewStore | None = None
        self._all: Queue | None = None
        self._queue: Queue | None = None
        self._filter = QueueFilter()
        self._prefetch: Prefetcher[ItemKey, ItemData] | None = None
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aleatoric-write")
        self._writing: dict[Future[ItemData], Callable[[Future[ItemData]], None]] = {}
        self._wanted: ItemKey | None = None
        self._item: ItemData | None = None
        self._strokes: StrokeKeeper | None = None
        self._was_unsaved = False
        self._view: ViewState | None = None
        self._place = -1  # which hot place was shown last
        self._row = 0  # where in the queue the item on screen stands, or stood
        self._job: JobHandle | None = None
        self._job_status: JobStatus | None = None

    # -- what is open -------------------------------------------------------------------------------

    @property
    def workspace(self) -> Workspace | None:
        """The open workspace."""
        return self._workspace

    @property
    def store(self) -> ReviewStore | None:
        """Its review store."""
        return self._store

    @property
    def classes(self) -> ClassTable:
        """Classes of the data set; empty where none is open."""
        return self._workspace.dataset.classes if self._workspace is not None else ClassTable(())

    @property
    def queue(self) -> Queue | None:
        """The queue as filtered and sorted."""
        return self._queue

    @property
    def full_queue(self) -> Queue | None:
        """The queue without filters."""
        return self._all

    @property
    def filter(self) -> QueueFilter:
        """What the queue is narrowed to."""
        return self._filter

    def class_scores(self, measure: str) -> dict[int, tuple[float, float]]:
        """Every class of the item on screen under a measure, compared with the rest of the data set.

        Parameters
        ----------
        measure : str
            A key of `uncertainty.MEASURES`.

        Returns
        -------
        dict of int to tuple of float
            Class index to (place, 0..1, 1 = worst of the data set; raw value, NaN where it is derived).
        """
        if self._item is None or self._all is None:
            return {}
        return class_scores(self._all.table, self._item.key, measure, self.classes)

    @property
    def item(self) -> ItemData | None:
        """What is on screen."""
        return self._item

    @property
    def view(self) -> ViewState | None:
        """How it is shown."""
        return self._view

    @property
    def unsaved(self) -> bool:
        """Whether the label on screen has strokes that no saved version holds."""
        return self._strokes is not None and self._strokes.unsaved

    @property
    def job(self) -> JobHandle | None:
        """The background job that is followed."""
        return self._job

    @property
    def job_status(self) -> JobStatus | None:
        """Its last known status."""
        return self._job_status

    def attach(self, opened: Opened) -> None:
        """Make an opened workspace the session's: its queue, its running job, nothing on screen yet."""
        self._let_go()
        workspace, store = opened.workspace, opened.store
        self._workspace, self._store = workspace, store
        self._prefetch = Prefetcher(lambda key: load_item(workspace, store, key, self.options.map_name))
        self._item, self._view, self._wanted = None, None, None
        self._filter = QueueFilter()
        self._all = opened.queue
        self.opened.emit(workspace)
        self._narrow()
        self.follow(running(workspace))

    def close(self) -> None:
        """Save what is unsaved, wait for writes under way, let go of the files. Running jobs go on."""
        self._let_go()
        self._writer.shutdown(wait=True)
        self._store, self._workspace, self._prefetch = None, None, None

    def _let_go(self) -> None:
        self.leave()
        self._finish_writing()
        if self._prefetch is not None:
            self._prefetch.close()
        if self._store is not None:
            self._store.close()

    # -- the queue ----------------------------------------------------------------------------------

    def refresh_queue(self) -> None:
        """Read scores and decisions again."""
        if self._store is None:
            return
        from napari_aleatoric.review import build_queue

        self._all = build_queue(self._store, self.classes, strategy=self._filter.strategy)
        self._narrow()

    def set_filter(self, **changes: Any) -> None:
        """Change some of the filter's fields; see `QueueFilter`."""
        before = self._filter
        self._filter = QueueFilter(**{**before.model_dump(), **changes})
        if self._filter == before:
            return
        if self._filter.strategy != before.strategy:
            self.refresh_queue()
        else:
            self._narrow()

    def _narrow(self) -> None:
        if self._all is None:
            return
        wish = self._filter
        queue = self._all.filtered(text=wish.text, statuses=wish.statuses or None, class_index=wish.class_index)
        if wish.sort_column:
            queue = queue.sorted_by(wish.sort_column, descending=wish.descending)
        self._queue = queue
        self.queue_changed.emit(queue)

    # -- walking ------------------------------------------------------------------------------------

    def go(self, key: ItemKey) -> None:
        """Show an item; unsaved strokes of the one before are saved as a version first."""
        if self._prefetch is None or (self._item is not None and self._item.key == key and self._wanted == key):
            return
        self.leave()
        self._wanted = key
        future = self._prefetch.get(key)
        if future.done():
            self._arrived(key, future)
            return
        self.item_loading.emit(key)
        future.add_done_callback(lambda done: self._deliver(lambda: self._arrived(key, done)))

    def next_item(self, pending_only: bool = False) -> None:
        """Go down the queue; at its end say so."""
        self._walk(+1, pending_only)

    def previous_item(self) -> None:
        """Go up the queue."""
        self._walk(-1, False)

    def _walk(self, step: int, pending_only: bool) -> None:
        key = self._next_pending() if pending_only else next(iter(self._neighbours(step, limit=1)), None)
        if key is not None:
            self.go(key)
        elif self._queue is not None:
            words = "No pending case is left in this queue." if pending_only else "This is the end of the queue."
            self.notice.emit(Notice(words))

    def _here(self) -> int | None:
        if self._queue is None or self._wanted is None:
            return None
        return self._queue.find(self._wanted)

    def _next_pending(self) -> ItemKey | None:
        if self._queue is None:
            return None
        here = self._here()
        position = self._queue.next_of("pending", -1 if here is None else here)
        return None if position is None or position == here else self._queue.key(position)

    def _neighbours(self, step: int, limit: int) -> list[ItemKey]:
        queue, here = self._queue, self._here()
        if queue is None or len(queue) == 0:
            return []
        if here is None:  # what is on screen was filtered out: its old place is where the walk goes on
            here = min(max(self._row, 0), len(queue) - 1) - step
        rows = range(here + step, here + step * (limit + 1), step)
        return [queue.key(row) for row in rows if 0 <= row < len(queue)]

    def _arrived(self, key: ItemKey, future: Future[ItemData]) -> None:
        if key != self._wanted or self._prefetch is None or future.cancelled():
            return  # a late answer to an old question
        error = future.exception()
        if error is not None:
            self.notice.emit(Notice(f"{key} cannot be shown. {_sentence(error)}", Kind.ERROR))
            return
        item = future.result()
        self._item = item
        self._place = -1
        assert self._workspace is not None
        self._strokes = StrokeKeeper(self._workspace, key, item.label, self.reader, item.label_version)
        self._view = resolve(item, self.options, self.classes)
        self.item_changed.emit(item)
        self.history_changed.emit(key)
        self._row = self._here() or 0
        self._prefetch.ask(self._neighbours(+1, limit=2))

    # -- the view -----------------------------------------------------------------------------------

    def _resolve(self) -> None:
        if self._item is None:
            return
        view = resolve(self._item, self.options, self.classes)
        if view != self._view:
            self._view = view
            self.view_changed.emit(view)

    def _another_map(self, name: str) -> None:
        """Read another voxel map for the item on screen; its strokes stay."""
        if self._prefetch is None or self._workspace is None:
            return
        self._prefetch.forget()
        if self._item is None:
            return
        workspace, key = self._workspace, self._item.key
        future = self._prefetch.run(lambda: load_heat(workspace, key, name))
        future.add_done_callback(lambda done: self._deliver(lambda: self._map_arrived(key, name, done)))

    def _map_arrived(self, key: ItemKey, name: str, future: Future[HeatMaps | None]) -> None:
        item = self._item
        if item is None or item.key != key or self.options.map_name != name or future.cancelled():
            return  # a late answer to an old question
        error = future.exception()
        if error is not None:
            self.notice.emit(Notice(f"The map of {key} cannot be shown. {_sentence(error)}", Kind.ERROR))
            return
        self._item = replace(item, heat=future.result(), map_name=name)
        self._place = -1
        self._view = resolve(self._item, self.options, self.classes)
        self.version_changed.emit(self._item)
        self.view_changed.emit(self._view)

    def next_place(self, step: int = 1) -> HotPlace | None:
        """Return the hottest place, then the next hottest, and round again; None where the map shows none."""
        places = self._view.places if self._view is not None else ()
        if not places:
            return None
        self._place = (self._place + step) % len(places) if self._place >= 0 else 0
        return places[self._place]

    # -- painting -----------------------------------------------------------------------------------

    def painted(self) -> None:
        """Say that the label on screen may have changed."""
        if self._strokes is not None:
            self._strokes.touched()

    def keep_strokes(self) -> None:
        """Journal what was painted since the last call; the window calls this twice a second."""
        if self._strokes is None:
            return
        try:
            self._strokes.keep()
        except (OSError, AleatoricError) as error:
            self.notice.emit(Notice(f"Strokes could not be written to disk. {_sentence(error)}", Kind.ERROR))
        self._tell_unsaved()

    def _tell_unsaved(self) -> None:
        unsaved = self.unsaved
        if unsaved != self._was_unsaved:
            self._was_unsaved = unsaved
            self.unsaved_changed.emit(unsaved)

    def leave(self) -> None:
        """Save the strokes of the item on screen, if there are any, before it goes away."""
        if self.unsaved:
            self.save(comment="saved when the case was left")
        elif self._strokes is not None:
            self._strokes.finish()
        self._strokes = None
        self._tell_unsaved()

    def save(self, verdict: Verdict | None = None, quality: int | None = None, comment: str = "") -> None:
        """Write the label as a new version, in the background; then record the verdict that belongs to it."""
        strokes, item, workspace, store = self._strokes, self._item, self._workspace, self._store
        if strokes is None or item is None or workspace is None or store is None:
            return
        snapshot = strokes.snapshot()
        seen = self._seen()
        reader = self.reader

        def write() -> ItemData:
            from napari_aleatoric.review import save_correction

            label_map = LabelMap(snapshot, item.image.geometry, reader=reader)
            correction = save_correction(workspace, store, item.key, label_map, reader=reader, comment=comment)
            if verdict is not None:
                store.decide(
                    Decision(
                        case_id=item.key.case_id,
                        label_reader=item.key.label_reader,
                        verdict=verdict,
                        quality=quality,
                        comment=comment,
                        reader=reader,
                        seen=seen,
                        correction_id=correction.correction_id,
                    )
                )
            return with_version(item, workspace, correction.correction_id)

        def done(future: Future[ItemData]) -> None:
            if self._writing.pop(future, None) is None:
                return  # already told, on closing
            error = future.exception()
            if error is not None:
                text = f"The label of {item.key} was not saved; its strokes are kept. {_sentence(error)}"
                self.notice.emit(Notice(text, Kind.ERROR))
                if strokes is not self._strokes:
                    strokes.finish()
                return
            strokes.saved(snapshot)
            if strokes is self._strokes:
                shown = self._item or item  # its map may be another by now
                self._item = replace(future.result(), heat=shown.heat, map_name=shown.map_name)
                self._view = resolve(self._item, self.options, self.classes)
                self.version_changed.emit(self._item)
            else:
                strokes.finish()
            if self._prefetch is not None:
                self._prefetch.forget(item.key)
            self.notice.emit(Notice(f"Saved a new version of {item.key}.", Kind.SUCCESS))
            self._tell_unsaved()
            self._decided(item.key)

        future = self._writer.submit(write)
        self._writing[future] = done
        future.add_done_callback(lambda f: self._deliver(lambda: done(f)))

    def _finish_writing(self) -> None:
        """Wait for writes under way, and close their journals here: delivery may come too late."""
        for future, done in list(self._writing.items()):
            future.exception()  # waits
            done(future)

    def discard_strokes(self) -> None:
        """Throw the unsaved strokes away."""
        if self._strokes is not None:
            self._strokes.discard()
            self._tell_unsaved()

    def restore_strokes(self) -> None:
        """Put the strokes of an earlier, unfinished session back onto the label on screen."""
        if self._item is None:
            return
        for pending in self._item.pending:
            pending.apply(self._item.label)
        self.painted()
        self.keep_strokes()
        for pending in self._item.pending:
            pending.discard()  # they are in this session's journal now

    def drop_pending(self) -> None:
        """Throw the strokes of an earlier, unfinished session away."""
        if self._item is not None:
            for pending in self._item.pending:
                pending.discard()

    # -- deciding -----------------------------------------------------------------------------------

    def decide(self, verdict: Verdict, quality: int | None = None, comment: str = "") -> None:
        """Record a verdict on the item on screen.

        Unsaved strokes are saved as a version of their own first, and an "accepted" then becomes "corrected":
        the label that is accepted is the repainted one.
        """
        if self._item is None or self._store is None:
            return
        if self.unsaved:
            if verdict is Verdict.ACCEPTED:
                verdict = Verdict.CORRECTED
            self.save(verdict, quality, comment)
            return
        if verdict is Verdict.CORRECTED and not self._item.label_version:
            self.notice.emit(
                Notice("Nothing was repainted in this case. Accept it, or correct it first.", Kind.WARNING)
            )
            return
        self._record(verdict=verdict, quality=quality, comment=comment)

    def comment(self, text: str) -> None:
        """Record a remark without a verdict."""
        if text.strip():
            self._record(comment=text.strip())

    def undo_decision(self) -> None:
        """Take back the last entry of this reader on the item on screen; both stay in the log."""
        if self._item is None or self._store is None:
            return
        entry = self._store.undo(self._item.key, self.reader)
        if entry is None:
            self.notice.emit(Notice("There is no decision of yours to take back in this case."))
            return
        self._decided(self._item.key)
        self.notice.emit(Notice("Took back the last decision.", Kind.SUCCESS))

    def _record(self, **fields: Any) -> None:
        assert self._item is not None
        assert self._store is not None
        key = self._item.key
        try:
            self._store.decide(
                Decision(
                    case_id=key.case_id,
                    label_reader=key.label_reader,
                    reader=self.reader,
                    seen=self._seen(),
                    correction_id=self._item.label_version or None,
                    **fields,
                )
            )
        except AleatoricError as error:
            self.notice.emit(Notice(f"The decision was not recorded. {_sentence(error)}", Kind.ERROR))
            return
        self._decided(key)

    def _seen(self) -> dict[str, Any]:
        """Return what was on screen, for the record."""
        item, view = self._item, self._view
        if item is None or view is None:
            return {}
        return {
            "strategy": self._filter.strategy,
            "map": self.options.map_name if view.heatmap_visible else "",
            "classes": list(view.heatmap_classes),
            "threshold": self.options.threshold,
            "label_version": item.label_version,
        }

    def _decided(self, key: ItemKey) -> None:
        if self._store is None or self._all is None:
            return
        self._all = self._all.with_state(key, self._store.state(key))
        self._narrow()
        self.history_changed.emit(key)

    # -- jobs ---------------------------------------------------------------------------------------

    def start(self, door: str, spec: Spec) -> None:
        """Start a background job on this workspace and follow it."""
        if self._workspace is None:
            return
        try:
            self.follow(submit(self._workspace, door, spec))
        except AleatoricError as error:
            self.notice.emit(Notice(_sentence(error), Kind.ERROR))

    def follow(self, job: JobHandle | None) -> None:
        """Watch a job: a new one, or one that an earlier window started."""
        self._job, self._job_status = job, None
        self.poll_job()
        if job is None:
            self.job_changed.emit(None)

    def poll_job(self) -> None:
        """Look where the job is; the window calls this a few times a second."""
        if self._job is None:
            return
        status = self._job.status()
        if status == self._job_status:
            return
        self._job_status = status
        self.job_changed.emit(status)
        if status.status is Status.COMPLETED:
            self._job = None
            self._scored()
        elif status.status in (Status.FAILED, Status.CANCELLED):
            self._job = None
            self.refresh_queue()

    def cancel_job(self) -> None:
        """Ask the job to stop; by force if it does not."""
        if self._job is not None:
            self._job.cancel()

    def _scored(self) -> None:
        """Show the new scores, and the new map of the item on screen."""
        self.refresh_queue()
        if self._prefetch is not None:
            self._prefetch.forget()
        if self._item is not None and not self.unsaved:
            key, self._wanted = self._item.key, None
            self.go(key)


def _account_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, NotFoundError):
        return "reader"


def _sentence(error: BaseException) -> str:
    return str(error) if isinstance(error, AleatoricError) else f"{type(error).__name__}: {error}"
