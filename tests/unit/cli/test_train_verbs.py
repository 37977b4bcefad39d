"""``train``, ``predict``, ``runs`` and ``promote`` on a small real workspace, with a stand-in for the network."""

from __future__ import annotations

import json

import pytest
from tests.stand_in_network import Bench, stand_in

from napari_aleatoric.cli._main import INTERRUPTED

HERE = "napari_aleatoric.review._retraining"


@pytest.fixture(autouse=True)
def bench(monkeypatch) -> Bench:
    return stand_in(monkeypatch)


def test_train_prints_the_dice_of_every_class_on_held_out_cases(workspace, call, bench):
    status, out, err = call("train", workspace, "--preset", "quick", "--loss", "duo", "--denoise")
    assert status == 0, err
    assert out.startswith("Learns from 4 of 6 cases (1 of them only to see how it is doing); holds back 2.")
    assert "Dice [95 %]" in out
    for name in ("liver", "spleen", "mean"):
        assert f"new    {name}" in out
    assert "on 2 held-out cases; no other model to compare it with." in out
    assert f"Next: aleatoric predict {workspace}; aleatoric promote {workspace} 20" in out
    assert "2 of the 2 held-out labels were not looked at by a person" in err
    spec = bench.trained[0][1]
    assert (spec.iterations, spec.loss.kind, spec.loss.denoise) == (300, "duo", True)
    again = call("train", workspace, "--preset", "quick", "--loss", "duo", "--denoise")[1]
    assert "have led to the model" in again


def test_a_preview_trains_nothing(workspace, call, call_json, bench):
    status, out, _ = call("train", workspace, "--preview")
    lines = out.splitlines()
    assert status == 0
    assert lines[0] == "Learns from 4 of 6 cases (1 of them only to see how it is doing); holds back 2."
    assert lines[1].startswith("U-Net in 3-D, ")
    assert any("in a step" in line for line in lines[2:])
    found = call_json("train", workspace, "--preview", "--held-out", "0.5", "--network", "segresnet")
    assert (found["plan"]["network"], found["plan"]["class_names"][:2]) == ("segresnet", ["liver", "spleen"])
    assert len(found["held_out"]) == 3
    assert not set(found["held_out"]) & {*found["learned"], *found["validation"]}
    assert bench.trained == []
    assert call("runs", workspace)[1].startswith("No model was trained yet.")


def test_what_nnunet_cannot_is_said_before_anything_is_trained(workspace, call, bench):
    status, out, err = call("train", workspace, "--backend", "nnunet", "--denoise", "--minutes", "3")
    assert (status, out, bench.trained) == (1, "", [])
    assert "nnU-Net trains without these settings: denoise, minutes" in err


def test_from_training_to_the_queue_and_back(workspace, call, call_json):
    first = call_json("train", workspace, "--preset", "quick")
    assert first["judgement"]["models"] == ["after"]
    assert call_json("promote", workspace, first["model_id"])["promoted"] == first["model_id"]
    second = call_json("train", workspace, "--preset", "quick", "--seed", "1", "--baseline", "--voxel-weights")
    assert second["judgement"]["models"] == ["after", "before", "baseline"]

    found = call_json("runs", workspace)
    assert found["promoted"] == first["model_id"]
    assert [row["run"] for row in found["runs"]] == [second["model_id"], first["model_id"]]
    status, out, _ = call("runs", workspace)
    assert status == 0
    assert "dice ce" in out
    status, out, _ = call("runs", workspace, second["model_id"])
    assert "promoted" in out
    assert second["sentence"] in out
    assert call_json("runs", workspace, first["model_id"])["judgement"] == first["judgement"]

    answer = call_json("predict", workspace)
    assert (answer["model_id"], answer["n_done"], answer["n_measured"]) == (first["model_id"], 6, 6)
    status, out, _ = call("predict", workspace)
    assert f"Next: aleatoric queue {workspace} --strategy model_disagreement" in out
    assert "6 still held" in out
    rows = call_json("queue", workspace, "--strategy", "model_disagreement")["items"]
    assert len(rows) == 6
    assert all(row["score"] is not None for row in rows)

    assert call_json("promote", workspace, second["model_id"])["promoted"] == second["model_id"]
    status, out, _ = call("promote", workspace, "--back")
    assert out.startswith(f"The model {first['model_id']} is in use now.")
    assert call("promote", workspace, "--back")[1] == "No model is promoted now.\n"


def test_settings_from_a_file(workspace, tmp_path, call, bench):
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"train": {"iterations": 77, "loss": {"kind": "duo"}}, "held_out": 0.4}))
    assert call("train", workspace, "--spec", spec, "--network", "segresnet")[0] == 0
    used = bench.trained[0][1]
    assert (used.iterations, used.loss.kind, used.network) == (77, "duo", "segresnet")


def test_readers_are_chosen_by_a_word(workspace, call, bench):
    assert call("train", workspace, "--preset", "quick", "--readers", "uma")[0] == 0
    assert bench.trained[0][1].readers == "uma"
    status, _, err = call("train", workspace, "--readers", "one:nobody")
    assert status == 1
    assert "There is no label to learn from by that reader" in err
    assert len(bench.trained) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--readers", "most"), "expected 'random', 'each', 'vote', 'staple' or 'uma', got 'most'."),
        (("--readers", "uma", "--denoise"), "leave these out, or choose other readers"),
        (("--preset", "fast"), "quick, standard or thorough, got 'fast'"),
        (("--loss", "dice"), "train.loss.kind: expected 'dice_ce', 'duo' or 'umedsam', got 'dice'."),
        (("--loss", "umedsam", "--denoise"), "Label denoising is defined for"),
        (("--keep", "90"), "percent by which measure"),
        (("--filter", "auv"), "Score the data set first"),
        (("--weigh-by", "nothing"), "There is no measure 'nothing'"),
        (("--pseudo-labels", "."), "recognised"),
    ],
)
def test_what_cannot_be_done_is_said(workspace, tmp_path, monkeypatch, call, options, words):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    status, _, err = call("train", workspace, *options)
    assert status == 1
    assert words in err
    assert "pydantic" not in err


def test_a_stop_keeps_what_was_done(workspace, call, monkeypatch):
    from napari_aleatoric.errors import Cancelled

    def stopped(*arguments, **more):
        raise Cancelled("Stopped as asked.")

    monkeypatch.setattr(f"{HERE}._run.train_model", stopped)
    status, _, err = call("train", workspace, "--preset", "quick")
    assert status == INTERRUPTED
    assert "the same command goes on from there" in err


def test_wrong_promotions_and_predictions(workspace, call):
    for arguments, words in (
        (("promote", workspace), "either the id of a model or --back"),
        (("promote", workspace, "--back"), "none is promoted"),
        (("promote", workspace, "2026"), "no finished model yet"),
        (("predict", workspace), "no finished model yet"),
        (("runs", workspace, "2026"), "no finished model yet"),
    ):
        status, _, err = call(*arguments)
        assert status == 1
        assert words in err
