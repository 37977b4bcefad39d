"""The diary of a run: one JSON object per line, written by one process, read by any number."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

__all__ = ["TERMINAL", "Event", "EventLog", "EventTail", "ends_with_terminal", "make_event"]

Event = dict[str, Any]
"""``{"time": seconds since 1970 (UTC), "kind": str, ...}``; see `docs/jobs.md` for the kinds."""

TERMINAL: Final = frozenset({"completed", "failed", "cancelled"})
"""The kinds of which every run has exactly one, as its last event."""

_TAIL_BYTES = 65536


def _plain(value: Any) -> Any:
    """Make a value that strict JSON can hold: NaN and infinities become None, unknown types their text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, Iterable):
        return [_plain(v) for v in value]
    return str(value)


def make_event(kind: str, **fields: Any) -> Event:
    """Build an event that happens now."""
    return {"time": round(time.time(), 3), "kind": kind, **{k: _plain(v) for k, v in fields.items()}}


class EventLog:
    """Appends events, each as one write of one whole line.

    After the terminal event nothing more is written, so a late answer leaves no trace.

    Parameters
    ----------
    path : Path
        ``events.jsonl``; made if absent. A torn last line (the writer before was killed) is closed first.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        size = os.lseek(self._file, 0, os.SEEK_END)
        if size:
            os.lseek(self._file, size - 1, os.SEEK_SET)
            if os.read(self._file, 1) != b"\n":
                os.write(self._file, b"\n")
        self.ended = False
        self.last_write = time.monotonic()

    def write(self, event: Event) -> bool:
        """Append one event.

        Returns
        -------
        bool
            False if the run had ended before, and nothing was written.
        """
        line = json.dumps(event, allow_nan=False, ensure_ascii=False, separators=(",", ":")) + "\n"
        with self._lock:
            if self.ended:
                return False
            self.ended = event["kind"] in TERMINAL
            os.write(self._file, line.encode("utf-8", "replace"))
            if self.ended:
                os.fsync(self._file)
            self.last_write = time.monotonic()
        return True

    def add(self, kind: str, **fields: Any) -> bool:
        """Append an event that happens now; see `write`."""
        return self.write(make_event(kind, **fields))

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


class EventTail:
    """Reads what was appended since the last look; a line that is not whole yet is left for the next.

    Parameters
    ----------
    path : Path
        ``events.jsonl``; need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.unreadable = 0

    def read(self) -> Iterator[Event]:
        """Yield the events appended since the last call."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return
        whole, newline, _ = data.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        yield from self._parse(whole)

    def _parse(self, data: bytes) -> Iterator[Event]:
        for line in data.split(b"\n"):
            if not line.strip():
                continue
            try:
                event = json.loads(line)
            except ValueError:
                self.unreadable += 1
                continue
            if isinstance(event, dict) and isinstance(event.get("kind"), str):
                event["time"] = float(event.get("time", 0.0))
                yield event
            else:
                self.unreadable += 1


def ends_with_terminal(path: Path) -> bool:
    """Say whether the run has ended, from the last lines of its diary alone."""
    tail = EventTail(path)
    try:
        size = path.stat().st_size
    except OSError:
        return False
    tail._offset = max(0, size - _TAIL_BYTES)
    return any(event["kind"] in TERMINAL for event in tail.read())
