"""The worker's reporter, outcomes, and what must not be told."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, DataError
from napari_aleatoric.jobs._engine import _Newest, thread_environment
from napari_aleatoric.jobs._process import ProcessIdentity, exit_in_words
from napari_aleatoric.jobs._scrub import frames_of, scrub
from napari_aleatoric.jobs._task import JobReporter, outcome_of_error, summary_of
from napari_aleatoric.jobs._worker import killed_event
from napari_aleatoric.model import Reporter


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_is_sent_ten_times_a_second_and_the_last_word_is_never_lost(tmp_path: Path) -> None:
    sent: list[dict[str, Any]] = []
    clock = Clock()
    reporter = JobReporter(sent.append, tmp_path / "cancel", clock)
    assert isinstance(reporter, Reporter)
    for i in range(1000):
        clock.now = i * 0.001
        reporter.step(i, 2000, f"case {i}")
    assert 9 <= len(sent) <= 11
    assert sent[0]["done"] == 0.0
    reporter.flush()
    assert sent[-1]["done"] == 999.0
    reporter.step(2000, 2000)
    assert sent[-1]["done"] == 2000.0
    reporter.flush()
    assert sent[-1]["done"] == 2000.0


def test_a_stop_is_seen_within_a_tenth_of_a_second_without_looking_at_every_step(tmp_path: Path) -> None:
    clock = Clock()
    reporter = JobReporter(lambda event: None, tmp_path / "cancel", clock)
    reporter.step(0, 10)
    (tmp_path / "cancel").touch()
    clock.now = 0.01
    reporter.step(1, 10)  # too soon to look again
    clock.now = 0.1
    with pytest.raises(Cancelled):
        reporter.step(2, 10)


@dataclass
class Summary:
    n: int
    path: Path
    values: tuple[float, ...]
    array: Any


def test_a_summary_is_plain_and_short() -> None:
    found = summary_of(Summary(3, Path("/data/Jane Doe/x.nii"), (1.0, 2.0), np.zeros((500, 500))))
    assert found["n"] == 3
    assert found["values"] == [1.0, 2.0]
    assert "Jane" not in str(found)
    assert len(str(found)) < 1000


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (Cancelled("x"), "cancelled", ""),
        (MemoryError(), "failed", "ran out of memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "failed", "disk is full"),
        (DataError("Expected 3 axes, got 2; save it as a volume."), "failed", "Expected 3 axes, got 2"),
        (ZeroDivisionError("division by zero"), "failed", "ZeroDivisionError: division by zero"),
    ],
)
def test_every_error_becomes_one_outcome_in_words(error: BaseException, kind: str, words: str) -> None:
    outcome = outcome_of_error(error, [])
    assert outcome["kind"] == kind
    assert words in outcome.get("message", "")


@pytest.mark.parametrize(
    "text",
    [
        "cannot read '/data/set/Jane Doe/scan 1.nii.gz'",
        "WARNING: In itk.cxx, line 3: /data/set/Jane Doe/scan 1.nii.gz has scales",
        r"C:\Users\x\Jane Doe\scan.dcm: bad",
        r"\\server\share\Jane Doe\scan.dcm",
        "error:/data/Jane Doe.nii.gz",
        "no such file: /data/x/Jane_Doe.mha",
    ],
)
@pytest.mark.parametrize("roots", [[], [Path("/data/set")]])
def test_paths_of_patients_files_are_taken_out(text: str, roots: list[Path]) -> None:
    found = scrub(text, roots)
    assert "<path>" in found
    for part in ("Jane", "Doe", "scan"):
        assert part not in found


def test_sentences_without_paths_stay() -> None:
    text = "Expected 3 and/or 4 axes (Z, Y, X[, C]) at 12:30, got 2; Dice 0.5 / 1.0 <b>x</b>"
    assert scrub(text) == text


def test_a_known_root_takes_the_rest_of_the_line_along() -> None:
    assert "Doe" not in scrub("reading /data/set/Doe with blanks and no ending", [Path("/data/set")])


def test_sentences_for_users_keep_the_file_name_and_lose_the_folders() -> None:
    error = DataError("The label '/data/set/Jane Doe/label.nii.gz' has 2 axes.")
    message = outcome_of_error(error, [Path("/data/set")])["message"]
    assert message == "The label 'label.nii.gz' has 2 axes."


def test_frames_name_code_and_no_values() -> None:
    try:
        secret = "Jane Doe"
        raise ValueError(secret)
    except ValueError as error:
        frames = frames_of(error)
    assert frames[-1].endswith("test_frames_name_code_and_no_values")
    assert "Jane" not in str(frames)


def test_a_killed_worker_is_told_with_signal_and_last_message() -> None:
    event = killed_event(-9, "case 12")
    assert "killed by SIGKILL (signal 9) while it was at: case 12" in event["message"]
    assert "memory" in event["advice"]
    assert "exit status 3" in killed_event(3)["message"]
    assert exit_in_words(None) == "ended without an exit status"


def test_events_of_an_attempt_given_up_for_lost_are_dropped() -> None:
    seen: list[str] = []
    newest = _Newest(lambda event: seen.append(event["message"]))

    def publish(attempt: str, kind: str, message: str) -> None:
        newest((0.0, {"attempt": attempt, "event": {"kind": kind, "message": message}}))

    publish("a", "worker", "a begins")
    publish("a", "progress", "a 1")
    publish("b", "worker", "b begins")
    publish("a", "progress", "a late")
    publish("b", "progress", "b 1")
    assert seen == ["a begins", "a 1", "b begins", "b 1"]
    assert newest.last_message == "b 1"


def test_threads_leave_a_core_to_the_window_unless_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_aleatoric.jobs._engine.usable_cores", lambda: 8)
    assert set(thread_environment(None, {}).values()) == {"7"}
    assert thread_environment(None, {"OMP_NUM_THREADS": "2"})["OMP_NUM_THREADS"] == "2"
    assert thread_environment(3, {"OMP_NUM_THREADS": "2"})["OMP_NUM_THREADS"] == "3"
    monkeypatch.setattr("napari_aleatoric.jobs._engine.usable_cores", lambda: 1)
    assert set(thread_environment(None, {}).values()) == {"1"}


def test_a_reused_process_number_is_not_our_process() -> None:
    me = ProcessIdentity.of()
    assert me.process() is not None
    assert ProcessIdentity(me.pid, me.created - 60.0, me.machine).process() is None
    assert ProcessIdentity.from_json(me.to_json()) == me
