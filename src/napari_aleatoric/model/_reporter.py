"""How long work tells where it is, and how it learns that it should stop."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from napari_aleatoric.errors import Cancelled

__all__ = ["RecordingReporter", "Reporter", "SilentReporter", "SubReporter"]


@runtime_checkable
class Reporter(Protocol):
    """Progress out, stop request in.

    Contract
    --------
    * ``step`` raises `Cancelled` when a stop was asked for; every loop that reports can so be stopped.
    * ``done`` grows from 0 to ``total`` within one door.
    * Both are cheap: a loop may call them for every case.
    """

    def step(self, done: float, total: float, message: str = "") -> None:
        """Say that ``done`` of ``total`` is finished and what comes next."""

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Report a number worth plotting."""


class SilentReporter:
    """Says nothing and never stops."""

    def step(self, done: float, total: float, message: str = "") -> None:
        """Do nothing."""

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Do nothing."""


class RecordingReporter:
    """Keeps everything; can be told to stop after a number of steps. For tests.

    Parameters
    ----------
    cancel_after : int, optional
        Raise `Cancelled` at this many steps (1 = at the first).
    """

    def __init__(self, cancel_after: int | None = None) -> None:
        self.steps: list[tuple[float, float, str]] = []
        self.metrics: list[tuple[str, float, int]] = []
        self._cancel_after = cancel_after

    def step(self, done: float, total: float, message: str = "") -> None:
        """Record, and raise `Cancelled` when told so."""
        self.steps.append((done, total, message))
        if self._cancel_after is not None and len(self.steps) >= self._cancel_after:
            raise Cancelled("Stopped as asked.")

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Record."""
        self.metrics.append((name, value, step))


class SubReporter:
    """A part of a longer work: maps its own 0..total onto a slice of the parent's.

    Parameters
    ----------
    parent : Reporter
        Who is told.
    start, stop : float
        The slice of the parent's progress that this part fills.
    total : float
        The parent's total.
    """

    def __init__(self, parent: Reporter, start: float, stop: float, total: float) -> None:
        self._parent = parent
        self._start, self._stop, self._total = start, stop, total

    def step(self, done: float, total: float, message: str = "") -> None:
        """Report to the parent in its own measure."""
        fraction = done / total if total else 1.0
        self._parent.step(self._start + fraction * (self._stop - self._start), self._total, message)

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Hand on."""
        self._parent.metric(name, value, step)
