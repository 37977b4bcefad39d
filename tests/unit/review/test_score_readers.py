"""What several readers say beside each other: kept in the scores, renewed without a model, on flipped grids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.io import Workspace, has_map, map_names, read_map, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, Volume
from napari_aleatoric.review import (
    ReviewStore,
    adjudicate,
    build_queue,
    report_readers,
    save_correction,
    score_workspace,
)
from napari_aleatoric.uncertainty import (
    CONSENSUS_ENTROPY_MAP,
    READER_DEPARTURE_MAP,
    READER_MAPS,
    READER_MEASURES,
    ScoreSpec,
    departure,
)

SPEC = ScoreSpec(
    judge="light", rounds=8, samples_per_case=400, encoder="filter-bank", seed=2, max_training_change=1.0
)
SHAPE = (9, 16, 14)
# stored with x and z flipped, slices three times as thick: upright and stored order differ, and distances do
FLIPPED = Geometry(SHAPE, (3.0, 1.0, 1.0), (5, 6, 7), ((-1, 0, 0), (0, 1, 0), (0, 0, -1)))
READERS = ("anna", "ben", "cleo")
BEN = ItemKey("c1", "ben")


def drawn(case: int, reader: str) -> np.ndarray:
    """In stored order."""
    label = np.zeros(SHAPE, np.uint8)
    if case == 3:
        return label  # nobody drew anything
    label[2:7, 4:12, 3 + case : 10] = 1
    if (case, reader) == (1, "ben"):
        label[:4] = 0
        label[5, 4:8, 3:6] = 0
    if (case, reader) == (2, "cleo"):
        label[:] = 0
    return label


def made(root: Path) -> Workspace:
    rng = np.random.default_rng(0)
    rows = ["case,image,label,reader,class_names"]
    for case in range(5):
        image = 80.0 * (drawn(case, "anna") > 0) + rng.normal(0, 8, SHAPE)
        write_volume(root / "data" / f"c{case}.nii.gz", Volume(image.astype(np.float32), FLIPPED))
        for reader in READERS if case < 4 else ("anna",):
            name = f"c{case}_{reader}.nii.gz"
            write_label_map(root / "data" / name, LabelMap(drawn(case, reader), FLIPPED))
            rows.append(f"c{case},c{case}.nii.gz,{name},{reader},1=organ")
    (root / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / "workspace", scan(root / "data"))


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    found = made(tmp_path)
    score_workspace(found, SPEC)
    return found


def upright(ws: Workspace, case: str) -> np.ndarray:
    return np.stack([ws.load_label(case, r).upright().data for r in READERS])


def test_values_maps_and_hot_spots_lie_where_the_readers_differ(ws: Workspace) -> None:
    labels = upright(ws, "c1")
    expected = departure(labels)
    with ReviewStore.open(ws.store_url) as store:
        found = {r: store.item_scores(ItemKey("c1", r)) for r in READERS}
        spots = [s for s in store.hot_spots(BEN) if s.map_name == READER_DEPARTURE_MAP]
        queue = build_queue(store, ws.dataset.classes, "reader_departure")
        hardest = build_queue(store, ws.dataset.classes, "presence_disagreement").row(0)
        assert queue.row(0).key.case_id == "c2"
        assert queue.row(0).key.label_reader == "cleo"
        assert queue.row(1).key == BEN
        assert "this reader departs most of three at slice" in queue.row(1).reason
        assert hardest.key.case_id == "c2"
        assert "one of three readers drew nothing" in hardest.reason
    for r, quality in zip(READERS, expected.quality_by_reader, strict=True):
        assert found[r].value("reader_quality") == pytest.approx(quality)
        assert found[r].value("image_quality") == pytest.approx(expected.quality)
        assert found[r].value("reader_hd95_mm", 1) > 0
        assert np.isnan(found[r].value("reader_hd95_voxels", 1))
    geometry = ws.grid("c1").upright_reorientation().apply_geometry(ws.grid("c1"))
    for name, values in ((READER_DEPARTURE_MAP, expected.by_reader[1]), (CONSENSUS_ENTROPY_MAP, expected.entropy)):
        heat = read_map(ws, BEN, name)
        assert heat.geometry == geometry
        np.testing.assert_allclose(heat.of(1) / 255.0, values, atol=0.003)
        # in the patient: the stored label's own voxels, by world coordinates
        grid = ws.grid("c1")
        for index in np.argwhere(heat.of(1) > 0)[::7]:
            place = geometry.lps_from_index(index)
            stored = np.rint(grid.index_from_lps(place)).astype(int)
            assert drawn(1, "ben")[tuple(stored)] != drawn(1, "anna")[tuple(stored)]
    assert expected.by_reader[1][spots[0].index_zyx] > 0.5


def test_nobody_and_nobody_else(ws: Workspace) -> None:
    with ReviewStore.open(ws.store_url) as store:
        empty = store.item_scores(ItemKey("c3", "anna"))
        assert (empty.value("image_quality"), empty.value("reader_departure")) == (1.0, 0.0)
        assert "no_object" in [flag.check for flag in empty.flags]
        assert "no_object" not in [flag.check for flag in store.flags(BEN)]
        alone = store.item_scores(ItemKey("c4", "anna"))
    assert not {v.measure for v in alone.values} & set(READER_MEASURES)
    assert not set(map_names(ws, ItemKey("c4", "anna"))) & set(READER_MAPS)
    assert not has_map(ws, ItemKey("c3", "anna"), READER_DEPARTURE_MAP)
    summary = score_workspace(ws, SPEC)
    assert summary.n_scored == 0
    with ReviewStore.open(ws.store_url) as store:
        assert "no_object" in [flag.check for flag in store.flags(ItemKey("c3", "ben"))]


def test_scores_from_before_these_measures_get_them_without_a_judge(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ReviewStore.open(ws.store_url) as store:
        before = {key: store.item_scores(key) for key in ws.dataset.items}
        for key, scores in before.items():
            info: Any = store.score_info(key)
            old = tuple(v for v in scores.values if v.measure not in READER_MEASURES)
            store.put_item_scores(
                type(scores)(key, old, scores.flags, scores.hot_spots),
                fingerprint=info.fingerprint,
                spec_digest=info.spec_digest,
            )
    monkeypatch.setattr("napari_aleatoric.review._scoring._run.measure", None)  # nothing is asked again
    summary = score_workspace(ws, SPEC)
    assert (summary.n_scored, summary.n_reused) == (0, 13)
    with ReviewStore.open(ws.store_url) as store:
        for key, scores in before.items():
            now = store.item_scores(key)
            assert sorted(now.values, key=str) == sorted(scores.values, key=str)
            assert sorted(now.hot_spots, key=str) == sorted(scores.hot_spots, key=str)


def test_scores_of_all_readers_are_stale_when_one_label_changes(ws: Workspace) -> None:
    def stale() -> set[str]:
        with ReviewStore.open(ws.store_url) as store:
            store.sync_items(ws.dataset.items, ws.fingerprints())
            return {str(r.key) for r in build_queue(store, ws.dataset.classes) if r.stale}

    assert stale() == set()
    with ReviewStore.open(ws.store_url) as store:
        save_correction(ws, store, BEN, ws.load_label(*ItemKey("c1", "anna")), reader="dora")
    assert stale() == {str(ItemKey("c1", r)) for r in READERS}
    score_workspace(ws, SPEC)
    assert stale() == set()
    with ReviewStore.open(ws.store_url) as store:
        assert {store.item_scores(ItemKey("c1", r)).value("reader_spread") for r in READERS} == {0.0}


def test_a_reader_who_goes_takes_the_comparison_along(ws: Workspace) -> None:
    root = ws.dataset_root
    rows = (root / "manifest.csv").read_text().splitlines()
    (root / "manifest.csv").write_text(
        "\n".join(r for r in rows if "c1_ben" not in r and "c2_anna" not in r and "c2_ben" not in r)
    )
    ws.rescan()
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        gone = {str(r.key) for r in build_queue(store, ws.dataset.classes) if r.stale}
    assert gone == {str(ItemKey("c1", "anna")), str(ItemKey("c1", "cleo")), str(ItemKey("c2", "cleo"))}
    score_workspace(ws, SPEC)
    with ReviewStore.open(ws.store_url) as store:
        assert store.item_scores(ItemKey("c1", "anna")).value("n_readers") == 2.0
        assert store.item_scores(ItemKey("c1", "anna")).value("reader_spread") == 0.0
        assert np.isnan(store.item_scores(ItemKey("c2", "cleo")).value("n_readers"))
        assert not any(r.stale for r in build_queue(store, ws.dataset.classes))
    assert not has_map(ws, ItemKey("c2", "cleo"), READER_DEPARTURE_MAP)


def test_what_came_of_an_adjudication_is_no_readers_own(ws: Workspace) -> None:
    with ReviewStore.open(ws.store_url) as store:
        before = {r: store.item_scores(ItemKey("c1", r)).value("reader_departure") for r in READERS}
        settled = adjudicate(ws, store, "c1", by="dora")
        settled.finish(allow_open=True)
    ws = Workspace.open(ws.root)
    (own,) = (key for key in ws.dataset.items if key.case_id == "c1" and key.label_reader not in READERS)
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        assert not any(r.stale for r in build_queue(store, ws.dataset.classes))
    score_workspace(ws, SPEC)
    with ReviewStore.open(ws.store_url) as store:
        after = {r: store.item_scores(ItemKey("c1", r)).value("reader_departure") for r in READERS}
        assert after == before
        assert np.isnan(store.item_scores(own).value("n_readers"))
        assert not any(r.stale for r in build_queue(store, ws.dataset.classes))
    found = report_readers(ws)
    assert found.readers == READERS
    assert all(not case.missing for case in found.cases if len(case.readers) > 1)
