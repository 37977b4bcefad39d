"""One embedded slice as one file: zarr arrays in a zip, with a digest of what they hold and where they belong.

A slice without finer maps is one zarr array at the root; one with finer maps is a group of ``values`` and
``finer_0``, ``finer_1``, …. Either way each array is one chunk, uncompressed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._segmenter import Embedding

__all__ = ["FORMAT", "read_embedding", "write_embedding"]

FORMAT = 1
"""Enters every digest and every key, so that files of another layout are missed."""

_MOST_FINER = 8


def _digest(maps: list[NDArray[np.float16]], key: str, index: int, attributes: dict[str, Any]) -> str:
    """Of the numbers, of what they mean and of where they belong."""
    shapes = [list(each.shape) for each in maps]
    words = json.dumps([FORMAT, key, int(index), shapes[0], sorted(attributes.items()), *shapes[1:]])
    found = hashlib.blake2b(words.encode(), digest_size=16)
    for each in maps:
        found.update(np.ascontiguousarray(each, dtype="<f2").tobytes())
    return found.hexdigest()


def write_embedding(path: Path, key: str, index: int, embedding: Embedding) -> None:
    """Write a slice into a new file.

    Raises
    ------
    OSError
        If the system does not let it.
    """
    import zarr

    maps = [np.ascontiguousarray(each, dtype="<f2") for each in (embedding.values, *embedding.finer)]
    attributes: dict[str, Any] = {
        "input_yx": [int(n) for n in embedding.input_yx],
        "segmenter": embedding.segmenter,
        "shape_yx": [int(n) for n in embedding.shape_yx],
    }
    described = {**attributes, "digest": _digest(maps, key, index, attributes)}
    names = [None] if len(maps) == 1 else ["values", *(f"finer_{n}" for n in range(len(maps) - 1))]
    try:
        with zarr.storage.ZipStore(path, mode="w") as store:
            if len(maps) > 1:
                zarr.create_group(store, attributes=described)
            for name, each in zip(names, maps, strict=True):
                array = zarr.create_array(
                    store,
                    name=name,
                    shape=each.shape,
                    chunks=each.shape,
                    dtype="float16",
                    compressors=None,
                    attributes=described if name is None else None,
                )
                array[...] = each
    except AttributeError as error:  # a store whose file cannot be opened fails once more when it is closed
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from error


def read_embedding(path: Path, key: str, index: int) -> Embedding | None:
    """Read a slice; None if it is not there, or not as it was written for this key and index."""
    if not path.is_file():
        return None
    import zarr

    try:
        with zarr.storage.ZipStore(path, mode="r") as store:
            node: Any = zarr.open(store, mode="r")
            attributes: dict[str, Any] = dict(node.attrs)
            if hasattr(node, "shape"):
                maps = [np.asarray(node[...])]
            else:
                n_finer = min(sum(1 for name in node.array_keys() if name.startswith("finer_")), _MOST_FINER)
                names = ["values", *(f"finer_{n}" for n in range(n_finer))]
                maps = [np.asarray(node[name][...]) for name in names]
        expected = attributes.pop("digest")
        if any(each.dtype != np.float16 for each in maps) or _digest(maps, key, index, attributes) != expected:
            return None
        (height, width), (fill_y, fill_x) = attributes["shape_yx"], attributes["input_yx"]
        segmenter: str = attributes["segmenter"]
        return Embedding(maps[0], (height, width), (fill_y, fill_x), segmenter, tuple(maps[1:]))
    except Exception:  # noqa: BLE001  a damaged file may fail in any way, in zipfile, in zarr or in json
        return None
