"""Eight processes writing decisions at once for a minute, on SQLite and on PostgreSQL, the server killed meanwhile.

Run with ``python -m benchmarks.team_store [SECONDS]`` from the repository; needs a PostgreSQL server's programs
(Debian: ``postgresql``) and the extra ``team``. Prints a table: decisions per second, how long one takes, how many
were lost or double, how many items two processes held at once (by a record of their own: a file that only one can
make), and how often a process met an outage.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.jobs.team_writers import Outcome, run
from tests.postgres_server import PostgresServer, server_programs


def show(name: str, found: Outcome) -> None:
    p50, p95, p99 = np.percentile(found.latency_ms, [50, 95, 99])
    print(
        f"| {name} | {found.said} | {found.per_second:.0f} | {p50:.1f} | {p95:.1f} | {p99:.1f} | "
        f"{max(found.latency_ms):.0f} | {found.lost} | {found.double} | {found.held_by_two} | {found.outages} |",
        flush=True,
    )


def main(seconds: float) -> None:
    columns = "store, decisions, per second, median ms, 95 %, 99 %, longest, lost, double, held by two, outages"
    print(f"| {columns.replace(', ', ' | ')} |\n{'|---' * (columns.count(',') + 1)}|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        show("SQLite", run(f"sqlite:///{folder / 'review.db'}", folder / "sqlite", seconds))
        programs = server_programs()
        if programs is None:
            print("no PostgreSQL server is installed here")
            return
        server = PostgresServer(programs)

        def outage() -> None:
            moment = threading.Event()
            threading.Timer(seconds / 2, moment.set).start()
            moment.wait()
            server.kill()
            server.start()

        try:
            show("PostgreSQL", run(server.new_database(), folder / "server", seconds))
            show("PostgreSQL, killed", run(server.new_database(), folder / "killed", seconds, meanwhile=outage))
        finally:
            server.close()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
