"""A blinded reader finds nothing of the others and the machine, whichever way it is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from napari_aleatoric.errors import AleatoricError, NotFoundError
from napari_aleatoric.io import map_names, read_map, write_map
from napari_aleatoric.model import Decision, Flag, HotSpot, ItemKey, ItemScores, ScoreValue, Verdict
from napari_aleatoric.review import (
    AssignSpec,
    HoneypotSpec,
    answer_assignment,
    assign,
    begin_assignment,
    build_queue,
    honeypots,
    save_correction,
)
from napari_aleatoric.review._study._blindness import hidden_cases, only_own

HIDDEN, SHOWN = ItemKey("case_1"), ItemKey("case_0")


@pytest.fixture
def told(workspace, store):
    """A workspace in which much is known of all cases, and Ada is to read case_1 blinded."""
    for key in store.items():
        prints = workspace.fingerprint(*key)
        values = (ScoreValue("label_risk", 0, 0.7), ScoreValue("ambiguity_entropy", 1, 0.2))
        scores = ItemScores(
            key,
            values,
            (Flag("holes", 1, 0.9, "There is a hole.", None),),
            (HotSpot("label_risk", 1, (0, 0, 0), (0, 1)),),
        )
        store.put_item_scores(scores, fingerprint=prints, spec_digest="x")
        store.decide(
            Decision(
                case_id=key.case_id,
                label_reader=key.label_reader,
                verdict=Verdict.REJECTED,
                reader="Ben",
                comment="too small",
            )
        )
        label = workspace.load_label(*key)
        save_correction(workspace, store, key, label, reader="Ben")
        grid = label.upright().geometry
        write_map(workspace, key, "label_risk", np.ones((1, *grid.shape_zyx), np.float32), (1,), grid, {})
    assign(workspace, store, AssignSpec(readers=("Ada",), rule="listed", cases=("case_1",)))
    return workspace, store


def test_everything_is_there_for_others(told):
    workspace, store = told
    assert store.item_scores(HIDDEN).values
    assert read_map(workspace, HIDDEN, "label_risk").class_indices == (1,)
    assert hidden_cases(store, "Ben") == frozenset()
    assert hidden_cases(store, "Ada") == {"case_1"}


def test_nothing_is_there_for_the_blinded_reader(told):
    workspace, store = only_own(*told, "Ada")
    assert workspace.dataset.case("case_1").labels == ()
    for ask in (
        lambda: workspace.load_label("case_1"),
        lambda: workspace.fingerprint("case_1"),
        lambda: read_map(workspace, HIDDEN, "label_risk"),
        lambda: map_names(workspace, HIDDEN),
        lambda: store.item_scores(HIDDEN),
    ):
        with pytest.raises(NotFoundError):
            ask()
    empty = {
        "flags": (),
        "hot_spots": (),
        "history": [],
        "corrections": [],
        "latest_correction": None,
        "score_info": None,
    }
    for name, nothing in empty.items():
        assert getattr(store, name)(HIDDEN) == nothing, name
        assert getattr(store, name)(SHOWN) != nothing, name
    assert store.state(HIDDEN).n_decisions == 0
    assert HIDDEN not in store.states()
    assert SHOWN in store.states()
    assert {d.case_id for d in store.decisions()} == {"case_0", "case_2"}
    assert {c.key.case_id for c in store.all_corrections()} == {"case_0", "case_2"}
    for listing in (store.items(), store.fingerprints(), store.scored_fingerprints("x"), store.correction_counts()):
        assert {key.case_id for key in listing} == {"case_0", "case_2"}
    assert [key.case_id for key in store.score_table().keys] == ["case_0", "case_2"]
    overview = store.overview()
    assert set(overview.correction_ids) <= {0, 1}
    assert all(len(column) == 2 for column in overview.columns.values())
    status = store.state_columns({HIDDEN: 0, SHOWN: 1}).status
    assert status[0] == 0
    assert status[1] != 0
    decision = next(d for d in told[1].decisions() if d.case_id == "case_1")
    with pytest.raises(NotFoundError, match="hidden"):
        store.decision(decision.decision_id)
    assert store.undo(HIDDEN, "Ben") is None
    told[1].claim(HIDDEN, "Ben")
    assert store.claimed() == {}
    queue = build_queue(store, workspace.dataset.classes)
    assert [queue.key(i).case_id for i in range(len(queue))] == ["case_0", "case_2"]
    assert queue.row(0).reason


def test_no_public_way_of_the_store_was_forgotten():
    """Whoever adds a way to read the store has to say what a blinded reader finds there."""
    from napari_aleatoric.review import BlindStore, ReviewStore

    writes_or_counts = {
        "open", "close", "sync_items", "follow", "put_item_scores", "put_comparison", "put_judge", "decide",
        "add_correction", "claim", "release", "revision", "link",
    }  # fmt: skip
    rest_on_others = {"state", "correction_files"}  # folds `history`; names of files, which sweeping needs whole
    public = {name for name in vars(ReviewStore) if not name.startswith("_")}
    covered = {name for name in vars(BlindStore) if not name.startswith("_")}
    uncovered = public - writes_or_counts - rest_on_others - covered
    assert not uncovered, f"BlindStore must hide what {uncovered} would show, or the test must say why it need not"


def test_telling_the_store_what_there_is_does_not_lose_what_is_hidden(told):
    workspace, store = only_own(*told, "Ada")
    store.follow(workspace)
    assert HIDDEN in told[1].items()


def test_ones_own_label_is_seen_and_after_the_answer_all(told):
    whole, log = told
    begin_assignment(whole, log, "case_1", "Ada")
    workspace, store = only_own(whole, log, "Ada")
    assert [r.reader for r in workspace.dataset.case("case_1").labels] == ["Ada"]
    assert not workspace.load_label("case_1", "Ada").data.any()
    answer_assignment(workspace, store, "case_1", "Ada")
    hidden = hidden_cases(log, "Ada")
    assert hidden == frozenset()
    workspace.look_as("Ada", hidden)
    store.look_as("Ada", hidden)
    assert [r.reader for r in workspace.dataset.case("case_1").labels] == ["", "Ada"]
    assert store.flags(HIDDEN)
    assert read_map(workspace, HIDDEN, "label_risk").class_indices == (1,)


def test_honeypots_do_not_show_in_the_log_that_the_reader_may_see(told):
    whole, log = told
    honeypots(whole, log, HoneypotSpec(readers=("Ada", "Cleo"), cases=("case_2",)))
    _, store = only_own(whole, log, "Ada")
    entries = store.study.entries()
    assert {e.reader for e in entries} == {"Ada"}
    assert "honeypot" not in str(entries)
    assert "trusted" not in str(entries)
    begin_assignment(whole, store, "case_2", "Ada")  # steps go on with the whole log all the same
    answer_assignment(whole, store, "case_2", "Ada")
    kept = [e.about["kind"] for e in log.study.entries() if e.event == "assigned" and e.case_id == "case_2"]
    assert kept == ["honeypot", "honeypot"]


def test_a_prediction_kept_for_a_hidden_case_is_refused(told):
    from napari_aleatoric.review import read_held_out_masks

    workspace, _ = only_own(*told, "Ada")
    with pytest.raises(AleatoricError, match="hidden"):
        read_held_out_masks(workspace, None, "m", "case_1")
