"""Taking a file for one process."""

from __future__ import annotations

import importlib
import os
from io import FileIO
from typing import Any

__all__ = ["try_lock"]

_LOCK_AT = 1 << 40  # a byte that no file here ever reaches, for systems whose locks forbid reading


def try_lock(stream: FileIO) -> bool:
    """Take the file for this process until it is closed or the process dies; False if another one has it.

    On a file system without locks everybody gets it.
    """
    try:
        import fcntl
    except ImportError:
        return _try_lock_windows(stream)
    try:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _try_lock_windows(stream: FileIO) -> bool:
    msvcrt: Any = importlib.import_module("msvcrt")
    position = stream.tell()
    try:
        os.lseek(stream.fileno(), _LOCK_AT, os.SEEK_SET)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    finally:
        os.lseek(stream.fileno(), position, os.SEEK_SET)
    return True
