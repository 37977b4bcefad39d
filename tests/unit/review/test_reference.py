"""References on the disk, and what is compared with them in a workspace."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey, ItemScores, ScoreValue
from napari_aleatoric.review import (
    Comparison,
    ReviewStore,
    build_queue,
    list_references,
    load_reference,
    make_reference,
    score_workspace,
)
from napari_aleatoric.uncertainty import ScoreSpec, auv

SCALES = (0.05, 0.1, 0.2)


@pytest.fixture(autouse=True)
def references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALEATORIC_REFERENCES", str(tmp_path / "references"))
    return tmp_path / "references"


@pytest.fixture
def scored(workspace: Workspace, store: ReviewStore) -> Workspace:
    """A workspace as if it was scored by a frozen model."""
    for key, scale in zip(store.items(), SCALES, strict=True):
        values = [ScoreValue("perception_scale", c, scale * (c + 1)) for c in (0, 1, 2)]
        values += [ScoreValue("volume_voxels", c, 100.0) for c in (0, 1, 2)]
        store.put_item_scores(ItemScores(key, tuple(values), (), ()), fingerprint="f", spec_digest="d")
    store.sync_items(workspace.dataset.items, dict.fromkeys(workspace.dataset.items, "f"))
    about = {"encoder": "sam-x-abc", "spec": ScoreSpec().model_dump(mode="json"), "versions": {"torch": "9"}}
    (workspace.maps_dir / "scoring.json").write_text(json.dumps(about))
    return workspace


def test_made_listed_and_read(scored: Workspace, references: Path) -> None:
    made, path, notes = make_reference(scored, "hospital")
    assert path == references / "hospital.json"
    assert any("few" in note for note in notes)
    found = load_reference("hospital")
    assert (found.name, found.model, found.n_cases) == ("hospital", "sam-x-abc", 3)
    assert found.settings == {"decode": "labels", "normalise": "image", "jitters": 3, "jitter_voxels": 2.0}
    np.testing.assert_allclose(found.classes["tumour"].values["perception_scale"], np.array(SCALES) * 3)
    assert [name for name, _ in list_references()] == ["hospital"]
    assert load_reference(str(path)).to_text() == made.to_text()
    with pytest.raises(DataError, match="already"):
        make_reference(scored, "hospital")
    make_reference(scored, "hospital", replace=True)
    _, elsewhere, _ = make_reference(scored, str(references / "deep" / "own.json"))
    assert elsewhere.is_file()
    text = path.read_text()
    assert all(case.case_id not in text for case in scored.dataset.cases)


def test_scores_that_do_not_hold_are_left_out(scored: Workspace, store: ReviewStore) -> None:
    keys = store.items()
    store.sync_items(keys, {**dict.fromkeys(keys, "f"), keys[0]: "changed"})
    made, _, notes = make_reference(scored, "two")
    assert made.n_cases == 2
    assert "1 labels without valid scores" in notes[0]


@pytest.mark.parametrize("name", ["", "a b", "-x", "ä", "x" * 80])
def test_odd_names_are_refused(scored: Workspace, name: str) -> None:
    with pytest.raises(DataError, match="cannot be the name"):
        make_reference(scored, name)


def test_nothing_to_make_one_of(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="aleatoric score"):
        make_reference(workspace, "x")
    about = {"encoder": "filter-bank", "spec": ScoreSpec().model_dump(mode="json"), "versions": {}}
    (workspace.maps_dir / "scoring.json").write_text(json.dumps(about))
    with pytest.raises(DataError, match="frozen model"):
        make_reference(workspace, "x")


def test_unknown_and_damaged_ones(references: Path) -> None:
    with pytest.raises(NotFoundError, match="Known: none"):
        load_reference("absent")
    references.mkdir()
    (references / "broken.json").write_bytes(b"\xff\xfe{")
    (references / "half.json").write_text('{"format": "aleatoric-ref')
    for name in ("broken", "half"):
        with pytest.raises(DataError):
            load_reference(name)
    listed = dict(list_references())
    assert set(listed) == {"broken", "half"}
    assert all(isinstance(problem, str) for problem in listed.values())


def test_queue_reason_and_window_agree_and_the_workspace_needs_no_file(
    scored: Workspace, store: ReviewStore, references: Path
) -> None:
    from napari_aleatoric.session._class_scores import class_scores

    _, path, _ = make_reference(scored, "hospital")
    store.put_comparison(Comparison(load_reference("hospital")).to_text())
    path.unlink()
    key = store.items()[0]
    lone = [ScoreValue("perception_scale", c, 0.07 * (c + 1)) for c in (0, 1, 2)]
    store.put_item_scores(ItemScores(key, tuple(lone), (), ()), fingerprint="f", spec_digest="d")
    classes = scored.dataset.classes
    expected = auv([0.07], reference=SCALES)[0]
    assert 0.5 < expected < 1
    queue = build_queue(store, classes, "difficulty")
    row = queue.row(queue.find(key))
    assert row.score == pytest.approx(expected)
    assert row.reference_place == pytest.approx(2 / 3)
    assert row.to_json()["reference_place"] == pytest.approx(2 / 3)
    assert f"AUV {expected:.2f}" in row.reason
    assert "harder than 66 of 100 cases of the reference 'hospital'" in row.reason
    shown = class_scores(queue.table, key, "auv", classes)
    assert shown[1][:2] == pytest.approx((auv([0.14], reference=np.array(SCALES) * 2)[0], np.nan), nan_ok=True)
    store.put_comparison("")
    again = build_queue(store, classes, "difficulty")
    assert again.row(again.find(key)).reference_place is None


def test_percentiles_are_kept_beside_the_scores(scored: Workspace, store: ReviewStore) -> None:
    store.put_comparison(Comparison(None, (25.0, 75.0)).to_text())
    queue = build_queue(store, scored.dataset.classes, "difficulty")
    assert queue.table.auv_percentiles == (25.0, 75.0)
    found = {row.key: row.score for row in queue}
    expected = auv(SCALES, percentiles=(25, 75))
    assert [found[key] for key in store.items()] == pytest.approx(expected.tolist())


def test_scoring_keeps_what_was_chosen_and_measures_nothing_anew(workspace: Workspace) -> None:
    spec = ScoreSpec(judge="light", encoder="filter-bank", rounds=5, samples_per_case=200)
    assert score_workspace(workspace, spec).n_scored == 3
    robust = spec.model_copy(update={"auv_percentiles": (5.0, 95.0)})
    summary = score_workspace(workspace, robust)
    assert (summary.n_scored, summary.n_reused, summary.models_kept) == (0, 3, True)
    with ReviewStore.open(workspace.store_url) as store:
        assert build_queue(store, workspace.dataset.classes).table.auv_percentiles == (5.0, 95.0)
    score_workspace(workspace, spec)
    with ReviewStore.open(workspace.store_url) as store:
        assert build_queue(store, workspace.dataset.classes).table.auv_percentiles is None


def test_a_classifier_of_this_data_set_is_compared_with_nothing(scored: Workspace) -> None:
    make_reference(scored, "hospital")
    spec = ScoreSpec(judge="light", encoder="filter-bank", rounds=5, samples_per_case=200, reference="hospital")
    with pytest.raises(DataError, match="frozen model"):
        score_workspace(scored, spec)
    with ReviewStore.open(scored.store_url) as store:
        assert store.overview().comparison == ""
        assert store.item_scores(ItemKey("case_0")).values  # untouched
