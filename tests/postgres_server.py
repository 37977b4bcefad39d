"""A throw-away PostgreSQL server for the tests: on loopback, in a folder of its own, killed for real."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

PASSWORD = "p@ss:w/rd%25"  # what an address has to escape
USER = "reviewer"
_SIGNAL = "--pdeathsig=QUIT"
"""A test run that is killed takes its server along; `start` it from the main thread, whose end counts."""


def server_programs() -> Path | None:
    """Folder of ``initdb`` and ``postgres``; None where no server is installed."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    for folder in (*([Path(on_path).resolve().parent] if on_path else []), *places):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


class PostgresServer:
    """One server; durable as in earnest (fsync is left on)."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="aleatoric-postgres-"))
        self._as = ["setpriv", _SIGNAL] if shutil.which("setpriv") else []
        if os.geteuid() == 0:  # the server refuses to run as root
            account = next(a for a in ("postgres", "nobody") if _exists(a))
            self._as = [
                "setpriv",
                f"--reuid={account}",
                f"--regid={pwd.getpwnam(account).pw_gid}",
                "--clear-groups",
                _SIGNAL,
            ]
            shutil.chown(self.folder, account, pwd.getpwnam(account).pw_gid)
        secret = self.folder / "secret"
        self._run(["tee", str(secret)], text=PASSWORD)
        about = ("-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={secret}")
        self._run([str(programs / "initdb"), "-D", str(self.folder / "data"), *about])
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        self.start()

    def _run(self, command: list[str], text: str = "") -> None:
        done = subprocess.run([*self._as, *command], input=text, text=True, capture_output=True, cwd=self.folder)
        if done.returncode:
            raise RuntimeError(done.stderr)

    def url(self, database: str = "postgres", *, password: bool = True) -> str:
        secret = f":{quote(PASSWORD, safe='')}" if password else ""
        return f"postgresql+psycopg://{USER}{secret}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database and return its address."""
        import psycopg

        name = f"team_{next(self._numbers)}"
        with psycopg.connect(self.url().replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def start(self, timeout_s: float = 60.0) -> None:
        """Start it, and wait until it answers."""
        import psycopg

        end = time.monotonic() + timeout_s
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.folder))
        while time.monotonic() < end:
            if self._process is None or self._process.poll() is not None:  # what it shared may not be free yet
                self._process = subprocess.Popen(
                    [*self._as, str(self._programs / "postgres"), "-D", str(self.folder / "data"), *where],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=self.folder,
                    start_new_session=True,
                )
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.url().replace("+psycopg", ""), connect_timeout=2).close()
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
        raise RuntimeError("the PostgreSQL server of the tests did not start")

    def kill(self) -> None:
        """End it and all its processes at once (SIGKILL), as a power cut would."""
        if self._process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            server = psutil.Process(self._process.pid)
            everything = [server, *server.children(recursive=True)]
            for process in everything:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(everything, timeout=30)
        self._process.wait(30)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A running server, for as long as the block lasts; skips where none can be had."""
    pytest.importorskip("psycopg", reason="the package psycopg is not installed (extra 'team')")
    programs = server_programs()
    if programs is None or os.name == "nt":
        pytest.skip("no PostgreSQL server is installed here (Debian: apt-get install postgresql)")
    server = PostgresServer(programs)
    try:
        yield server
    finally:
        server.close()


def _exists(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
