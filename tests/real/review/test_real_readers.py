"""Several readers of public images: four of lung nodules, two of retinal vessels."""

from __future__ import annotations

import csv
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from napari_aleatoric.io import Workspace, read_label_map, scan
from napari_aleatoric.review import list_disputes, report_readers, write_consensus
from napari_aleatoric.uncertainty import consensus, departure, score_readers

pytestmark = pytest.mark.real


def opened(source: Path, target: Path, n: int | None = None) -> Workspace:
    dataset = scan(source)
    return Workspace.create(target, replace(dataset, cases=dataset.cases[:n]))


def read(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path))) > 0


@pytest.mark.slow
def test_pairwise_dice_of_all_nodules_is_the_tables(real_data: Path, tmp_path: Path) -> None:
    ws = opened(real_data / "lidc_4rater", tmp_path / "workspace")
    with (real_data / "lidc_4rater" / "cases.csv").open() as stream:
        table = {row["case"]: row for row in csv.DictReader(stream)}
    found = report_readers(ws)
    assert (found.n_compared, found.refused) == (200, ())
    assert found.structures[0].n_presence_differs == sum(r["group"] == "partial" for r in table.values())
    off = []
    for case in found.cases:
        structure, row = case.structures[0], table[case.case_id]
        assert (case.length_unit, structure.volume_ml) == ("voxels", None)
        assert list(structure.voxels.values()) == [int(row[f"vox_r{k}"]) for k in (1, 2, 3, 4)]
        # the table rounds each pair to 3 digits before the mean
        rounded = np.mean([round(p.dice, 3) for p in structure.pairs])
        off.append(abs(rounded - float(row["mean_pairwise_dice"])))
        assert structure.lowest_dice == pytest.approx(float(row["min_pairwise_dice"]), abs=6e-4)
        assert structure.mean_dice == pytest.approx(float(row["mean_pairwise_dice"]), abs=6e-4)
    assert sum(d > 5.1e-5 for d in off) <= 1  # one pair lies exactly between two roundings
    assert max(off) < 2e-4
    offsets = [habit.offset_voxels.value for habit in found.habits]
    assert abs(np.mean(offsets)) < 0.06  # nobody is further out than the others on average
    assert 0.5 < found.kappa.low < found.kappa.value < found.kappa.high < 0.9


def test_consensus_and_entropy_of_nodules(real_data: Path, tmp_path: Path) -> None:
    ws = opened(real_data / "lidc_4rater", tmp_path / "workspace", 25)
    write_consensus(ws, tmp_path / "out", "staple")
    for case in ws.dataset.cases:
        masks = np.stack([read(label.paths[0]) for label in case.labels]).astype(np.uint8)
        images = [sitk.GetImageFromArray(mask) for mask in masks]
        staple = sitk.GetArrayFromImage(sitk.STAPLE(images, 1.0))
        found = consensus(masks, "staple")
        np.testing.assert_allclose(found.probabilities[1], staple, atol=1e-9)
        np.testing.assert_array_equal(read(tmp_path / "out" / f"{case.case_id}.nii.gz"), staple > 0.5)
        voted = sitk.GetArrayFromImage(sitk.LabelVoting(images, 0))  # undecided = background
        np.testing.assert_array_equal(consensus(masks, "vote").label, voted)
        multi = sitk.GetArrayFromImage(sitk.MultiLabelSTAPLE(images, 0))
        np.testing.assert_array_equal(consensus(masks, "multilabel-staple").label, multi)
        even = departure(masks, np.full(4, 0.25))
        m = masks.mean(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            entropy = -np.nan_to_num(m * np.log2(m)) - np.nan_to_num((1 - m) * np.log2(1 - m))
        np.testing.assert_allclose(even.entropy, entropy, atol=1e-12)
        np.testing.assert_allclose(even.by_reader, np.abs(masks - m), atol=1e-12)
        weighed, scored = departure(masks), score_readers(masks)
        said = {v.measure: v.value for v in scored.values if v.class_index == 0}
        assert said["image_quality"] == pytest.approx(weighed.quality)
        assert said["consensus_entropy"] == pytest.approx(weighed.entropy.sum() / max(weighed.n_band, 1))


def test_two_observers_of_colour_photographs(real_data: Path, tmp_path: Path) -> None:
    ws = opened(real_data / "chase_db1", tmp_path / "workspace", 2)
    found = report_readers(ws)
    for case, files in zip(found.cases, ws.dataset.cases, strict=True):
        a, b = (read_label_map(label.paths[0]).data > 0 for label in files.labels)
        expected = 2 * (a & b).sum() / (a.sum() + b.sum())
        assert case.structures[0].mean_dice == pytest.approx(expected)
        assert case.structures[0].habits[0].slices_top is None
        assert case.length_unit == "voxels"
    write_consensus(ws, tmp_path / "out", "vote")
    for files in ws.dataset.cases:
        a, b = (read_label_map(label.paths[0]).data > 0 for label in files.labels)
        written = read_label_map(tmp_path / "out" / f"{files.case_id}.png").data
        np.testing.assert_array_equal(written, np.where(a & b, 255, 0))
    disputes, _ = list_disputes(ws, at_least=50)
    assert disputes[0].n_voxels >= disputes[-1].n_voxels >= 50
    assert disputes[0].centre_lps_mm is None
    assert all(len(d.answers) == 2 == sum(map(len, d.sides.values())) for d in disputes)
    assert len(list(combinations(found.readers, 2))) == len(found.pairs)
