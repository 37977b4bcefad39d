"""The Training dock in a window: it collects wishes and shows what is known, whole, on dark and on light."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton, QWidget

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.review import RetrainSpec, promoted_model
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import (
    MEAN_DICE,
    TrainingCurve,
    TrainingCurves,
    TrainingPairView,
    TrainingRow,
    TrainingView,
    prepare,
)
from napari_aleatoric.session._training_machine import Machine
from napari_aleatoric.training import TrainSpec
from napari_aleatoric.widgets import TrainingDock, hub_of, show_docks

pytestmark = pytest.mark.gui

LONG = "A sentence that says with all its figures what so few held-out cases can show. "


def wait(qtbot: Any, until: Callable[[], bool], timeout: int = 120_000) -> None:
    """Let the window work until something is so; machines under load take their time."""
    qtbot.waitUntil(until, timeout=timeout)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=6, matrix=32))
    return Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))


@pytest.fixture
def dock(make_napari_viewer: Any, ws: Workspace, qtbot: Any, monkeypatch: Any) -> Iterator[TrainingDock]:
    """The dock in a laptop's window, beside the queue."""
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    show_docks(viewer)
    hub = hub_of(viewer)
    monkeypatch.setattr(hub.training, "_look_at", lambda: Machine("the processor (2 cores)", 2**33))
    hub.session.attach(prepare(ws))
    hub.performers()["show_training"]()
    _, dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Training")
    wait(qtbot, lambda: hub.training.view.can_start and dock.height() > 280)
    yield dock
    hub.close()


def row(key: str, **changes: Any) -> TrainingRow:
    made = TrainingRow(
        key=key,
        model_id=key,
        when=datetime(2026, 1, 1, 10, tzinfo=UTC),
        preset="Standard",
        loss="DUO + denoising",
        dice="0.871 [0.842, 0.899]",
        state="finished",
        sentence=3 * LONG,
        remarks=(LONG,),
        selection=LONG,
        run_ids=("20260101-100000-000001-aaaa",),
    )
    return replace(made, **changes)


def curve(name: str, *values: float, is_plain: bool = False) -> TrainingCurve:
    return TrainingCurve(name, is_plain, tuple(float(i) for i in range(len(values))), values)


def cut(page: QWidget) -> list[str]:
    """Texts and buttons of a page that have less room than they need."""
    found = []
    for part in page.findChildren((QLabel, QPushButton, QCheckBox)):
        if not part.isVisible():
            continue
        needed = part.heightForWidth(part.width()) if part.hasHeightForWidth() else part.minimumSizeHint().height()
        right = part.mapTo(page, part.rect().topRight()).x()
        is_narrow = not part.hasHeightForWidth() and part.width() < part.minimumSizeHint().width()
        if part.height() < needed or right > page.width() or is_narrow:
            found.append(part.text())
    return found


def test_wishes_are_collected_and_a_training_is_started(dock: TrainingDock, qtbot: Any, monkeypatch: Any) -> None:
    page, form = dock.start_page, dock.start_page.form
    assert page.selection.text().startswith("Learns from 4 of 6 cases")
    assert "the processor (2 cores), with up to 8.0 GB" in page.where.text()
    assert "2 of the 2 held-out labels were not looked at" in page.remarks.text()
    assert not page.problem.isVisible()
    started: list[tuple[str, RetrainSpec]] = []
    monkeypatch.setattr(dock.session, "start", lambda door, spec: started.append((door, spec)))
    for box, name in ((form.preset, "standard"), (form.loss, "umedsam"), (form.labels, "voxels")):
        box.setCurrentIndex(box.findData(name))
        box.activated.emit(box.currentIndex())  # as if a person had chosen it
    form.minutes.setValue(5)
    form.baseline.click()
    form.sharpness_aware.click()
    wait(qtbot, lambda: "up to 10 min" in page.where.text() and page.start.isEnabled())
    assert form.loss.currentText() == "U-MedSAM"
    assert "learned weights" in form.loss.toolTip()
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    ((door, spec),) = started
    assert door == "train"
    assert (spec.train.iterations, spec.train.minutes) == (TrainSpec().iterations, 5.0)
    assert (spec.train.loss.kind, spec.train.loss.sharpness_aware) == ("umedsam", True)
    assert (spec.voxel_weights, spec.baseline) == (True, True)
    assert dock.tabs.currentWidget() is dock.curves_page


@pytest.mark.parametrize("several_readers", [False, True])
def test_everything_is_whole_on_a_laptop(dock: TrainingDock, qtbot: Any, several_readers: bool) -> None:
    dock.training.rest()
    chosen = row("m2")
    view = replace(
        dock.training.view,
        is_running=True,
        fraction=0.25,
        progress="Learning: 25 %, about 12 min left. Loss 0.52 after 120 steps.",
        rows=(chosen, row("m1", is_promoted=True), row("m0", state="stopped", dice="–")),
        chosen=chosen,
        can_promote=True,
        several_readers=several_readers,
    )
    dock.training.view = view
    dock._show(view)
    for number in range(dock.tabs.count()):
        dock.tabs.setCurrentIndex(number)
        page = dock.tabs.widget(number)
        wait(qtbot, lambda p=page: p.isVisible() and cut(p) == [])  # type: ignore[misc]
        assert dock.widget().width() <= dock.viewport().width()
        assert dock.verticalScrollBar().maximum() == 0
    assert cut(dock.progress) == []
    assert dock.start_page.form.readers.isHidden() == (not several_readers)
    table = dock.runs_page.table
    assert table.horizontalScrollBar().maximum() == 0
    assert [table.item(0, column).text() for column in range(1, 6)] == [
        "",
        "0.871 [0.842, 0.899]",
        "finished",
        "Standard",
        "DUO + denoising",
    ]
    assert table.item(1, 1).text() == "✓"
    assert table.item(1, 0).font().bold()
    assert table.currentRow() == 0
    assert dock.tabs.tabText(3) == "Runs 3"
    assert dock.progress.bar.value() == 250
    assert dock.progress.cancel.text() == "Stop"
    assert {name: b.isEnabled() for name, b in dock.runs_page.buttons.items()} == {
        "resume": False,
        "promote": True,
        "roll_back": False,
        "predict": False,
    }


def test_buttons_and_rows_ask_the_session(dock: TrainingDock, qtbot: Any, monkeypatch: Any) -> None:
    dock.training.rest()
    asked: list[str] = []
    for name in ("resume", "promote", "roll_back", "predict", "stop"):
        monkeypatch.setattr(dock.training, name, lambda n=name: asked.append(n))
    dock.runs_page.chosen.connect(asked.append)
    dock.progress.cancel_requested.disconnect()
    dock.progress.cancel_requested.connect(lambda: dock.training.stop())
    rows = (row("m2"), row("m1"))
    able = {"can_resume": True, "can_promote": True, "can_roll_back": True, "can_predict": True}
    dock._show(TrainingView(rows=rows, chosen=rows[0], is_running=True, **able))  # type: ignore[arg-type]
    dock.tabs.setCurrentWidget(dock.runs_page)
    for button in dock.runs_page.buttons.values():
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(dock.progress.cancel, Qt.MouseButton.LeftButton)
    assert asked == ["resume", "promote", "roll_back", "predict", "stop"]
    assert dock.progress.cancel.text() == "Stopping …"
    asked.clear()
    dock.runs_page.table.selectRow(1)
    assert asked == ["m1"]


def test_curves_are_drawn_in_both_themes(dock: TrainingDock, qtbot: Any) -> None:
    dock.training.rest()
    assert "Nothing was trained here yet." in dock.loss.legend.text()
    curves = TrainingCurves(
        loss=(curve("", 1.0, 0.5), curve("", 1.0, 0.75, is_plain=True)),
        dice=(curve("liver", 0.25, 0.5), curve(MEAN_DICE, 0.25, 0.5), curve("liver", 0.1, 0.2, is_plain=True)),
        class_weight=(curve("liver", 0.9), curve("background", 1.0)),
    )
    dock.training.curves = curves
    dock._draw(curves)
    assert [panel.plot.n_lines for panel in dock.panels] == [2, 2, 2, 0]
    assert "plain&nbsp;0.75" in dock.loss.legend.text()
    assert "liver&nbsp;0.5" in dock.dice.legend.text()
    assert "no class weights" in dock.scales.legend.text()
    low, high = dock.loss.plot.getPlotItem().vb.viewRange()[0]
    assert low <= 0 < 1 <= high < 1.1
    dock.loss.show_curves([TrainingCurve("", False, (20.0,), (0.5,))], {}, "")
    low, high = dock.loss.plot.getPlotItem().vb.viewRange()[0]
    assert low <= 0 < 20 <= high < 22  # a single look is shown at its place, not between fractions of a step
    dark = dock.loss.plot.backgroundBrush().color().lightness()
    dock.hub.viewer.theme = "light"
    wait(qtbot, lambda: dock.loss.plot.backgroundBrush().color().lightness() > 200)
    assert dark < 100
    dock._draw(TrainingCurves())
    assert [panel.plot.n_lines for panel in dock.panels] == [0, 0, 0, 0]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(find_spec("monai") is None, reason="needs the extra 'ai'; a window must not load it itself")
def test_a_real_training_is_stopped_goes_on_and_is_promoted(
    dock: TrainingDock, ws: Workspace, qtbot: Any, monkeypatch: Any
) -> None:
    training = dock.training
    small = {"width": 4, "patch_voxels": 4096, "voxels_per_step": 4096, "case_voxels": 20_000, "validate_every": 10}
    spec = RetrainSpec(train=TrainSpec.of_preset("quick", iterations=40, device="cpu", **small))
    monkeypatch.setattr(training, "_spec", spec)
    qtbot.mouseClick(dock.start_page.start, Qt.MouseButton.LeftButton)
    assert dock.tabs.currentWidget() is dock.curves_page
    wait(qtbot, lambda: dock.loss.plot.n_lines == 1, 500_000)  # a job has the lowest priority
    qtbot.mouseClick(dock.progress.cancel, Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: not training.view.is_running and training.view.can_resume, 120_000)
    assert training.view.rows[0].state == "stopped"
    dock.tabs.setCurrentWidget(dock.runs_page)
    qtbot.mouseClick(dock.runs_page.buttons["resume"], Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: bool(training.view.rows) and training.view.rows[0].state == "finished", 500_000)
    (only,) = training.view.rows
    assert len(only.run_ids) == 2
    assert only.sentence.startswith("Mean Dice")
    wait(qtbot, lambda: max(training.curves.loss[0].steps) == 40)
    assert training.curves.loss[0].steps == tuple(range(1, 41))  # one curve, as if it had never stopped
    wait(qtbot, dock.runs_page.buttons["promote"].isEnabled)
    qtbot.mouseClick(dock.runs_page.buttons["promote"], Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: training.view.rows[0].is_promoted)
    in_use = promoted_model(ws)
    assert in_use is not None
    assert in_use.model_id == only.model_id


def test_two_marked_rows_are_drawn_together(dock: TrainingDock, qtbot: Any, monkeypatch: Any) -> None:
    dock.training.rest()
    rows = tuple(row(f"m{number}") for number in (3, 2, 1))
    asked: list[tuple[str, str]] = []
    dock.runs_page.chosen.disconnect()
    dock.runs_page.beside.disconnect()
    dock.runs_page.chosen.connect(lambda key: asked.append(("chosen", key)))
    dock.runs_page.beside.connect(lambda key: asked.append(("beside", key)))
    view = TrainingView(rows=rows, chosen=rows[0])
    dock.training.view = view
    dock._show(view)
    dock.tabs.setCurrentWidget(dock.runs_page)
    table = dock.runs_page.table
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert asked == [("chosen", "m2"), ("beside", "m3")]
    place = table.visualItemRect(table.item(2, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, place)
    assert asked[-1] == ("beside", ""), "three are not compared"
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert asked[-2:] == [("chosen", "m1"), ("beside", "")]

    curves = TrainingCurves(loss=(curve("", 1.0, 0.5),), dice=(curve("liver", 0.5), curve(MEAN_DICE, 0.5)))
    other = TrainingCurves(
        loss=(curve("", 0.75, 0.25), curve("", 1.0, 0.9, is_plain=True)),
        dice=(curve("liver", 0.6), curve(MEAN_DICE, 0.625)),
    )
    dock.training.curves = curves
    dock.pair.view = TrainingPairView("m1", "21 Nov 10:00", other, "The chosen model is better.")
    dock._show(TrainingView(rows=rows, chosen=rows[1]))
    dock.pair.view_changed.emit(dock.pair.view)
    assert [panel.plot.n_lines for panel in dock.panels] == [2, 4, 0, 0]
    styles = {line.opts["pen"].style() for line in dock.loss.plot._lines.values()}
    assert styles == {Qt.PenStyle.SolidLine, Qt.PenStyle.DotLine}
    assert "21&nbsp;Nov&nbsp;10:00&nbsp;0.25" in dock.loss.legend.text()
    assert "mean&nbsp;21&nbsp;Nov&nbsp;10:00&nbsp;0.625" in dock.dice.legend.text()
    dock.training.view = TrainingView(rows=rows, chosen=rows[1])
    dock._show(dock.training.view)
    assert dock.runs_page.words.text().startswith(
        f"Chosen: {rows[1].when.astimezone():%d %b %H:%M}; beside it: 21 Nov 10:00. The chosen model is better."
    )
    assert {index.row() for index in table.selectionModel().selectedRows()} == {1, 2}
    assert table.accessibleDescription().startswith("Mark two rows")
