"""The plots' state: what is drawn, what a dragged line keeps, and that plots and queue follow each other."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.errors import MissingExtraError
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, ItemScores, LabelMap, ScoreValue, Verdict, Volume
from napari_aleatoric.review import FilterReason, ReviewStore, Spectrum
from napari_aleatoric.session import (
    Explore,
    ReviewSession,
    csv_bytes,
    cumulative,
    explore_table,
    histogram,
    inside_polygon,
    nearest,
    parquet_bytes,
    prepare,
    spectrum_view,
    thinned,
)

N = 20
GRID = Geometry((2, 3, 4), (2.0, 1.0, 1.0))
NAN = float("nan")


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explore")
    for i in range(N):
        write_volume(folder / "images" / f"c{i:02d}.nii.gz", Volume(np.full((2, 3, 4), i, np.int16), GRID))
        write_label_map(folder / "labels" / f"c{i:02d}.nii.gz", LabelMap(np.ones((2, 3, 4), np.uint8), GRID))
    return folder


@pytest.fixture
def workspace(data_set: Path, tmp_path: Path) -> Workspace:
    """Twenty cases: case i has the mean disagreement i, the soft minimum i / 100, and a growing scale."""
    workspace = Workspace.create(tmp_path / "w", scan(data_set, class_names={1: "liver", 2: "tumour"}))
    with ReviewStore.open(workspace.store_url) as store:
        prints = workspace.fingerprints()
        store.sync_items(workspace.dataset.items, prints)
        for i, key in enumerate(workspace.dataset.items):
            values = [
                ScoreValue("nll_union", 0, float(i)),
                ScoreValue("nll_union", 1, float(i)),
                ScoreValue("nll_union", 2, 100.0 + i if i % 2 else NAN),
                ScoreValue("softmin", 0, i / 100),
                ScoreValue("perception_scale", 0, 0.2 + i / 50),
                ScoreValue("volume_voxels", 0, 10.0 * (i + 1)),
            ]
            store.put_item_scores(ItemScores(key, tuple(values)), fingerprint=prints[key], spec_digest="d")
    return workspace


@pytest.fixture
def session(workspace: Workspace) -> Iterator[ReviewSession]:
    session = ReviewSession(reader="dr test")
    session.attach(prepare(workspace))
    yield session
    session.close()


@pytest.fixture
def explore(session: ReviewSession) -> Explore:
    explore = Explore(session)
    explore.options.measure = "nll_union"
    return explore


def shown_cases(session: ReviewSession) -> list[int]:
    assert session.queue is not None
    return sorted(int(session.queue.key(i).case_id[1:]) for i in range(len(session.queue)))


def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not until():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_only_measures_with_values_are_offered(explore: Explore) -> None:
    assert {"nll_union", "softmin", "auv", "volume_voxels"} <= set(explore.measures)
    assert "local_max" not in explore.measures
    assert explore.options.up in explore.measures
    np.testing.assert_array_equal(explore.values("nll_union", 2)[:4], [NAN, 101, NAN, 103])


def test_a_line_dragged_to_a_value_keeps_what_lies_before_it(explore: Explore) -> None:
    told = []
    explore.filter_changed.connect(lambda: told.append(explore.preview.n_kept))
    explore.drag_cut(-math.inf, 16.4)
    assert explore.filter.percentiles == (0, 85)
    assert explore.preview.n_kept == 17
    assert explore.cut() == (-math.inf, 16)
    explore.drag_cut(2.5, 16.4)
    assert [int(k.case_id[1:]) for k in explore.preview.kept] == list(range(3, 17))
    assert told == [17, 14]
    explore.drag_cut(2.2, 2.8)  # nothing between two values: the line stays
    assert explore.preview.n_kept == 14
    explore.drag_cut(0, 19)
    assert explore.preview.n_kept == 20


def test_the_bad_end_of_the_line_is_the_measures(explore: Explore) -> None:
    explore.options.measure = "softmin"  # low is worse
    assert explore.filter.measure == "softmin"
    explore.drag_cut(0.05, math.inf)
    assert explore.filter.percentiles == (0, 75)
    assert explore.cut() == (0.05, math.inf)
    assert [d.key.case_id for d in explore.preview.dropped()] == [f"c{i:02d}" for i in range(5)]
    explore.set_filter(values=(0.03, None))
    explore.drag_cut(0.105, math.inf)
    assert explore.filter.values == (0.105, None)
    assert explore.preview.n_kept == 9
    explore.set_filter(percentiles=(0, 50))
    assert explore.filter.values is None
    assert explore.preview.n_kept == 10


def test_class_wise_the_line_is_that_of_the_class_that_is_shown(explore: Explore) -> None:
    assert explore.has_cut
    explore.set_filter(class_wise=True)
    assert not explore.has_cut  # the whole case has no cut of its own now
    explore.options.class_index = 2
    explore.drag_cut(-math.inf, 110)  # 101, 103 … 109: five of ten
    assert explore.filter.percentiles == (0, 50)
    assert explore.cut() == (-math.inf, 109)
    assert explore.cut(1) == (-math.inf, 9)


def test_what_is_not_allowed_changes_nothing(explore: Explore) -> None:
    before = explore.filter
    explore.set_filter(percentiles=(90, 10))
    assert explore.filter is before


def test_a_lasso_narrows_the_queue_and_the_queue_is_the_truth(explore: Explore, session: ReviewSession) -> None:
    rows = inside_polygon(
        explore.values("nll_union"), explore.values("softmin"), [(2.5, 0), (6.5, 0), (6.5, 1), (2.5, 1)]
    )
    assert explore.selected is None
    explore.select(rows)
    assert shown_cases(session) == [3, 4, 5, 6]
    np.testing.assert_array_equal(explore.selected, [3, 4, 5, 6])
    session.set_filter(text="c05")
    assert shown_cases(session) == [5]
    np.testing.assert_array_equal(np.flatnonzero(explore.shown), [5])
    np.testing.assert_array_equal(explore.selected, [3, 4, 5, 6])  # the words come on top
    session.set_filter(text="")
    explore.clear_selection()
    assert len(shown_cases(session)) == N
    assert explore.selected is None
    explore.select(np.array([1]))
    explore.select(np.array([], dtype=np.int64))  # a lasso round nothing
    assert explore.selected is None


def test_a_click_opens_a_case_and_the_screen_marks_its_point(explore: Explore, session: ReviewSession) -> None:
    marked = []
    explore.current_changed.connect(lambda: marked.append(explore.current))
    explore.open(7)
    wait(lambda: session.item is not None)
    assert session.item.key == ItemKey("c07")
    assert marked[-1] == 7
    explore.select(np.array([1, 2]))
    assert explore.current == 7  # though the queue does not show it


def test_a_verdict_changes_what_the_filter_keeps(explore: Explore, session: ReviewSession) -> None:
    assert explore.preview.count(FilterReason.VERDICT) == 0
    explore.open(0)
    wait(lambda: session.item is not None)
    changed = []
    explore.data_changed.connect(lambda: changed.append(True))
    session.decide(Verdict.REJECTED)
    wait(lambda: bool(changed))
    assert explore.preview.count(FilterReason.VERDICT) == 1
    assert len(explore.shown_values) == N - 1


def test_without_a_data_set_or_scores_a_sentence_says_so(tmp_path: Path, data_set: Path) -> None:
    session = ReviewSession(reader="dr test")
    explore = Explore(session)
    assert explore.problem == "Open a data set first."
    assert explore.measures == []
    explore.drag_cut(0, 1)
    session.attach(prepare(Workspace.create(tmp_path / "empty", scan(data_set))))
    assert "No label has a value of 'auv' yet" in explore.problem
    assert explore.preview is None
    session.close()


def test_the_table_tells_what_the_plots_show(explore: Explore) -> None:
    explore.set_filter(percentiles=(0, 90))
    table = explore_table(explore.columns, explore.preview, ["nll_union", "softmin"])
    rows = list(csv.DictReader(io.StringIO(csv_bytes(table).decode())))
    assert len(rows) == N
    assert rows[19] == {
        "case": "c19", "label_reader": "", "status": "pending", "class": rows[19]["class"], "stale": "False",
        "kept": "False", "filter": "worse", "nll_union": "19.0", "nll_union[liver]": "19.0",
        "nll_union[tumour]": "119.0", "softmin": "0.19",
    }  # fmt: skip
    assert rows[0]["nll_union[tumour]"] == ""


def test_parquet_is_offered_only_where_it_can_be_written(explore: Explore, monkeypatch: pytest.MonkeyPatch) -> None:
    table = explore_table(explore.columns, None, ["nll_union"])
    monkeypatch.setattr("napari_aleatoric.session._explore_table.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="pip install pyarrow, or save as CSV"):
        parquet_bytes(table)
    monkeypatch.undo()
    import pyarrow.parquet

    again = pyarrow.parquet.read_table(io.BytesIO(parquet_bytes(table))).to_pydict()
    assert again["nll_union[tumour]"][:2] == [None, 101.0]


# -- what is drawn ------------------------------------------------------------------------------------


def spectrum(case: str, shares: list[float], scale: float, stale: bool = False, c: int = 1) -> Spectrum:
    return Spectrum(ItemKey(case), c, np.array(shares), len(shares), scale, stale)


def test_a_spectrum_is_seen_against_the_others_of_its_class() -> None:
    spectra = [spectrum(f"c{i}", [0.5 + i / 20, 0.5 - i / 20], i / 10) for i in range(5)]
    spectra += [spectrum("old", [1.0, 0.0], 0.0, stale=True), spectrum("c0", [0.9, 0.1], 0.9, c=2)]
    view = spectrum_view(spectra, 1, ItemKey("c3"))
    assert view.n == 5
    np.testing.assert_allclose(view.own, [65, 35])
    assert view.own_scale == 0.3
    np.testing.assert_allclose(view.median, [60, 40])
    np.testing.assert_allclose(view.low, [52, 32])
    np.testing.assert_allclose(view.high, [68, 48])
    np.testing.assert_allclose(view.scales, (0.1, 0.3))
    nobody = spectrum_view(spectra, 2, ItemKey("c3"))
    assert (len(nobody.own), len(nobody.median), nobody.n) == (0, 0, 1)
    assert math.isnan(nobody.own_scale)
    assert spectrum_view([], 1, None).n == 0


@settings(deadline=None)
@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(NAN)), max_size=200))
def test_a_histogram_counts_every_value_once(values: list[float]) -> None:
    array = np.array(values)
    bars = histogram(array)
    assert bars.counts.sum() == np.isfinite(array).sum()
    assert len(bars.edges) == len(bars.counts) + 1 <= 61


def test_a_cumulative_curve_of_very_many_values_stays_true() -> None:
    values = np.random.default_rng(0).normal(size=100_000)
    curve = cumulative(values)
    assert len(curve.x) <= 600
    assert (curve.x[0], curve.x[-1]) == (values.min(), values.max())
    for x, y in zip(curve.x[::50], curve.y[::50], strict=True):
        assert y == pytest.approx((values <= x).mean() * 100, abs=1e-9)
    assert cumulative(np.array([3.0, NAN, 1.0])).y.tolist() == [50, 100]


def test_thinning_keeps_the_shape_the_colours_and_the_lonely_ones() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 100_000))
    x[7], y[7] = 40, -40
    group = np.zeros(100_000, dtype=np.int64)
    group[11] = 1
    x[11], y[11] = x[12], y[12] = 0.0, 0.0
    x[13] = NAN
    drawn = thinned(x, y, group)
    assert len(drawn) < 12_000
    assert {7, 11} <= set(drawn.tolist())
    assert 13 not in drawn
    few = thinned(np.arange(5.0), np.arange(5.0), np.zeros(5, dtype=np.int64))
    np.testing.assert_array_equal(few, np.arange(5))


def test_a_lasso_selects_all_of_a_hundred_thousand_not_what_is_drawn() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random(100_000) * 1e-6, rng.random(100_000) * 1e9
    y[5] = NAN
    found = inside_polygon(x, y, np.array([[0, 0], [5e-7, 0], [5e-7, 5e8], [0, 5e8]]))
    np.testing.assert_array_equal(found, np.flatnonzero((x < 5e-7) & (y < 5e8)))
    hole = [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]  # not convex
    np.testing.assert_array_equal(
        inside_polygon(np.array([2.0, 2.0, 0.5]), np.array([3.0, 0.5, 3.0]), hole), [1, 2]
    )
    assert len(inside_polygon(x, y, [(0, 0), (1, 1)])) == 0


def test_the_nearest_point_is_found_in_the_plots_own_units() -> None:
    x, y = np.array([0.0, 1.0, NAN]), np.array([0.0, 1e6, 0.0])
    assert nearest(x, y, (0.9, 0.9e6), (0.2, 2e5)) == 1
    assert nearest(x, y, (0.5, 5e5), (0.2, 2e5)) is None
    assert nearest(np.array([]), np.array([]), (0, 0), (1, 1)) is None
