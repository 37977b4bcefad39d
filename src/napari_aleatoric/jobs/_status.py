"""What the diary of a run adds up to: a pure fold, with an estimate of the time left."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_aleatoric.model import Status

from ._doors import carries_on
from ._events import TERMINAL, Event

__all__ = ["Fold", "JobError", "JobStatus", "duration_in_words", "fold", "remaining_s"]

_MAX_SAMPLES = 64
_MIN_RECENT = 8
_KEPT_LOG_LINES = 50


@dataclass(frozen=True)
class JobError:
    """Why a job failed.

    Parameters
    ----------
    type : str
        Name of the error class, or "Killed", "HostLost", ...
    message : str
        What happened, one sentence.
    advice : str
        What to do about it; "" where the message says it.
    """

    type: str
    message: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


@dataclass(frozen=True)
class JobStatus:
    """Where a job stands.

    Parameters
    ----------
    status : Status
        Pending until the door has begun, then busy, then one of the three ends.
    done, total : float
        Progress in the door's own units; ``total`` is 0 until known.
    message : str
        The last words of the door.
    eta_s : float or None
        Estimated seconds left; None where there is too little to go by.
    elapsed_s : float
        Seconds since the job was submitted, until its end.
    cancelling : bool
        Whether a stop was asked for and has not happened yet.
    forced : bool
        Whether the worker had to be killed to stop it.
    error : JobError or None
        Set when failed.
    result : dict or None
        The door's summary, when completed.
    metrics : dict of str to tuple of (step, value)
        Everything that was reported, in order.
    log : tuple of str
        The last lines of the log.
    carries_on : bool
        Whether the same door, started again, goes on from what this run had finished.
    """

    status: Status = Status.PENDING
    done: float = 0.0
    total: float = 0.0
    message: str = ""
    eta_s: float | None = None
    elapsed_s: float = 0.0
    cancelling: bool = False
    forced: bool = False
    error: JobError | None = None
    result: dict[str, Any] | None = None
    metrics: dict[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)
    log: tuple[str, ...] = ()
    carries_on: bool = True

    @property
    def is_over(self) -> bool:
        """Whether the job has ended, one way or another."""
        return self.status in (Status.COMPLETED, Status.CANCELLED, Status.FAILED)

    @property
    def fraction(self) -> float:
        """Share done, 0..1."""
        if self.status is Status.COMPLETED:
            return 1.0
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 0.0

    @property
    def sentence(self) -> str:
        """One line for people."""
        if self.status is Status.FAILED:
            return f"Failed: {self.error}"
        if self.status is Status.CANCELLED:
            return f"Stopped as asked. {_started_again(self.carries_on)}"
        if self.status is Status.COMPLETED:
            return f"Finished in {duration_in_words(self.elapsed_s)}."
        if self.cancelling:
            return "Stopping ..."
        if self.total <= 0:
            return self.message or "Starting ..."
        how_far = f"{self.fraction:.0%}" if self.total == 1.0 else f"{self.done:.4g} of {self.total:.4g}"
        text = f"{self.message or 'Working'} ({how_far}"
        return f"{text}, about {duration_in_words(self.eta_s)} left)" if self.eta_s is not None else f"{text})"


def _started_again(carries_on: bool) -> str:
    if carries_on:
        return "What was finished is kept: started again, it goes on from there."
    return "Nothing of it was kept: started again, it begins anew."


def duration_in_words(seconds: float) -> str:
    """Write a duration the way people say it: "40 s", "3 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def remaining_s(samples: Iterable[tuple[float, float]], total: float, now: float) -> float | None:
    """Estimate how long the rest takes.

    The rate is the median of the slopes between all pairs of recent samples (Theil–Sen), so single slow or
    fast steps do not move it. Recent means the later half of the time; if nothing came for much longer than
    between samples so far, the silence counts too.

    Parameters
    ----------
    samples : iterable of (float, float)
        Time in seconds and amount done, in order.
    total : float
        Amount at the end.
    now : float
        Time in seconds.

    Returns
    -------
    float or None
        Seconds, at least 0; None with less than a second or three samples to go by.
    """
    points = np.array(list(samples), dtype=np.float64).reshape(-1, 2)
    if len(points) < 3 or points[-1, 0] - points[0, 0] < 1.0 or total <= 0:
        return None
    middle = (points[0, 0] + points[-1, 0]) / 2.0
    recent = points[points[:, 0] >= middle]
    if len(recent) < _MIN_RECENT:
        recent = points[-_MIN_RECENT:]
    first, second = np.triu_indices(len(recent), k=1)
    span = recent[second, 0] - recent[first, 0]
    slopes = (recent[second, 1] - recent[first, 1])[span > 0] / span[span > 0]
    rate = float(np.median(slopes)) if len(slopes) else 0.0
    (begin, begin_done), (end, end_done) = recent[0], recent[-1]
    silence = max(now - float(end), 0.0)
    if rate <= 0 or silence > 3.0 * float(np.diff(points[:, 0]).max()):
        rate = float(end_done - begin_done) / max(now - float(begin), 1e-9)
        silence = 0.0
    if rate <= 0:
        return None
    return max((total - float(end_done)) / rate - silence, 0.0)


class Fold:
    """Takes events one by one and says at any time what they add up to."""

    def __init__(self) -> None:
        self._status = Status.PENDING
        self._first: float | None = None
        self._end: float | None = None
        self._samples: list[tuple[float, float]] = []
        self._done = self._total = 0.0
        self._message = ""
        self._cancelling = self._forced = False
        self._error: JobError | None = None
        self._result: dict[str, Any] | None = None
        self._metrics: dict[str, list[tuple[int, float]]] = {}
        self._log: list[str] = []
        self._carries_on = True

    @property
    def is_over(self) -> bool:
        """Whether a terminal event has come."""
        return self._end is not None

    def add(self, event: Event) -> None:
        """Take one event; what comes after the terminal one is dropped."""
        if self.is_over:
            return
        if self._first is None:
            self._first = event["time"]
        kind = event["kind"]
        if kind in TERMINAL:
            self._finish(event)
        elif kind == "submitted":
            self._carries_on = carries_on(str(event.get("door", "")))
        elif kind == "worker":
            self._status = Status.BUSY
            self._samples.clear()
        elif kind == "progress":
            self._progress(event)
        elif kind == "metric":
            value = event.get("value")
            number = math.nan if value is None else float(value)
            self._metrics.setdefault(str(event.get("name")), []).append((int(event.get("step", 0)), number))
        elif kind == "log":
            self._log = [*self._log, str(event.get("text", ""))][-_KEPT_LOG_LINES:]
        elif kind == "cancelling":
            self._cancelling = True

    def _progress(self, event: Event) -> None:
        done, total = float(event.get("done") or 0.0), float(event.get("total") or 0.0)
        if total != self._total or done < self._done:
            self._samples.clear()  # another phase: the old pace says nothing about it
        self._done, self._total = done, total
        self._message = str(event.get("message", "")) or self._message
        self._samples.append((event["time"], done))
        if len(self._samples) > _MAX_SAMPLES:  # thin the past, keep the present
            half = _MAX_SAMPLES // 2
            self._samples = [*self._samples[:half:2], *self._samples[half:]]

    def _finish(self, event: Event) -> None:
        self._status = Status(event["kind"])
        self._end = event["time"]
        self._forced = bool(event.get("forced", False))
        if self._status is Status.FAILED:
            advice = str(event.get("advice", ""))
            if event.get("retry"):
                advice = f"{advice} {_started_again(self._carries_on)}".strip()
            self._error = JobError(str(event.get("type", "Error")), str(event.get("message", "")), advice)
        result = event.get("result")
        if self._status is Status.COMPLETED:
            self._result = result if isinstance(result, dict) else {"value": result}

    def status(self, now: float) -> JobStatus:
        """Return where the job stands.

        Parameters
        ----------
        now : float
            Seconds since 1970.
        """
        busy = self._status is Status.BUSY and not self._cancelling
        until = self._end if self._end is not None else now
        return JobStatus(
            status=self._status,
            done=self._done,
            total=self._total,
            message=self._message,
            eta_s=remaining_s(self._samples, self._total, now) if busy else None,
            elapsed_s=max(until - self._first, 0.0) if self._first is not None else 0.0,
            cancelling=self._cancelling and not self.is_over,
            forced=self._forced,
            error=self._error,
            result=self._result,
            metrics={name: tuple(points) for name, points in self._metrics.items()},
            log=tuple(self._log),
            carries_on=self._carries_on,
        )


def fold(events: Iterable[Event], now: float = 0.0) -> JobStatus:
    """Return what a run's events add up to at the time ``now`` (seconds since 1970)."""
    state = Fold()
    for event in events:
        state.add(event)
    return state.status(now)
