"""Planting errors: which cases, which kinds, into what labels, on what grids."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import Workspace, scan, write_label_map, write_map, write_volume
from napari_aleatoric.model import ClassTable, Geometry, ItemKey, LabelMap, SilentReporter, Volume
from napari_aleatoric.review import CalibrateSpec, ReviewStore
from napari_aleatoric.review._calibration._planted_copy import PlantedCopy, plantable_kinds
from napari_aleatoric.review._calibration._planted_errors import order_of_cases, plant_one, turn_of
from napari_aleatoric.review._calibration._planted_scores import heat_of_errors
from napari_aleatoric.samples import ErrorKind, Severity

CLASSES = ClassTable.from_names({1: "liver", 3: "tumour"})
# stored flipped in x and y, with Z fastest, tilted by 30° against the patient, thick slices
_C, _S = np.cos(np.pi / 6), np.sin(np.pi / 6)
TILTED = Geometry(
    shape_zyx=(24, 26, 9),
    spacing_zyx_mm=(1.0, 1.5, 4.0),
    origin_lps=(10.0, -20.0, 5.0),
    direction_lps=((0.0, 0.0, -1.0), (-_C, _S, 0.0), (_S, _C, 0.0)),
)


def labelled(geometry: Geometry = TILTED, tumour: bool = True) -> LabelMap:
    grid = np.indices(geometry.shape_zyx)
    middle = np.array(geometry.shape_zyx).reshape(3, 1, 1, 1) // 2
    spacing = np.array(geometry.spacing_zyx_mm).reshape(3, 1, 1, 1)
    distance = np.sqrt((((grid - middle) * spacing) ** 2).sum(axis=0))
    label = np.where(distance <= 8, 1, 0).astype(np.uint8)
    if tumour:
        label[distance <= 4.5] = 3
    return LabelMap(label, geometry)


def test_seeds_take_other_cases_until_all_had_one():
    chosen = [order_of_cases(23, 5, seed)[:5].tolist() for seed in range(4)]
    assert len({case for one in chosen for case in one}) == 20
    assert sorted(order_of_cases(23, 5, 2).tolist()) == list(range(23))
    assert order_of_cases(23, 5, 4)[:5].tolist() != chosen[0]  # a new round, another order
    assert order_of_cases(3, 3, 7).shape == (3,)


def test_kinds_and_severities_take_turns():
    kinds, severities = (ErrorKind.OVER, ErrorKind.SHIFT), (Severity.MILD, Severity.SEVERE)
    turns = [turn_of(turn, kinds, severities) for turn in range(8)]
    assert Counter((tried[0], severity) for tried, severity in turns) == {
        (kind, severity): 2 for kind in kinds for severity in severities
    }
    assert turns[1][0] == (ErrorKind.SHIFT, ErrorKind.OVER)


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_an_error_lies_where_it_says_and_nothing_else_changes(kind):
    label = labelled()
    label.data[0, 0, 0] = 77  # in no class
    planted = plant_one(label, CLASSES, [kind], Severity.MILD, np.random.default_rng(1))
    upright = label.upright()
    assert planted.label.geometry == upright.geometry
    changed = planted.label.data != upright.data
    assert int(changed.sum()) == planted.record.changed_voxels > 0
    slices = np.flatnonzero(changed.any(axis=(1, 2)))
    assert (slices[0], slices[-1]) == planted.record.slices_z
    assert (planted.label.data == 77).sum() == 1
    assert {1, 3} <= set(np.unique(planted.label.data))


def test_lengths_follow_the_voxel_size():
    upright = labelled().upright()
    planted = plant_one(upright, CLASSES, [ErrorKind.OVER], Severity.SEVERE, np.random.default_rng(0))
    grown = (planted.label.data > 0) & (upright.data == 0)
    axis = int(np.argmax(upright.geometry.spacing_zyx_mm))  # 4 mm: two voxels of 1 mm reach no neighbour
    others = tuple(a for a in range(3) if a != axis)
    before = np.flatnonzero((upright.data > 0).any(axis=others))
    after = np.flatnonzero((planted.label.data > 0).any(axis=others))
    assert grown.any()
    assert (before[0], before[-1]) == (after[0], after[-1])


def test_a_label_that_does_not_take_a_kind_gets_the_next():
    one_class = labelled(tumour=False)
    rng = np.random.default_rng(0)
    planted = plant_one(one_class, CLASSES, [ErrorKind.SWAP, ErrorKind.SHIFT], Severity.MILD, rng)
    assert planted.record.kind is ErrorKind.SHIFT
    assert planted.failed == (ErrorKind.SWAP,)
    speck = LabelMap(np.zeros(TILTED.shape_zyx, np.uint8), TILTED)
    speck.data[10:12, 10:12, 4] = 1  # shrinking would leave nothing of it
    assert plant_one(speck, CLASSES, [ErrorKind.UNDER], Severity.SEVERE, rng) is None
    assert plant_one(speck, CLASSES, [ErrorKind.UNDER, ErrorKind.OVER], Severity.SEVERE, rng) is not None
    empty = LabelMap(np.zeros(TILTED.shape_zyx, np.uint8), TILTED)
    assert plant_one(empty, CLASSES, list(ErrorKind), Severity.MILD, rng) is None


def pictures(root: Path, n: int) -> Workspace:
    """Colour photographs with one class, as PNG."""
    rng = np.random.default_rng(0)
    (root / "data").mkdir()
    rows = ["case,image,label,class_names"]
    for i in range(n):
        label = np.zeros((40, 50), np.uint8)
        label[10 + i : 30, 12:35] = 255
        image = np.stack([label // 2 + rng.integers(0, 60, label.shape).astype(np.uint8)] * 3, axis=-1)
        Image.fromarray(image).save(root / "data" / f"p{i}.png")
        Image.fromarray(label).save(root / "data" / f"p{i}_label.png")
        rows.append(f"p{i},p{i}.png,p{i}_label.png,255=vessel")
    (root / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / "workspace", scan(root / "data"))


def volumes(root: Path, n: int) -> Workspace:
    rows = ["case,image,label,class_names"]
    for i in range(n):
        label = labelled()
        write_volume(root / "data" / f"v{i}.nii.gz", Volume(label.data.astype(np.int16), TILTED))
        write_label_map(root / "data" / f"v{i}_label.nii.gz", label)
        rows.append(f"v{i},v{i}.nii.gz,v{i}_label.nii.gz,1=liver;3=tumour")
    (root / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / "workspace", scan(root / "data"))


@pytest.mark.parametrize("make", [pictures, volumes])
def test_the_copy_reads_back_on_the_grid_of_the_image(tmp_path, make):
    ws = make(tmp_path, 4)
    spec = CalibrateSpec(fraction=0.5)
    with ReviewStore.open(ws.store_url) as store:
        copy = PlantedCopy(ws, store, spec, ws.runs_dir / "copy")
        planted = copy.plant(0, SilentReporter())
        private = copy.workspace(planted)
        assert len(planted.errors) == 2
        for key, error in planted.errors.items():
            label = private.load_label(*key)
            assert label.geometry == ws.grid(key.case_id)
            before = copy.before(key).upright().data
            assert int((label.upright().data != before).sum()) == error.changed_voxels
        again = PlantedCopy(ws, store, spec, ws.runs_dir / "copy").plant(0, SilentReporter())
        assert again.files == planted.files
        assert again.errors == planted.errors
    assert private.dataset_root == ws.runs_dir / "copy" / "labels"
    assert all(private.dataset.case(c.case_id).image == c.image for c in ws.dataset.cases)


def test_one_class_cannot_be_swapped(tmp_path):
    ws = pictures(tmp_path, 1)
    assert ErrorKind.SWAP not in plantable_kinds(CalibrateSpec(), ws)
    with pytest.raises(DataError, match="two; this data set has one"):
        plantable_kinds(CalibrateSpec(kinds=(ErrorKind.SWAP,)), ws)


def test_voxels_near_the_error_are_counted_apart(tmp_path):
    ws = volumes(tmp_path, 1)
    key = ItemKey("v0")
    before = ws.load_label(*key)
    after = LabelMap(before.data.copy(), before.geometry)
    after.data[12:15, 13, 4] = 1  # three voxels of the tumour
    upright = after.upright()
    changed = upright.data != before.upright().data
    heat = np.zeros((1, *upright.data.shape), np.uint8)
    heat[0][changed] = 200
    heat[0][0, 0, 0] = 255  # far from everything
    write_map(ws, key, "label_risk", heat, [0], upright.geometry, {})
    (wrong, right) = heat_of_errors(ws, key, before, after)["label_risk"]
    assert wrong[200] == wrong.sum() == 3
    assert right[255] == 0
    assert right[0] == right.sum() > (before.data > 0).sum()
    far = np.zeros(upright.data.shape, bool)
    far[0, 0, 0] = True
    _, right_too = heat_of_errors(ws, key, before, after, far)["label_risk"]
    assert right_too[255] == 1
