"""Eight processes decide at once: none lost, none double, no item held by two; the server killed meanwhile, too."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.jobs.team_writers import run
from tests.postgres_server import PostgresServer

SECONDS = 4.0


def test_eight_processes_on_one_file(tmp_path: Path) -> None:
    found = run(f"sqlite:///{tmp_path / 'review.db'}", tmp_path / "seen", SECONDS)
    assert (found.lost, found.double, found.held_by_two) == (0, 0, 0)
    assert found.stored == found.said > 8


def test_eight_processes_on_a_server_that_is_killed_and_started_again(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    url = postgres.new_database()

    def outage() -> None:
        moment = threading.Event()
        threading.Timer(SECONDS, moment.set).start()  # the processes have begun by then
        moment.wait(60)
        postgres.kill()
        postgres.start()

    found = run(url, tmp_path / "seen", 3 * SECONDS, meanwhile=outage)
    assert (found.lost, found.double, found.held_by_two) == (0, 0, 0)
    assert found.stored == found.said > 8
    assert found.outages > 0
