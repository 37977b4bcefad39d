"""Values through a pipe, each with its length in front."""

from __future__ import annotations

import pickle
import struct
from typing import IO, Any

__all__ = ["STEP", "receive", "send"]

STEP = None
"""Stands before a step that is told, where True or False stand before an answer."""

_LENGTH = struct.Struct("<Q")


def send(stream: IO[bytes], value: Any) -> None:
    """Write one value. Only for a pipe between two processes of ours."""
    content = pickle.dumps(value, protocol=5)
    for part in (_LENGTH.pack(len(content)), content):
        rest = memoryview(part)
        while rest:
            rest = rest[stream.write(rest) or 0 :]
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one value; EOFError where the other side is gone."""
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return pickle.loads(_exactly(stream, length))


def _exactly(stream: IO[bytes], n: int) -> bytes:
    parts = []
    while n:
        part = stream.read(n)
        if not part:
            raise EOFError("The other process is gone.")
        parts.append(part)
        n -= len(part)
    return b"".join(parts)
