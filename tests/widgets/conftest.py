"""Widgets are tested with their files in a folder of the test."""

from __future__ import annotations

import contextlib
import http.server
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tester's own keys, folders and models out of the tests, and the tests out of theirs."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("ALEATORIC_WEIGHTS", str(tmp_path / "weights"))
    for name in ("ALEATORIC_OFFLINE", "ALEATORIC_WEIGHTS_MIRROR"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class FileServer:
    """What is served, how, and what was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)  # the next answers end after so many bytes
    hold_after: int | None = None  # say nothing more after so many bytes, until released
    release: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path, range
    address: str = ""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        control: FileServer = self.server.control  # type: ignore[attr-defined]
        wanted = self.headers.get("Range")
        control.asked.append((self.path, wanted))
        self.close_connection = True
        data = control.files.get(self.path.removeprefix("/"))
        if data is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        body = data[start:]
        if control.cuts:
            body = body[: control.cuts.pop(0)]
        with contextlib.suppress(ConnectionError):
            if control.hold_after is not None:
                self.wfile.write(body[: control.hold_after])
                self.wfile.flush()
                control.release.wait(60)
                body = body[control.hold_after :]
            self.wfile.write(body)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # without asking for the machine's name, which may take seconds
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A real HTTP server of files that misbehaves on request."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    control = FileServer()
    running = _Server(("127.0.0.1", 0), _Handler)
    running.control = control  # type: ignore[attr-defined]
    control.address = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield control
    control.release.set()
    running.shutdown()
    running.server_close()
