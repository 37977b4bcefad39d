"""The filter: which labels are kept, by which cut, and what is said of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import ClassTable, Decision, ItemKey, ItemScores, ScoreValue, Verdict
from napari_aleatoric.review import (
    FilterPreview,
    FilterReason,
    FilterSpec,
    ReviewStore,
    available_measures,
    build_queue,
    cut_at_percentiles,
    measure_values,
    preview_filter,
)

CLASSES = ClassTable.from_names({1: "liver", 3: "tumour"})
NAN = float("nan")


@pytest.fixture
def store(tmp_path: Path):
    with ReviewStore.open(f"sqlite:///{tmp_path / 'review.db'}") as store:
        yield store


def fill(
    store: ReviewStore, values: Mapping[tuple[str, int], Sequence[float]], readers: Sequence[str] = ("",)
) -> None:
    """Give the store cases c000, c001, … with these columns of scores; the same for every label reader."""
    n = len(next(iter(values.values())))
    keys = [ItemKey(f"c{i:03d}", reader) for i in range(n) for reader in readers]
    store.sync_items(keys, dict.fromkeys(keys, "f"))
    for i in range(n):
        row = tuple(ScoreValue(m, c, float(column[i])) for (m, c), column in values.items())
        for reader in readers:
            store.put_item_scores(ItemScores(ItemKey(f"c{i:03d}", reader), row), fingerprint="f", spec_digest="d")


def preview(store: ReviewStore, **chosen: object) -> FilterPreview:
    return preview_filter(build_queue(store, CLASSES), FilterSpec(**chosen))


def kept_cases(found: FilterPreview) -> list[int]:
    return [int(key.case_id[1:]) for key in found.kept]


def test_the_middle_of_201_cases_is_181(store: ReviewStore) -> None:
    scales = np.random.default_rng(3).permutation(np.linspace(0.2, 0.9, 201))
    fill(store, {("perception_scale", 0): scales})
    found = preview(store, percentiles=(5, 95))
    assert (found.n_kept, found.n_total) == (181, 201)
    easiest_first = np.argsort(-scales)  # a large scale is easy: AUV falls with it
    assert kept_cases(found) == sorted(easiest_first[10:191].tolist())
    assert "Keeps 181 of 201, drops 20" in found.sentence
    by_scale = preview(store, percentiles=(5, 95), measure="perception_scale")
    assert kept_cases(by_scale) == kept_cases(found)  # the direction is the measure's, not the number's


def test_the_worst_part_is_dropped_whichever_end_of_the_measure_is_bad(store: ReviewStore) -> None:
    fill(store, {("softmin", 0): np.arange(10.0) / 10, ("nll_union", 0): np.arange(10.0)})
    assert kept_cases(preview(store, measure="softmin", percentiles=(0, 80))) == list(range(2, 10))
    assert kept_cases(preview(store, measure="nll_union", percentiles=(0, 80))) == list(range(8))
    reasons = [
        (d.key.case_id, d.why, d.sentence) for d in preview(store, measure="softmin", percentiles=(0, 80)).dropped()
    ]
    assert [r[:2] for r in reasons] == [("c000", FilterReason.WORSE), ("c001", FilterReason.WORSE)]
    assert reasons[0][2] == "Soft minimum 0 is below the cut of 0.2: too doubtful"
    low = list(preview(store, measure="nll_union", percentiles=(20, 100)).dropped())
    assert [d.key.case_id for d in low] == ["c000", "c001"]
    assert low[0].sentence == "Mean disagreement 0 nat is below the cut of 2 nat: too supported"


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.integers(0, 6).map(float), st.just(NAN)), min_size=1, max_size=40),
    st.integers(0, 99),
    st.integers(1, 100),
)
def test_cuts_are_those_of_numpy(values: list[float], low: int, width: int) -> None:
    high = min(low + width, 100)
    array = np.array(values)
    known = array[~np.isnan(array)]
    cut = cut_at_percentiles(array, (low, high))
    if not known.size:
        assert (cut.low, cut.high) == (-np.inf, np.inf)
        return
    top = np.inf if high == 100 else np.quantile(known, high / 100, method="inverted_cdf")
    bottom = -np.inf if low == 0 else -np.quantile(-known, (100 - low) / 100, method="inverted_cdf")
    assert (cut.low, cut.high) == (bottom, top)
    assert ((known >= cut.low) & (known <= cut.high)).any()  # something is always kept


def test_every_class_has_a_cut_of_its_own_and_one_class_that_keeps_is_enough(store: ReviewStore) -> None:
    liver = [0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    tumour = [90.0, 80, 70, 60, 50, NAN, NAN, NAN, NAN, 10]
    columns = {("nll_union", 1): liver, ("nll_union", 2): tumour}
    fill(store, columns | {("volume_voxels", 1): [5.0] * 10, ("volume_voxels", 2): np.nan_to_num(tumour)})
    some = preview(store, measure="nll_union", percentiles=(0, 80), class_wise=True)
    # liver keeps 0-7, tumour (six cases, ⌈0.8·6⌉ = 5 smallest) all but case 0
    assert kept_cases(some) == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    dropped = list(some.dropped())
    assert [(d.key.case_id, d.class_name, d.value) for d in dropped] == [("c008", "liver", 8.0)]
    every = preview(store, measure="nll_union", percentiles=(0, 80), class_wise=True, class_rule="all")
    assert kept_cases(every) == [1, 2, 3, 4, 5, 6, 7]
    assert {d.key.case_id: d.class_name for d in every.dropped()} == {
        "c000": "tumour",
        "c008": "liver",
        "c009": "liver",
    }
    only = preview(store, measure="nll_union", percentiles=(0, 80), class_wise=True, class_names=("Tumour",))
    assert kept_cases(only) == [1, 2, 3, 4, 5, 6, 7, 8, 9]  # cases without tumour have no score, and stay
    assert only.count(FilterReason.KEPT_UNSCORED) == 4
    counts = {c.class_name: (c.n, c.n_kept, c.largest) for c in some.class_counts}
    assert counts == {"liver": (10, 9, 7.0), "tumour": (6, 6, 80.0)}


def test_what_readers_said_goes_before_the_measure(store: ReviewStore) -> None:
    fill(store, {("nll_union", 0): [*range(10), NAN]})
    said = {0: Verdict.REJECTED, 1: Verdict.EXCLUDED, 9: Verdict.ACCEPTED, 8: Verdict.SKIPPED}
    for case, verdict in said.items():
        store.decide(Decision(case_id=f"c{case:03d}", reader="Zoë", verdict=verdict))
    found = preview(store, measure="nll_union", percentiles=(0, 75))
    # the distribution is that of the eight others: ⌈0.75·8⌉ = 6 of 2 … 9 stay
    assert kept_cases(found) == [2, 3, 4, 5, 6, 7, 10]
    reasons = {d.key.case_id: (d.why, d.sentence) for d in found.dropped()}
    assert reasons["c000"] == (FilterReason.VERDICT, "rejected by a reader")
    assert reasons["c001"] == (FilterReason.VERDICT, "excluded by a reader")
    assert reasons["c008"][0] is reasons["c009"][0] is FilterReason.WORSE
    assert (
        "2 of the dropped were rejected or excluded by a reader. 1 has no such score and is kept." in found.sentence
    )
    trusting = preview(store, measure="nll_union", percentiles=(0, 75), keep_verdicts=["accepted"], unscored="drop")
    assert kept_cases(trusting) == [2, 3, 4, 5, 6, 7, 9]
    deaf = preview(store, measure="nll_union", percentiles=(0, 75), drop_verdicts=[])
    assert kept_cases(deaf) == [0, 1, 2, 3, 4, 5, 6, 7, 10]  # ⌈0.75·10⌉ = 8 of ten
    mine = preview_filter(build_queue(store, CLASSES, reader="Ada"), FilterSpec(measure="nll_union", reader="Ada"))
    assert mine.count(FilterReason.VERDICT) == 0


def test_raw_values_cut_as_well(store: ReviewStore) -> None:
    fill(store, {("softmin", 0): np.arange(10.0) / 10})
    assert kept_cases(preview(store, measure="softmin", values=(0.3, None))) == list(range(3, 10))
    assert kept_cases(preview(store, measure="softmin", values=(0.25, 0.5))) == [3, 4, 5]
    found = preview(store, measure="softmin", values=(0.3, None))
    assert "values from 0.3" in found.sentence
    assert {d.why for d in found.dropped()} == {FilterReason.WORSE}


def test_one_reader_of_several_is_a_data_set_of_its_own(store: ReviewStore) -> None:
    fill(store, {("nll_union", 0): range(10)}, readers=("A", "B"))
    found = preview(store, measure="nll_union", percentiles=(0, 50), label_reader="B")
    assert found.n_total == 10
    assert found.kept == [ItemKey(f"c{i:03d}", "B") for i in range(5)]
    assert not any(d.key.label_reader == "A" for d in found.dropped())
    with pytest.raises(NotFoundError, match=r"no labels by the reader 'C'.*Label readers: A, B\."):
        preview(store, measure="nll_union", label_reader="C")


def test_the_order_of_the_items_changes_nothing(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=30).round(1)
    found = []
    for name, order in (("a", np.arange(30)), ("b", np.arange(30)[::-1])):
        with ReviewStore.open(f"sqlite:///{tmp_path / name}.db") as store:
            keys = [ItemKey(f"c{i:03d}") for i in order]
            store.sync_items(keys, dict.fromkeys(keys, "f"))
            for key in keys:
                score = (ScoreValue("nll_union", 0, float(values[int(key.case_id[1:])])),)
                store.put_item_scores(ItemScores(key, score), fingerprint="f", spec_digest="d")
            queue = build_queue(store, CLASSES).filtered(text="c00").sorted_by("case", descending=True)
            found.append(preview_filter(queue, FilterSpec(measure="nll_union", percentiles=(10, 60))))
    assert set(found[0].kept) == set(found[1].kept)
    assert found[0].n_total == 30


def test_nothing_to_cut_by_is_said(store: ReviewStore) -> None:
    fill(store, {("nll_union", 0): [1.0, 2.0]})
    with pytest.raises(DataError, match="No label has a value of 'auv' yet"):
        preview(store)
    with pytest.raises(NotFoundError, match="no measure 'beauty'"):
        preview(store, measure="beauty")
    with pytest.raises(NotFoundError, match="no class 'spleen'"):
        preview(store, measure="nll_union", class_wise=True, class_names=["spleen"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"percentiles": (95, 5)},
        {"percentiles": (0, 101)},
        {"values": (1.0, 0.5)},
        {"class_names": ("liver",)},
        {"drop_verdicts": ["rejected"], "keep_verdicts": ["rejected"]},
        {"misspelt": 1},
    ],
)
def test_wrong_wishes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FilterSpec(**wrong)


def test_measures_with_values_are_named_and_derived_ones_worked_out(store: ReviewStore) -> None:
    fill(store, {("perception_scale", 0): [0.2, 0.4, 0.8], ("nll_union", 0): [1.0, NAN, 3.0]})
    table = build_queue(store, CLASSES).table
    names = available_measures(table)
    assert {"auv", "perception_scale", "nll_union", "label_risk"} <= set(names)
    assert "softmin" not in names
    np.testing.assert_allclose(measure_values(table, "auv"), [1, 0.5, 0])  # ln S between 0.2 and 0.8
    np.testing.assert_array_equal(measure_values(table, "nll_union"), [1, NAN, 3])


def test_plain_values_tell_everything(store: ReviewStore) -> None:
    fill(store, {("nll_union", 0): range(20)})
    told = preview(store, measure="nll_union", percentiles=(0, 90)).to_json()
    assert (told["n_kept"], told["n_total"]) == (18, 20)
    assert told["cuts"] == [{"class": "", "smallest_kept": None, "largest_kept": 17.0}]
    assert [(d["case"], d["why"], d["value"]) for d in told["dropped"]] == [
        ("c019", "worse", 19.0),
        ("c018", "worse", 18.0),
    ]
    assert FilterSpec.model_validate(told["spec"]) == FilterSpec(measure="nll_union", percentiles=(0, 90))


def test_a_hundred_thousand_labels_are_filtered_while_a_line_is_dragged() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=100_000)
    cut = cut_at_percentiles(values, (5, 95))
    assert int(((values >= cut.low) & (values <= cut.high)).sum()) == 90_000
