"""Bringing a file over HTTP: resumable, stoppable at any moment, never trusting what the other side says.

The standard library does it: it is there without a further dependency, knows proxies and ranges, and no client that
the base install has anyway can resume.
"""

from __future__ import annotations

import hashlib
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from napari_aleatoric.errors import DataError, DownloadError
from napari_aleatoric.model import Reporter

from ._check import MEGABYTE, size_text
from ._format import looks_like_page
from ._line import POLL_S, Answer, Line, StartOver, TryAgain, host_of

__all__ = ["fetch"]

_PAUSES_S = (0.5, 1.0, 2.0, 4.0)  # between attempts that brought nothing


@dataclass
class _Part:
    """The beginning of a file, as far as it came."""

    path: Path
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    restarts: int = 0

    def read(self, reporter: Reporter, total: int, name: str) -> None:
        """Digest what lies there from an earlier time."""
        self.size, self.digest = 0, hashlib.sha256()
        if not self.path.exists():
            return
        with self.path.open("rb") as stream:
            while block := stream.read(1 << 20):
                self.digest.update(block)
                self.size += len(block)
                reporter.step(_mb(self.size), _mb(total), f"Reading what is there of {name} (MB)")

    def add(self, stream: BinaryIO, block: bytes) -> None:
        stream.write(block)
        self.digest.update(block)
        self.size += len(block)

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self.size, self.digest = 0, hashlib.sha256()


def _mb(size: float) -> float:
    return round(size / MEGABYTE, 1)


def fetch(url: str, part: Path, sha256: str, size_bytes: int, name: str, reporter: Reporter) -> None:
    """Bring a file, going on where an earlier attempt stopped; it is complete and right when this returns.

    Parameters
    ----------
    url : str
        Its address, http or https.
    part : Path
        Where it is collected. What lies there is gone on with, if the other side can do that; it is kept when the
        connection breaks off, and deleted when it turns out to be another file.
    sha256, size_bytes : str, int
        Of the file as it was published.
    name : str
        What the user knows it as.
    reporter : Reporter
        Told megabytes at least five times per second, whether data come or not: so a stop request is obeyed.

    Raises
    ------
    DownloadError
        If it cannot be had.
    DataError
        If the other side has another file under this address, or the address is no http(s) address.
    Cancelled
        If the user asked to stop; what came is kept.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise DataError(f"Expected an address that begins with https:// or http://, got '{url}'.")
    have = _Part(part)
    have.read(reporter, size_bytes, name)
    resumed = have.size > 0
    while True:
        if have.size > size_bytes:
            have.drop()
        if have.size < size_bytes:
            _collect(url, have, size_bytes, name, reporter)
        found = have.digest.hexdigest()
        if found == sha256:
            return
        have.drop()
        if not resumed:  # else the beginning may have been of another file: once more from the start
            raise DataError(
                f"What {host_of(url)} sent is not {name}: its SHA-256 begins with {found[:12]} instead of "
                f"{sha256[:12]}, so it was deleted. Try another source (--mirror), or import the file."
            )
        resumed = False


def _collect(url: str, have: _Part, size_bytes: int, name: str, reporter: Reporter) -> None:
    fruitless = 0
    while have.size < size_bytes:
        before, restarts = have.size, have.restarts
        try:
            _attempt(url, have, size_bytes, name, reporter)
        except StartOver:
            have.drop()
            fruitless += 1
        except TryAgain as error:
            went_on = have.size > before and have.restarts == restarts
            fruitless = 1 if went_on else fruitless + 1
            if fruitless > len(_PAUSES_S):
                raise DownloadError(
                    f"{host_of(url)} did not send all of {name}: {size_text(have.size)} of {size_text(size_bytes)} "
                    f"came, then {error}. What came is kept; the same command goes on from there."
                ) from error
            _wait(_PAUSES_S[fruitless - 1], have, size_bytes, f"Waiting for {host_of(url)}: {error}", reporter)
        if fruitless > len(_PAUSES_S):
            raise DownloadError(
                f"{host_of(url)} cannot send {name} from where it stopped, nor from its start. Try another source "
                "(--mirror), or import the file."
            )


def _wait(seconds: float, have: _Part, size_bytes: int, message: str, reporter: Reporter) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        reporter.step(_mb(have.size), _mb(size_bytes), message)
        time.sleep(min(POLL_S, max(0.0, until - time.monotonic())))


def _attempt(url: str, have: _Part, size_bytes: int, name: str, reporter: Reporter) -> None:
    """Ask once, and keep what comes."""
    message = f"{name} from {host_of(url)} (MB)"

    def idle() -> None:
        reporter.step(_mb(have.size), _mb(size_bytes), message)

    line = Line(url, have.size)
    try:
        answer = line.next(idle)
        if not isinstance(answer, Answer):
            raise TryAgain("the connection was closed")
        _check_answer(answer, url, have, size_bytes, name)
        with have.path.open("ab" if answer.start else "wb") as stream:
            if have.size and not answer.start:  # the other side cannot go on
                have.size, have.digest = 0, hashlib.sha256()
                have.restarts += 1
            while isinstance(block := line.next(idle), bytes) and block:
                if have.size == 0 and looks_like_page(block):
                    raise _page(url, name)
                have.add(stream, block)
                if have.size > size_bytes:
                    break
                idle()
    finally:
        line.close()
    if have.size > size_bytes:
        have.drop()
        raise DataError(
            f"What {host_of(url)} sends is not {name}: it is longer than {size_bytes:,} bytes, so it was deleted. "
            "Try another source (--mirror), or import the file."
        )
    if have.size < size_bytes:
        raise TryAgain("the connection was closed too early")


def _page(url: str, name: str) -> DataError:
    return DataError(
        f"{host_of(url)} answered with a web page instead of {name}, perhaps one that asks to log in. Open the "
        "address in a browser, download the file itself, and import that."
    )


def _check_answer(answer: Answer, url: str, have: _Part, size_bytes: int, name: str) -> None:
    if answer.is_page:
        raise _page(url, name)
    if answer.start != have.size and answer.start != 0:
        raise StartOver
    total = None if answer.length is None else answer.start + answer.length
    if total is not None and total != size_bytes:
        if have.size and answer.start:
            raise StartOver
        raise DataError(
            f"{host_of(url)} has another file under this address: {name} has {size_bytes:,} bytes, and it offers "
            f"{total:,}. Try another source (--mirror), or import the file."
        )
