"""What is not to be learned from is painted, journalled, saved and found again, like strokes on a label."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.errors import WorkspaceError
from napari_aleatoric.io import Workspace, has_map
from napari_aleatoric.model import Verdict
from napari_aleatoric.review import WEIGHT_MAP, StrokeJournal, corrections, read_barred
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import ReviewSession, open_path, prepare


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "abdomens"
    write_samples(folder, SampleSpec(n_cases=3, seed=1, matrix=32))
    return folder


@pytest.fixture
def workspace(data_set: Path, tmp_path: Path) -> Workspace:
    return open_path(data_set, tmp_path / "review")


class Now(ReviewSession):
    """A session whose reading and writing the test can wait for."""

    def __init__(self, workspace: Workspace) -> None:
        self.waiting: list[Callable[[], None]] = []
        super().__init__(deliver=self.waiting.append, reader="dr test")
        self.said: list[str] = []
        self.notice.connect(lambda n: self.said.append(n.text))
        self.attach(prepare(workspace))

    def settle(self) -> None:
        desk = self._desk
        for _ in range(2000):
            while self.waiting:
                self.waiting.pop(0)()
            wanted = desk.screen.wanted
            is_there = wanted is None or (self.item is not None and self.item.key == wanted)
            if is_there and not desk.painting._saver.futures and not desk.barring._saver.futures:
                return
            time.sleep(0.005)
        raise TimeoutError

    def show(self, number: int) -> Any:
        self.go(self.queue.key(number))
        self.settle()
        return self.item

    def paint(self, place: Any = np.s_[2, 3:6, 3:6], value: int = 1) -> None:
        self.options.barring = True
        self.item.barred.mask[place] = value
        self.barred_painted()
        self.keep_strokes()


@pytest.fixture
def session(workspace: Workspace) -> Iterator[Now]:
    session = Now(workspace)
    yield session
    session.close()


def on_disk(workspace: Workspace, item: Any) -> np.ndarray:
    return read_barred(workspace, item.key, item.image.geometry)


def test_it_is_saved_when_the_brush_is_given_back_and_found_again(session: Now, workspace: Workspace) -> None:
    item = session.show(0)
    assert not session.view.barred_visible
    session.paint()
    assert (session.view.barring, session.view.barred_visible, session.unsaved) == (True, True, True)
    assert session.view.barred.startswith("9 voxels (")
    assert session.view.barred.endswith(" ml) are not learned from.")
    told: list[Any] = []
    session.queue_changed.connect(told.append)
    session.options.barring = False
    session.settle()
    assert np.argwhere(on_disk(workspace, item)).tolist() == [[2, y, x] for y in (3, 4, 5) for x in (3, 4, 5)]
    assert not session.unsaved
    assert told, "what would be learned from is read anew"
    assert session.said[-1] == f"Saved what is not to be learned from in {item.key}."
    assert corrections(session.store, item.key) == [], "the label itself is as it was"
    assert StrokeJournal.pending(workspace, item.key, WEIGHT_MAP) == []
    session.show(1)
    assert not session.view.barred_visible
    again = session.show(0)
    assert again is not item
    assert np.array_equal(again.barred.mask, on_disk(workspace, item))
    assert session.view.barred_visible
    assert not session.view.barring


def test_leaving_the_case_saves_it_and_gives_the_brush_back(session: Now, workspace: Workspace) -> None:
    item = session.show(0)
    session.paint()
    session.show(1)
    assert session.options.barring is False
    assert on_disk(workspace, item).sum() == 9
    assert session.item.barred.n_voxels == 0


def test_erasing_everything_removes_the_map(session: Now, workspace: Workspace) -> None:
    item = session.show(0)
    session.paint()
    session.save()
    session.settle()
    assert has_map(workspace, item.key, WEIGHT_MAP)
    session.paint(np.s_[:], 0)
    assert session.view.barred == ""
    session.options.barring = False
    session.settle()
    assert not has_map(workspace, item.key, WEIGHT_MAP)
    assert session.said[-1] == f"Saved that all of it may be learned from in {item.key}."


def test_saving_makes_no_label_version_where_the_label_is_not_repainted(session: Now) -> None:
    item = session.show(0)
    session.paint()
    session.save()
    session.settle()
    assert corrections(session.store, item.key) == []
    session.paint(np.s_[1, 1, 1])
    item.label[2, 2, 2] = 5
    session.painted()
    session.save()
    session.settle()
    assert len(corrections(session.store, item.key)) == 1
    assert session.item.barred.n_voxels == 10
    assert not session.unsaved


def test_a_verdict_saves_it_and_is_no_correction(session: Now, workspace: Workspace) -> None:
    item = session.show(0)
    session.paint()
    session.decide(Verdict.ACCEPTED)
    session.settle()
    assert session.store.state(item.key).verdict is Verdict.ACCEPTED
    assert on_disk(workspace, item).sum() == 9


def test_strokes_that_were_undone_leave_nothing_behind(session: Now, workspace: Workspace) -> None:
    item = session.show(0)
    session.paint()
    session.paint(value=0)
    assert not session.unsaved
    session.show(1)
    assert not has_map(workspace, item.key, WEIGHT_MAP)
    assert StrokeJournal.pending(workspace, item.key, WEIGHT_MAP) == []


def crashed(workspace: Workspace) -> None:
    dead = Now(workspace)
    dead.show(0)
    dead.paint()
    dead._desk.barring._strokes._journal.close()  # what the system does with the file of a killed process
    dead.store.close()


def test_strokes_of_a_crashed_session_are_offered_and_come_back(workspace: Workspace) -> None:
    crashed(workspace)
    session = Now(workspace)
    item = session.show(0)
    assert (item.pending_voxels, item.barred.pending_voxels, item.barred.n_voxels) == (0, 9, 0)
    session.restore_strokes()
    assert item.barred.mask.sum() == 9
    assert session.view.barred_visible
    assert session.unsaved
    assert not session._desk.painting.unsaved
    session.close()
    assert on_disk(workspace, item).sum() == 9
    assert StrokeJournal.pending(workspace, item.key, WEIGHT_MAP) == []


def test_strokes_of_a_crashed_session_can_be_thrown_away(workspace: Workspace) -> None:
    crashed(workspace)
    session = Now(workspace)
    item = session.show(0)
    session.drop_pending()
    session.close()
    assert StrokeJournal.pending(workspace, item.key, WEIGHT_MAP) == []
    assert not has_map(workspace, item.key, WEIGHT_MAP)


def test_what_cannot_be_saved_stays_journalled(
    session: Now, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = session.show(0)

    def full(*_: Any, **__: Any) -> int:
        raise WorkspaceError("No space is left.")

    with monkeypatch.context() as patch:
        patch.setattr("napari_aleatoric.review._labels._learning_weight.write_map", full)
        session.paint()
        session.show(1)
    assert any("was not saved; its strokes are kept. No space is left." in words for words in session.said)
    (pending,) = StrokeJournal.pending(workspace, item.key, WEIGHT_MAP)
    assert pending.n_changes(np.zeros_like(item.barred.mask)) == 9


def test_it_is_written_once_for_each_change(
    session: Now, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.show(0)
    written: list[int] = []
    import napari_aleatoric.review._labels._learning_weight as module

    keep = module.write_map
    monkeypatch.setattr(module, "write_map", lambda *a, **k: (written.append(1), keep(*a, **k)))
    session.paint()
    session.options.barring = False
    session.save()
    session.show(1)  # three occasions to save, one change
    assert written == [1]


def test_a_map_that_does_not_fit_is_told(session: Now, workspace: Workspace) -> None:
    from napari_aleatoric.model import Geometry
    from napari_aleatoric.review import save_barred

    save_barred(workspace, session.queue.key(0), np.ones((2, 3, 4)), Geometry((2, 3, 4)), reader="x")
    item = session.show(0)
    assert item.barred.n_voxels == 0
    assert any("painted on an image of (2, 3, 4) voxels" in words for words in session.said)
