"""Closing the window: nothing is asked unless a training of this window runs; what was answered is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtGui import QCloseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import Status
from napari_aleatoric.review import corrections
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import prepare
from napari_aleatoric.widgets import Hub, hub_of

pytestmark = pytest.mark.gui


class Job:
    """A training that runs until it is told to stop."""

    door = "train"
    run_id = "20260101-100000-000001-aaaa"
    cancelled = False

    def status(self) -> JobStatus:
        return JobStatus(status=Status.BUSY, done=1, total=4, message="Learning")

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=2, matrix=32))
    return Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))


@pytest.fixture
def hub(make_napari_viewer: Any, ws: Workspace) -> Iterator[Hub]:
    hub = hub_of(make_napari_viewer(show=True))
    hub.session.attach(prepare(ws))
    yield hub
    hub.close()


def wait(qtbot: Any, until: Callable[[], bool]) -> None:
    qtbot.waitUntil(until, timeout=60_000)


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> list[bool]:
    """Which closings came to napari; the window stays all the same, or its fixture could not clean up after it."""
    found: list[bool] = []
    monkeypatch.setattr(type(hub.window), "closeEvent", lambda self, event: found.append(event.isAccepted()))
    return found


def close_by_hand(hub: Hub) -> bool:
    """Close the window from within an event loop, as a menu does; return whether nobody objected."""
    loop, event = QEventLoop(), QCloseEvent()
    QTimer.singleShot(0, lambda: (QApplication.sendEvent(hub.window, event), loop.quit()))
    loop.exec()
    return event.isAccepted()


def answers(hub: Hub, wish: str) -> list[str]:
    asked: list[str] = []

    def answer(window: Any, progress: str) -> Any:
        assert window is hub.window
        asked.append(progress)
        return wish

    hub.closing.ask = answer
    return asked


def test_nothing_is_asked_where_nothing_runs(hub: Hub, reached: list[bool]) -> None:
    asked = answers(hub, "stay")
    assert close_by_hand(hub)
    assert reached == [True]
    assert asked == []


def test_a_training_that_another_window_started_is_not_asked_about(hub: Hub, reached: list[bool]) -> None:
    asked = answers(hub, "stay")
    hub.session.follow(Job())
    assert close_by_hand(hub)
    assert asked == []


def test_other_work_goes_on_without_a_word(hub: Hub, reached: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    asked, job = answers(hub, "stay"), Job()
    monkeypatch.setattr(job, "door", "score", raising=False)
    hub.session.follow(job, own=True)
    assert close_by_hand(hub)
    assert asked == []
    assert not job.cancelled


def test_a_script_is_not_asked(hub: Hub, reached: list[bool]) -> None:
    asked, job = answers(hub, "stay"), Job()
    hub.session.follow(job, own=True)
    QApplication.sendEvent(hub.window, QCloseEvent())
    assert reached == [True]
    assert asked == []
    assert not job.cancelled


@pytest.mark.parametrize(("wish", "is_gone", "is_stopped"), [("go on", 1, 0), ("stop", 1, 1), ("stay", 0, 0)])
def test_what_was_answered_is_done(
    hub: Hub, reached: list[bool], wish: str, is_gone: bool, is_stopped: bool
) -> None:
    asked, job = answers(hub, wish), Job()
    hub.session.follow(job, own=True)
    assert close_by_hand(hub) is bool(is_gone)
    assert reached == [True] * is_gone
    assert len(asked) == 1
    assert "Learning" in asked[0]
    assert job.cancelled is bool(is_stopped)


def test_a_training_that_is_started_here_is_this_windows_own(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job()
    monkeypatch.setattr("napari_aleatoric.session._session.submit", lambda workspace, door, spec: job)
    hub.session.start("train", hub.training.spec)
    assert hub.session.own_job is job


def open_first(hub: Hub, qtbot: Any) -> Any:
    key = hub.session.queue.key(0)
    hub.session.go(key)
    wait(qtbot, lambda: hub.session.item is not None and hub.session.item.key == key)
    return hub.session.item


def test_who_stays_paints_on_and_nothing_is_saved_for_that(hub: Hub, qtbot: Any) -> None:
    item = open_first(hub, qtbot)
    answers(hub, "stay")
    hub.session.follow(Job(), own=True)
    hub.stage.label_layer.paint((2, 5, 6), 3)
    assert not close_by_hand(hub)
    assert corrections(hub.session.store, item.key) == []
    assert hub.session.unsaved
    assert hub.session.item is item


def test_where_napari_asks_and_the_window_stays_strokes_are_watched_again(
    hub: Hub, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = open_first(hub, qtbot)
    hub.stage.label_layer.paint((2, 5, 6), 3)
    with monkeypatch.context() as patch:
        patch.setattr(type(hub.window), "closeEvent", lambda self, event: event.ignore())  # as its dialog can
        assert not close_by_hand(hub)
    wait(qtbot, lambda: hub.session.item is not item)
    assert len(corrections(hub.session.store, item.key)) == 1
    again = hub.session.item
    assert again.label[2, 5, 6] == 3
    hub.stage.label_layer.paint((2, 9, 9), 3)
    wait(qtbot, lambda: hub.session.unsaved)


@pytest.mark.parametrize(
    ("press", "expected"),
    [("&on", "go on"), ("&Stop", "stop"), ("&Keep", "stay"), ("enter", "go on"), ("esc", "stay")],
)
def test_the_question_has_three_answers(hub: Hub, press: str, expected: str, qtbot: Any) -> None:
    from napari_aleatoric.widgets._closing import ask_about_training

    seen: list[str] = []

    def answer() -> None:
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(20, answer)
            return
        seen.append(f"{box.text()} {box.informativeText()}")
        keys = {"enter": Qt.Key.Key_Return, "esc": Qt.Key.Key_Escape}
        if press in keys:
            QTest.keyClick(box, keys[press])
        else:
            next(b for b in box.buttons() if press in b.text()).click()

    QTimer.singleShot(20, answer)
    assert ask_about_training(hub.window, "Learning (41 of 100)") == expected
    assert seen[0].startswith(
        "A training that was started here is running: Learning (41 of 100). It goes on in the"
    )
