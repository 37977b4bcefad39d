"""Embeddings on the disk, so that a slice is looked at once.

Layout: ``<folder>/<key>/<slice index>.zarr.zip``. A key stands for all slices of one image along one axis, as one
segmenter with one choice of settings sees them; every slice is one file of zarr 3 arrays of half precision (one for
most networks, see ``_embedding_file.py``), as the voxel maps of the workspace are: any zarr reader opens it. Two
things differ from what zarr is usually asked for. A slice is always wanted whole, hence one chunk; and chunks are
not compressed: zstd takes 8 % off such numbers and one and a half times as long.

What makes it safe is the file, not zarr. A slice is written under another name and renamed, so that no reader sees
half of it; and its attributes hold a digest of the numbers, of what they mean and of where they belong, so that
what was damaged, cut short or moved is a miss. Nothing is forced to the disk: what a power cut takes away is
missed, too, and made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
import time
import uuid
import warnings
from collections.abc import Sequence
from pathlib import Path

from napari_aleatoric.errors import DataError

from ._embedding_file import FORMAT, read_embedding, write_embedding
from ._segmenter import Embedding

__all__ = ["EmbeddingCache"]

_SUFFIX = ".zarr.zip"
_GONE = ".gone-"  # entries on their way out
_SLACK = 20  # a twentieth of the limit is written between two looks at the folder
_UNFINISHED = ".new-"
_ATTEMPTS = 6  # to put a file into an entry that other processes may remove at that moment
_LEFT_BEHIND_S = 600.0  # a file still unfinished after that was left by a process that was killed


class EmbeddingCache:
    """Keeps embeddings below a folder; safe to delete at any time, and for several processes at once.

    Nothing here raises because of the disk: what cannot be read is a miss, and what cannot be written is not kept
    (with one warning). When there is no room, the entries (all slices under one key) that were used longest ago
    go, never the one that is being written; slices beyond the limit are not kept if that one fills it alone.

    Parameters
    ----------
    folder : Path
        Made with the first slice.
    max_bytes : int
        What it may take on the disk. Every process looks at the whole folder now and then; while more than two
        write at once, each further one can exceed the limit by a twentieth.
    """

    def __init__(self, folder: Path, max_bytes: int = 4 * 1024**3) -> None:
        if max_bytes < 1:
            raise DataError(f"Expected a limit of at least one byte for the embeddings, got {max_bytes}.")
        self._folder = Path(folder)
        self._max_bytes = int(max_bytes)
        self._lock = threading.Lock()
        self._total: int | None = None  # bytes, at the last look and written by us since then
        self._since_look = 0
        self._too_large: set[str] = set()
        self._writes = True

    @staticmethod
    def key(image_content_hash: str, segmenter: str, *, axis: int, settings: str = "") -> str:
        """Return the key of all slices of one image along one axis.

        Parameters
        ----------
        image_content_hash : str
            Of the image's voxels.
        segmenter : str
            `PromptSegmenter.name`.
        axis : int
            Along which the image is cut into slices.
        settings : str
            Whatever else changes what the segmenter is shown: intensity range, orientation, spacing.

        Returns
        -------
        str
            32 hexadecimal digits (BLAKE2b).
        """
        words = json.dumps([FORMAT, image_content_hash, segmenter, int(axis), settings])
        return hashlib.blake2b(words.encode(), digest_size=16).hexdigest()

    # -- reading ----------------------------------------------------------------------------------

    def get(self, key: str, index: int) -> Embedding | None:
        """Return the embedding of one slice; None if it is not there, or not as it was written."""
        found = read_embedding(self._path(key, index), key, index)
        if found is not None:
            self._mark_used(key)
        return found

    def get_many(self, key: str, indices: Sequence[int]) -> list[Embedding | None]:
        """Return the embeddings of several slices, None for each that is missing."""
        found = [read_embedding(self._path(key, index), key, index) for index in indices]
        if any(embedding is not None for embedding in found):
            self._mark_used(key)
        return found

    def _mark_used(self, key: str) -> None:
        with contextlib.suppress(OSError):  # a folder that is not ours, or is gone
            os.utime(self._folder / key)

    def _path(self, key: str, index: int) -> Path:
        if len(key) != 32 or not set(key) <= set("0123456789abcdef"):
            raise DataError(f"Expected a key of EmbeddingCache.key (32 hexadecimal digits), got '{key}'.")
        if index < 0:
            raise DataError(f"Expected a slice index of 0 or more, got {index}.")
        return self._folder / key / f"{int(index)}{_SUFFIX}"

    # -- writing ----------------------------------------------------------------------------------

    def put(self, key: str, index: int, embedding: Embedding) -> None:
        """Keep the embedding of one slice, instead of what was there."""
        path = self._path(key, index)
        if not self._writes or key in self._too_large:
            return
        try:
            try:
                self._write(path, key, index, embedding)
            except FileNotFoundError:  # somebody deleted the whole folder at this moment
                self._write(path, key, index, embedding)
        except OSError as error:
            self._stop_writing(error)

    def put_many(self, key: str, indices: Sequence[int], embeddings: Sequence[Embedding]) -> None:
        """Keep the embeddings of several slices; each is on the disk for itself."""
        for index, embedding in zip(indices, embeddings, strict=True):
            self.put(key, index, embedding)

    def _write(self, path: Path, key: str, index: int, embedding: Embedding) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f"{_UNFINISHED}{uuid.uuid4().hex}"
        try:
            temporary.open("xb").close()  # says why where it may not be written; zarr would not
            write_embedding(temporary, key, index, embedding)
            if self._make_room(key, temporary.stat().st_size):
                _move(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _stop_writing(self, error: OSError) -> None:
        with self._lock:
            first, self._writes = self._writes, False
        if first:
            warnings.warn(
                "Expected to keep image embeddings in the folder of the cache, and it cannot be written "
                f"({error.strerror or type(error).__name__}). Everything works on, and slices are looked at anew "
                "each time. Make room, or choose another folder.",
                UserWarning,
                stacklevel=3,
            )

    # -- making room ------------------------------------------------------------------------------

    def _make_room(self, key: str, n_bytes: int) -> bool:
        """Remove what was used longest ago; return whether so many bytes more may be written under a key."""
        slack = self._max_bytes // _SLACK
        most = self._max_bytes - slack
        with self._lock:
            known = self._total
            if known is None or known + n_bytes > most or self._since_look + n_bytes > slack:
                known = self._look(key, n_bytes, most)
                self._since_look = 0
            fits = known + n_bytes <= most
            if fits:
                known += n_bytes
                self._since_look += n_bytes
            else:  # nothing is left that could go
                self._too_large.add(key)
            self._total = known
        return fits

    def _look(self, keep: str, n_bytes: int, most: int) -> int:
        """Measure the folder, remove entries until so many bytes more would fit, and return what is left."""
        entries = []
        now = time.time()
        with os.scandir(self._folder) as found:
            for each in found:
                with contextlib.suppress(OSError):  # another process removes it at this moment
                    if each.name.startswith(_GONE):  # a process was killed while it removed this
                        shutil.rmtree(each.path, ignore_errors=True)
                    elif each.name.startswith(_UNFINISHED):
                        if now - each.stat().st_mtime > _LEFT_BEHIND_S:
                            Path(each.path).unlink()
                    elif len(each.name) == 32:
                        entries.append((each.stat().st_mtime_ns, each.name, _size_of(each.path)))
        total = sum(size for _, _, size in entries)
        if total + n_bytes <= most:
            return total
        room_for_later = self._max_bytes // _SLACK  # so that the next slice does not have to look again
        for _, name, size in sorted(entries):
            if total + n_bytes <= most - room_for_later:
                break
            if name != keep and self._remove(name):
                total -= size
        return total

    def _remove(self, name: str) -> bool:
        gone = self._folder / f"{_GONE}{uuid.uuid4().hex}"
        try:
            (self._folder / name).rename(gone)  # all at once: an entry is there or is not
        except FileNotFoundError:
            return True
        except OSError:  # in use, where the system forbids to rename such
            return False
        shutil.rmtree(gone, ignore_errors=True)
        return True


def _size_of(entry: str) -> int:
    with os.scandir(entry) as files:
        return sum(file.stat().st_size for file in files)


def _move(temporary: Path, path: Path) -> None:
    """Put a finished file where it belongs."""
    for left in reversed(range(_ATTEMPTS)):
        path.parent.mkdir(exist_ok=True)
        try:
            temporary.replace(path)
        except FileNotFoundError:  # another process made room with this very entry
            if not left:
                raise
        except PermissionError:
            if os.name != "nt":  # there, a file that somebody reads cannot be replaced; it has the same content
                raise
            return
        else:
            return
