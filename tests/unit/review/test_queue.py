from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import (
    ClassTable,
    Decision,
    Flag,
    Geometry,
    HotSpot,
    ItemKey,
    ItemScores,
    ScoreValue,
    Verdict,
)
from napari_aleatoric.review import COLUMNS, PENDING, STATUSES, Correction, ReviewStore, build_queue

CLASSES = ClassTable.from_names({1: "liver", 2: "Tumour"})
KEYS = [ItemKey(f"case_{i}") for i in (3, 1, 2, 10, 5)]
# the last is not scored; case_10 is worst by class 2, then case_1 by class 1
RISK = {KEYS[0]: (0.25, 0.1), KEYS[1]: (0.8, 0.3), KEYS[2]: (0.1, 0.2), KEYS[3]: (0.5, 0.95)}


def scores_of(key: ItemKey, values: tuple[float, float]) -> ItemScores:
    parts = ("nll_union", "local_max", "dice_gap")
    rows = [ScoreValue(p, c, v) for p in parts for c, v in ((0, max(values)), (1, values[0]), (2, values[1]))]
    flags = (Flag("holes", 1, 0.5, "a hole"),) if key == KEYS[0] else ()
    return ItemScores(key, tuple(rows), flags, (HotSpot("label_risk", 2, (14, 0, 0), (13, 18)),))


@pytest.fixture
def store(url: str):
    with ReviewStore.open(url) as store:
        store.sync_items(KEYS, dict.fromkeys(KEYS, "f"))
        for key, values in RISK.items():
            store.put_item_scores(scores_of(key, values), fingerprint="f", spec_digest="d")
        yield store


def names(queue) -> list[str]:
    return [row.key.case_id for row in queue]


def test_worst_first_and_unscored_last(store: ReviewStore) -> None:
    queue = build_queue(store, CLASSES)
    assert names(queue) == ["case_10", "case_1", "case_3", "case_2", "case_5"]
    assert [row.place for row in queue] == [1, 2, 3, 4, 5]
    worst, last = queue.row(0), queue.row(4)
    assert (worst.class_index, worst.class_name, worst.status) == (2, "Tumour", "pending")
    assert worst.reason.startswith("Tumour: ")
    assert "slices 14 to 19" in worst.reason
    assert "worst of 4" in worst.reason
    assert np.isnan(last.score)
    assert (last.reason, last.class_name, last.stale) == ("not scored yet", "", False)
    assert worst.to_json()["reason"] == worst.reason
    assert last.to_json()["score"] is None
    assert len(queue) == 5
    with pytest.raises(IndexError):
        queue.row(5)


def test_class_filter_ranks_by_that_class(store: ReviewStore) -> None:
    assert names(build_queue(store, CLASSES, class_filter=[1]))[:2] == ["case_1", "case_10"]


def test_filters(store: ReviewStore) -> None:
    store.decide(
        Decision(case_id="case_1", reader="Zoë", verdict=Verdict.REJECTED, quality=2, comment="Tail missing")
    )
    queue = build_queue(store, CLASSES)
    assert names(queue.filtered("case_1")) == ["case_10", "case_1"]
    assert names(queue.filtered("CASE_10")) == ["case_10"]
    assert names(queue.filtered("tail MISSING")) == ["case_1"]
    assert names(queue.filtered("tail case_10")) == []
    assert names(queue.filtered("zoë")) == ["case_1"]
    assert names(queue.filtered("tumour case_10")) == ["case_10"]
    assert names(queue.filtered("rejected")) == ["case_1"]
    assert names(queue.filtered(statuses=["rejected"])) == ["case_1"]
    assert names(queue.filtered(statuses=["pending"])) == ["case_10", "case_3", "case_2", "case_5"]
    assert names(queue.filtered(statuses=[])) == []
    assert names(queue.filtered(class_index=2)) == ["case_10", "case_2"]
    assert names(queue.filtered(flagged=True)) == ["case_3"]
    assert names(queue.filtered(statuses=["pending"]).filtered(class_index=1)) == ["case_3"]
    assert queue.filtered("case_2").row(0).place == 4
    assert names(queue.filtered("ase_1")) == ["case_10", "case_1"]
    assert names(queue.filtered("3")) == ["case_3"]
    assert names(queue.filtered("c")) == ["case_10", "case_1", "case_3", "case_2", "case_5"]
    with pytest.raises(NotFoundError, match="done"):
        queue.filtered(statuses=["done"])


def test_text_is_found_in_comments_of_several_lines(store: ReviewStore) -> None:
    for key, comment in zip(KEYS[:3], ("first\nsecond line", "third", "ﬁfth STRASSE"), strict=True):
        store.decide(Decision(case_id=key.case_id, reader="A", comment=comment))
    queue = build_queue(store, CLASSES)
    for word, row in {"second": 0, "line": 0, "third": 1, "FIFTH": 2, "straße": 2}.items():
        assert names(queue.filtered(word)) == [KEYS[row].case_id]
    assert names(queue.filtered("linethird")) == []


def test_sorting_puts_missing_last_and_ties_worst_first(store: ReviewStore) -> None:
    store.decide(Decision(case_id="case_1", reader="A", verdict=Verdict.REJECTED, quality=2))
    store.decide(Decision(case_id="case_2", reader="B", verdict=Verdict.ACCEPTED, quality=5, comment="b"))
    queue = build_queue(store, CLASSES)
    assert names(queue.sorted_by("case")) == [k.case_id for k in KEYS]
    assert names(queue.sorted_by("quality")) == ["case_1", "case_2", "case_10", "case_3", "case_5"]
    assert names(queue.sorted_by("quality", descending=True)) == ["case_2", "case_1", "case_10", "case_3", "case_5"]
    assert names(queue.sorted_by(("nll_union", 1), descending=True))[:2] == ["case_1", "case_10"]
    assert names(queue.sorted_by("nll_union"))[-1] == "case_5"
    assert names(queue.sorted_by("when", descending=True))[:2] == ["case_2", "case_1"]
    assert names(queue.sorted_by("status")) == ["case_10", "case_3", "case_5", "case_2", "case_1"]
    assert names(queue.sorted_by("case").sorted_by("place")) == names(queue)
    for column in COLUMNS:
        assert sorted(names(queue.sorted_by(column, descending=True))) == sorted(names(queue))
    with pytest.raises(NotFoundError, match="no column 'colour'"):
        queue.sorted_by("colour")


def test_finding_the_next_one(store: ReviewStore) -> None:
    for case_id in ("case_10", "case_3"):
        store.decide(Decision(case_id=case_id, reader="A", verdict=Verdict.ACCEPTED))
    queue = build_queue(store, CLASSES)
    assert queue.next_of() == 1
    assert queue.next_of(after=1) == 3
    assert queue.next_of(after=4) == 1
    assert queue.next_of("skipped") is None
    assert queue.find(ItemKey("case_2")) == 3
    assert queue.filtered(statuses=["accepted"]).find(ItemKey("case_2")) is None
    assert queue.find(ItemKey("nobody")) is None


def test_progress_counts_everything_whatever_is_filtered(store: ReviewStore) -> None:
    store.decide(Decision(case_id="case_1", reader="A", verdict=Verdict.SKIPPED))
    store.decide(Decision(case_id="case_2", reader="A", verdict=Verdict.ACCEPTED))
    store.decide(Decision(case_id="case_3", reader="A", comment="a remark decides nothing"))
    progress = build_queue(store, CLASSES).filtered("case_10").progress()
    assert (progress.done, progress.total, progress.n_scored, progress.n_stale) == (1, 5, 4, 0)
    assert progress.by_status["pending"] == 3
    assert progress.by_status["skipped"] == 1
    assert progress.fraction == 0.2


def test_blinded_review_counts_one_reader_only(store: ReviewStore) -> None:
    store.decide(Decision(case_id="case_1", reader="A", verdict=Verdict.ACCEPTED))
    assert build_queue(store, CLASSES, reader="B").progress().done == 0
    assert build_queue(store, CLASSES, reader="A").progress().done == 1


def correction(key: ItemKey, **more: str) -> Correction:
    return Correction(key, "A", more.pop("file", "x.nii.gz"), "0", "h", Geometry((1, 1, 1)), **more)


def test_stale_scores_are_marked(store: ReviewStore) -> None:
    def stale() -> list[str]:
        return sorted(names(build_queue(store, CLASSES).filtered(stale=True)))

    assert stale() == []
    saved = store.add_correction(correction(KEYS[0]))
    assert stale() == ["case_3"]
    store.put_item_scores(
        scores_of(KEYS[0], (0, 0)), fingerprint="f", spec_digest="d", correction_id=saved.correction_id
    )
    assert stale() == []
    store.add_correction(correction(KEYS[0], file=""))  # back to the original
    assert stale() == ["case_3"]
    store.sync_items(KEYS, {**dict.fromkeys(KEYS, "f"), KEYS[1]: "changed", KEYS[4]: "changed"})
    assert stale() == ["case_1", "case_3"]  # case_5 has no score that could be out of date
    store.put_item_scores(scores_of(KEYS[2], (0, 0)), fingerprint="f", spec_digest="other settings")
    assert stale() == ["case_1", "case_10", "case_3"]
    assert build_queue(store, CLASSES).progress().n_stale == 3


def test_a_queue_does_not_change_with_the_store(store: ReviewStore) -> None:
    queue = build_queue(store, CLASSES)
    decision = store.decide(Decision(case_id="case_10", reader="A", verdict=Verdict.ACCEPTED, quality=3))
    assert queue.row(0).status == "pending"
    after = queue.with_state(decision.key, store.state(decision.key))
    assert queue.row(0).status == "pending"
    assert (after.row(0).status, after.row(0).quality, after.row(0).when) == ("accepted", 3, decision.created)
    assert after.row(0) == build_queue(store, CLASSES).row(0)
    assert after.progress().done == 1
    assert after.with_state(decision.key, PENDING).row(0) == queue.row(0)
    with pytest.raises(NotFoundError, match="nobody"):
        queue.with_state(ItemKey("nobody"), PENDING)


def test_empty_store(tmp_path: Path) -> None:
    with ReviewStore.open(f"sqlite:///{tmp_path / 'r.db'}") as store:
        queue = build_queue(store, CLASSES)
        assert len(queue) == 0
        assert queue.progress().fraction == 1.0
        assert len(queue.filtered("x").sorted_by("score")) == 0
        store.sync_items(KEYS, {})
        assert names(build_queue(store, CLASSES)) == [k.case_id for k in KEYS]


acts = st.tuples(
    st.sampled_from(KEYS[:3]),
    st.sampled_from("AB"),
    st.none() | st.sampled_from(list(Verdict)),
    st.none() | st.integers(1, 5),
    st.sampled_from(["", "x"]),
    st.sampled_from(["decide", "decide", "undo", "redo"]),
)


@settings(max_examples=25, deadline=None)
@given(log=st.lists(acts, max_size=12))
def test_columns_hold_the_same_states_as_the_fold(tmp_path_factory: pytest.TempPathFactory, log) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('fold') / 'r.db'}"
    with ReviewStore.open(url) as store:
        store.sync_items(KEYS, {})
        for key, reader, verdict, quality, comment, act in log:
            undone = [d for d in store.history(key) if d.reader == reader and d.undoes and not d.undone]
            if act == "undo":
                store.undo(key, reader)
            elif act == "redo" and undone:
                store.decide(Decision(**key._asdict(), reader=reader, undoes=undone[-1].decision_id))
            else:
                store.decide(
                    Decision(**key._asdict(), reader=reader, verdict=verdict, quality=quality, comment=comment)
                )
        for reader in (None, "A", "B"):
            queue = build_queue(store, CLASSES, reader=reader)
            for key in KEYS:
                row = queue.row(queue.find(key) or 0)
                state = store.state(key, reader)
                assert (row.key, row.status, row.quality, row.comment, row.reader, row.when, row.n_decisions) == (
                    key,
                    state.status,
                    state.quality,
                    state.comment,
                    state.reader,
                    state.when,
                    state.n_decisions,
                )


def test_statuses_are_pending_and_the_verdicts() -> None:
    assert STATUSES == ("pending", "accepted", "corrected", "rejected", "excluded", "skipped")


def test_the_queue_knows_who_judged(store: ReviewStore) -> None:
    before = build_queue(store, CLASSES).row(0)
    store.put_judge("network")
    assert store.overview().judge == store.score_table().judge == "network"
    found = build_queue(store, CLASSES).row(0)
    assert found.reason == f"{before.reason} (judged by the quick network)"
    store.put_comparison("")  # another word in the same table
    assert store.score_table().judge == "network"
    store.put_judge("")
    assert build_queue(store, CLASSES).row(0).reason == before.reason
