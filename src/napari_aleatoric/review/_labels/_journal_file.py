"""The file behind a stroke journal: records with length and checksum, of which a torn last one is ignored.

Layout: an 8-byte mark, then records ``<length: u32><crc32: u32><payload>``, little-endian. The first payload is a
JSON header; every other one is a compressed stroke: runs of voxels with their old and new values.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

__all__ = ["MARK", "Stroke", "pack_header", "pack_stroke", "read_records", "record", "stroke_of", "unpack_stroke"]

MARK = b"ALSTROK1"
_RECORD = struct.Struct("<II")  # length and crc32 of the payload
_COUNTS = struct.Struct("<IQ")  # runs, voxels


@dataclass(frozen=True, eq=False)
class Stroke:
    """Some voxels that changed together.

    Parameters
    ----------
    index : numpy.ndarray of int64, shape (n,)
        Flat, ascending indices into the (Z, Y, X) array.
    old, new : numpy.ndarray of integer, shape (n,)
        Label values before and after.
    """

    index: NDArray[np.int64]
    old: NDArray[Any]
    new: NDArray[Any]


def stroke_of(index: NDArray[Any], old: NDArray[Any], new: NDArray[Any], shape_zyx: tuple[int, int, int]) -> Stroke:
    """Make a stroke of voxels in any order, as `StrokeJournal.append` takes them."""
    if index.size == 0:
        none = np.empty(0, dtype=np.int64)
        return Stroke(none, none, none)
    if index.ndim > 2 or (index.ndim == 2 and index.shape[1] != 3):
        raise DataError(f"Expected indices of shape (n,) or (n, 3), got {index.shape}.")
    if any(values.dtype.kind not in "iu" for values in (index, old, new)):
        raise DataError(f"A stroke paints integers at integers, got {old.dtype} and {new.dtype} at {index.dtype}.")
    limits = shape_zyx if index.ndim == 2 else math.prod(shape_zyx)
    if (index < 0).any() or (index >= limits).any():
        raise DataError(f"A stroke reaches outside of the label's {shape_zyx} voxels.")
    flat = np.ravel_multi_index(tuple(index.T), shape_zyx) if index.ndim == 2 else np.atleast_1d(index)
    flat = flat.astype(np.int64, copy=False)
    old, new = np.broadcast_to(old, flat.shape), np.broadcast_to(new, flat.shape)
    if len(flat) > 1 and not (np.diff(flat) > 0).all():
        last = len(flat) - 1 - np.unique(flat[::-1], return_index=True)[1]
        flat, first = np.unique(flat, return_index=True)
        old, new = old[first], new[last]
    return Stroke(flat, old, new)


def record(payload: bytes) -> bytes:
    """Wrap a payload so that a torn or damaged one is noticed."""
    return _RECORD.pack(len(payload), zlib.crc32(payload)) + payload


def read_records(content: bytes) -> tuple[list[bytes], int]:
    """Take a journal apart.

    Returns
    -------
    payloads : list of bytes
        All records up to the first that is torn or damaged.
    end : int
        Number of bytes that they take.
    """
    if not content.startswith(MARK):
        raise DataError("This is not a stroke journal.")
    payloads, position = [], len(MARK)
    while position + _RECORD.size <= len(content):
        length, checksum = _RECORD.unpack_from(content, position)
        payload = content[position + _RECORD.size : position + _RECORD.size + length]
        if len(payload) < length or zlib.crc32(payload) != checksum:
            break
        payloads.append(payload)
        position += _RECORD.size + length
    return payloads, position


def pack_header(header: dict[str, Any]) -> bytes:
    """Write the header as bytes."""
    return json.dumps(header).encode()


def pack_stroke(stroke: Stroke) -> bytes:
    """Compress a stroke: brushes paint runs along a row, mostly of one value."""
    starts = np.flatnonzero(np.diff(stroke.index, prepend=np.int64(-2)) != 1)
    lengths = np.diff(starts, append=len(stroke.index))
    parts = (
        _COUNTS.pack(len(starts), len(stroke.index)),
        stroke.index[starts].astype("<i8").tobytes(),
        lengths.astype("<i8").tobytes(),
        _pack_values(stroke.old),
        _pack_values(stroke.new),
    )
    return zlib.compress(b"".join(parts), level=1)


def unpack_stroke(payload: bytes) -> Stroke:
    """Rebuild from `pack_stroke`."""
    content = zlib.decompress(payload)
    n_runs, n = _COUNTS.unpack_from(content)
    position = _COUNTS.size
    starts = np.frombuffer(content, "<i8", n_runs, position)
    lengths = np.frombuffer(content, "<i8", n_runs, position + 8 * n_runs)
    position += 16 * n_runs
    before = np.cumsum(lengths) - lengths
    index = np.repeat(starts - before, lengths) + np.arange(n)
    old, position = _unpack_values(content, position, n)
    new, _ = _unpack_values(content, position, n)
    return Stroke(index, old, new)


def _pack_values(values: NDArray[Any]) -> bytes:
    """Write the type (4 bytes), how many follow (one stands for all), and the values."""
    some = values[:1] if len(values) and (values == values[0]).all() else values
    kind = some.dtype.newbyteorder("<")
    return kind.str.encode().ljust(4) + struct.pack("<Q", len(some)) + some.astype(kind).tobytes()


def _unpack_values(content: bytes, position: int, n: int) -> tuple[NDArray[Any], int]:
    kind = np.dtype(content[position : position + 4].decode().strip())
    (count,) = struct.unpack_from("<Q", content, position + 4)
    values = np.frombuffer(content, kind, count, position + 12)
    end = position + 12 + count * kind.itemsize
    return (np.full(n, values[0]) if count == 1 else values), end
