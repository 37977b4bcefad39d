"""Curves as files: as they are seen, but on paper; and every point of them in a table."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtGui import QColor, QImage

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import Status
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import (
    Notice,
    TrainingCurve,
    TrainingCurves,
    TrainingPairView,
    TrainingRow,
    TrainingView,
    prepare,
)
from napari_aleatoric.session._training_machine import Machine
from napari_aleatoric.widgets import TrainingDock, hub_of

pytestmark = pytest.mark.gui

ROW = TrainingRow("m", "m", datetime(2026, 1, 1, tzinfo=UTC), "Quick look", "DUO", run_ids=("r1",))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def dock(make_napari_viewer: Any, tmp_path: Path, said: list[str], monkeypatch: Any) -> Iterator[TrainingDock]:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=4, matrix=32))
    ws = Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    hub = hub_of(viewer)
    monkeypatch.setattr(hub.training, "_look_at", lambda: Machine("the processor", 2**33))
    hub.session.attach(prepare(ws))

    def tell(notice: Notice) -> None:
        said.append(notice.text)

    hub.session.notice.connect(tell)
    hub.performers()["show_training"]()
    _, dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Training")
    dock.training.rest()
    yield dock
    hub.close()


def wait(qtbot: Any, until: Callable[[], bool]) -> None:
    qtbot.waitUntil(until, timeout=60_000)


def show(dock: TrainingDock, n: int = 30) -> None:
    steps = tuple(float(i) for i in range(n))
    loss = TrainingCurve("", False, steps, tuple(1 - 0.5 * i / n for i in range(n)))
    liver = TrainingCurve("liver", False, steps, tuple(i / n for i in range(n)))
    weight = TrainingCurve("liver", False, steps, tuple(1 - 0.3 * i / n for i in range(n)))
    dock.training.view = TrainingView(rows=(ROW,), chosen=ROW)
    dock.training.curves = TrainingCurves(loss=(loss,), dice=(liver,), class_weight=(weight,))
    dock._draw(dock.training.curves)


def colours(path: Path) -> tuple[QImage, set[str]]:
    image = QImage(str(path))
    grid = ((x, y) for x in range(0, image.width(), 2) for y in range(0, image.height(), 2))
    return image, {QColor(image.pixel(x, y)).name() for x, y in grid}


def test_there_is_nothing_to_save_before_there_are_curves(dock: TrainingDock, said: list[str]) -> None:
    assert not dock.save.isEnabled()
    show(dock)
    assert dock.save.isEnabled()
    dock.save.save("scale", Path("nowhere.png"))
    assert said[-1] == "This training has no such curve to save."


def test_a_plot_is_saved_for_paper_and_the_screen_stays_dark(
    dock: TrainingDock, qtbot: Any, tmp_path: Path, said: list[str]
) -> None:
    show(dock)
    dock.tabs.setCurrentWidget(dock.curves_page)
    wait(qtbot, dock.loss.isVisible)
    dark = dock.loss.plot.backgroundBrush().color().name()
    dock.save.save("dice", tmp_path / "dice")
    image, found = colours(tmp_path / "dice.png")
    assert said[-1] == "Saved dice.png."
    assert image.width() >= 1600
    assert image.pixelColor(2, 2).name() == "#ffffff"
    assert "#000000" in found or any(QColor(c).lightness() < 40 for c in found)
    assert any(QColor(c).saturation() > 120 for c in found), "the class has its colour"
    assert dock.loss.plot.backgroundBrush().color().name() == dark
    dock.save.save("loss", tmp_path / "loss.svg")
    vectors = (tmp_path / "loss.svg").read_text("utf-8")
    assert "<svg" in vectors
    assert "steps" in vectors
    dock.save.save("loss", tmp_path / "loss.bmp")
    assert "Expected a name ending in .png or .svg" in said[-1]


def test_a_plot_of_another_page_is_saved_whole(dock: TrainingDock, qtbot: Any, tmp_path: Path) -> None:
    show(dock)
    dock.tabs.setCurrentWidget(dock.curves_page)
    wait(qtbot, dock.loss.isVisible)
    dock.save.save("class_weight", tmp_path / "weights.png")
    image, found = colours(tmp_path / "weights.png")
    assert 0.5 < image.width() / image.height() < 3, "as it is on the screen"
    assert dock.weights.isVisible()
    assert any(QColor(c).saturation() > 120 for c in found)


def test_the_table_has_every_point(
    dock: TrainingDock, qtbot: Any, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    show(dock)
    points = tuple((step, 1 / step) for step in range(1, 1001))

    class Job:
        def __init__(self, root: Path, run_id: str) -> None:
            assert run_id == "r1"

        def status(self) -> JobStatus:
            metrics = {"loss": points, "baseline/dice/liver": ((10, 0.5),)}
            return JobStatus(status=Status.COMPLETED, metrics=metrics)

    monkeypatch.setattr("napari_aleatoric.session._training_shelf.JobHandle", Job)
    dock.save.save("table", tmp_path / "curves.csv")
    wait(qtbot, lambda: said != [] and said[-1] == "Saved curves.csv.")
    with (tmp_path / "curves.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 1001
    assert list(rows[999].values()) == ["2026-01-01T00:00:00+00:00", "loss", "", "trained", "1000", "0.001"]
    assert list(rows[1000].values())[1:] == ["dice", "liver", "plain", "10", "0.5"]
    assert list(rows[0]) == ["training", "plot", "curve", "network", "step", "value"]

    other = replace(ROW, key="n", model_id="n", when=datetime(2026, 1, 2, tzinfo=UTC))
    dock.training.view = TrainingView(rows=(other, ROW), chosen=ROW)
    dock.pair.view = TrainingPairView(key="n")
    dock.save.save("table", tmp_path / "both.csv")
    wait(qtbot, lambda: said[-1] == "Saved both.csv.")
    with (tmp_path / "both.csv").open(encoding="utf-8") as stream:
        begun = [row["training"] for row in csv.DictReader(stream)]
    assert begun == 1001 * ["2026-01-01T00:00:00+00:00"] + 1001 * ["2026-01-02T00:00:00+00:00"]


def test_a_training_in_the_foreground_kept_none(dock: TrainingDock, tmp_path: Path, said: list[str]) -> None:
    dock.save.save("table", tmp_path / "curves.csv")
    assert "This training kept no curves" in said[-1]
    assert not (tmp_path / "curves.csv").exists()
