"""One whole review in a real window: open, score, look, repaint, decide, close, come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_aleatoric.io import Workspace, read_label_map
from napari_aleatoric.model import Status, Verdict
from napari_aleatoric.review import ReviewStore, corrections
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.uncertainty import ScoreSpec

from .conftest import MINUTES, press

pytestmark = [pytest.mark.gui, pytest.mark.slow]


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    folder = tmp_path / "samples"
    write_samples(folder, SampleSpec(n_cases=6, seed=3, matrix=48))
    return folder


def test_whole_story(samples: Path, tmp_path: Path, open_window: Any, qtbot: Any) -> None:
    originals = {p: p.read_bytes() for p in samples.rglob("*") if p.is_file()}
    viewer, hub, review, _ = open_window()
    session = hub.session
    notices: list[str] = []
    session.notice.connect(lambda notice: notices.append(notice.text))

    # open a folder that was never seen before: a workspace appears beside it, nothing is scored yet
    review.open_bar.open_requested.emit(samples)
    qtbot.waitUntil(lambda: session.item is not None, timeout=2 * MINUTES)
    assert review.table.model().rowCount() == 6
    assert "not scored" in review.case.reason.text()
    assert session.item.heat is None

    # score in the background; the bar moves, the queue fills by itself
    hub.score_spec = ScoreSpec(judge="light")  # what a network finds is tested without a window
    seen: list[float] = []
    session.job_changed.connect(lambda status: seen.append(status.fraction if status is not None else -1.0))
    qtbot.mouseClick(review.open_bar.score_button, Qt.MouseButton.LeftButton)
    assert not review.open_bar.score_button.isEnabled()
    qtbot.waitUntil(lambda: session.job is not None, timeout=MINUTES)
    qtbot.waitUntil(lambda: session.job is None and session.item.heat is not None, timeout=5 * MINUTES)
    assert session.job_status.status is Status.COMPLETED, notices
    assert len({f for f in seen if 0 < f < 1}) >= 3
    assert session.full_queue.progress().n_scored == 6

    # the worst first, with a reason; its heatmap is drawn over the image in its place
    worst = session.queue.key(0)
    review.table.selectRow(1)
    review.table.selectRow(0)
    qtbot.waitUntil(lambda: session.item.key == worst, timeout=MINUTES)
    assert "worst of 6" in review.case.reason.text()
    heat = next(layer for layer in viewer.layers if layer.name == "Uncertainty")
    label = hub.stage.label_layer
    assert heat.visible
    assert heat.data.max() > 0
    assert tuple(heat.scale) == tuple(label.scale)
    assert heat.data.shape == label.data.shape
    assert bool(heat.locked)
    press(viewer, Qt.Key.Key_H)
    assert not heat.visible
    press(viewer, Qt.Key.Key_H)
    assert heat.visible

    # jump to the hottest place
    viewer.dims.set_point(0, 0)
    press(viewer, Qt.Key.Key_J)
    hottest = session.view.places[0]
    assert hub.stage.slice_index == hottest.index_zyx[0]
    assert heat.data[hottest.index_zyx] == round(255 * hottest.value) > 127
    assert hottest.heat == max(p.heat for p in session.view.places)

    # repaint there with napari's own brush; undo and redo are napari's
    before = label.data.copy()
    value = int(before.max())
    label.brush_size = 7
    label.n_edit_dimensions = 2
    label.paint(hottest.index_zyx, 0 if before[hottest.index_zyx] else value)
    painted = label.data.copy()
    assert (painted != before).sum() > 10
    label.undo()
    assert np.array_equal(label.data, before)
    label.redo()
    qtbot.waitUntil(lambda: review.verdicts.buttons["save_label"].text().startswith("●"), timeout=10_000)

    # save by key: a version on the original grid, the original file untouched
    press(viewer, Qt.Key.Key_S)
    store = session.store
    qtbot.waitUntil(lambda: len(corrections(store, worst)) == 1, timeout=MINUTES)
    qtbot.waitUntil(lambda: not session.unsaved, timeout=10_000)

    # say it was corrected, by key; the window goes on to the next case by itself
    review.verdicts.quality.setCurrentIndex(2)
    review.verdicts.comment.setText("rim redrawn")
    press(viewer, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: store.state(worst).verdict is Verdict.CORRECTED, timeout=MINUTES)
    second = session.queue.key(1)
    qtbot.waitUntil(lambda: session.item.key == second, timeout=MINUTES)
    press(viewer, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: store.state(second).verdict is Verdict.ACCEPTED, timeout=10_000)
    assert review.progress.value() == 2
    root = session.workspace.root
    reader = session.reader
    press(viewer, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: session.item.key == second, timeout=MINUTES)
    hub.close()
    viewer.close()

    # come back: a new window, a new session, everything is there
    viewer, hub, review, _ = open_window()
    session = hub.session
    hub.open(root)
    qtbot.waitUntil(lambda: session.item is not None, timeout=MINUTES)
    assert session.item.key == worst
    state = session.store.state(worst)
    assert (state.verdict, state.quality, state.comment, state.reader) == (
        Verdict.CORRECTED,
        2,
        "rim redrawn",
        reader,
    )
    assert session.full_queue.progress().done == 2
    assert np.array_equal(hub.stage.label_layer.data, painted)
    assert any("corrected" in review.case.lines.item(i).text() for i in range(review.case.lines.count()))
    assert session.item.pending == ()

    # the version on disk is the painted label, on the grid of the original; the data set was never written to
    workspace = Workspace.open(root)
    with ReviewStore.open(workspace.store_url) as fresh:
        version = corrections(fresh, worst)[-1]
    saved = read_label_map(workspace.corrections_dir / version.file)
    original = workspace.load_label(*worst)
    assert saved.geometry.same_grid(original.geometry, tolerance_voxels=1e-3)
    assert np.array_equal(saved.upright().data, painted)
    assert {p: p.read_bytes() for p in samples.rglob("*") if p.is_file()} == originals
