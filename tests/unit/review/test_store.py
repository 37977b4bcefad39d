from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.errors import MissingExtraError, NotFoundError, StoreError
from napari_aleatoric.model import Decision, Flag, HotSpot, ItemKey, ItemScores, ScoreValue, Verdict
from napari_aleatoric.review import PENDING, ReviewStore

KEYS = [ItemKey("case_2"), ItemKey("case_10"), ItemKey("case_10", "Ann")]
PRINTS = {key: f"f{i}" for i, key in enumerate(KEYS)}


@pytest.fixture
def store(url: str):
    with ReviewStore.open(url) as store:
        store.sync_items(KEYS, PRINTS)
        yield store


def scores_of(key: ItemKey, **values: float) -> ItemScores:
    return ItemScores(
        key,
        tuple(
            ScoreValue(name, class_index, v + class_index) for name, v in values.items() for class_index in (0, 1)
        ),
        flags=(Flag("holes", 1, 0.5, "2 holes", (1, 2, 3)), Flag("border", 0, 0.75, "touches")),
        hot_spots=(HotSpot("label_risk", 1, (4, 5, 6), (3, 7)),),
    )


def test_items_keep_the_order_of_the_data_set_and_are_never_deleted(store: ReviewStore) -> None:
    assert store.items() == KEYS
    store.decide(Decision(case_id="case_2", reader="R", verdict=Verdict.ACCEPTED))
    new = ItemKey("case_1")
    store.sync_items([new, KEYS[1]], {new: "n", KEYS[1]: "changed"})
    assert store.items() == [new, KEYS[1]]
    assert store.fingerprints() == {new: "n", KEYS[1]: "changed"}
    assert store.state(KEYS[0]).verdict is Verdict.ACCEPTED  # gone, and yet remembered
    store.sync_items([KEYS[0]], PRINTS)
    assert store.items() == [KEYS[0]]
    assert store.states()[KEYS[0]].status == "accepted"


def test_scores_come_back_exactly(store: ReviewStore) -> None:
    given = scores_of(KEYS[0], nll_union=0.1 + 0.2, local_max=math.nan)
    store.put_item_scores(given, fingerprint="f0", spec_digest="d")
    found = store.item_scores(KEYS[0])
    assert found.flags == given.flags
    assert found.hot_spots == given.hot_spots
    assert [(v.measure, v.class_index) for v in found.values] == [(v.measure, v.class_index) for v in given.values]
    np.testing.assert_array_equal([v.value for v in found.values], [v.value for v in given.values])
    assert store.flags(KEYS[0]) == given.flags
    assert store.hot_spots(KEYS[0]) == given.hot_spots
    assert store.flags(KEYS[1]) == ()
    with pytest.raises(NotFoundError, match="no scores yet"):
        store.item_scores(KEYS[1])


def test_numpy_numbers_in_findings_are_stored(store: ReviewStore) -> None:
    spot = HotSpot("m", 1, tuple(np.array([1, 2, 3])), (np.int64(1), np.int64(2)))  # type: ignore[arg-type]
    flag = Flag("c", 1, np.float32(0.5), "s", tuple(np.array([1, 2, 3])))  # type: ignore[arg-type]
    store.put_item_scores(ItemScores(KEYS[0], (), (flag,), (spot,)), fingerprint="", spec_digest="")
    assert store.hot_spots(KEYS[0])[0].index_zyx == (1, 2, 3)
    assert store.flags(KEYS[0])[0].index_zyx == (1, 2, 3)


def test_score_table_joins_layouts_in_the_order_of_the_data_set(store: ReviewStore) -> None:
    store.put_item_scores(scores_of(KEYS[2], nll_union=2.0), fingerprint="f2", spec_digest="d")
    store.put_item_scores(scores_of(KEYS[0], local_max=5.0, nll_union=0.0), fingerprint="f0", spec_digest="d")
    table = store.score_table()
    assert table.keys == [KEYS[0], KEYS[2]]
    np.testing.assert_array_equal(table.columns["nll_union", 0], [0.0, 2.0])
    np.testing.assert_array_equal(table.columns["nll_union", 1], [1.0, 3.0])
    np.testing.assert_array_equal(table.columns["local_max", 1], [6.0, np.nan])
    store.sync_items(KEYS[2:], PRINTS)
    assert store.score_table().keys == [KEYS[2]]


def test_new_scores_replace_the_old_ones_of_that_item_only(store: ReviewStore) -> None:
    for key in KEYS[:2]:
        store.put_item_scores(scores_of(key, nll_union=1.0), fingerprint="old", spec_digest="a")
    store.put_item_scores(scores_of(KEYS[0], nll_union=9.0), fingerprint="new", spec_digest="b")
    assert store.scored_fingerprints("a") == {KEYS[1]: "old"}
    assert store.scored_fingerprints("b") == {KEYS[0]: "new"}
    np.testing.assert_array_equal(store.score_table().columns["nll_union", 0], [9.0, 1.0])
    info = store.score_info(KEYS[0])
    assert info is not None
    assert store.score_info(KEYS[2]) is None
    assert (info.fingerprint, info.n_flags, info.worst_flag) == ("new", 2, 0.75)


def test_empty_table(store: ReviewStore) -> None:
    assert len(store.score_table()) == 0


def test_unknown_items_are_refused(store: ReviewStore) -> None:
    stranger = ItemKey("nobody")
    with pytest.raises(NotFoundError, match="nobody"):
        store.put_item_scores(scores_of(stranger, a=1.0), fingerprint="", spec_digest="")
    with pytest.raises(NotFoundError, match="nobody"):
        store.decide(Decision(case_id="nobody", reader="R"))
    assert list(store.decisions()) == []


def test_a_decision_comes_back_exactly(store: ReviewStore, url: str) -> None:
    given = Decision(
        case_id="case_10",
        label_reader="Ann",
        reader="Zoë",
        verdict=Verdict.REJECTED,
        quality=2,
        comment="the tail\nis missing – “sic”",
        seen={"measure": "label_risk", "score": 0.93, "slices": [1, 2], "map": None},
        correction_id="c" * 32,
        created=datetime(2026, 3, 1, 12, 0, 0, 123457, tzinfo=timezone(timedelta(hours=5))),
    )
    store.decide(given)
    with ReviewStore.open(url) as again:
        (found,) = again.decisions()
        assert found == given
        assert found.created.utcoffset() == timedelta(0)
        assert again.decision(given.decision_id) == given
        state = again.state(given.key)
        assert (state.verdict, state.quality, state.reader, state.when) == ("rejected", 2, "Zoë", given.created)
    with pytest.raises(NotFoundError, match="no decision"):
        store.decision("x")


@pytest.mark.parametrize("name", ["100 %", "%(x)s %s", 'O\'Neil "x"', "back\\slash\\", "ä–日本", "?:a", "n" * 600])
def test_any_name_and_comment_comes_back(store: ReviewStore, name: str) -> None:
    key = ItemKey(name, name)
    store.sync_items([key, *KEYS], {key: name[:90]})
    assert store.fingerprints()[key] == name[:90]
    store.decide(Decision(**key._asdict(), reader=name, verdict=Verdict.SKIPPED, comment=name))
    store.decide(Decision(**key._asdict(), reader="other", verdict=Verdict.ACCEPTED))
    for state in (store.state(key, name), store.states(name)[key]):
        assert (state.status, state.comment, state.reader) == ("skipped", name, name)
    columns = store.state_columns({key: 0}, name)
    assert (columns.comment[0], columns.reader[0], columns.n_decisions[0]) == (name, name, 1)
    assert store.claim(key, name) == name
    assert store.claimed() == {key: name}


def test_names_that_differ_in_case_are_two(store: ReviewStore) -> None:
    keys = [ItemKey("Case"), ItemKey("case"), ItemKey("case ")]
    store.sync_items(keys, {})
    store.decide(Decision(case_id="case", reader="ann", comment="x"))
    assert store.items() == keys
    assert [store.state(k).n_decisions for k in keys] == [0, 1, 0]
    assert store.state(keys[1], "Ann") == PENDING


def test_the_same_decision_is_not_stored_twice(store: ReviewStore) -> None:
    decision = store.decide(Decision(case_id="case_2", reader="R", verdict=Verdict.ACCEPTED))
    with pytest.raises(StoreError, match="nothing was changed"):
        store.decide(decision)
    assert len(store.history(KEYS[0])) == 1


def test_undo_appends_and_belongs_to_the_reader(store: ReviewStore) -> None:
    key = KEYS[0]
    first = store.decide(Decision(case_id="case_2", reader="A", verdict=Verdict.ACCEPTED, quality=4))
    other = store.decide(Decision(case_id="case_2", reader="B", verdict=Verdict.REJECTED))
    assert store.state(key).status == "rejected"
    undo = store.undo(key, "A")
    assert undo is not None
    assert undo.undoes == first.decision_id
    assert store.state(key) == store.states()[key]
    assert store.state(key).status == "rejected"
    assert store.state(key).quality is None
    assert store.state(key, reader="A") == PENDING
    assert store.undo(key, "A") is None
    assert store.undo(key, "B") is not None
    assert store.state(key) == PENDING
    assert [(d.decision_id, d.undone) for d in store.history(key)][:2] == [
        (first.decision_id, True),
        (other.decision_id, True),
    ]
    assert [d.undone for d in store.history(key)] == [True, True, False, False]


def test_undoing_an_undo_brings_the_verdict_back(store: ReviewStore) -> None:
    store.decide(Decision(case_id="case_2", reader="A", verdict=Verdict.EXCLUDED))
    undo = store.undo(KEYS[0], "A")
    assert undo is not None
    store.decide(Decision(case_id="case_2", reader="A", undoes=undo.decision_id))
    assert store.state(KEYS[0]).verdict is Verdict.EXCLUDED
    assert [d.undone for d in store.history(KEYS[0])] == [False, True, False]


def test_only_an_entry_of_the_same_item_can_be_undone(store: ReviewStore) -> None:
    first = store.decide(Decision(case_id="case_2", reader="A", verdict=Verdict.ACCEPTED))
    with pytest.raises(NotFoundError, match="no decision on item"):
        store.decide(Decision(case_id="case_10", reader="A", undoes=first.decision_id))


def test_states_agree_with_single_states(store: ReviewStore) -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        key = KEYS[rng.integers(3)]
        if rng.random() < 0.3:
            store.undo(key, "AB"[rng.integers(2)])
            continue
        store.decide(
            Decision(
                **key._asdict(),
                reader="AB"[rng.integers(2)],
                verdict=[None, *Verdict][rng.integers(6)],
                quality=[None, 1, 5][rng.integers(3)],
                comment=["", "x", "y"][rng.integers(3)],
            )
        )
    for reader in (None, "A", "B"):
        states = store.states(reader)
        assert {key: states[key] for key in KEYS} == {key: store.state(key, reader) for key in KEYS}
    assert store.states()[ItemKey("never seen")] == PENDING


def test_claims_warn_the_second_reader_and_run_out(store: ReviewStore) -> None:
    assert store.claim(KEYS[0], "A") == "A"
    assert store.claim(KEYS[0], "B") == "A"
    assert store.claim(KEYS[0], "A") == "A"
    assert store.claimed() == {KEYS[0]: "A"}
    store.release(KEYS[0], "B")
    assert store.claimed() == {KEYS[0]: "A"}
    store.release(KEYS[0], "A")
    assert store.claim(KEYS[0], "B", seconds=-1) == "B"
    assert store.claimed() == {}
    assert store.claim(KEYS[0], "A") == "A"


def test_only_items_of_the_data_set_can_be_claimed(store: ReviewStore) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        store.claim(ItemKey("nobody"), "A")
    store.sync_items(KEYS[1:], PRINTS)
    assert store.claim_next([ItemKey("nobody"), *KEYS], "A") == KEYS[1]  # KEYS[0] is gone


def test_the_next_free_item_in_the_order_of_the_queue(store: ReviewStore) -> None:
    store.claim(KEYS[1], "B")
    store.claim(KEYS[2], "B", seconds=-1)  # has run out
    assert store.claim_next(KEYS[::-1], "A") == KEYS[2]
    assert store.claim_next([KEYS[2], KEYS[0]], "A") == KEYS[2]  # one's own is free
    assert store.claim_next(KEYS[1:], "B") == KEYS[1]
    assert store.claim_next(KEYS, "B") == KEYS[0]
    assert store.claim_next(KEYS, "C") is None
    assert store.claim_next([], "C") is None
    assert store.claimed() == {KEYS[0]: "B", KEYS[1]: "B", KEYS[2]: "A"}


def test_of_many_who_want_the_next_item_each_gets_another(url: str) -> None:
    keys = [ItemKey(f"case_{i}") for i in range(600)]  # more than are looked at in one query
    with ReviewStore.open(url) as store:
        store.sync_items(keys, {})
        for key in keys[:560]:
            store.claim(key, "early")
        taken: dict[str, list[ItemKey]] = {reader: [] for reader in "ABCDEF"}
        begin = threading.Barrier(len(taken))

        def take_all(reader: str) -> None:
            with ReviewStore.open(url) as own:
                begin.wait(60)
                left = list(keys)
                while (key := own.claim_next(left, reader)) is not None:
                    taken[reader].append(key)
                    left.remove(key)

        threads = [threading.Thread(target=take_all, args=(reader,)) for reader in taken]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        everything = [key for found in taken.values() for key in found]
        assert sorted(everything) == sorted(keys[560:])
        assert {k: r for r, found in taken.items() for k in found}.items() <= store.claimed().items()


def test_revision_grows_with_every_entry_of_any_process(store: ReviewStore, url: str) -> None:
    before = store.revision()
    with ReviewStore.open(url) as other:
        other.decide(Decision(case_id="case_2", reader="R", comment="hm"))
    assert store.revision()[0] > before[0]


def test_sqlite_is_set_up_to_keep_what_it_confirms(sqlite_url: str) -> None:
    with ReviewStore.open(sqlite_url) as store, store._engine.connect() as connection:
        value = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert value == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}


def test_a_newer_format_is_refused_and_left_alone(store: ReviewStore, url: str) -> None:
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE meta SET value='99' WHERE name='schema_version'")
    store.close()
    with pytest.raises(StoreError, match=r"format 99.*Update napari-aleatoric"):
        ReviewStore.open(url)


def test_a_file_that_is_no_database_gives_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "review.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match="damaged or is no review store"):
        ReviewStore.open(f"sqlite:///{tmp_path / 'review.db'}")
    with pytest.raises(StoreError, match="folder exists"):
        ReviewStore.open(f"sqlite:///{tmp_path / 'absent' / 'review.db'}")
    with pytest.raises(StoreError, match="not a database URL"):
        ReviewStore.open("review.db")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:SECRET@x:5432@host/db",  # the password's signs are not escaped
        "postgresql+psycopg://u:SECRET@host:port/db",
        "mysql://u:SECRET@host/db",
        "postgresql+psycopg://u:SECRET@127.0.0.1:1/db",  # nobody listens
    ],
)
def test_no_error_shows_the_password(url: str) -> None:
    import traceback

    with pytest.raises(StoreError) as caught:
        ReviewStore.open(url)
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'napari-aleatoric\[team\]'"):
        ReviewStore.open("postgresql+psycopg://u@127.0.0.1:1/db")


def test_errors_do_not_show_comments(store: ReviewStore) -> None:
    decision = store.decide(Decision(case_id="case_2", reader="R", comment="SECRET"))
    with pytest.raises(StoreError) as caught:
        store.decide(decision)
    assert "SECRET" not in str(caught.value)


WRITER = """
import sys
from napari_aleatoric.model import Decision
from napari_aleatoric.review import ReviewStore
url, reader, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
with ReviewStore.open(url) as store:
    for i in range(n):
        decision = store.decide(Decision(case_id="case_2", reader=reader, comment=f"{reader} {i}"))
        print(decision.decision_id, flush=True)
        if i % 10 == 9:
            print(store.undo(decision.key, reader).decision_id, flush=True)
"""


def test_two_processes_lose_nothing(store: ReviewStore, url: str) -> None:
    n = 60
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, reader, str(n)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for reader in ("A", "B", "C")
    ]
    outputs = [child.communicate(timeout=120)[0].split() for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    said = [d for output in outputs for d in output]
    assert len(said) == 3 * (n + n // 10)
    assert sorted(d.decision_id for d in store.decisions()) == sorted(said)
    for reader in "ABC":
        mine = [d for d in store.decisions() if d.reader == reader]
        assert [d.comment for d in mine if not d.undoes] == [f"{reader} {i}" for i in range(n)]
        assert store.state(KEYS[0], reader).n_decisions == n - n // 10


def test_processes_may_create_one_store_together(url: str) -> None:
    code = (
        "import sys; from napari_aleatoric.review import ReviewStore; from napari_aleatoric.model import ItemKey;"
        "s = ReviewStore.open(sys.argv[1]); s.sync_items([ItemKey('a')], {}); print(s.items()[0].case_id)"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [child.communicate(timeout=120)[0].strip() for child in children] == ["a"] * 3


def test_threads_share_one_store(store: ReviewStore) -> None:
    def work(reader: str) -> None:
        for _ in range(20):
            store.decide(Decision(case_id="case_2", reader=reader, verdict=Verdict.SKIPPED))
            assert store.state(KEYS[0]).verdict is Verdict.SKIPPED

    threads = [threading.Thread(target=work, args=(r,)) for r in "ABCD"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(store.history(KEYS[0])) == 80


def test_a_moment_without_a_zone_is_utc(store: ReviewStore) -> None:
    decision = Decision(case_id="case_2", reader="R", created=datetime(2026, 1, 2, 3, 4, 5))
    store.decide(decision)
    assert store.history(KEYS[0])[0].created == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
