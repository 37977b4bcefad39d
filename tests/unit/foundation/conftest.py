"""A server of files that misbehaves on request, and small weights to ask it for."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import random
import socket
import socketserver
import struct
import threading
from dataclasses import dataclass, field

import pytest

from napari_aleatoric.foundation import KnownWeights


@dataclass
class FileServer:
    """What is served, how, and what was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    wrong_range: bool = False  # answers 206, from another place than asked
    status: int = 200
    content_type: str = "application/octet-stream"
    lie: int = 0  # added to the length that is told
    tell_length: bool = True
    cut_after: int | None = None  # close after so many bytes of an answer
    reset_after: int | None = None  # the same, impolitely
    reset_grows: float = 0.0  # a larger share with every answer
    hold_after: int | None = None  # say nothing more after so many bytes, until released
    silent: bool = False  # do not even answer
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    address: str = ""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        control = self.server.control
        wanted = self.headers.get("Range")
        control.asked.append((self.path, wanted))
        self.close_connection = True
        if control.silent:
            control.release.wait(60)
            return
        if control.status != 200:
            self.send_error(control.status)
            return
        data = control.files.get(self.path.removeprefix("/"))
        if data is None:
            self.send_error(404)
            return
        start = 0
        if wanted and control.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                self.send_error(416)
                return
            start = start // 2 if control.wrong_range else start
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", control.content_type)
        if control.tell_length:
            self.send_header("Content-Length", str(len(data) - start + control.lie))
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.send_body(control, data[start:])

    def send_body(self, control, body):
        if control.hold_after is not None:
            self.wfile.write(body[: control.hold_after])
            self.wfile.flush()
            control.release.wait(60)
            body = body[control.hold_after :]
        if control.cut_after is not None:
            body = body[: control.cut_after]
        if control.reset_after is not None:
            self.wfile.write(body[: int(control.reset_after * (1 + len(control.asked) * control.reset_grows))])
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # without asking for the machine's name, which may take seconds
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    """A real HTTP server in this process."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    control = FileServer()
    running = Server(("127.0.0.1", 0), Handler)
    running.control = control
    control.address = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield control
    control.release.set()
    running.shutdown()
    running.server_close()


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    """What the user set outside does not reach the tests."""
    for name in ("ALEATORIC_WEIGHTS", "ALEATORIC_OFFLINE", "ALEATORIC_WEIGHTS_MIRROR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def content():
    """The bytes of the weights ``tiny``: they begin as a checkpoint does."""
    return b"PK\x03\x04" + random.Random(3).randbytes(3_000_000)


@pytest.fixture
def entry(server, content):
    """What is known about the weights ``tiny``, which the server has."""
    server.files["tiny.pth"] = content
    return KnownWeights(
        name="tiny",
        architecture="small",
        file_name="tiny.pth",
        urls=(f"{server.address}/tiny.pth",),
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        licence="CC0-1.0",
        good_for="Tests.",
    )
