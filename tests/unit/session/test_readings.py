"""A reader's list at one window: begun, painted, answered, revealed, handed over; and blinded till the answer."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from napari_aleatoric.errors import AleatoricError, DataError
from napari_aleatoric.io import Workspace, read_map, reading_of, write_map
from napari_aleatoric.model import Decision, Flag, ItemKey, ItemScores, ScoreValue, Verdict
from napari_aleatoric.review import (
    AssignSpec,
    HoneypotSpec,
    ReviewStore,
    assign,
    find_assignment,
    honeypots,
    read_held_out_masks,
    save_correction,
)
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import Kind, Prompting, Readings, ReviewSession, open_path, prepare
from napari_aleatoric.uncertainty import MAPS

CASES = tuple(f"abdomen_00{k}" for k in (1, 2, 3, 4))


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "abdomens"
    write_samples(folder, SampleSpec(n_cases=4, seed=1, matrix=32))
    return folder


@pytest.fixture
def workspace(data_set, tmp_path):
    """Scores, flags, maps, decisions, comments and versions of all cases; abdomen 2 and 3 are Ada's to read."""
    workspace = open_path(data_set, tmp_path / "review")
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        for key in workspace.dataset.items:
            values = tuple(ScoreValue("nll_union", c, 0.5) for c in range(6))
            flags = (Flag("holes", 1, 0.9, "There is a hole.", None),)
            print_ = workspace.fingerprint(*key)
            store.put_item_scores(ItemScores(key, values, flags), fingerprint=print_, spec_digest="t")
            label = workspace.load_label(*key)
            heat = np.ones((1, *label.upright().data.shape), np.float32)
            write_map(workspace, key, "label_risk", heat, (1,), label.upright().geometry, {})
            store.decide(Decision(case_id=key.case_id, verdict=Verdict.REJECTED, reader="Ben", comment="too small"))
            save_correction(workspace, store, key, label, reader="Ben")
        assign(workspace, store, AssignSpec(readers=("Ada",), rule="listed", cases=("abdomen_002", "abdomen_003")))
    return workspace


class Now(ReviewSession):
    """A session whose reading and writing the test can wait for."""

    def __init__(self, reader="Ada"):
        self.waiting = []
        super().__init__(deliver=self.waiting.append, reader=reader)
        self.said = []
        self.notice.connect(lambda n: self.said.append((n.kind, n.text)))

    def settle(self, until):
        for _ in range(3000):
            while self.waiting:
                self.waiting.pop(0)()
            if until():
                return
            time.sleep(0.005)
        raise AssertionError(self.said)


@pytest.fixture(autouse=True)
def own_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def session(workspace):
    session = Now()
    session.attach(prepare(Workspace.open(workspace.root)))
    yield session
    session.close()


@pytest.fixture
def mine(session):
    return Readings(session)


def begin(session, mine, case_id):
    mine.begin(case_id)
    key = ItemKey(case_id, mine.reader)
    session.settle(lambda: session.item is not None and session.item.key == key and not mine.busy)


def paint(session, voxel=(3, 4, 5), value=1):
    session.item.label[voxel] = value
    session.painted()
    session.keep_strokes()


def answer(session, mine):
    case_id = mine.current.case_id
    mine.answer()
    session.settle(
        lambda: not mine.busy and reading_of(session.workspace, ItemKey(case_id, mine.reader)).state == "answered"
    )
    session.settle(lambda: session.item is not None and session.item.reading == "answered")


def test_first_reading_answer_reveal(session, mine, workspace):
    assert [(a.case_id, a.state) for a in mine.rows] == [("abdomen_002", "assigned"), ("abdomen_003", "assigned")]
    begin(session, mine, "abdomen_002")
    item = session.item
    assert (item.reading, item.blinded, item.heat, item.flags, item.original) == ("open", True, None, (), None)
    assert not item.label.any()
    assert "my reading" in session.view.title
    assert session.view.remark.startswith("BLINDED READING")
    paint(session)
    answer(session, mine)
    first = Workspace.open(workspace.root).load_label("abdomen_002", "Ada").upright().data
    assert np.argwhere(first).tolist() == [[3, 4, 5]]
    assert not session.item.blinded
    assert "BLINDED" not in session.view.remark
    assert "corrected" not in session.view.title
    assert session.item.original is None
    told = []
    mine.revealed.connect(told.append)
    mine.reveal()
    session.settle(lambda: bool(told))
    ((theirs,),) = told
    assert (theirs.name, theirs.kind) == ("label", "reader")
    assert theirs.dice < 0.1
    paint(session, (4, 4, 4))
    session.save()
    key = ItemKey("abdomen_002", "Ada")
    session.settle(lambda: len(session.store.corrections(key)) == 2)
    assert [c.comment for c in session.store.corrections(key)] == ["answer", "after reveal"]
    session.settle(lambda: session.item.reading == "changed")
    assert "changed after the answer" in session.view.title
    assert np.argwhere(session.item.original).tolist() == [[3, 4, 5]]
    assert reading_of(workspace, key).correction_id == session.store.corrections(key)[0].correction_id
    again = Workspace.open(workspace.root).load_label("abdomen_002", "Ada").upright().data
    assert (again == first).all()


def test_every_public_way_of_the_session_hides_a_blinded_case(session, mine):
    hidden = ItemKey("abdomen_002")
    assert [row.key.case_id for row in session.queue] == ["abdomen_001", "abdomen_004"]
    assert len(session.full_queue) == 2
    assert {key.case_id for key in session.full_queue.table.keys} == {"abdomen_001", "abdomen_004"}
    assert {key.case_id for key in session.full_queue.columns.keys} == {"abdomen_001", "abdomen_004"}
    session.set_filter(text="too small")
    assert {row.key.case_id for row in session.queue} == {"abdomen_001", "abdomen_004"}
    session.set_filter(text="")
    session.go(hidden)
    session.settle(lambda: any(kind is Kind.ERROR for kind, _ in session.said))
    assert session.item is None or session.item.key != hidden
    begin(session, mine, "abdomen_002")
    assert session.class_scores("nll_union") == {}
    assert session.next_place() is None
    for name in MAPS:
        session.options.map_name = name
        session.settle(lambda: not session.item.map_on_its_way)
        assert session.item.heat is None
    session.options.original_visible = session.options.heatmap_on = True
    assert not session.view.heatmap_visible
    assert not session.view.original_visible
    assert session.view.places == ()
    workspace, store = session.workspace, session.store
    assert [label.reader for label in workspace.dataset.case("abdomen_002").labels] == ["Ada"]
    for ask in (
        lambda: workspace.load_label("abdomen_002"),
        lambda: read_map(workspace, hidden, "label_risk"),
        lambda: store.item_scores(hidden),
        lambda: read_held_out_masks(workspace, None, "m", "abdomen_002"),
    ):
        with pytest.raises(AleatoricError):
            ask()
    assert store.history(hidden) == []
    assert store.corrections(hidden) == []
    assert "too small" not in str([d.comment for d in store.decisions() if d.case_id == "abdomen_002"])
    session.refresh_queue()
    assert [row.key.case_id for row in session.queue] == ["abdomen_001", "abdomen_004"]
    session.decide(Verdict.ACCEPTED)
    assert session.said[-1][0] is Kind.WARNING
    assert "not answered" in session.said[-1][1]


def test_what_is_not_blinded_is_all_there(session):
    session.go(ItemKey("abdomen_001"))
    session.settle(lambda: session.item is not None and session.item.key.case_id == "abdomen_001")
    assert session.item.heat is not None
    assert session.item.flags
    assert session.store.history(ItemKey("abdomen_001"))[0].comment == "too small"


def test_another_readers_session_sees_all_but_no_open_reading(session, mine, workspace):
    begin(session, mine, "abdomen_002")
    other = Now("Ben")
    other.attach(prepare(Workspace.open(workspace.root)))
    assert len(other.queue) == 4
    assert "Ada" not in other.workspace.dataset.readers
    other.close()


def test_models_may_be_prompted_only_where_the_assignment_says_so(session, mine, workspace):
    begin(session, mine, "abdomen_002")
    assert "not part of it" in session.no_models
    with pytest.raises(DataError, match="not part of it"), session.drawing(None):
        pytest.fail("nothing may be drawn")
    prompting = Prompting(lambda name: pytest.fail("no model may be loaded"))
    prompting.forbidden = lambda: session.no_models
    why = []
    prompting.unanswered.connect(lambda about, text: why.append(text))
    prompting.ask(None, None)
    assert why == [session.no_models]
    prompting.close()
    with ReviewStore.open(workspace.store_url) as store:
        spec = AssignSpec(readers=("Ada",), rule="listed", cases=("abdomen_001",), machine=True)
        assign(workspace, store, spec)
    begin(session, mine, "abdomen_001")
    assert session.item.blinded
    assert session.no_models == ""


def test_a_case_that_is_assigned_while_it_is_on_the_screen_leaves_it(session, workspace):
    session.go(ItemKey("abdomen_001"))
    session.settle(lambda: session.item is not None)
    with ReviewStore.open(workspace.store_url) as store:
        assign(workspace, store, AssignSpec(readers=("Ada",), rule="listed", cases=("abdomen_001",)))
    session.look_again()
    session.settle(lambda: session.item is not None and session.item.key.case_id == "abdomen_004")
    assert [row.key.case_id for row in session.queue] == ["abdomen_004"]


def test_another_name_sees_what_that_person_may(session, mine):
    mine.set_reader("Ben")
    assert len(session.queue) == 4
    mine.set_reader("\n")
    assert session.reader == "Ben"
    assert session.said[-1][0] is Kind.WARNING
    mine.set_reader("Ada")
    assert len(session.queue) == 2
    assert Readings(Now("somebody")).reader == "Ada"  # kept for the next start


def test_honeypots_look_like_all_else(session, mine, workspace):
    with ReviewStore.open(workspace.store_url) as store:
        honeypots(workspace, store, HoneypotSpec(readers=("Ada",), cases=("abdomen_001",)))
    mine.refresh()
    assert {a.shown_kind for a in mine.rows} == {a.kind for a in mine.rows} == {"first"}
    assert {a.trusted for a in mine.rows} == {None}
    begin(session, mine, "abdomen_001")
    answer(session, mine)
    with ReviewStore.open(workspace.store_url) as store:
        assert find_assignment(store, "abdomen_001", "Ada").kind == "honeypot"


def test_handing_over_takes_unsaved_strokes_along_and_goes_on(session, mine, workspace):
    begin(session, mine, "abdomen_002")
    paint(session)
    mine.hand_over("Ben", with_label=True)
    session.settle(lambda: session.item.key == ItemKey("abdomen_003", "Ada") and not mine.busy)
    own = Workspace.open(workspace.root).seen_by("Ben")
    assert np.argwhere(own.load_label("abdomen_002", "Ben").upright().data).tolist() == [[3, 4, 5]]
    assert [a.case_id for a in mine.rows] == ["abdomen_003"]
    assert "abdomen_002" in {row.key.case_id for row in session.queue}  # no longer hers to read


def test_next_walks_the_list_and_says_when_it_ends(session, mine):
    mine.next_case()
    session.settle(lambda: session.item is not None and session.item.key.case_id == "abdomen_002" and not mine.busy)
    answer(session, mine)
    mine.next_case()
    session.settle(lambda: session.item.key.case_id == "abdomen_003" and not mine.busy)
    answer(session, mine)
    mine.next_case()
    assert "Nothing else" in session.said[-1][1]


def test_an_answer_is_refused_if_the_label_could_not_be_saved(session, mine, workspace, monkeypatch):
    import napari_aleatoric.review._labels._corrections as module

    begin(session, mine, "abdomen_002")
    paint(session)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_label_map", full)
    mine.answer()
    session.settle(lambda: not mine.busy)
    monkeypatch.undo()
    assert reading_of(workspace, ItemKey("abdomen_002", "Ada")).state == "open"
    assert session.unsaved
    answer(session, mine)
    assert Workspace.open(workspace.root).load_label("abdomen_002", "Ada").data.any()


_KILLED = """
import os, sys
from pathlib import Path
from napari_aleatoric.io import Workspace
from napari_aleatoric.session import Readings, ReviewSession, prepare
import time
waiting = []
session = ReviewSession(deliver=waiting.append, reader="Ada")
session.attach(prepare(Workspace.open(Path(sys.argv[1]))))
mine = Readings(session)
mine.set_reader("Ada")
mine.begin("abdomen_002")
while session.item is None or session.item.key.label_reader != "Ada":
    while waiting:
        waiting.pop(0)()
    time.sleep(0.01)
session.item.label[3, 4, 5] = 2
session.painted()
session.keep_strokes()
os._exit(9)
"""


def test_strokes_of_an_open_reading_outlive_a_kill(workspace):
    child = subprocess.run([sys.executable, "-c", _KILLED, str(workspace.root)], timeout=300)
    assert child.returncode == 9
    session = Now()
    session.attach(prepare(Workspace.open(workspace.root)))
    mine = Readings(session)
    begin(session, mine, "abdomen_002")
    assert session.item.pending_voxels == 1
    assert not session.item.label.any()
    session.restore_strokes()
    assert session.item.label[3, 4, 5] == 2
    answer(session, mine)
    session.close()
    found = Workspace.open(workspace.root).load_label("abdomen_002", "Ada").upright().data
    assert np.argwhere(found).tolist() == [[3, 4, 5]]
