"""A study of readers: who reads what, how far they are, honeypots, handing over, taking back."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_aleatoric.errors import DataError, NotFoundError, StoreError
from napari_aleatoric.io import read_reading, reading_of, readings
from napari_aleatoric.model import Decision, ItemKey, LabelMap, Verdict
from napari_aleatoric.review import (
    AssignSpec,
    HoneypotReportSpec,
    HoneypotSpec,
    ReviewStore,
    SecondSpec,
    StrokeJournal,
    answer_assignment,
    assign,
    assignments,
    begin_assignment,
    find_assignment,
    hand_over,
    honeypot_report,
    honeypots,
    my_assignments,
    reveal_assignment,
    save_correction,
    second_readings,
    study_progress,
    take_back,
    undo_assignment,
)
from napari_aleatoric.review._storage._adjudication_log import AdjudicationOutcome
from napari_aleatoric.review._study._choose import balanced, random_share


def listed(*cases, readers=("Ada",), **more):
    return AssignSpec(readers=readers, rule="listed", cases=cases, **more)


def draw(workspace, store, case_id, reader, value=3, voxels=((1, 2, 3),)):
    """Save a version of an open reading as the window does."""
    own = workspace.seen_by(reader)
    label = own.load_label(case_id, reader).upright()
    data = label.data.copy()
    for voxel in voxels:
        data[voxel] = value
    painted = LabelMap(data, label.geometry, reader)
    return save_correction(own, store, ItemKey(case_id, reader), painted, reader=reader)


def test_from_assigned_to_answered(workspace, store):
    (one,) = assign(workspace, store, listed("case_1", by="chief", remark="please")).assignments
    assert (one.state, one.blinded, one.machine, one.by, one.remark) == ("assigned", True, False, "chief", "please")
    with pytest.raises(StoreError, match="not begun"):
        answer_assignment(workspace, store, "case_1", "Ada")
    assert begin_assignment(workspace, store, "case_1", "Ada").state == "begun"
    assert begin_assignment(workspace, store, "case_1", "Ada").n_entries == 2  # gone on with, not begun twice
    assert ItemKey("case_1", "Ada") not in store.items()
    saved = draw(workspace, store, "case_1", "Ada")
    done = answer_assignment(workspace, store, "case_1", "Ada")
    assert (done.state, done.correction_id) == ("answered", saved.correction_id)
    assert reading_of(workspace, done.key).correction_id == saved.correction_id
    assert store.items()[2] == ItemKey("case_1", "Ada")
    first = workspace.load_label("case_1", "Ada").upright().data
    assert np.argwhere(first).tolist() == [[1, 2, 3]]
    with pytest.raises(StoreError, match="answered case_1 already"):
        answer_assignment(workspace, store, "case_1", "Ada")
    with pytest.raises(StoreError, match="answered case_1 already"):
        begin_assignment(workspace, store, "case_1", "Ada")
    reveal_assignment(store, "case_1", "Ada")
    draw(workspace, store, "case_1", "Ada", voxels=((0, 0, 0),))  # changed after the reveal: the first answer stays
    assert (read_reading(workspace, done.key).upright().data == first).all()


def test_an_answer_without_a_stroke_says_that_nothing_is_there(workspace, store):
    assign(workspace, store, listed("case_0"))
    begin_assignment(workspace, store, "case_0", "Ada")
    assert answer_assignment(workspace, store, "case_0", "Ada").correction_id == ""
    assert not workspace.load_label("case_0", "Ada").data.any()


def test_reveal_waits_for_the_answer(workspace, store):
    assign(workspace, store, listed("case_0"))
    with pytest.raises(StoreError, match="not answered"):
        reveal_assignment(store, "case_0", "Ada")
    begin_assignment(workspace, store, "case_0", "Ada")
    answer_assignment(workspace, store, "case_0", "Ada")
    first = reveal_assignment(store, "case_0", "Ada").revealed
    assert reveal_assignment(store, "case_0", "Ada").revealed == first


def test_nobody_gets_the_same_case_twice(workspace, store):
    assign(workspace, store, listed("case_0", "case_1"))
    again = assign(workspace, store, listed("case_0", "case_2"))
    assert [a.case_id for a in again.assignments] == ["case_2"]
    assert "case_0 got fewer" in again.left_out[0]
    take_back(workspace, store, "case_0", "Ada")  # never begun: it may come again
    assert len(assign(workspace, store, listed("case_0")).assignments) == 1
    begin_assignment(workspace, store, "case_0", "Ada")
    take_back(workspace, store, "case_0", "Ada")
    assert assign(workspace, store, listed("case_0")).assignments == ()
    assert reading_of(workspace, ItemKey("case_0", "Ada")).state == "withdrawn"


def test_who_has_a_label_in_the_data_set_does_not_read_it_again(make_workspace):
    workspace = make_workspace(readers=("Ada", "Ben"))
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        found = assign(workspace, store, listed("case_0", readers=("Ada", "Cleo")))
        assert [a.reader for a in found.assignments] == ["Cleo"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (AssignSpec(), "names of readers"),
        (AssignSpec(readers=("Ada", "ada")), "capital letters"),
        (AssignSpec(readers=("Ada",), rule="listed"), "Expected cases"),
        (AssignSpec(readers=("A\n",)), ""),
    ],
)
def test_misuse_is_a_sentence(workspace, store, spec, words):
    if spec.readers == ("A\n",):  # a blank at the end is dropped
        assert assign(workspace, store, spec).assignments[0].reader == "A"
        return
    with pytest.raises(DataError, match=words):
        assign(workspace, store, spec)
    assert assignments(store) == []


def test_a_blinded_reading_may_not_start_from_anothers_label():
    with pytest.raises(ValueError, match="starts empty"):
        AssignSpec(readers=("Ada",), start="Ben")


def test_an_open_one_may(workspace, store):
    assign(workspace, store, listed("case_0", start="model", blinded=False))
    with pytest.raises(NotFoundError, match="no prediction"):
        begin_assignment(workspace, store, "case_0", "Ada")
    assign(workspace, store, listed("case_1", kind="adjudicate", readers=("Ben",)))
    assert not find_assignment(store, "case_1", "Ben").blinded
    with pytest.raises(NotFoundError, match="not assigned"):
        begin_assignment(workspace, store, "case_1", "Ada")


def test_who_settles_is_given_no_label_and_answers_by_the_outcome(workspace, store):
    assign(workspace, store, listed("case_1", kind="adjudicate", readers=("Ben",)))
    begin_assignment(workspace, store, "case_1", "Ben")
    assert readings(workspace) == ()
    with pytest.raises(StoreError, match="No adjudication of case_1 was finished since Ben began it"):
        answer_assignment(workspace, store, "case_1", "Ben")
    outcome = AdjudicationOutcome("case_1", "adjudicated", "Ben", "hash", "{}")
    store.adjudications.add_outcome(outcome)
    assert answer_assignment(workspace, store, "case_1", "Ben").state == "answered"
    assert store.study.entries()[-1].about["adjudication_id"] == outcome.adjudication_id
    with pytest.raises(ValueError, match="not blinded"):
        AssignSpec(readers=("Ben",), kind="adjudicate", blinded=True)


def test_rules(make_workspace):
    workspace = make_workspace(n=10)
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        store.decide(Decision(case_id="case_3", reader="x", verdict=Verdict.ACCEPTED))
        some = assign(workspace, store, AssignSpec(readers=("Ada",), rule="random", share=0.5, seed=3)).assignments
        assert len(some) == 4  # half of nine, rounded to even
        assert "case_3" not in {a.case_id for a in some}
        rest = assign(workspace, store, AssignSpec(readers=("Ben", "Cleo"))).assignments
        assert {a.case_id for a in rest} == {f"case_{k}" for k in range(10)} - {"case_3"} - {
            a.case_id for a in some
        }
        assert sorted(Counter(a.reader for a in rest).values()) == [2, 3]
        with pytest.raises(DataError, match="No case is left"):
            assign(workspace, store, AssignSpec(readers=("Ben",)))
        queue = assign(workspace, store, AssignSpec(readers=("Dora",), rule="queue", n=3, kind="adjudicate"))
        assert len(queue.assignments) == 3
        assert [a.case_id for a in my_assignments(store, "Dora")] == [a.case_id for a in queue.assignments]


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 6), st.integers(0, 99))
def test_balanced_gives_everybody_as_much_and_nobody_a_case_twice(n, n_readers, per_case, seed):
    readers = [f"r{k}" for k in range(n_readers)]
    pairs, short = balanced([str(c) for c in range(n)], readers, per_case, taken=set(), load=Counter(), seed=seed)
    assert len(set(pairs)) == len(pairs)
    loads = Counter(reader for _, reader in pairs)
    assert max(loads.values()) - min(loads[r] for r in readers) <= 1
    per = Counter(case for case, _ in pairs)
    assert set(per.values()) == {min(per_case, n_readers)}
    assert (short == []) == (per_case <= n_readers)


@given(st.integers(0, 50), st.floats(0.01, 1), st.integers(0, 9))
def test_a_random_share_keeps_order_and_number(n, share, seed):
    cases = [f"{k:02d}" for k in range(n)]
    found = random_share(cases, share, seed)
    assert found == sorted(found) == random_share(cases, share, seed)
    assert len(found) == min(n, max(1, round(share * n)))


def test_second_readings_go_to_somebody_else(make_workspace):
    workspace = make_workspace(n=6)
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        assign(workspace, store, AssignSpec(readers=("Ada", "Ben")))
        with pytest.raises(DataError, match="answered first readings"):
            second_readings(workspace, store, SecondSpec(readers=("Ada", "Ben")))
        first = {a.case_id: a.reader for a in assignments(store)}
        for case_id, reader in first.items():
            begin_assignment(workspace, store, case_id, reader)
            answer_assignment(workspace, store, case_id, reader)
        found = second_readings(workspace, store, SecondSpec(readers=("Ada", "Ben"), share=0.5)).assignments
        assert len(found) == 3
        assert all(a.reader != first[a.case_id] and a.kind == "second" and a.blinded for a in found)
        more = second_readings(workspace, store, SecondSpec(readers=("Ada", "Ben"), share=1.0)).assignments
        assert {a.case_id for a in more} == set(first) - {a.case_id for a in found}


def test_handing_over_with_and_without_what_was_drawn(workspace, store):
    assign(workspace, store, listed("case_0", "case_1"))
    for case_id in ("case_0", "case_1"):
        begin_assignment(workspace, store, case_id, "Ada")
        draw(workspace, store, case_id, "Ada")
    own = workspace.seen_by("Ada")
    label = own.load_label("case_1", "Ada").upright()
    base = store.latest_correction(ItemKey("case_1", "Ada")).correction_id
    journal = StrokeJournal.open(own, ItemKey("case_1", "Ada"), "Ada", base, label.data.shape)
    journal.append([(2, 2, 2)], old=0, new=1)  # a stroke that no version holds
    journal.close()
    empty = hand_over(workspace, store, "case_0", "Ada", "Ben")
    assert (empty.state, empty.kind, empty.with_label) == ("assigned", "first", False)
    begin_assignment(workspace, store, "case_0", "Ben")
    assert not read_reading(workspace, ItemKey("case_0", "Ben")).data.any()
    full = hand_over(workspace, store, "case_1", "Ada", "Ben", by="chief", with_label=True)
    assert full.with_label
    begin_assignment(workspace, store, "case_1", "Ben")
    drawn = workspace.seen_by("Ben").load_label("case_1", "Ben").upright().data
    assert {tuple(v): int(drawn[tuple(v)]) for v in np.argwhere(drawn)} == {(1, 2, 3): 3, (2, 2, 2): 1}
    assert StrokeJournal.pending(own) == []
    assert {r.key.label_reader: r.state for r in readings(workspace) if r.key.case_id == "case_1"} == {
        "Ada": "withdrawn",
        "Ben": "open",
    }
    with pytest.raises(NotFoundError, match="no longer \\(handed over\\)"):
        answer_assignment(workspace, store, "case_0", "Ada")
    with pytest.raises(StoreError, match="Ada's to read already"):
        hand_over(workspace, store, "case_0", "Ben", "Ada")
    answer_assignment(workspace, store, "case_1", "Ben")
    with pytest.raises(StoreError, match="answered"):
        hand_over(workspace, store, "case_1", "Ben", "Cleo")


def test_undo_appends_and_brings_back(workspace, store):
    assign(workspace, store, listed("case_0"))
    assert undo_assignment(workspace, store, "case_0", "Ada") == "assigned"
    assert assignments(store) == []
    assert len(store.study.entries()) == 2
    assign(workspace, store, listed("case_0"))
    begin_assignment(workspace, store, "case_0", "Ada")
    with pytest.raises(StoreError, match="begun by Ada"):
        undo_assignment(workspace, store, "case_0", "Ada")
    take_back(workspace, store, "case_0", "Ada", by="chief")
    assert undo_assignment(workspace, store, "case_0", "Ada") == "withdrawn"
    assert find_assignment(store, "case_0", "Ada").state == "begun"
    assert reading_of(workspace, ItemKey("case_0", "Ada")).state == "open"
    hand_over(workspace, store, "case_0", "Ada", "Ben")
    assert undo_assignment(workspace, store, "case_0", "Ada") == "handed_over"
    assert [(a.reader, a.state) for a in assignments(store)] == [("Ada", "begun")]
    assert reading_of(workspace, ItemKey("case_0", "Ada")).state == "open"
    hand_over(workspace, store, "case_0", "Ada", "Cleo")
    begin_assignment(workspace, store, "case_0", "Cleo")
    with pytest.raises(StoreError, match="Cleo has begun"):
        undo_assignment(workspace, store, "case_0", "Ada")


def test_a_reading_begun_once_more_starts_from_its_start(workspace, store):
    assign(workspace, store, listed("case_0", readers=("Ada",)))
    begin_assignment(workspace, store, "case_0", "Ada")
    draw(workspace, store, "case_0", "Ada")
    take_back(workspace, store, "case_0", "Ada")
    hold = assign(workspace, store, listed("case_0", readers=("Ben",))).assignments[0]
    hand = hand_over(workspace, store, "case_0", "Ben", "Ada")  # she may go on with what she gave back
    assert (hold.reader, hand.reader) == ("Ben", "Ada")
    begin_assignment(workspace, store, "case_0", "Ada")
    answer_assignment(workspace, store, "case_0", "Ada")
    assert not workspace.load_label("case_0", "Ada").data.any()


def test_honeypots_are_compared_with_the_trusted_label(make_workspace):
    workspace = make_workspace(n=8)
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        assign(workspace, store, listed("case_0", "case_1", "case_2", "case_3"))
        found = honeypots(workspace, store, HoneypotSpec(readers=("Ada",), n=4, seed=1, by="chief"))
        assert {a.case_id for a in found.assignments} == {"case_4", "case_5", "case_6", "case_7"}
        mine = my_assignments(store, "Ada")
        assert {a.shown_kind for a in mine} == {"first"}
        kinds = [a.kind for a in mine]
        assert kinds != sorted(kinds)  # mixed in, neither all before nor all after the rest
        assert kinds != sorted(kinds, reverse=True)
        for case_id in ("case_4", "case_5"):
            begin_assignment(workspace, store, case_id, "Ada")
        key = ItemKey("case_4", "Ada")
        trusted = workspace.load_label("case_4").upright()
        save_correction(
            workspace.seen_by("Ada"), store, key, LabelMap(trusted.data, trusted.geometry), reader="Ada"
        )
        for case_id in ("case_4", "case_5"):
            answer_assignment(workspace, store, case_id, "Ada")
        report = honeypot_report(workspace, store)
        by_case = {c.case_id: c for c in report.cases}
        assert (by_case["case_4"].dice, by_case["case_4"].surface_dice, by_case["case_4"].missed) == (1.0, 1.0, ())
        assert (by_case["case_5"].dice, set(by_case["case_5"].missed)) == (0.0, {"liver", "tumour"})
        (row,) = report.rows
        assert (row.n_waiting, row.n_answered, row.dice.value, row.n_missed) == (2, 2, 0.5, 2)
        assert row.dice.low < 0.5 < row.dice.high
        assert honeypot_report(workspace, store, HoneypotReportSpec(asked_by="Ada")).rows == ()
        reveal_assignment(store, "case_5", "Ada")
        told = honeypot_report(workspace, store, HoneypotReportSpec(asked_by="Ada"))
        assert [c.case_id for c in told.cases] == ["case_5"]
        with pytest.raises(DataError, match="by 'nobody'"):
            honeypots(workspace, store, HoneypotSpec(readers=("Ada",), trusted="nobody"))


def test_a_honeypots_later_versions_count_only_when_asked_for(workspace, store):
    honeypots(workspace, store, HoneypotSpec(readers=("Ada",), cases=("case_0",)))
    begin_assignment(workspace, store, "case_0", "Ada")
    answer_assignment(workspace, store, "case_0", "Ada")
    reveal_assignment(store, "case_0", "Ada")
    trusted = workspace.load_label("case_0")
    save_correction(workspace, store, ItemKey("case_0", "Ada"), trusted, reader="Ada")
    figures = [
        honeypot_report(workspace, store, HoneypotReportSpec(answers=answers)).cases[0].dice
        for answers in ("first", "latest")
    ]
    assert figures == [0.0, 1.0]


def test_dice_of_a_honeypot_equals_simpleitks(workspace, store):
    import SimpleITK as sitk

    honeypots(workspace, store, HoneypotSpec(readers=("Ada",), cases=("case_1",)))
    begin_assignment(workspace, store, "case_1", "Ada")
    label = workspace.load_label("case_1")
    moved = LabelMap(np.roll(label.data, 1, axis=2), label.geometry)
    save_correction(workspace.seen_by("Ada"), store, ItemKey("case_1", "Ada"), moved, reader="Ada")
    answer_assignment(workspace, store, "case_1", "Ada")
    measured = honeypot_report(workspace, store).cases[0].dice
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(sitk.GetImageFromArray(label.data), sitk.GetImageFromArray(moved.data))
    assert measured == pytest.approx(np.mean([overlap.GetDiceCoefficient(v) for v in (1, 3)]), abs=1e-12)


def test_progress_counts_and_takes_the_median(workspace, store, monkeypatch):
    assign(workspace, store, listed("case_0", "case_1", "case_2"))
    for case_id in ("case_0", "case_1"):
        begin_assignment(workspace, store, case_id, "Ada")
    answer_assignment(workspace, store, "case_0", "Ada")
    hand_over(workspace, store, "case_2", "Ada", "Ben")
    ada, ben = study_progress(store)
    assert (ada.reader, ada.assigned, ada.begun, ada.answered, ada.given_away) == ("Ada", 2, 1, 1, 1)
    assert (ben.assigned, ben.answered, ben.median_minutes) == (1, 0, None)
    one = find_assignment(store, "case_0", "Ada")
    assert ada.median_minutes == pytest.approx((one.answered - one.begun) / timedelta(minutes=1))


_AT_ONCE = """
import sys
from pathlib import Path
from napari_aleatoric.io import Workspace
from napari_aleatoric.review import AssignSpec, ReviewStore, assign
ws = Workspace.open(Path(sys.argv[1]))
made = 0
with ReviewStore.open(ws.store_url) as store:
    for case in ws.dataset.cases:
        spec = AssignSpec(readers=("Ada",), rule="listed", cases=(case.case_id,))
        made += len(assign(ws, store, spec).assignments)
print(made)
"""


def test_processes_that_assign_at_once_assign_nothing_twice(make_workspace):
    workspace = make_workspace(n=8)
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        children = [
            subprocess.Popen(
                [sys.executable, "-c", _AT_ONCE, str(workspace.root)], stdout=subprocess.PIPE, text=True
            )
            for _ in range(3)
        ]
        made = [int(child.communicate(timeout=300)[0]) for child in children]
        assert sum(made) == 8
        assert sorted(a.case_id for a in assignments(store)) == [f"case_{k}" for k in range(8)]


def test_a_store_of_an_earlier_version_gets_the_table(workspace, store):
    from sqlalchemy import create_engine, inspect, text

    engine = create_engine(workspace.store_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE study"))
    with ReviewStore.open(workspace.store_url) as again:
        assign(workspace, again, listed("case_0"))
    assert "study" in inspect(engine).get_table_names()
    engine.dispose()


@pytest.mark.parametrize("cut_at", ["begin_reading", "withdraw_reading"])
def test_a_handing_over_that_was_cut_off_is_finished_by_the_heir(workspace, store, monkeypatch, cut_at):
    assign(workspace, store, listed("case_0"))
    begin_assignment(workspace, store, "case_0", "Ada")
    draw(workspace, store, "case_0", "Ada")

    def power_cut(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"napari_aleatoric.review._study._steps.{cut_at}", power_cut)
        with pytest.raises(KeyboardInterrupt):
            hand_over(workspace, store, "case_0", "Ada", "Ben", with_label=True)
    begin_assignment(workspace, store, "case_0", "Ben")
    drawn = read_reading(workspace, ItemKey("case_0", "Ben"))
    assert drawn.upright().data[1, 2, 3] == 3
    assert np.count_nonzero(drawn.data) == 1
    assert {r.key.label_reader: r.state for r in readings(workspace)} == {"Ada": "withdrawn", "Ben": "open"}
    begin_assignment(workspace, store, "case_0", "Ben")  # goes on, and takes nothing over again
    assert [r.state for r in readings(workspace, reader="Ben")] == ["open"]


def test_a_report_counts_the_first_answer_unless_asked_for_the_latest(workspace, store):
    from napari_aleatoric.review import ReadersSpec, report_readers

    assign(workspace, store, listed("case_0"))
    begin_assignment(workspace, store, "case_0", "Ada")
    answer_assignment(workspace, store, "case_0", "Ada")
    reveal_assignment(store, "case_0", "Ada")
    theirs = workspace.load_label("case_0")
    save_correction(workspace, store, ItemKey("case_0", "Ada"), theirs, reader="Ada")
    means = [
        [s.dice.value for s in report_readers(workspace, ReadersSpec(answers=answers)).structures]
        for answers in ("first", "latest")
    ]
    assert means == [[0.0, 0.0], [1.0, 1.0]]


def test_a_study_on_either_database(team_workspace):
    workspace = team_workspace
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        assign(workspace, store, listed("case_0", "case_1"))
        honeypots(workspace, store, HoneypotSpec(readers=("Ada",), cases=("case_2",)))
        begin_assignment(workspace, store, "case_0", "Ada")
        draw(workspace, store, "case_0", "Ada")
        hand_over(workspace, store, "case_0", "Ada", "Ben", with_label=True)
        begin_assignment(workspace, store, "case_0", "Ben")
        assert answer_assignment(workspace, store, "case_0", "Ben").state == "answered"
        take_back(workspace, store, "case_1", "Ada")
        assert undo_assignment(workspace, store, "case_1", "Ada") == "withdrawn"
    with ReviewStore.open(workspace.store_url) as again:
        assert [(a.case_id, a.reader, a.kind, a.state) for a in assignments(again)] == [
            ("case_0", "Ada", "first", "handed over"),
            ("case_1", "Ada", "first", "assigned"),
            ("case_2", "Ada", "honeypot", "assigned"),
            ("case_0", "Ben", "first", "answered"),
        ]
        assert ItemKey("case_0", "Ben") in again.items()
