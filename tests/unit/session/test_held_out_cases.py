"""Before and after of held-out cases: how they are listed, what is shown of one, and when it goes away."""

from __future__ import annotations

import queue
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.judged_workspace import MODEL, add_model, judged_workspace, reference_of

from napari_aleatoric.io import Workspace
from napari_aleatoric.review import AssignSpec, ReviewStore, assign, model_folder, read_judgement
from napari_aleatoric.session import ALL_CLASSES, ComparedMasks, HeldOutCases, ReviewSession, Training, prepare
from napari_aleatoric.session._compared_masks import slice_of_most_change
from napari_aleatoric.session._held_out_view import held_out_rows_of
from napari_aleatoric.session._training_machine import Machine


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return judged_workspace(tmp_path_factory.mktemp("judged")).root.parent


@pytest.fixture
def ws(made: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(made / "review", tmp_path / "review")
    return Workspace.open(tmp_path / "review")


def now(work: Callable[[], None]) -> None:
    work()


class Looker:
    """A session whose training dock is open, and what it was told; what threads bring waits for the main thread."""

    def __init__(self, ws: Workspace) -> None:
        self.calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self.session = ReviewSession(deliver=self.calls.put, reader="ann")
        self.training = Training(self.session, worker=now, look_at=lambda: Machine("cpu", 2**33))
        self.cases = HeldOutCases(self.session, self.training, worker=now)
        self.told: list[ComparedMasks | None] = []
        self.cases.masks_changed.connect(self.told.append)
        self.session.attach(prepare(ws))
        self.training.wake()

    def wait(self, until: Callable[[], bool]) -> None:
        """Do what the main thread does until something is so."""
        while not until():
            self.calls.get(timeout=60)()

    def pick(self, case_id: str) -> None:
        """Pick a case, and wait until it is shown or refused."""
        self.cases.pick(case_id)
        self.wait(lambda: not self.cases.view.is_busy)


@pytest.fixture
def looker(ws: Workspace) -> Iterator[Looker]:
    found = Looker(ws)
    yield found
    found.cases.close()
    found.session.close()


def test_the_case_that_lost_most_comes_first(ws: Workspace) -> None:
    judgement = read_judgement(ws, MODEL)
    assert judgement is not None
    rows = held_out_rows_of(judgement, "before")
    names = [case.case_id for case in ws.dataset.cases]
    assert [row.case_id in names[::2] for row in rows] == [True, True, False, False], "those where before was right"
    changes = [row.change for row in rows]
    assert changes == sorted(changes)  # type: ignore[type-var]
    assert rows[0].before == 1.0
    assert rows[0].change == pytest.approx(rows[0].after - 1.0)
    assert rows[0].after == pytest.approx(np.mean([after for _, _, after in rows[0].by_class]))
    liver = held_out_rows_of(judgement, "before", "liver")
    assert liver[0].after == next(after for name, _, after in liver[0].by_class if name == "liver")
    alone = held_out_rows_of(judgement, "")
    assert [row.after for row in alone] == sorted(row.after for row in alone), "without a before, the worst first"
    assert {row.change for row in alone} == {None}


def test_the_slice_of_most_change() -> None:
    reference, after = np.zeros((2, 5, 4, 4), np.uint8)
    reference[1], after[1] = 1, 1
    after[3, 0, 0] = 1
    assert slice_of_most_change(reference, None, after) == 3
    before = after.copy()
    before[2, :2] = 2
    assert slice_of_most_change(reference, before, after) == 2
    assert slice_of_most_change(reference, after, after) == 3, "the same everywhere: where both are wrong"
    assert slice_of_most_change(reference, reference, reference) == 1


def test_a_case_is_shown_and_goes_away(looker: Looker, ws: Workspace) -> None:
    cases, session = looker.cases, looker.session
    view = cases.view
    assert len(view.rows) == 4
    assert (view.others, view.other, view.shown) == (("before",), "before", "")
    case_id = view.rows[-1].case_id
    looker.pick(case_id)
    masks = cases.masks
    assert masks is not None
    assert session.item is not None
    assert session.item.key.case_id == case_id == cases.view.shown
    truth = reference_of(ws, case_id)
    np.testing.assert_array_equal(masks.reference, truth)
    np.testing.assert_array_equal(masks.after, np.roll(truth, 1, axis=2))
    np.testing.assert_array_equal(masks.before, np.roll(truth, 3, axis=2))
    assert not np.shares_memory(masks.reference, session.item.label), "whoever paints does not paint on it"
    assert not session.options.label_visible
    assert not session.options.heatmap_on
    assert cases.view.sentence == ""
    key = next(k for k in ws.dataset.items if k.case_id != case_id)
    session.go(key)
    looker.wait(lambda: session.item is not None and session.item.key == key)
    assert cases.masks is None
    assert looker.told[-1] is None
    assert cases.view.shown == ""
    assert session.options.label_visible
    assert session.options.heatmap_on
    assert not session.unsaved


def test_options_are_left_as_a_person_made_them(looker: Looker) -> None:
    cases, options = looker.cases, looker.session.options
    options.heatmap_on = False
    looker.pick(cases.view.rows[0].case_id)
    cases.turn_off()
    assert (options.label_visible, options.heatmap_on) == (True, False)
    assert cases.masks is None


def test_one_class_alone(looker: Looker) -> None:
    cases = looker.cases
    looker.pick(cases.view.rows[-1].case_id)
    name = cases.view.class_names[1]
    index = next(c.class_index for c in looker.session.classes if c.class_name == name)
    cases.choose_class(name)
    assert cases.masks is not None
    for mask in (cases.masks.reference, cases.masks.before, cases.masks.after):
        assert set(np.unique(mask)) == {0, index}
    assert cases.view.class_name == name
    cases.choose_class("no such class")
    assert cases.view.class_name == name
    cases.choose_class(ALL_CLASSES)
    assert len(np.unique(cases.masks.after)) > 2
    n = len(looker.told)
    cases.put_side_by_side(True)
    assert len(looker.told) == n + 1


def test_what_was_not_kept_is_said(looker: Looker, ws: Workspace) -> None:
    cases = looker.cases
    case_id = cases.view.rows[0].case_id
    for path in (model_folder(ws, MODEL) / "held_out").glob("*.nii.gz"):
        path.unlink()
    looker.pick(case_id)
    assert cases.masks is None
    assert cases.view.shown == ""
    assert "not kept" in cases.view.sentence
    assert looker.session.options.label_visible


def test_a_label_that_was_changed_is_said(looker: Looker) -> None:
    cases, session = looker.cases, looker.session
    case_id = cases.view.rows[0].case_id
    looker.pick(case_id)
    assert session.item is not None
    session.item.label[2:6, 4:20, 4:20] = 1
    cases.turn_off()
    looker.pick(case_id)
    assert "The label was changed since" in cases.view.sentence


def test_another_row_has_its_own_cases(looker: Looker, ws: Workspace) -> None:
    add_model(ws, "20260104-100000-abcdef34", {"after": (2,)})
    cases = looker.cases
    looker.pick(cases.view.rows[0].case_id)
    looker.training.look_again()
    assert looker.training.view.rows[0].key == "20260104-100000-abcdef34"
    looker.training.choose("20260104-100000-abcdef34")
    assert cases.masks is None, "masks of another model are not those of the list"
    assert cases.view.others == ()
    assert {row.before for row in cases.view.rows} == {None}
    looker.pick(cases.view.rows[0].case_id)
    assert cases.masks is not None
    assert cases.masks.before is None
    cases.pick("nobody")
    assert cases.view.shown != "nobody"


def test_nothing_is_open() -> None:
    session = ReviewSession(reader="ann")
    training: Any = Training(session, worker=now, look_at=lambda: Machine("cpu", 2**33))
    cases = HeldOutCases(session, training, worker=now)
    cases.pick("a")
    cases.turn_off()
    assert cases.view.rows == ()
    assert cases.masks is None


def test_a_case_to_be_read_blinded_is_not_told_of(looker: Looker, ws: Workspace) -> None:
    looker.wait(lambda: len(looker.cases.view.rows) > 0)
    rows = [row.case_id for row in looker.cases.view.rows]
    with ReviewStore.open(ws.store_url) as store:
        assign(ws, store, AssignSpec(readers=("bea",), rule="listed", cases=(rows[0],)))
    looker.session.look_again()
    assert [row.case_id for row in looker.cases.view.rows] == rows
    looker.session.reader = "bea"
    assert [row.case_id for row in looker.cases.view.rows] == rows[1:]
    looker.session.reader = "ann"
    assert [row.case_id for row in looker.cases.view.rows] == rows
