"""A window whose team's server goes away and comes back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from tests.postgres_server import PASSWORD, PostgresServer

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Decision, Verdict
from napari_aleatoric.review import ReviewStore
from napari_aleatoric.review._team import _link
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import _seat, open_path, prepare
from napari_aleatoric.widgets import show_docks

pytestmark = pytest.mark.gui


@pytest.fixture
def team(tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("ALEATORIC_TEAM_FOLDER", str(tmp_path / "seat"))
    monkeypatch.setattr(_link, "_PERIOD_S", 0.2)
    monkeypatch.setattr(_link, "_PAUSES_S", (0.2, 0.5))
    monkeypatch.setattr(_seat, "_LOOK_S", 0.2)
    write_samples(tmp_path / "data", SampleSpec(n_cases=4, seed=1, matrix=48))
    workspace = open_path(tmp_path / "data", tmp_path / "review")
    workspace.point_at_store(postgres.new_database())
    return workspace


def picture(viewer: Any, name: str) -> None:
    folder = os.environ.get("ALEATORIC_STORY_PICTURES")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        viewer.screenshot(str(Path(folder) / f"{name}.png"), canvas_only=False, flash=False)


def test_the_window_says_that_the_server_is_away_and_keeps_what_is_typed(
    make_napari_viewer: Any, qtbot: Any, team: Workspace, postgres: PostgresServer
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    review, _ = show_docks(viewer)
    hub, session = review.hub, review.session
    session.reader = "Ann"
    said: list[str] = []
    session.notice.connect(lambda notice: said.append(notice.text))
    session.attach(prepare(Workspace.open(team.root)))
    first, second, third = team.dataset.items[:3]
    session.go(first)
    qtbot.waitUntil(lambda: session.item is not None, timeout=60_000)
    with ReviewStore.open(team.store_url) as server:
        server.claim(second, "Ben")
    qtbot.waitUntil(lambda: session.held == {second: "Ben"}, timeout=60_000)
    model = review.table.model()
    row = model.row_of(second)
    assert [r for r in range(model.rowCount()) if model.data(model.index(r, 4)).startswith("◔")] == [row]
    words = model.data(model.index(row, 4), Qt.ItemDataRole.ToolTipRole)
    assert words == "pending; Ben has it open now"
    assert not review.team.isVisible()
    postgres.kill()
    hub.decide(Verdict.REJECTED)
    qtbot.waitUntil(lambda: review.team.isVisible(), timeout=60_000)
    qtbot.waitUntil(lambda: "1 entry waits" in review.team.words.text(), timeout=60_000)
    assert "server is away" in review.team.words.text()
    assert sum("cannot be reached" in text for text in said) == 1
    qtbot.waitUntil(lambda: session.item.key != first, timeout=60_000)  # it went on,
    assert session.item.key == third  # past the one that Ben had when the server was last heard
    picture(viewer, "team-server-away")
    postgres.start()
    qtbot.waitUntil(lambda: not review.team.isVisible(), timeout=60_000)
    assert any("answers again" in text for text in said)
    with ReviewStore.open(team.store_url) as server:
        assert [(d.key, d.verdict) for d in server.decisions()] == [(first, "rejected")]
    assert not any(PASSWORD in text for text in said)
    hub.close()


def test_conflicts_are_a_list_that_leads_to_the_cases(
    make_napari_viewer: Any, qtbot: Any, team: Workspace, postgres: PostgresServer
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    review, _ = show_docks(viewer)
    hub, session = review.hub, review.session
    session.reader = "Ann"
    session.attach(prepare(Workspace.open(team.root)))
    first, second = team.dataset.items[:2]
    session.go(first)
    qtbot.waitUntil(lambda: session.item is not None, timeout=60_000)
    link = session.store.link
    with link._exchanging, ReviewStore.open(team.store_url) as server:  # Ann's computer cannot listen meanwhile
        server.decide(Decision(**first._asdict(), reader="Ben", verdict=Verdict.ACCEPTED))
        session.decide(Verdict.REJECTED, comment="the tail is missing")
    qtbot.waitUntil(lambda: review.team.lines.count() == 1, timeout=60_000)
    assert review.team.lines.item(0).text() == f"{first}: Ann decided without knowing that Ben had decided."
    session.go(second)
    qtbot.waitUntil(lambda: session.item.key == second, timeout=60_000)
    picture(viewer, "team-conflict")
    review.team.lines.itemClicked.emit(review.team.lines.item(0))
    qtbot.waitUntil(lambda: session.item.key == first, timeout=60_000)
    session.decide(Verdict.REJECTED)
    qtbot.waitUntil(lambda: not review.team.isVisible(), timeout=60_000)
    hub.close()
