"""Files of label versions that no record refers to: what a save leaves behind that was killed in the middle.

A version's file is written first and its record second, so that a record never speaks of a file that is not there.
A process that dies in between leaves a file that nobody will ever ask for. Such files are set aside, not deleted.

Another process may be between the two steps at this very moment, or be suspended there for days. Three things keep
its file safe. Only files older than a day are looked at. After files were set aside the records are read again, and
files that one of them refers to by now are put back. And who saves looks, after the record was written, whether the
file is still in its place, and puts it back if it is not. Whichever of the two comes last sees what the other did.
"""

from __future__ import annotations

import fnmatch
import math
import os
import time
from contextlib import suppress
from pathlib import Path

from napari_aleatoric.io import Workspace
from napari_aleatoric.review._storage._store import ReviewStore

__all__ = ["SAFE_AGE_S", "put_back", "sweep_corrections"]

SAFE_AGE_S = 24 * 3600.0
"""Younger files are left alone: a save takes seconds, and clocks of a shared disk differ by minutes."""

_ASIDE = ".unreferenced"  # no case's folder begins with a dot
_VERSIONS = "*.nii.gz"
_TORN = ".*.tmp*"  # as `io.write_whole` and its kin name what is not whole yet


def sweep_corrections(workspace: Workspace, store: ReviewStore, safe_age_s: float = SAFE_AGE_S) -> int:
    """Set aside the label files that no record refers to, and remove half-written ones. Runs in any thread.

    They go to ``corrections/.unreferenced`` with their folders. A file there that a record does refer to is put
    back, so that a review store which was restored from a backup finds its files again.

    Parameters
    ----------
    workspace : Workspace
        Whose corrections.
    store : ReviewStore
        The store of that workspace.
    safe_age_s : float
        Files that were written to in the last so many seconds are left alone.

    Returns
    -------
    int
        How many lie aside now. What cannot be moved, on a read-only disk say, stays where it is.
    """
    root = workspace.corrections_dir
    latest = time.time() - safe_age_s
    for torn in _old(root, _TORN, latest):
        with suppress(OSError):
            torn.unlink()
    known = store.correction_files()
    for file in _files(root, latest):
        if file not in known:
            _move(root / file, root / _ASIDE / file)
    aside = _files(root / _ASIDE, math.inf)
    known = store.correction_files() if aside else known
    return sum(not (file in known and put_back(workspace, file)) for file in aside)


def put_back(workspace: Workspace, file: str) -> bool:
    """Bring a file back that was set aside; False if it was not.

    Parameters
    ----------
    workspace : Workspace
        Whose corrections.
    file : str
        `Correction.file`.
    """
    root = workspace.corrections_dir
    return not (root / file).exists() and _move(root / _ASIDE / file, root / file)


def _files(root: Path, latest: float) -> list[str]:
    """Old label files, as records name them."""
    names = (path.relative_to(root) for path in _old(root, _VERSIONS, latest))
    return [name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts)]


def _old(root: Path, pattern: str, latest: float) -> list[Path]:
    found = []
    for folder, _, names in os.walk(root):
        for name in fnmatch.filter(names, pattern):
            path = Path(folder, name)
            with suppress(OSError):  # another process was faster
                if path.stat().st_mtime < latest:
                    found.append(path)
    return found


def _move(source: Path, target: Path) -> bool:
    if not source.is_file():
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
    except OSError:
        return False
    return True
