"""``calibrate`` on a small real workspace."""

from __future__ import annotations

import json

import pytest

from napari_aleatoric.io import Workspace
from napari_aleatoric.review import default_order, read_calibration

FAST = {"judge": "light", "rounds": 5, "samples_per_case": 200, "encoder": "filter-bank"}


def test_six_cases_are_too_few_and_it_says_so(workspace, call, call_json):
    status, out, err = call("calibrate", workspace, "--light")
    assert status == 0
    assert out.startswith("6 cases are too few: at least 23 are needed")
    assert "--anyway shows the figures all the same" in err
    answer = call_json("calibrate", workspace, "--light", "--fraction", "0.5")
    assert (answer["enough"], answer["rows"], answer["n_cases"]) == (False, [], 6)


def test_a_table_a_sentence_and_an_order(workspace, tmp_path, call, call_json):
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"score": FAST, "anyway": True, "draws": 100}))
    options = ("--spec", spec, "--seeds", "1", "--kind", "over", "--kind", "shift", "--severity", "severe")
    status, out, err = call("calibrate", workspace, *options, "--use")
    assert status == 0, err
    assert "AUROC [95 %]" in out
    assert "too few" in out
    assert "For a methods section: " in out
    assert out.rstrip().endswith(f"Next: aleatoric queue {workspace}")
    ws = Workspace.open(workspace)
    record = read_calibration(ws)
    assert record.spec["kinds"] == ["over", "shift"]
    assert {kind for row in record.rows for kind in row.by_kind} <= {"over", "shift"}
    assert default_order(ws) == record.chosen_order == "label_risk"
    again = call_json("calibrate", workspace, *options)
    assert [row["name"] for row in again["rows"]] == [row.name for row in record.rows]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no JSON file"),
        ("[1, 2]", "hold settings by name"),
        ('{"sed": 3}', "there is no setting 'sed'."),
        ('{"kinds": ["tilted"]}', "kinds: expected 'jitter', 'over'"),
        ('{"kinds": ["tilted"]}', "or 'blob', got 'tilted'."),
        ('{"fraction": 2}', "fraction: expected at most 0.5, got 2."),
        ('{"kinds": ["over", "over"]}', "kinds: expected every one once."),
        ('{"score": {"judge": "me", "rounds": 0}}', "got 'me'; score.rounds: expected"),
    ],
)
def test_wrong_settings_are_refused(workspace, tmp_path, call, content, words):
    (tmp_path / "wrong.json").write_text(content)
    status, _, err = call("calibrate", workspace, "--spec", tmp_path / "wrong.json")
    assert status == 1
    assert words in err
    assert "pydantic" not in err
