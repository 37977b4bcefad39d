"""The session without a window: walk, decide, paint, leave, come back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.errors import DataError, WorkspaceError
from napari_aleatoric.foundation import Prompt
from napari_aleatoric.io import Workspace, write_map
from napari_aleatoric.model import ItemScores, LabelMap, ScoreValue, Verdict
from napari_aleatoric.review import PromptUse, ReviewStore, StrokeJournal, corrections, restore, save_correction
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import Kind, PromptAnswer, ReviewSession, SlicePlane, open_path, prepare

PARTS = ("nll_union", "local_max", "dice_gap")


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "abdomens"
    write_samples(folder, SampleSpec(n_cases=4, seed=1, matrix=32))
    return folder


@pytest.fixture
def workspace(data_set: Path, tmp_path: Path) -> Workspace:
    """Four cases with made-up scores: the queue is abdomen 3, 1, 4, 2."""
    workspace = open_path(data_set, tmp_path / "review")
    with ReviewStore.open(workspace.store_url) as store:
        prints = workspace.fingerprints()
        store.sync_items(workspace.dataset.items, prints)
        for key, value in zip(workspace.dataset.items, (0.7, 0.1, 0.9, 0.4), strict=True):
            values = tuple(ScoreValue(part, c, value) for part in PARTS for c in range(6))
            store.put_item_scores(ItemScores(key, values), fingerprint=prints[key], spec_digest="test")
            label = workspace.load_label(*key).upright()
            heat = (workspace.dataset.classes.index_map(label.data) == 1).astype(np.float32)[np.newaxis] * value
            write_map(workspace, key, "label_risk", heat, (1,), label.geometry, {})
    return workspace


class Now(ReviewSession):
    """A session whose reading and writing the test can wait for."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        super().__init__(deliver=self.waiting.append, reader="dr test")
        self.said: list[tuple[Kind, str]] = []
        self.notice.connect(lambda n: self.said.append((n.kind, n.text)))

    def settle(self) -> None:
        """Wait for threads and run what they delivered."""
        desk = self._desk
        for future in [*desk.painting._saver.futures, *desk.screen._ahead._futures.values()]:
            if not future.cancelled():
                future.exception(30)
        for _ in range(100):
            if not self.waiting:
                time.sleep(0.005)
            while self.waiting:
                self.waiting.pop(0)()
            wanted = desk.screen.wanted
            if not desk.painting._saver.futures and (wanted is None or (self.item and self.item.key == wanted)):
                return

    def show(self, key: Any) -> None:
        self.go(key)
        self.settle()
        assert self.item is not None
        assert self.item.key == key


@pytest.fixture
def session(workspace: Workspace) -> Iterator[Now]:
    session = Now()
    session.attach(prepare(workspace))
    yield session
    session.close()


def names(session: ReviewSession) -> list[str]:
    assert session.queue is not None
    return [session.queue.key(i).case_id for i in range(len(session.queue))]


def paint(session: ReviewSession) -> tuple[np.ndarray, tuple[int, int, int]]:
    assert session.item is not None
    z, y, x = (n // 2 for n in session.item.label.shape)
    session.item.label[z, y : y + 3, x : x + 3] = 5
    session.painted()
    session.keep_strokes()
    return session.item.label.copy(), (z, y, x)


def test_worst_first(session: Now) -> None:
    assert names(session) == [f"abdomen_00{i}" for i in (3, 1, 4, 2)]


def test_walk_down_and_up(session: Now) -> None:
    session.next_item()
    session.settle()
    assert session.item.key.case_id == "abdomen_003"
    session.next_item()
    session.settle()
    assert session.item.key.case_id == "abdomen_001"
    session.previous_item()
    session.settle()
    assert session.item.key.case_id == "abdomen_003"
    session.previous_item()
    assert "end of the queue" in session.said[-1][1]


def test_late_answer_to_an_old_question_is_dropped(session: Now) -> None:
    first, second = session.queue.key(0), session.queue.key(1)
    session.go(first)
    session.go(second)
    shown = []
    session.item_changed.connect(lambda item: shown.append(item.key))
    session.settle()
    assert shown == [second]


def test_verdict_is_on_disk_and_can_be_taken_back(session: Now, workspace: Workspace) -> None:
    key = session.queue.key(0)
    session.show(key)
    session.decide(Verdict.REJECTED, quality=2, comment="left and right swapped")
    with ReviewStore.open(workspace.store_url) as other:
        entry = other.history(key)[-1]
    assert (entry.verdict, entry.quality, entry.comment) == (Verdict.REJECTED, 2, "left and right swapped")
    assert entry.reader == "dr test"
    assert entry.seen["strategy"] == "label_risk"
    assert session.queue.row(0).status == "rejected"
    session.undo_decision()
    assert session.queue.row(0).status == "pending"
    assert len(session.store.history(key)) == 2  # nothing was taken out of the log


def test_next_pending_steps_over_what_is_decided(session: Now) -> None:
    for place in (1, 2):
        session.show(session.queue.key(place))
        session.decide(Verdict.ACCEPTED)
    session.show(session.queue.key(0))
    session.next_item(pending_only=True)
    session.settle()
    assert session.item.key.case_id == "abdomen_002"


def test_filter_narrows_and_the_walk_goes_on_where_it_was(session: Now) -> None:
    session.set_filter(statuses=frozenset({"pending"}))
    session.show(session.queue.key(1))
    session.decide(Verdict.ACCEPTED)
    assert names(session) == ["abdomen_003", "abdomen_004", "abdomen_002"]
    session.next_item()
    session.settle()
    assert session.item.key.case_id == "abdomen_004"


def test_sorting_by_a_column(session: Now) -> None:
    session.set_filter(sort_column="case", descending=True)
    assert names(session) == [f"abdomen_00{i}" for i in (4, 3, 2, 1)]


def test_accepting_a_repainted_label_saves_it_and_says_corrected(session: Now, workspace: Workspace) -> None:
    key = session.queue.key(0)
    session.show(key)
    painted, _ = paint(session)
    assert session.unsaved
    session.decide(Verdict.ACCEPTED)
    session.settle()
    assert session.store.state(key).verdict is Verdict.CORRECTED
    version = corrections(session.store, key)[-1]
    assert session.store.state(key).correction_id == version.correction_id
    session.go(session.queue.key(1))
    session.settle()
    session.show(key)
    assert np.array_equal(session.item.label, painted)
    assert session.item.original is not None
    assert not np.array_equal(session.item.original, painted)


def test_corrected_after_a_save_needs_no_further_stroke(session: Now) -> None:
    key = session.queue.key(0)
    session.show(key)
    paint(session)
    array = session.item.label
    session.save()
    session.settle()
    version = corrections(session.store, key)[-1]
    assert session.item.label_version == version.correction_id
    assert session.item.label is array  # the layer, and with it napari's undo, is left alone
    session.decide(Verdict.CORRECTED, quality=4)
    assert len(corrections(session.store, key)) == 1
    assert session.store.state(key).correction_id == version.correction_id


def test_corrected_without_a_stroke_is_questioned(session: Now) -> None:
    key = session.queue.key(0)
    session.show(key)
    session.decide(Verdict.CORRECTED)
    assert session.said[-1][0] is Kind.WARNING
    assert session.store.state(key).verdict is None


def test_leaving_a_painted_case_saves_a_version(session: Now) -> None:
    key = session.queue.key(0)
    session.show(key)
    painted, _ = paint(session)
    session.go(session.queue.key(1))
    session.settle()
    assert len(corrections(session.store, key)) == 1
    assert session.store.state(key).verdict is None
    session.show(key)
    assert np.array_equal(session.item.label, painted)


def test_strokes_undone_by_hand_leave_nothing_behind(session: Now, workspace: Workspace) -> None:
    key = session.queue.key(0)
    session.show(key)
    before = session.item.label.copy()
    paint(session)
    session.item.label[...] = before
    session.painted()
    assert not session.unsaved
    session.go(session.queue.key(1))
    session.settle()
    assert corrections(session.store, key) == []
    assert StrokeJournal.pending(workspace, key) == []


def crashed(workspace: Workspace, key: Any) -> np.ndarray:
    """Paint in a session that ends without a word."""
    dead = Now()
    dead.attach(prepare(workspace))
    dead.show(key)
    painted, _ = paint(dead)
    dead._desk.painting._strokes._journal.close()  # what the system does with the file of a killed process
    dead.store.close()
    return painted


def test_strokes_of_a_crashed_session_are_offered_and_come_back(workspace: Workspace) -> None:
    key = workspace.dataset.items[2]
    painted = crashed(workspace, key)
    session = Now()
    session.attach(prepare(workspace))
    session.show(key)
    assert session.item.pending_voxels == 9
    assert not np.array_equal(session.item.label, painted)
    session.restore_strokes()
    assert np.array_equal(session.item.label, painted)
    assert session.unsaved
    session.save(comment="half done")
    session.settle()
    session.close()
    assert StrokeJournal.pending(workspace, key) == []
    with ReviewStore.open(workspace.store_url) as store:
        (saved,) = corrections(store, key)
    assert saved.comment == "half done; with strokes recovered from an earlier session"


def test_strokes_made_on_another_version_are_painted_on_the_present_one_and_that_is_said(
    workspace: Workspace,
) -> None:
    key = workspace.dataset.items[2]
    painted = crashed(workspace, key)
    other = Now()
    other.attach(prepare(workspace))
    other.show(key)
    assert other.item.pending_remark == "", "they were made on what is on the screen"
    other.item.label[0, 0, :4] = 5
    other.painted()
    other.save()
    other.settle()
    later = other.item.label.copy()
    other.close()
    session = Now()
    session.attach(prepare(workspace))
    session.show(key)
    assert session.item.pending_voxels == 9
    session.said.clear()
    session.restore_strokes()
    ((kind, words),) = session.said
    assert kind is Kind.WARNING
    assert "were made on the original label, and the label was changed since" in words
    z = later.shape[0] // 2
    later[z] = painted[z]
    assert np.array_equal(session.item.label, later), "nothing of the later version is lost"
    session.close()


def test_strokes_made_on_a_version_that_was_restored_belong_to_it(workspace: Workspace) -> None:
    key = workspace.dataset.items[2]
    with ReviewStore.open(workspace.store_url) as store:
        label = workspace.load_label(*key)
        first = save_correction(workspace, store, key, LabelMap(label.data * 0, label.geometry), reader="A")
    crashed(workspace, key)
    with ReviewStore.open(workspace.store_url) as store:
        save_correction(workspace, store, key, label, reader="B")
    session = Now()
    session.attach(prepare(workspace))
    session.show(key)
    assert "the version that A saved on" in session.item.pending_remark
    restore(workspace, session.store, key, first.correction_id, "B")
    session.close()
    session = Now()
    session.attach(prepare(workspace))
    session.show(key)
    assert session.item.pending_voxels == 9
    assert session.item.pending_remark == ""
    session.close()


def test_strokes_of_a_crashed_session_can_be_thrown_away(workspace: Workspace) -> None:
    key = workspace.dataset.items[2]
    crashed(workspace, key)
    session = Now()
    session.attach(prepare(workspace))
    session.show(key)
    session.drop_pending()
    session.close()
    assert StrokeJournal.pending(workspace, key) == []


def test_strokes_drawn_while_a_version_is_written_stay_journalled(
    session: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.show(session.queue.key(0))
    _, (z, y, x) = paint(session)
    session.save()
    session.item.label[z, y + 5, x] = 4
    session.painted()
    session.settle()
    assert session.unsaved
    session.keep_strokes()
    version = corrections(session.store, session.item.key)[-1]
    assert version.reader == "dr test"


def test_failed_save_keeps_the_strokes_and_says_why(session: Now, monkeypatch: pytest.MonkeyPatch) -> None:
    import napari_aleatoric.review as module

    def no_space(*args: Any, **kwargs: Any) -> None:
        raise WorkspaceError("The disk is full.")

    monkeypatch.setattr(module, "save_correction", no_space, raising=False)
    session.show(session.queue.key(0))
    paint(session)
    session.decide(Verdict.ACCEPTED)
    session.settle()
    kind, words = session.said[-1]
    assert kind is Kind.ERROR
    assert "The disk is full." in words
    assert "strokes are kept" in words
    assert session.unsaved
    assert session.store.state(session.item.key).verdict is None
    monkeypatch.undo()


def test_class_scores_compare_with_the_same_class_elsewhere(session: Now) -> None:
    session.show(session.queue.key(0))
    place, raw, _ = session.class_scores("nll_union")[1]
    assert raw == pytest.approx(0.9)
    assert place == pytest.approx(3.5 / 4)  # the worst of four
    assert session.class_scores("label_risk")[1][0] == pytest.approx(3.5 / 4)


def test_hot_places_go_round(session: Now) -> None:
    session.show(session.queue.key(0))
    count = len(session.view.places)
    assert count >= 1
    walked = [session.next_place() for _ in range(count + 1)]
    assert walked[0] == walked[-1] == session.view.places[0]
    assert session.item.heat.of(1)[walked[0].index_zyx] == session.item.heat.of(1).max()


def test_folder_without_cases_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="were recognised in empty"):
        open_path(tmp_path / "empty")
    with pytest.raises(WorkspaceError, match="Expected a folder"):
        open_path(tmp_path / "nowhere")
    assert not (tmp_path / "empty-review").exists()


def test_opening_a_data_set_twice_finds_its_workspace_again(data_set: Path, tmp_path: Path) -> None:
    first = open_path(data_set, tmp_path / "w")
    assert open_path(data_set, tmp_path / "w").root == first.root == open_path(tmp_path / "w").root


def test_label_map_of_a_saved_version_is_on_the_stored_grid(session: Now, workspace: Workspace) -> None:
    """Samples are stored flipped and tilted: what is painted upright must land on the same voxels of the file."""
    from napari_aleatoric.review import load_correction

    for place in range(4):
        key = session.queue.key(place)
        session.show(key)
        painted, (z, y, x) = paint(session)
        session.save()
        session.settle()
        saved = load_correction(workspace, corrections(session.store, key)[-1])
        assert saved.geometry == workspace.load_label(*key).geometry
        upright = session.item.image.geometry
        stored = np.round(saved.geometry.index_from_lps(upright.lps_from_index([z, y, x]))).astype(int)
        assert saved.data[tuple(stored)] == 5
        assert np.array_equal(LabelMap(saved.data, saved.geometry).upright().data, painted)


def until(session: Now, condition: Callable[[], bool]) -> None:
    """Run what threads delivered until something holds."""
    for _ in range(2000):
        while session.waiting:
            session.waiting.pop(0)()
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it did not happen")


def test_another_map_comes_without_touching_the_strokes(session: Now, workspace: Workspace) -> None:
    for key in list(workspace.dataset.items)[:3]:  # the last one has no such map
        label = workspace.load_label(*key).upright()
        heat = np.full((1, *label.data.shape), 0.6, dtype=np.float32)
        write_map(workspace, key, "difficulty", heat, (1,), label.geometry, {})
    session.show(session.queue.key(0))
    before = session.item
    paint(session)
    assert session.unsaved
    session.options.map_name = "difficulty"
    assert session.item.heat is None  # the map before answers another question
    assert session.view.legend.startswith("Reading the map")
    assert not session.view.heatmap_visible
    until(session, lambda: not session.item.map_on_its_way)
    assert session.item.map_name == "difficulty"
    assert session.item.label is before.label
    assert session.unsaved
    assert session.item.heat.maximum((1,)).min() == 153
    assert "difficulty" in session.view.legend
    session.options.map_name = "label_risk"
    session.options.map_name = "difficulty"  # at once again: the answer in between is dropped
    until(session, lambda: not session.item.map_on_its_way and not session.waiting)
    assert session.item.map_name == "difficulty"
    shown = {}
    for key in workspace.dataset.items:
        session.go(key)
        until(session, lambda key=key: session.item.key == key)
        shown[key] = session.item.heat is not None
    assert list(shown.values()) == [True, True, True, False]
    assert "frozen model" in next(session.view.legend for _ in [0] if not shown[session.item.key])


def prompted(session: Now, value: int = 5) -> np.ndarray:
    """Draw the answer to a box; return the slice as it was."""
    plane = SlicePlane(0, session.item.label.shape[0] // 2, 1, 2)
    label = plane.cut(session.item.label)
    before, mask = label.copy(), np.zeros(label.shape, bool)
    mask[4:9, 4:9] = True
    answer = PromptAnswer(plane, Prompt(box_xyxy=(4, 4, 8, 8)), mask, 0.9, None, object(), 0.1, "sam-small-abc")
    with session.drawing(answer):
        label[mask] = value
    session.painted()
    return before


def test_a_saved_label_names_the_model_that_drew_in_it(session: Now, workspace: Workspace) -> None:
    key = session.queue.key(0)
    session.show(key)
    prompted(session)
    session.keep_strokes()
    session.decide(Verdict.ACCEPTED)
    session.settle()
    use = PromptUse("sam-small-abc", n_boxes=1)
    assert corrections(session.store, key)[-1].prompts == (use,)
    assert session.item.prompts == (use,)
    session.show(session.queue.key(1))
    session.show(key)
    paint(session)
    session.save()
    session.settle()
    assert corrections(session.store, key)[-1].prompts == (use,), "the mask is still in the later version"


def test_undoing_the_prompt_removes_the_mention(session: Now) -> None:
    key = session.queue.key(0)
    session.show(key)
    before = prompted(session)
    session.keep_strokes()
    session.item.label[session.item.label.shape[0] // 2] = before
    session.painted()
    session.keep_strokes()
    paint(session)
    session.save()
    session.settle()
    assert corrections(session.store, key)[-1].prompts == ()
    session.show(session.queue.key(1))
    paint(session)
    session.save()
    session.settle()
    assert corrections(session.store, session.item.key)[-1].prompts == (), "nothing of it goes to the next case"


def test_undoing_a_prompt_after_a_save_removes_the_mention_from_the_next_version(session: Now) -> None:
    key = session.queue.key(0)
    session.show(key)
    before = prompted(session)
    session.save()
    session.settle()
    session.item.label[session.item.label.shape[0] // 2] = before
    paint(session)
    session.save()
    session.settle()
    assert [len(c.prompts) for c in corrections(session.store, key)] == [1, 0]


def test_drawing_with_nothing_open_is_just_drawing() -> None:
    plane = SlicePlane(0, 0, 1, 2)
    answer = PromptAnswer(plane, Prompt(box_xyxy=(0, 0, 1, 1)), np.ones((2, 2), bool), 0.9, None, None, 0.1)
    with ReviewSession().drawing(answer):
        pass


def test_opening_sets_old_leftovers_of_killed_saves_aside(workspace: Workspace) -> None:
    root = workspace.corrections_dir
    old, young = (root / "abdomen_001" / "label" / f"{name}.nii.gz" for name in ("old", "young"))
    old.parent.mkdir(parents=True)
    for path in (old, young):
        path.write_bytes(b"left behind")
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    prepare(workspace).store.close()
    assert not old.exists()
    assert young.exists()
    assert (root / ".unreferenced" / old.relative_to(root)).read_bytes() == b"left behind"
