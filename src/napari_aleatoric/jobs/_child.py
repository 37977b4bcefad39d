"""A fresh process for one order on a long-lived worker: the order comes in as a line, events go out as lines."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

from ._events import Event
from ._task import carry_out


def main() -> int:
    """Read the order from standard input, carry it out, write events to standard output."""
    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not mix with the events
    order = json.loads(sys.stdin.buffer.readline())
    lock = threading.Lock()

    def send(event: Event) -> None:
        with lock:
            os.write(out, json.dumps(event, allow_nan=False).encode() + b"\n")

    def end_with_the_worker() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=end_with_the_worker, daemon=True).start()
    send(carry_out(Path(order["root"]), Path(order["run_dir"]), order["door"], order["spec"], send))
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
