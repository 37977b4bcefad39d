"""The layer for what is not to be learned from: its brush, its undo, its place in the world."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import zarr
from napari.components import ViewerModel

from napari_aleatoric.io import read_map
from napari_aleatoric.review import WEIGHT_MAP
from napari_aleatoric.session import ReviewSession, open_path, prepare
from napari_aleatoric.viewer import BARRED, BarredLayer, Stage

SHAPE_XYZ = (9, 11, 7)
TURN = np.linalg.qr(np.array([[0.94, -0.29, 0.2], [0.31, 0.94, -0.1], [-0.16, 0.15, 0.98]]))[0]  # oblique
AFFINES = {  # RAS+, as in a file: columns are the steps along i, j, k
    "plain": np.diag([1.0, 1.0, 1.0, 1.0]),
    "flipped": np.diag([-1.0, 1.0, -1.0, 1.0]),
    "anisotropic": np.diag([0.7, 0.8, 5.0, 1.0]),
    "axes swapped": np.array([[0, 0, 2.5, 0], [-0.6, 0, 0, 0], [0, 0.9, 0, 0], [0, 0, 0, 1.0]]),
    "oblique and flipped": np.block(
        [[TURN @ np.diag([-0.7, 0.9, 3.0]), np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]]
    ),
}


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


Opened = tuple[ReviewSession, Stage, BarredLayer]


@pytest.fixture
def open_data(viewer: ViewerModel, tmp_path: Path) -> Callable[..., Opened]:
    """Open two cases, each with one bright voxel at a place of its file, in layers without a window."""

    def make(affine: np.ndarray, bright_ijk: tuple[int, int, int] = (2, 7, 4)) -> Opened:
        affine = affine.copy()
        affine[:3, 3] = (12.0, -31.0, 47.0)
        for name in ("a", "b"):
            image = np.full(SHAPE_XYZ, 10, np.int16)
            image[bright_ijk] = 900
            label = np.zeros(SHAPE_XYZ, np.uint8)
            label[3:6, 3:6, 2:5] = 1
            for folder, data in (("imagesTr", image), ("labelsTr", label)):
                (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
                nib.save(nib.Nifti1Image(data, affine), tmp_path / "data" / folder / f"{name}.nii.gz")
        about = {"labels": {"background": 0, "liver": 1}, "channel_names": {"0": "CT"}, "file_ending": ".nii.gz"}
        (tmp_path / "data" / "dataset.json").write_text(json.dumps({**about, "numTraining": 2}))
        session = ReviewSession(reader="ann")
        stage = Stage(viewer, on_painted=session.painted)
        barred = BarredLayer(
            viewer,
            lambda: stage.label_layer,
            session.barred_painted,
            lambda on: setattr(session.options, "barring", on),
        )
        session.item_changed.connect(lambda item: stage.show(item, session.view, session.classes))
        session.item_changed.connect(lambda item: barred.show(item, session.view))
        session.view_changed.connect(stage.apply)
        session.view_changed.connect(barred.apply)
        session.attach(prepare(open_path(tmp_path / "data", tmp_path / "review")))
        show(session, 0)
        return session, stage, barred

    return make


def show(session: ReviewSession, number: int) -> None:
    desk: Any = session._desk
    key, there = session.queue.key(number), Event()

    def arrived(item: Any) -> None:
        if item.key == key:
            there.set()

    desk.screen._ahead.get(key).result(60)
    session.item_changed.connect(arrived)
    session.go(key)
    if session.item is None or session.item.key != key:  # a save that ended just now makes it be read anew
        assert there.wait(60)
    session.item_changed.disconnect(arrived)
    assert session.item is not None
    assert session.item.key == key


@pytest.mark.parametrize("name", AFFINES)
def test_what_is_painted_at_a_place_of_the_patient_is_kept_at_that_place(
    open_data: Callable[..., Opened], viewer: ViewerModel, tmp_path: Path, name: str
) -> None:
    session, _, barred = open_data(AFFINES[name])
    image = next(layer for layer in viewer.layers if layer.name == "Image")
    seen = np.unravel_index(np.argmax(image.data), image.data.shape)  # where a reader sees the bright voxel
    session.options.barring = True
    layer = barred.layer
    layer.brush_size = 1
    layer.paint(layer.world_to_data(image.data_to_world(seen)), 1)
    session.keep_strokes()
    key = session.item.key
    session.close()

    original = tmp_path / "data" / "imagesTr" / f"{key.case_id}.nii.gz"
    with zarr.storage.ZipStore(read_map(session_workspace(tmp_path), key, WEIGHT_MAP).path, mode="r") as store:
        array = zarr.open_array(store, mode="r")
        weight, grid = np.asarray(array[0]), array.attrs["geometry"]
    assert (weight == 0).sum() == 1
    # SimpleITK builds an image of what is stored, and looks at the place on the patient
    stored = sitk.GetImageFromArray(weight)
    stored.SetSpacing(tuple(map(float, reversed(grid["spacing_zyx_mm"]))))
    stored.SetOrigin(tuple(map(float, grid["origin_lps"])))
    stored.SetDirection(tuple(float(v) for row in grid["direction_lps"] for v in row))
    file = sitk.ReadImage(str(original))
    at = np.argwhere(sitk.GetArrayFromImage(file) == 900)[0]
    place_lps = file.TransformIndexToPhysicalPoint([int(v) for v in at[::-1]])
    assert stored.GetPixel(stored.TransformPhysicalPointToIndex(place_lps)) == 0
    assert stored.TransformPhysicalPointToContinuousIndex(place_lps) == pytest.approx(
        stored.TransformPhysicalPointToIndex(place_lps), abs=1e-3
    )
    # nibabel agrees on the place
    place_ras = nib.affines.apply_affine(nib.load(original).affine, (2, 7, 4))
    assert np.allclose(place_lps, place_ras * (-1, -1, 1), atol=1e-3)
    # and on the grid of the file, that voxel alone is not learned from
    back = sitk.GetArrayFromImage(sitk.Resample(stored, file, sitk.Transform(), sitk.sitkNearestNeighbor, 255))
    assert np.argwhere(back == 0).tolist() == [at.tolist()]


def session_workspace(tmp_path: Path) -> Any:
    return open_path(tmp_path / "data", tmp_path / "review")


@pytest.fixture
def opened(open_data: Callable[..., Opened]) -> Opened:
    return open_data(AFFINES["anisotropic"])


def test_there_is_no_layer_until_it_is_needed(opened: Opened, viewer: ViewerModel) -> None:
    session, stage, barred = opened
    assert barred.layer is None
    assert viewer.layers.selection.active is stage.label_layer
    stage.label_layer.brush_size = 7
    session.options.barring = True
    layer = barred.layer
    assert (layer.name, layer.visible, layer.mode, layer.brush_size) == (BARRED, True, "paint", 7)
    assert viewer.layers.selection.active is layer
    assert tuple(layer.scale) == tuple(stage.label_layer.scale) == pytest.approx((5.0, 0.8, 0.7))
    assert layer.data is session.item.barred.mask
    assert "Painting what is not to be learned from" in viewer.canvas.overlays.text.text
    session.options.barring = False
    assert (layer.visible, layer.mode) == (False, "pan_zoom")
    assert viewer.layers.selection.active is stage.label_layer
    assert "Painting" not in viewer.canvas.overlays.text.text


def test_its_strokes_and_their_undo_leave_the_label_alone(opened: Opened) -> None:
    session, _, barred = opened
    before = session.item.label.copy()
    session.options.barring = True
    layer = barred.layer
    layer.brush_size = 3
    layer.paint((3, 5, 5), 1)
    session.keep_strokes()
    n = session.item.barred.n_voxels
    assert n == layer.data.sum() > 1
    assert session.unsaved
    layer.undo()
    session.keep_strokes()
    assert session.item.barred.n_voxels == 0
    assert not session.unsaved
    layer.redo()
    session.keep_strokes()
    assert session.item.barred.n_voxels == n
    layer.mode = "erase"
    layer.paint((3, 5, 5), 0)
    session.keep_strokes()
    assert session.item.barred.n_voxels == 0
    assert np.array_equal(session.item.label, before)


def test_any_value_bars_a_voxel(opened: Opened) -> None:
    session, _, barred = opened
    session.options.barring = True
    barred.layer.data_setitem((np.array([1]), np.array([2]), np.array([3])), 4)
    session.keep_strokes()
    assert session.item.barred.n_voxels == 1
    assert tuple(barred.layer.get_color(4)) == tuple(barred.layer.get_color(1))


def test_to_choose_a_layer_in_the_list_is_to_choose_what_is_painted(opened: Opened, viewer: ViewerModel) -> None:
    session, stage, barred = opened
    session.options.barring = True
    barred.layer.paint((3, 5, 5), 1)
    session.keep_strokes()
    viewer.layers.selection.active = stage.label_layer
    assert session.options.barring is False
    assert barred.layer.visible, "what is painted stays in sight"
    viewer.layers.selection.active = barred.layer
    assert session.options.barring is True
    assert barred.layer.mode == "paint"


def test_the_next_case_begins_with_its_own_and_with_the_label(opened: Opened, viewer: ViewerModel) -> None:
    session, stage, barred = opened
    session.options.barring = True
    barred.layer.paint((3, 5, 5), 1)
    session.keep_strokes()
    first = barred.layer
    show(session, 1)
    assert barred.layer is first
    assert (first.visible, session.options.barring) == (False, False)
    assert viewer.layers.selection.active is stage.label_layer
    session._desk.barring.finish()
    show(session, 0)
    assert first.visible
    assert first.data is session.item.barred.mask
    assert first.data[3, 5, 5] == 1
    assert "not learned from" in viewer.canvas.overlays.text.text


def test_the_brush_stays_when_a_version_of_the_label_comes(opened: Opened, viewer: ViewerModel) -> None:
    session, stage, barred = opened
    session.options.barring = True
    with barred.held():
        viewer.layers.selection.active = stage.label_layer  # as showing a new version does
    assert session.options.barring is True
    assert viewer.layers.selection.active is barred.layer


def test_a_layer_that_was_taken_away_comes_back(opened: Opened, viewer: ViewerModel) -> None:
    session, _, barred = opened
    session.options.barring = True
    barred.layer.paint((3, 5, 5), 1)
    viewer.layers.remove(barred.layer)
    session.options.barring = False
    assert session.item.barred.mask[3, 5, 5] == 1
    session.options.barring = True
    assert barred.layer.data[3, 5, 5] == 1
