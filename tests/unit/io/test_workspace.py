"""The workspace remembers the data set, notices changes, and keeps voxel maps."""

import json
import os
import time

import numpy as np
import pytest

from napari_aleatoric.errors import DataError, NotFoundError, WorkspaceError
from napari_aleatoric.io import (
    Workspace,
    has_map,
    item_folder_name,
    map_names,
    read_map,
    remove_maps,
    scan,
    write_map,
)
from napari_aleatoric.model import Geometry, ItemKey


@pytest.fixture
def data(tmp_path, put_image, put_label):
    for k in (1, 2, 3):
        put_image(tmp_path / f"data/images/c{k}.nii.gz", k)
        put_label(tmp_path / f"data/labels/c{k}.nii.gz", 1, 3)
    return tmp_path / "data"


@pytest.fixture
def workspace(data, tmp_path):
    return Workspace.create(tmp_path / "work", scan(data))


def test_opening_gives_back_what_was_scanned(data, workspace):
    again = Workspace.open(workspace.root)
    assert again.dataset == scan(data)
    assert Workspace.is_workspace(workspace.root)
    assert not Workspace.is_workspace(data)
    assert again.store_url == f"sqlite:///{workspace.root.as_posix()}/review.db"
    assert all(p.is_dir() for p in (again.maps_dir, again.embeddings_dir, again.corrections_dir, again.runs_dir))


def test_the_data_set_is_never_written_to(data, tmp_path):
    before = {p: p.stat().st_mtime_ns for p in data.rglob("*")}
    dataset = scan(data)
    for root in (data, data / "inside"):
        with pytest.raises(WorkspaceError, match="inside the data set"):
            Workspace.create(root, dataset)
    workspace = Workspace.create(tmp_path / "w", dataset)
    workspace.load_image("c1")
    workspace.load_label("c1")
    workspace.rescan()
    assert {p: p.stat().st_mtime_ns for p in data.rglob("*")} == before


def test_loading_puts_the_label_on_the_images_grid(workspace):
    image, label = workspace.load_image("c2"), workspace.load_label("c2")
    assert label.geometry == image.geometry
    assert set(np.unique(label.data)) == {0, 1, 3}
    with pytest.raises(NotFoundError, match="no case 'c9'"):
        workspace.load_image("c9")


def test_the_path_is_relative_only_below_the_workspace(tmp_path, put_image, put_label, workspace, data):
    assert json.loads((workspace.root / "workspace.json").read_text())["dataset"]["root"] == str(data.resolve())
    put_image(tmp_path / "w2/data/images/a.nii.gz")
    put_label(tmp_path / "w2/data/labels/a.nii.gz", 1)
    inner = Workspace.create(tmp_path / "w2", scan(tmp_path / "w2/data"))
    assert json.loads((inner.root / "workspace.json").read_text())["dataset"]["root"] == "data"
    (tmp_path / "w2").rename(tmp_path / "w3")  # workspace and data move together
    assert Workspace.open(tmp_path / "w3").load_label("a").data.any()


def test_a_moved_data_set_is_found_again(tmp_path, data, workspace):
    data.rename(tmp_path / "elsewhere")
    with pytest.raises(WorkspaceError, match="no longer at"):
        Workspace.open(workspace.root)
    (tmp_path / "wrong").mkdir()
    with pytest.raises(WorkspaceError, match="is not the data set of this workspace"):
        Workspace.relocate(workspace.root, tmp_path / "wrong")
    moved = Workspace.relocate(workspace.root, tmp_path / "elsewhere")
    assert moved.load_label("c1").data.any()
    assert Workspace.open(workspace.root).dataset.root == tmp_path / "elsewhere"


def test_wrong_folders_are_refused(tmp_path, workspace, data):
    with pytest.raises(WorkspaceError, match="is not a workspace"):
        Workspace.open(tmp_path)
    with pytest.raises(WorkspaceError, match="is a workspace already"):
        Workspace.create(workspace.root, scan(data))
    path = workspace.root / "workspace.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"format_version": 99}))
    with pytest.raises(WorkspaceError, match="has format 99"):
        Workspace.open(workspace.root)
    path.write_text(json.dumps(content)[:200])
    with pytest.raises(WorkspaceError, match="damaged"):
        Workspace.open(workspace.root)
    path.write_text(json.dumps(content | {"dataset": {"root": str(data)}}))
    with pytest.raises(WorkspaceError, match="damaged"):
        _ = Workspace.open(workspace.root).dataset


def test_rescan_finds_added_removed_and_changed_cases(data, workspace, put_image, put_label):
    assert not workspace.rescan()
    prints = workspace.fingerprints()
    put_image(data / "images/c4.nii.gz")
    put_label(data / "labels/c4.nii.gz", 1)
    (data / "labels/c1.nii.gz").unlink()
    put_label(data / "labels/c2.nii.gz", 1, 3, 3)
    change = workspace.rescan()
    assert change.added == ("c4",)
    assert change.removed == ("c1",)
    assert change.changed == ("c2",)
    assert not change.classes_changed
    assert Workspace.open(workspace.root).dataset == workspace.dataset
    after = workspace.fingerprints()
    assert after[ItemKey("c3")] == prints[ItemKey("c3")]
    assert after[ItemKey("c2")] != prints[ItemKey("c2")]
    put_label(data / "labels/c3.nii.gz", 1, 9)
    assert workspace.rescan().classes_changed


def test_a_touched_file_of_the_same_size_is_noticed(data, workspace):
    before = workspace.fingerprint("c1")
    path = data / "images/c1.nii.gz"
    later = time.time_ns() + 5_000_000_000
    os.utime(path, ns=(later, later))
    assert workspace.fingerprint("c1") != before


def test_rescan_repeats_the_users_choices(data, tmp_path, put_label):
    workspace = Workspace.create(tmp_path / "w", scan(data, class_names={3: "disc"}, spacing_known=False))
    assert not workspace.rescan()
    assert workspace.dataset.classes.names == {3: "disc"}
    assert not workspace.load_image("c1").geometry.spacing_known
    assert workspace.load_image("c1").geometry == workspace.load_label("c1").geometry


# --- voxel maps ---

KEY = ItemKey("c1", "Anna/B")
GRID = Geometry((3, 4, 5), (2.0, 1.0, 1.0))


def test_maps_come_back_in_steps_of_a_byte(workspace):
    values = np.random.default_rng(0).random((2, 3, 4, 5)).astype(np.float32)
    values[0, 0, 0, :2] = 0, 1
    write_map(workspace, KEY, "label_risk", values, [0, 2], GRID, {"seed": 4})
    found = read_map(workspace, KEY, "label_risk")
    assert found.class_indices == (0, 2)
    assert found.geometry == GRID
    assert found.spec == {"seed": 4}
    np.testing.assert_allclose(found.values, values, atol=0.5 / 255 + 1e-6)
    assert found.of(2).dtype == np.uint8
    assert (found.of(2) == np.rint(values[1] * 255)).all()
    assert found.of(0)[0, 0, :2].tolist() == [0, 255]
    with pytest.raises(NotFoundError, match="no class 1"):
        found.of(1)


def test_maps_are_replaced_listed_and_removed(workspace):
    for value in (0.2, 0.6):
        write_map(workspace, KEY, "label_risk", np.full((1, 3, 4, 5), value), [1], GRID, {})
    assert read_map(workspace, KEY, "label_risk").of(1).ravel().tolist() == [153] * 60
    write_map(workspace, KEY, "ambiguity", np.zeros((1, 3, 4, 5), np.uint8), [1], GRID, {})
    assert map_names(workspace, KEY) == ("ambiguity", "label_risk")
    assert not has_map(workspace, ItemKey("c1"), "label_risk")  # another reader of the same case
    remove_maps(workspace, KEY, "ambiguity")
    assert map_names(workspace, KEY) == ("label_risk",)
    remove_maps(workspace, KEY)
    assert not has_map(workspace, KEY, "label_risk")
    with pytest.raises(NotFoundError, match="Score it first"):
        read_map(workspace, KEY, "label_risk")
    leftovers = [p for p in workspace.maps_dir.rglob("*") if p.is_file()]
    assert leftovers == []


@pytest.mark.parametrize(
    ("values", "indices", "word"),
    [
        (np.zeros((1, 3, 4, 5)), [1, 2], "Expected a map of shape"),
        (np.zeros((1, 3, 4, 6)), [1], "Expected a map of shape"),
        (np.full((1, 3, 4, 5), 1.5), [1], "from 0 to 1"),
        (np.full((1, 3, 4, 5), np.nan), [1], "from 0 to 1"),
        (np.zeros((1, 3, 4, 5), np.int64), [1], "floats from 0 to 1"),
        (np.zeros((2, 3, 4, 5)), [1, 1], "once"),
    ],
)
def test_maps_that_make_no_sense_are_refused(workspace, values, indices, word):
    with pytest.raises(DataError, match=word):
        write_map(workspace, KEY, "m", values, indices, GRID, {})
    assert not has_map(workspace, KEY, "m")


def test_large_maps_are_cut_into_chunks(workspace):
    grid = Geometry((9, 1024, 1024))
    values = np.zeros((1, *grid.shape_zyx), np.uint8)
    values[0, 8, 5, 7] = 9
    write_map(workspace, KEY, "m", values, [1], grid, {})
    assert read_map(workspace, KEY, "m").of(1)[8, 5, 7] == 9


def test_reader_folders_cannot_collide():
    names = ["", "label", "anna", "Anna", "an/na", "an_na", "an:na", "ärztin"]
    folders = [item_folder_name(ItemKey("c", name)) for name in names]
    assert len({f.casefold() for f in folders}) == len(names)
    assert not any(set(f) & set('/\\:*?"<>|') for f in folders)
    assert item_folder_name(ItemKey("c", "anna")) == "anna"
