"""Scoring with probabilities that the user brought: nothing is learned, everything is checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.io import Workspace, read_map, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, RecordingReporter, Volume
from napari_aleatoric.review import ReviewStore, build_queue, score_workspace
from napari_aleatoric.uncertainty import LABEL_RISK_MAP, ScoreSpec

SHAPE = (10, 14, 16)
# stored with x and z flipped, so that stored and upright order differ
FLIPPED = Geometry(SHAPE, (2.0, 1.0, 1.0), (5, 6, 7), ((-1, 0, 0), (0, 1, 0), (0, 0, -1)))


def truth(seed: int) -> np.ndarray:
    middle = np.array([4, 6, 8]) + np.random.default_rng(seed).integers(-1, 2, 3)
    distance = np.sqrt(((np.indices(SHAPE) - middle.reshape(3, 1, 1, 1)) ** 2).sum(axis=0))
    return np.where(distance <= 2, 5, np.where(distance <= 4.5, 2, 0)).astype(np.uint8)


def probabilities(seed: int) -> np.ndarray:
    p = np.stack([truth(seed) == value for value in (0, 2, 5)]).astype(np.float32) * 0.9 + 0.05
    return p / p.sum(axis=0)


def without_its_upper_half(label: np.ndarray) -> np.ndarray:
    wrong = label.copy()
    wrong[: SHAPE[0] // 2] = 0  # stored from top to bottom
    return wrong


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    rows = ["case,image,label,class_names"]
    for k in range(5):
        label = without_its_upper_half(truth(k)) if k == 3 else truth(k)
        write_volume(tmp_path / "data" / f"i{k}.nii.gz", Volume(truth(k).astype(np.int16), FLIPPED))
        write_label_map(tmp_path / "data" / f"l{k}.nii.gz", LabelMap(label, FLIPPED))
        rows.append(f"c{k},i{k}.nii.gz,l{k}.nii.gz,2=shell;5=core")
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "a secret place" / "answers"
    root.mkdir(parents=True)
    for k in range(5):
        np.savez(root / f"c{k}.npz", probabilities=probabilities(k))
    return root


def spec(folder: Path, **more: Any) -> ScoreSpec:
    return ScoreSpec(probabilities=str(folder), encoder="filter-bank", **more)


def values(ws: Workspace) -> dict[ItemKey, list[tuple[Any, float]]]:
    with ReviewStore.open(ws.store_url) as store:
        table = store.score_table()
        return {k: sorted((n, float(c[i])) for n, c in table.columns.items()) for i, k in enumerate(table.keys)}


def test_the_wrong_label_comes_first_and_its_place_is_lit(ws: Workspace, folder: Path) -> None:
    reporter = RecordingReporter()
    summary = score_workspace(ws, spec(folder), reporter)
    assert (summary.n_scored, summary.judge, summary.n_training_cases, summary.notes) == (5, "probabilities", 0, ())
    done = [step[0] / step[1] for step in reporter.steps]
    assert done == sorted(done)
    assert done[-1] == 1
    with ReviewStore.open(ws.store_url) as store:
        row = build_queue(store, ws.dataset.classes).row(0)
    assert row.key == ItemKey("c3")
    assert row.reason.endswith("worst of 5 (judged by the given probabilities)")
    heat = read_map(ws, ItemKey("c3"), LABEL_RISK_MAP).of(0)
    missing = (LabelMap(truth(3), FLIPPED).upright().data > 0) & (ws.load_label("c3").upright().data == 0)
    assert heat[missing].mean() > 150
    assert heat[~missing].mean() < 40
    assert missing[: SHAPE[0] // 2].sum() < missing[SHAPE[0] // 2 :].sum()  # upright: the upper half


def test_what_is_measured_is_what_the_files_say(ws: Workspace, folder: Path) -> None:
    seen: dict[str, np.ndarray] = {}
    score_workspace(ws, spec(folder), probe=lambda case, box, p: seen.setdefault(case, p.copy()))
    turn = FLIPPED.upright_reorientation()
    for k in range(5):
        expected = np.stack([turn.apply(p) for p in probabilities(k)])
        np.testing.assert_allclose(seen[f"c{k}"], expected, atol=1e-5)


def test_another_place_holds_other_answers_only_if_they_differ(ws: Workspace, folder: Path) -> None:
    first = score_workspace(ws, spec(folder))
    before = values(ws)
    assert score_workspace(ws, spec(folder)).n_reused == 5
    np.savez(folder / "c1.npz", probabilities=probabilities(2))
    second = score_workspace(ws, spec(folder))
    assert second.n_scored == 5
    assert second.plan_digest != first.plan_digest
    after = values(ws)
    assert after[ItemKey("c1")] != before[ItemKey("c1")]
    assert after[ItemKey("c0")] == before[ItemKey("c0")]


def test_cases_without_good_files_are_refused_one_by_one(ws: Workspace, folder: Path) -> None:
    (folder / "c0.npz").unlink()
    np.savez(folder / "c1.npz", probabilities=probabilities(1)[:, 1:])
    np.savez(folder / "c2.npz", probabilities=probabilities(2) * 3)
    summary = score_workspace(ws, spec(folder))
    assert summary.n_scored == 2
    told = {problem.case_id: problem.sentence for problem in summary.refused}
    assert told.keys() == {"c0", "c1", "c2"}
    assert "no probabilities of case 'c0'" in told["c0"]
    assert "on the grid of the image" in told["c1"]
    assert "after the softmax" in told["c2"]
    assert "secret" not in " ".join(told.values())
    np.savez(folder / "c0.npz", probabilities=probabilities(0))  # added later
    assert score_workspace(ws, spec(folder)).n_scored == 3


def test_a_class_that_some_cases_lack_is_not_judged(ws: Workspace, tmp_path: Path) -> None:
    for k in range(5):
        for row, name in enumerate(("background", "shell", "core")):
            if (k, name) != (2, "core"):
                path = tmp_path / "classes" / f"c{k}" / f"{name}.nii.gz"
                write_volume(path, Volume(np.rint(probabilities(k)[row] * 255).astype(np.uint8), FLIPPED))
    for k in range(5):
        (tmp_path / "classes" / f"c{k}" / "background.nii.gz").unlink()
    summary = score_workspace(ws, spec(tmp_path / "classes"))
    assert summary.n_scored == 5
    assert "no probabilities of core" in summary.notes[0]
    found = dict(values(ws)[ItemKey("c0")])
    assert ("nll_union", 1) in found
    assert ("nll_union", 2) not in found


def test_no_path_is_kept_and_a_missing_folder_is_named(ws: Workspace, folder: Path) -> None:
    score_workspace(ws, spec(folder))
    kept = (ws.maps_dir / "scoring.json").read_text()
    assert "secret" not in kept
    about = json.loads(kept)
    assert about["judge"]["name"] == "probabilities"
    assert about["spec"]["probabilities"] == "answers"
    assert "secret" not in json.dumps(read_map(ws, ItemKey("c3"), LABEL_RISK_MAP).spec)
    with pytest.raises(NotFoundError, match="no folder 'absent'"):
        score_workspace(ws, spec(folder / "absent"))


def test_a_single_case_needs_no_others(tmp_path: Path, folder: Path) -> None:
    write_volume(tmp_path / "one" / "i.nii.gz", Volume(truth(0).astype(np.int16), FLIPPED))
    write_label_map(tmp_path / "one" / "l.nii.gz", LabelMap(truth(0), FLIPPED))
    (tmp_path / "one" / "manifest.csv").write_text(
        "case,image,label,class_names\nc0,i.nii.gz,l.nii.gz,2=shell;5=core"
    )
    alone = Workspace.create(tmp_path / "w1", scan(tmp_path / "one"))
    summary = score_workspace(alone, spec(folder))
    assert (summary.n_scored, summary.notes) == (1, ())
