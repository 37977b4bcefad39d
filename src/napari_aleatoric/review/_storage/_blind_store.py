"""The store as a reader sees it who must not know yet what others and the machine say of some cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress

import numpy as np

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import Decision, Flag, HotSpot, ItemKey, ItemScores
from napari_aleatoric.uncertainty import ScoreTable

from ._adjudication_log import AdjudicationEntry, AdjudicationLog, AdjudicationOutcome
from ._claims import CLAIM_SECONDS
from ._conflicts import Conflict
from ._correction_log import Correction
from ._decision_log import HistoryEntry, StateColumns, States
from ._region_log import RegionEntry, RegionLog
from ._score_rows import Overview, ScoreInfo
from ._store import ReviewStore
from ._study_log import StudyEntry, StudyLog

__all__ = ["BlindStore", "blind_store", "whole_store"]


class BlindStore(ReviewStore):
    """A review store in which the hidden cases have no scores, decisions or label versions but the reader's own.

    Everything that is read passes through here; what is written goes to the store itself. Build it with
    `blind_store`.
    """

    reader = ""
    hidden: frozenset[str] = frozenset()
    _whole: ReviewStore | None = None

    def share(self, store: ReviewStore) -> None:
        """Read and write through the parts of another store; closing this one closes that one."""
        for name in ("_items", "_claims", "_scores", "_decisions", "_corrections", "_study"):
            setattr(self, name, getattr(store, name))
        self.link = store.link
        self._whole = store

    def close(self) -> None:
        """Close all connections."""
        if self._whole is not None:
            self._whole.close()

    def look_as(self, reader: str, hidden: frozenset[str]) -> None:
        """Show from now on what this reader may see."""
        self.reader, self.hidden = reader, hidden

    def _hides(self, key: ItemKey) -> bool:
        return key.case_id in self.hidden and not (key.label_reader == self.reader != "")

    def _shown(self, keys: Sequence[ItemKey]) -> list[bool]:
        return [not self._hides(key) for key in keys]

    # items

    def items(self) -> list[ItemKey]:
        """Items that are not hidden."""
        return [key for key in super().items() if not self._hides(key)]

    def fingerprints(self) -> dict[ItemKey, str]:
        """Fingerprints of the items that are not hidden."""
        return {key: value for key, value in super().fingerprints().items() if not self._hides(key)}

    # scores

    def scored_fingerprints(self, spec_digest: str) -> dict[ItemKey, str]:
        """Which items that are not hidden were scored with this spec."""
        found = super().scored_fingerprints(spec_digest)
        return {key: value for key, value in found.items() if not self._hides(key)}

    def score_info(self, key: ItemKey) -> ScoreInfo | None:
        """Say what scores were made from; None for a hidden item, too."""
        return None if self._hides(key) else super().score_info(key)

    def overview(self) -> Overview:
        """All that a queue needs, without rows of hidden items."""
        whole = self._scores.overview()
        shown = np.array(self._shown(whole.keys), dtype=bool)
        if shown.all():
            return whole
        new_row = np.cumsum(shown) - 1
        return whole._replace(
            keys=list(compress(whole.keys, shown.tolist())),
            columns={name: column[shown] for name, column in whole.columns.items()},
            scored=whole.scored[shown],
            n_flags=whole.n_flags[shown],
            changed=whole.changed[shown],
            correction_ids={int(new_row[row]): c for row, c in whole.correction_ids.items() if shown[row]},
        )

    def score_table(self) -> ScoreTable:
        """All values of all scored items that are not hidden."""
        found = self.overview()
        keys, columns = found.of_scored()
        return ScoreTable(keys=keys, columns=columns, judge=found.judge)

    def item_scores(self, key: ItemKey) -> ItemScores:
        """Everything measured on one item; `NotFoundError` for a hidden one."""
        self._check(key)
        return super().item_scores(key)

    def flags(self, key: ItemKey) -> tuple[Flag, ...]:
        """Return findings on one item; none of a hidden one."""
        return () if self._hides(key) else super().flags(key)

    def hot_spots(self, key: ItemKey) -> tuple[HotSpot, ...]:
        """Where the maps of one item are worst; nothing of a hidden one."""
        return () if self._hides(key) else super().hot_spots(key)

    # decisions

    def undo(self, key: ItemKey, reader: str) -> Decision | None:
        """Take back a decision; a hidden item has none."""
        return None if self._hides(key) else super().undo(key, reader)

    def history(self, key: ItemKey) -> list[HistoryEntry]:
        """All decisions on one item; none on a hidden one."""
        return [] if self._hides(key) else super().history(key)

    def decision(self, decision_id: str) -> Decision:
        """One decision by its id; `NotFoundError` for one on a hidden item."""
        found = super().decision(decision_id)
        self._check(found.key)
        return found

    def decisions(self) -> Iterator[Decision]:
        """All decisions on items that are not hidden."""
        return (decision for decision in super().decisions() if not self._hides(decision.key))

    def states(self, reader: str | None = None) -> States:
        """States of the items that are not hidden; a hidden one is pending."""
        found = super().states(reader)
        return States((key, state) for key, state in found.items() if not self._hides(key))

    def state_columns(self, row_of: Mapping[ItemKey, int], reader: str | None = None) -> StateColumns:
        """Fold the logs of these items into columns; hidden ones are pending."""
        blanked = {ItemKey(f"\0{row}") if self._hides(key) else key: row for key, row in row_of.items()}
        return super().state_columns(blanked, reader)

    # label versions

    def corrections(self, key: ItemKey) -> list[Correction]:
        """All saved versions of one label; none of a hidden one."""
        return [] if self._hides(key) else super().corrections(key)

    def all_corrections(self) -> list[Correction]:
        """All saved versions of labels that are not hidden."""
        return [c for c in super().all_corrections() if not self._hides(c.key)]

    def latest_correction(self, key: ItemKey) -> Correction | None:
        """Return the version that counts now; None of a hidden label."""
        return None if self._hides(key) else super().latest_correction(key)

    def correction_counts(self) -> dict[ItemKey, tuple[str | None, int]]:
        """Present version and number of versions of labels that are not hidden."""
        return {key: value for key, value in super().correction_counts().items() if not self._hides(key)}

    # several people

    @property
    def study(self) -> StudyLog:
        """The log of who is to read what, as this reader may know it."""
        return _OwnStudy(self._study, lambda: self.reader)

    @property
    def adjudications(self) -> AdjudicationLog:
        """What was chosen where readers differ, hidden cases apart."""
        return _OpenAdjudications(self._adjudications, lambda: self.hidden)

    @property
    def regions(self) -> RegionLog:
        """What was said of hot regions, hidden cases apart: the reader's own label, too, as it speaks of maps."""
        return _OpenRegions(super().regions, lambda: self.hidden)

    def claim_next(self, keys: Sequence[ItemKey], reader: str, seconds: float = CLAIM_SECONDS) -> ItemKey | None:
        """Take the first of these items that nobody else has; hidden ones are passed over."""
        return super().claim_next([key for key in keys if not self._hides(key)], reader, seconds)

    def claimed(self) -> dict[ItemKey, str]:
        """Who looks at what right now, hidden items apart."""
        return {key: who for key, who in super().claimed().items() if not self._hides(key)}

    def conflicts(self) -> list[Conflict]:
        """Conflicts on items that are not hidden."""
        return [conflict for conflict in super().conflicts() if not self._hides(conflict.key)]

    def _check(self, key: ItemKey) -> None:
        if self._hides(key):
            raise NotFoundError(f"What others and the machine say of {key.case_id} is hidden until it is answered.")


class _OpenAdjudications(AdjudicationLog):
    """The log of adjudications without those of hidden cases."""

    def __init__(self, log: AdjudicationLog, hidden: Callable[[], frozenset[str]]) -> None:
        super().__init__(log._engine)
        self._hidden = hidden

    def of(self, case_id: str, name: str) -> list[AdjudicationEntry]:
        """Return the entries of one adjudication; none of a hidden case."""
        return [] if case_id in self._hidden() else super().of(case_id, name)

    def everything(self) -> list[AdjudicationEntry]:
        """Return the entries of all cases that are not hidden."""
        return [entry for entry in super().everything() if entry.case_id not in self._hidden()]

    def outcomes(self, case_id: str | None = None, name: str | None = None) -> list[AdjudicationOutcome]:
        """Return what came of the adjudications of cases that are not hidden."""
        return [found for found in super().outcomes(case_id, name) if found.case_id not in self._hidden()]


class _OpenRegions(RegionLog):
    """The log of hot regions without those of hidden cases."""

    def __init__(self, log: RegionLog, hidden: Callable[[], frozenset[str]]) -> None:
        super().__init__(log._engine)
        self._hidden = hidden

    def of(self, key: ItemKey) -> list[RegionEntry]:
        """Return what was said of the regions of one label; nothing in a hidden case."""
        return [] if key.case_id in self._hidden() else super().of(key)

    def everything(self) -> list[RegionEntry]:
        """Return what was said in all cases that are not hidden."""
        return [entry for entry in super().everything() if entry.case_id not in self._hidden()]


class _OwnStudy(StudyLog):
    """A study's log with the reader's own entries alone; a honeypot that is not revealed looks like all else."""

    def __init__(self, log: StudyLog, reader: Callable[[], str]) -> None:
        super().__init__(log._engine)
        self._reader = reader

    def entries(self) -> list[StudyEntry]:
        """Return the reader's own entries."""
        mine = [entry for entry in super().entries() if entry.reader == self._reader()]
        revealed = {entry.assignment_id for entry in mine if entry.event == "revealed"}
        return [entry if entry.assignment_id in revealed else _masked(entry) for entry in mine]


def _masked(entry: StudyEntry) -> StudyEntry:
    if entry.about.get("kind") != "honeypot":
        return entry
    about = {name: value for name, value in entry.about.items() if name != "trusted"}
    return replace(entry, about={**about, "kind": "first"})


def blind_store(store: ReviewStore, reader: str, hidden: frozenset[str]) -> BlindStore:
    """Return the same store as one reader sees it; both share their connections.

    Parameters
    ----------
    store : ReviewStore
        With everything.
    reader : str
        Who looks.
    hidden : frozenset of str
        Cases of which only that reader's own label is known; `BlindStore.look_as` changes them.
    """
    seen = BlindStore(store._engine)
    seen.share(store)
    seen.reader, seen.hidden = reader, hidden
    return seen


def whole_store(store: ReviewStore) -> ReviewStore:
    """Return the store behind what a reader sees of it; any other store as it is."""
    return (store._whole or store) if isinstance(store, BlindStore) else store
