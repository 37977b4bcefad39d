"""The doors of this folder: start a run, find runs, watch, stop and resume them. None of it waits for Dask."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_aleatoric.errors import JobFailedError, NotFoundError
from napari_aleatoric.model import Spec, Status

from ._doors import validated_spec
from ._events import EventLog, EventTail, ends_with_terminal
from ._process import ProcessIdentity, detached, exit_in_words, kill_family, kill_session
from ._run import Order, RunFolder, new_run_id
from ._spec import EngineSpec
from ._status import Fold, JobStatus

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace

__all__ = ["JobHandle", "running", "runs", "submit"]

_STARTING_S = 30.0
_SILENT_ELSEWHERE_S = 120.0
_HOST_EXTRA_GRACE_S = 3.0
_POLL_S = 0.03

_children: dict[str, subprocess.Popen[bytes]] = {}
"""Hosts started by this process: they are our children, so we have to collect their exit status."""


class JobHandle:
    """One run, seen from outside. Any number of handles, in any process, may watch the same run.

    Parameters
    ----------
    root : Path
        The workspace.
    run_id : str
        Name of a folder in its ``runs``.
    """

    def __init__(self, root: Path, run_id: str) -> None:
        self._root = root
        self._folder = RunFolder(root / "runs" / run_id)
        self._order = self._folder.order()
        self._tail = EventTail(self._folder.events)
        self._fold = Fold()

    def __repr__(self) -> str:
        return f"JobHandle({self.door!r}, run_id={self.run_id!r})"

    @property
    def run_id(self) -> str:
        """Sorts by time."""
        return self._folder.run_id

    @property
    def run_dir(self) -> Path:
        """Folder with ``spec.json``, ``events.jsonl`` and ``log.txt``."""
        return self._folder.path

    @property
    def door(self) -> str:
        """Name of the door."""
        return self._order.door

    @property
    def spec(self) -> dict[str, Any]:
        """Plain values of the door's spec."""
        return dict(self._order.spec)

    @property
    def resumes(self) -> str:
        """Id of the run that this one carries on; "" for none."""
        return self._order.resumes

    def status(self) -> JobStatus:
        """Return where the job stands, from what was appended to its diary since the last look.

        A host that is gone without a last word is noticed here: the job is then failed, and the diary says so.
        """
        self._read()
        if not self._fold.is_over:
            self._look_after()
        return self._fold.status(time.time())

    def cancel(self) -> None:
        """Ask the job to stop; returns at once.

        The door stops at its next step. If it has not done so after the grace of the engine's spec (1.5 s), the
        host kills the worker. Watch `status` for the end. A job that is over is left as it is.
        """
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._folder.cancel, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))

    def wait(self, timeout: float | None = None) -> JobStatus:
        """Wait for the end.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None = for ever.

        Raises
        ------
        TimeoutError
            If the job still runs after that time; it goes on.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while not (status := self.status()).is_over:
            if until is not None and time.monotonic() > until:
                raise TimeoutError(f"The job '{self.door}' has not ended within {timeout:g} s; it goes on.")
            time.sleep(_POLL_S)
        return status

    def result(self, timeout: float | None = None) -> dict[str, Any]:
        """Wait for the end and return the door's summary.

        Raises
        ------
        JobFailedError
            If it failed or was stopped.
        """
        status = self.wait(timeout)
        if status.status is not Status.COMPLETED:
            raise JobFailedError(str(status.error) if status.error else status.sentence)
        return status.result or {}

    def resume(self) -> JobHandle:
        """Start the same door with the same spec again; most doors go on from what the workspace holds.

        An export of a filter begins anew, as it leaves nothing behind unless it finishes.

        Raises
        ------
        JobFailedError
            If there is nothing to resume, because the job still runs or has finished.
        """
        status = self.status()
        if status.status not in (Status.FAILED, Status.CANCELLED):
            state = "has finished" if status.is_over else "still runs"
            raise JobFailedError(f"Only a job that failed or was stopped can be resumed; this one {state}.")
        order = self._order
        return _start(self._root, replace(order, resumes=self.run_id))

    def _read(self) -> None:
        for event in self._tail.read():
            self._fold.add(event)

    def _look_after(self) -> None:
        """Notice a host that died, or that does not carry out a stop."""
        child = _children.get(self.run_id)
        if child is not None:
            child.poll()  # or it stays a zombie
        host = self._folder.host()
        if host is None:
            if _age_s(self._folder.path / "spec.json") > _STARTING_S:
                self._close("NotStarted", "The job was never started: whoever asked for it ended before.")
        elif not host.is_here:
            if _age_s(self._folder.events) > _SILENT_ELSEWHERE_S:
                self._close("HostLost", f"Nothing was heard of the job on {host.machine} for two minutes.")
        elif (process := host.process()) is None:
            kill_session(host)
            self._folder.remove_scratch()
            how = "ended without a word"
            if child is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    how = exit_in_words(child.wait(1.0))
            self._close("HostLost", f"The process that looked after the job {how}.")
        elif _age_s(self._folder.cancel) > self._order.engine.grace_s + _HOST_EXTRA_GRACE_S:
            kill_family(process)
            self._folder.remove_scratch()
            self._close("", "", kind="cancelled")

    def _close(self, error_type: str, message: str, *, kind: str = "failed") -> None:
        """Write the last word in place of a host that is gone, unless it, or another reader, has done so."""
        self._read()
        if self._fold.is_over:
            return
        fields: dict[str, Any] = {"forced": True}
        if kind == "failed":
            advice = "log.txt in the folder of the run may say more."
            fields = {"type": error_type, "message": message, "advice": advice, "retry": True}
        marker = self._folder.path / "closed-by-reader"
        with contextlib.suppress(OSError):  # a workspace that cannot be written is still read
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            log = EventLog(self._folder.events)
            log.add(kind, **fields)
            log.close()
        self._read()
        if not self._fold.is_over:
            self._fold.add({"time": time.time(), "kind": kind, **fields})


def submit(
    ws: Workspace,
    door: str,
    spec: Spec | Mapping[str, Any] | None = None,
    *,
    scheduler: str | None = None,
    engine: EngineSpec | None = None,
) -> JobHandle:
    """Start a job in processes of its own and return at once.

    Parameters
    ----------
    ws : Workspace
        What it works on.
    door : str
        A name in `DOORS`.
    spec : Spec or mapping, optional
        The door's spec or plain values for it; its defaults if left out.
    scheduler : str, optional
        Address of a Dask scheduler, short for ``EngineSpec(scheduler=...)``.
    engine : EngineSpec, optional
        Where it runs; a process on this machine by default.

    Returns
    -------
    JobHandle
        If the same door runs with the same spec already, that run.

    Raises
    ------
    NotFoundError
        If there is no such door.
    DataError
        If the spec does not fit the door.
    JobFailedError
        If the door runs already with another spec.
    WorkspaceError
        If the run's folder cannot be written.
    """
    values = validated_spec(door, spec if spec is not None else {})
    chosen = engine if engine is not None else EngineSpec()
    if scheduler is not None:
        chosen = EngineSpec.model_validate({**chosen.model_dump(), "scheduler": scheduler})
    return _start(ws.root, Order(door, values.model_dump(mode="json"), values.digest, chosen))


def runs(ws: Workspace) -> list[JobHandle]:
    """Return all runs of a workspace, newest first."""
    return list(_runs(ws.root))


def running(ws: Workspace, door: str | None = None) -> JobHandle | None:
    """Return the newest run that has not ended, or None; a window that opens picks it up with this.

    Parameters
    ----------
    ws : Workspace
        The workspace.
    door : str, optional
        Look at runs of this door only.
    """
    return _running(ws.root, door)


def _runs(root: Path, *, unfinished: bool = False) -> Iterator[JobHandle]:
    folder = root / "runs"
    names = sorted((p.name for p in folder.iterdir()), reverse=True) if folder.is_dir() else []
    for name in names:
        if unfinished and ends_with_terminal(folder / name / "events.jsonl"):
            continue
        with contextlib.suppress(NotFoundError, ValueError):
            yield JobHandle(root, name)


def _running(root: Path, door: str | None) -> JobHandle | None:
    for handle in _runs(root, unfinished=True):
        if door in (None, handle.door) and not handle.status().is_over:
            return handle
    return None


def _start(root: Path, order: Order) -> JobHandle:
    root = root.resolve()
    runs_dir = root / "runs"
    runs_dir.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(runs_dir / f".{order.door}.lock"):
        other = _running(root, order.door)
        if other is not None:
            if other.spec == order.spec and other._order.engine == order.engine:
                return other
            raise JobFailedError(
                f"'{order.door}' is running already with other settings; wait for its end, or stop it first."
            )
        folder = RunFolder(runs_dir / new_run_id())
        folder.create(order)
        log = EventLog(folder.events)
        log.add("submitted", door=order.door, resumes=order.resumes)
        log.close()
        command = [sys.executable, "-P", "-m", "napari_aleatoric.jobs"]
        command += ["--workspace", str(root), "--run", folder.run_id]
        with folder.log.open("ab") as out:
            host = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=runs_dir, **detached()
            )
        _children[folder.run_id] = host
        identity = ProcessIdentity.of(host.pid)  # even if it has ended: nobody has collected its exit status yet
        folder.write_host(identity)
    return JobHandle(root, folder.run_id)


@contextlib.contextmanager
def _one_at_a_time(lock: Path, patience_s: float = 10.0) -> Iterator[None]:
    """Keep two windows from starting the same door at the same moment; a lock of the dead is broken."""
    until = time.monotonic() + patience_s
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            break
        except FileExistsError:
            if _age_s(lock) > patience_s or time.monotonic() > until:
                lock.unlink(missing_ok=True)
            time.sleep(_POLL_S)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _age_s(path: Path) -> float:
    """Return how long ago a file was last written, in seconds; negative infinity if it is absent."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("-inf")
