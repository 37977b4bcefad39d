"""A network as transformers saves it, a folder of ``config.json`` and ``model.safetensors``, as one file and back.

One file can be digested, named, replaced and lost as a whole; a folder cannot. The numbers are copied byte by byte,
and the configuration goes into the place that safetensors has for words, under ``config``.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import Reporter

from ._check import MEGABYTE
from ._format import check_format

__all__ = ["CONFIG", "NUMBERS", "pack_folder", "read_config"]

CONFIG, NUMBERS = "config.json", "model.safetensors"
_PICKLES = ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt")
_BLOCK = 1 << 20
_MAX_CONFIG = 10 * MEGABYTE
_ALIGNED = 8  # bytes; safetensors pads its table of contents with spaces


def pack_folder(folder: Path, target: Path, reporter: Reporter, message: str) -> str:
    """Copy a network's folder into one file of safetensors, put it on the disk, and return its SHA-256.

    Other files in the folder are not read, and no program in it is run.

    Parameters
    ----------
    folder : Path
        Has ``config.json`` and ``model.safetensors``.
    target : Path
        Written from the beginning.
    reporter : Reporter
        Told megabytes.
    message : str
        Told with them.

    Raises
    ------
    NotFoundError
        If one of the two is not there.
    DataError
        If one of them is not what its name says.
    """
    source = folder / NUMBERS
    config = _config_of(folder)
    if not source.is_file():
        raise NotFoundError(_without_numbers(folder))
    if check_format(source) != "safetensors":
        raise DataError(
            f"{NUMBERS} in '{folder.name}' is a torch checkpoint under another name. Save the network again with "
            "safe_serialization=True."
        )
    digest = hashlib.sha256()
    with source.open("rb") as stream, target.open("wb") as into:
        table = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        words = {**table.get("__metadata__", {}), "config": json.dumps(config, sort_keys=True)}
        text = json.dumps({**table, "__metadata__": words}).encode()
        text += b" " * (-len(text) % _ALIGNED)
        total = source.stat().st_size / MEGABYTE
        done = 0.0
        reporter.step(0, total, message)
        block = len(text).to_bytes(8, "little") + text
        while block:
            digest.update(block)
            into.write(block)
            block = stream.read(_BLOCK)
            done += len(block) / MEGABYTE
            reporter.step(round(min(done, total), 1), total, message)
        into.flush()
        os.fsync(into.fileno())
    return digest.hexdigest()


def _config_of(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        raise NotFoundError(
            f"'{folder.name}' has no {CONFIG}: expected one file of weights, or a folder with {CONFIG} and "
            f"{NUMBERS} as transformers saves it. Name the file, or that folder."
        )
    try:
        found = json.loads(path.read_bytes()[:_MAX_CONFIG])
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DataError(f"{CONFIG} cannot be read: expected a description of a network in JSON. Get it again.")
    return found


def _without_numbers(folder: Path) -> str:
    pickle = next((name for name in _PICKLES if (folder / name).exists()), None)
    if pickle is not None:
        return (
            f"'{folder.name}' has no {NUMBERS}, only {pickle}, which is a pickle and is not read from a folder. "
            "Save the network again with safe_serialization=True."
        )
    if (folder / f"{NUMBERS}.index.json").exists():
        return (
            f"'{folder.name}' has no {NUMBERS}: its numbers are in several files. Save the network again in one, "
            "with a larger max_shard_size."
        )
    return f"'{folder.name}' has no {NUMBERS} beside its {CONFIG}. Get the whole folder again."


def read_config(path: Path) -> dict[str, Any]:
    """Return the configuration in a file of `pack_folder`; empty if there is none. The file was checked before."""
    with path.open("rb") as stream:
        table = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    try:
        found = json.loads(table["__metadata__"]["config"])
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
