"""The review store: what was measured, what people said, and which labels they saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Decision, Flag, HotSpot, ItemKey, ItemScores
from napari_aleatoric.uncertainty import ScoreTable

from ._adjudication_log import AdjudicationLog
from ._claims import CLAIM_SECONDS, ClaimTable
from ._conflicts import Conflict, list_conflicts
from ._correction_log import Correction, CorrectionLog
from ._decision_log import DecisionLog, HistoryEntry, StateColumns, States
from ._engine import open_engine
from ._fold import ItemState, fold
from ._items import ItemTable
from ._region_log import RegionLog
from ._score_rows import Overview, ScoreInfo, ScoreRows
from ._study_log import StudyLog

__all__ = ["ReviewStore"]


class ReviewStore:
    """Everything remembered about the items of one workspace.

    Every method that writes is one transaction: when it returns, the entry is on the disk and outlives a kill or
    a power cut; when it raises, nothing changed. Decisions and label versions are only ever appended. One store may
    be used from several threads, and one database by several processes.

    Build it with :meth:`open`.
    """

    link: Any = None  # of a team's store: the way to its server

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._items = ItemTable(engine)
        self._claims = ClaimTable(engine)
        self._scores = ScoreRows(engine)
        self._decisions = DecisionLog(engine)
        self._corrections = CorrectionLog(engine)
        self._study = StudyLog(engine)
        self._adjudications = AdjudicationLog(engine)
        self._regions = RegionLog(engine)

    @classmethod
    def open(cls, url: str) -> ReviewStore:
        """Open a store by its database URL (`Workspace.store_url`); an empty database is prepared.

        Raises
        ------
        StoreError
            If the database cannot be opened or was written by a newer version of this program.
        """
        return cls(open_engine(url))

    def close(self) -> None:
        """Close all connections. Everything is on the disk already."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # items

    def sync_items(self, items: Sequence[ItemKey], fingerprints: Mapping[ItemKey, str]) -> None:
        """Tell the store which items the data set has now.

        New ones are added; those not named are marked as gone and come back with all their log when they are named
        again. Nothing is deleted.

        Parameters
        ----------
        items : sequence of ItemKey
            All items, in the order of the data set.
        fingerprints : mapping of ItemKey to str
            Of their files; a score made from another fingerprint counts as stale.
        """
        self._items.sync(items, fingerprints)

    def follow(self, workspace: Workspace) -> None:
        """Tell the store which items a workspace has now, those that one handle on it hides included."""
        whole = workspace.whole
        self.sync_items(whole.dataset.items, whole.fingerprints())

    def items(self) -> list[ItemKey]:
        """Items of the data set as last synchronised, in its order, without those that are gone."""
        return self._items.present()

    def fingerprints(self) -> dict[ItemKey, str]:
        """Fingerprints of the items as last synchronised."""
        return self._items.fingerprints()

    # scores

    def put_item_scores(
        self, scores: ItemScores, *, fingerprint: str, spec_digest: str, correction_id: str | None = None
    ) -> None:
        """Replace everything measured on one item, in one transaction.

        Parameters
        ----------
        scores : ItemScores
            Values, flags and hot spots.
        fingerprint : str
            Of the files that were scored.
        spec_digest : str
            `Spec.digest` of what was asked for.
        correction_id : str, optional
            The label version that was scored; None = the original label.

        Raises
        ------
        NotFoundError
            If the item was never synchronised.
        """
        self._scores.put(scores, fingerprint=fingerprint, spec_digest=spec_digest, correction_id=correction_id)

    def scored_fingerprints(self, spec_digest: str) -> dict[ItemKey, str]:
        """Which items were scored with this spec, and the fingerprint they had then."""
        return self._scores.scored_fingerprints(spec_digest)

    def score_info(self, key: ItemKey) -> ScoreInfo | None:
        """Say what the scores of an item were made from, and how many flags it has; None if it was not scored."""
        return self._scores.info(key)

    def overview(self) -> Overview:
        """Read what a queue needs to know of all items at once; see `build_queue`."""
        return self._scores.overview()

    def put_comparison(self, text: str) -> None:
        """Keep what the difficulty of the scores is compared with (`Comparison.to_text`); "" = with each other."""
        self._scores.put_comparison(text)

    def put_judge(self, name: str) -> None:
        """Keep who judged the labels: one of `uncertainty.JUDGES`."""
        self._scores.put_judge(name)

    def score_table(self) -> ScoreTable:
        """All values of all scored items that are present, in columns, in the order of the data set."""
        found = self._scores.overview()
        keys, columns = found.of_scored()
        return ScoreTable(keys=keys, columns=columns, judge=found.judge)

    def item_scores(self, key: ItemKey) -> ItemScores:
        """Everything measured on one item; `NotFoundError` if it was not scored."""
        return self._scores.get(key)

    def flags(self, key: ItemKey) -> tuple[Flag, ...]:
        """Return findings of the geometry checks on one item; empty if it was not scored."""
        return self._scores.findings(key)[0]

    def hot_spots(self, key: ItemKey) -> tuple[HotSpot, ...]:
        """Where the maps of one item are worst; empty if it was not scored."""
        return self._scores.findings(key)[1]

    # decisions

    def decide(self, decision: Decision) -> Decision:
        """Append one entry to the log; when this returns it is on the disk."""
        return self._decisions.append(decision)

    def undo(self, key: ItemKey, reader: str) -> Decision | None:
        """Append an entry that takes back this reader's last entry on the item that still holds.

        Returns
        -------
        Decision or None
            The entry that was appended (``undoes`` names the one taken back); None if there was nothing to undo.
        """
        return self._decisions.undo(key, reader)

    def history(self, key: ItemKey) -> list[HistoryEntry]:
        """All decisions on one item, oldest first; ``undone`` marks those that were taken back."""
        return self._decisions.history(key)

    def decision(self, decision_id: str) -> Decision:
        """One decision by its id."""
        return self._decisions.find(decision_id)

    def decisions(self) -> Iterator[Decision]:
        """All decisions on all items, in the order in which they were made."""
        return self._decisions.everything()

    def state(self, key: ItemKey, reader: str | None = None) -> ItemState:
        """Fold the log of one item; with ``reader``, only what that reader said."""
        return fold(d for d in self.history(key) if reader is None or d.reader == reader)

    def states(self, reader: str | None = None) -> States:
        """Fold the logs of all items at once.

        Returns
        -------
        States
            A dict of the items with decisions; any other key gives the pending state.
        """
        return self._decisions.states(reader)

    def state_columns(self, row_of: Mapping[ItemKey, int], reader: str | None = None) -> StateColumns:
        """Fold the logs of these items into numpy columns, each item in its row: `states` for very many items."""
        return self._decisions.state_columns(row_of, reader)

    # label versions

    def add_correction(self, correction: Correction, *, allowed_by: str | None = None) -> Correction:
        """Append a label version whose file is already in place; see `save_correction`."""
        return self._corrections.append(correction, allowed_by=allowed_by)

    def corrections(self, key: ItemKey) -> list[Correction]:
        """All saved versions of one label, oldest first."""
        return self._corrections.of(key)

    def all_corrections(self) -> list[Correction]:
        """All saved versions of all labels, oldest first."""
        return self._corrections.everything()

    def correction_files(self) -> set[str]:
        """Files below the corrections folder that any saved version refers to, with "/"."""
        return self._corrections.files()

    def latest_correction(self, key: ItemKey) -> Correction | None:
        """Return the version of the label that counts now; None = the original, as does ``is_original``."""
        return self._corrections.latest(key)

    def correction_counts(self) -> dict[ItemKey, tuple[str | None, int]]:
        """For every item with saved versions: id of the present one (None = original), and how many there are."""
        return self._corrections.current_ids()

    @property
    def adjudications(self) -> AdjudicationLog:
        """What was chosen where readers differ, and what came of it."""
        return self._adjudications

    @property
    def regions(self) -> RegionLog:
        """What was said of hot regions of maps."""
        return RegionLog(self._engine)

    @property
    def study(self) -> StudyLog:
        """The log of who is to read what."""
        return self._study

    # several people, several windows

    def claim(self, key: ItemKey, reader: str, seconds: float = CLAIM_SECONDS) -> str:
        """Take an item for a while, or renew what this reader has; of several who try, one gets it.

        Returns
        -------
        str
            Who has it: ``reader`` if it was free, theirs already, or the other's claim has run out; else the other.
        """
        return self._claims.claim(key, reader, seconds)

    def claim_next(self, keys: Sequence[ItemKey], reader: str, seconds: float = CLAIM_SECONDS) -> ItemKey | None:
        """Take the first of these items that nobody else has, as `claim` does.

        Parameters
        ----------
        keys : sequence of ItemKey
            In the order of the queue. Those that are not in the data set any more are passed over.
        reader : str
            Who takes it.
        seconds : float
            How long it holds if it is not renewed.

        Returns
        -------
        ItemKey or None
            None if all are taken.
        """
        return self._claims.claim_next(keys, reader, seconds)

    def release(self, key: ItemKey, reader: str) -> None:
        """Give a claim back; nothing happens if it is not this reader's."""
        self._claims.release(key, reader)

    def claimed(self) -> dict[ItemKey, str]:
        """Who looks at what right now."""
        return self._claims.claimed()

    def conflicts(self) -> list[Conflict]:
        """Entries made without knowing of another reader's on the same item, that nobody has settled yet."""
        return list_conflicts(self._engine)

    def revision(self) -> tuple[int, int]:
        """Two numbers that grow with every decision and every saved label, by whichever process."""
        return self._decisions.last_seq(), self._corrections.last_seq()
