"""Readings: labels that people make in this program. Begun, answered, taken back; the data set stays as it is."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from napari_aleatoric.errors import DataError, NotFoundError, WorkspaceError
from napari_aleatoric.model import ItemKey, LabelMap

from ._labels import read_label_map
from ._load import on_image_grid
from ._reading_files import (
    Reading,
    ReadingState,
    all_readings,
    as_record,
    keep_record,
    only_one_at_a_time,
    reading_paths,
    stored_reading,
)
from ._workspace import Workspace
from ._write import write_label_map

__all__ = [
    "answer_reading",
    "begin_reading",
    "check_reader_name",
    "read_reading",
    "reading_of",
    "readings",
    "reinstate_reading",
    "withdraw_reading",
]

_LONGEST_NAME = 64


def check_reader_name(name: str) -> str:
    """Return the name as it is kept, or say why it cannot be a reader's.

    Parameters
    ----------
    name : str
        Free text; blanks round it are dropped, and letters with accents are kept in one form (Unicode NFC).

    Raises
    ------
    DataError
        If it is empty, too long, or holds what cannot be printed.
    """
    kept = unicodedata.normalize("NFC", name).strip()
    if not kept:
        raise DataError("Expected the name of a reader, got nothing. Give a name or a pseudonym.")
    if len(kept) > _LONGEST_NAME:
        raise DataError(
            f"Expected a reader's name of up to {_LONGEST_NAME} characters, got {len(kept)}. Shorten it."
        )
    if not kept.isprintable():
        raise DataError(f"The reader's name {kept!r} holds characters that cannot be shown. Leave them out.")
    return kept


def begin_reading(
    workspace: Workspace, key: ItemKey, *, by: str = "", start: LabelMap | None = None, started_from: str = ""
) -> Reading:
    """Begin a label of a reader's own for a case; until it is answered it is missing for everybody else.

    Parameters
    ----------
    workspace : Workspace
        Where it is kept.
    key : ItemKey
        The case, and the reader whose label it will be.
    by : str
        Who begins it; the reader by default.
    start : LabelMap, optional
        What the label is at first, on the grid of the image in any axis order; nothing drawn by default.
    started_from : str
        The same in words, for the record; "empty" or "copy" by default.

    Raises
    ------
    DataError
        If the name cannot be a reader's.
    WorkspaceError
        If this reader has a label or a reading of the case already, or one too much like it in name, or the files
        could not be written.
    GeometryMismatchError
        If ``start`` does not lie on the image's grid.
    """
    key = ItemKey(key.case_id, check_reader_name(key.label_reader))
    grid = workspace.grid(key.case_id)
    if start is None:
        label = LabelMap(np.zeros(grid.shape_zyx, np.uint8), grid, key.label_reader)
    else:
        label = replace(on_image_grid(start, grid), reader=key.label_reader)
    with only_one_at_a_time(workspace.root, key.case_id):
        before = stored_reading(workspace.root, key)
        _check_free(workspace, key, before)
        write_label_map(reading_paths(workspace.root, key)[0], label)
        reading = Reading(
            key,
            datetime.now(UTC),
            begun_by=by or key.label_reader,
            started_from=started_from or ("empty" if start is None else "copy"),
            earlier=() if before is None else (*before.earlier, as_record(before)),
        )
        keep_record(workspace.root, reading)
    workspace.refresh_readings()
    return reading


def answer_reading(
    workspace: Workspace, key: ItemKey, label: LabelMap | None = None, *, by: str = "", correction_id: str = ""
) -> Reading:
    """Say that a reading is finished: from now on it is a label of the data set like any other.

    Parameters
    ----------
    workspace, key
        Which reading.
    label : LabelMap, optional
        The answer, on the grid of the image in any axis order; the label as it was begun by default.
    by : str
        Who says so; the reader by default.
    correction_id : str
        The saved label version that ``label`` is.

    Raises
    ------
    NotFoundError
        If there is no such reading.
    WorkspaceError
        If it is answered already or was withdrawn, or the files could not be written; it then stays as it was.
    GeometryMismatchError
        If the label does not lie on the image's grid.
    """
    if label is not None:
        label = replace(on_image_grid(label, workspace.grid(key.case_id)), reader=key.label_reader)
    with only_one_at_a_time(workspace.root, key.case_id):
        reading = _existing(workspace, key)
        if reading.state != "open":
            raise WorkspaceError(f"The reading of {key} is {reading.state}, so it cannot be answered once more.")
        path = reading_paths(workspace.root, key)[0]
        if label is not None:
            write_label_map(path, label)
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise WorkspaceError(f"The label of the reading {key} cannot be read; it stays open.") from error
        reading = replace(
            reading,
            answered=datetime.now(UTC),
            answered_by=by or key.label_reader,
            correction_id=correction_id,
            sha256=digest,
        )
        keep_record(workspace.root, reading)
    workspace.refresh_readings()
    return reading


def withdraw_reading(workspace: Workspace, key: ItemKey, *, by: str = "") -> Reading:
    """Take a reading back: it counts as missing from now on. Its files stay; `reinstate_reading` undoes this."""
    with only_one_at_a_time(workspace.root, key.case_id):
        reading = _existing(workspace, key)
        if reading.state == "withdrawn":
            raise WorkspaceError(f"The reading of {key} was withdrawn already.")
        reading = replace(reading, withdrawn=datetime.now(UTC), withdrawn_by=by or key.label_reader)
        keep_record(workspace.root, reading)
    workspace.refresh_readings()
    return reading


def reinstate_reading(workspace: Workspace, key: ItemKey) -> Reading:
    """Make a withdrawn reading what it was before: open or answered."""
    with only_one_at_a_time(workspace.root, key.case_id):
        reading = _existing(workspace, key)
        if reading.state != "withdrawn":
            raise WorkspaceError(f"The reading of {key} is {reading.state}, not withdrawn.")
        _check_alike(workspace, key)
        reading = replace(reading, withdrawn=None, withdrawn_by="")
        keep_record(workspace.root, reading)
    workspace.refresh_readings()
    return reading


def read_reading(workspace: Workspace, key: ItemKey) -> LabelMap:
    """Read the label of a reading whatever its state: as begun until it is answered, then as answered first.

    It lies on exactly the grid of the image, in the stored order. An open one is its reader's alone.
    """
    _existing(workspace, key)
    label = read_label_map(reading_paths(workspace.root, key)[0], reader=key.label_reader)
    return on_image_grid(label, workspace.grid(key.case_id), name=f"The reading of {key}")


def reading_of(workspace: Workspace, key: ItemKey) -> Reading | None:
    """Return one reading as it stands on the disk now; None where that reader began none of the case."""
    return stored_reading(workspace.root, key)


def readings(
    workspace: Workspace, *, state: ReadingState | None = None, reader: str | None = None
) -> tuple[Reading, ...]:
    """Return the readings of a workspace by case and reader; only those of one state or of one reader if named."""
    return tuple(
        reading
        for reading in all_readings(workspace.root)[0]
        if state in (None, reading.state) and reader in (None, reading.key.label_reader)
    )


def _existing(workspace: Workspace, key: ItemKey) -> Reading:
    found = stored_reading(workspace.root, key)
    if found is None:
        raise NotFoundError(f"There is no reading of {key}. Begin one first.")
    return found


def _check_free(workspace: Workspace, key: ItemKey, before: Reading | None) -> None:
    if before is not None and before.state == "open":
        raise WorkspaceError(
            f"{key.label_reader} has begun a reading of {key.case_id} already. Go on with that one."
        )
    if before is not None and before.state == "answered":
        raise WorkspaceError(
            f"{key.label_reader} has answered {key.case_id} already. Change that label, or withdraw the reading "
            "first."
        )
    _check_alike(workspace, key)


def _check_alike(workspace: Workspace, key: ItemKey) -> None:
    """Refuse a name that another reader of this case has, or that differs from it in capital letters only."""
    mine = key.label_reader.casefold()
    labelled = [label.reader or "label" for label in workspace.scanned.case(key.case_id).labels]
    for other in labelled:
        if other.casefold() == mine:
            raise WorkspaceError(
                f"The data set has a label of {key.case_id} by '{other}'. Change that label, or read under another "
                "name."
            )
    for other in (r.key.label_reader for r in all_readings(workspace.root)[0] if r.key.case_id == key.case_id):
        if other != key.label_reader and other.casefold() == mine:
            raise WorkspaceError(
                f"'{other}' has a reading of {key.case_id}, and '{key.label_reader}' differs from that name in "
                "capital letters only. Use the same name, or another one."
            )
