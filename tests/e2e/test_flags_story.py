"""The flags in a real window: the worst first, four questions, which measure works, filter, lasso."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QDialog, QPushButton
from scipy import ndimage
from tests.mouse import drag, pixel_of, until_still

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.io import read_label_map, read_map
from napari_aleatoric.model import ItemKey, Question, Status
from napari_aleatoric.review import default_order, read_calibration, use_order
from napari_aleatoric.samples import SAMPLE_CLASSES, SampleSpec, read_truth, write_samples
from napari_aleatoric.uncertainty import MAPS, QUESTIONS, ScoreSpec, strategy_of
from napari_aleatoric.widgets import ExploreDock

from .conftest import MINUTES, press

pytestmark = [pytest.mark.gui, pytest.mark.slow, pytest.mark.timeout(1800)]  # jobs give way to all else

N_CASES, N_TWICE = 24, 4
N = N_CASES + N_TWICE
SHIFT = Qt.KeyboardModifier.ShiftModifier
SPEC = ScoreSpec(judge="light", encoder="filter-bank", rounds=10, samples_per_case=500)


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """Small samples, a quarter with a planted error; every sixth was drawn by a second reader, too."""
    folder = tmp_path / "data"
    write_samples(folder / "samples", SampleSpec(n_cases=N_CASES, seed=0, matrix=32))
    names = ";".join(f"{c.label_value}={c.class_name}" for c in SAMPLE_CLASSES)
    rows = ["case,image,label,reader,class_names"]
    for number, case in enumerate(read_truth(folder / "samples")):
        image = f"samples/imagesTr/{case}.nii.gz"
        rows.append(f"{case},{image},samples/labelsTr/{case}.nii.gz,,{names}")
        if number % 6 == 2:
            rows.append(f"{case},{image},samples/readers/reader_a/{case}.nii.gz,reader_a,{names}")
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


class Desk:
    """What somebody at the window sees, and does."""

    def __init__(self, opened: tuple[Any, Any, Any, Any], qtbot: Any) -> None:
        self.viewer, self.hub, self.review, self.uncertainty = opened
        self.session, self.qtbot = self.hub.session, qtbot

    def until(self, condition: Any, minutes: float = 5) -> None:
        self.qtbot.waitUntil(condition, timeout=int(minutes * MINUTES))

    def layer(self, name: str) -> Any:
        return next(layer for layer in self.viewer.layers if layer.name == name)

    def queue(self) -> list[str]:
        """The rows of the table, as they are read."""
        model = self.review.table.model()
        return [str(model.index(row, 1).data()) for row in range(model.rowCount())]

    def row_in_sight(self) -> str:
        """The case of the selected row, which must be whole between the top and the bottom of the table."""
        table = self.review.table
        (index,) = table.selectionModel().selectedRows(1)
        place = table.visualRect(index)
        assert place.top() >= 0
        assert place.bottom() < table.viewport().height()
        return str(index.data())

    def open_row(self, row: int) -> None:
        """Click a row of the table."""
        key, table = self.session.queue.key(row), self.review.table
        index = table.model().index(row, 1)
        table.scrollTo(index)
        place = table.visualRect(index).center()
        self.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
        self.until(lambda: self.session.item.key == key)

    def sees(self, question: Question) -> None:
        """Order, map, words under the queue, legend and buttons are those of one question, and of no other."""
        info, session = QUESTIONS[question], self.session
        self.until(lambda: session.item.map_name == info.map_name and not session.item.map_on_its_way)
        assert self.uncertainty.questions.buttons[question].isChecked()
        assert self.uncertainty.questions.words.text() == info.sentence
        assert strategy_of(session.full_queue.strategy).question is question
        assert self.review.filters.strategy.order == session.full_queue.strategy
        assert self.uncertainty.measure.currentData() == info.measure

        # the words under the queue
        place = session.full_queue.find(session.item.key)
        row, words = session.full_queue.row(place), self.review.case.reason.text()
        assert words == row.reason
        superlatives = [each.superlative for each in QUESTIONS.values() if f"{each.superlative} of {N}" in words]
        assert superlatives == ([] if words == "not measured" else [info.superlative])
        assert self.row_in_sight() == str(session.item.key)

        # the layer, the legend, the words at the colours
        heat, found = self.layer("Uncertainty"), MAPS[info.map_name]
        bar = self.uncertainty.bar.words
        assert bar == (found.low, found.high)
        try:
            stored = read_map(session.workspace, session.item.key, info.map_name)
        except NotFoundError:
            assert not heat.visible
            assert self.uncertainty.legend.text() == found.missing
            return
        assert heat.visible
        assert self.uncertainty.legend.text().startswith(f"{found.legend}, ")
        classes = [c for c in stored.class_indices if c]
        np.testing.assert_array_equal(heat.data, np.max([stored.of(c) for c in classes], axis=0))


@pytest.fixture
def desk(data_set: Path, open_window: Any, qtbot: Any) -> Desk:
    return Desk(open_window(), qtbot)


def test_flags_story(desk: Desk, data_set: Path) -> None:
    worst = score(desk, data_set)
    find_the_planted_error(desk, data_set, worst)
    ask_the_four_questions(desk, worst)
    ask_which_measure_works(desk)
    dock = cut(desk)
    select_in_the_plot(desk, dock)


def score(desk: Desk, data_set: Path) -> ItemKey:
    """Open, and score as a job: the queue fills, the worst first."""
    session, review = desk.session, desk.review
    desk.hub.open(data_set)
    desk.until(lambda: session.item is not None)
    assert "not scored" in review.case.reason.text()
    desk.hub.score_spec = SPEC
    desk.qtbot.mouseClick(review.open_bar.score_button, Qt.MouseButton.LeftButton)
    desk.until(lambda: session.job is not None)
    desk.until(lambda: session.job is None and session.full_queue.progress().n_scored == N, minutes=9)
    assert session.job_status.status is Status.COMPLETED
    scores = [session.queue.row(i).score for i in range(N)]
    assert scores == sorted(scores, reverse=True)
    worst: ItemKey = session.queue.key(0)
    desk.open_row(1)
    desk.open_row(0)
    desk.until(lambda: session.item.key == worst and session.item.heat is not None)
    desk.sees(Question.LABEL_RISK)
    return worst


def find_the_planted_error(desk: Desk, data_set: Path, worst: ItemKey) -> None:
    """The key leads to the hottest place, and what was planted is there."""
    planted = read_truth(data_set / "samples")[worst.case_id]
    assert planted is not None, "the worst label is one with an error"
    folder, file = data_set / "samples" / "readers", f"{worst.case_id}.nii.gz"
    readers = np.stack([read_label_map(each / file).upright().data for each in folder.iterdir() if each.is_dir()])
    label, values = desk.layer("Label").data, planted.class_values
    drawn, given = np.isin(readers, values).sum(axis=0) * 2 > len(readers), np.isin(label, values)
    touched = drawn != given  # what the readers drew together, before an error was planted
    assert touched.sum() == pytest.approx(planted.changed_voxels, rel=0.1)
    press(desk.viewer, Qt.Key.Key_J)
    place = desk.session.view.places[0].index_zyx
    assert desk.hub.stage.slice_index == place[0]
    assert planted.slices_z[0] <= place[0] <= planted.slices_z[1]
    assert ndimage.distance_transform_edt(~touched)[place] <= 1.5, "voxels from what was planted"
    name = SAMPLE_CLASSES.name_of(planted.class_values[0])  # value = class index
    assert desk.review.case.reason.text().startswith(f"{name}: ")


def ask_the_four_questions(desk: Desk, worst: ItemKey) -> None:
    """Keys and buttons change order, map, words and legend together; the case stays until another is chosen."""
    orders = [desk.queue()]
    for question in (Question.AMBIGUITY, Question.DISAGREEMENT):
        press(desk.viewer, Qt.Key.Key_Q, SHIFT)
        assert desk.session.options.question is question
        assert desk.session.item.key == worst
        desk.sees(question)
        orders.append(desk.queue())
    assert desk.review.case.reason.text() == "not measured"  # nobody else drew this case
    desk.open_row(0)
    desk.sees(Question.DISAGREEMENT)
    assert f"most disputed of {N}" in desk.review.case.reason.text()
    assert desk.layer("Uncertainty").data.max() > 0
    button = desk.uncertainty.questions.buttons[Question.DIFFICULTY]
    desk.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    desk.sees(Question.DIFFICULTY)
    orders.append(desk.queue())
    assert len({tuple(order) for order in orders}) == 4
    assert all(sorted(order) == sorted(orders[0]) for order in orders)


def ask_which_measure_works(desk: Desk) -> None:
    """Errors are planted into a copy; the table says which order finds them, and it becomes the data set's."""
    workspace = desk.session.workspace
    use_order(workspace, "difficulty")  # what somebody took for a sign of errors
    (button,) = [b for b in desk.uncertainty.findChildren(QPushButton) if b.text() == "Which works?"]
    desk.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    window: Any = desk.hub.window.findChild(QDialog, "aleatoric-calibrate")
    card, seen = window.card, set()
    window.rounds.setValue(1)
    window.fraction.setValue(50)
    desk.session.job_changed.connect(lambda _: seen.add(window.progress.words.text().partition(":")[0]))
    desk.qtbot.mouseClick(window.start, Qt.MouseButton.LeftButton)
    desk.until(card.table.isVisible, minutes=9)
    assert "Round 1 of 1" in seen
    record = read_calibration(workspace)
    assert record.enough
    assert record.n_cases == N_CASES
    rows = [row for row in record.rows if not row.detail or row.name == record.chosen_order]
    assert [card.table.item(r, 0).text() for r in range(card.table.rowCount())] == [row.title for row in rows]
    bold = [r for r in range(len(rows)) if card.table.item(r, 0).font().bold()]
    assert [rows[r].name for r in bold] == [record.chosen_order]
    assert record.row(record.chosen_order).auroc.value > record.row("random").auroc.value + 0.1
    assert card.verdict.text() == record.verdict
    assert card.line.text() == record.line_sentence
    assert window.width() <= 1366
    assert window.height() <= 700
    assert default_order(workspace) == "difficulty"  # only a person changes it
    desk.qtbot.mouseClick(card.use, Qt.MouseButton.LeftButton)
    desk.until(lambda: card.use.text().startswith("In use"))
    assert default_order(workspace) == desk.session.full_queue.strategy == record.chosen_order
    window.close()
    if record.chosen_order == "label_risk":
        desk.sees(Question.LABEL_RISK)


def cut(desk: Desk) -> ExploreDock:
    """The line of the filter is dragged, and the sentence follows."""
    press(desk.viewer, Qt.Key.Key_X, SHIFT)
    dock = desk.hub.window.findChild(ExploreDock)
    desk.until(lambda: dock.scatter.plot.n_drawn == N and dock.height() > 250)
    tall = np.ptp(desk.layer("Image").extent.world[:, 1])
    desk.until(lambda: 0.8 < tall * desk.viewer.scene.camera.zoom / desk.viewer.canvas.size[0] <= 1)  # is whole
    box = dock.distribution.measure
    box.setCurrentIndex(box.findData("nll_union"))
    box.activated.emit(box.currentIndex())
    values = np.sort(dock.explore.shown_values)
    usual = int((values <= np.percentile(values, 95, method="inverted_cdf")).sum())  # the filter at first
    desk.until(lambda: f"Keeps {usual} of {N}" in dock.distribution.sentence.text())
    until_still(desk.qtbot, dock.distribution.plot)
    middle = float(values[19] + values[20]) / 2
    plot = dock.distribution.plot
    line = plot._region.getRegion()[1]
    height = 0.5 * plot.getPlotItem().vb.viewRange()[1][1]
    drag(desk.qtbot, plot, [pixel_of(plot, line, height), pixel_of(plot, middle, height)])
    kept = round(dock.explore.filter.percentiles[1] * N / 100)
    width = pixel_of(plot, values[-1], 0).x() - pixel_of(plot, values[0], 0).x()
    near = 3 / width * (values[-1] - values[0])  # three pixels
    assert (values <= middle - near).sum() <= kept <= (values <= middle + near).sum() < N, (kept, middle, near)
    desk.until(lambda: f"Keeps {kept} of {N}, drops {N - kept}" in dock.distribution.sentence.text())
    assert dock.dropped.model().rowCount() == N - kept
    assert len(desk.queue()) == N, "the filter is for the export; the queue shows all"
    return dock


def select_in_the_plot(desk: Desk, dock: ExploreDock) -> None:
    """A lasso narrows the queue, and a row of the queue marks its point."""
    explore, plot = dock.explore, dock.scatter.plot
    explore.options.across, explore.options.up = "nll_union", "levelset"
    desk.until(lambda: np.array_equal(plot._x, explore.values("nll_union")))
    until_still(desk.qtbot, plot)
    (left, right), (low, high) = plot.getPlotItem().vb.viewRange()
    edge = float(np.sort(explore.values("nll_union"))[19:21].mean())
    corners = [(edge, low), (right, low), (right, high), (edge, high), (edge, low)]
    inner = [(x, low + (y - low) * 0.96 + (high - low) * 0.02) for x, y in corners]
    drag(desk.qtbot, plot, [pixel_of(plot, min(x, right - 0.01 * (right - left)), y) for x, y in inner])
    desk.until(lambda: desk.session.filter.keys is not None)
    keys, x = explore.columns.keys, explore.values("nll_union")
    pixel = (right - left) / plot.getPlotItem().vb.width()
    chosen = {str(key) for key, value in zip(keys, x, strict=True) if value > edge + 2 * pixel}
    perhaps = {str(key) for key, value in zip(keys, x, strict=True) if value > edge - 2 * pixel}
    assert 1 < len(chosen) < N
    assert chosen <= set(desk.queue()) <= perhaps
    assert desk.review.chip.text() == f"✕  {len(desk.queue())} selected in the plot"

    # a row marks its point; a click on another point goes there
    for row in (1, 0):
        desk.open_row(row)
        at = keys.index(desk.session.item.key)
        desk.until(lambda at=at: plot._ring.getData()[0].tolist() == [x[at]])
        assert plot._ring.getData()[1].tolist() == [explore.values("levelset")[at]]
    alone = max(range(N), key=lambda i: _distance_to_others(plot, i) if str(keys[i]) in chosen else -1.0)
    spot = pixel_of(plot, float(plot._x[alone]), float(plot._y[alone]))
    desk.qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    desk.until(lambda: desk.session.item.key == keys[alone])
    assert desk.row_in_sight() == str(keys[alone])
    desk.qtbot.mouseClick(desk.review.chip, Qt.MouseButton.LeftButton)
    assert len(desk.queue()) == N
    assert desk.row_in_sight() == str(keys[alone])


def _distance_to_others(plot: Any, row: int) -> float:
    """Pixels from a point to the nearest other one."""
    spots: list[QPoint] = [pixel_of(plot, float(x), float(y)) for x, y in zip(plot._x, plot._y, strict=True)]
    here = spots.pop(row)
    return min(float(np.hypot(s.x() - here.x(), s.y() - here.y())) for s in spots)
