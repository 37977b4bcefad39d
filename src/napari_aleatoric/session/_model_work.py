"""One piece of work on weights, beside the window: how far it is, how long it takes, and the wish to stop it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from napari_aleatoric.jobs import duration_in_words

from ._stop_switch import StopSwitch

__all__ = ["ModelTask", "TaskReporter"]

_TOLD_S = 0.2  # between two words to the window
_RECENT_S = 10.0  # of which the speed is the mean
_LEAST_S = 1.0  # before anything is estimated


@dataclass(frozen=True)
class ModelTask:
    """What is going on with the weights of a model.

    Parameters
    ----------
    verb : {"download", "import", "verify"}
        What is done.
    name : str
        With which model, or file.
    done, total : float
        Megabytes; ``total`` is 0 where that is not known.
    message : str
        Last words of the work.
    eta_s : float or None
        Estimated seconds left.
    stopping : bool
        Whether a stop was asked for.
    """

    verb: str
    name: str
    done: float = 0.0
    total: float = 0.0
    message: str = ""
    eta_s: float | None = None
    stopping: bool = False

    @property
    def fraction(self) -> float | None:
        """Share done, 0 … 1; None where that is not known."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else None

    @property
    def what(self) -> str:
        """What is done, without figures: changes seldom."""
        if self.stopping:
            return "Stopping …"
        if self.message.startswith(("Waiting", "Reading")):
            return f"{self.message.removesuffix(' (MB)')} …"
        begin = {"download": "Downloading", "import": "Importing", "verify": "Verifying"}[self.verb]
        return f"{begin} {self.name} …"

    @property
    def amount(self) -> str:
        """How far it is, and the estimate; "" where nothing is known."""
        if self.total <= 0:
            return ""
        text = f"{self.done:,.0f} of {self.total:,.0f} MB"
        return text if self.eta_s is None else f"{text}, about {duration_in_words(self.eta_s)} left"


class TaskReporter(StopSwitch):
    """Takes megabytes from a thread, tells the window a few times per second, and stops the work when asked.

    Parameters
    ----------
    task : ModelTask
        As it begins.
    tell : callable
        Is given every new state; runs in the thread of the work.
    clock : callable
        Seconds.
    """

    def __init__(
        self, task: ModelTask, tell: Callable[[ModelTask], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._task, self._tell, self._clock = task, tell, clock
        self._told = float("-inf")
        self._message = ""
        self._samples: deque[tuple[float, float]] = deque()

    def step(self, done: float, total: float, message: str = "") -> None:
        """Take note of megabytes; raises `Cancelled` when a stop was asked for."""
        self.check()
        now = self._clock()
        if message != self._message or (self._samples and done < self._samples[-1][1]):
            self._message = message  # another part of the work, with a speed of its own
            self._samples.clear()
        if not self._samples or now - self._samples[-1][0] >= _TOLD_S:
            self._samples.append((now, done))
        while now - self._samples[0][0] > _RECENT_S:
            self._samples.popleft()
        if now - self._told >= _TOLD_S or done >= total:
            self._told = now
            self._tell(
                ModelTask(self._task.verb, self._task.name, done, total, message, self._left(now, done, total))
            )

    def _left(self, now: float, done: float, total: float) -> float | None:
        began, before = self._samples[0]
        if now - began < _LEAST_S or done <= before:
            return None
        return (total - done) * (now - began) / (done - before)
