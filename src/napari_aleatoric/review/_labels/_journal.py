"""Strokes since the last save, on the disk before anything can happen to them."""

from __future__ import annotations

import json
import os
import uuid
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_aleatoric.errors import DataError, WorkspaceError
from napari_aleatoric.io import Workspace, try_lock
from napari_aleatoric.model import ItemKey

from ._journal_file import MARK, Stroke, pack_header, pack_stroke, read_records, record, stroke_of, unpack_stroke

__all__ = ["PendingStrokes", "StrokeJournal"]

_FOLDER = ".journal"  # no case's folder begins with a dot
_SUFFIX = ".strokes"


@dataclass(frozen=True, eq=False)
class PendingStrokes:
    """Strokes of a session that ended before they were saved.

    Parameters
    ----------
    key : ItemKey
        Which label.
    reader : str
        Who painted.
    base : str
        The label version they were painted on, as `StrokeJournal.open` was told.
    shape_zyx : tuple of int
        Of the painted array (upright frame).
    started : datetime
        UTC.
    n_strokes : int
        How many came through whole.
    """

    key: ItemKey
    reader: str
    base: str
    shape_zyx: tuple[int, int, int]
    started: datetime
    n_strokes: int
    _path: Path = field(repr=False)
    _payloads: list[bytes] = field(repr=False)

    def strokes(self) -> Iterator[Stroke]:
        """Return the strokes, oldest first, with old and new values."""
        return map(unpack_stroke, self._payloads)

    def apply(self, label: NDArray[Any]) -> NDArray[Any]:
        """Paint all strokes onto an array, in place, and return it.

        Parameters
        ----------
        label : numpy.ndarray of integer, shape (Z, Y, X)
            The base version, upright. On another version of the label the strokes still set the same voxels to
            the same values.

        Raises
        ------
        DataError
            If the array has another shape, or its type cannot hold a painted value; nothing is painted then.
        """
        if label.shape != self.shape_zyx:
            raise DataError(
                f"The kept strokes belong to a label of shape {self.shape_zyx}, this one has {label.shape}. "
                "The image was probably replaced; put the old one back to recover them."
            )
        strokes = list(self.strokes())
        limits = np.iinfo(label.dtype)
        for stroke in strokes:
            if len(stroke.new) and not limits.min <= stroke.new.min() <= stroke.new.max() <= limits.max:
                raise DataError(f"A kept stroke paints {stroke.new.max()}, which {label.dtype} cannot hold.")
        for stroke in strokes:
            label[np.unravel_index(stroke.index, label.shape)] = stroke.new
        return label

    def n_changes(self, label: NDArray[Any]) -> int:
        """Count the voxels that `apply` would change; 0 = a saved version holds all strokes already."""
        return int(np.count_nonzero(self.apply(label.copy()) != label))

    def discard(self) -> None:
        """Forget the strokes for good."""
        self._path.unlink(missing_ok=True)


class StrokeJournal:
    """The journal of one label being painted. Build it with :meth:`open`.

    What `append` was given survives the end of the program, however sudden; what was given before a `flush`
    survives the end of the computer. The file appears with the first stroke and goes with `commit` or `discard`.
    It belongs to one thread at a time.
    """

    def __init__(self, path: Path, header: dict[str, Any], shape_zyx: tuple[int, int, int]) -> None:
        self._path = path
        self._header = header
        self._shape = shape_zyx
        self._stream: FileIO | None = None
        self._end = 0
        self._is_flushed = True
        self.n_strokes = 0
        """How many strokes it holds."""

    @classmethod
    def open(
        cls,
        workspace: Workspace,
        key: ItemKey,
        reader: str,
        base: str,
        shape_zyx: Sequence[int],
        map_name: str = "",
    ) -> StrokeJournal:
        """Begin a journal.

        Parameters
        ----------
        workspace : Workspace
            Where it is kept.
        key : ItemKey
            Which label.
        reader : str
            Who paints.
        base : str
            The label version that is painted on: a `Correction.correction_id`, "" for the original label, or the
            `label_hash` of either.
        shape_zyx : sequence of int
            Of the painted array (upright frame).
        map_name : str
            Which voxel map of the label is painted; "" for the label itself.
        """
        z, y, x = (int(n) for n in shape_zyx)
        header = {
            **key._asdict(),
            "reader": reader,
            "base": base,
            "shape_zyx": [z, y, x],
            "started": datetime.now(UTC).isoformat(),
        }
        name = f"{uuid.uuid4().hex}{_suffix(map_name)}"
        return cls(workspace.corrections_dir / _FOLDER / name, header, (z, y, x))

    def append(self, index: ArrayLike, *, old: ArrayLike, new: ArrayLike) -> None:
        """Write down one stroke; it survives the end of the program from here on.

        Parameters
        ----------
        index : array-like of int, shape (n,) or (n, 3)
            Flat indices into the (Z, Y, X) array, or (z, y, x) triples; in any order. Of a voxel that comes twice
            the first old and the last new value count.
        old, new : array-like of int, shape (n,) or a single number
            Label values before and after.
        """
        stroke = stroke_of(np.asarray(index), np.asarray(old), np.asarray(new), self._shape)
        if len(stroke.index) == 0:
            return
        self._write(record(pack_stroke(stroke)))
        self.n_strokes += 1

    def flush(self) -> None:
        """Make sure that all strokes are on the disk itself. Call it at least once a second while painting."""
        if self._stream is not None and not self._is_flushed:
            os.fsync(self._stream.fileno())
            self._is_flushed = True

    def commit(self) -> None:
        """End it: a saved label version holds all its strokes. Call this after `save_correction` returned."""
        self._remove()

    def discard(self) -> None:
        """End it: the strokes are not wanted."""
        self._remove()

    def close(self) -> None:
        """Leave the strokes for the next session to offer back."""
        self.flush()
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    @staticmethod
    def pending(workspace: Workspace, key: ItemKey | None = None, map_name: str = "") -> list[PendingStrokes]:
        """Find strokes that no session holds any more and that were never saved, oldest first.

        Journals that a running program still writes to are left alone.

        Parameters
        ----------
        workspace : Workspace
            Where to look.
        key : ItemKey, optional
            Only those of this label.
        map_name : str
            Of which voxel map; "" for the labels themselves.
        """
        folder = workspace.corrections_dir / _FOLDER
        found = [_read(path) for path in sorted(folder.glob(f"*{_suffix(map_name)}"))]
        wanted = [p for p in found if p is not None and (key is None or p.key == key)]
        return sorted(wanted, key=lambda p: p.started)

    def _write(self, content: bytes) -> None:
        try:
            if self._stream is None:
                self._create()
            self._write_whole(content)
        except OSError as error:
            raise WorkspaceError(
                f"A stroke on {self._header['case_id']} could not be written down "
                f"({error.strerror or type(error).__name__}). Save the label elsewhere, and check free space and "
                "permissions of the workspace."
            ) from error

    def _create(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = FileIO(self._path, "xb")
        weakref.finalize(self, self._stream.close)
        try_lock(self._stream)
        self._write_whole(MARK + record(pack_header(self._header)))
        if os.name != "nt":
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _write_whole(self, content: bytes) -> None:
        if self._stream is None:
            raise OSError("closed")
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[self._stream.write(rest) or 0 :]
        except OSError:
            self._stream.truncate(self._end)  # the strokes before this one stay readable
            self._stream.seek(self._end)
            raise
        self._end += len(content)
        self._is_flushed = False

    def _remove(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._path.unlink(missing_ok=True)
        self.n_strokes = 0


def _suffix(map_name: str) -> str:
    """End of a journal's name. Programs that know no strokes on maps must not take them for strokes on labels."""
    return f".{map_name}-strokes" if map_name else _SUFFIX


def _read(path: Path) -> PendingStrokes | None:
    """Read a journal that nobody writes to any more; None if somebody does, or nothing of it is left."""
    try:
        with FileIO(path, "rb+") as stream:
            if not try_lock(stream):
                return None
            payloads, _ = read_records(stream.readall())
    except (OSError, DataError):
        return None
    if len(payloads) < 2:
        path.unlink(missing_ok=True)  # died before its first stroke
        return None
    header = json.loads(payloads[0])
    z, y, x = header["shape_zyx"]
    return PendingStrokes(
        key=ItemKey(header["case_id"], header["label_reader"]),
        reader=header["reader"],
        base=header["base"],
        shape_zyx=(z, y, x),
        started=datetime.fromisoformat(header["started"]),
        n_strokes=len(payloads) - 1,
        _path=path,
        _payloads=payloads[1:],
    )
