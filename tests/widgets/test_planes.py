"""Four views in a real window: the mouse paints in any, one undo, one crosshair, and off is as before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QTest
from tests.canvas import pixel_of_place

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import prepare
from napari_aleatoric.widgets import Hub, hub_of

pytestmark = pytest.mark.gui

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def hub(make_napari_viewer: Any, tmp_path: Path, qtbot: Any) -> Iterator[Hub]:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=2, matrix=32))
    workspace = Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    hub = hub_of(viewer)
    hub.session.attach(prepare(workspace))
    hub.session.go(hub.session.queue.key(0))
    wait(qtbot, lambda: hub.session.item is not None)
    yield hub
    hub.close()


def wait(qtbot: Any, until: Callable[[], bool]) -> None:
    qtbot.waitUntil(until, timeout=120_000)


def turn_on(hub: Hub, qtbot: Any) -> dict[str, tuple[Any, Any]]:
    """Turn the planes on; return the viewer and the canvas of each by name."""
    hub.performers()["toggle_planes"]()
    views = hub.plane_views
    assert views.planes is not None
    assert views.panel is not None
    canvases = views.panel.canvases
    wait(qtbot, lambda: all(canvas.isVisible() and canvas.height() > 60 for canvas in canvases.values()))
    models = {"Axial": hub.viewer, "3-D": views.planes.space.viewer}
    models.update({plane.name: plane.viewer for plane in views.planes.flat})
    found = {name: (models[name], canvases[name]) for name in canvases}
    for model, canvas in found.values():
        wait(qtbot, lambda m=model, c=canvas: tuple(m.canvas.size) == (c.height(), c.width()))
    return found


def stroke(canvas: Any, start: QPoint, end: QPoint) -> None:
    QTest.mouseMove(canvas, start)
    QTest.mousePress(canvas, LEFT, pos=start)
    for share in (0.3, 0.7, 1.0):
        between = start + (end - start) * share
        QTest.mouseMove(canvas, between)
        QGuiApplication.processEvents()
    QTest.mouseRelease(canvas, LEFT, pos=end)


def world(hub: Hub, index_zyx: tuple[int, ...]) -> tuple[float, ...]:
    spacing = hub.session.item.image.geometry.spacing_zyx_mm
    return tuple(float(i * s) for i, s in zip(index_zyx, spacing, strict=True))


def test_the_mouse_paints_in_any_plane_and_undo_is_one(hub: Hub, qtbot: Any) -> None:
    shown = turn_on(hub, qtbot)
    item, label = hub.session.item, hub.stage.label_layer
    was = item.label.copy()
    depth, rows, columns = item.label.shape
    hub.plane_views.planes.go_to(world(hub, (depth // 2, rows // 2, columns // 2 + 3)))
    label.selected_label, label.brush_size, label.mode = 2, 1, "paint"
    plane, canvas = shown["Sagittal"]
    start, end = (depth - 4, 5, columns // 2 + 3), (depth - 4, 9, columns // 2 + 3)
    stroke(canvas, pixel_of_place(plane, canvas, world(hub, start)), pixel_of_place(plane, canvas, world(hub, end)))
    wait(qtbot, lambda: item.label[end] == 2)
    changed = np.argwhere(item.label != was)
    assert {tuple(place) for place in changed} <= {(depth - 4, y, columns // 2 + 3) for y in range(5, 10)}
    assert item.label[start] == 2
    wait(qtbot, lambda: hub.session.unsaved)
    label.paint((1, 1, 1), 2)
    canvas.setFocus()
    for left in (len(changed), 0):  # the stroke in the window's view, then the one in the sagittal plane
        QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        wait(qtbot, lambda n=left: int((item.label != was).sum()) == n)


def test_clicks_move_the_crosshair_and_two_make_a_plane_large(hub: Hub, qtbot: Any) -> None:
    before = (hub.viewer.dims.order, hub.viewer.window._qt_viewer.canvas.native.size())
    shown = turn_on(hub, qtbot)
    views, item = hub.plane_views, hub.session.item
    plane, canvas = shown["Coronal"]
    y = plane.dims.current_step[1]
    QTest.mouseClick(canvas, LEFT, pos=pixel_of_place(plane, canvas, world(hub, (4, y, 7))))
    wait(qtbot, lambda: views.wishes.place == pytest.approx(world(hub, (4, y, 7))))
    assert hub.stage.slice_index == 4
    assert shown["Sagittal"][0].dims.current_step[2] == 7
    axial, canvas = shown["Axial"]
    QTest.mouseClick(canvas, LEFT, pos=pixel_of_place(axial, canvas, world(hub, (4, 20, 11))))
    wait(qtbot, lambda: plane.dims.current_step[1] == 20)
    for name in ("Axial", "Coronal", "Sagittal"):
        model, canvas = shown[name]
        crossing = pixel_of_place(model, canvas, world(hub, (4, 20, 11)))
        horizontal, _, vertical, _ = views.panel.sheets[name].lines()
        assert abs(horizontal.y1() - crossing.y()) <= 1.5
        assert abs(vertical.x1() - crossing.x()) <= 1.5
    hub.performers()["toggle_crosshair"]()
    assert not any(sheet.isVisible() for sheet in views.panel.sheets.values())
    for name in ("Coronal", "Axial", "3-D"):
        canvas = shown[name][1]
        QTest.mouseDClick(canvas, LEFT, pos=QPoint(50, 50))
        assert [one for one in shown if shown[one][1].isVisible()] == [name]
        QTest.mouseDClick(canvas, LEFT, pos=QPoint(50, 50))
        assert all(one.isVisible() for _, one in shown.values())
    hub.performers()["enlarge_plane"]()
    assert views.wishes.largest == "Axial"
    hub.performers()["toggle_planes"]()
    assert [one for one in shown if shown[one][1].isVisible()] == ["Axial"]
    wait(qtbot, lambda: hub.viewer.window._qt_viewer.canvas.native.size() == before[1])
    assert hub.viewer.dims.order == before[0]
    assert not list(plane.layers)
    assert hub.stage.label_layer.data is item.label


def test_the_label_is_seen_in_three_dimensions(hub: Hub, qtbot: Any) -> None:
    space, _ = turn_on(hub, qtbot)["3-D"]
    wait(qtbot, lambda: "Label" in [layer.name for layer in space.layers])
    layer = space.layers["Label"]
    assert layer.data is hub.session.item.label
    assert not layer.editable
    drawn: list[Any] = []
    layer.events.set_data.connect(drawn.append)
    hub.stage.label_layer.paint((1, 1, 1), 2)
    wait(qtbot, lambda: len(drawn) > 0)
    hub.session.next_item()
    wait(qtbot, lambda: space.layers["Label"].data is hub.session.item.label)
