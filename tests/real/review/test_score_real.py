"""Scoring real data sets: what is read, where the maps lie, and that planted errors are found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from napari_aleatoric.io import Workspace, read_label_map, read_map, scan, write_label_map
from napari_aleatoric.model import ItemKey, LabelMap
from napari_aleatoric.review import ReviewStore, score_workspace
from napari_aleatoric.samples import ErrorKind, Severity, plant_error
from napari_aleatoric.uncertainty import LABEL_RISK_MAP, ScoreSpec, rank

pytestmark = [pytest.mark.real, pytest.mark.slow]

QUICK = ScoreSpec(judge="light", rounds=40, samples_per_case=1500, encoder="filter-bank")


def part_of_hippocampus(source: Path, target: Path, n: int, n_wrong: int) -> dict[str, np.ndarray]:
    """Copy the first n cases (images as links), every fourth label with an error; returns what was changed."""
    content = json.loads((source / "dataset.json").read_text())
    content["training"] = content["training"][:n]
    content["numTraining"] = n
    changed = {}
    for folder in ("imagesTr", "labelsTr"):
        (target / folder).mkdir(parents=True)
    kinds = list(ErrorKind)
    for i, entry in enumerate(content["training"]):
        name = Path(entry["image"]).name
        (target / "imagesTr" / name).symlink_to((source / entry["image"]).resolve())
        label = read_label_map(source / entry["label"])
        if i % (n // n_wrong) == 1:
            data, _ = plant_error(label.data, kinds[len(changed) % 8], Severity.SEVERE, np.random.default_rng(i))
            before, label = label, LabelMap(data, label.geometry)
            changed[name.removesuffix(".nii.gz")] = before.upright().data != label.upright().data
        write_label_map(target / "labelsTr" / name, label)
    (target / "dataset.json").write_text(json.dumps(content))
    return changed


def test_severe_errors_in_hippocampus_labels_are_found(real_data: Path, tmp_path: Path) -> None:
    changed = part_of_hippocampus(real_data / "msd_hippocampus", tmp_path / "data", 48, 12)
    ws = Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))
    summary = score_workspace(ws, QUICK)
    assert (summary.n_scored, summary.refused) == (48, ())
    with ReviewStore.open(ws.store_url) as store:
        table = store.score_table()
    wrong = np.array([key.case_id in changed for key in table.keys])
    assert wrong.sum() == 12
    assert roc_auc_score(wrong, rank(table).score) > 0.85
    assert roc_auc_score(wrong, rank(table, "random").score) < 0.75
    heat, bad = [], []
    for case_id, voxels in changed.items():
        found = read_map(ws, ItemKey(case_id), LABEL_RISK_MAP)
        label = ws.load_label(case_id).upright().data
        near = (label > 0) | voxels
        heat.append(found.of(0)[near])
        bad.append(voxels[near])
    assert roc_auc_score(np.concatenate(bad), np.concatenate(heat)) > 0.85


def test_readers_of_lung_nodules_are_judged_each(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "lidc_4rater"
    cases = sorted(p for p in source.iterdir() if p.is_dir())[:12]
    for case in cases:
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / case.name).symlink_to(case.resolve())
    ws = Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))
    summary = score_workspace(ws, QUICK)
    assert summary.n_scored == 48
    assert summary.refused == ()
    with ReviewStore.open(ws.store_url) as store:
        table = store.score_table()
        assert len({key.label_reader for key in table.keys}) == 4
        assert np.isfinite(rank(table).score).all()
        # of one nodule, the readers' labels differ and so do their scores
        nll = table.column("nll_union")
        assert np.unique(nll[[key.case_id == table.keys[0].case_id for key in table.keys]]).size > 1


def test_every_modality_of_the_sarcoma_set_is_scored_on_its_own_grid(real_data: Path, tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path / "workspace", scan(real_data / "ibsi_sts"))
    summary = score_workspace(ws, ScoreSpec(judge="light", rounds=15, samples_per_case=800, encoder="filter-bank"))
    assert (summary.n_scored, summary.refused) == (18, ())
    for key in ws.dataset.items:
        found = read_map(ws, key, LABEL_RISK_MAP)
        assert found.geometry == ws.load_image(key.case_id).upright().geometry
    with ReviewStore.open(ws.store_url) as store:
        key = ws.dataset.items[0]
        volumes = {v.measure: v.value for v in store.item_scores(key).values if v.class_index == 1}
    label = ws.load_label(key.case_id)
    expected = (label.data > 0).sum() * label.geometry.voxel_volume_ml
    assert volumes["volume_ml"] == pytest.approx(expected)


def test_vessels_of_colour_photographs(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "chase_db1"
    for folder in ("images", "rater1", "rater2"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for path in sorted((source / folder).iterdir())[:4]:
            (tmp_path / "data" / folder / path.name).symlink_to(path.resolve())
    ws = Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))
    summary = score_workspace(ws, QUICK)
    assert summary.n_scored == len(ws.dataset.items) == 8
    key = ws.dataset.items[0]
    heat = read_map(ws, key, LABEL_RISK_MAP)
    assert heat.geometry.shape_zyx == (1, 960, 999)
    # where the other observer disagrees, the label is doubted more
    own, other = (ws.load_label(key.case_id, reader).data for reader in ws.dataset.readers)
    differ = (own > 0) != (other > 0)
    assert heat.of(0)[differ].mean() > 2 * heat.of(0)[~differ].mean()
    with ReviewStore.open(ws.store_url) as store:
        assert "volume_ml" not in {v.measure for v in store.item_scores(key).values}
