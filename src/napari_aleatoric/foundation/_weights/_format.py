"""What a file of weights is, found out without torch and without running anything that is in it."""

from __future__ import annotations

import io
import json
import pickletools
import zipfile
from pathlib import Path

from napari_aleatoric.errors import DataError

__all__ = ["check_format", "foreign_call", "looks_like_page", "looks_like_weights", "refuse_empty", "refuse_page"]

_MEGABYTE = 1_000_000
_MAX_PICKLE = 64 * _MEGABYTE  # of a checkpoint without its numbers; Segment Anything's take 40 kB
_MAX_HEADER = 100 * _MEGABYTE  # as the format safetensors prescribes

_STORAGES = ("Float", "Half", "BFloat16", "Double", "Long", "Int", "Short", "Char", "Byte", "Bool")
_HARMLESS = frozenset(
    {
        "collections OrderedDict",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        "torch Size",
        *(f"torch {kind}Storage" for kind in _STORAGES),
    }
)
"""What the pickle inside a checkpoint may name: enough for tensors in dictionaries, and nothing that acts."""

_FOREIGN_CALLS = frozenset({"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"})


def check_format(path: Path, shown: str | None = None) -> str:
    """Look at a file's structure, without reading its numbers and without running what it holds.

    Parameters
    ----------
    path : Path
        The file.
    shown : str, optional
        What the user knows it as; its name by default.

    Returns
    -------
    str
        "torch" or "safetensors".

    Raises
    ------
    DataError
        If it is empty, a web page, truncated, asks to run code, or is no checkpoint at all.
    """
    shown = shown or path.name
    size = path.stat().st_size
    refuse_empty(size, shown)
    refuse_page(path, shown)
    with path.open("rb") as stream:
        head = stream.read(16)
    if head.startswith(b"PK\x03\x04"):
        _check_archive(path, shown)
        return "torch"
    if len(head) > 8 and head[8:9] == b"{":
        _check_safetensors(path, shown, size)
        return "safetensors"
    _refuse_pickle(path, shown)
    raise DataError(
        f"{shown} is no checkpoint: expected a file written by torch.save or safetensors, and it begins like "
        "neither. Check that it is the right file."
    )


def looks_like_weights(path: Path) -> bool:
    """Whether a file begins like a checkpoint."""
    with path.open("rb") as stream:
        head = stream.read(9)
    return head.startswith(b"PK\x03\x04") or head[8:9] == b"{"


def refuse_empty(size: int, shown: str) -> None:
    """Refuse a file of no bytes."""
    if size == 0:
        raise DataError(f"{shown} is empty: expected a file of weights, got 0 bytes. Get it again.")


def looks_like_page(head: bytes) -> bool:
    """Whether a file begins like HTML or XML."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def refuse_page(path: Path, shown: str) -> None:
    """Refuse a file that a browser or a proxy saved in place of weights."""
    with path.open("rb") as stream:
        head = stream.read(512)
    if looks_like_page(head):
        raise DataError(
            f"{shown} is a web page, not weights: the address led to a page, perhaps one that asks to log in or to "
            "confirm. Open it in a browser, download the file itself, and import that."
        )


def _truncated(shown: str, why: str) -> DataError:
    return DataError(f"{shown} is truncated: {why}. Get it again.")


def _check_safetensors(path: Path, shown: str, size: int) -> None:
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > _MAX_HEADER:
            raise DataError(
                f"{shown} is no checkpoint: its first bytes are not those of safetensors. Check that it is the "
                "right file."
            )
        if 8 + length > size:
            raise _truncated(shown, f"its table of contents needs {length:,} bytes, and the file has {size:,}")
        text = stream.read(length)
    try:
        table = json.loads(text)
        ends = [int(entry["data_offsets"][1]) for key, entry in table.items() if key != "__metadata__"]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise DataError(
            f"{shown} is damaged: its table of contents cannot be read as that of safetensors. Get it again."
        ) from None
    expected = 8 + length + max(ends, default=0)
    if size < expected:
        raise _truncated(shown, f"its table of contents promises {expected:,} bytes, and the file has {size:,}")
    if size > expected:
        raise DataError(
            f"{shown} is damaged: it has {size - expected:,} bytes more than its table of contents tells of. Get "
            "it again."
        )


def _check_archive(path: Path, shown: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_entries(entries, shown)
            for entry in entries:
                if entry.filename.endswith(".pkl"):
                    _check_pickle(archive.read(entry), shown)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{shown} is truncated or damaged: a torch checkpoint is an archive, and its table of contents, which "
            "stands at the end, cannot be read. Get it again."
        ) from error


def _check_entries(entries: list[zipfile.ZipInfo], shown: str) -> None:
    names = [entry.filename for entry in entries]
    if not any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        raise DataError(
            f"{shown} is no checkpoint: it is an archive, but not one that torch.save wrote. If the weights are "
            "inside it, unpack it first."
        )
    if any("/code/" in name or name.endswith("constants.pkl") for name in names):
        raise _more_than_weights(shown, "run a compiled program (TorchScript)")
    plain = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    pickles_fit = all(entry.file_size <= _MAX_PICKLE for entry in entries if entry.filename.endswith(".pkl"))
    if len(set(names)) != len(names) or not plain or not pickles_fit:
        raise DataError(
            f"{shown} is no checkpoint that torch.save wrote: its archive was packed by another program. Load it "
            "where it came from, and write it with torch.save(model.state_dict(), …)."
        )


def _more_than_weights(shown: str, what: str) -> DataError:
    return DataError(
        f"{shown} holds more than weights: reading it would {what}, so it was not read, and nothing was run. If "
        "you trust where it came from, save its state_dict() alone and import that; else delete it."
    )


def _check_pickle(data: bytes, shown: str) -> None:
    called = foreign_call(data)
    if called:
        raise _more_than_weights(shown, f"call {called}")


def foreign_call(data: bytes) -> str | None:
    """Return the first thing a pickle would import and call that tensors do not need; None if there is none.

    Nothing is unpickled: the instructions are only listed.
    """
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "GLOBAL" and argument not in _HARMLESS:
            return ".".join(str(argument).split(" ", 1))
        if opcode.name in _FOREIGN_CALLS:
            if opcode.name == "INST":
                return ".".join(str(argument).split(" ", 1))
            known = opcode.name == "STACK_GLOBAL" and len(strings) >= 2
            return ".".join(strings[-2:]) if known else "something it does not name"
        if isinstance(argument, str):
            strings.append(argument)
    return None


def _refuse_pickle(path: Path, shown: str) -> None:
    """Look at the pickles a file begins with; an old file of torch has five, one after the other."""
    with path.open("rb") as stream:
        data = io.BytesIO(stream.read(_MAX_PICKLE))
    n_pickles, n_instructions = 0, 0
    try:
        while data.tell() < data.getbuffer().nbytes:
            start = data.tell()
            n_instructions += sum(1 for _ in pickletools.genops(data))
            n_pickles += 1
            called = foreign_call(data.getvalue()[start : data.tell()])
            if called:
                raise _more_than_weights(shown, f"call {called}")
    except DataError:
        raise
    except (ValueError, EOFError, IndexError, UnicodeError, OverflowError):
        pass  # the numbers of an old file of torch; or no pickle at all
    if n_pickles and n_instructions > 1:
        raise DataError(
            f"{shown} is a pickle, not the archive that torch.save has written since 2020. If it is an old "
            "checkpoint, load it where it came from, and write it again with torch.save(model.state_dict(), …)."
        )
