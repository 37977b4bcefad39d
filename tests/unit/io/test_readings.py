"""Readings: labels made in the program are labels of the data set once they are answered, and missing before."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from napari_aleatoric.errors import DataError, GeometryMismatchError, NotFoundError, WorkspaceError
from napari_aleatoric.io import (
    Workspace,
    answer_reading,
    begin_reading,
    check_reader_name,
    item_folder_name,
    read_reading,
    reading_of,
    readings,
    reinstate_reading,
    scan,
    withdraw_reading,
)
from napari_aleatoric.model import Geometry, ItemKey, LabelMap

ADA = ItemKey("c1", "Ada")


@pytest.fixture
def workspace(tmp_path, put_image, put_label):
    for k in (1, 2):
        put_image(tmp_path / f"data/images/c{k}.nii.gz", k)
        put_label(tmp_path / f"data/labels/c{k}.nii.gz", 1, 3)
    return Workspace.create(tmp_path / "work", scan(tmp_path / "data"))


def drawn(workspace, value=3):
    grid = workspace.grid("c1")
    data = np.zeros(grid.shape_zyx, np.uint8)
    data[1, 2:4, 0] = value
    return LabelMap(data, grid, "Ada")


def test_a_reading_is_missing_until_it_is_answered(workspace):
    items, prints = workspace.dataset.items, workspace.fingerprints()
    begin_reading(workspace, ADA)
    assert reading_of(workspace, ADA).state == "open"
    assert not read_reading(workspace, ADA).data.any()
    for handle in (workspace, Workspace.open(workspace.root)):
        assert handle.dataset.items == items
        assert handle.dataset.readers == ("",)
        with pytest.raises(NotFoundError, match="no label by reader 'Ada'"):
            handle.load_label(*ADA)
    assert workspace.fingerprints() == prints
    done = answer_reading(workspace, ADA, drawn(workspace), correction_id="v1")
    assert (done.state, done.correction_id, done.answered_by) == ("answered", "v1", "Ada")
    for handle in (workspace, Workspace.open(workspace.root)):
        assert handle.dataset.items == (ItemKey("c1"), ADA, ItemKey("c2"))
        assert handle.dataset.readers == ("", "Ada")
        assert (handle.load_label(*ADA).data == drawn(workspace).data).all()
        assert handle.load_label(*ADA).geometry == handle.grid("c1")
        assert set(handle.fingerprints()) == set(handle.dataset.items)
        assert handle.fingerprints()[ItemKey("c1")] == prints[ItemKey("c1")]


def test_only_an_explicit_call_shows_open_readings_and_only_ones_own(workspace):
    begin_reading(workspace, ADA)
    begin_reading(workspace, ItemKey("c1", "Ben"))
    begin_reading(workspace, ItemKey("c2", "Cleo"))
    seen = workspace.seen_by("Ada")
    assert seen.dataset.items == (ItemKey("c1"), ADA, ItemKey("c2"))
    assert not seen.load_label(*ADA).data.any()
    assert workspace.dataset.items == (ItemKey("c1"), ItemKey("c2"))
    assert [r.key.label_reader for r in readings(workspace, state="open")] == ["Ada", "Ben", "Cleo"]
    assert [r.key for r in readings(workspace, reader="Ben")] == [ItemKey("c1", "Ben")]


def test_an_empty_answer_is_no_missing_one(workspace):
    begin_reading(workspace, ADA)
    answer_reading(workspace, ADA)
    assert ADA in workspace.dataset.items
    assert not workspace.load_label(*ADA).data.any()


def test_withdrawn_is_missing_and_can_be_brought_back(workspace):
    begin_reading(workspace, ADA)
    answer_reading(workspace, ADA, drawn(workspace))
    withdraw_reading(workspace, ADA, by="chief")
    assert ADA not in workspace.dataset.items
    assert reading_of(workspace, ADA).withdrawn_by == "chief"
    with pytest.raises(WorkspaceError, match="withdrawn already"):
        withdraw_reading(workspace, ADA)
    assert reinstate_reading(workspace, ADA).state == "answered"
    assert workspace.load_label(*ADA).data.any()
    with pytest.raises(WorkspaceError, match="not withdrawn"):
        reinstate_reading(workspace, ADA)
    withdraw_reading(workspace, ADA)
    again = begin_reading(workspace, ADA)
    assert (again.state, len(again.earlier), again.earlier[0]["withdrawn_by"]) == ("open", 1, "Ada")
    assert not read_reading(workspace, ADA).data.any()


def test_wrong_steps_are_refused_and_change_nothing(workspace):
    with pytest.raises(NotFoundError, match="no reading of c1 \\(Ada\\)"):
        answer_reading(workspace, ADA)
    begin_reading(workspace, ADA)
    with pytest.raises(WorkspaceError, match="has begun a reading"):
        begin_reading(workspace, ADA)
    other = LabelMap(np.zeros((2, 2, 2), np.uint8), Geometry((2, 2, 2), (1.0, 1.0, 1.0)))
    with pytest.raises(GeometryMismatchError):
        answer_reading(workspace, ADA, other)
    assert reading_of(workspace, ADA).state == "open"
    answer_reading(workspace, ADA, drawn(workspace))
    with pytest.raises(WorkspaceError, match="is answered"):
        answer_reading(workspace, ADA, drawn(workspace, 1))
    with pytest.raises(WorkspaceError, match="has answered"):
        begin_reading(workspace, ADA)
    assert set(np.unique(workspace.load_label(*ADA).data)) == {0, 3}
    with pytest.raises(NotFoundError, match="no case 'c9'"):
        begin_reading(workspace, ItemKey("c9", "Ada"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "got nothing"),
        ("  ", "got nothing"),
        ("x" * 65, "got 65"),
        ("a\nb", "cannot be shown"),
        ("\x07", "shown"),
    ],
)
def test_names_that_cannot_be_a_readers(workspace, name, words):
    with pytest.raises(DataError, match=words):
        begin_reading(workspace, ItemKey("c1", name))
    assert readings(workspace) == ()


def test_names_that_differ_in_capital_letters_only_are_one_file_on_some_systems(workspace):
    begin_reading(workspace, ADA)
    with pytest.raises(WorkspaceError, match="capital letters only"):
        begin_reading(workspace, ItemKey("c1", "ADA"))
    begin_reading(workspace, ItemKey("c2", "ADA"))  # another case
    with pytest.raises(WorkspaceError, match="by 'label'"):  # what the reader without a name is called
        begin_reading(workspace, ItemKey("c1", "Label"))


@given(st.text(min_size=1, max_size=64), st.text(min_size=1, max_size=64))
def test_different_readers_never_share_a_file(one, two):
    try:
        a, b = check_reader_name(one), check_reader_name(two)
    except DataError:
        return
    names = [item_folder_name(ItemKey("c", reader)) for reader in (a, b)]
    if a != b:
        assert names[0].casefold() != names[1].casefold()
    assert not set(names[0]) & set('/\\:*?"<>|')
    assert names[0].split(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}


def test_reserved_names_and_strange_ones_are_kept_apart(workspace):
    for reader in ("con", "nul", "../x", "Zoë", "李雷", "a.b", "."):
        begin_reading(workspace, ItemKey("c1", reader))
        answer_reading(workspace, ItemKey("c1", reader))
    assert set(workspace.dataset.readers) == {"", "con", "nul", "../x", "Zoë", "李雷", "a.b", "."}
    folder = workspace.root / "readings"
    assert {p.parent.name for p in folder.rglob("*") if p.is_file()} == {"c1"}


def _oblique():
    a, b = 0.4, 0.3
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    rz = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return rz @ rx


@pytest.mark.parametrize(
    "direction",
    [np.eye(3), np.diag([-1.0, -1.0, 1.0]), np.diag([1.0, 1.0, -1.0]), np.eye(3)[[1, 2, 0]], _oblique()],
    ids=["plain", "flipped", "upside-down", "sagittal", "oblique"],
)
def test_a_reading_lies_on_exactly_the_images_grid(tmp_path, direction):
    image = sitk.GetImageFromArray(np.random.default_rng(0).normal(size=(5, 7, 6)).astype(np.float32))
    image.SetSpacing((0.7, 1.3, 4.1))
    image.SetOrigin((-31.5, 12.25, 90.0))
    image.SetDirection(direction.ravel().tolist())
    for folder in ("images", "labels"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    sitk.WriteImage(image, str(tmp_path / "data/images/c1.nii.gz"))
    sitk.WriteImage(sitk.Cast(image > 1, sitk.sitkUInt8), str(tmp_path / "data/labels/c1.nii.gz"))
    workspace = Workspace.create(tmp_path / "work", scan(tmp_path / "data"))
    seen = workspace.load_label("c1").upright()
    painted = np.zeros_like(seen.data)
    painted[1, 2, 3] = 1
    begin_reading(workspace, ADA)
    answer_reading(workspace, ADA, replace(seen, data=painted))
    (path,) = workspace.dataset.case("c1").label_of("Ada").paths
    written, given = sitk.ReadImage(str(path)), sitk.ReadImage(str(tmp_path / "data/images/c1.nii.gz"))
    assert written.GetSize() == given.GetSize()
    for what in ("GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(written, what)(), getattr(given, what)(), atol=1e-5)
    one = nibabel.load(path)
    np.testing.assert_allclose(one.affine, nibabel.load(tmp_path / "data/images/c1.nii.gz").affine, atol=1e-4)
    where = np.argwhere(np.asarray(one.dataobj) == 1)
    assert len(where) == 1  # the painted voxel is where the upright grid says, for nibabel as well
    ras = (one.affine @ [*where[0], 1])[:3]
    np.testing.assert_allclose(ras * [-1, -1, 1], seen.geometry.lps_from_index((1, 2, 3)), atol=1e-3)
    assert (workspace.load_label(*ADA).upright().data == painted).all()


def test_flat_colour_pictures_have_readings(tmp_path):
    from PIL import Image

    for folder in ("images", "labels"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 8, 3), np.uint8)).save(
        tmp_path / "data/images/p.png"
    )
    Image.fromarray(np.eye(9, 8, dtype=np.uint8)).save(tmp_path / "data/labels/p.png")
    workspace = Workspace.create(tmp_path / "work", scan(tmp_path / "data"))
    key, grid = ItemKey("p", "Ada"), workspace.grid("p")
    begin_reading(workspace, key)
    data = np.zeros(grid.shape_zyx, np.uint8)
    data[0, 2, 5] = 1
    answer_reading(workspace, key, LabelMap(data, grid))
    found = Workspace.open(workspace.root).load_label(*key)
    assert (found.data == data).all()
    assert not found.geometry.spacing_known


def test_rescan_keeps_readings_and_tells_of_new_ones(workspace, tmp_path, put_label):
    elsewhere = Workspace.open(workspace.root)
    assert elsewhere.dataset.items == workspace.dataset.items
    begin_reading(workspace, ADA)
    assert not elsewhere.rescan()
    answer_reading(workspace, ADA, drawn(workspace))
    assert ADA not in elsewhere.dataset.items
    assert elsewhere.rescan().changed == ("c1",)
    assert ADA in elsewhere.dataset.items
    assert not elsewhere.rescan()
    assert "Ada" not in (workspace.root / "workspace.json").read_text()
    (tmp_path / "data").rename(tmp_path / "moved")
    moved = Workspace.relocate(workspace.root, tmp_path / "moved")
    assert moved.load_label(*ADA).data.any()
    (tmp_path / "moved/images/c1.nii.gz").unlink()
    (tmp_path / "moved/labels/c1.nii.gz").unlink()
    moved.rescan()
    assert moved.dataset.items == (ItemKey("c2"),)
    assert readings(moved, state="answered")[0].key == ADA


def test_a_damaged_record_or_a_lost_label_is_said_and_hides_nothing_else(workspace):
    for reader in ("Ada", "Ben", "Cleo"):
        begin_reading(workspace, ItemKey("c1", reader))
        answer_reading(workspace, ItemKey("c1", reader))
    folder = workspace.root / "readings/c1"
    next(folder.glob("Ada*.json")).write_text("{}")
    next(folder.glob("Ben*.nii.gz")).unlink()
    found = Workspace.open(workspace.root).dataset
    assert found.readers == ("", "Cleo")
    assert ["damaged" in p.sentence or "not in the workspace" in p.sentence for p in found.problems] == [True, True]


def test_a_killed_writer_leaves_the_old_state(workspace, monkeypatch):
    begin_reading(workspace, ADA)
    import napari_aleatoric.io._readings as module

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "keep_record", die)
    with pytest.raises(KeyboardInterrupt):
        answer_reading(workspace, ADA, drawn(workspace))
    monkeypatch.undo()
    assert reading_of(workspace, ADA).state == "open"
    assert ADA not in Workspace.open(workspace.root).dataset.items
    assert answer_reading(workspace, ADA, drawn(workspace)).state == "answered"


_MANY = """
import sys
from napari_aleatoric.errors import WorkspaceError
from napari_aleatoric.io import Workspace, answer_reading, begin_reading
from napari_aleatoric.model import ItemKey
root, me = sys.argv[1:]
ws = Workspace.open(__import__("pathlib").Path(root))
won = 0
for k in range(12):
    begin_reading(ws, ItemKey("c1", f"{me}-{k}"))
    answer_reading(ws, ItemKey("c1", f"{me}-{k}"))
    try:
        begin_reading(ws, ItemKey("c2", f"both-{k}"), by=me)
        won += 1
    except WorkspaceError:
        pass
print(won)
"""


def test_processes_at_once_lose_nothing_and_begin_nothing_twice(workspace):
    children = [
        subprocess.Popen([sys.executable, "-c", _MANY, str(workspace.root), me], stdout=subprocess.PIPE, text=True)
        for me in ("one", "two", "three")
    ]
    won = [int(child.communicate(timeout=300)[0]) for child in children]
    assert sum(won) == 12  # each of the shared readings was begun by exactly one of them
    found = Workspace.open(workspace.root)
    assert len(found.dataset.case("c1").labels) == 1 + 36
    assert len(readings(found, state="open")) == 12
    by = [r.begun_by for r in readings(found, state="open")]
    assert [by.count(me) for me in ("one", "two", "three")] == won


def test_a_reader_who_has_a_label_in_the_data_set_corrects_that_one(tmp_path, put_image, put_label):
    put_image(tmp_path / "data/c1/image.nii.gz")
    for reader in ("Ada", "Ben"):
        put_label(tmp_path / f"data/c1/{reader}.nii.gz", 1)
    lines = ["case,image,label,reader"] + [f"c1,c1/image.nii.gz,c1/{r}.nii.gz,{r}" for r in ("Ada", "Ben")]
    (tmp_path / "data/manifest.csv").write_text("\n".join(lines))
    workspace = Workspace.create(tmp_path / "work", scan(tmp_path / "data"))
    for reader in ("Ada", "ben"):
        with pytest.raises(WorkspaceError, match="The data set has a label of c1"):
            begin_reading(workspace, ItemKey("c1", reader))
    begin_reading(workspace, ItemKey("c1", "Cleo"), start=workspace.load_label("c1", "Ben"), started_from="Ben")
    seen = workspace.seen_by("Cleo")
    assert seen.dataset.readers == ("Ada", "Ben", "Cleo")
    assert (seen.load_label("c1", "Cleo").data == workspace.load_label("c1", "Ben").data).all()
    record = json.loads(next((workspace.root / "readings/c1").glob("*.json")).read_text())
    assert record["started_from"] == "Ben"
