"""What is said where: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import math
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from napari_aleatoric.errors import Cancelled

__all__ = ["BarReporter", "complain", "note", "plain_warnings", "print_json", "print_line", "print_table"]


def complain(sentence: str) -> None:
    """Say what went wrong, one line on standard error."""
    sys.stderr.write(f"aleatoric: {' '.join(sentence.split())}\n")


def note(sentence: str) -> None:
    """Say something that is no result, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(escape(sentence))


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Say warnings to the user as sentences on standard error, each once, and keep those to programmers quiet.

    Above a progress bar, where there is one: while it runs, it takes what is written to standard error.
    """
    said: set[str] = set()

    def say(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        sentence = " ".join(str(message).split())
        if issubclass(category, UserWarning) and sentence not in said:
            said.add(sentence)
            sys.stderr.write(f"{sentence}\n")

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = say
        yield


def print_line(text: str = "") -> None:
    """Print a line of the result."""
    sys.stdout.write(f"{text}\n")


def print_json(value: Any) -> None:
    """Print the whole result as one JSON document; NaN becomes null."""
    sys.stdout.write(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print a table that fits the terminal; ``right`` are the columns to align to the right."""
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console = Console(file=sys.stdout, highlight=False, width=160)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, header in enumerate(headers):
        table.add_column(header, justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


class BarReporter:
    """A progress bar on the terminal, or a few lines where there is none.

    The first Ctrl-C asks the work to stop at its next step; the second stops it at once.

    Parameters
    ----------
    title : str
        What is being done.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=None)
        self._stop = False
        self._before: Any = None
        self._last_time, self._last_line = time.monotonic(), ""

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_interrupt)
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._stop:
            raise KeyboardInterrupt
        self._stop = True
        self._console.print("Stopping at the next step (Ctrl-C again: at once).")

    def step(self, done: float, total: float, message: str = "") -> None:
        """Move the bar; raise `Cancelled` after a Ctrl-C."""
        if self._stop:
            raise Cancelled("Stopped as asked.")
        self._bar.update(
            self._task, completed=done, total=total or None, description=escape(message or self._title)
        )
        line = f"{message or self._title} ({done / total:.0%})" if total else message or self._title
        if not self._console.is_terminal and time.monotonic() - self._last_time > 10 and line != self._last_line:
            self._last_time, self._last_line = time.monotonic(), line
            sys.stderr.write(f"{line}\n")

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Leave numbers to the result."""
