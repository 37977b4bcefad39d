"""The review store of one workstation of a team: worked on here, kept in step with the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from sqlalchemy import Engine

from napari_aleatoric.errors import StoreUnreachableError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Decision, ItemKey, ItemScores
from napari_aleatoric.review._labels._sweep import put_back
from napari_aleatoric.review._storage._claims import ClaimTable
from napari_aleatoric.review._storage._correction_log import Correction, CorrectionLog
from napari_aleatoric.review._storage._decision_log import DecisionLog
from napari_aleatoric.review._storage._engine import reading
from napari_aleatoric.review._storage._items import ItemTable
from napari_aleatoric.review._storage._score_rows import ScoreRows
from napari_aleatoric.review._storage._store import ReviewStore

from ._link import Link, LinkState
from ._local_file import local_path, note, open_local, read_marks

__all__ = ["TeamStore", "open_store"]


class TeamStore(ReviewStore):
    """A `ReviewStore` that reads from, and writes into, a copy on this computer, and never waits for the server.

    What is written is on this computer's disk when the method returns; a thread sends it to the server, in its
    order and each entry once, and fetches what others said. While the server is away everything but claims and
    scores goes on here; what was written waits, through a restart, too. `claimed` is as last heard, at most a few
    seconds ago.

    Build it with :func:`open_store`.

    Attributes
    ----------
    link : Link
        The way to the server: how it stands, and who is told of changes.
    """

    link: Link

    def __init__(self, local: Engine, link: Link) -> None:
        super().__init__(local)
        self.link = link
        self._items = _Items(local, link)
        self._claims = _Claims(local, link)
        self._scores = _Scores(local, link)
        self._decisions = _Decisions(local, link)
        self._corrections = _Corrections(local, link)

    def exchange(self) -> LinkState:
        """Send and fetch now, and wait for it."""
        return self.link.exchange()

    def close(self) -> None:
        """Send what waits, if the server answers, and close. What it does not get stays for the next time."""
        self.link.close()
        super().close()


class _Items(ItemTable):
    """Items: the server is told as soon as it answers."""

    def __init__(self, local: Engine, link: Link) -> None:
        super().__init__(local)
        self._link = link

    def sync(self, keys: Sequence[ItemKey], fingerprints: Mapping[ItemKey, str]) -> None:
        self._link.send_items(list(keys), dict(fingerprints))
        self._link.exchange()
        super().sync(keys, fingerprints)


class _Scores(ScoreRows):
    """Scores are put on the server, and not while it is away."""

    def __init__(self, local: Engine, link: Link) -> None:
        super().__init__(local)
        self._link = link

    def put(
        self, item_scores: ItemScores, *, fingerprint: str, spec_digest: str, correction_id: str | None
    ) -> None:
        there = self._link.server()
        there.put_item_scores(
            item_scores, fingerprint=fingerprint, spec_digest=spec_digest, correction_id=correction_id
        )
        self._link.exchange()

    def put_comparison(self, text: str) -> None:
        self._link.server().put_comparison(text)
        self._link.exchange()

    def put_judge(self, name: str) -> None:
        self._link.server().put_judge(name)
        self._link.exchange()


class _Decisions(DecisionLog):
    """Decisions are written here, and sent."""

    def __init__(self, local: Engine, link: Link) -> None:
        super().__init__(local)
        self._link = link

    def append(self, decision: Decision) -> Decision:
        note(self._engine, decision.decision_id)
        made = super().append(decision)
        self._link.wake()
        return made

    def undo(self, key: ItemKey, reader: str) -> Decision | None:
        made = super().undo(key, reader)
        if made is not None:
            note(self._engine, made.decision_id)
            self._link.wake()
        return made


class _Corrections(CorrectionLog):
    """Label versions likewise."""

    def __init__(self, local: Engine, link: Link) -> None:
        super().__init__(local)
        self._link = link

    def append(self, correction: Correction, *, allowed_by: str | None = None) -> Correction:
        note(self._engine, correction.correction_id)
        made = super().append(correction, allowed_by=allowed_by)
        self._link.wake()
        return made


class _Claims(ClaimTable):
    """Claims are the server's; while it is away nobody can take an item for themselves."""

    def __init__(self, local: Engine, link: Link) -> None:
        super().__init__(local)
        self._link = link

    def claim(self, key: ItemKey, reader: str, seconds: float) -> str:
        return self._link.server().claim(key, reader, seconds)

    def claim_next(self, keys: Sequence[ItemKey], reader: str, seconds: float) -> ItemKey | None:
        return self._link.server().claim_next(keys, reader, seconds)

    def release(self, key: ItemKey, reader: str) -> None:
        with suppress(StoreUnreachableError):  # it runs out
            self._link.server().release(key, reader)

    def claimed(self) -> dict[ItemKey, str]:
        return dict(self._link.state.held)


def open_store(ws: Workspace) -> ReviewStore:
    """Open the review store of a workspace for work at a window: its file, or this computer's copy of the team's.

    Raises
    ------
    StoreError
        If it cannot be opened.
    StoreUnreachableError
        If the server does not answer and this computer has no copy yet. With a copy, work begins without it.
    """
    url = ws.store_url
    if url.startswith("sqlite"):
        return ReviewStore.open(url)
    path = local_path(url)
    known = path.exists()
    if not known:
        ReviewStore.open(url).close()  # an address that is wrong leaves nothing behind
    local = open_local(path)
    link = Link(url, local, partial(put_back, ws))
    state = link.exchange()
    with reading(local) as connection:
        never_there = not read_marks(connection).items
    if state.away and never_there:
        link.close()
        local.dispose()
        raise StoreUnreachableError(state.away)
    link.start()
    return TeamStore(local, link)
