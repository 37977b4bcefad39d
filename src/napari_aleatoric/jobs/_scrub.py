"""Keeps paths of patients' files out of what a run leaves behind."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import IO

__all__ = ["frames_of", "keep_lines", "scrub"]

# An absolute path: POSIX, drive letter or UNC. Folders may hold blanks; the last part up to a file ending too,
# so that "/data/Jane Doe.nii.gz" leaves nothing behind.
_ABSOLUTE = re.compile(
    r"(?:(?<!\w)[A-Za-z]:[\\/]|\\\\|(?<![\w<])/(?=[^\s/]))"
    r"""(?:[^/\\\n'"<>|:*?]+[\\/])*"""
    r"""(?:[^/\\\n'"<>|:*?]*?(?:\.[A-Za-z]\w{1,5})+(?![\w.])|[^/\\\s'"<>|:*?,;)]*)"""
)
_MAX_LENGTH = 2000


def scrub(text: str, roots: Iterable[Path] = ()) -> str:
    """Replace file paths by ``<path>``.

    Parameters
    ----------
    text : str
        A message, possibly of foreign code.
    roots : iterable of Path
        Folders whose content must not be named: from there on to the next quote or line end all is dropped,
        so that blanks in file names give nothing away.

    Returns
    -------
    str
        At most 2000 characters.
    """
    for root in roots:
        text = re.sub(re.escape(str(root)) + r"[^'\"\n]*", "<path>", text)
    return _ABSOLUTE.sub("<path>", text)[:_MAX_LENGTH]


def keep_lines(source: IO[bytes], log: Path, roots: list[Path]) -> None:
    """Append what comes from a pipe to a log, line by line through `scrub`, until the pipe closes.

    Parameters
    ----------
    source : binary file
        Reading end.
    log : Path
        File to append to.
    roots : list of Path
        As for `scrub`; may grow meanwhile.
    """
    with log.open("a", encoding="utf-8", buffering=1) as stream:
        for line in source:
            stream.write(scrub(line.decode("utf-8", "replace").rstrip("\r\n"), roots) + "\n")


def frames_of(error: BaseException, limit: int = 40) -> list[str]:
    """List where an error came from, innermost last: code locations only, no values, no user's paths."""
    frames = traceback.extract_tb(error.__traceback__)[-limit:]
    return [f"{'/'.join(Path(f.filename).parts[-3:])}:{f.lineno} in {f.name}" for f in frames]
