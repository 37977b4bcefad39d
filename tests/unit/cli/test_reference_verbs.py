"""``reference make``, ``list`` and ``show``; ``score --reference`` and what ``queue`` then says."""

from __future__ import annotations

import json

import pytest

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemScores, ScoreValue
from napari_aleatoric.review import ReviewStore
from napari_aleatoric.uncertainty import ScoreSpec


@pytest.fixture
def scored(workspace, tmp_path, monkeypatch):
    """The workspace as if a frozen model had scored it."""
    monkeypatch.setenv("ALEATORIC_REFERENCES", str(tmp_path / "references"))
    opened = Workspace.open(workspace)
    with ReviewStore.open(opened.store_url) as store:
        fingerprints = opened.fingerprints()
        store.sync_items(opened.dataset.items, fingerprints)
        for i, key in enumerate(store.items()):
            values = tuple(ScoreValue("perception_scale", c, 0.1 + 0.1 * i) for c in (0, 1))
            store.put_item_scores(ItemScores(key, values, (), ()), fingerprint=fingerprints[key], spec_digest="d")
    about = {"encoder": "sam-x", "spec": ScoreSpec().model_dump(mode="json"), "versions": {}}
    (opened.maps_dir / "scoring.json").write_text(json.dumps(about))
    return workspace


def test_make_list_and_show(scored, call, call_json, tmp_path):
    assert call_json("reference", "list") == {"references": []}
    made = call_json("reference", "make", scored, "clinic")
    assert (made["name"], made["model"], made["n_cases"]) == ("clinic", "sam-x", 6)
    assert made["file"] == str(tmp_path / "references" / "clinic.json")
    assert call_json("reference", "list")["references"][0]["name"] == "clinic"
    shown = call_json("reference", "show", "clinic")
    assert shown["classes"][""]["measures"]["perception_scale"] == [pytest.approx(0.1), pytest.approx(0.6)]
    status, out, _ = call("reference", "show", "clinic")
    assert status == 0
    assert "decode = labels" in out
    assert "0.1000" in out
    status, out, _ = call("reference", "list")
    assert status == 0
    assert "clinic" in out
    status, _, err = call("reference", "make", scored, "clinic")
    assert status == 1
    assert "--replace" in err
    assert call("reference", "make", scored, "clinic", "--replace")[0] == 0


def test_unknown_names_and_unscored_workspaces(workspace, call, monkeypatch, tmp_path):
    monkeypatch.setenv("ALEATORIC_REFERENCES", str(tmp_path / "references"))
    for arguments in (
        ("reference", "show", "absent"),
        ("reference", "make", workspace, "x"),
        ("score", workspace, "--encoder", "filter-bank", "--reference", "absent"),
        ("score", workspace, "--encoder", "filter-bank", "--auv-percentiles", "9", "3"),
    ):
        status, _, err = call(*arguments)
        assert status == 1
        assert len(err.strip().splitlines()) == 1
