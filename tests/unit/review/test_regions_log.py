"""What was said of hot regions stays with the voxels: through another threshold, another map, another reader."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import text

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.io import Workspace, write_map
from napari_aleatoric.model import ItemKey
from napari_aleatoric.review import (
    AssignSpec,
    RegionEntry,
    RegionSpec,
    ReviewStore,
    SettledVoxels,
    assign,
    entry_on,
    list_regions,
    only_own,
)
from napari_aleatoric.review._storage._region_log import packed_voxels, unpacked_voxels
from napari_aleatoric.uncertainty import HotRegion, hot_regions

KEY = ItemKey("case_1")


def bump(shape: tuple[int, int, int], *tops: tuple[int, int, int]) -> np.ndarray:
    """Cones of heat: the higher the threshold, the smaller the regions."""
    place = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    far = np.min([np.abs(place - top).max(axis=-1) for top in tops], axis=0)
    return np.clip(250 - 40 * far, 0, 255).astype(np.uint8)


def regions(values: np.ndarray, threshold: float, class_index: int = 1) -> tuple[HotRegion, ...]:
    return hot_regions(lambda _: values, [class_index], threshold, least_part=0.0).regions


def said(region: HotRegion, kind: str = "accepted", **about: object) -> RegionEntry:
    return entry_on(
        region,
        kind,  # type: ignore[arg-type]
        **{
            "case_id": "case_1",
            "label_reader": "",
            "reader": "Ann",
            "map_name": "label_risk",
            "threshold": 0.5,
            **about,
        },  # type: ignore[arg-type]
    )


VALUES = bump((9, 20, 30), (4, 9, 7), (4, 9, 22))


def test_voxels_are_kept_exactly_and_small() -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 1, 1), (3, 5, 7), (2, 8, 8)):
        mask = rng.random(shape) < 0.4
        np.testing.assert_array_equal(unpacked_voxels(packed_voxels(mask), shape), mask)
    assert len(packed_voxels(np.ones((60, 200, 200), bool))) < 1000
    assert not unpacked_voxels(None, (2, 2, 2)).any()
    with pytest.raises(DataError, match="damaged"):
        unpacked_voxels(b"nonsense", (2, 2, 2))
    with pytest.raises(DataError, match="8 voxels"):
        unpacked_voxels(packed_voxels(np.ones((3, 3, 3), bool)), (2, 2, 2))


def test_a_region_is_settled_when_half_of_it_is() -> None:
    (left, right) = sorted(regions(VALUES, 0.5), key=lambda r: r.start_zyx[2])
    log = [said(left)]
    voxels = SettledVoxels.of(log, "label_risk")
    found = voxels.find(left)
    assert found is not None
    assert (found.part, found.entry.reader) == (1.0, "Ann")
    assert voxels.find(right) is None
    for threshold, expected in ((0.95, True), (0.7, True), (0.45, True), (0.3, False)):
        grown = next(r for r in regions(VALUES, threshold) if r.inside.shape[2] < 30 and r.start_zyx[2] <= 7)
        inside = np.zeros(VALUES.shape, bool)
        inside[left.box] = left.inside
        part = inside[grown.box][grown.inside].mean()  # by brute force
        assert bool(part >= 0.5) is expected
        assert (voxels.find(grown) is not None) is expected
    assert SettledVoxels.of(log, "ambiguity").find(left) is None, "another map asks another question"
    other_class = next(r for r in regions(VALUES, 0.5, class_index=2) if r.start_zyx == left.start_zyx)
    assert voxels.find(other_class) is not None, "the label there is right, or not, for all classes"


def test_exactly_half_is_enough_and_just_below_is_not() -> None:
    row = np.zeros((1, 1, 10), np.uint8)
    row[...] = 200
    (whole,) = regions(row, 0.5)
    for n, expected in ((5, True), (4, False)):
        part = np.zeros_like(row)
        part[..., :n] = 200
        found = SettledVoxels.of([said(regions(part, 0.5)[0])], "label_risk").find(whole)
        assert (found is not None) is expected


def test_of_two_the_later_holds_and_undo_brings_the_earlier_back(store: ReviewStore) -> None:
    region = regions(VALUES, 0.5)[0]
    first, second = said(region), said(region, "excluded", reader="Ben", barred=~region.inside)
    store.regions.append(first)
    store.regions.append(second)

    def holds() -> str:
        found = SettledVoxels.of(store.regions.of(KEY), "label_risk").find(region)
        return "open" if found is None else f"{found.entry.kind} by {found.entry.reader}"

    assert holds() == "excluded by Ben"
    kept = store.regions.of(KEY)[1]
    np.testing.assert_array_equal(kept.inside, region.inside)
    np.testing.assert_array_equal(kept.newly_barred, ~region.inside)
    assert (kept.digest, kept.threshold, kept.about["mass"]) == (region.digest, 0.5, region.mass)
    assert kept == second
    assert store.regions.undo(KEY, second.decision_id, "Ben") is not None
    assert store.regions.undo(KEY, second.decision_id, "Ben") is None, "it holds no more"
    assert holds() == "accepted by Ann"
    assert store.regions.undo(KEY, first.decision_id, "Ann") is not None
    assert holds() == "open"
    assert [e.kind for e in store.regions.of(KEY)] == ["accepted", "excluded", "undo", "undo"]
    assert [e.decision_id for e in store.regions.everything()] == [e.decision_id for e in store.regions.of(KEY)]
    assert store.regions.of(ItemKey("case_1", "other")) == []


def test_a_store_of_an_earlier_program_gets_the_table(workspace: Workspace) -> None:
    with ReviewStore.open(workspace.store_url) as store, store._engine.begin() as connection:
        connection.execute(text("DROP TABLE region_decisions"))
    with ReviewStore.open(workspace.store_url) as store:
        store.regions.append(said(regions(VALUES, 0.5)[0]))
    with ReviewStore.open(workspace.store_url) as store:
        assert len(store.regions.of(KEY)) == 1


@pytest.fixture
def scored(workspace: Workspace) -> Workspace:
    for key in workspace.dataset.items:
        grid = workspace.grid(key.case_id).upright_reorientation().apply_geometry(workspace.grid(key.case_id))
        values = bump(grid.shape_zyx, (1, 1, 1), (6, 6, 4))
        values = np.stack([np.zeros_like(values), values])  # the whole case is no class
        write_map(workspace, key, "label_risk", values[::-1], (0, 1), grid, {})
        write_map(workspace, key, "ambiguity", values, (1, 3), grid, {})
    return workspace


def test_regions_of_a_scored_label_are_listed_and_hidden_from_who_reads_blinded(scored: Workspace) -> None:
    with ReviewStore.open(scored.store_url) as store:
        store.follow(scored)
        spec = RegionSpec(map_name="ambiguity", threshold=0.9)
        listed = list_regions(scored, store, KEY, spec)
        assert [r.class_index for r in listed.regions] == [3, 3]
        assert listed.n_open == 2
        unit = scored.grid("case_1").voxel_volume_ml
        assert listed.regions[0].mass == pytest.approx(unit * 250 / 255)
        store.regions.append(said(listed.regions[0], map_name="ambiguity"))
        assert list_regions(scored, store, KEY, spec).n_open == 1
        assert (
            list_regions(scored, store, KEY, RegionSpec(map_name="ambiguity", threshold=0.9, classes=(1,))).regions
            == ()
        )
        assert list_regions(scored, store, KEY).regions == (), "of the whole case there are no regions"
        assign(scored, store, AssignSpec(readers=("Ada",), rule="listed", cases=("case_1",)))
        seen, blind = only_own(scored, store, "Ada")
        assert blind.regions.of(KEY) == []
        assert blind.regions.everything() == []
        assert len(store.regions.of(KEY)) == 1
        with pytest.raises(NotFoundError):
            list_regions(seen, blind, KEY, spec)
        store.regions.append(replace(said(listed.regions[0]), case_id="case_0"))
        assert len(blind.regions.of(ItemKey("case_0"))) == 1
