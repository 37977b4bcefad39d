"""A review moves from its file to a server and back: everything, or nothing."""

from __future__ import annotations

import json
import math
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, text
from tests.postgres_server import PASSWORD, PostgresServer

from napari_aleatoric.errors import StoreError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Decision, Flag, ItemKey, ItemScores, LabelMap, ScoreValue, Verdict
from napari_aleatoric.review import (
    PromptUse,
    ReviewStore,
    TeamStore,
    current_label,
    migrate_store,
    open_store,
    save_correction,
    store_status,
)
from napari_aleatoric.review._storage._study_log import StudyEntry
from napari_aleatoric.review._team import _migrate

A, B, C = (ItemKey(f"case_{i}") for i in range(3))


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    """Two thousand decisions and something in every table."""
    with ReviewStore.open(workspace.store_url) as store:
        store.sync_items([*workspace.dataset.items, ItemKey("gone", "O'Neil 100 %")], workspace.fingerprints())
        store.sync_items(workspace.dataset.items, workspace.fingerprints())
        for key, value in ((A, math.nan), (B, 0.1 + 0.2)):
            scores = ItemScores(key, (ScoreValue("nll_union", 0, value),), (Flag("holes", 1, 0.5, "zwei Löcher"),))
            store.put_item_scores(scores, fingerprint="f", spec_digest="d")
        store.put_judge("light")
        label = current_label(workspace, store, A, warn=False)
        painted = LabelMap(np.minimum(label.data, 1), label.geometry)
        save_correction(workspace, store, A, painted, reader="Zoë", prompts=[PromptUse("sam", 1, 2)])
        store.study.append(lambda _: [StudyEntry("1" * 32, 0, "assigned", "case_0", "Ann", "Ben")])
        rows = [
            {"decision_id": uuid.UUID(int=i + 1).hex, "case_id": f"case_{i % 3}", "label_reader": "", "seen": "{}"}
            | {"verdict": "accepted", "comment": f"{i} \\ ' %s", "reader": f"R{i % 7}", "created_us": 2**50 - i}
            for i in range(2500)
        ]
        from sqlalchemy import insert

        from napari_aleatoric.review._storage._schema import decisions

        with store._engine.begin() as connection:
            connection.execute(insert(decisions), rows)
        store.claim(C, "Ann")
    return workspace


def content(url: str) -> dict[str, Any]:
    with ReviewStore.open(url) as store:
        return {
            "items": store.fingerprints(),
            "decisions": list(store.decisions()),
            "states": store.states(),
            "corrections": store.all_corrections(),
            "scores": {key: repr(store.item_scores(key)) for key in (A, B)},
            "judge": store.score_table().judge,
            "study": store.study.entries(),
        }


def test_there_and_back_is_the_same(filled: Workspace, postgres: PostgresServer) -> None:
    old_url = filled.store_url
    before = content(old_url)
    url = postgres.new_database()
    done = migrate_store(filled, url)
    assert (done.rows["decisions"], done.rows["corrections"], done.rows["items"]) == (2500, 1, 4)
    assert PASSWORD not in str(done)
    again = Workspace.open(filled.root)
    assert again.store_url == url
    assert content(url) == before
    with ReviewStore.open(url) as server:
        assert server.claimed() == {}
        made = server.decide(Decision(case_id="case_2", reader="new", verdict=Verdict.REJECTED))
        assert list(server.decisions())[-1] == made  # the server counts on from the last
        server.put_item_scores(ItemScores(C, (ScoreValue("other", 0, 1.0),)), fingerprint="f", spec_digest="d")
    with ReviewStore.open(old_url) as old, pytest.raises(StoreError, match="moved to another store"):
        old.decide(Decision(case_id="case_2", reader="late", verdict=Verdict.REJECTED))
    assert content(old_url) == before  # the old file is kept
    assert store_status(again).address.count("***") == 1
    with pytest.raises(StoreError, match="holds a review already"):
        migrate_store(again, "")
    assert again.store_url == url
    (filled.root / "review.db").rename(filled.root / "old.db")
    now = content(url)
    migrate_store(again, "")
    assert Workspace.open(filled.root).store_url == old_url
    assert content(old_url) == now


def test_nothing_is_left_where_it_breaks_off(
    filled: Workspace, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, before = postgres.new_database(), content(filled.store_url)
    monkeypatch.setattr(_migrate, "_count_on", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        migrate_store(filled, url)
    monkeypatch.undo()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM decisions")).scalar() == 0
    engine.dispose()
    assert Workspace.open(filled.root).store_url.startswith("sqlite")
    assert content(filled.store_url) == before
    migrate_store(filled, url)
    assert content(url) == before


def test_what_comes_back_otherwise_is_refused(
    filled: Workspace, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = _migrate._blocks

    def damaged(connection: Any, table: Any) -> Any:
        for block in real(connection, table):
            if connection.dialect.name == "postgresql" and table.name == "decisions":
                block[0]["comment"] += "!"
            yield block

    monkeypatch.setattr(_migrate, "_blocks", damaged)
    with pytest.raises(StoreError, match=r"'decisions' is not what was written.*stays where it is"):
        migrate_store(filled, postgres.new_database())
    assert filled.store_url.startswith("sqlite")


def test_the_same_store_and_one_in_use_are_refused(filled: Workspace, postgres: PostgresServer) -> None:
    with pytest.raises(StoreError, match="already"):
        migrate_store(filled, "")
    url = postgres.new_database()
    with ReviewStore.open(url) as other:
        other.sync_items([ItemKey("x")], {})
    with pytest.raises(StoreError, match="empty database"):
        migrate_store(filled, url)


def test_entries_that_wait_on_this_computer_are_not_left_behind(
    workspace: Workspace, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEATORIC_TEAM_FOLDER", str(tmp_path / "seat"))
    workspace.point_at_store(postgres.new_database())
    store = open_store(workspace)
    assert isinstance(store, TeamStore)
    store.sync_items(workspace.dataset.items, {})
    postgres.kill()
    store.decide(Decision(case_id="case_0", reader="R", verdict=Verdict.ACCEPTED))
    store.exchange()
    store.close()
    status = store_status(workspace)
    assert "cannot be reached" in status.away
    assert (status.kind, status.n_items, status.n_decisions, status.n_waiting) == ("server", 3, 1, 1)
    assert PASSWORD not in json.dumps(str(status))
    postgres.start()
    with pytest.raises(StoreError, match="1 entries on this computer"):
        migrate_store(workspace, "")
    assert store_status(workspace).away == ""
