"""Bringing a file of weights into the folder: from another computer, from a disk, under the user's own name."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from napari_aleatoric.errors import DataError, DownloadError, MissingExtraError, NotFoundError
from napari_aleatoric.model import Reporter

from ._check import check_digest, copy_and_digest, digest_of, remember, size_text
from ._fetch import fetch
from ._files import IMPORTING, PART, Record, alone, put_in_place, record_path, sweep, writing
from ._folder import CONFIG, NUMBERS, pack_folder
from ._format import check_format
from ._known import ARCHITECTURE_NAMES, KnownWeights, Scaling
from ._line import host_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["download_into", "find_file", "import_into", "import_own_into", "read_state", "write_record"]

_OWN_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ENDINGS = (".pth", ".pt", ".bin", ".ckpt", ".safetensors")
_MAX_FILES = 20_000  # looked at in a folder
_SPARE_BYTES = 50_000_000


def download_into(folder: Path, weights: KnownWeights, urls: Sequence[str], reporter: Reporter) -> None:
    """Bring published weights, going on with an earlier attempt; the sources are tried in order."""
    with writing(folder), alone(folder, weights.file_name):
        part = folder / f"{weights.file_name}{PART}"
        _check_space(folder, weights.size_bytes - (part.stat().st_size if part.exists() else 0))
        for i, url in enumerate(urls):
            try:
                fetch(url, part, weights.sha256 or "", weights.size_bytes, weights.name, reporter)
            except (DownloadError, DataError):
                if i == len(urls) - 1:
                    raise
                continue
            _keep(folder, weights, part, host_of(url))
            return


def import_into(folder: Path, weights: KnownWeights, source: Path, reporter: Reporter) -> None:
    """Copy the file of known weights, checking that it is that file."""
    sweep(folder)
    with writing(folder), alone(folder, weights.file_name):
        temporary = folder / f"{weights.file_name}{IMPORTING}"
        try:
            _check_space(folder, source.stat().st_size)
            found = copy_and_digest(source, temporary, reporter, f"Importing {weights.name} (MB)")
            check_digest(temporary, source.name, weights.name, weights.sha256 or "", weights.size_bytes, found)
            _keep(folder, weights, temporary, source.name)
            (folder / f"{weights.file_name}{PART}").unlink(missing_ok=True)
        finally:
            temporary.unlink(missing_ok=True)


def import_own_into(
    folder: Path,
    name: str,
    source: Path,
    reporter: Reporter,
    *,
    architecture: str | None,
    scaling: Scaling,
    licence: str,
) -> None:
    """Copy a checkpoint of the user's own, or a folder, checking that it holds the numbers of a known network."""
    _check_own(name, source, architecture, scaling)
    sweep(folder)
    key = f"own-{name}"
    with writing(folder), alone(folder, key):
        temporary = folder / f"{key}{IMPORTING}"
        try:
            message = f"Importing {name} (MB)"
            if source.is_dir():
                numbers = source / NUMBERS
                _check_space(folder, numbers.stat().st_size if numbers.is_file() else 0)
                sha256, architecture = pack_folder(source, temporary, reporter, message), "sam2"
            else:
                _check_space(folder, source.stat().st_size)
                sha256 = copy_and_digest(source, temporary, reporter, message)
            kind = check_format(temporary, source.name)
            _, found = read_state(temporary, architecture, source.name)
            suffix = ".safetensors" if kind == "safetensors" else ".pth"
            weights = KnownWeights(
                name=name,
                architecture=found,
                file_name=f"{key}-{sha256[:12]}{suffix}",
                urls=(),
                sha256=sha256,
                size_bytes=temporary.stat().st_size,
                licence=licence,
                good_for="",
                scaling=scaling,
                origin="own",
            )
            _keep(folder, weights, temporary, source.name)
        finally:
            temporary.unlink(missing_ok=True)
    sweep(folder)  # the file that the name meant before


def find_file(path: Path, candidates: Sequence[KnownWeights], reporter: Reporter) -> tuple[KnownWeights, Path]:
    """Say which file is which weights.

    Parameters
    ----------
    path : Path
        A file, which is the only candidate's if there is one candidate only; or a folder.
    candidates : sequence of KnownWeights
        Which weights it may be.
    reporter : Reporter
        Told megabytes of files that have to be digested to know them.

    Raises
    ------
    NotFoundError
        If there is no such file or folder, or none of the candidates in it.
    """
    if path.is_file():
        _check_readable(path)
        if len(candidates) == 1:
            return candidates[0], path
    names = " or ".join(weights.name for weights in candidates) or "any weights"
    if path.is_file():
        found = _recognised([path], candidates, reporter)
        if found is None:
            raise NotFoundError(
                f"'{path.name}' is none of the known weights ({names}), neither by name nor by digest. Import it "
                "under a name of its own: aleatoric weights import FILE --name NAME"
            )
        return found
    if not path.is_dir():
        raise NotFoundError(f"There is no file or folder '{path}'. Check the path.")
    found = _recognised(list(_files_of(path)), candidates, reporter)
    if found is None:
        files = ", ".join(weights.file_name for weights in candidates)
        if (path / CONFIG).is_file():
            raise NotFoundError(
                f"'{path.name or path}' is a network as transformers saves it, and no file in it is {names}. "
                "Import it under a name of its own: aleatoric weights import FOLDER --name NAME"
            )
        raise NotFoundError(
            f"No file in '{path.name or path}' or the folders in it is {names}, neither by name ({files}) nor by "
            "digest. Name the file itself."
        )
    return found


def _recognised(
    paths: Sequence[Path], candidates: Sequence[KnownWeights], reporter: Reporter
) -> tuple[KnownWeights, Path] | None:
    """By digest first, because browsers change names; then by name, for the sentence about what is wrong."""
    sizes = {weights.size_bytes for weights in candidates}
    fitting = [path for path in paths if path.stat().st_size in sizes]
    for path in fitting:
        digest = digest_of(path, reporter)
        for weights in candidates:
            if digest == weights.sha256:
                return weights, path
    return next(((w, path) for path in paths for w in candidates if path.name == w.file_name), None)


def _files_of(folder: Path) -> Iterator[Path]:
    for n, path in enumerate(folder.rglob("*")):
        if n >= _MAX_FILES:
            raise DataError(
                f"'{folder.name or folder}' has more than {_MAX_FILES:,} files and folders in it. Name the file "
                "itself, or the folder that it is in."
            )
        if path.suffix.lower() in _ENDINGS and path.is_file():
            yield path


def read_state(path: Path, architecture: str | None, shown: str) -> tuple[dict[str, Tensor], str]:
    """Read a checkpoint's tensors and say which network they fit; see ``foundation/_torch/_load_state.py``."""
    try:
        from napari_aleatoric.foundation._torch._load_state import load_state
    except ImportError as error:
        raise MissingExtraError.for_extra("ai", "read the weights of a network") from error
    return load_state(path, architecture, shown)


def _check_own(name: str, source: Path, architecture: str | None, scaling: str) -> None:
    if not _OWN_NAME.fullmatch(name):
        raise DataError(
            f"Expected a name of small letters, digits, '-', '_' and '.', at most 64 of them, got '{name}'."
        )
    if architecture is not None and architecture not in ARCHITECTURE_NAMES:
        raise DataError(f"Expected an architecture of {', '.join(ARCHITECTURE_NAMES)}, got '{architecture}'.")
    if scaling not in ("imagenet", "unit"):
        raise DataError(f"Expected the scaling 'imagenet' or 'unit', got '{scaling}'.")
    if source.is_dir():
        if architecture not in (None, "sam2"):
            raise DataError(
                f"Expected one file of weights for the architecture {architecture}, got the folder "
                f"'{source.name}', whose {CONFIG} says what it is. Leave the architecture out, or name the file."
            )
        return
    if not source.is_file():
        raise NotFoundError(f"There is no file '{source}'. Check the path.")
    _check_readable(source)


def _check_readable(source: Path) -> None:
    if not os.access(source, os.R_OK):
        raise DataError(f"'{source.name}' cannot be read: its permissions do not allow it. Change them.")


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > 0 and free < needed + _SPARE_BYTES:
        raise DataError(
            f"The disk of the weights folder has {size_text(free)} free, and {size_text(needed)} are needed. Make "
            "room, or name another folder in ALEATORIC_WEIGHTS."
        )


def _keep(folder: Path, weights: KnownWeights, temporary: Path, source: str) -> None:
    """Give a checked file its place. With the record, written last, weights of the user's own begin to exist."""
    put_in_place(temporary, folder / weights.file_name)
    write_record(folder, weights, source)


def write_record(folder: Path, weights: KnownWeights, source: str) -> None:
    """Write down that the file has the digest it should have, as was just found."""
    path = folder / weights.file_name
    remember(path, weights.sha256 or "")
    stat = path.stat()
    record = Record(
        name=weights.name,
        architecture=weights.architecture,
        file_name=weights.file_name,
        sha256=weights.sha256 or "",
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        source=source,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        scaling=weights.scaling,
        licence=weights.licence,
        own=weights.origin == "own",
    )
    record.write(record_path(folder, weights.name, weights.file_name, own=record.own))
