"""A draft that nobody decided on is kept as a machine's proposal, on its grid, and forgotten with the decision."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.io import Workspace, read_label_map, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, Volume
from napari_aleatoric.segmentation import Query
from napari_aleatoric.session import (
    DraftPointing,
    DraftSlice,
    ProposalKeeper,
    SlicePlane,
    TextDraft,
    WholeVolume,
)
from napari_aleatoric.session._item import ItemData

OBLIQUE = Geometry(
    (6, 8, 10), (4.0, 0.8, 0.7), (-12.0, 30.0, -7.0), ((0.8, -0.6, 0.0), (0.6, 0.8, 0.0), (0.0, 0.0, 1.0))
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for name in ("images", "labels"):
        (tmp_path / "data" / name).mkdir(parents=True)
    rng = np.random.default_rng(2)
    image = Volume(rng.integers(0, 99, OBLIQUE.shape_zyx).astype(np.int16), OBLIQUE)
    write_volume(tmp_path / "data" / "images" / "one.nii.gz", image)
    write_label_map(
        tmp_path / "data" / "labels" / "one.nii.gz", LabelMap(np.ones(OBLIQUE.shape_zyx, np.uint8), OBLIQUE)
    )
    return Workspace.create(tmp_path / "review", scan(tmp_path / "data"))


def item_of(workspace: Workspace) -> Any:
    image = workspace.load_image("one").upright()
    label = np.ones(image.data.shape, np.uint8)
    blank = dict.fromkeys(ItemData.__dataclass_fields__)
    return ItemData(
        **{
            **blank,
            "key": ItemKey("one", ""),
            "image": image,
            "stored_geometry": OBLIQUE,
            "label": label,
            "label_version": "",
        }
    )


def draft_of(item: Any, region: Any) -> TextDraft:
    label = np.zeros(item.image.data.shape, np.uint8)
    label[2, 3:6, 4:7] = 1
    query = Query("liver", ("A CT slice of the liver.", "The liver."))
    return TextDraft(query, "CT", region, label, (), "'liver' outlined.", 0.25, "seer", "sam-small")


def settled(keeper: ProposalKeeper, calls: queue.Queue[Callable[[], None]]) -> None:
    keeper._worker.submit(9, lambda: None).result(60)
    while not calls.empty():
        calls.get()()


@pytest.mark.parametrize("region", [SlicePlane(0, 2, 1, 2), WholeVolume()])
def test_kept_recalled_and_forgotten(workspace: Workspace, region: Any) -> None:
    calls: queue.Queue[Callable[[], None]] = queue.Queue()
    keeper, item, found = ProposalKeeper(calls.put), item_of(workspace), []
    draft = draft_of(item, region)
    keeper.keep(workspace, item, draft)
    draft.label[...] = 0  # what is done afterwards is not what was kept
    wanted = draft_of(item, region)
    keeper.recall(workspace, item, found.append)
    settled(keeper, calls)
    (kept,) = found
    assert np.array_equal(kept.label, wanted.label)
    assert (kept.query, kept.region, kept.score) == (wanted.query, region, 0.25)
    assert kept.made_by == wanted.made_by
    assert "neither accepted nor rejected" in kept.sentence

    folder = workspace.root / "proposals" / "one"
    mask, record = sorted(folder.glob("*.nii.gz")), sorted(folder.glob("*.json"))
    assert read_label_map(mask[0]).geometry.same_grid(item.image.geometry, 1e-3)
    assert "machine" in json.loads(record[0].read_text())["status"]
    assert np.array_equal(workspace.load_label("one").data, np.ones(OBLIQUE.shape_zyx)), "the label is not touched"

    other = replace(
        item, image=Volume(item.image.data, replace(item.image.geometry, spacing_zyx_mm=(5.0, 1.0, 1.0)))
    )
    keeper.recall(workspace, other, found.append)  # the image was replaced by one on another grid
    settled(keeper, calls)
    assert len(found) == 1

    keeper.forget(workspace, item.key)
    keeper.recall(workspace, item, found.append)
    settled(keeper, calls)
    assert len(found) == 1
    assert not list(folder.iterdir())
    keeper.close()


BOX = DraftPointing((1.0, 2.5, 4.0, 6.0), ((2.0, 3.0),), ((4.5, 5.0), (1.5, 2.5)))
POINT = DraftPointing(inside_xy=((3.0, 1.0),))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_boxes_and_points_are_there_again_as_they_were_last(workspace: Workspace, axis: int) -> None:
    calls: queue.Queue[Callable[[], None]] = queue.Queue()
    keeper, item, found = ProposalKeeper(calls.put), item_of(workspace), []
    down, right = (each for each in range(3) if each != axis)
    shape = (item.label.shape[down], item.label.shape[right])
    seen = np.ones(shape, np.float32)
    part = DraftSlice(SlicePlane(axis, 2, down, right), seen, seen > 0, (replace(BOX, inside_xy=()),))
    draft = replace(draft_of(item, WholeVolume()), slices=(part,))
    keeper.keep(workspace, item, draft, {2: (BOX,), 4: (POINT, BOX)})
    keeper.recall(workspace, item, found.append)
    settled(keeper, calls)
    (kept,) = found
    assert kept.axis == axis
    assert [(s.plane, s.pointings) for s in kept.slices] == [
        (SlicePlane(axis, 2, down, right), (BOX,)),
        (SlicePlane(axis, 4, down, right), (POINT, BOX)),
    ]
    assert all(s.saliency.shape == s.coarse.shape == shape and not s.saliency.any() for s in kept.slices)
    keeper.close()


def test_a_proposal_of_an_older_version_has_no_boxes_and_opens(workspace: Workspace) -> None:
    calls: queue.Queue[Callable[[], None]] = queue.Queue()
    keeper, item, found = ProposalKeeper(calls.put), item_of(workspace), []
    keeper.keep(workspace, item, draft_of(item, WholeVolume()), {2: (BOX,), 99: (BOX,)})
    keeper.recall(workspace, item, found.append)
    settled(keeper, calls)
    assert [s.plane.index for s in found[0].slices] == [2], "a slice that is not there is left out"
    (record,) = (workspace.root / "proposals" / "one").glob("*.json")
    content = json.loads(record.read_text())
    del content["slices"]
    record.write_text(json.dumps(content))
    keeper.recall(workspace, item, found.append)
    settled(keeper, calls)
    assert found[1].slices == ()
    assert np.array_equal(found[1].label, found[0].label)
    keeper.close()
