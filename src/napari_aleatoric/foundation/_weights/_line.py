"""One connection over HTTP, in a thread of its own; what goes wrong with it is told apart."""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_aleatoric.errors import AleatoricError, DataError, DownloadError

__all__ = ["POLL_S", "Answer", "Line", "StartOver", "TryAgain", "host_of"]

POLL_S = 0.2  # how often a stop request is looked for
_BLOCK = 1 << 18
_SILENCE_S = 30.0  # how long the other side may say nothing
_AGENT = "napari-aleatoric"


class TryAgain(Exception):
    """The connection broke off; what came is kept."""


class StartOver(Exception):
    """What lies there is no beginning of what the other side has."""


@dataclass
class Answer:
    """Head of an answer."""

    status: int
    start: int
    length: int | None
    is_page: bool


def host_of(url: str) -> str:
    """Return the host of an address, for sentences."""
    return urllib.parse.urlsplit(url).hostname or url


class Line:
    """A connection in a thread of its own, so that nobody waits for the other side without being able to stop."""

    def __init__(self, url: str, start: int) -> None:
        self._items: queue.Queue[Answer | bytes | Exception] = queue.Queue(maxsize=8)
        self._closed = threading.Event()
        self._url, self._start = url, start
        threading.Thread(target=self._run, name="download", daemon=True).start()

    def next(self, idle: Callable[[], None]) -> Answer | bytes:
        """Return the head of the answer, then its blocks, then ``b""``; call ``idle`` while there is nothing."""
        while True:
            try:
                item = self._items.get(timeout=POLL_S)
            except queue.Empty:
                idle()
                continue
            if isinstance(item, Exception):
                raise item
            return item

    def close(self) -> None:
        """Let the thread end by itself, at the latest when the other side has been silent for long enough."""
        self._closed.set()

    def _put(self, item: Answer | bytes | Exception) -> bool:
        while not self._closed.is_set():
            try:
                self._items.put(item, timeout=POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def _run(self) -> None:
        try:
            headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
            if self._start:
                headers["Range"] = f"bytes={self._start}-"
            request = urllib.request.Request(self._url, headers=headers)
            with urllib.request.urlopen(request, timeout=_SILENCE_S) as answer:
                if not self._put(_head_of(answer)):
                    return
                while block := answer.read1(_BLOCK):
                    if not self._put(block):
                        return
            self._put(b"")
        except Exception as error:  # noqa: BLE001 (handed to the thread that waits)
            self._put(_explained(error, self._url))


def _head_of(answer: http.client.HTTPResponse) -> Answer:
    length = answer.headers.get("Content-Length")
    content_range = answer.headers.get("Content-Range", "")
    start = 0
    if answer.status == 206:
        first = content_range.removeprefix("bytes ").partition("-")[0]
        start = int(first) if first.isdecimal() else -1
    return Answer(
        answer.status,
        start,
        int(length) if length and length.isdecimal() else None,
        answer.headers.get_content_type() in ("text/html", "application/xhtml+xml"),
    )


def _explained(error: Exception, url: str) -> Exception:
    """Return what the waiting thread should raise: try again, start over, or a sentence."""
    host = host_of(url)
    if isinstance(error, AleatoricError | TryAgain | StartOver):
        return error
    if isinstance(error, urllib.error.HTTPError):
        return _refusal(error, url, host)
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return DownloadError(
            f"{host} could not prove who it is ({reason.verify_message}). Behind a proxy that opens connections, "
            "name its certificate in SSL_CERT_FILE; or import the file."
        )
    if isinstance(reason, socket.gaierror):
        return DownloadError(
            f"{host} was not found: there is no connection to the internet, or the address is wrong. Try a mirror "
            "(--mirror), or import the file."
        )
    if isinstance(reason, TimeoutError):
        return TryAgain(f"it said nothing for {_SILENCE_S:.0f} s")
    if isinstance(reason, ConnectionRefusedError):
        return TryAgain("it refused the connection")
    if isinstance(reason, http.client.InvalidURL | ValueError):
        return DataError(f"'{url}' is no valid address ({reason}).")
    return TryAgain("the connection broke off")


def _refusal(error: urllib.error.HTTPError, url: str, host: str) -> Exception:
    if error.code == 416:
        return StartOver()
    if error.code in (408, 425, 429) or error.code >= 500:
        return TryAgain(f"it answered {error.code} {error.reason}")
    file_name = Path(urllib.parse.urlsplit(url).path).name
    return DownloadError(
        f"{host} does not give {file_name}: it answered {error.code} {error.reason}. Check the address of the "
        "mirror, or get the file in a browser and import it."
    )
