"""What happens inside the worker: open the workspace, walk through the door, report."""

from __future__ import annotations

import dataclasses
import errno
import logging
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import AleatoricError, Cancelled

from ._doors import door_callable, spec_type
from ._events import Event, make_event
from ._scrub import frames_of, scrub

__all__ = ["JobReporter", "carry_out", "outcome_of_error", "summary_of"]

PROGRESS_INTERVAL_S = 0.1
CANCEL_LOOK_S = 0.05
_MESSAGE_LENGTH = 300
_FAULT_ADVICE = "This is a fault in the program, not in your data; log.txt in the folder of the run says where."


class JobReporter:
    """The `Reporter` of a job: progress as events, at most ten a second, and the stop request as a file.

    Parameters
    ----------
    send : callable
        Takes an event.
    cancel : Path
        A stop was asked for once this file exists.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(
        self, send: Callable[[Event], None], cancel: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._send, self._cancel, self._clock = send, cancel, clock
        self._last_sent = self._last_look = float("-inf")
        self._held: Event | None = None

    def step(self, done: float, total: float, message: str = "") -> None:
        """Report progress; raises `Cancelled` when a stop was asked for."""
        now = self._clock()
        event = make_event("progress", done=float(done), total=float(total), message=message[:_MESSAGE_LENGTH])
        if now - self._last_sent >= PROGRESS_INTERVAL_S or done >= total:
            self._send(event)
            self._last_sent, self._held = now, None
        else:
            self._held = event
        if now - self._last_look >= CANCEL_LOOK_S:
            self._last_look = now
            if self._cancel.exists():
                raise Cancelled("Stopped as asked.")

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Report a number worth plotting."""
        self._send(make_event("metric", name=name, value=float(value), step=int(step)))

    def flush(self) -> None:
        """Send the progress that was held back, if any."""
        if self._held is not None:
            self._send(self._held)
            self._held = None


class _LogEvents(logging.Handler):
    """Log records of ours and warnings become events."""

    def __init__(self, send: Callable[[Event], None], roots: list[Path]) -> None:
        super().__init__(logging.INFO)
        self._send, self._roots = send, roots
        self._left = 1000

    def emit(self, record: logging.LogRecord) -> None:
        if self._left > 0:
            self._left -= 1
            text = scrub(record.getMessage(), self._roots)
            self._send(make_event("log", level=record.levelname.lower(), text=text))


def summary_of(result: Any) -> Any:
    """Return what a door gave back as plain values: a summary, never arrays."""
    if result is None or isinstance(result, bool | int | float | str):
        return result
    if hasattr(result, "model_dump"):
        return result.model_dump(mode="json")
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {f.name: summary_of(getattr(result, f.name)) for f in dataclasses.fields(result)}
    if isinstance(result, Mapping):
        return {str(k): summary_of(v) for k, v in result.items()}
    if isinstance(result, list | tuple):
        return [summary_of(v) for v in result[:1000]]
    return scrub(str(result))


def outcome_of_error(error: BaseException, roots: list[Path]) -> dict[str, Any]:
    """Return the terminal event of a door that raised."""
    message = str(error) or type(error).__name__
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, Cancelled):
        return {"kind": "cancelled"}
    if isinstance(error, AleatoricError):  # written for the user: names what was expected and what to do
        message, advice = scrub_roots(message, roots), ""
    elif isinstance(error, MemoryError):
        message = "The job ran out of memory."
        advice = "Close other programs or take a machine with more memory."
    elif full:
        message, advice = "The disk is full.", "Free some space on the workspace's disk."
    else:
        message, advice = f"{type(error).__name__}: {scrub(message, roots)}", _FAULT_ADVICE
    return {
        "kind": "failed",
        "type": type(error).__name__,
        "message": message,
        "advice": advice,
        "where": frames_of(error),
        "retry": full or isinstance(error, MemoryError),
    }


def scrub_roots(text: str, roots: list[Path]) -> str:
    """Take the folders of the data set and the workspace out of a sentence, but leave file names."""
    for root in roots:
        text = re.sub(re.escape(str(root)) + r"[\\/](?:[^'\"\n]*?[\\/])?(?=[^\\/'\"\n]*(?:['\"\n]|$))", "", text)
    return text


def carry_out(root: Path, run_dir: Path, door: str, spec: dict[str, Any], send: Callable[[Event], None]) -> Event:
    """Walk through a door and return the terminal event; never raises.

    Parameters
    ----------
    root : Path
        The workspace.
    run_dir : Path
        The folder of the run.
    door : str
        Name of the door.
    spec : dict
        Plain values of its spec.
    send : callable
        Takes the events on the way.
    """
    roots = [root]
    logger, handler = logging.getLogger("napari_aleatoric"), _LogEvents(send, roots)
    logging.captureWarnings(True)
    warnings_logger = logging.getLogger("py.warnings")
    for one in (logger, warnings_logger):
        one.addHandler(handler)
    logger.setLevel(logging.INFO)
    reporter = JobReporter(send, run_dir / "cancel")
    try:
        from napari_aleatoric.io import Workspace

        function = door_callable(door)
        workspace = Workspace.open(root)
        roots.insert(0, workspace.dataset.root)
        send(make_event("data_root", path=str(workspace.dataset.root)))
        result = function(workspace, spec_type(function).model_validate(spec), reporter=reporter)
        reporter.flush()
        outcome = {"kind": "completed", "result": summary_of(result)}
    except BaseException as error:  # noqa: BLE001  the terminal event must come, whatever happened
        outcome = outcome_of_error(error, roots)
    finally:
        for one in (logger, warnings_logger):
            one.removeHandler(handler)
        logging.captureWarnings(False)
    return make_event(**outcome)
