"""Ambiguity, soft overlap and spread of readers come with scoring, whoever judges; on flipped, thick slices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.foundation import Box
from napari_aleatoric.io import Workspace, map_names, read_map, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, Volume
from napari_aleatoric.review import ReviewStore, build_queue, score_workspace
from napari_aleatoric.uncertainty import (
    AMBIGUITY_MAP,
    LABEL_RISK_MAP,
    READER_SPREAD_MAP,
    ScoreSpec,
    binary_entropy,
    levelset_spread,
    near_rim,
    rim_distance,
    smoothed,
    soft_dice_gap,
)

SPEC = ScoreSpec(judge="light", rounds=10, samples_per_case=500, encoder="filter-bank", seed=2)
SHAPE = (10, 18, 16)
# stored with x and z flipped, slices three times as thick: upright and stored order differ, and distances do
FLIPPED = Geometry(SHAPE, (3.0, 1.0, 1.0), (5, 6, 7), ((-1, 0, 0), (0, 1, 0), (0, 0, -1)))
READERS = ("anna", "ben", "cleo")
WRONG = ItemKey("c2", "ben")


def ball(seed: int, reader: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centre = np.array([5, 9, 8]) + np.array([0, *rng.integers(-1, 2, 2)])
    size = np.array([3.0, 1.0, 1.0]).reshape(3, 1, 1, 1)
    distance = np.sqrt((((np.indices(SHAPE) - centre.reshape(3, 1, 1, 1)) * size) ** 2).sum(axis=0))
    label = (distance <= 6).astype(np.uint8)
    if (f"c{seed}", reader) == WRONG:
        label[:5] = 0
    return (90.0 * (distance <= 6) + rng.normal(0, 8, SHAPE)).astype(np.float32), label


def made(root: Path) -> Workspace:
    rows = ["case,image,label,reader,class_names"]
    for i in range(5):
        for reader in READERS if i < 4 else ("anna",):
            image, label = ball(i, reader)
            if reader == "anna":
                write_volume(root / "data" / f"c{i}.nii.gz", Volume(image, FLIPPED))
            write_label_map(root / "data" / f"c{i}_{reader}.nii.gz", LabelMap(label, FLIPPED))
            rows.append(f"c{i},c{i}.nii.gz,c{i}_{reader}.nii.gz,{reader},1=organ")
    (root / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / "workspace", scan(root / "data"))


Probabilities = dict[str, tuple[Box, np.ndarray]]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Probabilities]:
    ws = made(tmp_path_factory.mktemp("readers"))
    seen: Probabilities = {}
    score_workspace(ws, SPEC, probe=lambda case, box, p: seen.update({case: (box, p)}))
    return ws, seen


@pytest.fixture
def store(scored: tuple[Workspace, Probabilities]) -> Iterator[ReviewStore]:
    with ReviewStore.open(scored[0].store_url) as opened:
        yield opened


def upright(ws: Workspace, key: ItemKey) -> np.ndarray:
    return ws.load_label(*key).upright().data


def test_values_are_those_of_the_functions(scored: tuple[Workspace, Probabilities], store: ReviewStore) -> None:
    ws, seen = scored
    for key in ws.dataset.items:
        found = store.item_scores(key)
        box, raw = seen[key.case_id]
        p = smoothed(raw)[1]
        assert found.value("levelset", 1) == pytest.approx(levelset_spread(p), abs=1e-6)
        gap = soft_dice_gap(p, upright(ws, key)[box.slices] == 1)
        assert found.value("soft_dice_gap", 1) == pytest.approx(gap, abs=1e-5)
        assert found.value("soft_dice_gap") == found.value("soft_dice_gap", 1)
        assert found.value("predictive_entropy", 1) > 0


def test_ambiguity_is_the_images_and_overlap_the_labels(store: ReviewStore) -> None:
    anna, ben = store.item_scores(ItemKey("c2", "anna")), store.item_scores(WRONG)
    assert anna.value("levelset", 1) == ben.value("levelset", 1)
    assert ben.value("soft_dice_gap", 1) > anna.value("soft_dice_gap", 1) + 0.05


def test_map_is_upright_and_near_the_border_in_millimetres(scored: tuple[Workspace, Probabilities]) -> None:
    ws, seen = scored
    found = read_map(ws, WRONG, AMBIGUITY_MAP)
    box, raw = seen["c2"]
    p = smoothed(raw)[1]
    expected = np.zeros(found.geometry.shape_zyx)
    expected[box.slices] = near_rim(binary_entropy(p), rim_distance(p > 0.5, (3.0, 1.0, 1.0)))
    close = np.abs(found.of(1) / 255.0 - expected) < 0.02
    assert close[expected > 0.15].mean() > 0.98  # kept as bytes, and nothing below 0.02
    assert found.of(1).max() > 100
    assert found.geometry == ws.grid("c2").upright_reorientation().apply_geometry(ws.grid("c2"))


def test_spread_of_readers_finds_the_disputed_case_and_place(
    scored: tuple[Workspace, Probabilities], store: ReviewStore
) -> None:
    ws, _ = scored
    queue = build_queue(store, ws.dataset.classes, "reader_spread")
    first = queue.row(0)
    assert first.key.case_id == "c2"
    full, half = (int((upright(ws, ItemKey("c2", r)) == 1).sum()) for r in ("anna", "ben"))
    dice = (1 + 2 * (2 * half / (full + half))) / 3  # anna and cleo agree, ben with neither
    assert store.item_scores(first.key).value("reader_spread") == pytest.approx(1 - dice)
    missing = upright(ws, ItemKey("c2", "anna")) != upright(ws, WRONG)
    heat = read_map(ws, WRONG, READER_SPREAD_MAP).of(1) / 255.0
    assert heat[missing] == pytest.approx(4 * (1 / 3) * (2 / 3), abs=0.003)
    assert not heat[~missing].any()
    slices = np.flatnonzero(missing.any(axis=(1, 2))) + 1
    assert "the readers draw it differently at slices" in first.reason
    assert f"{slices[0]} to" in first.reason
    assert "most disputed of 13" in first.reason


def test_a_case_of_one_reader_has_no_spread(scored: tuple[Workspace, Probabilities], store: ReviewStore) -> None:
    alone = ItemKey("c4", "anna")
    assert np.isnan(store.item_scores(alone).value("reader_spread"))
    names = map_names(scored[0], alone)
    assert READER_SPREAD_MAP not in names
    assert {AMBIGUITY_MAP, LABEL_RISK_MAP} <= set(names)
    queue = build_queue(store, scored[0].dataset.classes, "reader_spread")
    assert queue.row(len(queue) - 1).reason == "not measured"


def test_reasons_name_the_slices_of_their_own_map(
    scored: tuple[Workspace, Probabilities], store: ReviewStore
) -> None:
    row = build_queue(store, scored[0].dataset.classes, "levelset").row(0)
    spots = [s for s in store.hot_spots(row.key) if s.map_name == AMBIGUITY_MAP and s.class_index == 1]
    first, last = spots[0].slice_range
    assert f"at slices {first + 1} to {last + 1}" in row.reason
    assert "for its size more than in" in row.reason


def test_all_readers_of_a_case_are_scored_again_when_one_label_changes(tmp_path: Path) -> None:
    ws = made(tmp_path)
    score_workspace(ws, SPEC)
    _, label = ball(1, "anna")
    label[4:6] = 0
    write_label_map(tmp_path / "data" / "c1_cleo.nii.gz", LabelMap(label, FLIPPED))
    ws.rescan()
    summary: Any = score_workspace(ws, SPEC.model_copy(update={"max_training_change": 1.0}))
    again = score_workspace(ws, SPEC.model_copy(update={"max_training_change": 1.0}))
    assert again.n_scored == 0
    with ReviewStore.open(ws.store_url) as store:
        spreads = {store.item_scores(ItemKey("c1", r)).value("reader_spread") for r in READERS}
    assert len(spreads) == 1
    assert spreads.pop() > 0.05
    assert summary.n_scored >= 3
