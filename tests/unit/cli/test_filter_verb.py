"""``filter`` on a small real workspace."""

from __future__ import annotations

import json

import pytest

from napari_aleatoric.cli._main import run
from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.model import ItemScores, ScoreValue
from napari_aleatoric.review import ReviewStore


@pytest.fixture
def scored(workspace):
    """Six cases whose perception scale grows, so that the first is the hardest."""
    opened = Workspace.open(workspace)
    with ReviewStore.open(opened.store_url) as store:
        store.sync_items(opened.dataset.items, opened.fingerprints())
        for i, key in enumerate(opened.dataset.items):
            values = [ScoreValue("perception_scale", c, 0.2 + 0.1 * i) for c in range(5)]
            values += [ScoreValue("volume_voxels", c, 9.0) for c in range(5)]
            store.put_item_scores(
                ItemScores(key, tuple(values)), fingerprint=opened.fingerprint(*key), spec_digest="d"
            )
    return workspace


def test_the_preview_tells_what_drops_and_why(scored, call):
    status, out, err = call("filter", scored, "--keep", "0..70")
    assert status == 0, err
    assert "Keeps 5 of 6, drops 1: by Difficulty (AUV), all but the 30 % hardest." in out
    assert "Difficulty (AUV) 1 is above the cut of" in out
    assert "abdomen_001" in out
    assert "abdomen_002" not in out


def test_both_ends_by_another_score_as_json(scored, call_json):
    told = call_json("filter", scored, "--measure", "perception_scale", "--keep", "20..80")
    assert (told["n_kept"], told["n_total"]) == (4, 6)
    assert {d["case"]: d["why"] for d in told["dropped"]} == {"abdomen_001": "worse", "abdomen_006": "better"}
    assert told["spec"]["percentiles"] == [20.0, 80.0]
    assert told["export"] is None
    raw = call_json("filter", scored, "--measure", "perception_scale", "--values", "0.35..")
    assert raw["n_kept"] == 4
    wise = call_json("filter", scored, "--class", "liver", "--keep", "..50")
    assert wise["spec"]["class_wise"] is True
    assert [cut["class"] for cut in wise["cuts"]] == ["liver"]
    assert wise["n_kept"] == 3


def test_verdicts_count_unless_they_are_ignored(scored, call, call_json):
    for case, verdict in (("abdomen_006", "rejected"), ("abdomen_001", "accepted")):
        assert call("decide", scored, case, "--verdict", verdict)[0] == 0
    assert [d["why"] for d in call_json("filter", scored)["dropped"]] == ["verdict"]
    assert call_json("filter", scored, "--ignore-verdicts", "--keep", "0..100")["n_kept"] == 6
    trusted = call_json("filter", scored, "--keep", "0..60", "--trust", "accepted")
    assert {d["case"] for d in trusted["dropped"]} == {"abdomen_002", "abdomen_006"}


def test_the_kept_set_opens_again(scored, tmp_path, call, call_json):
    told = call_json(
        "filter", scored, "--keep", "0..50", "--to", tmp_path / "set", "--as", "nnunet", "--modality", "CT"
    )
    assert (told["export"]["n_kept"], told["export"]["files"]) == (3, {"link": 6})
    assert json.loads((tmp_path / "set" / "dataset.json").read_text())["channel_names"] == {"0": "CT"}
    assert [c.case_id for c in scan(tmp_path / "set").cases] == ["abdomen_004", "abdomen_005", "abdomen_006"]
    again = call_json("init", tmp_path / "set", "--workspace", tmp_path / "again")
    assert again["layout"] == "nnunet"
    status, _, err = call("filter", scored, "--to", tmp_path / "set", "--as", "msd")
    assert status == 1
    assert "holds an earlier export" in err
    status, out, err = call("filter", scored, "--to", tmp_path / "set", "--as", "split", "--folds", 3, "--replace")
    assert status == 0, err
    assert "6 of 6 labels in set" in out.splitlines()[-1]
    assert sorted(p.name for p in (tmp_path / "set").iterdir()) == [
        "dropped.txt", "filter.json", "kept.txt", "splits_final.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        (["--keep", "5-95"], "such as 5..95; got '5-95'"),
        (["--keep", "95..5"], "the lower one first"),
        (["--keep", "5..95", "--values", "..1"], "either --keep"),
        (["--measure", "beauty"], "no measure 'beauty'"),
        (["--class", "spline"], "no class 'spline'"),
        (["--to", "x", "--as", "zip"], "'nnunet', 'msd', 'monai' or 'split'"),
    ],
)
def test_what_cannot_be_understood_is_said_in_a_line(scored, call, wishes, words):
    status, _, err = call("filter", scored, *wishes)
    assert status == 1
    assert words in err
    assert len([line for line in err.splitlines() if line.startswith("aleatoric:")]) == 1


def test_without_scores_the_way_to_them_is_said(workspace, capsys):
    assert run(["filter", str(workspace)]) == 1
    assert "Score the data set first (aleatoric score)" in capsys.readouterr().err
