"""What is not to be learned from: kept whole, taken away when nothing is left of it, honoured by training."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import Workspace, has_map, read_map, scan, write_map
from napari_aleatoric.model import Geometry, ItemKey
from napari_aleatoric.review import (
    WEIGHT_MAP,
    RetrainSpec,
    StrokeJournal,
    preview_retraining,
    read_barred,
    save_barred,
    score_workspace,
)
from napari_aleatoric.review._labels._learning_weight import barred_since
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.uncertainty import ScoreSpec


@pytest.fixture
def ws(tmp_path) -> Workspace:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=6, matrix=32))
    return Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))


@pytest.fixture
def key(ws: Workspace) -> ItemKey:
    return ws.dataset.items[1]


@pytest.fixture
def grid(ws: Workspace, key: ItemKey) -> Geometry:
    return ws.load_image(key.case_id).upright().geometry


def corner(grid: Geometry) -> np.ndarray:
    barred = np.zeros(grid.shape_zyx, np.uint8)
    barred[1:4, 2:5, 3:9] = 1
    return barred


def test_it_is_read_back_and_goes_when_all_is_erased(ws, key, grid):
    assert not read_barred(ws, key, grid).any()
    assert save_barred(ws, key, corner(grid), grid, reader="ann") == 3 * 3 * 6
    assert np.array_equal(read_barred(ws, key, grid), corner(grid))
    found = read_map(ws, key, WEIGHT_MAP)
    assert set(np.unique(found.of(0))) == {0, 255}
    assert (found.spec["reader"], found.geometry) == ("ann", grid)
    assert save_barred(ws, key, np.zeros(grid.shape_zyx, bool), grid, reader="ann") == 0
    assert not has_map(ws, key, WEIGHT_MAP)


def test_weights_of_other_making_stay_where_nobody_painted(ws, key, grid):
    weight = np.full((1, *grid.shape_zyx), 255, np.uint8)
    weight[0, 5] = 100
    weight[0, 6] = 0
    write_map(ws, key, WEIGHT_MAP, weight, [0], grid, {})
    shown = read_barred(ws, key, grid)
    assert np.array_equal(np.flatnonzero(shown.any(axis=(1, 2))), [6])
    shown[6] = 0
    shown[5, 0, 0] = 1
    save_barred(ws, key, shown, grid, reader="ann")
    weight[0, 6] = 255
    weight[0, 5, 0, 0] = 0
    assert np.array_equal(read_map(ws, key, WEIGHT_MAP).of(0), weight[0])


def test_what_does_not_fit_is_told(ws, key, grid):
    with pytest.raises(DataError, match="a voxel of every place"):
        save_barred(ws, key, np.zeros((1, 2, 3), np.uint8), grid, reader="ann")
    small = Geometry((3, 4, 5))
    save_barred(ws, key, np.ones((3, 4, 5), np.uint8), small, reader="ann")
    with pytest.raises(DataError, match=r"painted on an image of \(3, 4, 5\) voxels"):
        read_barred(ws, key, grid)
    save_barred(ws, key, corner(grid), grid, reader="ann")  # takes the place of what cannot count
    assert np.array_equal(read_barred(ws, key, grid), corner(grid))
    read_map(ws, key, WEIGHT_MAP).path.write_bytes(b"torn")
    with pytest.raises(DataError, match="cannot be read"):
        read_barred(ws, key, grid)


def test_it_is_told_when_it_was_painted(ws, key, grid):
    now = datetime.now(UTC)
    assert not barred_since(ws, key, now)
    save_barred(ws, key, corner(grid), grid, reader="ann")
    assert barred_since(ws, key, now - timedelta(seconds=2))
    assert not barred_since(ws, key, now + timedelta(seconds=60))


def test_it_survives_scoring(ws, key, grid):
    save_barred(ws, key, corner(grid), grid, reader="ann")
    before = read_map(ws, key, WEIGHT_MAP).path.read_bytes()
    score_workspace(ws, ScoreSpec(judge="light"))
    score_workspace(ws, ScoreSpec(judge="light", seed=1))
    assert has_map(ws, key, "label_risk")
    assert read_map(ws, key, WEIGHT_MAP).path.read_bytes() == before


def test_strokes_on_it_are_not_taken_for_strokes_on_the_label(ws, key, grid):
    journal = StrokeJournal.open(ws, key, "ann", "", grid.shape_zyx, WEIGHT_MAP)
    journal.append([[1, 2, 3]], old=0, new=1)
    journal.close()
    assert StrokeJournal.pending(ws, key) == []
    (pending,) = StrokeJournal.pending(ws, key, WEIGHT_MAP)
    assert pending.n_changes(np.zeros(grid.shape_zyx, np.uint8)) == 1
    pending.discard()
    assert StrokeJournal.pending(ws, key, WEIGHT_MAP) == []


def test_the_preview_says_how_many_cases_that_are(ws, grid):
    spec = RetrainSpec(validation=0.0, held_out=0.3)
    before = preview_retraining(ws, spec)
    assert "not to be learned" not in before.sentence
    held, free = before.held_out[0].case_id, [case.case_id for case in before.learn]
    for case_id in (held, *free[:2]):
        save_barred(ws, ItemKey(case_id), corner(grid), grid, reader="ann")
    found = preview_retraining(ws, spec)
    assert found.sentence == (
        "Learns from 4 of 6 cases; 2 cases with voxels that are not to be learned from; holds back 2."
    )
    save_barred(ws, ItemKey(free[0]), np.zeros(grid.shape_zyx), grid, reader="ann")
    assert "1 case with voxels" in preview_retraining(ws, spec).sentence
