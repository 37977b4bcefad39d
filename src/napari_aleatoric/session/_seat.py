"""One reader's place among others: what they have before them, what is free, and what came from elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_aleatoric.errors import AleatoricError, StoreUnreachableError
from napari_aleatoric.model import ItemKey

from ._notice import Kind, Notice

if TYPE_CHECKING:
    from napari_aleatoric.review import LinkState, ReviewStore

__all__ = ["Seat"]

_RENEW_S = 60.0  # five of these before a claim runs out; see `review.CLAIM_SECONDS`
_LOOK_S = 5.0  # how often it is looked who else has what
_LAST_WAIT_S = 3.0

Deliver = Callable[[Callable[[], None]], None]


class Seat:
    """Claims the item on the screen, renews that, and finds the next one that nobody else has.

    What may have to wait for a server is done by a thread of its own; all signals come in the main thread.

    Parameters
    ----------
    store : ReviewStore
        Of the open workspace.
    reader : callable
        Who sits here, at the moment of the call.
    deliver : callable
        Runs a function in the main thread.
    """

    told = Signal(object)  # Notice
    held_changed = Signal(object)  # mapping of ItemKey to the other reader who has it
    link_changed = Signal(object)  # LinkState
    came = Signal(bool, object)  # whether anything may have changed; else, the items of which others have spoken

    def __init__(self, store: ReviewStore, reader: Callable[[], str], deliver: Deliver) -> None:
        self._store, self._reader, self._deliver = store, reader, deliver
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()  # scripts may deliver from the thread that has read a case
        self._mine: tuple[ItemKey, str] | None = None  # the claim that is renewed; the thread's business
        self._taken: set[tuple[ItemKey, str]] = set()  # all that are to be given back
        self._renewed = 0.0
        self._closed = False
        self.held: Mapping[ItemKey, str] = {}
        self.link: LinkState | None = store.link.state if store.link is not None else None
        if store.link is not None:
            store.link.watch(lambda state: self._to_main(lambda: self._take_link(state)))

    def close(self) -> None:
        """Give the claim back, and end."""
        with self._starting:
            self._closed, thread = True, self._thread
        if thread is not None:
            self._jobs.put(None)
            thread.join(_LAST_WAIT_S)

    def take(self, key: ItemKey) -> None:
        """Claim the item that came to the screen, and give the one before back."""
        reader = self._reader()
        self._do(lambda: self._claim(key, reader))

    def next_free(
        self, keys: Sequence[ItemKey], found: Callable[[ItemKey | None], None], *, pending: bool = False
    ) -> None:
        """Claim the first of these that nobody else has, and hand it to a function; None if there is none.

        Parameters
        ----------
        keys : sequence of ItemKey
            In the order of the queue.
        found : callable
            Called in the main thread: at once for a store in a file, when the server has answered for a team's.
        pending : bool
            Pass over those that somebody has decided since the queue was read.
        """
        reader = self._reader()
        if self._store.link is None:
            found(self._first_free(list(keys), reader, pending))
            return

        def ask() -> None:
            key = self._first_free(list(keys), reader, pending)
            self._to_main(lambda: found(key))

        self._do(ask)

    # -- in the thread ------------------------------------------------------------------------------

    def _do(self, job: Callable[[], None]) -> None:
        with self._starting:
            if self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="aleatoric-claims", daemon=True)
                self._thread.start()
            self._jobs.put(job)

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=_LOOK_S)
            except Empty:
                job = self._renew_if_due
            with suppress(AleatoricError):  # the next renewal tries again; the link says if the server is away
                if job is None:
                    self._give_back()
                    return
                job()
                self._look_round()

    def _claim(self, key: ItemKey, reader: str) -> None:
        self._give_back(but=(key, reader))
        self._renewed = time.monotonic()
        self._mine = (key, reader)  # also where it is another's: once that has run out it is ours
        who = self._store.claim(key, reader)
        self._taken.add((key, reader))
        if who != reader:
            text = f"{who} has {key} open right now. What you say of it is kept beside what they say."
            self._to_main(lambda: self.told.emit(Notice(text, Kind.WARNING)))

    def _renew_if_due(self) -> None:
        if self._mine is not None and time.monotonic() - self._renewed >= _RENEW_S:
            self._renewed = time.monotonic()
            self._store.claim(*self._mine)

    def _give_back(self, but: tuple[ItemKey, str] | None = None) -> None:
        for claim in self._taken - {but}:
            self._taken.discard(claim)
            self._store.release(*claim)

    def _first_free(self, keys: list[ItemKey], reader: str, pending: bool) -> ItemKey | None:
        while keys:
            try:
                key = self._store.claim_next(keys, reader)
                if key is None:
                    return None
                if not pending or self._is_pending(key):
                    self._taken.add((key, reader))
                    return key
                self._store.release(key, reader)
            except StoreUnreachableError:  # go on without claims; first with what nobody had when it was last heard
                others = {key for key, who in self._store.claimed().items() if who != reader}
                return next((key for key in keys if key not in others), keys[0])
            del keys[: keys.index(key) + 1]
        return None

    def _is_pending(self, key: ItemKey) -> bool:
        """Ask where everybody writes: this computer's copy may not have heard of it yet."""
        store = self._store if self._store.link is None else self._store.link.server()
        return bool(store.state(key).verdict is None)

    def _look_round(self) -> None:
        claimed = self._store.claimed()
        self._to_main(lambda: self._take_held(claimed))

    # -- in the main thread -------------------------------------------------------------------------

    def _to_main(self, call: Callable[[], None]) -> None:
        self._deliver(lambda: None if self._closed else call())

    def _take_held(self, claimed: Mapping[ItemKey, str]) -> None:
        me = self._reader()
        held = {key: who for key, who in claimed.items() if who != me}
        if held != self.held:
            self.held = held
            self.held_changed.emit(held)

    def _take_link(self, state: LinkState) -> None:
        before, self.link = self.link, state
        self._take_held(self._store.claimed())
        everything, keys = self._store.link.take_changes()
        if everything or keys:
            self.came.emit(everything, keys)
        if notice := _news(before, state, {c.entry_id for c in self._store.conflicts()}):
            self.told.emit(notice)
        self.link_changed.emit(state)


def _news(before: LinkState | None, now: LinkState, may_be_told: set[str]) -> Notice | None:
    """Say what is new about the server, in one or two sentences; None if nothing is."""
    if before is None:
        return None
    if now.away and not before.away:
        kept = "What you decide and draw is kept on this computer and sent when it returns."
        return Notice(f"{now.away} {kept}", Kind.WARNING)
    known = {conflict.entry_id for conflict in before.conflicts}
    new = [c for c in now.conflicts if c.entry_id not in known and c.entry_id in may_be_told]
    if new:
        more = f" And {len(new) - 1} more." if len(new) > 1 else ""
        return Notice(f"Conflict: {new[0].sentence}{more} Both are kept; decide it anew.", Kind.WARNING)
    if len(now.refused) > len(before.refused):
        return Notice(f"Not sent: {now.refused[-1]}", Kind.WARNING)
    if before.away and not now.away:
        n = now.n_arrived - before.n_arrived
        sent = f" {n} {'entry was' if n == 1 else 'entries were'} sent." if n else ""
        return Notice(f"The server of the review store answers again.{sent}", Kind.SUCCESS)
    return None
