"""Readings as files: a label map and a few words about it, one pair of files per reading, each written whole."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from napari_aleatoric.errors import WorkspaceError
from napari_aleatoric.model import CaseFiles, Dataset, ItemKey, LabelFiles, Problem

from ._formats import item_folder_name, safe_name
from ._lock import try_lock
from ._write import write_whole

__all__ = [
    "Reading",
    "ReadingState",
    "all_readings",
    "as_record",
    "keep_record",
    "only_one_at_a_time",
    "reading_paths",
    "stored_reading",
    "with_readings",
]

ReadingState = Literal["open", "answered", "withdrawn"]

FOLDER = "readings"
_FORMAT = 1
_LABEL, _RECORD = ".nii.gz", ".json"
_PATIENCE_S = 20.0
_POLL_S = 0.01
_WORDS = ("begun_by", "started_from", "answered_by", "correction_id", "sha256", "withdrawn_by")


@dataclass(frozen=True)
class Reading:
    """A label that a person makes in this program: whose, of which case, how far.

    Parameters
    ----------
    key : ItemKey
        The case, and the reader whose label it is.
    begun : datetime
        UTC.
    begun_by : str
        Who said so.
    started_from : str
        What the label was at the beginning, in words: "empty", or whose copy.
    answered : datetime or None
        UTC; None until it was.
    answered_by : str
        Who said that it is finished.
    correction_id : str
        The saved label version that was the answer; "" where the label was answered as it was begun.
    sha256 : str
        Of the label file as answered, 64 hexadecimal digits.
    withdrawn : datetime or None
        UTC; while this is set, the reading counts as missing.
    withdrawn_by : str
        Who took it back.
    earlier : tuple of mappings
        Records of earlier readings by this reader of this case, which were withdrawn.
    """

    key: ItemKey
    begun: datetime
    begun_by: str = ""
    started_from: str = "empty"
    answered: datetime | None = None
    answered_by: str = ""
    correction_id: str = ""
    sha256: str = ""
    withdrawn: datetime | None = None
    withdrawn_by: str = ""
    earlier: tuple[Mapping[str, Any], ...] = ()

    @property
    def state(self) -> ReadingState:
        """How far it is; only an answered reading is a label of the data set."""
        if self.withdrawn is not None:
            return "withdrawn"
        return "open" if self.answered is None else "answered"


def reading_paths(root: Path, key: ItemKey) -> tuple[Path, Path]:
    """Return the label file and the record of a reading in the workspace folder ``root``."""
    stem = item_folder_name(key)
    folder = root / FOLDER / safe_name(key.case_id)
    return folder / f"{stem}{_LABEL}", folder / f"{stem}{_RECORD}"


@contextmanager
def only_one_at_a_time(root: Path, case_id: str) -> Iterator[None]:
    """Keep other processes and threads from changing readings of this case within the block.

    On a file system without locks nobody is kept out.

    Raises
    ------
    WorkspaceError
        If another process has held them for too long, or the folder cannot be written to.
    """
    folder = root / FOLDER / safe_name(case_id)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / ".lock").open("ab", buffering=0)
    except OSError as error:
        raise WorkspaceError(
            f"Readings of {case_id} cannot be kept ({error.strerror or type(error).__name__}). Check the "
            "permissions of the folder 'readings' of the workspace."
        ) from error
    with stream:
        until = time.monotonic() + _PATIENCE_S
        while not try_lock(stream):
            if time.monotonic() > until:
                raise WorkspaceError(
                    f"Another program has been changing the readings of {case_id} for more than "
                    f"{_PATIENCE_S:.0f} s. Close it and try again; nothing was changed."
                )
            time.sleep(_POLL_S)
        yield


def keep_record(root: Path, reading: Reading) -> None:
    """Write the record of a reading whole: others see the old or the new state, never a part."""
    write_whole(reading_paths(root, reading.key)[1], json.dumps(_to_json(reading), ensure_ascii=False).encode())


def stored_reading(root: Path, key: ItemKey) -> Reading | None:
    """Return one reading as it stands on the disk; None if there is none.

    Raises
    ------
    WorkspaceError
        If its record is damaged.
    """
    path = reading_paths(root, key)[1]
    return _read(path) if path.is_file() else None


def all_readings(root: Path) -> tuple[list[Reading], list[Problem]]:
    """Return all readings of a workspace by case and reader, and a sentence for every damaged record."""
    found: list[Reading] = []
    problems: list[Problem] = []
    for path in sorted((root / FOLDER).glob(f"*/[!.]*{_RECORD}")):
        try:
            found.append(_read(path))
        except WorkspaceError as error:
            problems.append(Problem(path.parent.name, str(error)))
    return sorted(found, key=lambda reading: reading.key), problems


def with_readings(
    dataset: Dataset, root: Path, *, open_of: str = "", hidden: frozenset[str] = frozenset()
) -> Dataset:
    """Add the answered readings of a workspace to the labels of its data set.

    Parameters
    ----------
    dataset : Dataset
        As it was scanned.
    root : Path
        Folder of the workspace.
    open_of : str
        A reader whose open readings are added as well; "" for nobody.
    hidden : frozenset of str
        Cases of which that reader's labels alone are kept.

    Returns
    -------
    Dataset
        The very same where there is nothing to add. A reading that cannot be used is named in ``problems``.
    """
    readings, problems = all_readings(root)
    ids = {case.case_id for case in dataset.cases}
    added: dict[str, list[LabelFiles]] = {}
    for reading in readings:
        case_id, reader = reading.key
        shown = reading.state == "answered" or (reading.state == "open" and open_of == reader != "")
        if not shown or case_id not in ids:
            continue
        path = reading_paths(root, reading.key)[0]
        if any(label.reader == reader for label in dataset.case(case_id).labels):
            problems.append(
                Problem(case_id, f"The data set now has a label by {reader}; their reading is left out.")
            )
        elif not path.is_file():
            problems.append(
                Problem(case_id, f"The label of the reading by {reader} is not in the workspace any more.")
            )
        else:
            added.setdefault(case_id, []).append(LabelFiles(reader, (path,)))
    if not added and not problems and not hidden:
        return dataset
    cases = tuple(_with(case, added.get(case.case_id, [])) for case in dataset.cases)
    if hidden:
        cases = tuple(_only(case, open_of) if case.case_id in hidden else case for case in cases)
    readers = {label.reader for case in cases for label in case.labels} or {""}
    known = [r for r in dataset.readers if r in readers]
    return replace(
        dataset,
        cases=cases,
        readers=(*known, *sorted(readers - set(known))),
        problems=(*dataset.problems, *problems),
    )


def _with(case: CaseFiles, labels: list[LabelFiles]) -> CaseFiles:
    return replace(case, labels=(*case.labels, *labels)) if labels else case


def _only(case: CaseFiles, reader: str) -> CaseFiles:
    return replace(case, labels=tuple(label for label in case.labels if label.reader == reader != ""))


def _to_json(reading: Reading) -> dict[str, Any]:
    times = {name: getattr(reading, name) for name in ("begun", "answered", "withdrawn")}
    return {
        "format_version": _FORMAT,
        "case_id": reading.key.case_id,
        "reader": reading.key.label_reader,
        **{name: None if moment is None else moment.isoformat() for name, moment in times.items()},
        **{name: getattr(reading, name) for name in _WORDS},
        "earlier": [dict(record) for record in reading.earlier],
    }


def as_record(reading: Reading) -> dict[str, Any]:
    """Return a reading as plain values, without its earlier ones."""
    return {name: value for name, value in _to_json(reading).items() if name != "earlier"}


def _read(path: Path) -> Reading:
    try:
        value = json.loads(path.read_bytes())
        if int(value["format_version"]) > _FORMAT:
            raise WorkspaceError(
                f"The reading {path.parent.name}/{path.name} was written by a newer version of this program. "
                "Update napari-aleatoric."
            )
        return Reading(
            ItemKey(str(value["case_id"]), str(value["reader"])),
            datetime.fromisoformat(value["begun"]),
            answered=None if value["answered"] is None else datetime.fromisoformat(value["answered"]),
            withdrawn=None if value["withdrawn"] is None else datetime.fromisoformat(value["withdrawn"]),
            earlier=tuple(value["earlier"]),
            **{name: str(value[name]) for name in _WORDS},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(
            f"The record {path.parent.name}/{path.name} of a reading is damaged ({type(error).__name__}). Put a "
            "backup copy in its place; the label beside it is untouched."
        ) from error
