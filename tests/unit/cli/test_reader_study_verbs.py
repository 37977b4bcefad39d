"""``readers assign``, ``assignments``, ``progress``, ``second``, ``hand-over``, ``take-back`` and ``honeypots``."""

from __future__ import annotations

import pytest

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemScores, ScoreValue
from napari_aleatoric.review import ReviewStore, answer_assignment, begin_assignment


def read(workspace, case_id, reader):
    opened = Workspace.open(workspace)
    with ReviewStore.open(opened.store_url) as store:
        begin_assignment(opened, store, case_id, reader)
        answer_assignment(opened, store, case_id, reader)


def test_a_study_from_the_shell(workspace, call, call_json):
    told = call_json("readers", "assign", workspace, "--to", "Ada", "--to", "Ben", "--by", "chief", "--seed", "2")
    assert len(told["assigned"]) == 6
    first = {a["case_id"]: a["reader"] for a in told["assigned"]}
    assert sorted(first.values()) == ["Ada"] * 3 + ["Ben"] * 3
    assert all(a["blinded"] and a["by"] == "chief" and not a["models_allowed"] for a in told["assigned"])
    ada = [case for case, reader in first.items() if reader == "Ada"]
    read(workspace, ada[0], "Ada")
    told = call_json("readers", "progress", workspace)
    assert [(r["reader"], r["assigned"], r["answered"]) for r in told["readers"]] == [("Ada", 3, 1), ("Ben", 3, 0)]
    status, out, err = call("readers", "second", workspace, "--to", "Ada", "--to", "Ben", "--share", "1")
    assert (status, out) == (0, "Assigned: 1 to Ben.\n"), err
    status, out, err = call("readers", "hand-over", workspace, ada[1], "--from", "Ada", "--to", "Cleo")
    assert (status, out) == (0, f"{ada[1]} is Cleo's to read now, to begin with nothing.\n"), err
    status, out, err = call("readers", "take-back", workspace, ada[2], "--reader", "Ada")
    assert (status, out) == (0, f"{ada[2]} is no longer Ada's to read.\n"), err
    status, out, err = call("readers", "take-back", workspace, ada[2], "--reader", "Ada", "--undo")
    assert (status, out) == (0, f"Undone: {ada[2]} had been withdrawn (Ada).\n"), err
    told = call_json("readers", "assignments", workspace, "--reader", "Ada")
    assert [(a["case_id"], a["state"]) for a in told["assignments"]] == [(ada[0], "answered"), (ada[2], "assigned")]
    status, out, err = call("readers", "assignments", workspace)
    assert status == 0, err
    assert "handed over" in out


def test_honeypots_are_unseen_by_their_reader(workspace, call, call_json):
    call_json("readers", "assign", workspace, "--to", "Ada", "--case", "abdomen_001", "--case", "abdomen_002")
    told = call_json("readers", "honeypots", workspace, "--to", "Ada", "--n", "2")
    pots = [a["case_id"] for a in told["assigned"]]
    assert {a["kind"] for a in told["assigned"]} == {"honeypot"}
    listed = call_json("readers", "assignments", workspace, "--reader", "Ada")["assignments"]
    assert {a["kind"] for a in listed} == {"first"}
    assert set(pots) < {a["case_id"] for a in listed}
    read(workspace, pots[0], "Ada")
    (row,) = call_json("readers", "honeypots", workspace)["rows"]
    assert (row["reader"], row["n_answered"], row["dice"]["value"]) == ("Ada", 1, 0.0)
    assert row["n_missed"] > 0
    assert call_json("readers", "honeypots", workspace, "--as", "Ada")["rows"] == []
    status, out, _ = call("readers", "honeypots", workspace, "--as", "Ada")
    assert status == 0
    assert out.startswith("No honeypots to tell of.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("assign",), "Expected the names of readers, got none."),
        (("assign", "--to", "Ada", "--case", "nowhere"), "There is no case 'nowhere'"),
        (("assign", "--to", "Ada", "--start", "Ben"), "A blinded reading starts empty"),
        (("assign", "--to", "Ada", "--share", "7"), "share: Input should be less than or equal to 1"),
        (("second", "--to", "Ada"), "Expected answered first readings"),
        (("hand-over", "abdomen_001", "--from", "Ada", "--to", "Ben"), "not assigned to 'Ada'"),
        (("take-back", "abdomen_001", "--reader", "Ada"), "not assigned to 'Ada'"),
        (("honeypots", "--to", "Ada", "--trusted", "Zoë"), "No case has a label by 'Zoë'"),
    ],
)
def test_misuse_is_a_sentence(workspace, call, arguments, words):
    status, out, err = call("readers", arguments[0], workspace, *arguments[1:])
    assert status != 0
    assert words in err
    assert "Traceback" not in err
    assert out == ""


def test_commands_run_as_a_blinded_reader_tell_nothing_of_the_case(workspace, call, call_json):
    opened = Workspace.open(workspace)
    with ReviewStore.open(opened.store_url) as store:
        store.follow(opened)
        for key in opened.dataset.items:
            scores = ItemScores(key, (ScoreValue("nll_union", 0, 0.5),))
            store.put_item_scores(scores, fingerprint=opened.fingerprint(*key), spec_digest="d")
    call_json(
        "readers", "assign", workspace, "--to", "Ada", "--to", "Ben", "--per-case", "2", "--case", "abdomen_001"
    )
    read(workspace, "abdomen_001", "Ben")
    for reader, n in (("Ada", 5), ("Ben", 7), ("Cleo", 7)):
        rows = call_json("queue", workspace, "--reader", reader)["items"]
        assert len(rows) == n
        assert ("abdomen_001" in str(rows)) == (reader != "Ada")
    report = call_json("readers", "report", workspace, "--as", "Ben")
    assert report["n_compared"] == 1
    for verb in (("report",), ("adjudicate-list",)):
        status, out, err = call("readers", *verb, workspace, "--as", "Ada")
        assert status != 0
        assert "got none among" in err
        assert "1 cases are left out" in err
        assert "abdomen_001" not in out + err
    status, _, err = call("decide", workspace, "abdomen_001", "--verdict", "accepted", "--reader", "Ada")
    assert status != 0
    assert "labels by nobody" in err
    read(workspace, "abdomen_001", "Ada")
    assert len(call_json("queue", workspace, "--reader", "Ada")["items"]) == 8
