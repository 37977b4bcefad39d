"""``store status`` and ``store migrate`` as a person types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.postgres_server import PASSWORD, PostgresServer

from napari_aleatoric.io import Workspace
from napari_aleatoric.review import ReviewStore
from napari_aleatoric.samples import SampleSpec, write_samples


@pytest.fixture
def place(tmp_path: Path, call) -> Path:
    write_samples(tmp_path / "data", SampleSpec(n_cases=2, seed=1, matrix=32))
    assert call("init", tmp_path / "data", "--workspace", tmp_path / "review")[0] == 0
    return tmp_path / "review"


def test_a_review_moves_to_a_server(place: Path, call, call_json, postgres: PostgresServer) -> None:
    keys = Workspace.open(place).dataset.items
    assert call("decide", place, keys[0].case_id, "--verdict", "accepted", "--reader", "Ann")[0] == 0
    url = postgres.new_database()
    said = [call("store", "migrate", place, "--to", url)]
    assert "2 labels, 1 decisions, 0 saved label versions" in said[0][1]
    with ReviewStore.open(url) as store:
        store.claim(keys[1], "Ben")
    found = call_json("store", "status", place)
    assert (found["kind"], found["n_decisions"], found["claims"][0]["reader"]) == ("server", 1, "Ben")
    said.append(call("decide", place, keys[0].case_id, "--verdict", "rejected", "--reader", "Ann"))
    said.append(call("store", "status", place))
    assert "2 labels, 2 decisions" in said[-1][1]
    assert "Ben has it before them" in said[-1][1]
    said.append(call("store", "migrate", place, "--to", postgres.new_database()))
    assert [status for status, _, _ in said] == [0] * 4
    for text in (str(found), *(text for _, out, err in said for text in (out, err))):
        assert PASSWORD not in text
        assert "p%40ss" not in text


@pytest.mark.parametrize("address", ["nonsense", "postgresql+psycopg://u:SECRET@host:port/x"])
def test_a_wrong_address_gives_a_sentence(place: Path, call, address: str) -> None:
    status, out, err = call("store", "migrate", place, "--to", address)
    assert status != 0
    assert "not a database URL" in err
    assert "SECRET" not in out + err
