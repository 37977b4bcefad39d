"""Digests of files: computing them, keeping them for this process, and saying what is wrong with another file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Reporter, SilentReporter

from ._format import looks_like_weights, refuse_empty, refuse_page

__all__ = [
    "MEGABYTE",
    "check_digest",
    "copy_and_digest",
    "digest_of",
    "identity",
    "remember",
    "remembered",
    "size_text",
]

MEGABYTE = 1_000_000
_BLOCK = 1 << 20


def size_text(size_bytes: float) -> str:
    """Write a size for people: ``375.0 MB``."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.1f} {unit}"
    return f"{size_bytes:.0f} bytes"


def _blocks(path: Path, reporter: Reporter, message: str) -> Iterator[bytes]:
    total = path.stat().st_size / MEGABYTE
    done = 0
    with path.open("rb") as stream:
        reporter.step(0, total, message)
        while block := stream.read(_BLOCK):
            yield block
            done += len(block)
            reporter.step(round(min(done / MEGABYTE, total), 1), total, message)


def digest_of(path: Path, reporter: Reporter | None = None, message: str = "") -> str:
    """Return the SHA-256 of a file, reporting in megabytes."""
    digest = hashlib.sha256()
    for block in _blocks(path, reporter or SilentReporter(), message or f"Checking {path.name} (MB)"):
        digest.update(block)
    return digest.hexdigest()


_digests: dict[tuple[str, int, int, int], str] = {}


def identity(path: Path) -> tuple[str, int, int, int]:
    """Return what changes when a file is changed or replaced: path, size, time of the last change, inode."""
    stat = path.stat()
    return (str(path.absolute()), stat.st_size, stat.st_mtime_ns, stat.st_ino)


def remember(path: Path, sha256: str, *, only_as: tuple[str, int, int, int] | None = None) -> None:
    """Keep a file's digest for this process; not if the file is no longer ``only_as`` it was."""
    found = identity(path)
    if only_as in (None, found):
        _digests[found] = sha256


def remembered(path: Path) -> str | None:
    """Return the digest of a file that has not changed since it was computed in this process."""
    return _digests.get(identity(path))


def copy_and_digest(source: Path, target: Path, reporter: Reporter, message: str) -> str:
    """Copy a file, put it on the disk, and return the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    with target.open("wb") as stream:
        for block in _blocks(source, reporter, message):
            digest.update(block)
            stream.write(block)
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest()


def check_digest(
    path: Path, shown: str, name: str, sha256: str, size_bytes: int, found_sha256: str | None = None
) -> None:
    """Say precisely in which way a file is not the one that is expected.

    Parameters
    ----------
    path : Path
        The file.
    shown : str
        What the user knows it as.
    name : str
        Name of the weights it should be.
    sha256, size_bytes : str, int
        Of the file as it was published.
    found_sha256 : str, optional
        Its digest, if known already.

    Raises
    ------
    DataError
        If it is another file: empty, a web page, truncated, damaged or of another size.
    """
    size = path.stat().st_size
    if size == size_bytes:
        found = found_sha256 or digest_of(path)
        if found == sha256:
            return
        raise DataError(
            f"{shown} is damaged, or not {name}: it has the right size, but its SHA-256 begins with {found[:12]} "
            f"instead of {sha256[:12]}. Get it again."
        )
    refuse_empty(size, shown)
    refuse_page(path, shown)
    if size < size_bytes and looks_like_weights(path):
        raise DataError(
            f"{shown} is truncated, or not {name}: {name} has {size_bytes:,} bytes, and here are {size:,} "
            f"({size / size_bytes:.0%}). Get it again."
        )
    raise DataError(
        f"{shown} is not {name}: {name} has {size_bytes:,} bytes, and this file {size:,}. Weights of your own can "
        "be imported under a name of their own."
    )
