"""The way between this computer's copy and the team's server: sends, fetches, and says how it stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from napari_aleatoric.errors import AleatoricError, StoreUnreachableError
from napari_aleatoric.model import ItemKey
from napari_aleatoric.review._storage._conflicts import Conflict, list_conflicts
from napari_aleatoric.review._storage._store import ReviewStore

from ._local_file import waiting
from ._pull import pull
from ._push import push

__all__ = ["Link", "LinkState"]

_PERIOD_S = 3.0
_LAST_WAIT_S = 5.0
_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # between tries while the server is away; the last again and again


@dataclass(frozen=True)
class LinkState:
    """How this computer stands to the team's server.

    Parameters
    ----------
    away : str
        Why it does not answer, or refuses, in a sentence; "" while it does.
    n_waiting : int
        Entries on this computer that the server does not have yet.
    refused : tuple of str
        Why it will never take some of them.
    conflicts : tuple of Conflict
        Those that nobody has settled.
    held : mapping of ItemKey to str
        Who has which item before them, as last heard.
    n_arrived : int
        Entries that have reached the server since the workspace was opened.
    n_changes : int
        How often something came from others that a queue shows.
    """

    away: str = ""
    n_waiting: int = 0
    refused: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    held: Mapping[ItemKey, str] = field(default_factory=dict)
    n_arrived: int = 0
    n_changes: int = 0


class Link:
    """Sends what waits and fetches what is new: at once when told, else every few seconds.

    Parameters
    ----------
    url : str
        Of the server's store.
    local : Engine
        This computer's copy.
    arrived : callable
        Told of every label file whose record has reached the server.
    """

    def __init__(self, url: str, local: Engine, arrived: Callable[[str], object]) -> None:
        self._url, self._local, self._arrived = url, local, arrived
        self._server: ReviewStore | None = None
        self._exchanging = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._watchers: list[Callable[[LinkState], None]] = []
        self._data_set: tuple[list[ItemKey], dict[ItemKey, str]] | None = None
        self._noting, self._everything, self._keys = threading.Lock(), False, set[ItemKey]()
        self.state = LinkState()
        self._thread = threading.Thread(target=self._run, name="aleatoric-team", daemon=True)

    def start(self) -> None:
        """Begin to look regularly."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once; returns at once, too."""
        self._wake.set()

    def watch(self, watcher: Callable[[LinkState], None]) -> None:
        """Have a function told of every change of the state, in the thread of this link."""
        self._watchers.append(watcher)

    def take_changes(self) -> tuple[bool, set[ItemKey]]:
        """Return what came since the last call: whether anything may have changed, else the items concerned."""
        with self._noting:
            found = self._everything, self._keys
            self._everything, self._keys = False, set()
        return found

    def close(self) -> None:
        """Send what waits, if the server answers, and end."""
        self._watchers.clear()
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_LAST_WAIT_S)
        if self._thread.is_alive():  # the network hangs; what waits is on the disk, and goes with the next start
            return
        if not self.state.away and waiting(self._local)[0]:
            self.exchange()
        if self._server is not None:
            self._server.close()

    def server(self) -> ReviewStore:
        """Return the store on the server; while it is away this fails at once.

        Raises
        ------
        StoreUnreachableError
            If it did not answer when it was last asked.
        """
        if self.state.away or self._server is None:
            raise StoreUnreachableError(self.state.away or "The server of the review store was not reached yet.")
        return self._server

    def send_items(self, keys: list[ItemKey], fingerprints: dict[ItemKey, str]) -> None:
        """Tell the server which items there are, with the next exchange."""
        self._data_set = (keys, fingerprints)

    def exchange(self) -> LinkState:
        """Send and fetch now, in this thread; return how it stands afterwards."""
        with self._exchanging:
            before = self.state
            try:
                state = self._exchange(before)
            except (AleatoricError, SQLAlchemyError, OSError) as error:
                n_waiting, refused = waiting(self._local)
                state = replace(
                    before, away=str(error) or type(error).__name__, n_waiting=n_waiting, refused=tuple(refused)
                )
            self.state = state
        if state != before:
            for watcher in list(self._watchers):
                watcher(state)
        return state

    def _exchange(self, before: LinkState) -> LinkState:
        if self._server is None:
            self._server = ReviewStore.open(self._url)
        server = self._server
        if self._data_set is not None:
            keys, fingerprints = self._data_set
            server.sync_items(keys, fingerprints)
            self._data_set = None
        sent = push(self._local, server._engine)
        for file in sent.files:
            self._arrived(file)
        pulled = pull(server._engine, self._local)
        with self._noting:
            self._everything = self._everything or pulled.everything
            self._keys |= pulled.keys
        held = server.claimed()
        n_waiting, refused = waiting(self._local)
        return LinkState(
            away="",
            n_waiting=n_waiting,
            refused=tuple(refused),
            conflicts=tuple(list_conflicts(self._local)),
            held=held,
            n_arrived=before.n_arrived + sent.n,
            n_changes=before.n_changes + bool(pulled.everything or pulled.keys),
        )

    def _recount(self) -> None:
        """Say at once that more waits."""
        with self._exchanging:
            self.state = state = replace(self.state, n_waiting=waiting(self._local)[0])
        for watcher in list(self._watchers):
            watcher(state)

    def _run(self) -> None:
        failures = 0
        while True:
            pause = _PAUSES_S[min(failures - 1, len(_PAUSES_S) - 1)] if failures else _PERIOD_S
            self._wake.wait(pause)
            if self._stop.is_set():
                return
            if failures and self._wake.is_set():  # new work does not bring the server back sooner
                self._wake.clear()
                self._recount()
                self._stop.wait(_PAUSES_S[0])
            self._wake.clear()
            failures = failures + 1 if self.exchange().away else 0
