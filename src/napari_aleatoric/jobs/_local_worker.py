"""The worker process of a job on this machine: a Dask worker that loads what it needs while the host gets ready.

It is told the door on the first line of its standard input, and where the scheduler is on the second. It ends with
the host: when the pipe closes, it is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

import psutil

__all__ = ["main"]


def _give_way() -> None:
    """Let windows go first: lowest priority, and first choice of the system when memory runs out."""
    with contextlib.suppress(OSError, psutil.Error):
        if sys.platform == "win32":
            psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            os.nice(19)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _end_with_the_host() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


async def _serve(address: str, tls: dict[str, str]) -> None:
    import distributed
    import distributed.security

    security: Any = distributed.security.Security
    worker: Any = distributed.Worker
    credentials = security(require_encryption=True, **tls)
    async with worker(
        address, security=credentials, host="127.0.0.1", nthreads=1, memory_limit=0, dashboard=False
    ) as running:
        running.http_server.stop()  # nobody looks at it, so nobody shall be able to
        await running.finished()


def main() -> int:
    """Load everything, join the scheduler, serve until killed."""
    _give_way()
    door = json.loads(sys.stdin.buffer.readline())["door"]
    import dask
    import distributed  # noqa: F401  loaded while the host does the same

    from ._doors import door_callable
    from ._worker import run_here  # noqa: F401

    dask.config.set(
        {
            "distributed.worker.http.routes": [],
            "distributed.worker.profile.enabled": False,
            "distributed.admin.tick.limit": "1h",  # a library may hold the interpreter for minutes
        }
    )
    for name in ("distributed", "tornado", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with contextlib.suppress(Exception):
        import napari_aleatoric.io  # noqa: F401

        door_callable(door)
    where = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_host, daemon=True).start()
    asyncio.run(_serve(where["address"], where["tls"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
