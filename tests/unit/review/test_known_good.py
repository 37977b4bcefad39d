"""Known-good cases in a reader's queue: which they are, that nothing gives them away, and what the reader said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import ClassTable, Decision, HotSpot, ItemKey, ItemScores, ScoreValue, Verdict
from napari_aleatoric.review import ReviewStore, build_queue, check_result, known_good

CLASSES = ClassTable.from_names({1: "liver"})
KEYS = [ItemKey(f"case_{i:02d}") for i in range(30)]
PARTS = ("nll_union", "local_max", "dice_gap")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReviewStore]:
    with ReviewStore.open(f"sqlite:///{tmp_path / 'review.db'}") as opened:
        opened.sync_items(KEYS, dict.fromkeys(KEYS, "f"))
        for i, key in enumerate(KEYS):
            values = tuple(ScoreValue(part, c, i / 30) for part in PARTS for c in (0, 1))
            spots = (HotSpot("label_risk", 1, (4, 1, 1), (3, 5)),)
            opened.put_item_scores(ItemScores(key, values, (), spots), fingerprint="f", spec_digest="d")
        yield opened


def say(store: ReviewStore, row: int, verdict: Verdict, reader: str = "chief", quality: int | None = None) -> None:
    decision = Decision(case_id=KEYS[row].case_id, label_reader="", verdict=verdict, reader=reader, quality=quality)
    store.decide(decision)


def test_known_good_is_what_others_accepted(store: ReviewStore) -> None:
    say(store, 0, Verdict.ACCEPTED)
    say(store, 1, Verdict.ACCEPTED, quality=3)
    say(store, 2, Verdict.ACCEPTED, quality=5)
    say(store, 3, Verdict.REJECTED)
    say(store, 4, Verdict.ACCEPTED, reader="anna")
    say(store, 5, Verdict.ACCEPTED)
    say(store, 5, Verdict.REJECTED, reader="ben")  # the later word counts
    say(store, 6, Verdict.ACCEPTED)
    store.undo(KEYS[6], "chief")
    assert known_good(store, "anna") == {KEYS[0], KEYS[2]}
    assert known_good(store, "chief") == {KEYS[4]}
    say(store, 0, Verdict.REJECTED, reader="anna")  # her own word changes nothing
    assert known_good(store, "anna") == {KEYS[0], KEYS[2]}
    with pytest.raises(DataError, match="say who reviews"):
        known_good(store, "")


def test_nothing_in_the_queue_gives_them_away(store: ReviewStore) -> None:
    for row in (0, 1, 2):
        say(store, row, Verdict.ACCEPTED)
    queue = build_queue(store, CLASSES, "checked:20:label_risk", reader="anna")
    assert queue.blind
    order = [queue.key(i) for i in range(30)]
    for block in range(3):
        assert sum(key in KEYS[:3] for key in order[5 * block : 5 * block + 5]) == 1
    others = [key for key in order if key not in KEYS[:3]]
    assert others == KEYS[:2:-1]  # worst first
    rows = [queue.row(i) for i in range(30)]
    assert {row.reason for row in rows} == {"liver: look at slices 4 to 6"}
    assert {row.status for row in rows} == {"pending"}
    assert all(np.isnan(row.score) and row.reference_place is None for row in rows)
    assert [row.to_json()["score"] for row in rows] == [None] * 30
    by_score = queue.sorted_by("score", descending=True)
    assert {by_score.key(i) for i in range(30)} == set(KEYS)
    assert [by_score.key(i) for i in range(30)] in (order, order[::-1])  # the scores do not show through


def test_the_order_stays_while_the_reader_works(store: ReviewStore) -> None:
    for row in (0, 1, 2):
        say(store, row, Verdict.ACCEPTED)
    before = [build_queue(store, CLASSES, "checked", reader="anna").key(i) for i in range(30)]
    say(store, 1, Verdict.REJECTED, reader="anna")
    say(store, 2, Verdict.ACCEPTED, reader="anna")
    say(store, 20, Verdict.ACCEPTED, reader="anna")
    assert [build_queue(store, CLASSES, "checked", reader="anna").key(i) for i in range(30)] == before
    found = check_result(store, "anna")
    assert found == (2, 1)
    assert "Of 2 known-good cases that were judged, 1 were accepted." in found.sentence
    assert "No known-good case" in check_result(store, "zoe").sentence


def test_without_known_good_cases_it_says_what_to_do(store: ReviewStore) -> None:
    with pytest.raises(DataError, match="another reader"):
        build_queue(store, CLASSES, "checked", reader="anna")
    with pytest.raises(DataError, match="who reviews"):
        build_queue(store, CLASSES, "checked")
    assert not build_queue(store, CLASSES).blind
