"""``score``, ``queue`` and ``export`` on a small real workspace."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Status

FAST = {"judge": "light", "rounds": 5, "samples_per_case": 200, "encoder": "filter-bank"}


@pytest.fixture(scope="module")
def scored_once(tmp_path_factory, dataset):
    """A workspace scored through the command line; not to be changed."""
    from napari_aleatoric.cli._main import run

    folder = tmp_path_factory.mktemp("scored")
    (folder / "spec.json").write_text(json.dumps(FAST))
    assert run(["init", str(dataset), "--workspace", str(folder / "w")]) == 0
    assert run(["score", str(folder / "w"), "--spec", str(folder / "spec.json")]) == 0
    return folder


@pytest.fixture
def scored(scored_once, tmp_path):
    """A copy that a test may change, in a folder as deep as the original (the data set is found relatively)."""
    shutil.copytree(scored_once / "w", tmp_path / "w")
    Workspace.relocate(tmp_path / "w", Workspace.open(scored_once / "w").dataset_root)
    return tmp_path / "w"


def test_score_tells_and_goes_on_where_it_stopped(scored_once, call_json):
    again = call_json("score", scored_once / "w", "--spec", scored_once / "spec.json")
    assert again["workspace"] == str(scored_once / "w")
    assert again["seconds"] < 30


@pytest.mark.parametrize(
    ("content", "words"), [("{", "no JSON file"), ('{"sed": 3}', "sed"), ('{"n_folds": 1}', "n_folds")]
)
def test_wrong_settings_are_refused(scored_once, tmp_path, call, content, words):
    (tmp_path / "wrong.json").write_text(content)
    status, _, err = call("score", scored_once / "w", "--spec", tmp_path / "wrong.json")
    assert status == 1
    assert words in err
    assert len(err.strip().splitlines()) == 1


def test_queue_is_ordered_worst_first(scored_once, call_json):
    answer = call_json("queue", scored_once / "w", "--top", "0")
    assert answer["total"] == 6
    assert answer["question"] == "Is this label wrong?"
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    assert [item["rank"] for item in answer["items"]] == list(range(1, 7))
    assert {item["case"] for item in answer["items"]} == {f"abdomen_{i:03d}" for i in range(1, 7)}
    assert all(item["reason"] for item in answer["items"])


def test_queue_takes_top_strategy_and_class(scored_once, call, call_json):
    assert len(call_json("queue", scored_once / "w", "--top", "2")["items"]) == 2
    other = call_json("queue", scored_once / "w", "--strategy", "difficulty")
    assert other["question"] == "Is this image hard for the frozen model?"
    one = call_json("queue", scored_once / "w", "--class", "Spleen", "--top", "1")
    assert one["items"][0]["class_name"] == "spleen"
    status, out, _ = call("queue", scored_once / "w", "--top", "3")
    assert status == 0
    assert "abdomen_" in out
    assert "and 3 more" in out


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--strategy", "magic"], "label_risk"), (["--class", "brain"], "liver")]
)
def test_queue_refuses_what_it_does_not_know(scored_once, call, arguments, words):
    status, out, err = call("queue", scored_once / "w", *arguments)
    assert (status, out) == (1, "")
    assert words in err


def test_queue_leaves_out_what_is_decided(scored, call_json):
    first = call_json("queue", scored, "--top", "1")["items"][0]["case"]
    call_json("decide", scored, first, "--verdict", "accepted")
    pending = call_json("queue", scored, "--pending", "--top", "0")
    assert pending["total"] == 5
    assert first not in {item["case"] for item in pending["items"]}
    everything = call_json("queue", scored, "--top", "0")["items"]
    assert {item["status"] for item in everything if item["case"] == first} == {"accepted"}


def test_export_writes_the_labels(scored, tmp_path, call_json):
    call_json("decide", scored, "abdomen_001", "--verdict", "accepted")
    answer = call_json("export", scored, tmp_path / "out")
    assert answer["destination"] == str(tmp_path / "out")
    assert len(list((tmp_path / "out").rglob("*abdomen_*.nii.gz"))) >= 6


def test_background_scoring_is_a_run_that_completes(workspace, tmp_path, call_json):
    from napari_aleatoric.jobs import runs

    (tmp_path / "spec.json").write_text(json.dumps(FAST))
    answer = call_json("score", workspace, "--spec", tmp_path / "spec.json", "--background")
    (handle,) = runs(Workspace.open(workspace))
    assert handle.run_id == answer["run_id"]
    status = handle.wait(timeout=180)
    assert status.status is Status.COMPLETED, status.error
    assert call_json("queue", workspace, "--top", "1")["items"][0]["score"] is not None


def test_score_finds_what_was_added_since(scored, scored_once, tmp_path, call_json):
    old = Workspace.open(scored).dataset_root
    grown = tmp_path / "grown"
    shutil.copytree(old, grown)
    Workspace.relocate(scored, grown)
    for folder in ("imagesTr", "labelsTr"):
        shutil.copy(grown / folder / "abdomen_001.nii.gz", grown / folder / "abdomen_007.nii.gz")
    listing = json.loads((grown / "dataset.json").read_text())
    listing["training"].append({"image": "./imagesTr/abdomen_007.nii.gz", "label": "./labelsTr/abdomen_007.nii.gz"})
    (grown / "dataset.json").write_text(json.dumps(listing))
    answer = call_json("score", scored, "--spec", scored_once / "spec.json")
    assert answer["n_items"] == 7
    assert call_json("queue", scored, "--top", "0")["total"] == 7


def test_who_judges_is_chosen_and_told(scored_once, scored, tmp_path, call, call_json):
    answer = call_json("score", scored, "--spec", scored_once / "spec.json", "--light")
    assert answer["judge"] == "light"
    status, out, _ = call("score", scored, "--spec", scored_once / "spec.json", "--judge", "light")
    assert status == 0
    assert "judged by the light classifier" in out
    for arguments, words in (
        (["--light", "--judge", "network"], "got both"),
        (["--judge", "best"], "judge"),
        (["--light", "--probabilities", tmp_path], "got both"),
        (["--judge", "auto", "--probabilities", tmp_path / "absent"], "no folder 'absent'"),
    ):
        status, out, err = call("score", scored, "--spec", scored_once / "spec.json", *arguments)
        assert (status, out) == (1, "")
        assert words in err
        assert len(err.strip().splitlines()) == 1


def test_probabilities_of_another_model_judge(scored, tmp_path, call_json):
    workspace = Workspace.open(scored)
    for case in workspace.dataset.cases:
        label = workspace.dataset.classes.index_map(workspace.load_label(case.case_id).data)
        p = np.stack([label == c for c in range(workspace.dataset.classes.n_rows)])
        np.savez(tmp_path / f"{case.case_id}.npz", probabilities=p.astype(np.float16))
    answer = call_json("score", scored, "--encoder", "filter-bank", "--probabilities", tmp_path)
    assert (answer["judge"], answer["n_scored"], answer["refused"]) == ("probabilities", 6, [])
    assert "given probabilities" in call_json("queue", scored, "--top", "1")["items"][0]["reason"]


def test_the_queue_has_the_order_of_its_data_set_unless_another_is_asked_for(scored, call_json):
    from napari_aleatoric.review import use_order

    assert call_json("queue", scored)["strategy"] == "label_risk"
    use_order(Workspace.open(scored), "max:softmin,local_max")
    answer = call_json("queue", scored)
    assert (answer["strategy"], answer["question"]) == ("max:softmin,local_max", "Is this label wrong?")
    assert call_json("queue", scored, "--strategy", "random")["question"] is None


def test_every_question_has_its_order(scored_once, call_json, call):
    answer = call_json("queue", scored_once / "w", "--strategy", "levelset", "--top", "0")
    assert answer["question"] == "Is this image ambiguous?"
    places = [item["size_removed"] for item in answer["items"]]
    assert len(set(places)) > 1
    assert all(0 < place < 1 for place in places)
    assert "most ambiguous of 6" in answer["items"][0]["reason"]
    risk = call_json("queue", scored_once / "w", "--top", "0")["items"]
    assert {item["size_removed"] for item in risk} == {None}
    status, _, err = call("queue", scored_once / "w", "--strategy", "max:levelset,nll_union")
    assert status == 1
    assert "one question" in err


def test_known_good_cases_are_mixed_in_for_a_reader(scored, call, call_json):
    status, _, err = call("queue", scored, "--strategy", "checked:50:label_risk")
    assert status == 1
    assert "--reader" in err
    last = call_json("queue", scored, "--top", "0")["items"][-1]["case"]
    call_json("decide", scored, last, "--verdict", "accepted", "--reader", "chief")
    answer = call_json("queue", scored, "--strategy", "checked:50:label_risk", "--reader", "anna", "--top", "0")
    order = [item["case"] for item in answer["items"]]
    assert last in order[:2]
    assert {item["score"] for item in answer["items"]} == {None}
    assert {item["status"] for item in answer["items"]} == {"pending"}
    status, out, err = call("queue", scored, "--strategy", "checked:50:label_risk", "--reader", "anna")
    assert status == 0
    assert "No known-good case" in err
    assert "worst" not in out


def test_an_ensemble_on_disk_judges_and_is_measured(scored, tmp_path, call, call_json):
    workspace = Workspace.open(scored)
    n = workspace.dataset.classes.n_rows
    for network, sure in (("a", 0.9), ("b", 0.6)):
        (tmp_path / network).mkdir()
        for case in workspace.dataset.cases:
            label = workspace.dataset.classes.index_map(workspace.load_label(case.case_id).data)
            p = np.stack([np.where(label == c, sure, (1 - sure) / (n - 1)) for c in range(n)])
            np.savez(tmp_path / network / f"{case.case_id}.npz", probabilities=p.astype(np.float16))
    folders = ["--ensemble", tmp_path / "a", "--ensemble", tmp_path / "b"]
    answer = call_json("score", scored, "--encoder", "filter-bank", *folders)
    assert (answer["judge"], answer["n_scored"], answer["refused"]) == ("probabilities", 6, [])
    first = call_json("queue", scored, "--strategy", "mutual_information")["items"][0]
    assert "the networks disagree" in first["reason"]
    status, _, err = call("score", scored, "--ensemble", tmp_path / "a")
    assert status == 1
    assert "at least two" in err
