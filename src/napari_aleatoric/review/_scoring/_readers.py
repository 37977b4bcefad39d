"""What several readers' labels of a case say beside each other: measured from the labels alone, and kept apart.

No model is asked, so that these scores are renewed without learning anything: whenever a label of the case changed,
a reader came or went, or the program measures more than it did.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.io import Workspace, remove_maps, write_map, write_whole
from napari_aleatoric.model import WHOLE_CASE, CaseFiles, Flag, ItemKey, Problem
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import (
    READER_DEPARTURE_MAP,
    READER_MAPS,
    READER_MEASURES,
    LabelFacts,
    ReaderScores,
    score_readers,
)

from ._cache import scoring_folder
from ._case import UNREADABLE, CaseReader, ReadLabels, each_case, own_labels, reason_in_words

__all__ = ["no_object_flag", "renew_readers"]

_VERSION = "1"  # changes when the same labels give other numbers or maps
_OWN = "reader_departure"  # every label that was compared with others has it


@dataclass(frozen=True, eq=False)
class _Compared:
    """What came out of one case."""

    labels: ReadLabels | None
    scores: ReaderScores
    refused: tuple[Problem, ...]


def no_object_flag(facts: Mapping[str, LabelFacts]) -> tuple[Flag, ...]:
    """Say of a case of two readers or more that none of them drew anything, from the counts of their labels."""
    if len(facts) < 2 or any(label.classes for label in facts.values()):
        return ()
    sentence = f"No object: none of the {len(facts)} readers drew anything, so their departure is 0 by agreement."
    return (Flag("no_object", WHOLE_CASE, 0.0, sentence),)


def renew_readers(
    ws: Workspace,
    store: ReviewStore,
    reader: CaseReader,
    corrections: Mapping[ItemKey, str],
    *,
    maps: bool,
    made_by: Mapping[str, Any],
    waiting: Callable[[], None],
    report: Callable[[str], None],
) -> list[Problem]:
    """Compare the readers of every scored case whose comparison is missing or no longer holds.

    The values take the place of earlier ones beside the other scores of an item; those stay as they are, with what
    they were made from. A case of which only one reader's label is left loses its comparison; what
    came of an adjudication has none.

    Parameters
    ----------
    ws, store : Workspace, ReviewStore
        Where things are.
    reader : CaseReader
        Reads the labels.
    corrections : mapping of ItemKey to str
        Id of the saved version that counts now, of the labels that have one.
    maps : bool
        Whether to write the voxel maps.
    made_by : mapping
        Kept beside the maps.
    waiting : callable
        Called twice a second; may raise `Cancelled`.
    report : callable
        Told how far it is, in words.

    Returns
    -------
    list of Problem
        What could not be read.
    """
    record = _Record(ws)
    overview = store.overview()
    scored = {key for key, known in zip(overview.keys, overview.scored.tolist(), strict=True) if known}
    column = overview.columns.get((_OWN, WHOLE_CASE), np.full(len(overview.keys), np.nan))
    outcomes = store.adjudications.names()
    compared = {key for key, v in zip(overview.keys, column.tolist(), strict=True) if v == v}
    todo: list[CaseFiles] = []
    for with_outcomes in ws.dataset.cases:
        case = own_labels(with_outcomes, outcomes)
        keys = [ItemKey(case.case_id, label.reader) for label in case.labels]
        here = [key for key in keys if key in scored]
        for label in with_outcomes.labels:
            key = ItemKey(case.case_id, label.reader)
            if key in compared and (len(keys) < 2 or key not in keys):
                _put(ws, store, key, None, 0)
        if len(keys) < 2:
            continue
        holds = record.digest(case.case_id) == _digest(ws, case, corrections, maps)
        if here and not (holds and all(key in compared for key in here)):
            todo.append(case)
    refused: list[Problem] = []
    with closing(_each(reader, todo, ws, maps, waiting)) as results:
        for done, (case, found) in enumerate(results, start=1):
            refused += found.refused
            if found.labels is not None:
                _keep(ws, store, found.labels, found.scores, scored, made_by if maps else None)
                record.put(case.case_id, _digest(ws, case, corrections, maps))
            report(f"Compared the readers of {case.case_id} ({done} of {len(todo)})")
    return refused


def _each(
    reader: CaseReader, cases: Sequence[CaseFiles], ws: Workspace, maps: bool, waiting: Callable[[], None]
) -> Generator[tuple[CaseFiles, _Compared], None, None]:
    def one(case: CaseFiles) -> tuple[CaseFiles, _Compared]:
        try:
            labels = reader.read_labels(case)
            geometry = labels.geometry
            scores = score_readers(
                labels.labels,
                spacing_zyx_mm=geometry.spacing_zyx_mm if geometry.spacing_known else None,
                n_rows=ws.dataset.classes.n_rows,
                maps=maps,
            )
        except Cancelled:
            raise
        except UNREADABLE as error:
            return case, _Compared(None, ReaderScores(), (Problem(case.case_id, reason_in_words(error)),))
        return case, _Compared(labels, scores, labels.refused)

    return each_case(reader, one, cases, waiting)


def _keep(
    ws: Workspace,
    store: ReviewStore,
    labels: ReadLabels,
    scores: ReaderScores,
    scored: set[ItemKey],
    made_by: Mapping[str, Any] | None,
) -> None:
    """Write maps, then values, of every scored label of a case."""
    rows = {row: key for row, r in enumerate(labels.readers) if (key := ItemKey(labels.case_id, r)) in scored}
    for map_name in READER_MAPS:  # one at a time: each may be large
        values = None
        for row, key in rows.items():
            if made_by is None or not scores.map_classes:
                remove_maps(ws, key, map_name)
                continue
            if values is None or map_name == READER_DEPARTURE_MAP:
                values = scores.map_rows(map_name, row)
            write_map(ws, key, map_name, values, scores.map_classes, labels.geometry, made_by)
    for row, key in rows.items():
        _put(ws, store, key, scores, row)


def _put(ws: Workspace, store: ReviewStore, key: ItemKey, scores: ReaderScores | None, row: int) -> None:
    """Put the values of one label in the place of earlier ones; only take those away where there are none."""
    info, before = store.score_info(key), store.item_scores(key)
    if info is None:
        return
    values = tuple(v for v in before.values if v.measure not in READER_MEASURES)
    spots = tuple(s for s in before.hot_spots if s.map_name not in READER_MAPS)
    if scores is None or not scores.values:
        for map_name in READER_MAPS:
            remove_maps(ws, key, map_name)
    else:
        values = (*values, *scores.values, *scores.values_by_row[row])
        spots = (*spots, *scores.hot_spots, *(scores.hot_spots_by_row[row] if scores.hot_spots_by_row else ()))
    store.put_item_scores(
        replace(before, values=values, hot_spots=spots),
        fingerprint=info.fingerprint,
        spec_digest=info.spec_digest,
        correction_id=info.correction_id,
    )


def _digest(ws: Workspace, case: CaseFiles, corrections: Mapping[ItemKey, str], maps: bool) -> str:
    """Return 32 hexadecimal digits for everything that a comparison of readers depends on."""
    parts = [_VERSION, str(maps), json.dumps(ws.dataset.classes.to_json())]
    for label in case.labels:
        key = ItemKey(case.case_id, label.reader)
        parts += [label.reader, ws.fingerprint(*key), corrections.get(key, "")]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


class _Record:
    """Of which labels the kept comparisons are, by case; a cache: without it everything is compared anew."""

    def __init__(self, ws: Workspace) -> None:
        self._path: Path = scoring_folder(ws) / "readers.json"
        try:
            self._digests: dict[str, str] = dict(json.loads(self._path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            self._digests = {}

    def digest(self, case_id: str) -> str:
        """Return what the comparison of a case was made from; "" where it is not known."""
        return self._digests.get(case_id, "")

    def put(self, case_id: str, digest: str) -> None:
        """Keep it."""
        self._digests[case_id] = digest
        write_whole(self._path, json.dumps(self._digests, sort_keys=True).encode())
