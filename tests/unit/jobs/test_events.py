"""The diary: whole lines only, torn ones tolerated, nothing after the end."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from napari_aleatoric.jobs._events import EventLog, EventTail, ends_with_terminal, make_event


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def kinds(tail: EventTail) -> list[str]:
    return [event["kind"] for event in tail.read()]


def test_a_tail_reads_each_event_once_and_leaves_half_a_line_for_later(diary: Path) -> None:
    tail = EventTail(diary)
    assert kinds(tail) == []
    diary.write_bytes(b'{"time":1,"kind":"started"}\n{"time":2,"kind":"pro')
    assert kinds(tail) == ["started"]
    assert kinds(tail) == []
    with diary.open("ab") as stream:
        stream.write(b'gress"}\n')
    assert kinds(tail) == ["progress"]


def test_a_torn_line_of_a_killed_writer_costs_that_line_only(diary: Path) -> None:
    diary.write_bytes(b'{"time":1,"kind":"started"}\n{"time":2,"kind":"progress","do')
    log = EventLog(diary)
    log.add("failed", message="gone")
    log.close()
    tail = EventTail(diary)
    assert kinds(tail) == ["started", "failed"]
    assert tail.unreadable == 1


@pytest.mark.parametrize("line", [b"[1, 2]", b"\x00\x00", b'"text"', b'{"time": 1}', b'{"kind": 3}'])
def test_a_line_that_is_no_event_is_counted_and_skipped(diary: Path, line: bytes) -> None:
    diary.write_bytes(line + b'\n{"time":1,"kind":"started"}\n')
    tail = EventTail(diary)
    assert kinds(tail) == ["started"]
    assert tail.unreadable == 1


def test_nothing_is_written_after_the_terminal_event(diary: Path) -> None:
    log = EventLog(diary)
    assert log.add("progress", done=1)
    assert log.add("completed", result=None)
    assert not log.add("progress", done=2)
    assert not log.add("failed", message="late")
    log.close()
    assert kinds(EventTail(diary)) == ["progress", "completed"]


def test_events_are_strict_json_whatever_comes(diary: Path) -> None:
    log = EventLog(diary)
    log.add("metric", value=float("nan"), other=float("inf"), path=Path("x"), nested={"a": (1, None, True)})
    log.close()
    line = json.loads(diary.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert line["value"] is None
    assert line["other"] is None
    assert line["nested"] == {"a": [1, None, True]}


def test_many_threads_write_whole_lines(diary: Path) -> None:
    log = EventLog(diary)

    def write(who: int) -> None:
        for i in range(200):
            log.add("progress", message=f"{who}-{i} " + "ä" * 200)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    tail = EventTail(diary)
    assert len({event["message"] for event in tail.read()}) == 800
    assert tail.unreadable == 0


def test_the_end_is_found_from_the_last_lines(diary: Path) -> None:
    assert not ends_with_terminal(diary)
    log = EventLog(diary)
    for i in range(3000):
        log.add("progress", done=i, message="x" * 50)
    assert not ends_with_terminal(diary)
    log.add("cancelled")
    log.close()
    assert ends_with_terminal(diary)


def test_times_are_utc_seconds() -> None:
    import time

    assert abs(make_event("started")["time"] - time.time()) < 1.0
