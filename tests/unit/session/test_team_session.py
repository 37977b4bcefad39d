"""Two readers at two workstations, one queue: never the same case, and nothing lost while the server is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from tests.postgres_server import PASSWORD, PostgresServer

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Decision, ItemKey, ItemScores, ScoreValue, Verdict
from napari_aleatoric.review import ReviewStore
from napari_aleatoric.review._team import _link
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import Kind, ReviewSession, _seat, open_path, prepare

PARTS = ("nll_union", "local_max", "dice_gap")


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "abdomens"
    write_samples(folder, SampleSpec(n_cases=4, seed=1, matrix=32))
    return folder


@pytest.fixture
def workspace(data_set: Path, tmp_path: Path) -> Workspace:
    return open_path(data_set, tmp_path / "review")


@pytest.fixture
def team(workspace: Workspace, postgres: PostgresServer) -> Workspace:
    workspace.point_at_store(postgres.new_database())
    return workspace


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, workspace: Workspace) -> Workspace:
    return workspace if request.param == "sqlite" else request.getfixturevalue("team")


class Sitting(ReviewSession):
    """A session whose main thread is the test's."""

    def __init__(self, reader: str) -> None:
        self.waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()
        super().__init__(deliver=self.waiting.put, reader=reader)
        self.said: list[tuple[Kind, str]] = []
        self.notice.connect(lambda n: self.said.append((n.kind, n.text)))

    def until(self, condition: Callable[[], Any], timeout_s: float = 15.0) -> None:
        """Run what is delivered until something is so."""
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, self.said
            try:
                self.waiting.get(timeout=0.05)()
            except Empty:
                continue

    def show(self, key: ItemKey) -> None:
        self.go(key)
        self.until(lambda: self.item is not None and self.item.key == key)

    def move(self, pending: bool = True) -> ItemKey:
        here = self.item.key if self.item is not None else None
        self.next_item(pending_only=pending)
        self.until(lambda: self.item is not None and self.item.key != here)
        assert self.item is not None
        return self.item.key

    def heard(self, word: str) -> bool:
        return any(word in text for _, text in self.said)


@pytest.fixture
def sit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Workspace], Sitting]]:
    made: list[Sitting] = []
    monkeypatch.setattr(_link, "_PERIOD_S", 0.1)
    monkeypatch.setattr(_seat, "_LOOK_S", 0.1)

    def take(reader: str, workspace: Workspace) -> Sitting:
        monkeypatch.setenv("ALEATORIC_TEAM_FOLDER", str(tmp_path / reader))
        session = Sitting(reader)
        session.attach(prepare(Workspace.open(workspace.root)))
        made.append(session)
        return session

    yield take
    for session in made:
        session.close()


def claims(workspace: Workspace) -> dict[ItemKey, str]:
    with ReviewStore.open(workspace.store_url) as store:
        return store.claimed()


def test_two_readers_walk_one_queue_and_never_meet(sit: Callable[..., Sitting], either: Workspace) -> None:
    ann, ben = sit("Ann", either), sit("Ben", either)
    seen: dict[str, list[ItemKey]] = {"Ann": [], "Ben": []}
    for _ in range(2):
        for session in (ann, ben):
            key = session.move()
            seen[session.reader].append(key)
            session.until(lambda k=key, who=session.reader: claims(either).get(k) == who)
            session.decide(Verdict.ACCEPTED)
    assert sorted(seen["Ann"] + seen["Ben"]) == sorted(either.dataset.items)
    ann.until(lambda: ann.held == {ben.item.key: "Ben"})
    ann.next_item(pending_only=True)
    ann.until(lambda: ann.heard("No pending case is left") or ann.heard("before other readers"))
    ann.close()
    assert "Ann" not in claims(either).values()  # given back


def test_who_opens_what_another_has_is_told(sit: Callable[..., Sitting], either: Workspace) -> None:
    ann, ben = sit("Ann", either), sit("Ben", either)
    key = either.dataset.items[0]
    ann.show(key)
    ann.until(lambda: claims(either) == {key: "Ann"})
    ben.show(key)
    ben.until(lambda: ben.heard("Ann has"))
    assert claims(either) == {key: "Ann"}


def test_the_claim_of_the_case_on_the_screen_is_renewed(
    sit: Callable[..., Sitting], either: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_seat, "_RENEW_S", 0.1)
    ann, key = sit("Ann", either), either.dataset.items[0]
    ann.show(key)
    ann.until(lambda: claims(either) == {key: "Ann"})
    with ReviewStore.open(either.store_url) as store:
        store.release(key, "Ann")  # as if it had run out
    ann.until(lambda: claims(either) == {key: "Ann"})


def test_what_others_say_and_score_appears_by_itself(sit: Callable[..., Sitting], team: Workspace) -> None:
    ann, ben = sit("Ann", team), sit("Ben", team)
    key = team.dataset.items[1]
    ben.show(key)
    ben.decide(Verdict.REJECTED, comment="look at this")
    row = ann.queue.find(key)
    ann.until(lambda: ann.queue.row(row).status == "rejected")
    assert ann.queue.row(row).reader == "Ben"
    with ReviewStore.open(team.store_url) as job:
        values = tuple(ScoreValue(part, c, 0.9) for part in PARTS for c in range(6))
        job.put_item_scores(ItemScores(key, values), fingerprint="f", spec_digest="test")
    ann.until(lambda: ann.queue.key(0) == key)


def test_the_server_goes_and_comes_back_while_somebody_works(
    sit: Callable[..., Sitting], team: Workspace, postgres: PostgresServer
) -> None:
    ann = sit("Ann", team)
    key = team.dataset.items[0]
    ann.show(key)
    postgres.kill()
    begin = time.monotonic()
    ann.decide(Verdict.REJECTED, quality=2, comment="typed meanwhile")
    assert ann.queue.row(ann.queue.find(key)).status == "rejected"  # at once: the window waits for nobody
    assert time.monotonic() - begin < 30
    ann.until(lambda: ann.heard("cannot be reached"))
    assert [text for _, text in ann.said if "cannot be reached" in text] == [
        text for kind, text in ann.said if kind is Kind.WARNING
    ]  # once, not every second
    other = ann.move()  # the walk goes on
    ann.item.label[0, 0, :4] = 1
    ann.painted()
    ann.save(Verdict.CORRECTED)
    ann.until(lambda: ann.heard("Saved a new version"))
    ann.until(lambda: ann.store.link.state.n_waiting == 3)
    postgres.start()
    ann.until(lambda: ann.heard("answers again"))
    ann.until(lambda: ann.store.link.state.n_waiting == 0)
    with ReviewStore.open(team.store_url) as server:
        said = [(d.key, d.verdict, d.comment) for d in server.decisions()]
        assert said == [(key, "rejected", "typed meanwhile"), (other, "corrected", "")]
        assert len(server.corrections(other)) == 1
    assert not any(PASSWORD in text for _, text in ann.said)


def test_a_conflict_is_told_and_listed(
    sit: Callable[..., Sitting], team: Workspace, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_link, "_PAUSES_S", (0.1, 3600.0))  # it tries again when the test says so
    ann = sit("Ann", team)
    key = team.dataset.items[0]
    ann.show(key)
    gone = threading.Event()
    ann.store.link.watch(lambda state: gone.set() if state.away else None)
    postgres.kill()
    ann.decide(Verdict.ACCEPTED)
    assert gone.wait(60)
    postgres.start()
    with ReviewStore.open(team.store_url) as server:
        server.decide(Decision(case_id=key.case_id, reader="Ben", verdict=Verdict.REJECTED))
    ann.store.link.exchange()
    ann.until(lambda: ann.heard("Conflict:"))
    (found,) = ann.store.conflicts()
    assert found.sentence == f"{key}: Ann decided without knowing that Ben had decided."
    assert len(ann.store.history(key)) == 2
    ann.decide(Verdict.REJECTED)
    ann.store.link.exchange()
    assert ann.store.conflicts() == []
