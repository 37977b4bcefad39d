"""One adjudication: begun or gone on with, chosen region by region, finished as a reading of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.io import (
    Workspace,
    answer_reading,
    begin_reading,
    check_reader_name,
    on_image_grid,
    reading_of,
    reading_paths,
    write_whole,
)
from napari_aleatoric.model import ItemKey, LabelMap
from napari_aleatoric.review._labels._corrections import label_hash, save_correction
from napari_aleatoric.review._storage._adjudication_log import AdjudicationEntry, AdjudicationOutcome
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.review._study._blindness import hidden_cases
from napari_aleatoric.uncertainty import DisputedRegion

from ._case import CaseToDecide
from ._fold import Choices, answer_of, fold_choices, outcome
from ._painted import correction_bytes, region_bytes
from ._read import read_case, versions_of
from ._record import AdjudicationRecord, make_record
from ._spec import AdjudicateSpec

__all__ = ["Adjudication", "adjudicate", "adjudication_records", "record_path"]

ClassArray = NDArray[np.uint16]
Box = tuple[slice, slice, slice]
_DEFAULT = AdjudicateSpec()


def adjudicate(
    ws: Workspace,
    store: ReviewStore,
    case_id: str,
    spec: AdjudicateSpec | None = None,
    *,
    by: str,
) -> Adjudication:
    """Begin to settle where the readers of a case differ, or go on with what was begun.

    Every choice is in the review store when the call that makes it returns. One that was made for another answer of
    a reader than there is now is kept, but does not hold.

    Parameters
    ----------
    ws, store : Workspace, ReviewStore
        Where things are.
    case_id : str
        Which case.
    spec : AdjudicateSpec, optional
        The label to begin with, and the name of the outcome. Without it, what was begun goes on as it was begun.
    by : str
        Who decides.

    Raises
    ------
    DataError
        If fewer than two readers have a label, the name cannot be one, or this person is to read the case blinded
        and has not answered yet.
    NotFoundError
        If the reader to begin with has no label of the case.
    """
    wanted = spec or _DEFAULT
    name = check_reader_name(wanted.name)
    if case_id in hidden_cases(store, by):
        raise DataError(
            f"{by} is to read {case_id} blinded and has not answered yet, so they cannot settle where the others "
            "differ. Answer it first, or let somebody else settle it."
        )
    case = read_case(ws, store, case_id)
    if name in case.readers:
        raise DataError(f"{name} has a label of {case_id} of their own. Save the outcome under another name.")
    begun = fold_choices(store.adjudications.of(case_id, name)).begun
    source = (wanted.start, wanted.start_reader if wanted.start == "reader" else "")
    case.label_of(*source)  # an unknown reader is refused before anything is written
    if begun is None or (spec is not None and (begun.source, begun.source_name) != source):
        store.adjudications.append(
            AdjudicationEntry(case_id, name, "begin", by, source=source[0], source_name=source[1])
        )
    return Adjudication(ws, store, case, name, by)


class Adjudication:
    """A handle on one adjudication; `adjudicate` makes it. For one thread at a time.

    Attributes
    ----------
    case : CaseToDecide
        Readers, their answers, and the regions in which they differ.
    choices : Choices
        What holds.
    label : numpy.ndarray of uint16, shape (Z, Y, X)
        Class indices that the choices come to, upright; only to be read.
    """

    def __init__(self, ws: Workspace, store: ReviewStore, case: CaseToDecide, name: str, by: str) -> None:
        self._ws, self._store, self.case, self.name, self.by = ws, store, case, name, by
        self.choices: Choices = fold_choices(())
        self.label: ClassArray = np.zeros((0, 0, 0), np.uint16)
        self.look()

    @property
    def n_open(self) -> int:
        """Regions without a choice."""
        return len(self.choices.open_rows(self.case))

    def look(self) -> None:
        """Read the log anew: another window may have added to it."""
        self.choices = fold_choices(self._store.adjudications.of(self.case.case_id, self.name))
        self.label = outcome(self.case, self.choices)

    def choose(self, row: int, source: Literal["reader", "consensus", "machine"], name: str = "") -> Box:
        """Take somebody's answer for a region; on return the choice is on the disk.

        Returns
        -------
        tuple of slice
            Where the label may have changed.

        Raises
        ------
        NotFoundError
            If there is no such region, reader or model's answer.
        """
        region = self._region(row)
        if source == "machine":
            name = self.case.machine_name
        if source == "reader" and name not in self.case.readers:
            raise NotFoundError(f"{name} has no label of {self.case.case_id}. Choose another.")
        entry = self._entry("region", region_id=self.case.ids[row], source=source, source_name=name)
        answer = answer_of(self.case, row, entry, self.choices.method)
        self._append(entry)
        self.label[region.box][region.inside] = answer
        return region.box

    def paint(self, where: NDArray[np.int64], classes: ClassArray) -> tuple[int, ...]:
        """Keep what was painted: as the choice of the regions it is in, and as a correction beside them.

        Parameters
        ----------
        where : numpy.ndarray of int64, shape (n,)
            Flat indices of the voxels on the upright grid.
        classes : numpy.ndarray of uint16, shape (n,)
            What they are now.

        Returns
        -------
        tuple of int
            Rows of the regions that are repainted by it.
        """
        numbers = self.case.disputed.ravel()[where]
        label = self.label.copy() if len(where) > self.label.size // 8 else self.label
        before = label.ravel()[where].copy()
        label.ravel()[where] = classes
        rows = tuple(int(number) - 1 for number in np.unique(numbers) if number)
        entries = [
            self._entry(
                "region",
                region_id=self.case.ids[row],
                source="repainted",
                painted=region_bytes(label[self.case.regions[row].box][self.case.regions[row].inside]),
            )
            for row in rows
        ]
        beside = numbers == 0
        if beside.any():
            entries.append(self._entry("correction", painted=correction_bytes(where[beside], classes[beside])))
        try:
            self._append(*entries)
        except Exception:
            label.ravel()[where] = before
            raise
        self.label = label
        return rows

    def undo(self) -> bool:
        """Take back one's own last choice; False if there is none. The label is made anew."""
        taken = self._store.adjudications.undo(self.case.case_id, self.name, self.by)
        self.look()
        return taken is not None

    def finish(self, *, allow_open: bool = False) -> AdjudicationRecord:
        """Save the label as a reading of its own, and how it came about.

        Parameters
        ----------
        allow_open : bool
            Whether regions without a choice may stay as the label was begun.

        Returns
        -------
        AdjudicationRecord
            As it is kept in the review store and, as JSON, beside the label.

        Raises
        ------
        DataError
            If regions are open and may not be, or a reader's label changed since this adjudication was opened.
        """
        self.look()
        if self.n_open and not allow_open:
            raise DataError(
                f"{self.n_open} of {len(self.case.regions)} regions are still open. Decide them, or let them stay "
                "as the label was begun."
            )
        if read_case(self._ws, self._store, self.case.case_id, machine=False).ids != self.case.ids:
            raise DataError(f"A label of {self.case.case_id} changed meanwhile. Open the adjudication again.")
        record = make_record(
            self.case,
            self.choices,
            self._ws.dataset.classes,
            name=self.name,
            versions={r: versions_of(self._store, self.case.case_id).get(r, "") for r in self.case.readers},
            by=self.by,
            at=datetime.now(UTC),
        )
        saved = self._save()
        record = record.model_copy(update={"label_hash": label_hash(saved)})
        key = ItemKey(self.case.case_id, self.name)
        self._store.adjudications.add_outcome(
            AdjudicationOutcome(*key, self.by, record.label_hash, record.model_dump_json())
        )
        write_whole(record_path(self._ws, key), _pretty(record))
        return record

    def _save(self) -> LabelMap:
        """Write the label: the answer of a reading, or a new version where that is answered already."""
        key = ItemKey(self.case.case_id, self.name)
        values = np.array([0, *(info.label_value for info in self._ws.dataset.classes)], dtype=np.int64)
        smallest = np.result_type(np.min_scalar_type(int(values.min())), np.min_scalar_type(int(values.max())))
        upright = LabelMap(values.astype(smallest)[self.label], self.case.geometry, self.name)
        label = on_image_grid(upright, self._ws.grid(self.case.case_id))
        whole = self._ws.whole
        found = reading_of(whole, key)
        if found is None or found.state == "withdrawn":
            words = f"adjudication of {', '.join(self.case.readers)}"
            begin_reading(whole, key, by=self.by, start=label, started_from=words)
            found = None
        if found is None or found.state == "open":
            answer_reading(whole, key, label, by=self.by)
            self._store.follow(self._ws)
        self._ws.refresh_readings()  # this handle may hide what the whole workspace has
        latest = self._store.latest_correction(key)
        if (found is not None and found.state == "answered") or (latest is not None and not latest.is_original):
            self._store.follow(self._ws)
            save_correction(whole, self._store, key, label, reader=self.by, comment="adjudicated")
        return label

    def _region(self, row: int) -> DisputedRegion:
        if not 0 <= row < len(self.case.regions):
            raise NotFoundError(f"{self.case.case_id} has {len(self.case.regions)} regions; there is no {row + 1}.")
        return self.case.regions[row]

    def _entry(
        self,
        kind: Literal["region", "correction"],
        *,
        region_id: str = "",
        source: str = "",
        source_name: str = "",
        painted: bytes | None = None,
    ) -> AdjudicationEntry:
        return AdjudicationEntry(
            self.case.case_id, self.name, kind, self.by, region_id, source, source_name, painted
        )

    def _append(self, *entries: AdjudicationEntry) -> None:
        self._store.adjudications.append(*entries)
        by_region = dict(self.choices.by_region)
        corrections = list(self.choices.corrections)
        for entry in entries:
            if entry.kind == "region":
                by_region[entry.region_id] = entry
            else:
                corrections.append(entry)
        self.choices = Choices(self.choices.begun, by_region, tuple(corrections))


def adjudication_records(store: ReviewStore, case_id: str, name: str | None = None) -> list[AdjudicationRecord]:
    """Return how the saved labels of a case came about, oldest first.

    Raises
    ------
    NotFoundError
        If none was saved.
    """
    found = store.adjudications.outcomes(case_id, name)
    if not found:
        raise NotFoundError(f"No adjudication of {case_id} was finished yet.")
    return [AdjudicationRecord.model_validate_json(outcome.record) for outcome in found]


def record_path(ws: Workspace, key: ItemKey) -> Path:
    """Return where the record of the last outcome lies, below the folder of its label."""
    record = reading_paths(ws.root, key)[1]
    return record.parent / "adjudications" / record.name


def _pretty(record: AdjudicationRecord) -> bytes:
    return json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False).encode()
