"""What four views cost while one scrolls: time per axial slice of a large CT, beside bare napari in the same run.

Run with ``python -m pytest benchmarks/test_planes_scroll.py -s`` (needs a screen, a virtual one will do). Both
windows have the same size and the same three layers; theirs has one canvas, ours four. A third, bare again, is so
much smaller that its canvas is as large as ours of the axial slices. Slices are drawn in turn in all, so that what
else the machine does meets all alike.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QDockWidget

from napari_aleatoric.model import ClassTable, Geometry, ItemKey, Volume
from napari_aleatoric.session import HeatMaps, ItemData, PlaneWishes, ViewOptions, resolve
from napari_aleatoric.viewer import LinkedPlanes, Stage
from napari_aleatoric.widgets.planes import PlanePanel

SHAPE = (300, 512, 512)
N_SLICES = 40
CLASSES = ClassTable.from_names({1: "organ", 2: "tumour"})


class _Map:
    class_indices = (1,)

    def __init__(self, values: np.ndarray, geometry: Geometry) -> None:
        self.geometry, self._values = geometry, values

    def of(self, class_index: int) -> np.ndarray:
        return self._values


def made_item() -> ItemData:
    """Return a CT of noise with a body, two organs and heat at their borders."""
    geometry = Geometry(SHAPE, (1.0, 0.7, 0.7))
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    distance = np.sqrt((1.4 * (z - 150.0)) ** 2 + (y - 256.0) ** 2 + (x - 240.0) ** 2).astype(np.float32)
    label = np.where(distance < 60, 2, np.where(distance < 170, 1, 0)).astype(np.uint8)
    noise = np.random.default_rng(0).integers(-40, 40, SHAPE, np.int16)
    image = noise + 60 * label.astype(np.int16)
    heat = (255 * np.exp(-(((distance - 170) / 6) ** 2))).astype(np.uint8)
    volume = Volume(image, geometry)
    return ItemData(
        ItemKey("ct"), volume, geometry, label, "", None, (-100.0, 200.0), heat=HeatMaps(_Map(heat, geometry))
    )


class Window:
    """A window of napari with the three layers; counts what each canvas draws."""

    def __init__(self, viewer: Any, item: ItemData) -> None:
        self.viewer, self.drawn = viewer, Counter[str]()
        self.shell = viewer.window._qt_window
        self.shell.resize(1366, 768)
        for dock in self.shell.findChildren(QDockWidget):
            dock.hide()
        self.stage = Stage(viewer)
        self.stage.show(item, resolve(item, ViewOptions(), CLASSES), CLASSES)
        self.count("Axial", viewer.window._qt_viewer.canvas)

    def count(self, name: str, canvas: Any) -> None:
        """Count how often a canvas is drawn."""
        canvas._scene_canvas.events.draw.connect(lambda event: self.drawn.update([name]))

    @property
    def canvas(self) -> Any:
        """The canvas of the axial slices, as a widget."""
        return self.viewer.window._qt_viewer.canvas.native

    def fit_canvas(self, width: int, height: int) -> None:
        """Make the window as much smaller as its canvas is to be."""
        more = (self.shell.width() - self.canvas.width(), self.shell.height() - self.canvas.height())
        self.shell.resize(width + more[0], height + more[1])

    def go_to(self, index: int) -> float:
        """Show a slice; return how long it took until all that had to be drawn was drawn, in seconds."""
        application = QApplication.instance()
        before, began = self.drawn["Axial"], time.perf_counter()
        self.viewer.dims.set_current_step(0, index)
        while self.drawn["Axial"] == before:
            application.processEvents()
        application.processEvents()
        return time.perf_counter() - began


def four_views(window: Window, item: ItemData) -> tuple[LinkedPlanes, PlanePanel]:
    """Turn a window into one with four views."""
    wishes = PlaneWishes()
    wishes.is_on = True
    planes = LinkedPlanes(window.viewer, wishes)
    panel = PlanePanel(window.viewer, planes, lambda name: False)

    def cross(place: tuple[float, float, float]) -> None:
        for sheet in panel.sheets.values():
            sheet.show_place(place)

    wishes.moved.connect(cross)
    for name, view in panel.views.items():
        window.count(name, view.canvas)
    panel.arrange(True, "")
    planes.turn_on()
    planes.show(item.image.geometry, has_sides=True)
    planes.space.show(item.image.geometry)
    return planes, panel


def settle(seconds: float) -> None:
    """Let the windows draw what they still have to."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.instance().processEvents()


@pytest.mark.gui
@pytest.mark.benchmark(group="scrolling through 512×512×300")
def test_time_for_a_slice(make_napari_viewer: Callable[..., Any], benchmark: Any) -> None:
    item = made_item()
    theirs, small = (Window(make_napari_viewer(show=True), item) for _ in range(2))
    for window in (theirs, small):
        window.stage.close()  # bare napari, and its three layers
    ours = Window(make_napari_viewer(show=True), item)
    planes, panel = four_views(ours, item)
    sliced: Counter[str] = Counter()
    for plane in planes.flat:
        for layer in plane.viewer.layers:
            layer.events.set_data.connect(lambda event, name=plane.name: sliced.update([name]))
    settle(5.0)
    small.fit_canvas(ours.canvas.width(), ours.canvas.height())
    settle(2.0)
    windows = {"bare napari": theirs, "bare napari, canvas as small": small, "four views": ours}
    for index in range(100, 105):
        for window in windows.values():
            window.go_to(index)
    ours.drawn.clear()
    sliced.clear()
    times: dict[str, list[float]] = {name: [] for name in windows}
    turns = iter(range(110, 110 + N_SLICES))

    def turn() -> None:
        index = next(turns)
        for name, window in windows.items():
            times[name].append(window.go_to(index))

    benchmark.pedantic(turn, rounds=N_SLICES, iterations=1)
    figures = {name: round(1e3 * median(values), 1) for name, values in times.items()}
    ratios = {name: round(figures["four views"] / value, 2) for name, value in figures.items()}
    sizes = {name: (window.canvas.width(), window.canvas.height()) for name, window in windows.items()}
    benchmark.extra_info.update(ms=figures, ratios=ratios, drawn=dict(ours.drawn), sliced=dict(sliced))
    print(f"\nms per slice (median of {N_SLICES}): {figures}, canvases {sizes}")
    print(f"ours is so many times that: {ratios}")
    print(f"drawn {dict(ours.drawn)}, sliced {dict(sliced)}")
    panel.close()
    planes.close()
    ours.stage.close()
