"""How fast the window is: the next case, the start, and its pulse while a job runs.

Run with ``make bench`` (needs a screen, a virtual one will do). Every figure stands beside the obvious alternative,
measured in the same run.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_aleatoric.io import Workspace, scan, write_label_map, write_map, write_volume
from napari_aleatoric.jobs import submit
from napari_aleatoric.model import Geometry, LabelMap, Volume
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.uncertainty import ScoreSpec
from napari_aleatoric.widgets import Hub, hub_of, show_docks

SHAPE = (128, 256, 256)
N_CASES = 3


@pytest.fixture(scope="module")
def big_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace of large cases with labels and heatmaps of two classes."""
    root = tmp_path_factory.mktemp("big")
    geometry = Geometry(SHAPE, (2.0, 0.8, 0.8))
    rng = np.random.default_rng(0)
    for index in range(N_CASES):
        z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
        distance = np.sqrt((1.5 * (z - 64)) ** 2 + (y - 118 - 5 * index) ** 2 + (x - 128) ** 2)
        label = np.where(distance < 30, 2, np.where(distance < 70, 1, 0)).astype(np.uint8)
        image = (rng.normal(0, 20, SHAPE) + 60 * label).astype(np.int16)
        for folder in ("images", "labels"):
            (root / "data" / folder).mkdir(parents=True, exist_ok=True)
        write_volume(root / "data" / "images" / f"case_{index}.nii", Volume(image, geometry))
        write_label_map(root / "data" / "labels" / f"case_{index}.nii", LabelMap(label, geometry))
    workspace = Workspace.create(root / "review", scan(root / "data"))
    for key in workspace.dataset.items:
        label = workspace.load_label(*key).upright()
        maps = np.stack([np.clip(rng.random(SHAPE, np.float32) * (label.data == c), 0, 1) for c in (1, 2)])
        write_map(workspace, key, "label_risk", maps, (1, 2), label.geometry, {})
    return root / "review"


class Bench:
    """A window that can be told to show a case and says when it is painted."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.hub: Hub = hub_of(viewer)
        self.app = QApplication.instance()
        self.canvas = viewer.window._qt_viewer.canvas._scene_canvas
        self.drawn = 0
        self.canvas.events.draw.connect(self._count)

    def _count(self, event: Any) -> None:
        self.drawn += 1

    def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Run the event loop until something holds."""
        end = time.perf_counter() + seconds
        while not condition():
            self.app.processEvents()
            if time.perf_counter() > end:
                raise TimeoutError("the window did not get there")

    def painted(self, act: Callable[[], None]) -> None:
        """Do something and come back when the canvas has been drawn anew."""
        before = self.drawn
        act()
        self.until(lambda: self.drawn > before)

    def next_case(self) -> None:
        """Go to the next case, round and round."""
        session = self.hub.session
        queue = session.queue
        position = ((queue.find(session.item.key) or 0) + 1) % len(queue)
        key = queue.key(position)

        def act() -> None:
            session.go(key)
            self.until(lambda: session.item.key == key)

        self.painted(act)


@pytest.fixture
def bench(make_napari_viewer: Any, big_workspace: Path) -> Iterator[Bench]:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    show_docks(viewer)
    bench = Bench(viewer)
    bench.hub.open(big_workspace)
    bench.until(lambda: bench.hub.session.item is not None)
    for _ in range(2 * N_CASES):  # everything read ahead, everything compiled
        bench.next_case()
    time.sleep(1.0)
    yield bench
    bench.hub.close()


@pytest.mark.gui
@pytest.mark.benchmark(group="next case, 256×256×128 with label and heatmap")
def test_next_case_standing_layers(bench: Bench, benchmark: Any) -> None:
    benchmark.pedantic(bench.next_case, rounds=15, iterations=1)


@pytest.mark.gui
@pytest.mark.benchmark(group="next case, 256×256×128 with label and heatmap")
def test_next_case_layers_removed_and_added(bench: Bench, benchmark: Any) -> None:
    """The obvious alternative: clear the viewer and add the layers of the next case."""

    def clear_and_next() -> None:
        bench.hub.stage.clear()
        bench.next_case()

    benchmark.pedantic(clear_and_next, rounds=8, iterations=1)


def _start(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.benchmark(group="start")
def test_start_napari_alone(benchmark: Any) -> None:
    benchmark.pedantic(_start, ("import napari.viewer, napari._qt.qt_main_window",), rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="start")
def test_start_with_our_widgets(benchmark: Any) -> None:
    code = "import napari.viewer, napari._qt.qt_main_window, napari_aleatoric.widgets"
    benchmark.pedantic(_start, (code,), rounds=5, warmup_rounds=1)


class Pulse:
    """Longest time that the event loop did not come round."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer(interval=5)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest_s = max(self.longest_s, now - self._last)
        self._last = now

    def stop(self) -> float:
        """Return the longest time, in seconds."""
        self._timer.stop()
        return self.longest_s


def _script(bench: Bench) -> float:
    """Walk, look and switch as a reader does; return the longest time without an answer, in seconds."""
    pulse = Pulse()
    perform = bench.hub.performers()
    for _ in range(2 * N_CASES):
        bench.next_case()
        for action in ("jump_hottest", "toggle_heatmap", "toggle_heatmap", "toggle_outline", "toggle_outline"):
            bench.painted(perform[action])
        end = time.perf_counter() + 0.3
        bench.until(lambda end=end: time.perf_counter() > end)
    return pulse.stop()


@pytest.fixture
def job_elsewhere(tmp_path: Path) -> Workspace:
    """Return a workspace with enough to do for a job that outlasts the script."""
    write_samples(tmp_path / "samples", SampleSpec(n_cases=48))
    return Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))


@pytest.mark.gui
@pytest.mark.benchmark(group="pulse of the window")
def test_longest_stall_with_and_without_a_job(bench: Bench, job_elsewhere: Workspace, benchmark: Any) -> None:
    quiet_s = min(_script(bench) for _ in range(2))
    handle = submit(job_elsewhere, "score", ScoreSpec(judge="light"))
    bench.hub.session.follow(handle)
    bench.until(lambda: handle.status().done > 0, seconds=120)
    busy = []
    benchmark.pedantic(lambda: busy.append(_script(bench)), rounds=2, iterations=1)
    assert not handle.status().is_over, "the job ended before the script; give it more cases"
    handle.cancel()
    handle.wait(30)
    benchmark.extra_info["longest_stall_without_job_ms"] = round(1e3 * quiet_s)
    benchmark.extra_info["longest_stall_with_job_ms"] = round(1e3 * min(busy))
    print(f"\nlongest stall: {1e3 * quiet_s:.0f} ms without a job, {1e3 * min(busy):.0f} ms with one")
