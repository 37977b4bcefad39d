"""An object in a process of its own: real processes, killed for real."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, DataError, JobFailedError, NotFoundError
from napari_aleatoric.jobs import Actor
from napari_aleatoric.model import RecordingReporter


@pytest.fixture
def actor():
    actor = Actor("tests_actor_doors:Counter", 5)
    yield actor
    actor.close()


@pytest.fixture(autouse=True)
def doors(tmp_path, monkeypatch):
    """A module that only the child imports."""
    (tmp_path / "tests_actor_doors.py").write_text(
        "import os, sys, time\n"
        "import numpy as np\n"
        "from napari_aleatoric.errors import DataError, NotFoundError\n"
        "class Counter:\n"
        "    name = 'counter'\n"
        "    def __init__(self, start):\n"
        "        if start < 0:\n"
        "            raise NotFoundError('There is nothing below zero.')\n"
        "        print('noise on standard output', flush=True)\n"
        "        self.n = start\n"
        "    def add(self, k=1):\n"
        "        self.n += k\n"
        "        return self.n\n"
        "    def twice(self, array): return 2 * array\n"
        "    def threads(self): return os.environ['OMP_NUM_THREADS']\n"
        "    def pid(self): return os.getpid()\n"
        "    def refuse(self): raise DataError('Expected less.')\n"
        "    def odd(self): raise KeyError('x')\n"
        "    def sleep(self): time.sleep(60)\n"
        "    def count(self, n, reporter, method='steps'):\n"
        "        for k in range(n):\n"
        "            self.n = k + 1\n"
        "            reporter.step(k, n, f'step {k}')\n"
        "        return self.n\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)


def test_it_lives_elsewhere_and_keeps_its_state(actor):
    actor.open()
    assert actor.call("pid") != os.getpid()
    assert [actor.call("add"), actor.call("add", k=3)] == [6, 9]
    assert actor.call("name") == "counter"
    array = np.arange(300_000, dtype=np.float32).reshape(3, -1)
    assert np.array_equal(actor.call("twice", array), 2 * array)


def test_errors_come_back_in_their_own_class_and_it_goes_on(actor):
    actor.open()
    with pytest.raises(DataError, match=r"^Expected less\.$"):
        actor.call("refuse")
    with pytest.raises(JobFailedError, match="KeyError: 'x'"):
        actor.call("odd")
    assert actor.call("add") == 6


def test_what_cannot_be_made_says_why():
    actor = Actor("tests_actor_doors:Counter", -1)
    with pytest.raises(NotFoundError, match="nothing below zero"):
        actor.open()
    actor.close()


def test_a_killed_process_is_a_sentence(actor):
    actor.open()
    os.kill(actor.call("pid"), signal.SIGKILL)
    with pytest.raises(JobFailedError, match="SIGKILL"):
        actor.call("add")


def test_closing_ends_a_call_under_way(actor):
    actor.open()
    pid = actor.call("pid")
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            actor.call("sleep")
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not actor._lock.locked():
        time.sleep(0.001)
    actor.close()
    thread.join(10)
    assert isinstance(errors[0], Cancelled)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Cancelled):
        actor.call("add")


def test_closed_before_it_was_opened_never_answers(actor):
    actor.close()
    with pytest.raises(Cancelled):
        actor.open()


@pytest.mark.parametrize(("wish", "cores", "threads"), [("", 8, "7"), ("", 1, "1"), ("2", 8, "2"), ("16", 8, "7")])
def test_it_leaves_a_core_to_the_window(actor, monkeypatch, wish, cores, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", wish)
    monkeypatch.setattr("napari_aleatoric.jobs._actor.usable_cores", lambda: cores)
    actor.open()
    assert actor.call("threads") == threads


def test_steps_are_told_and_a_stop_leaves_the_object_as_it_is(actor):
    actor.open()
    heard = RecordingReporter()
    assert actor.call("count", 4, reporter=heard, method="any") == 4
    assert heard.steps == [(k, 4, f"step {k}") for k in range(4)]
    stopping = RecordingReporter(cancel_after=2)
    with pytest.raises(Cancelled):
        actor.call("count", 1_000_000, reporter=stopping)
    assert len(stopping.steps) == 2
    assert actor.call("add", 0) == 2  # what was counted before the stop, and the process is the same
    broken = RecordingReporter()
    broken.step = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        actor.call("count", 3, reporter=broken)
    assert actor.call("name") == "counter"
