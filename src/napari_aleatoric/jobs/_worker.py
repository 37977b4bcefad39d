"""Functions that a Dask worker runs. They are looked up by name there, so they stay where they are."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from ._events import Event, make_event
from ._process import ProcessIdentity, detached, exit_in_words, kill_family
from ._scrub import keep_lines
from ._task import carry_out

__all__ = ["killed_event", "run_here", "run_in_fresh_process"]

_LOOK_S = 0.05


def run_here(topic: str, order: dict[str, Any]) -> Event:
    """Carry out an order in this process, which was started for it alone.

    Parameters
    ----------
    topic : str
        Dask topic that the events are published under.
    order : dict
        ``root``, ``run_dir``, ``door``, ``spec``.

    Returns
    -------
    Event
        The terminal event.
    """
    send = _sender(topic)
    send(make_event("worker", **ProcessIdentity.of().to_json()))
    return carry_out(Path(order["root"]), Path(order["run_dir"]), order["door"], order["spec"], send)


def run_in_fresh_process(topic: str, order: dict[str, Any]) -> Event:
    """Carry out an order in a child of this long-lived worker, so that all its memory returns at the end.

    The child is killed if it does not heed a stop within ``order["grace_s"]``, if the task is no longer wanted
    (whoever asked for it is gone), or if this worker ends.

    Returns
    -------
    Event
        The terminal event.
    """
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "napari_aleatoric.jobs._child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **detached(),
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    identity = ProcessIdentity.of(child.pid)
    send = _sender(topic)
    send(make_event("worker", **identity.to_json()))
    outcome: list[Event] = []
    roots = [Path(order["root"])]
    log = Path(order["run_dir"]) / "log.txt"
    threading.Thread(target=keep_lines, args=(child.stderr, log, roots), daemon=True).start()

    def listen() -> None:
        for line in child.stdout or ():
            event = json.loads(line)
            if event["kind"] in ("completed", "failed", "cancelled"):
                outcome.append(event)
            else:
                if event["kind"] == "data_root":
                    roots.insert(0, Path(event["path"]))
                send(event)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    with suppress(OSError):  # if it died at once, the exit status tells
        child.stdin.write(json.dumps(order).encode() + b"\n")
        child.stdin.flush()
    stopped = _watch(child, Path(order["run_dir"]) / "cancel", float(order["grace_s"]), _still_wanted())
    listener.join(timeout=5.0)
    if outcome:
        return outcome[0]
    return make_event("cancelled", forced=True) if stopped else killed_event(child.returncode)


def _watch(child: subprocess.Popen[bytes], cancel: Path, grace_s: float, wanted: Callable[[], bool]) -> bool:
    """Wait for the end of the child; return whether it was killed because of a stop."""
    asked_at: float | None = None
    while child.poll() is None:
        time.sleep(_LOOK_S)
        if asked_at is None and cancel.exists():
            asked_at = time.monotonic()
        overdue = asked_at is not None and time.monotonic() - asked_at > grace_s
        if overdue or not wanted():
            with suppress(psutil.NoSuchProcess):
                kill_family(psutil.Process(child.pid))
            child.wait()
            return True
    return False


def _still_wanted() -> Callable[[], bool]:
    """Return a question to the worker: whether anybody still wants the task that runs in this thread."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state in ("executing", "long-running")

    return wanted


def _sender(topic: str) -> Callable[[Event], None]:
    """Return a function that publishes events, marked with this attempt so that later ones outdate it."""
    from distributed import get_worker

    worker, attempt = get_worker(), uuid.uuid4().hex

    def send(event: Event) -> None:
        worker.log_event(topic, {"attempt": attempt, "event": event})

    return send


def killed_event(code: int | None, working_on: str = "") -> Event:
    """Return the terminal event of a worker that ended without one.

    Parameters
    ----------
    code : int or None
        Exit status, negative for a signal; None if unknown.
    working_on : str
        The last message of the door.
    """
    while_at = f" while it was at: {working_on}" if working_on else ""
    if code == -9:
        advice = "Most often this means that the machine ran out of memory: close other programs."
    else:
        advice = "log.txt in the folder of the run holds its last words."
    return make_event(
        "failed",
        type="Killed",
        message=f"The worker process {exit_in_words(code)}{while_at}.",
        advice=advice,
        retry=True,
        exit_status=code,
    )
