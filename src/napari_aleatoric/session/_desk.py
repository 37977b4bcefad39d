"""One open workspace under review: what is on the screen, what is painted, what is decided, what comes next."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import unknown_values_sentence
from napari_aleatoric.model import ItemKey, Verdict
from napari_aleatoric.uncertainty import strategy_of

from ._barring import Barring
from ._item import ItemData
from ._notice import Kind, Notice
from ._opening import Opened, QueueFilter
from ._options import ViewOptions
from ._painting import Painting
from ._queue_walk import QueueWalk
from ._screen import Screen
from ._seat import Seat
from ._sentence import sentence_of
from ._session_signals import SessionSignals, hand_on
from ._verdicts import Verdicts, seen_on_screen

__all__ = ["Desk"]

_AHEAD = 2000  # items of a queue that are asked for at once, whether somebody has them
_FEW = 50  # items whose states are read one by one; with more the queue is read anew
_NONE_PENDING = "No pending case is left in this queue."


class Desk:
    """Makes the parts of a review work together; they do not know each other.

    Attributes
    ----------
    walk : QueueWalk
        What comes next.
    screen : Screen
        What is shown.
    painting : Painting
        What was painted, and saved as versions.
    barring : Barring
        What was painted as not to be learned from.

    Parameters
    ----------
    opened : Opened
        The workspace; the desk closes its store in the end.
    reader : callable
        Who reviews, at the moment of the call.
    options : ViewOptions
        What the user wishes to see.
    deliver : callable
        Runs a function in the main thread.
    signals : SessionSignals
        Through which the window is told.
    """

    def __init__(
        self,
        opened: Opened,
        reader: Callable[[], str],
        options: ViewOptions,
        deliver: Callable[[Callable[[], None]], None],
        signals: SessionSignals,
    ) -> None:
        self.opened = opened
        self._reader, self._options, self._signals = reader, options, signals
        self.walk = QueueWalk(opened.queue)
        self.screen = Screen(opened.workspace, opened.store, options, deliver)
        self.painting = Painting(deliver)
        self.barring = Barring(deliver)
        self._verdicts = Verdicts(opened.store)
        self.seat = Seat(opened.store, reader, deliver)
        self._connect()

    def _connect(self) -> None:
        told = self._signals
        hand_on(self.screen.loading, told.item_loading)
        self.screen.arrived.connect(self._arrived)
        hand_on(self.screen.map_arrived, told.version_changed)
        hand_on(self.screen.view_changed, told.view_changed)
        hand_on(self.screen.failed, told.notice)
        for part in (self.painting, self.barring):
            part.unsaved_changed.connect(lambda _: told.unsaved_changed.emit(self.unsaved))
        self.painting.saved.connect(self._saved)
        hand_on(self.painting.failed, told.notice)
        self._options.events.barring.connect(self._paint_barred)
        self.barring.changed.connect(self.screen.resolve)
        self.barring.saved.connect(self._barred)
        hand_on(self.barring.failed, told.notice)
        self._verdicts.recorded.connect(self._decided)
        hand_on(self._verdicts.told, told.notice)
        hand_on(self.seat.told, told.notice)
        hand_on(self.seat.held_changed, told.held_changed)
        hand_on(self.seat.link_changed, told.link_changed)
        self.seat.came.connect(self._came)

    def close(self) -> None:
        """Save what is unsaved, wait for writes under way, let go of the files."""
        self.leave()
        self._options.events.barring.disconnect(self._paint_barred)
        self.painting.close()
        self.barring.close()
        self.screen.close()
        self.seat.close()
        self.opened.store.close()

    def seen_otherwise(self) -> None:
        """Take note that the reader may see more, or less, than before: what is hidden now leaves the screen."""
        self.screen.forget()
        self.refresh_queue()
        item, workspace = self.screen.item, self.opened.workspace
        if item is not None and workspace.hides(item.key.case_id) and item.key.label_reader != self._reader():
            self.leave()
            self.screen.clear()
            if len(self.walk.shown):
                self.go(self.walk.shown.key(0))

    def come_back(self) -> None:
        """Take up the item on the screen again, after `leave`."""
        self.painting.finish()
        self.barring.finish()
        if self.screen.item is not None:
            self.screen.forget(self.screen.item.key)
            self.screen.ask(self.screen.item.key)

    # -- the queue ----------------------------------------------------------------------------------

    def refresh_queue(self) -> None:
        """Read scores and decisions again."""
        from napari_aleatoric.review import build_queue

        opened, strategy = self.opened, self.walk.wish.strategy
        blinded = self._reader() if strategy_of(strategy).check_rate else None
        classes = opened.workspace.dataset.classes
        self.walk.take(build_queue(opened.store, classes, strategy=strategy, reader=blinded))
        self.tell_queue()

    def narrow(self, wish: QueueFilter) -> None:
        """Filter and sort the queue; another strategy ranks it anew."""
        before = self.walk.wish
        if wish == before:
            return
        self.walk.narrow(wish)
        if wish.strategy == before.strategy:
            self.tell_queue()
            return
        try:
            self.refresh_queue()
        except AleatoricError as error:  # the order needs something that is not there
            self._signals.notice.emit(Notice(sentence_of(error), Kind.WARNING))
            self.walk.narrow(before)
            self.tell_queue()

    def tell_queue(self) -> None:
        """Say what the queue is now."""
        self._signals.queue_changed.emit(self.walk.shown)

    # -- walking ------------------------------------------------------------------------------------

    def go(self, key: ItemKey) -> None:
        """Show an item; unsaved strokes of the one before are saved as a version first."""
        if not self.screen.is_at(key):
            self.leave()
            self.screen.ask(key)

    def step(self, step: int) -> None:
        """Go down (+1) or up (−1) the queue; at its end say so."""
        if step > 0 and self.seat.link is not None:  # down the queue of a team: what another has is passed over
            near = self.walk.neighbours(self.screen.wanted, step, limit=_AHEAD)
            self.seat.next_free(near, lambda key: self._go_or_say(key, "This is the end of the queue."))
            return
        near = self.walk.neighbours(self.screen.wanted, step, limit=1)
        self._go_or_say(near[0] if near else None, "This is the end of the queue.")

    def go_to_pending(self) -> None:
        """Go to the next item without a verdict that nobody else has; say so if there is none."""
        left = self.walk.pending_behind(self.screen.wanted, limit=_AHEAD)
        words = "All pending cases of this queue are before other readers." if left else _NONE_PENDING
        self.seat.next_free(left, lambda key: self._go_or_say(key, words), pending=True)

    def _go_or_say(self, key: ItemKey | None, words: str) -> None:
        if key is not None:
            self.go(key)
        else:
            self._signals.notice.emit(Notice(words))

    def _came(self, everything: bool, keys: Collection[ItemKey]) -> None:
        """Show what others have said and drawn meanwhile."""
        item = self.screen.item
        for key in keys:
            self.screen.forget(key)
        if everything or len(keys) > _FEW:
            self.refresh_queue()
        else:
            for key in keys:
                if self.walk.full.find(key) is not None:
                    self.walk.renew(key, self.opened.store.state(key))
            self.tell_queue()
        if item is not None and (everything or item.key in keys):
            self._signals.history_changed.emit(item.key)
            latest = self.opened.store.latest_correction(item.key)
            if (
                latest is not None
                and latest.reader != self._reader()
                and latest.correction_id != item.label_version
            ):
                text = f"{latest.reader} has saved another label of {item.key}."
                self._signals.notice.emit(Notice(f"{text} Leave the case and come back to see it.", Kind.WARNING))

    def _arrived(self, item: ItemData) -> None:
        self.painting.begin(self.opened.workspace, item, self._reader())
        self.barring.begin(self.opened.workspace, item, self._reader())
        self._signals.item_changed.emit(item)
        self.seat.take(item.key)
        if sentence := unknown_values_sentence(str(item.key), item.unknown_values):
            self._signals.notice.emit(Notice(sentence, Kind.WARNING))
        if item.barred is not None and item.barred.problem:
            self._signals.notice.emit(Notice(item.barred.problem, Kind.WARNING))
        self._signals.history_changed.emit(item.key)
        self.walk.stand_at(item.key)
        self.screen.read_ahead(self.walk.neighbours(self.screen.wanted, +1, limit=2))

    def show_new_scores(self) -> None:
        """Show the new map of the item on the screen, unless it has strokes to lose."""
        self.screen.forget()
        if self.screen.item is not None and not self.unsaved:
            self.leave()
            self.screen.ask(self.screen.item.key)

    # -- painting -----------------------------------------------------------------------------------

    @property
    def unsaved(self) -> bool:
        """Whether the item on the screen has strokes that are not saved."""
        return self.painting.unsaved or self.barring.unsaved

    def keep_strokes(self) -> None:
        """Journal what was painted since the last call."""
        self.painting.keep()
        self.barring.keep()

    def _paint_barred(self, on: bool) -> None:
        if on:
            self.barring.watch()
        else:
            self.barring.save()

    def bar_voxels(self, write: Callable[[], None]) -> None:
        """Let a function change what is not to be learned from; it is journalled at once and saved like strokes."""
        self.barring.watch()
        write()
        self.barring.touched()
        self.barring.keep()

    def restore_strokes(self) -> None:
        """Paint what an earlier, unfinished session painted; say so if that was on another version."""
        item = self.screen.item
        if item is not None:
            self.barring.restore(item)
        if item is not None and item.pending:
            self.painting.restore(item)
            if item.pending_remark:
                self._signals.notice.emit(Notice(item.pending_remark, Kind.WARNING))

    def discard_strokes(self) -> None:
        """Throw the unsaved strokes away."""
        self.painting.discard()
        self.barring.discard()

    def drop_pending(self) -> None:
        """Throw the strokes of an earlier, unfinished session away."""
        item = self.screen.item
        barred = () if item is None or item.barred is None else item.barred.pending
        for pending in (*(item.pending if item is not None else ()), *barred):
            pending.discard()

    # -- saving -------------------------------------------------------------------------------------

    def leave(self) -> None:
        """Save the strokes of the item on the screen, if there are any, before it goes away."""
        if self.painting.unsaved:
            self.save(comment="saved when the case was left")
        self._options.barring = False
        self.barring.save()  # also what was painted without that
        self.painting.end()
        self.barring.end()

    def save(self, verdict: Verdict | None = None, quality: int | None = None, comment: str = "") -> None:
        """Write the label as a new version, in the background; then record the verdict that belongs to it.

        What was painted as not to be learned from is saved too; where nothing else is new, nothing else is saved.
        """
        barred = self.barring.save()
        if barred and verdict is None and not self.painting.unsaved:
            return  # nothing else is new
        if self.screen.item is not None:
            about = {"verdict": verdict, "quality": quality, "comment": comment, "seen": self._seen()}
            self.painting.save(self.opened, self.screen.item, self._reader(), **about)

    def _saved(self, item: ItemData, on_screen: bool) -> None:
        if on_screen:
            self.screen.replace_item(item)
            self._signals.version_changed.emit(self.screen.item)
        self.screen.forget(item.key)
        self._signals.notice.emit(Notice(f"Saved a new version of {item.key}.", Kind.SUCCESS))
        self._decided(item.key)

    def _barred(self, key: ItemKey, n_voxels: int) -> None:
        self.screen.forget(key)
        words = "what is not to be learned from" if n_voxels else "that all of it may be learned from"
        self._signals.notice.emit(Notice(f"Saved {words} in {key}.", Kind.SUCCESS))
        self.tell_queue()  # what would be learned from has changed
        self._signals.history_changed.emit(key)

    # -- deciding -----------------------------------------------------------------------------------

    def decide(self, verdict: Verdict, quality: int | None, comment: str) -> None:
        """Record a verdict on the item on the screen, on a version of its own where it was repainted."""
        item = self.screen.item
        if item is None:
            return
        if item.reading == "open":
            text = "This is a reading of yours that is not answered. Answer it; verdicts come afterwards."
            self._signals.notice.emit(Notice(text, Kind.WARNING))
            return
        self.barring.save()
        if self.painting.unsaved:
            self.save(Verdict.CORRECTED if verdict is Verdict.ACCEPTED else verdict, quality, comment)
        elif verdict is Verdict.CORRECTED and not item.label_version:
            text = "Nothing was repainted in this case. Accept it, or correct it first."
            self._signals.notice.emit(Notice(text, Kind.WARNING))
        else:
            self.record(verdict=verdict, quality=quality, comment=comment)

    def record(self, **fields: Any) -> None:
        """Append a verdict or a remark, fields of `Decision`, on the version that is on the screen."""
        if self.screen.item is not None:
            self._verdicts.record(self.screen.item, self._reader(), self._seen(), **fields)

    def undo_decision(self) -> None:
        """Take back the last entry of this reader on the item on the screen."""
        if self.screen.item is not None:
            self._verdicts.undo(self.screen.item.key, self._reader())

    def _seen(self) -> dict[str, Any]:
        return seen_on_screen(self.screen.item, self.screen.view, self._options, self.walk.wish.strategy)

    def _decided(self, key: ItemKey) -> None:
        if self.walk.full.find(key) is not None:  # an open reading is in no queue
            self.walk.renew(key, self.opened.store.state(key))
            self.tell_queue()
        self._signals.history_changed.emit(key)
