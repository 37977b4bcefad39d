"""Workstations whose server goes away and comes back: nothing lost, nothing twice, conflicts shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text
from tests.postgres_server import PASSWORD, PostgresServer

from napari_aleatoric.errors import StoreError, StoreUnreachableError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Decision, ItemKey, ItemScores, LabelMap, ScoreValue, Verdict
from napari_aleatoric.review import (
    LinkState,
    ReviewStore,
    TeamStore,
    blind_store,
    current_label,
    load_correction,
    open_store,
    save_correction,
)
from napari_aleatoric.review._storage._study_log import StudyEntry
from napari_aleatoric.review._team import _link, _local_file

A, B, C = (ItemKey(f"case_{i}") for i in range(3))
Seat = Callable[[str], TeamStore]


@pytest.fixture
def team(postgres: PostgresServer, workspace: Workspace) -> Workspace:
    workspace.point_at_store(postgres.new_database())
    return workspace


@pytest.fixture
def seat(team: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seat]:
    """Opens the workspace at a workstation of that name; each has a folder of its own."""
    made: list[TeamStore] = []
    monkeypatch.setattr(_link.Link, "start", lambda _: None)  # the test says when, and in which thread

    def take(name: str) -> TeamStore:
        monkeypatch.setenv("ALEATORIC_TEAM_FOLDER", str(tmp_path / name))
        store = open_store(team)
        assert isinstance(store, TeamStore)
        store.sync_items(team.dataset.items, team.fingerprints())
        made.append(store)
        return store

    yield take
    for store in made:
        store.close()


def say(
    store: ReviewStore, key: ItemKey, reader: str, verdict: Verdict | None = Verdict.ACCEPTED, **more: Any
) -> Decision:
    return store.decide(Decision(**key._asdict(), reader=reader, verdict=verdict, **more))


def same(one: ReviewStore, other: ReviewStore) -> bool:
    return list(one.decisions()) == list(other.decisions()) and one.all_corrections() == other.all_corrections()


def paint(ws: Workspace, store: ReviewStore, key: ItemKey, reader: str, value: int) -> str:
    label = current_label(ws, store, key, warn=False)
    data = np.array(label.data)
    data[0, 0, :3] = value
    return save_correction(ws, store, key, LabelMap(data, label.geometry), reader=reader).correction_id


def test_what_one_says_the_other_sees_in_the_order_of_the_server(seat: Seat, team: Workspace) -> None:
    ann, ben = seat("ann"), seat("ben")
    say(ann, A, "Ann", Verdict.REJECTED)
    say(ben, B, "Ben")
    ben.exchange()
    ann.exchange()
    ben.exchange()
    assert same(ann, ben)
    assert [d.reader for d in ann.decisions()] == ["Ben", "Ann"]
    assert ben.states()[A].reader == "Ann"
    say(ben, A, "Ben", Verdict.ACCEPTED)
    assert ben.undo(A, "Ben") is not None
    ben.exchange()
    ann.exchange()
    assert ann.state(A).status == "rejected"
    with ReviewStore.open(team.store_url) as server:
        assert same(ann, server)
    assert ann.exchange().conflicts == ()


def test_scores_and_new_cases_reach_every_copy(seat: Seat, team: Workspace) -> None:
    ann = seat("ann")
    with ReviewStore.open(team.store_url) as job:
        for value, key in enumerate((A, B)):
            scores = ItemScores(key, (ScoreValue("nll_union", 0, value), ScoreValue("nll_union", 1, np.nan)))
            job.put_item_scores(scores, fingerprint="f", spec_digest="d")
        job.put_judge("light")
        before = ann.exchange().n_changes
        np.testing.assert_array_equal(ann.score_table().columns["nll_union", 0], [0.0, 1.0])
        assert ann.score_table().judge == "light"
        assert ann.exchange().n_changes == before  # nothing new
        job.put_item_scores(ItemScores(B, (ScoreValue("nll_union", 0, 7.0),)), fingerprint="f", spec_digest="d")
        job.sync_items([B, ItemKey("new"), A], {A: "other"})
        ann.exchange()
        assert ann.items() == [B, ItemKey("new"), A]
        assert ann.fingerprints()[A] == "other"
        assert ann.item_scores(B) == job.item_scores(B)


def test_work_goes_on_while_the_server_is_away_and_is_merged_when_it_returns(
    seat: Seat, team: Workspace, postgres: PostgresServer
) -> None:
    ann, ben = seat("ann"), seat("ben")
    told: list[LinkState] = []
    ann.link.watch(told.append)
    say(ben, C, "Ben")
    ben.exchange()
    ann.exchange()
    postgres.kill()
    say(ann, A, "Ann", comment="typed while it was away")
    version = paint(team, ann, B, "Ann", 1)
    say(ann, B, "Ann", Verdict.CORRECTED, correction_id=version)
    state = ann.exchange()
    assert "cannot be reached" in state.away
    assert PASSWORD not in state.away
    assert state.n_waiting == 3
    assert told[-1] == state
    assert ann.state(A).comment == "typed while it was away"
    with pytest.raises(StoreUnreachableError):
        ann.claim(A, "Ann")
    ann.close()
    again = seat("ann")  # the workstation is started anew, and the server is still away
    assert again.state(B).correction_id == version
    postgres.start()
    state = again.exchange()
    assert (state.away, state.n_waiting, state.conflicts) == ("", 0, ())
    assert again.claim(A, "Ann") == "Ann"
    ben.exchange()
    said = [(d.case_id, d.reader) for d in ben.decisions()]
    assert said == [("case_2", "Ben"), ("case_0", "Ann"), ("case_1", "Ann")]
    assert same(again, ben)
    (saved,) = ben.corrections(B)
    assert load_correction(team, saved).data[0, 0, 0] == 1


def test_two_who_could_not_know_of_each_other_are_in_conflict_until_somebody_decides(
    seat: Seat, team: Workspace
) -> None:
    ann, ben = seat("ann"), seat("ben")
    say(ann, C, "Ann", None, comment="only a remark")
    paint(team, ben, A, "Ben", 1)
    say(ben, C, "Ben")
    assert ben.exchange().conflicts == ()
    say(ann, A, "Ann", Verdict.REJECTED)  # Ann's computer has not heard of Ben's label
    (found,) = ann.exchange().conflicts
    assert (found.key, found.reader, found.other_reader) == (A, "Ann", "Ben")
    assert (found.is_label, found.other_is_label) == (False, True)
    assert found.sentence == "case_0: Ann decided without knowing that Ben had saved a label."
    assert ben.exchange().conflicts == (found,)  # everybody sees it
    assert (len(ben.corrections(A)), len(ben.history(A))) == (1, 1)  # both are kept
    say(ben, A, "Ben", Verdict.CORRECTED)  # knowing of both
    assert ben.exchange().conflicts == ()
    assert ann.exchange().conflicts == ()


def test_an_answer_that_was_lost_makes_nothing_twice(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = seat("ann")
    say(ann, A, "Ann")
    say(ann, B, "Ann")
    real = _link.pull

    def lost(*_: object) -> bool:
        raise StoreUnreachableError("the line broke after the commit")

    monkeypatch.setattr(_link, "pull", lost)
    assert ann.exchange().n_waiting == 2  # as far as this computer knows
    monkeypatch.setattr(_link, "pull", real)
    assert ann.exchange().n_waiting == 0
    assert [d.case_id for d in ann.decisions()] == ["case_0", "case_1"]
    with ReviewStore.open(ann.link._url) as server:
        assert same(ann, server)


def test_an_entry_that_the_server_never_takes_does_not_hold_up_the_others(seat: Seat) -> None:
    ann = seat("ann")
    say(ann, A, "Ann", comment="a\0b")
    say(ann, B, "Ann")
    state = ann.exchange()
    assert state.n_waiting == 0
    assert "cannot keep" in state.refused[0]
    assert len(ann.history(A)) == 1  # it is still here
    with ReviewStore.open(ann.link._url) as server:
        assert [d.case_id for d in server.decisions()] == ["case_1"]


def test_steps_of_assignments_travel_and_only_one_of_two_equal_steps_counts(seat: Seat, team: Workspace) -> None:
    ann, ben = seat("ann"), seat("ben")

    def step(by: str, place: int, event: Any) -> StudyEntry:
        return StudyEntry("1" * 32, place, event, "case_0", "Ann", by)

    ann.study.append(lambda _: [step("Ann", 0, "assigned")])
    assert ann.exchange().n_waiting == 0
    ben.exchange()
    assert ben.study.entries() == ann.study.entries() != []
    ann.study.append(lambda _: [step("Ann", 1, "begun")])
    ben.study.append(lambda _: [step("Ben", 1, "withdrawn")])
    ann.exchange()
    assert ben.exchange().refused == (
        "Somebody else was faster, so the entry of Ann on case_0 was not taken over.",
    )
    assert [e.event for e in ben.study.entries()] == ["assigned", "begun"]


def test_an_entry_on_a_reading_that_was_begun_here_brings_its_item_along(seat: Seat, team: Workspace) -> None:
    ann, own = seat("ann"), ItemKey("case_0", "Ann")
    ann.study.shelve(own)
    say(ann, own, "Ann", None, comment="mine")
    assert ann.exchange().n_waiting == 0
    with ReviewStore.open(team.store_url) as server:
        assert server.state(own).comment == "mine"
        assert own not in server.items()


def test_a_blinded_view_shares_claims_and_the_way_to_the_server(seat: Seat, team: Workspace) -> None:
    ann = seat("ann")
    blind = blind_store(ann, "Ann", frozenset({"case_0"}))
    assert blind.claim(B, "Ann") == "Ann"
    with ReviewStore.open(team.store_url) as server:
        assert server.claimed() == {B: "Ann"}
    say(blind, B, "Ann")
    assert ann.exchange().n_arrived == 1
    assert blind.link is ann.link


def test_a_server_that_was_put_back_to_an_earlier_state_is_followed(seat: Seat, team: Workspace) -> None:
    ann = seat("ann")
    for key in (A, B, C):
        say(ann, key, "Ann")
    ann.exchange()
    with ReviewStore.open(team.store_url) as server, server._engine.begin() as connection:
        connection.execute(text("DELETE FROM decisions WHERE case_id <> 'case_0'"))
    ann.exchange()
    assert [d.case_id for d in ann.decisions()] == ["case_0"]


def test_the_thread_sends_by_itself_when_the_server_returns(
    team: Workspace, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEATORIC_TEAM_FOLDER", str(tmp_path / "ann"))
    store = open_store(team)
    assert isinstance(store, TeamStore)
    store.sync_items(team.dataset.items, {})
    lost, back = threading.Event(), threading.Event()
    store.link.watch(lambda state: (lost if state.away else back).set())
    postgres.kill()
    say(store, A, "Ann")
    assert lost.wait(60)
    back.clear()
    postgres.start()
    assert back.wait(60)
    with ReviewStore.open(team.store_url) as server:
        assert len(list(server.decisions())) == 1
    store.close()


def test_without_copy_and_server_nothing_opens_and_nothing_is_left(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("ALEATORIC_TEAM_FOLDER", str(tmp_path / "new"))
    workspace.point_at_store("postgresql+psycopg://u:secret@127.0.0.1:1/db")
    with pytest.raises(StoreUnreachableError, match="cannot be reached"):
        open_store(workspace)
    assert not (tmp_path / "new").exists()


def test_the_copy_is_named_without_the_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALEATORIC_TEAM_FOLDER", str(tmp_path))
    addresses = ("a:x@host/db", "b@host/db", "a:x@host/c")
    one, two, other = (_local_file.local_path(f"postgresql+psycopg://{end}") for end in addresses)
    assert one == two != other
    assert one.parent == tmp_path


def test_a_store_that_was_moved_away_refuses_and_says_so(team: Workspace) -> None:
    with ReviewStore.open(team.store_url) as store:
        store.sync_items([A], {})
        with store._engine.begin() as connection:
            connection.execute(text("INSERT INTO meta (name, value) VALUES ('moved', '1')"))
        with pytest.raises(StoreError, match="moved to another store"):
            say(store, A, "Ann")
