from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, DataError, NotFoundError, WorkspaceError
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import (
    Decision,
    Geometry,
    ItemKey,
    ItemScores,
    LabelMap,
    RecordingReporter,
    ScoreValue,
    Verdict,
    Volume,
)
from napari_aleatoric.review import (
    PromptUse,
    ReviewStore,
    build_queue,
    current_label,
    export_reviewed,
    label_hash,
    save_correction,
)


def painted(label: LabelMap, value: int) -> LabelMap:
    data = label.data.copy()
    data[0, :2, :3] = value
    return LabelMap(data, label.geometry)


@pytest.fixture
def reviewed(workspace: Workspace, store: ReviewStore) -> ReviewStore:
    for i, key in enumerate(workspace.dataset.items):
        values = tuple(
            ScoreValue(m, c, i + c / 10 if i != 1 else float("nan"))
            for m in ("nll_union", "volume_ml")
            for c in (0, 1)
        )
        store.put_item_scores(ItemScores(key, values), fingerprint=workspace.fingerprint(*key), spec_digest="d")
    key = ItemKey("case_1")
    label = current_label(workspace, store, key)
    save_correction(workspace, store, key, painted(label, 1), reader="Zoë")
    prompts = [PromptUse("sam-small", n_boxes=2), PromptUse("sam-vit-b", n_clicks=1)]
    saved = save_correction(workspace, store, key, painted(label, 3), reader="Zoë", prompts=prompts)
    store.decide(
        Decision(
            case_id="case_1",
            reader="Zoë",
            verdict=Verdict.CORRECTED,
            comment='says "no",\nfirst',
            correction_id=saved.correction_id,
            seen={"slices": [1, 2]},
        )
    )
    store.decide(Decision(case_id="case_0", reader="Zoë", verdict=Verdict.ACCEPTED))
    store.undo(ItemKey("case_0"), "Zoë")
    store.decide(Decision(case_id="case_2", reader="Zoë", verdict=Verdict.EXCLUDED))
    return store


def test_an_export_opens_again_as_a_data_set(workspace: Workspace, reviewed: ReviewStore, tmp_path: Path) -> None:
    dest = tmp_path / "out" / "export"
    summary = export_reviewed(workspace, reviewed, dest)
    assert (summary.n_cases, summary.n_labels, summary.n_corrected, summary.n_decisions) == (2, 2, 1, 4)
    assert summary.by_status == {"pending": 1, "corrected": 1}
    assert summary.left_out == {"excluded": 1}
    again = scan(dest)
    assert again.problems == ()
    assert [c.case_id for c in again.cases] == ["case_0", "case_1"]
    assert again.classes == workspace.dataset.classes
    assert again.layout == "manifest"
    second = Workspace.create(tmp_path / "second", again)
    for case_id in ("case_0", "case_1"):
        image, label = second.load_image(case_id), second.load_label(case_id)
        assert image.geometry.same_grid(workspace.grid(case_id), 1e-3)
        np.testing.assert_array_equal(image.data, workspace.load_image(case_id).data)
        expected = current_label(workspace, reviewed, ItemKey(case_id))
        np.testing.assert_array_equal(label.data, expected.data)
        theirs = nibabel.load(dest / "labels" / f"{case_id}.nii.gz")
        np.testing.assert_allclose(
            theirs.affine, nibabel.load(workspace.dataset.case(case_id).image).affine, atol=1e-5
        )
    assert not list(dest.parent.glob(".*"))


def test_the_manifest_vouches_for_every_file(workspace: Workspace, reviewed: ReviewStore, tmp_path: Path) -> None:
    dest = tmp_path / "export"
    dest.mkdir()  # an empty folder will do
    export_reviewed(workspace, reviewed, dest)
    manifest = json.loads((dest / "manifest.json").read_text())
    files = {p.relative_to(dest).as_posix() for p in dest.rglob("*") if p.is_file()} - {"manifest.json"}
    assert set(manifest["sha256"]) == files
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((dest / name).read_bytes()).hexdigest() == digest
    entry = next(e for e in manifest["cases"] if e["case"] == "case_1")
    latest = reviewed.latest_correction(ItemKey("case_1"))
    assert latest is not None
    assert entry["label_version"] == latest.correction_id
    assert entry["label_hash"] == label_hash(current_label(workspace, reviewed, ItemKey("case_1")))
    assert manifest["class_names"] == {"1": "liver", "3": "tumour"}
    assert str(workspace.dataset_root) not in (dest / "manifest.json").read_text()
    assert "image_1" not in (dest / "manifest.json").read_text()


def test_decisions_and_scores_are_complete(workspace: Workspace, reviewed: ReviewStore, tmp_path: Path) -> None:
    export_reviewed(workspace, reviewed, tmp_path / "export")
    log = json.loads((tmp_path / "export" / "decisions.json").read_text())
    given = list(reviewed.decisions())
    assert [Decision(**{k: v for k, v in row.items() if k != "undone"}) for row in log] == given
    assert [row["undone"] for row in log] == [False, True, False, False]
    with (tmp_path / "export" / "decisions.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [row["decision_id"] for row in table] == [d.decision_id for d in given]
    assert table[0]["comment"] == 'says "no",\nfirst'
    assert json.loads(table[0]["seen"]) == {"slices": [1, 2]}
    with (tmp_path / "export" / "scores.csv").open(newline="") as stream:
        scores = list(csv.DictReader(stream))
    queue = build_queue(reviewed, workspace.dataset.classes)
    assert [row["case"] for row in scores] == [row.key.case_id for row in queue]
    by_case = {row["case"]: row for row in scores}
    assert float(by_case["case_2"]["nll_union[liver]"]) == 2.1
    assert float(by_case["case_0"]["volume_ml"]) == 0.0
    assert by_case["case_1"]["nll_union"] == ""
    assert [by_case[f"case_{i}"]["status"] for i in range(3)] == ["pending", "corrected", "excluded"]
    assert by_case["case_1"]["stale"] == "True"  # scored before it was corrected


def test_hand_drawn_and_prompted_labels_are_told_apart(
    workspace: Workspace, reviewed: ReviewStore, tmp_path: Path
) -> None:
    by_hand = ItemKey("case_0")
    label = painted(current_label(workspace, reviewed, by_hand), 1)
    save_correction(workspace, reviewed, by_hand, label, reader="Zoë")
    statuses = ["pending", "corrected", "excluded"]
    export_reviewed(workspace, reviewed, tmp_path / "export", statuses=statuses)
    manifest = json.loads((tmp_path / "export" / "manifest.json").read_text())
    entries = {entry["case"]: (entry["changed"], entry["prompts"]) for entry in manifest["cases"]}
    boxes = {"segmenter": "sam-small", "n_boxes": 2, "n_clicks": 0}
    click = {"segmenter": "sam-vit-b", "n_boxes": 0, "n_clicks": 1}
    assert entries == {
        "case_0": ("by hand", []),
        "case_1": ("with prompts", [boxes, click]),
        "case_2": ("", []),
    }
    versions = json.loads((tmp_path / "export" / "versions.json").read_text())
    assert [(v["case"], v["changed"], v["prompts"]) for v in versions] == [
        ("case_1", "by hand", []),
        ("case_1", "with prompts", [boxes, click]),
        ("case_0", "by hand", []),
    ]
    with (tmp_path / "export" / "versions.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert table[1]["prompts"] == "sam-small; 2 boxes + sam-vit-b; 1 click"
    assert [(row["n_boxes"], row["n_clicks"]) for row in table] == [("0", "0"), ("2", "1"), ("0", "0")]
    assert table[1]["follows"] == table[0]["label_version"]
    assert scan(tmp_path / "export").layout == "manifest"


def test_statuses_choose_what_goes_along(workspace: Workspace, reviewed: ReviewStore, tmp_path: Path) -> None:
    summary = export_reviewed(workspace, reviewed, tmp_path / "a", statuses=["excluded"])
    assert [p.name for p in (tmp_path / "a" / "labels").iterdir()] == ["case_2.nii.gz"]
    assert summary.n_decisions == 4  # the log is always whole
    with pytest.raises(DataError, match="none of the 3 labels is rejected"):
        export_reviewed(workspace, reviewed, tmp_path / "b", statuses=["rejected"])
    with pytest.raises(NotFoundError, match="no status 'fine'"):
        export_reviewed(workspace, reviewed, tmp_path / "b", statuses=["fine"])
    assert not (tmp_path / "b").exists()


def test_whole_or_nothing(workspace: Workspace, reviewed: ReviewStore, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("keep")
    with pytest.raises(WorkspaceError, match="new or empty folder"):
        export_reviewed(workspace, reviewed, full)
    assert [p.name for p in full.iterdir()] == ["mine.txt"]
    with pytest.raises(WorkspaceError, match="never written to"):
        export_reviewed(workspace, reviewed, workspace.dataset_root / "export")
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(Cancelled):
        export_reviewed(workspace, reviewed, out / "x", reporter=RecordingReporter(cancel_after=2))
    assert list(out.iterdir()) == []
    latest = reviewed.latest_correction(ItemKey("case_1"))
    assert latest is not None
    (workspace.corrections_dir / latest.file).unlink()
    with pytest.raises(DataError, match="not in the workspace any more"):
        export_reviewed(workspace, reviewed, out / "x")
    assert list(out.iterdir()) == []


def test_a_place_that_cannot_be_written(workspace: Workspace, reviewed: ReviewStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(WorkspaceError, match="could not be written"):
        export_reviewed(workspace, reviewed, tmp_path / "file" / "x")


def test_several_readers(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    workspace = make_workspace(n=2, readers=("Ann", "Bob"))
    with ReviewStore.open(workspace.store_url) as store:
        store.sync_items(workspace.dataset.items, workspace.fingerprints())
        summary = export_reviewed(workspace, store, tmp_path / "export")
        assert (summary.n_cases, summary.n_labels) == (2, 4)
        again = scan(tmp_path / "export")
        assert again.readers == ("Ann", "Bob")
        assert again.items == workspace.dataset.items
        second = Workspace.create(tmp_path / "second", again)
        for key in again.items:
            assert label_hash(second.load_label(*key)) == label_hash(workspace.load_label(*key))


def test_photographs_stay_photographs(tmp_path: Path) -> None:
    data = tmp_path / "data"
    rng = np.random.default_rng(1)
    flat = Geometry((1, 20, 30), spacing_known=False)
    for i in range(2):
        write_volume(
            data / "images" / f"p{i}.png", Volume(rng.integers(0, 255, (1, 20, 30, 3)).astype(np.uint8), flat)
        )
        write_label_map(
            data / "labels" / f"p{i}.png", LabelMap((rng.random((1, 20, 30)) > 0.5).astype(np.uint8), flat)
        )
    workspace = Workspace.create(tmp_path / "w", scan(data))
    with ReviewStore.open(workspace.store_url) as store:
        store.sync_items(workspace.dataset.items, workspace.fingerprints())
        export_reviewed(workspace, store, tmp_path / "export")
    again = scan(tmp_path / "export")
    assert not again.spacing_known
    second = Workspace.create(tmp_path / "w2", again)
    for case_id in ("p0", "p1"):
        np.testing.assert_array_equal(second.load_image(case_id).data, workspace.load_image(case_id).data)
        np.testing.assert_array_equal(second.load_label(case_id).data, workspace.load_label(case_id).data)
