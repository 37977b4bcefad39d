"""What a training in the background costs the window, and what is left of it in memory afterwards.

    python benchmarks/training_window.py            # needs a screen, a virtual one will do; minutes

The same actions (scroll, paint and take back, switch the map, change the case) are carried out in a real window
with the *Training* dock open: before a training, beside it, and after it was stopped. A timer of 5 ms says how long
the event loop did not come round. Where the canvas is drawn in software the drawing itself stalls; the difference
counts.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import napari
import numpy as np
import psutil
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

from napari_aleatoric.io import Workspace, scan, write_map
from napari_aleatoric.jobs import JobHandle
from napari_aleatoric.model import Status
from napari_aleatoric.review import RetrainSpec
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.training import TrainSpec
from napari_aleatoric.widgets import TrainingDock, hub_of, show_docks

BEAT_MS = 5
LONG_S = 0.1
MIB = 2**20


@dataclass
class Heart:
    """Times between the beats of the event loop, in seconds."""

    gaps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._last = 0.0
        self._timer = QTimer(interval=BEAT_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        """Begin, or go on."""
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        """Pause."""
        self._beat()
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self._last)
        self._last = now

    def row(self, name: str, script_s: float, cpu_s: float) -> str:
        """Return a line of the table."""
        gaps = np.array(self.gaps)
        return (
            f"| {name} | {1e3 * gaps.max():.0f} ms | {1e3 * np.percentile(gaps, 99):.0f} ms "
            f"| {int((gaps > LONG_S).sum())} of {len(gaps)} | {script_s:.1f} s | {cpu_s / script_s:.0%} "
            f"| {os.getloadavg()[0]:.1f} |"
        )


class Desk:
    """A window, and somebody who works in it by script."""

    def __init__(self, root: Path, n_cases: int, matrix: int) -> None:
        self.workspace = _workspace(root, n_cases, matrix)
        self.viewer = napari.Viewer()
        self.app: Any = QApplication.instance()
        self.viewer.window._qt_window.resize(1366, 768)
        show_docks(self.viewer)
        self.hub = hub_of(self.viewer)
        self.session = self.hub.session
        self.drawn = 0
        canvas = self.viewer.window._qt_viewer.canvas._scene_canvas
        canvas.events.draw.connect(self._count)
        self.hub.open(self.workspace.root)
        self.until(lambda: self.session.item is not None)
        self.hub.performers()["show_training"]()
        dock = self.hub.window.findChild(TrainingDock)
        dock.tabs.setCurrentWidget(dock.curves_page)
        self.training = dock.training
        self.dock = dock

    def _count(self, event: Any) -> None:
        self.drawn += 1

    def until(self, condition: Callable[[], bool], seconds: float = 900.0) -> None:
        """Run the event loop until something holds."""
        end = time.perf_counter() + seconds
        while not condition():
            self.app.processEvents()
            time.sleep(0.0005)
            if time.perf_counter() > end:
                raise TimeoutError("the window did not get there")

    def rest(self, seconds: float) -> None:
        """Let the window run."""
        end = time.perf_counter() + seconds
        self.until(lambda: time.perf_counter() > end)

    def painted(self, act: Callable[[], None]) -> None:
        """Do something, and wait until the canvas was drawn anew."""
        before = self.drawn
        act()
        self.until(lambda: self.drawn > before, 30.0)

    def work(self) -> None:
        """Do once what a reader does at a case, and go to the next one."""
        stage, session, viewer = self.hub.stage, self.session, self.viewer
        label: Any = stage.label_layer
        n = label.data.shape[0]
        for z in np.linspace(0, n - 1, 24).astype(int):
            self.painted(lambda z=z: viewer.dims.set_point(0, z * label.scale[0]))
        centre = (stage.slice_index, *(size // 2 for size in label.data.shape[1:]))
        for shift in range(4):
            self.painted(lambda shift=shift: label.paint((centre[0], centre[1] + 3 * shift, centre[2]), 1))
        for _ in range(4):
            self.painted(label.undo)
        perform = self.hub.performers()
        for _ in range(4):
            perform["next_question"]()
            self.rest(0.15)
        for name in ("toggle_heatmap", "toggle_heatmap", "toggle_outline", "toggle_outline"):
            perform[name]()
            self.rest(0.1)
        place = ((session.queue.find(session.item.key) or 0) + 1) % len(session.queue)
        key = session.queue.key(place)
        session.go(key)
        self.until(lambda: session.item.key == key)
        self.rest(0.3)

    def measured(self, name: str, rounds: int) -> str:
        """Work, and return what the event loop did meanwhile."""
        heart, own = Heart(), psutil.Process()
        begun, cpu = time.perf_counter(), sum(own.cpu_times()[:2])
        heart.start()
        for _ in range(rounds):
            self.work()
        heart.stop()
        return heart.row(name, time.perf_counter() - begun, sum(own.cpu_times()[:2]) - cpu)

    def idle(self, seconds: float = 5.0) -> str:
        """Leave the window alone; return how much of a core it takes, drawing what it wants to."""
        own = psutil.Process()
        begun, cpu = time.perf_counter(), sum(own.cpu_times()[:2])
        self.rest(seconds)
        share = (sum(own.cpu_times()[:2]) - cpu) / (time.perf_counter() - begun)
        return f"{share:.0%}"

    def train(self) -> JobHandle:
        """Start a training that would take hours, and wait until its curves are drawn."""
        train = TrainSpec.of_preset("quick", iterations=100_000, device="cpu")
        self.session.start("train", RetrainSpec(train=train))
        handle = self.session.job
        assert handle is not None
        self.until(lambda: self.dock.loss.plot.n_lines == 1 or handle.status().is_over)
        assert not handle.status().is_over, handle.status().sentence
        return handle


def _workspace(root: Path, n_cases: int, matrix: int) -> Workspace:
    """Make abdomens with maps of two kinds."""
    write_samples(root / "data", SampleSpec(n_cases=n_cases, matrix=matrix))
    workspace = Workspace.create(root / "review", scan(root / "data"))
    rng = np.random.default_rng(0)
    for key in workspace.dataset.items:
        label = workspace.load_label(*key).upright()
        for name in ("label_risk", "ambiguity"):
            noise = rng.random((1, *label.data.shape), np.float32) * (label.data > 0)
            write_map(workspace, key, name, noise, (1,), label.geometry, {})
    return workspace


def _processes(handle: JobHandle) -> list[psutil.Process]:
    """Return those of a job that live, and their children."""
    events = map(json.loads, (handle.run_dir / "events.jsonl").read_text().splitlines())
    found = []
    for pid in {event["pid"] for event in events if event["kind"] in ("started", "worker")}:
        if psutil.pid_exists(pid):
            process = psutil.Process(pid)
            found += [process, *process.children(recursive=True)]
    return [p for p in found if p.status() != psutil.STATUS_ZOMBIE]


def _own_mib() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss / MIB)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="cases that are worked on in each measurement")
    parser.add_argument("--cases", type=int, default=8)
    parser.add_argument("--matrix", type=int, default=96, help="pixels of a slice along x")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        desk = Desk(Path(folder), options.cases, options.matrix)
        for _ in range(2 * options.cases):  # everything read ahead, everything compiled
            desk.work()
        rows, idle = [desk.measured("before", options.rounds)], [desk.idle()]
        before = _own_mib()
        handle = desk.train()
        rows.append(desk.measured("beside a training", options.rounds))
        rows.append(desk.measured("beside a training, again", options.rounds))
        idle.append(desk.idle())
        assert not handle.status().is_over, "the training ended before the script"
        job_mib = sum(p.memory_info().rss for p in _processes(handle)) / MIB
        steps = desk.training.curves.loss[0].steps[-1]
        asked = time.perf_counter()
        desk.training.stop()
        desk.until(lambda: handle.status().is_over)
        stopped_s = time.perf_counter() - asked
        assert handle.status().status is Status.CANCELLED
        desk.until(lambda: not _processes(handle))
        desk.rest(1.0)
        after = _own_mib()
        rows.append(desk.measured("after it was stopped", options.rounds))
        print("| | longest stall | 99th percentile | stalls > 100 ms | script | own processor time | load |")
        print("|---|---|---|---|---|---|---|")
        print(*rows, sep="\n")
        print(f"Left alone, the window took {idle[0]} of a core before and {idle[1]} beside the training.")
        print(f"The training had done {steps:.0f} steps; it ended {stopped_s:.2f} s after it was asked to.")
        print(f"Its processes held {job_mib:.0f} MiB; none of them is left.")
        print(f"The window: {before:.0f} MiB before, {after:.0f} MiB after ({after - before:+.0f} MiB).")
        desk.hub.close()
        desk.viewer.close()


if __name__ == "__main__":
    main()
