"""What only a server can get wrong."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text
from tests.postgres_server import PostgresServer

from napari_aleatoric.errors import StoreError, StoreUnreachableError
from napari_aleatoric.model import Decision, ItemKey, Verdict
from napari_aleatoric.review import ReviewStore
from napari_aleatoric.review._storage import _engine
from napari_aleatoric.review._storage._decision_log import DecisionLog

KEY = ItemKey("a")


@pytest.fixture
def team_url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def team_store(team_url: str) -> Iterator[ReviewStore]:
    with ReviewStore.open(team_url) as store:
        store.sync_items([KEY], {})
        yield store


def decision(**fields: object) -> Decision:
    return Decision(**{"case_id": "a", "reader": "R", "verdict": Verdict.ACCEPTED, **fields})  # type: ignore[arg-type]


def test_the_password_may_come_from_the_environment(
    postgres: PostgresServer, team_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.postgres_server import PASSWORD

    bare = postgres.url(team_url.rsplit("/", 1)[1], password=False)
    with pytest.raises(StoreError, match="PGPASSWORD") as caught:
        ReviewStore.open(bare)
    assert not isinstance(caught.value, StoreUnreachableError)  # it answered
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    ReviewStore.open(bare).close()


def test_a_missing_database_gives_a_sentence(postgres: PostgresServer) -> None:
    with pytest.raises(StoreError, match=r"does not exist.*workspace\.json") as caught:
        ReviewStore.open(postgres.url("absent"))
    assert not isinstance(caught.value, StoreUnreachableError)


def test_a_character_that_the_server_cannot_keep_gives_a_sentence(team_store: ReviewStore) -> None:
    with pytest.raises(StoreError, match="take it out"):
        team_store.decide(decision(comment="a\0b"))
    assert list(team_store.decisions()) == []


def test_an_entry_is_never_seen_before_an_earlier_one(team_store: ReviewStore) -> None:
    """A number that was taken and not yet committed must hold back later ones, or a late commit would be missed."""
    with _engine.writing(team_store._engine) as slow:
        slow.execute(text("SELECT nextval(pg_get_serial_sequence('decisions', 'seq'))"))
        other = threading.Thread(target=lambda: team_store.decide(decision()))
        other.start()
        other.join(0.5)
        assert other.is_alive()  # it waits for its turn
        assert team_store.revision()[0] == 0
    other.join(30)
    assert team_store.revision()[0] == 2


def test_claims_go_by_the_clock_of_the_server(team_store: ReviewStore, monkeypatch: pytest.MonkeyPatch) -> None:
    team_store.claim(KEY, "A", seconds=60)
    monkeypatch.setattr("time.time_ns", lambda: 2**62)  # a workstation whose clock is wrong
    assert team_store.claim(KEY, "B") == "A"
    assert team_store.claimed() == {KEY: "A"}


def test_an_item_that_is_just_being_taken_is_not_waited_for(team_store: ReviewStore) -> None:
    keys = [KEY, ItemKey("b")]
    team_store.sync_items(keys, {})
    with _engine.writing(team_store._engine, in_turn=False) as slow:
        slow.execute(text("SELECT 1 FROM items WHERE case_id = 'a' FOR NO KEY UPDATE"))
        assert team_store.claim_next(keys, "B") == keys[1]
        team_store.decide(decision())  # a claim does not hold up a decision


def test_a_look_at_the_store_is_of_one_moment(team_store: ReviewStore) -> None:
    count = text("SELECT count(*) FROM decisions")
    with _engine.reading(team_store._engine) as connection:
        assert connection.execute(count).scalar() == 0
        team_store.decide(decision())
        assert connection.execute(count).scalar() == 0
    with _engine.reading(team_store._engine) as connection:
        assert connection.execute(count).scalar() == 1


def test_nothing_waits_for_ever(team_store: ReviewStore) -> None:
    with _engine.reading(team_store._engine) as connection:
        names = ("lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit")
        found = {name: connection.execute(text(f"SHOW {name}")).scalar() for name in names}
    assert found == {
        "lock_timeout": "30s",
        "idle_in_transaction_session_timeout": "2min",
        "synchronous_commit": "on",
    }


def test_a_server_that_was_started_anew_is_used_again(
    postgres: PostgresServer, team_store: ReviewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_engine, "PAUSES_S", ())
    kept = team_store.decide(decision())
    postgres.kill()
    with pytest.raises(StoreUnreachableError, match="cannot be reached"):
        team_store.decide(decision())
    with pytest.raises(StoreUnreachableError):
        team_store.history(KEY)
    postgres.start()
    team_store.decide(decision(comment="again"))
    assert [d.comment for d in team_store.decisions()] == ["", "again"]
    assert team_store.decision(kept.decision_id) == kept


def test_a_short_outage_is_sat_out(
    postgres: PostgresServer, team_store: ReviewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_engine, "PAUSES_S", (0.5,) * 100)  # the server of a busy machine comes up slowly
    postgres.kill()
    with ThreadPoolExecutor(1) as reader:
        told = reader.submit(team_store.decide, decision())
        postgres.start()
        made = told.result(60)
    assert list(team_store.decisions()) == [made]


def test_an_answer_that_was_lost_is_asked_for_again(
    team_store: ReviewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tries = DecisionLog._append, []

    def cut_off(log: DecisionLog, entry: Decision, again: bool) -> Decision:
        tries.append(again)
        done = real(log, entry, again)
        if len(tries) == 1:
            raise StoreUnreachableError("the line broke after the commit")
        return done

    monkeypatch.setattr(DecisionLog, "_append", cut_off)
    made = team_store.decide(decision())
    assert tries == [False, True]
    assert list(team_store.decisions()) == [made]


def test_a_role_that_may_only_append_can_review(postgres: PostgresServer, team_url: str) -> None:
    """The rights that docs/team-store.md names are enough, and the log cannot be changed with them."""
    with ReviewStore.open(team_url) as owner:
        owner.sync_items([KEY], {})
    engine = create_engine(team_url)
    name = "reader_" + team_url.rsplit("_", 1)[1]
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD 'x'"))
        connection.execute(text(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {name}"))
        connection.execute(text(f"GRANT UPDATE, DELETE ON claims, items, findings, meta TO {name}"))
        connection.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}"))
    engine.dispose()
    with ReviewStore.open(
        f"postgresql+psycopg://{name}:x@127.0.0.1:{postgres.port}/{team_url.rsplit('/', 1)[1]}"
    ) as s:
        s.decide(decision())
        s.sync_items([KEY, ItemKey("b")], {KEY: "f"})
        assert s.claim(KEY, "R") == "R"
        with pytest.raises(StoreError, match="permission denied"), _engine.writing(s._engine) as connection:
            connection.execute(text("DELETE FROM decisions"))


def _write_in_a_child(store: ReviewStore) -> None:
    store.decide(decision(reader="child"))
    os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with fork")
def test_a_forked_process_makes_connections_of_its_own(team_store: ReviewStore) -> None:
    team_store.decide(decision())
    child = multiprocessing.get_context("fork").Process(target=_write_in_a_child, args=(team_store,))
    child.start()
    for _ in range(20):
        team_store.decide(decision())
    child.join(60)
    assert child.exitcode == 0
    readers = [d.reader for d in team_store.decisions()]
    assert (readers.count("R"), readers.count("child")) == (21, 1)
