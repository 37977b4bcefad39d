"""The window that shows the plan of a training and changes it, whole, from the dock's button."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import NetWishes, prepare
from napari_aleatoric.session._training_machine import Machine
from napari_aleatoric.widgets import TrainingDock, hub_of
from napari_aleatoric.widgets.training._plan_window import PlanWindow

pytestmark = pytest.mark.gui


def wait(qtbot: Any, until: Callable[[], bool]) -> None:
    qtbot.waitUntil(until, timeout=120_000)


@pytest.fixture
def dock(make_napari_viewer: Any, tmp_path: Path, qtbot: Any, monkeypatch: Any) -> Iterator[TrainingDock]:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=6, matrix=32))
    ws = Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    hub = hub_of(viewer)
    monkeypatch.setattr(hub.training, "_look_at", lambda: Machine("the processor (2 cores)", 2**33))
    hub.session.attach(prepare(ws))
    hub.performers()["show_training"]()
    _, dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Training")
    wait(qtbot, lambda: hub.training.view.can_start)
    yield dock
    hub.close()


def opened(dock: TrainingDock, qtbot: Any) -> PlanWindow:
    qtbot.mouseClick(dock.start_page.plan, Qt.MouseButton.LeftButton)
    window = dock.findChild(PlanWindow)
    assert window is not None
    wait(qtbot, lambda: bool(dock.hub.training_plan.view.lines))
    return window


def test_the_plan_is_shown_and_changed(dock: TrainingDock, qtbot: Any) -> None:
    window = opened(dock, qtbot)
    plan, training = dock.hub.training_plan, dock.training
    assert window.words.text() == "\n".join(plan.view.lines)
    assert window.words.text().startswith("U-Net in 3-D, ")
    patch = plan.view.patch_zyx
    assert patch is not None
    assert [box.text() for box in window.patch] == [f"{n}, planned" for n in patch]
    assert not window.usual.isEnabled()

    window.network.setCurrentIndex(window.network.findData("segresnet"))
    window.network.activated.emit(window.network.currentIndex())
    wait(qtbot, lambda: window.words.text().startswith("SegResNet"))
    window.patch[0].setValue(16)
    assert training.view.wishes.net.patch_zyx is None  # of one axis alone nothing follows
    assert window.patch[0].value() == 16
    window.patch[1].setValue(16)
    window.patch[2].setValue(24)
    assert training.view.wishes.net.patch_zyx == (16, 16, 24)
    wait(qtbot, lambda: "patches of 16 × 16 × 24 of them" in window.words.text())
    window.batch.setValue(3)
    window.width_box.setValue(8)
    wait(qtbot, lambda: "3 in a step" in window.words.text() and "levels of 8, 16" in window.words.text())
    assert training.spec.train.batch == 3

    window.patch[2].setValue(25)
    wait(qtbot, lambda: "Expected a patch of multiples of" in window.words.text())
    qtbot.mouseClick(window.usual, Qt.MouseButton.LeftButton)
    assert training.view.wishes.net == NetWishes()
    wait(qtbot, lambda: [box.text() for box in window.patch] == [f"{n}, planned" for n in patch])
    assert window.network.currentData() == "unet"
    window.close()


def test_what_nnunet_plans_itself_cannot_be_chosen(dock: TrainingDock, qtbot: Any) -> None:
    window = opened(dock, qtbot)
    fields = (window.width_box, window.batch, *window.patch, *window.spacing)
    window.network.setCurrentIndex(window.network.findData("nnunet"))
    window.network.activated.emit(window.network.currentIndex())
    wait(qtbot, lambda: window.words.text().startswith("nnU-Net plans"))
    assert dock.training.spec.backend == "nnunet"
    assert not any(field.isEnabled() for field in fields)
    qtbot.mouseClick(window.usual, Qt.MouseButton.LeftButton)
    assert dock.training.spec.backend == "own"
    assert all(field.isEnabled() for field in fields)
    window.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_cut(dock: TrainingDock, qtbot: Any, theme: str) -> None:
    assert dock.hub.viewer is not None
    dock.hub.viewer.theme = theme
    window = opened(dock, qtbot)
    dock.hub.training_plan.change(network="plainconvunet", spacing_zyx_mm=(12.345, 0.678, 0.678))
    wait(qtbot, lambda: "12.3 × 0.678 × 0.678" in window.words.text())
    for label in window.findChildren(QLabel):
        if label.isVisible():
            assert label.width() >= min(label.sizeHint().width(), label.minimumSizeHint().width())
            assert label.height() >= label.heightForWidth(label.width())
    for button in window.findChildren(QPushButton):
        assert button.width() >= button.sizeHint().width()
    for box in (window.network, window.dimensions, window.width_box, window.batch, *window.patch, *window.spacing):
        assert box.accessibleName()
        assert box.toolTip()
        assert box.width() >= box.minimumSizeHint().width()
    assert window.height() <= 700
    window.close()
