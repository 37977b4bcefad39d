"""Processes of ours on this machine: who they are, whether they live, how they end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import psutil

__all__ = [
    "ProcessIdentity",
    "detached",
    "exit_in_words",
    "kill_family",
    "kill_session",
    "usable_cores",
]

_SAME_START_S = 1.0
_DEATH_S = 2.0


@dataclass(frozen=True)
class ProcessIdentity:
    """A process beyond the reuse of its number.

    Parameters
    ----------
    pid : int
        Process id.
    created : float
        When it started, seconds since 1970.
    machine : str
        Name of the machine it runs on.
    """

    pid: int
    created: float
    machine: str

    @classmethod
    def of(cls, pid: int | None = None) -> ProcessIdentity:
        """Describe a process of this machine; the present one by default."""
        process = psutil.Process(pid)
        return cls(process.pid, process.create_time(), socket.gethostname())

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ProcessIdentity:
        """Rebuild from :meth:`to_json`."""
        return cls(int(value["pid"]), float(value["created"]), str(value["machine"]))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @property
    def is_here(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        return self.machine == socket.gethostname()

    def process(self) -> psutil.Process | None:
        """Return the living process, or None if it is gone (a zombie counts as gone)."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.created) > _SAME_START_S:
                return None
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return None  # ours are never denied to us, so then the number belongs to somebody else now


def kill_family(process: psutil.Process, *, itself: bool = True, spare: Collection[int] = ()) -> list[int]:
    """Kill all descendants of a process, and the process too, and wait for their end (2 s at most).

    Returns
    -------
    list of int
        Process ids that were killed.
    """
    with suppress(psutil.NoSuchProcess):
        family = process.children(recursive=True)
        if itself:
            family.append(process)
        return _kill([p for p in family if p.pid not in spare])
    return []


def kill_session(leader: ProcessIdentity) -> list[int]:
    """Kill what is left of the session of a leader that is gone (POSIX; elsewhere nothing can be found)."""
    if not hasattr(os, "getsid") or leader.process() is not None or not leader.is_here:
        return []
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == leader.pid and process.create_time() >= leader.created - _SAME_START_S:
                left.append(process)
    return _kill([p for p in left if p.pid != os.getpid()])


def _kill(processes: list[psutil.Process]) -> list[int]:
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    until = time.monotonic() + _DEATH_S
    while time.monotonic() < until and not all(_is_dead(process) for process in processes):
        time.sleep(0.01)
    return [process.pid for process in processes]


def _is_dead(process: psutil.Process) -> bool:
    """Say whether a process has ended, even if nobody has collected its exit status yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def exit_in_words(code: int | None) -> str:
    """Say how a process ended, as it follows "it": "was killed by SIGKILL", "ended with exit status 3"."""
    if code is None:
        return "ended without an exit status"
    if code < 0:
        try:
            return f"was killed by {signal.Signals(-code).name} (signal {-code})"
        except ValueError:
            return f"was killed by signal {-code}"
    return f"ended with exit status {code}"


def detached() -> dict[str, Any]:
    """Arguments of `subprocess.Popen` for a process that outlives this one and its terminal."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"start_new_session": True}


def usable_cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
