"""The Explore dock in a window: plots follow the queue and the queue the plots; figures and exports are real."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget
from tests.mouse import drag, pixel_of

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.jobs import JobError, JobStatus
from napari_aleatoric.model import Geometry, ItemKey, ItemScores, LabelMap, ScoreValue, Status, Verdict, Volume
from napari_aleatoric.review import ReviewStore, Spectrum
from napari_aleatoric.session import prepare
from napari_aleatoric.uncertainty import MEASURES
from napari_aleatoric.widgets import ExploreDock, hub_of, show_docks
from napari_aleatoric.widgets.explore._axes import axis_words, number_ticks
from napari_aleatoric.widgets.explore._parts import choice, offer
from napari_aleatoric.widgets.explore._save import save_figure, save_table

pytestmark = pytest.mark.gui

N = 12
GRID = Geometry((2, 3, 4), (2.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explore")
    for i in range(N):
        write_volume(folder / "images" / f"c{i:02d}.nii.gz", Volume(np.full((2, 3, 4), i, np.int16), GRID))
        write_label_map(folder / "labels" / f"c{i:02d}.nii.gz", LabelMap(np.ones((2, 3, 4), np.uint8), GRID))
    return folder


@pytest.fixture
def workspace(data_set: Path, tmp_path: Path) -> Workspace:
    """Twelve cases: case i has the mean disagreement i, the soft minimum i / 100, and 10 · (i + 1) voxels."""
    workspace = Workspace.create(tmp_path / "w", scan(data_set, class_names={1: "liver", 2: "tumour"}))
    with ReviewStore.open(workspace.store_url) as store:
        prints = workspace.fingerprints()
        store.sync_items(workspace.dataset.items, prints)
        for i, key in enumerate(workspace.dataset.items):
            values = [ScoreValue("nll_union", c, float(i)) for c in (0, 1)]
            values += [ScoreValue("softmin", 0, i / 100), ScoreValue("volume_voxels", 0, 10.0 * (i + 1))]
            store.put_item_scores(ItemScores(key, tuple(values)), fingerprint=prints[key], spec_digest="d")
    return workspace


@pytest.fixture
def dock(make_napari_viewer: Any, workspace: Workspace, qtbot: Any) -> Iterator[ExploreDock]:
    """The dock in a laptop's window, beside the queue, with the twelve cases."""
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    show_docks(viewer)
    hub = hub_of(viewer)
    hub.session.attach(prepare(workspace))
    hub.performers()["show_explore"]()
    _, dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Explore")
    dock.explore.options.measure = "nll_union"
    dock.explore.options.across, dock.explore.options.up = "nll_union", "softmin"
    wait(qtbot, lambda: dock.scatter.plot.n_drawn == N and dock.height() > 300)
    qtbot.wait(100)  # until the plots have their final size
    yield dock
    hub.close()


def wait(qtbot: Any, until: Callable[[], bool]) -> None:
    """Let the window work until something is so; machines under load take their time."""
    qtbot.waitUntil(until, timeout=360_000)


def shown_cases(dock: ExploreDock) -> list[int]:
    queue = dock.session.queue
    return sorted(int(queue.key(i).case_id[1:]) for i in range(len(queue)))


def test_a_dragged_line_says_at_once_what_it_keeps(dock: ExploreDock, qtbot: Any) -> None:
    plot = dock.distribution.plot
    assert "Keeps 12 of 12" in dock.distribution.sentence.text()
    plot._region.setRegion((-0.2, 8.5))  # what pyqtgraph does while the mouse drags a line
    wait(qtbot, lambda: "Keeps 9 of 12, drops 3" in dock.distribution.sentence.text())
    assert dock.explore.filter.percentiles == (0, 75)
    assert dock.filter_page.high.value() == 75
    assert dock.tabs.tabText(2).endswith("Dropped 3") or "Dropped 3" in [
        dock.tabs.tabText(i) for i in range(dock.tabs.count())
    ]
    assert plot._region.getRegion()[1] == 8  # the line stands at the last value that is kept
    dock.filter_page.high.setValue(50)
    wait(qtbot, lambda: "Keeps 6 of 12" in dock.distribution.sentence.text())
    assert plot._region.getRegion()[1] == 5
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert dock.explore.filter.percentiles == (0, 51)
    qtbot.keyClick(plot, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert dock.explore.filter.percentiles == (1, 51)
    # the bad end is the left one where low is bad
    dock.explore.set_filter(percentiles=(0, 95))
    dock.explore.options.measure = "softmin"
    wait(qtbot, lambda: "Soft minimum" in dock.distribution.sentence.text())
    qtbot.keyClick(dock.distribution.plot, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert dock.explore.filter.percentiles == (0, 94)  # the left line cuts the bad end, and moved inwards
    # class by class the line belongs to the class that is shown
    dock.explore.options.measure = "nll_union"
    dock.filter_page.class_wise.setChecked(True)
    wait(qtbot, lambda: "Choose a class to drag its line" in dock.distribution.sentence.text())
    assert not dock.distribution.plot._region.isVisible()
    dock.explore.options.class_index = 1
    wait(qtbot, lambda: dock.distribution.plot._region.isVisible())
    assert dock.filter_page.rule.isEnabled()


def test_a_narrow_box_says_that_its_words_go_on(qtbot: Any) -> None:
    box = choice("Score")
    qtbot.addWidget(box)
    offer(box, [("Label risk of the worst class", "worst_class"), ("Size", "volume_voxels")], "worst_class")
    width = box.fontMetrics().horizontalAdvance
    box.resize(width("Label risk of") + 30, 26)
    box.show()
    words = box.shown_option().currentText
    assert words.endswith("…")
    assert "Label" in words
    assert width(words) < box.width() - 12  # the arrow has room
    assert box.currentText() == "Label risk of the worst class"
    box.showPopup()
    assert box.view().width() > width("Label risk of the worst class")  # the list has all of it
    box.hidePopup()
    box.setCurrentIndex(1)
    assert box.shown_option().currentText == "Size"


def test_a_lasso_filters_the_queue_and_the_chip_ends_it(dock: ExploreDock, qtbot: Any) -> None:
    plot = dock.scatter.plot
    corners = [(2.5, 0.012), (6.5, 0.012), (6.5, 0.08), (2.5, 0.08)]
    drag(qtbot, plot, [pixel_of(plot, *at) for at in (*corners, corners[0])])
    wait(qtbot, lambda: shown_cases(dock) == [3, 4, 5, 6])
    review = dock.hub.window.findChild(QDockWidget, "Review (napari-aleatoric)")
    chips = [dock.chip, *(b for b in review.findChildren(type(dock.chip)))]
    assert [chip.isVisibleTo(chip.parentWidget()) for chip in chips] == [True, True]
    assert chips[1].text() == "✕  4 selected in the plot"
    qtbot.mouseClick(chips[1], Qt.MouseButton.LeftButton)
    assert len(shown_cases(dock)) == N
    assert not any(chip.isVisibleTo(chip.parentWidget()) for chip in chips)
    # what the queue is narrowed to by words stands out as well
    dock.session.set_filter(text="c1")  # c10 and c11
    heights = lambda: dock.distribution.plot._shown.opts["height"]  # noqa: E731
    wait(qtbot, lambda: int(np.sum(heights())) == 2)
    assert int(np.sum(dock.distribution.plot._bars.opts["height"])) == N
    assert sum(len(g.getData()[0]) for g in dock.scatter.plot._groups if g.zValue() > 5) == 2
    dock.session.set_filter(text="")
    wait(qtbot, lambda: int(np.sum(heights())) == 0)  # all are shown: none stands out


def test_a_click_on_a_point_opens_its_case_and_the_queue_moves_the_ring(dock: ExploreDock, qtbot: Any) -> None:
    plot = dock.scatter.plot
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel_of(plot, 7, 0.07))
    wait(qtbot, lambda: dock.session.item is not None and dock.session.item.key == ItemKey("c07"))
    wait(qtbot, lambda: plot._ring.getData()[0].tolist() == [7])
    assert dock.distribution.plot._here.value() == 7
    dock.session.go(ItemKey("c02"))
    wait(qtbot, lambda: plot._ring.getData()[0].tolist() == [2])
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    wait(qtbot, lambda: plot._ring.getData()[0].tolist() == [3])
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel_of(plot, 9, 0.02))  # no point there
    assert dock.session.item.key == ItemKey("c03")


def test_a_verdict_colours_its_point_and_drops_the_label(dock: ExploreDock, qtbot: Any) -> None:
    dock.explore.open(4)
    wait(qtbot, lambda: dock.session.item is not None and dock.session.item.key == ItemKey("c04"))
    dock.session.decide(Verdict.REJECTED)
    wait(qtbot, lambda: "rejected&nbsp;1" in dock.scatter.legend.text())
    wait(qtbot, lambda: "1 of the dropped was rejected or excluded" in dock.distribution.sentence.text())
    model = dock.dropped.model()
    assert [model.data(model.index(0, c)) for c in (0, 1)] == ["c04", "rejected by a reader"]
    dock.filter_page.refused.setCurrentIndex(1)
    dock.filter_page.refused.activated.emit(1)
    wait(qtbot, lambda: "Keeps 12 of 12" in dock.distribution.sentence.text())


def test_the_kept_set_is_exported_beside_the_window(dock: ExploreDock, qtbot: Any, tmp_path: Path) -> None:
    dock.explore.set_filter(percentiles=(0, 50))
    dock.filter_page.layout_box.setCurrentIndex(dock.filter_page.layout_box.findData("msd"))
    dock.filter_page.ask_export(tmp_path / "kept")
    assert not dock.filter_page.export.isEnabled()  # one piece of work at a time
    words = dock.filter_page.progress.words
    wait(qtbot, lambda: words.text().startswith("✓ 6 of 12 labels in kept (12 files linked)"))
    assert dock.filter_page.export.isEnabled()
    content = json.loads((tmp_path / "kept" / "dataset.json").read_text())
    assert [e["case"] for e in content["training"]] == [f"c{i:02d}" for i in range(6)]
    failed = JobStatus(Status.FAILED, error=JobError("WorkspaceError", "kept holds an earlier export."))
    dock.filter_page.show_job(failed)
    assert words.text() == "✗ kept holds an earlier export."


def difference(picture: Path, vectors: Path) -> float:
    """Mean difference of a picture and a drawing of the same plot, 0..1: axes and points must lie alike."""
    from qtpy.QtGui import QImage, QPainter
    from qtpy.QtSvg import QSvgRenderer

    with Image.open(picture) as opened:
        expected = np.asarray(opened.convert("L"), dtype=float)
    height, width = expected.shape
    drawn = QImage(width, height, QImage.Format.Format_RGB32)
    painter = QPainter(drawn)
    QSvgRenderer(str(vectors)).render(painter)
    painter.end()
    drawn.save(str(picture.with_suffix(".again.png")))
    with Image.open(picture.with_suffix(".again.png")) as opened:
        return float(np.abs(np.asarray(opened.convert("L"), dtype=float) - expected).mean() / 255)


def test_figures_and_tables_are_files_of_their_kind(dock: ExploreDock, tmp_path: Path, qtbot: Any) -> None:
    for name in ("distribution", "scatter"):
        plot = getattr(dock, name).plot
        with Image.open(save_figure(plot, tmp_path / f"{name}.png")) as picture:
            assert picture.size[0] == 1600
            assert len(picture.convert("RGB").getcolors(1 << 20)) > 3  # something is drawn
        change = difference(tmp_path / f"{name}.png", save_figure(plot, tmp_path / f"{name}.svg"))
        assert change < 0.01
        root = ET.parse(save_figure(plot, tmp_path / f"{name}.svg")).getroot()
        assert root.tag.endswith("svg")
    assert "Soft minimum, high = supported" in (tmp_path / "scatter.svg").read_text()
    with pytest.raises(DataError, match=r"\.png or \.svg"):
        save_figure(dock.scatter.plot, tmp_path / "x.jpg")
    size = dock.scatter.plot.getPlotItem().size()
    dock._save("scatter", tmp_path / "paper.svg")
    assert dock.scatter.plot.getPlotItem().size() == size  # the legend moves nothing on the screen
    text = (tmp_path / "paper.svg").read_text()
    assert "pending" in text  # the legend goes along
    assert "#ffffff" in text
    assert dock.scatter.plot.backgroundBrush().color().lightness() < 128  # the window stays dark
    dock._save("table", tmp_path / "scores.csv")
    wait(qtbot, lambda: (tmp_path / "scores.csv").is_file())
    with (tmp_path / "scores.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["nll_union"]) for row in rows] == list(range(N))
    with pytest.raises(DataError, match=r"\.csv or \.parquet"):
        save_table(dict, tmp_path / "x.xlsx")


def test_it_fits_beside_the_queue_and_is_legible_on_dark_and_light(dock: ExploreDock, qtbot: Any) -> None:
    window = dock.hub.window
    wait(qtbot, lambda: dock.height() > 300)
    assert window.width() <= 1366
    assert window.height() <= 768
    assert dock.widget().height() <= dock.viewport().height()  # nothing has to be scrolled
    assert dock.widget().width() <= dock.viewport().width()
    uncertainty = window.findChild(QDockWidget, "Uncertainty (napari-aleatoric)")
    uncertainty.raise_()
    wait(qtbot, lambda: uncertainty.height() < 260)  # the image gets its height back
    for theme in ("dark", "light"):
        dock.hub.viewer.theme = theme
        axis = dock.scatter.plot.getPlotItem().getAxis("bottom")
        ground = dock.scatter.plot.backgroundBrush().color()
        assert abs(axis.textPen().color().lightness() - ground.lightness()) > 120
        assert (ground.lightness() < 128) is (theme == "dark")


def test_a_hundred_thousand_points_are_drawn_thinned_and_selected_whole(qtbot: Any) -> None:
    from napari_aleatoric.widgets.explore._colours import STATUS_MARKS
    from napari_aleatoric.widgets.explore._scatter import ScatterPlot

    plot = ScatterPlot()
    qtbot.addWidget(plot)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 100_000))
    plot.show_points(x, y, rng.integers(0, 3, 100_000), list(STATUS_MARKS), np.ones(100_000, bool))
    assert 3000 < plot.n_drawn < 40_000
    with qtbot.waitSignal(plot.selected) as told:
        plot._box.drawn.emit(np.array([[-9, -9], [0, -9], [0, 9], [-9, 9.0]]))
    np.testing.assert_array_equal(told.args[0], np.flatnonzero(x < 0))


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (2.9, 3.4, 4, [1000, 1500, 2000]),
        (0.0, 2.0, 4, [1, 10, 100]),
        (1.0, 9.0, 4, [10, 1000, 100_000, 10_000_000, 1e9]),
    ],
)
def test_sizes_have_round_numbers(low: float, high: float, most: int, expected: list[float]) -> None:
    np.testing.assert_allclose(number_ticks(low, high, most), expected)


def test_an_axis_says_its_unit_and_which_end_is_which() -> None:
    assert axis_words(MEASURES["auv"]) == "Difficulty (AUV), high = hard"
    assert axis_words(MEASURES["softmin"], "liver") == "Soft minimum of liver, high = supported"
    assert axis_words(MEASURES["nll_union"]) == "Mean disagreement [nat], high = doubtful"
    assert axis_words(MEASURES["volume_ml"]) == "Volume [ml], high = large"


def test_the_spectrum_says_what_is_missing_and_shows_what_was_measured(
    dock: ExploreDock, qtbot: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(dock.session, "start", lambda door, spec: asked.append((door, spec.cases)))
    dock.explore.open(3)
    wait(qtbot, lambda: dock.session.item is not None)
    dock.tabs.setCurrentWidget(dock.spectrum)
    assert "keeps only the entropy" in dock.spectrum.sentence.text()
    dock.spectrum.measure.click()
    assert asked == [("spectra", ("c03",))]
    spectra = [Spectrum(ItemKey(f"c{i:02d}"), 1, np.array([0.9, 0.1]), 2, 0.1 * i) for i in range(5)]
    monkeypatch.setattr("napari_aleatoric.review._scoring._spectra.read_spectra", lambda _: spectra)
    dock.spectrum.forget()
    dock.spectrum.draw(0)
    assert (
        "liver: c03 has the perception scale 0.30 (line); half of the 5 measured" in dock.spectrum.sentence.text()
    )
    assert dock.spectrum.measure.isHidden()
    np.testing.assert_allclose(dock.spectrum._own.getData()[1], np.log10([90, 10]))
