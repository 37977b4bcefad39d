"""A mouse for napari's canvas: where a pixel of the axial slice is, and a drag from one to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QTest


def pixel_at(viewer: Any, layer: Any, y: float, x: float) -> QPoint:
    """Where a pixel of the axial slice of a layer is on the canvas."""
    canvas, camera, scale = viewer.window._qt_viewer.canvas.native, viewer.scene.camera, layer.scale
    down = (y * scale[1] - camera.center[1]) * camera.zoom + canvas.height() / 2
    right = (x * scale[2] - camera.center[2]) * camera.zoom + canvas.width() / 2
    return QPoint(round(right), round(down))


def drag(viewer: Any, layer: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press at one pixel (y, x), move to another, and let go there; napari hears of every move."""
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.mouseMove(canvas, pixel_at(viewer, layer, *start))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=pixel_at(viewer, layer, *start))
    for share in (0.3, 0.7, 1.0):
        between = np.add(start, share * np.subtract(end, start))
        QTest.mouseMove(canvas, pixel_at(viewer, layer, *between))
        QGuiApplication.processEvents()
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=pixel_at(viewer, layer, *end))


def pixel_of_place(viewer: Any, canvas: Any, place_zyx: tuple[float, float, float]) -> QPoint:
    """Where a place of the world is on a canvas that shows a slice, whichever way its axes run."""
    camera, dims = viewer.scene.camera, viewer.dims
    ways = [str(way) for way in camera.orientation]
    signs = (1 if ways[1] == "down" else -1, 1 if ways[2] == "right" else -1)
    middle = (canvas.height() / 2, canvas.width() / 2)
    down, right = (
        middle[k] + signs[k] * camera.zoom * (place_zyx[dims.displayed[k]] - camera.center[k + 1]) for k in (0, 1)
    )
    return QPoint(round(right), round(down))
