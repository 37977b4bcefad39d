"""``regions``: what is hot in each label, and what was said of it."""

from __future__ import annotations

import numpy as np

from napari_aleatoric.io import Workspace, write_map
from napari_aleatoric.model import ItemKey
from napari_aleatoric.review import AssignSpec, RegionSpec, ReviewStore, assign, entry_on, list_regions


def hot_workspace(root) -> tuple[Workspace, ItemKey]:
    ws = Workspace.open(root)
    key = ws.dataset.items[0]
    stored = ws.grid(key.case_id)
    grid = stored.upright_reorientation().apply_geometry(stored)
    values = np.zeros((2, *grid.shape_zyx), np.uint8)
    values[0, 1:4, 2:6, 2:6] = 204
    values[1, 2, -4:, -4:] = 102
    write_map(ws, key, "label_risk", values, (1, 3), grid, {})
    return ws, key


def test_regions_are_listed_heaviest_first_with_what_was_said(workspace, call, call_json):
    status, _, err = call("regions", workspace)
    assert status == 1
    assert "Score them first" in err
    ws, key = hot_workspace(workspace)
    answer = call_json("regions", workspace, "--case", key.case_id)
    (item,) = answer["items"]
    assert (item["case"], item["left"], item["smaller"], item["mass_unit"]) == (key.case_id, 2, 0, "ml")
    first, second = item["regions"]
    ml = ws.grid(key.case_id).voxel_volume_ml
    assert (first["first_slice"], first["last_slice"], first["n_voxels"]) == (2, 4, 48)
    np.testing.assert_allclose([first["volume_ml"], first["mass"], first["mean"]], [48 * ml, 48 * 0.8 * ml, 0.8])
    assert first["place"].startswith("right, anterior")
    assert second["place"].startswith("left, posterior")
    assert [first["class_index"], second["class_index"]] == [1, 3]
    with ReviewStore.open(ws.store_url) as store:
        store.follow(ws)
        region = list_regions(ws, store, key, RegionSpec()).regions[0]
        about = {**key._asdict(), "reader": "Ann", "map_name": "label_risk", "threshold": 0.25}
        store.regions.append(entry_on(region, "accepted", **about))
    status, out, _ = call("regions", workspace, "--case", key.case_id)
    assert status == 0
    assert "accepted (Ann)" in out
    assert "1 of 2 regions left." in out
    left = call_json("regions", workspace, "--open", "--threshold", "0.41")
    assert [row["class_index"] for i in left["items"] for row in i["regions"]] == []
    assert left["items"][0]["left"] == 0
    assert len(left["not_scored"]) == 5


def test_who_reads_blinded_is_told_nothing_of_the_map(workspace, call, call_json):
    ws, key = hot_workspace(workspace)
    with ReviewStore.open(ws.store_url) as store:
        store.follow(ws)
        assign(ws, store, AssignSpec(readers=("Ada",), rule="listed", cases=(key.case_id,)))
    assert len(call_json("regions", workspace, "--reader", "Ben")["items"]) == 1
    status, out, err = call("regions", workspace, "--reader", "Ada")
    assert status == 1
    assert "class" not in out
    assert "Score them first" in err
