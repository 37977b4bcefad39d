"""The process that looks after one run: starts the engine, keeps the diary, and ends everything at the end."""

from __future__ import annotations

import argparse
import faulthandler
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from ._events import Event, EventLog, make_event
from ._process import ProcessIdentity, kill_family
from ._run import RunFolder, scratch_prefix
from ._scrub import keep_lines
from ._task import outcome_of_error

__all__ = ["main"]

LOOK_S = 0.05
HEARTBEAT_S = 10.0
_CLUSTER_EXTRA_GRACE_S = 0.4


class Host:
    """Supervises one run until its terminal event.

    Parameters
    ----------
    root : Path
        The workspace.
    folder : RunFolder
        The run.
    scratch : Path
        Folder for temporary files of all processes of the run; removed at the end.
    """

    def __init__(self, root: Path, folder: RunFolder, scratch: Path) -> None:
        self._root, self._folder, self._scratch = root, folder, scratch
        self._roots = [root]
        _keep_prints(folder.log, self._roots)
        self._log = EventLog(folder.events)
        self._outcome: Event | None = None
        self._over = threading.Event()
        self._signal = 0

    def run(self) -> None:
        """Do everything."""
        self._log.add("started", **ProcessIdentity.of().to_json())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            order = self._folder.order()
            grace_s = order.engine.grace_s + (_CLUSTER_EXTRA_GRACE_S if order.engine.scheduler else 0.0)
            threading.Thread(target=self._work, daemon=True).start()
            outcome = self._supervise(grace_s)
        except Exception as error:  # noqa: BLE001  a fault here is a failed job, not a silent end
            outcome = make_event(**outcome_of_error(error, [self._root]))
        self._end(outcome)

    def _work(self) -> None:
        from ._engine import engine_for

        try:
            asked = self._folder.order()
            order: dict[str, Any] = {
                "root": str(self._root),
                "run_dir": str(self._folder.path),
                "door": asked.door,
                "spec": asked.spec,
            }
            self._outcome = engine_for(asked.engine).run(self._folder.run_id, order, self._note)
        except BaseException as error:  # noqa: BLE001  see `run`
            self._outcome = make_event(**outcome_of_error(error, [self._root]))
        self._over.set()

    def _supervise(self, grace_s: float) -> Event:
        """Wait for the outcome; see to stop requests, signals and the heartbeat meanwhile."""
        asked_at: float | None = None
        while not self._over.wait(LOOK_S):
            now = time.monotonic()
            if asked_at is None and self._folder.cancel.exists():
                asked_at = now
                self._log.add("cancelling")
            if asked_at is not None and now - asked_at > grace_s:
                return make_event("cancelled", forced=True)
            if self._signal:
                return make_event(
                    "failed",
                    type="Terminated",
                    message=f"The job was ended from outside ({signal.Signals(self._signal).name}).",
                    advice="Often the machine was shut down or the user logged out.",
                    retry=True,
                )
            if now - self._log.last_write > HEARTBEAT_S:
                self._log.add("heartbeat")
        outcome = self._outcome or make_event("failed", type="NoOutcome", message="The engine gave no answer.")
        if asked_at is not None and outcome["kind"] == "failed" and outcome.get("type") == "Killed":
            return make_event("cancelled", forced=True)
        return outcome

    def _end(self, outcome: Event) -> None:
        """Leave nothing behind, then write the terminal event as the very last act."""
        kill_family(psutil.Process(), itself=False, spare=_resource_tracker())
        shutil.rmtree(self._scratch, ignore_errors=True)
        outcome["time"] = round(time.time(), 3)
        self._log.write(outcome)
        self._log.close()

    def _note(self, event: Event) -> None:
        """Keep an event of the worker; where the data set lies is for `scrub` only."""
        if event["kind"] == "data_root":
            self._roots.insert(0, Path(event["path"]))
        else:
            self._log.write(event)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number


def _resource_tracker() -> list[int]:
    """Return the process that clears up semaphores after us; it ends by itself when we do."""
    from multiprocessing import resource_tracker

    pid = getattr(resource_tracker._resource_tracker, "_pid", None)
    return [pid] if isinstance(pid, int) else []


def _keep_prints(log: Path, roots: list[Path]) -> None:
    """Send everything that this process and its children print through `scrub` into the run's log."""
    faulthandler.enable(log.open("a"))
    read_end, write_end = os.pipe()
    os.dup2(write_end, 1)
    os.dup2(write_end, 2)
    os.close(write_end)
    threading.Thread(target=keep_lines, args=(os.fdopen(read_end, "rb"), log, roots), daemon=True).start()


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``python -m napari_aleatoric.jobs --workspace DIR --run ID``."""
    parser = argparse.ArgumentParser(prog="napari_aleatoric.jobs", description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--run", required=True, help="name of a folder in the workspace's runs/")
    arguments = parser.parse_args(argv)
    folder = RunFolder(arguments.workspace / "runs" / Path(arguments.run).name)
    scratch = tempfile.mkdtemp(prefix=scratch_prefix(folder.run_id))
    os.environ["TMPDIR"] = os.environ["DASK_TEMPORARY_DIRECTORY"] = tempfile.tempdir = scratch
    Host(arguments.workspace, folder, Path(scratch)).run()
    sys.stdout.flush()
    os._exit(0)  # threads of the engine need no farewell: their work is over
