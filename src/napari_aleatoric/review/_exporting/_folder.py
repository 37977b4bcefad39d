"""A folder that is complete or not there at all; and the one that was there before, if it may be replaced."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_aleatoric.errors import WorkspaceError
from napari_aleatoric.io import Workspace, flush_folder, try_lock

__all__ = ["checked_destination", "new_folder", "replaceable"]

_LOCK = ".napari-aleatoric-export"
"""Lies in an unfinished folder and is locked while somebody writes it."""


def checked_destination(dest: Path, workspace: Workspace) -> Path:
    """Return the absolute path of a new or empty folder.

    Raises
    ------
    WorkspaceError
        If it lies in the data set, is no folder, or holds something.
    """
    dest = _outside(dest, workspace)
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise WorkspaceError(
            f"An export needs a new or empty folder, and {dest.name} holds something. Choose another name; "
            "nothing was changed."
        )
    return dest


def replaceable(
    dest: Path,
    workspace: Workspace,
    manifest: str,
    format_name: str,
    *,
    replace: bool,
    kind: str = "export of a filter",
) -> Path:
    """Return the absolute path of a folder that is new, empty, or an earlier export that may be replaced.

    Parameters
    ----------
    dest : Path
        The folder.
    workspace : Workspace
        Whose data set it must not lie in.
    manifest : str
        Name of the file that an earlier export has, with its format and the list of its ``files``.
    format_name : str
        What stands there under ``format``.
    replace : bool
        Whether an earlier export may be replaced.
    kind : str
        What it is called in sentences.

    Raises
    ------
    WorkspaceError
        If the folder is not ours, or something was added to it, or it must not be replaced.
    """
    dest = _outside(dest, workspace)
    if not dest.exists() or (dest.is_dir() and not any(dest.iterdir())):
        return dest
    ours = _files_of(dest / manifest, format_name) if dest.is_dir() else None
    if ours is None:
        raise WorkspaceError(
            f"{dest.name} holds something that is no earlier {kind}, so it is left alone. Choose a new "
            "or empty folder; nothing was changed."
        )
    if not replace:
        raise WorkspaceError(
            f"{dest.name} holds an earlier {kind}. Choose another folder, or ask for it to be replaced; nothing "
            "was changed."
        )
    there = {p.relative_to(dest).as_posix() for p in dest.rglob("*") if p.is_symlink() or not p.is_dir()}
    if added := sorted(there - ours - {manifest}):
        raise WorkspaceError(
            f"{dest.name} holds an earlier {kind}, and {len(added)} file{'' if len(added) == 1 else 's'} that did "
            f"not come with it ({added[0]}). Move them away, or choose another folder; nothing was changed."
        )
    return dest


@contextmanager
def new_folder(dest: Path) -> Iterator[Path]:
    """Give a folder beside ``dest`` that takes its place when the block succeeds and vanishes when it does not.

    What stood in its place goes away only when the new one is complete. An unfinished folder that a killed process
    left behind is removed.

    Raises
    ------
    WorkspaceError
        If it could not be written.
    """
    partial = dest.with_name(f".{dest.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.mkdir(parents=True)
        _remove_abandoned(dest)
        with (partial / _LOCK).open("wb", buffering=0) as stream:
            try_lock(stream)
            yield partial
        (partial / _LOCK).unlink()
        _take_place(partial, dest)
        flush_folder(dest.parent)
    except OSError as error:
        raise WorkspaceError(
            f"The export to {dest.name} could not be written ({error.strerror or type(error).__name__}); nothing "
            "of it was kept. Check free space and permissions."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _outside(dest: Path, workspace: Workspace) -> Path:
    dest = dest.expanduser().resolve()
    data = workspace.dataset_root
    if dest == data or data in dest.parents:
        raise WorkspaceError(f"The folder {dest.name} lies in the data set, which is never written to.")
    if dest in data.parents:
        raise WorkspaceError(f"The data set lies in the folder {dest.name}. Choose a folder of its own.")
    return dest


def _files_of(manifest: Path, format_name: str) -> set[str] | None:
    """Files that an earlier export lists; None if it is none."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        if content["format"] != format_name:
            return None
        return {str(name) for name in content["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _take_place(partial: Path, dest: Path) -> None:
    if not dest.exists():
        partial.rename(dest)
        return
    before = dest.with_name(f".{dest.name}.{uuid.uuid4().hex[:8]}.before")
    dest.rename(before)
    try:
        partial.rename(dest)
    except OSError:
        before.rename(dest)
        raise
    shutil.rmtree(before, ignore_errors=True)


def _remove_abandoned(dest: Path) -> None:
    for folder in dest.parent.glob(f".{dest.name}.*.partial"):
        lock = folder / _LOCK
        if not lock.is_file():
            continue
        with lock.open("rb+", buffering=0) as stream:
            free = try_lock(stream)
        if free:
            shutil.rmtree(folder, ignore_errors=True)
