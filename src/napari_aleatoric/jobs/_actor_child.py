"""The process of an `Actor`: makes one object and calls its methods, until nobody asks any more."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

from ._actor_pipe import receive, send

__all__ = ["main"]


def main() -> int:
    """Read orders from standard input, write answers to standard output."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    source = sys.stdin.buffer
    actor: Any = None
    while True:
        try:
            method, arguments, options = receive(source)
        except EOFError:  # the one who asked is gone
            return 0
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
