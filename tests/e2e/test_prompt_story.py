"""Segment with the shipped network in a real window: mouse, mask, undo, save, verdict; mirrored volumes too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_aleatoric.foundation import WeightsStore
from napari_aleatoric.io import Workspace, read_label_map, scan, write_label_map, write_volume
from napari_aleatoric.model import LabelMap, Reorientation, Verdict, Volume
from napari_aleatoric.review import corrections
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import segmenter_choices
from napari_aleatoric.widgets import hub_of, show_docks

pytestmark = [pytest.mark.gui, pytest.mark.slow]

MINUTES = 60_000
MIRRORED = Reorientation((0, 1, 2), (False, False, True))  # left and right change places in the file
TURNED = Reorientation((2, 0, 1), (True, False, True))


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """One sample as it is, one mirrored, one with its axes in another order: the same patient in all."""
    write_samples(tmp_path / "samples", SampleSpec(n_cases=1, seed=3))
    plain = Workspace.create(tmp_path / "plain", scan(tmp_path / "samples"))
    key = plain.dataset.items[0]
    image, label = plain.load_image(key.case_id), plain.load_label(*key)
    for folder in ("images", "labels"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for name, turn in (("as_it_is", None), ("mirrored", MIRRORED), ("turned", TURNED)):
        pixels, values, grid = image.data, label.data, image.geometry
        if turn is not None:
            pixels, values, grid = turn.apply(pixels), turn.apply(values), turn.apply_geometry(grid)
        pixels, values = np.ascontiguousarray(pixels), np.ascontiguousarray(values)
        write_volume(tmp_path / "data" / "images" / f"{name}.nii.gz", Volume(pixels, grid))
        write_label_map(tmp_path / "data" / "labels" / f"{name}.nii.gz", LabelMap(values, grid))
    return tmp_path / "data"


class Reader:
    """Somebody with a mouse and a keyboard."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.qtbot, self.hub = viewer, qtbot, hub_of(viewer)
        self.canvas = viewer.window._qt_viewer.canvas.native
        self.notices: list[str] = []
        self.hub.session.notice.connect(lambda notice: self.notices.append(notice.text))

    @property
    def label(self) -> Any:
        return self.hub.stage.label_layer

    def until(self, condition: Any, minutes: float = 2) -> None:
        self.qtbot.waitUntil(condition, timeout=int(minutes * MINUTES))

    def ready(self) -> None:
        status = self.hub.segmenting.prompting
        self.until(lambda: status.status.phase in ("ready", "failed"))
        assert status.status.phase == "ready", status.status.sentence

    def at(self, down: float, right: float) -> QPoint:
        """Where a pixel of the displayed slice is on the canvas."""
        camera, axes = self.viewer.scene.camera, self.viewer.dims.displayed
        y = (down * self.label.scale[axes[0]] - camera.center[1]) * camera.zoom + self.canvas.height() / 2
        x = (right * self.label.scale[axes[1]] - camera.center[2]) * camera.zoom + self.canvas.width() / 2
        return QPoint(round(x), round(y))

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        QTest.mousePress(self.canvas, Qt.MouseButton.LeftButton, pos=self.at(*start))
        QTest.mouseMove(self.canvas, self.at(*np.add(start, end) / 2))
        QTest.mouseMove(self.canvas, self.at(*end))
        QTest.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, pos=self.at(*end))

    def press(self, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.viewer.window._qt_window, key, modifier)


@pytest.fixture
def reader(make_napari_viewer: Any, qtbot: Any) -> Iterator[Reader]:
    choice = next(c for c in segmenter_choices(WeightsStore()) if c.name == "sam-small")
    if not choice.ready:
        pytest.skip(choice.sentence)
    viewer = make_napari_viewer(show=True)
    window = viewer.window._qt_window
    window.resize(1366, 768)
    show_docks(viewer)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=10_000)
    reader = Reader(viewer, qtbot)
    yield reader
    reader.hub.close()


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def liver(truth: np.ndarray, axis: int) -> tuple[int, np.ndarray]:
    """Slice with most of class 1 along an axis, and the class in it."""
    mask = truth == 1
    index = int(mask.sum(axis=tuple(k for k in range(3) if k != axis)).argmax())
    return index, mask.take(index, axis=axis)


def test_box_undo_redo_save_verdict_on_every_storage(reader: Reader, data_set: Path) -> None:
    session = reader.hub.session
    reader.hub.open(data_set)
    reader.until(lambda: session.item is not None)
    names = sorted(session.queue.key(k).case_id for k in range(len(session.queue)))
    assert names == ["as_it_is", "mirrored", "turned"]
    masks = {}
    for name in names:
        key = next(session.queue.key(k) for k in range(3) if session.queue.key(k).case_id == name)
        session.go(key)
        reader.until(lambda key=key: session.item.key == key)
        truth = reader.label.data.copy()
        z, organ = liver(truth, axis=0)
        reader.label.data[truth == 1] = 0
        reader.label.selected_label = 1
        before = reader.label.data.copy()
        reader.hub.stage.go_to_slice(z)
        if not reader.hub.segmenting.mode:
            reader.press(Qt.Key.Key_B, Qt.KeyboardModifier.ShiftModifier)
        reader.ready()
        ys, xs = np.nonzero(organ)
        reader.drag((ys.min(), xs.min()), (ys.max(), xs.max()))
        reader.until(lambda z=z: (reader.label.data[z] == 1).any())
        drawn = reader.label.data.copy()
        assert dice(drawn[z] == 1, organ) > 0.75, name
        assert np.array_equal(np.delete(drawn, z, axis=0), np.delete(before, z, axis=0)), (
            "another slice was touched"
        )
        masks[name] = drawn[z] == 1

        # undo and redo are napari's, one step each
        reader.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert np.array_equal(reader.label.data, before)
        reader.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        assert np.array_equal(reader.label.data, drawn)

        # kept like any stroke, saved on the grid of the file, and decided
        reader.until(lambda: session.unsaved)
        reader.press(Qt.Key.Key_D)
        reader.until(lambda key=key: session.store.state(key).verdict is Verdict.CORRECTED)
        version = corrections(session.store, key)[-1]
        saved = read_label_map(session.workspace.corrections_dir / version.file)
        original = session.workspace.load_label(*key)
        assert saved.geometry.same_grid(original.geometry, tolerance_voxels=1e-3)
        assert np.array_equal(saved.upright().data, drawn)
    assert dice(masks["as_it_is"], masks["mirrored"]) > 0.97, "the same patient, so the same mask"
    assert dice(masks["as_it_is"], masks["turned"]) > 0.97
    assert not [text for text in reader.notices if "not saved" in text]


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 0, 1), (0, 2, 1)])
def test_box_in_other_planes(reader: Reader, data_set: Path, order: tuple[int, int, int]) -> None:
    """Coronal, sagittal, and an axial slice on its side."""
    session = reader.hub.session
    reader.hub.open(data_set)
    reader.until(lambda: session.item is not None)
    truth = reader.label.data.copy()
    axis, down, right = order
    index, organ = liver(truth, axis)
    organ = organ if down < right else organ.T
    reader.label.data[truth == 1] = 0
    reader.label.selected_label = 1
    reader.viewer.dims.order = order
    reader.viewer.dims.set_point(axis, index * reader.label.scale[axis])
    reader.viewer.reset_view()
    reader.press(Qt.Key.Key_B, Qt.KeyboardModifier.ShiftModifier)
    reader.ready()
    ys, xs = np.nonzero(organ)
    reader.drag((ys.min(), xs.min()), (ys.max(), xs.max()))
    reader.until(lambda: (reader.label.data == 1).any())
    found = (reader.label.data == 1).take(index, axis=axis)
    assert found.sum() == (reader.label.data == 1).sum(), "another slice was touched"
    assert dice(found if down < right else found.T, organ) > 0.7
