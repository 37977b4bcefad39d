"""Files of the weights folder: who may write one, what a dead process left, what is known about a file."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import DataError, WorkspaceError
from napari_aleatoric.io import try_lock, write_whole

__all__ = ["IMPORTING", "PART", "Record", "alone", "put_in_place", "record_path", "sweep", "writing"]

PART = ".part"  # of a download; kept, to go on with
IMPORTING = ".importing"  # of an import; worthless once its process is gone
_OLD_S = 3600.0  # nobody takes so long to write a record


@dataclass(frozen=True)
class Record:
    """What is written beside a file of weights once it was checked.

    Parameters
    ----------
    name, architecture, scaling, licence : str
        As in `KnownWeights`.
    file_name : str
        The file it is about, in the same folder.
    sha256 : str
        Digest that was computed from the file.
    size_bytes, mtime_ns : int
        Of the file when it was checked.
    source : str
        Host it came from, or the name of the file that was imported.
    date : str
        When, ISO 8601 in UTC.
    own : bool
        Whether it goes by a name that the user gave.
    """

    name: str
    architecture: str
    file_name: str
    sha256: str
    size_bytes: int
    mtime_ns: int
    source: str
    date: str
    scaling: str
    licence: str
    own: bool

    def write(self, path: Path) -> None:
        """Write it whole."""
        write_whole(path, (json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n").encode())

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """Read it; None where there is none that can be read."""
        try:
            values: dict[str, Any] = json.loads(path.read_text("utf-8"))
            found = cls(**values)
        except (OSError, ValueError, TypeError):
            return None
        kinds = {field.name: {"str": str, "int": int, "bool": bool}[str(field.type)] for field in fields(cls)}
        if not all(isinstance(values[key], kind) for key, kind in kinds.items()):
            return None
        return found if Path(found.file_name).name == found.file_name else None


def record_path(folder: Path, name: str, file_name: str, *, own: bool) -> Path:
    """Return where the record lies; that of a user's own weights goes by their name, as the file may change."""
    return folder / (f"own-{name}.json" if own else f"{file_name}.json")


@contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """Be the only process that writes these weights; the system frees the lock of a process that dies.

    Raises
    ------
    DataError
        If another process is at it.
    """
    with (folder / f".{name}.lock").open("ab", buffering=0) as stream:
        if not try_lock(stream):
            raise DataError(
                f"Another process is bringing {name} into this folder at this moment. Wait until it has finished."
            )
        yield


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make the folder; turn what the system refuses into a sentence.

    Raises
    ------
    WorkspaceError
        If it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except ConnectionError:
        raise  # has its sentence
    except OSError as error:
        raise WorkspaceError(
            f"The weights folder could not be written to ({error.strerror or type(error).__name__}). Check free "
            "space and permissions, or name another folder in ALEATORIC_WEIGHTS."
        ) from error


def put_in_place(temporary: Path, path: Path) -> None:
    """Flush a finished file and give it its name, replacing what has it."""
    with temporary.open("rb+") as stream:
        os.fsync(stream.fileno())
    temporary.replace(path)


def sweep(folder: Path) -> None:
    """Remove what imports of dead processes left, and files of a user's own weights that no record names."""
    if not folder.is_dir():
        return
    for path in folder.glob(f"*{IMPORTING}"):
        _remove_unless_busy(folder, path.name.removesuffix(IMPORTING), path)
    for path in folder.glob(".*.tmp*"):  # of a record
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD_S:
                path.unlink()
    named = {record.file_name for path in folder.glob("own-*.json") if (record := Record.read(path))}
    for path in folder.glob("own-*"):
        if path.suffix in (".pth", ".safetensors") and path.name not in named:
            _remove_unless_busy(folder, path.stem.rpartition("-")[0], path)


def _remove_unless_busy(folder: Path, name: str, path: Path) -> None:
    try:
        with alone(folder, name):
            path.unlink(missing_ok=True)
    except (DataError, OSError):
        return  # at work, or not ours to remove
