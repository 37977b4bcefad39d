"""The process of an `Actor`: makes one object and calls its methods, until nobody asks any more."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import IO, Any

from napari_aleatoric.errors import Cancelled

from ._actor_pipe import STEP, receive, send

__all__ = ["main"]


class _PipeReporter:
    """Tells steps to the one who asked, and hears from there whether to go on."""

    def __init__(self, source: IO[bytes], out: IO[bytes]) -> None:
        self._source, self._out = source, out

    def step(self, done: float, total: float, message: str = "") -> None:
        """Tell, and raise `Cancelled` where it is not to go on."""
        send(self._out, (STEP, (done, total, message)))
        if not receive(self._source):
            raise Cancelled("Stopped as asked.")

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Do nothing."""


def main() -> int:
    """Read orders from standard input, write answers to standard output."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    source = sys.stdin.buffer
    actor: Any = None
    while True:
        try:
            method, arguments, options, is_told = receive(source)
        except EOFError:  # the one who asked is gone
            return 0
        if is_told:
            options["reporter"] = _PipeReporter(source, out)
        try:
            if actor is None:
                module, _, attribute = method.partition(":")
                actor = getattr(import_module(module), attribute)(*arguments, **options)
                answer: Any = None
            else:
                answer = getattr(actor, method)
                answer = answer(*arguments, **options) if callable(answer) else answer
            send(out, (True, answer))
        except Exception as error:  # noqa: BLE001 - the one who asked is told
            send(out, (False, (type(error).__name__, str(error))))


if __name__ == "__main__":
    sys.exit(main())
