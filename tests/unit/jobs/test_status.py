"""The fold of events: states, ends, estimates."""

from __future__ import annotations

import errno
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_aleatoric.errors import DataError
from napari_aleatoric.jobs import JobStatus, duration_in_words
from napari_aleatoric.jobs._events import Event
from napari_aleatoric.jobs._status import Fold, fold, remaining_s
from napari_aleatoric.jobs._task import outcome_of_error
from napari_aleatoric.jobs._worker import killed_event
from napari_aleatoric.model import Status


def event(time: float, kind: str, **fields: object) -> Event:
    return {"time": time, "kind": kind, **fields}


BEGIN = [event(100.0, "submitted"), event(100.5, "started"), event(102.0, "worker", pid=7)]


def progress(time: float, done: float, total: float = 100.0, message: str = "") -> Event:
    return event(time, "progress", done=done, total=total, message=message)


def test_a_run_goes_from_pending_to_busy_to_completed() -> None:
    assert fold([]).status is Status.PENDING
    assert fold(BEGIN[:2], now=101.0).status is Status.PENDING
    busy = fold([*BEGIN, progress(103.0, 25.0, message="case 26")], now=104.0)
    assert busy.status is Status.BUSY
    assert (busy.done, busy.total, busy.fraction, busy.message) == (25.0, 100.0, 0.25, "case 26")
    assert busy.elapsed_s == pytest.approx(4.0)
    done = fold([*BEGIN, event(130.0, "completed", result={"n": 3})], now=999.0)
    assert done.status is Status.COMPLETED
    assert done.is_over
    assert done.fraction == 1.0
    assert done.result == {"n": 3}
    assert done.elapsed_s == pytest.approx(30.0)


def test_only_the_first_end_counts() -> None:
    events = [*BEGIN, event(110.0, "cancelled", forced=True), event(111.0, "completed"), progress(112.0, 99.0)]
    status = fold(events, now=120.0)
    assert status.status is Status.CANCELLED
    assert status.forced
    assert status.done == 0.0


def test_a_failure_says_what_and_what_to_do() -> None:
    status = fold([*BEGIN, event(110.0, "failed", type="Killed", message="It was killed.", advice="Resume.")])
    assert status.status is Status.FAILED
    assert status.error is not None
    assert status.error.type == "Killed"
    assert status.sentence == "Failed: It was killed. Resume."


@pytest.mark.parametrize(
    ("door", "words", "other"),
    [
        ("score", "goes on from there", "anew"),
        ("calibrate", "goes on from there", "anew"),
        ("filter", "Nothing of it was kept: started again, it begins anew", "goes on"),
    ],
)
@pytest.mark.parametrize("end", ["stopped", "killed", "disk", "memory"])
def test_an_end_says_what_starting_again_does(door: str, words: str, other: str, end: str) -> None:
    """An export leaves nothing unless it finishes: nobody may be told that it goes on."""
    ends = {
        "stopped": event(110.0, "cancelled"),
        "killed": killed_event(-9),
        "disk": {"time": 110.0, **outcome_of_error(OSError(errno.ENOSPC, "No space left on device"), [])},
        "memory": {"time": 110.0, **outcome_of_error(MemoryError(), [])},
    }
    status = fold([event(100.0, "submitted", door=door), *BEGIN[1:], ends[end]], now=111.0)
    assert words in status.sentence
    assert other not in status.sentence


def test_trying_again_is_not_advised_where_it_cannot_help() -> None:
    for error in (DataError("Expected 3 axes, got 2."), ZeroDivisionError("division by zero")):
        sentence = fold([*BEGIN, {"time": 110.0, **outcome_of_error(error, [])}], now=111.0).sentence
        assert "started again" not in sentence


def test_a_stop_that_was_asked_for_shows_until_it_happened() -> None:
    events = [*BEGIN, progress(103.0, 1.0), event(104.0, "cancelling")]
    assert fold(events, now=104.1).cancelling
    assert fold(events, now=104.1).sentence == "Stopping ..."
    assert not fold([*events, event(105.0, "cancelled")], now=105.0).cancelling


def test_metrics_and_log_are_kept_in_order() -> None:
    events = [event(1.0 + i, "metric", name="dice", value=i / 10, step=i) for i in range(3)]
    events += [event(9.0, "metric", name="dice", value=None, step=3), event(9.0, "log", text="hello")]
    status = fold([*BEGIN, *events])
    assert status.metrics["dice"][:3] == ((0, 0.0), (1, 0.1), (2, 0.2))
    assert math.isnan(status.metrics["dice"][3][1])
    assert status.log == ("hello",)


@given(st.lists(st.sampled_from(["worker", "progress", "log", "cancelling", "completed", "failed"]), max_size=30))
def test_folding_bit_by_bit_is_folding_at_once(sequence: list[str]) -> None:
    events = [
        event(100.0 + i, kind, done=float(i), total=40.0, message=kind, text=kind)
        for i, kind in enumerate(sequence)
    ]
    state = Fold()
    for i, one in enumerate(events):
        state.add(one)
        assert state.status(200.0) == fold(events[: i + 1], now=200.0)


def test_the_estimate_follows_a_steady_pace() -> None:
    samples = [(float(t), 2.0 * t) for t in range(20)]
    assert remaining_s(samples, 100.0, now=19.0) == pytest.approx((100 - 38) / 2)
    assert remaining_s(samples, 100.0, now=21.0) == pytest.approx((100 - 38) / 2 - 2)


def test_one_slow_case_does_not_move_the_estimate() -> None:
    rng = random.Random(0)
    t, samples = 0.0, []
    for done in range(41):
        samples.append((t, float(done)))
        t += 30.0 if done == 38 else rng.uniform(0.9, 1.1)
    left = remaining_s(samples, 100.0, now=samples[-1][0])
    assert left == pytest.approx(60.0, rel=0.15)  # the mean pace would say 104 s


def test_a_resumed_run_is_judged_by_its_present_pace() -> None:
    """Cases that are done already fly past; the estimate must not believe that the rest will too."""
    fast = [(i * 0.01, float(i)) for i in range(60)]
    slow = [(0.6 + 2.0 * i, 60.0 + i) for i in range(1, 11)]
    assert remaining_s(fast + slow, 100.0, now=20.6) == pytest.approx(30 * 2.0, rel=0.1)


def test_silence_makes_the_estimate_grow() -> None:
    samples = [(float(t), float(t)) for t in range(10)]
    soon = remaining_s(samples, 20.0, now=9.0)
    later = remaining_s(samples, 20.0, now=60.0)
    assert soon is not None
    assert later is not None
    assert soon == pytest.approx(11.0)
    assert later == pytest.approx(11.0 / (7.0 / 58.0))  # seven in the recent 58 s


@pytest.mark.parametrize("samples", [[], [(0.0, 0.0)], [(0.0, 0.0), (0.2, 1.0), (0.4, 2.0)]])
def test_no_estimate_from_too_little(samples: list[tuple[float, float]]) -> None:
    assert remaining_s(samples, 10.0, now=1.0) is None


@given(st.lists(st.tuples(st.floats(0.0, 10.0), st.floats(0.0, 5.0)), min_size=1, max_size=80))
def test_the_estimate_is_never_negative_nor_a_crash(steps: list[tuple[float, float]]) -> None:
    t = done = 0.0
    state = Fold()
    for dt, advance in steps:
        t, done = t + dt, done + advance
        state.add(progress(t, done, total=100.0))
        left = state.status(t + 0.5).eta_s
        assert left is None or left >= 0.0


def test_another_phase_starts_a_new_estimate() -> None:
    first = [progress(103.0 + i, 10.0 * i) for i in range(11)]
    second = [progress(114.0, 0.0, total=7.0)]
    assert fold([*BEGIN, *first], now=113.0).eta_s == pytest.approx(0.0, abs=0.1)
    assert fold([*BEGIN, *first, *second], now=114.0).eta_s is None


def test_the_sentence_carries_the_estimate() -> None:
    events = [*BEGIN, *(progress(103.0 + i, float(i), message=f"case {i}") for i in range(11))]
    assert fold(events, now=113.0).sentence == "case 10 (10 of 100, about 2 min left)"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (-3, "0 s"), (42, "42 s"), (200, "3 min"), (7800, "2 h 10 min")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words


def test_a_part_of_one_is_told_in_percent() -> None:
    status = JobStatus(Status.BUSY, done=0.0893, total=1.0, message="Learning", eta_s=1500.0)
    assert status.sentence == "Learning (9%, about 25 min left)"
