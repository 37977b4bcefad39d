"""``samples``, ``init``, ``decide`` and ``doctor``."""

from __future__ import annotations

import json
import shutil

import pytest

from napari_aleatoric.cli._data import parse_class_names
from napari_aleatoric.errors import DataError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey, Verdict
from napari_aleatoric.review import ReviewStore


def test_samples_writes_and_tells(call, call_json, tmp_path):
    answer = call_json("samples", tmp_path / "set", "--cases", "4", "--seed", "2")
    assert answer["cases"] == 4
    assert len(answer["wrong"]) == 1
    assert (tmp_path / "set" / "dataset.json").is_file()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    status, _, err = call("samples", tmp_path / "other", "--cases", "1")
    assert status == 1
    assert "other files" in err


def test_init_tells_layout_classes_and_counts(dataset, tmp_path, call, call_json):
    answer = call_json("init", dataset, "--workspace", tmp_path / "w")
    assert answer["layout"] == "decathlon"
    assert answer["cases"] == answer["labels"] == 6
    assert answer["refused"] == []
    assert answer["classes"][0]["class_name"] == "liver"
    assert Workspace.open(tmp_path / "w").dataset.items[0] == ItemKey("abdomen_001", "")
    status, out, _ = call("init", dataset, "-w", tmp_path / "again")
    assert status == 0
    assert "6 cases" in out
    assert "1 liver" in out


def test_init_lists_the_refused_with_reasons(dataset, tmp_path, call_json):
    copy = tmp_path / "copy"
    shutil.copytree(dataset, copy)
    image = copy / "imagesTr" / "abdomen_002.nii.gz"
    image.write_bytes(image.read_bytes()[:100])
    (copy / "labelsTr" / "abdomen_003.nii.gz").unlink()
    answer = call_json("init", copy, "--workspace", tmp_path / "w")
    refused = {entry["case"]: entry["reason"] for entry in answer["refused"]}
    assert {"abdomen_002", "abdomen_003"} <= set(refused)
    assert answer["cases"] == 4
    assert all(reason.endswith((".", "!")) for reason in refused.values())


def test_init_takes_class_names_and_unknown_spacing(dataset, tmp_path, call_json):
    answer = call_json(
        "init", dataset, "-w", tmp_path / "w", "--class-names", "1=Leber,2=Milz,3=a,4=b,5=c", "--spacing-unknown"
    )
    assert answer["classes"][0] == {"label_value": 1, "class_name": "Leber"}
    assert not answer["spacing_known"]


def test_init_refuses_a_second_workspace_in_one_place(workspace, dataset, call):
    status, _, err = call("init", dataset, "--workspace", workspace)
    assert status == 1
    assert "already" in err


def test_class_names():
    assert parse_class_names("1=liver, 20 = left kidney") == {1: "liver", 20: "left kidney"}
    for wrong in ("liver", "x=liver", "1=", "1=liver,,2=x"):
        with pytest.raises(DataError, match="1=liver,2=spleen"):
            parse_class_names(wrong)


def test_decide_is_appended_and_can_be_taken_back(workspace, call, call_json):
    verdict = ["--verdict", "accepted", "--quality", "4", "--comment", "fine", "--reader", "anna"]
    assert call_json("decide", workspace, "abdomen_002", *verdict)["status"] == "accepted"
    assert (
        call_json("decide", workspace, "abdomen_002", "--verdict", "rejected", "--reader", "anna")["status"]
        == "rejected"
    )
    key = ItemKey("abdomen_002", "")
    with ReviewStore.open(Workspace.open(workspace).store_url) as store:
        assert store.state(key).verdict is Verdict.REJECTED
        assert len(store.history(key)) == 2
    assert call_json("decide", workspace, "abdomen_002", "--undo", "--reader", "anna")["status"] == "accepted"
    with ReviewStore.open(Workspace.open(workspace).store_url) as store:
        state = store.state(key)
        assert (state.verdict, state.quality, state.comment, state.reader) == (Verdict.ACCEPTED, 4, "fine", "anna")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["abdomen_099", "--verdict", "accepted"], "abdomen_099"),
        (["abdomen_001"], "--verdict"),
        (["abdomen_001", "--label-reader", "nobody", "--verdict", "accepted"], "--label-reader"),
        (["abdomen_001", "--undo", "--reader", "nobody"], "take back"),
    ],
)
def test_decide_refuses_with_a_sentence(workspace, call, arguments, words):
    status, out, err = call("decide", workspace, *arguments)
    assert (status, out) == (1, "")
    assert words in err


def test_doctor_finds_what_is_here(call):
    status, out, _ = call("doctor", "--json")
    report = json.loads(out)
    found = {finding["what"]: finding for finding in report["findings"]}
    assert status == (0 if report["good"] else 1)
    assert found["numpy"]["good"]
    assert all(finding["good"] or finding["advice"] for finding in report["findings"])


def test_doctor_fails_where_something_is_missing(call, monkeypatch):
    from napari_aleatoric.cli import _doctor

    finding = _doctor.Finding("Qt binding", "none", False, "Install one.")
    monkeypatch.setattr(_doctor, "examine", lambda: [finding])
    status, out, _ = call("doctor")
    assert status == 1
    assert "MISSING" in out
    assert "Install one." in out


def test_init_resamples_only_on_request(dataset, tmp_path, call_json):
    import SimpleITK as sitk

    copy = tmp_path / "copy"
    shutil.copytree(dataset, copy)
    path = copy / "labelsTr" / "abdomen_002.nii.gz"
    label = sitk.ReadImage(str(path))
    sitk.WriteImage(label[2:-2, 2:-2, 1:-1], str(path))  # the same places in the patient, on a smaller grid
    refused = call_json("init", copy, "-w", tmp_path / "strict")["refused"]
    assert [entry["case"] for entry in refused] == ["abdomen_002"]
    assert "grid" in refused[0]["reason"]
    answer = call_json("init", copy, "-w", tmp_path / "lenient", "--resample")
    assert answer["cases"] == 6
    assert answer["refused"] == []
    opened = Workspace.open(tmp_path / "lenient")
    onto = opened.load_label("abdomen_002")
    assert onto.geometry == opened.load_image("abdomen_002").geometry
    inside = (slice(1, -1), slice(2, -2), slice(2, -2))
    assert (onto.data[inside] == sitk.GetArrayFromImage(label)[inside]).all()
