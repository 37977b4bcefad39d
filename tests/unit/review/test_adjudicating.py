"""Adjudication: a log of choices becomes a label, region by region, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.cli._main import run
from napari_aleatoric.errors import DataError, NotFoundError, StoreError
from napari_aleatoric.io import Workspace, begin_reading, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, Volume
from napari_aleatoric.review import (
    AdjudicateSpec,
    AdjudicationEntry,
    AssignSpec,
    ReviewStore,
    adjudicate,
    adjudication_records,
    assign,
    fold_choices,
    list_differences,
    list_disputes,
    make_case,
    only_own,
    outcome,
    save_correction,
)
from napari_aleatoric.review._adjudicating import _read

GRID = Geometry(shape_zyx=(6, 20, 24), spacing_zyx_mm=(3.0, 0.8, 0.8))


def drawn(*boxes: tuple[int, slice, slice, slice]) -> np.ndarray:
    found = np.zeros(GRID.shape_zyx, np.uint8)
    for value, z, y, x in boxes:
        found[z, y, x] = value
    return found


ALL, YS = slice(1, 5), slice(4, 12)
CORE = (2, ALL, YS, slice(4, 10))
A = drawn(CORE, (2, ALL, YS, slice(10, 14)), (7, slice(2, 4), slice(15, 18), slice(18, 21)))
B = drawn(CORE, (2, slice(2, 4), slice(15, 18), slice(18, 21)))
C = drawn(CORE, (2, slice(0, 1), YS, slice(4, 8)))


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Workspace]:
    def make(**labels: np.ndarray) -> Workspace:
        rows = ["case,image,label,reader,class_names"]
        write_volume(tmp_path / "data" / "i.nii.gz", Volume(np.zeros(GRID.shape_zyx, np.int16), GRID))
        for reader, label in labels.items():
            write_label_map(tmp_path / "data" / f"{reader}.nii.gz", LabelMap(label, GRID))
            rows.append(f"case_0,i.nii.gz,{reader}.nii.gz,{reader},2=liver;7=tumour")
        (tmp_path / "data" / "manifest.csv").write_text("\n".join(rows))
        return Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))

    return make


@pytest.fixture
def ws(made: Callable[..., Workspace]) -> Workspace:
    return made(a=A, b=B, c=C)


@pytest.fixture
def store(ws: Workspace) -> Iterator[ReviewStore]:
    with ReviewStore.open(ws.store_url) as opened:
        opened.sync_items(ws.dataset.items, ws.fingerprints())
        yield opened


def upright(ws: Workspace, label: np.ndarray) -> np.ndarray:
    return LabelMap(label, GRID).upright().data


def test_the_regions_are_three(ws: Workspace, store: ReviewStore) -> None:
    found = adjudicate(ws, store, "case_0", by="eve")
    regions = found.case.regions
    assert [(r.n_voxels, r.chosen) for r in regions] == [(128, (1, 0, 0)), (32, (0, 0, 1)), (18, (2, 1, 0))]
    assert found.n_open == 3
    vote = upright(ws, drawn(CORE))
    np.testing.assert_array_equal(found.label, np.where(vote == 2, 1, 0))  # nobody has a majority in any region
    (row,) = list_differences(ws, store, [])
    assert row[:5] == ("case_0", ("a", "b", "c"), 3, 0, 178)
    assert row.volume_mm3 == pytest.approx(178 * 3.0 * 0.8 * 0.8)


def test_choices_undo_and_going_on(ws: Workspace, store: ReviewStore) -> None:
    one = adjudicate(ws, store, "case_0", by="eve")
    one.choose(0, "reader", "a")
    one.choose(2, "reader", "b")
    one.choose(2, "reader", "a")
    one.choose(1, "consensus")
    expected = np.zeros(GRID.shape_zyx, int)
    values = ws.dataset.classes.index_map
    a, c = values(upright(ws, A)), values(upright(ws, C))
    expected = np.where(one.case.disputed == 2, 0, a)
    np.testing.assert_array_equal(one.label, expected)
    assert one.n_open == 0
    assert one.undo()  # the consensus
    assert one.undo()  # a's answer of the third: b's holds again
    assert one.choices.by_region[one.case.ids[2]].source_name == "b"
    again = adjudicate(ws, store, "case_0", by="eve")
    np.testing.assert_array_equal(again.label, one.label)
    assert (again.label[again.case.regions[2].box][again.case.regions[2].inside] == 1).all()
    assert again.n_open == 1
    other = adjudicate(ws, store, "case_0", by="bob")
    assert not other.undo()  # eve's choices are hers
    other.choose(1, "reader", "c")
    one.look()
    assert one.choices.by_region[one.case.ids[1]].reader == "bob"
    np.testing.assert_array_equal(one.label[0], c[0])
    assert [e.kind for e in store.adjudications.of("case_0", "adjudicated")] == [
        "begin",
        *["region"] * 4,
        "undo",
        "undo",
        "region",
    ]


def test_what_is_painted_belongs_to_its_region_and_the_rest_is_a_correction(
    ws: Workspace, store: ReviewStore
) -> None:
    one = adjudicate(ws, store, "case_0", by="eve")
    region = one.case.regions[0]
    z, y, x = region.start_zyx
    inside = np.ravel_multi_index(([z, z], [y, y + 1], [x, x]), one.label.shape)
    beside = np.ravel_multi_index(([5], [0], [0]), one.label.shape)
    before = one.label.copy()
    rows = one.paint(np.concatenate([inside, beside]), np.array([2, 1, 2], np.uint16))
    assert rows == (0,)
    assert one.choices.by_region[one.case.ids[0]].source == "repainted"
    changed = np.flatnonzero(one.label.ravel() != before.ravel())
    np.testing.assert_array_equal(changed, np.sort(np.concatenate([inside, beside])))
    again = adjudicate(ws, store, "case_0", by="eve")
    np.testing.assert_array_equal(again.label, one.label)
    one.choose(0, "consensus")  # takes the region back, not the correction
    assert np.flatnonzero(one.label.ravel() != before.ravel()).tolist() == beside.tolist()
    record = one.finish(allow_open=True)
    assert [(c.n_voxels, c.index_zyx, c.by) for c in record.corrections] == [(1, (5, 0, 0), "eve")]


def test_finish_saves_a_reading_and_how_it_came_about(ws: Workspace, store: ReviewStore, capsys) -> None:
    one = adjudicate(ws, store, "case_0", AdjudicateSpec(start="reader", start_reader="b"), by="eve")
    one.choose(0, "reader", "a")
    with pytest.raises(DataError, match="2 of 3 regions are still open"):
        one.finish()
    assert "adjudicated" not in ws.dataset.readers
    one.choose(1, "reader", "c")
    one.choose(2, "reader", "a")
    record = one.finish()
    assert (record.n_open, record.start, record.start_reader, record.readers) == (0, "reader", "b", ("a", "b", "c"))
    assert [(r.choice, r.chosen, r.by) for r in record.regions] == [
        ("reader", "a", "eve"),
        ("reader", "c", "eve"),
        ("reader", "a", "eve"),
    ]
    assert record.regions[2].shares == {
        "a": {"liver": 0.0, "tumour": 1.0},
        "b": {"liver": 1.0, "tumour": 0.0},
        "c": {"liver": 0.0, "tumour": 0.0},
    }
    again = Workspace.open(ws.root)
    saved = again.load_label("case_0", "adjudicated")
    np.testing.assert_array_equal(saved.data, np.where(C == 2, 2, A))
    assert adjudication_records(store, "case_0") == [record]
    beside = json.loads(next((ws.root / "readings").rglob("adjudications/*.json")).read_text())
    assert beside == record.model_dump(mode="json")
    assert run(["readers", "adjudication", str(ws.root), "case_0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["adjudications"] == [beside]
    assert run(["readers", "adjudication", str(ws.root), "case_0"]) == 0
    assert "saved as adjudicated by eve" in capsys.readouterr().out.replace("\n", " ")


def test_an_outcome_is_no_reader_and_a_second_one_is_a_new_version(ws: Workspace, store: ReviewStore) -> None:
    one = adjudicate(ws, store, "case_0", by="eve")
    for row in range(3):
        one.choose(row, "consensus")
    one.finish()
    two = adjudicate(ws, store, "case_0", by="eve")
    assert two.case.readers == ("a", "b", "c")
    assert two.n_open == 0
    two.choose(0, "reader", "a")
    record = two.finish()
    key = ItemKey("case_0", "adjudicated")
    assert len(store.corrections(key)) == 1
    assert store.latest_correction(key).label_hash == record.label_hash
    assert [r.regions[0].choice for r in adjudication_records(store, "case_0")] == ["consensus", "reader"]
    (row,) = list_differences(ws, store, [])
    assert (row.n_regions, row.n_decided, row.is_finished) == (3, 3, True)
    listed, _ = list_disputes(Workspace.open(ws.root))
    assert [tuple(d.answers) for d in listed] == [("a", "b", "c")] * 3
    assert [d.region_id for d in listed] == list(two.case.ids)


def test_a_changed_label_makes_its_choices_old_and_keeps_the_others(ws: Workspace, store: ReviewStore) -> None:
    one = adjudicate(ws, store, "case_0", by="eve")
    one.choose(0, "reader", "a")
    one.choose(1, "reader", "c")
    changed = C.copy()
    changed[0] = 0
    save_correction(ws, store, ItemKey("case_0", "c"), LabelMap(changed, GRID, "c"), reader="cyd")
    with pytest.raises(DataError, match="changed meanwhile"):
        one.finish(allow_open=True)
    two = adjudicate(ws, store, "case_0", by="eve")
    assert len(two.case.regions) == 2
    assert two.n_open == 1
    assert [entry.source_name for entry in two.choices.outdated(two.case)] == ["c"]
    assert (two.label[two.case.regions[0].box][two.case.regions[0].inside] == 1).all()
    assert two.finish(allow_open=True).n_outdated == 1


def test_bad_wishes_are_refused_in_words(ws: Workspace, store: ReviewStore, made) -> None:
    with pytest.raises(NotFoundError, match="dan has no label of case_0"):
        adjudicate(ws, store, "case_0", AdjudicateSpec(start="reader", start_reader="dan"), by="eve")
    with pytest.raises(DataError, match="under another name"):
        adjudicate(ws, store, "case_0", AdjudicateSpec(name="a"), by="eve")
    assert store.adjudications.everything() == []
    one = adjudicate(ws, store, "case_0", by="eve")
    with pytest.raises(NotFoundError, match="No model's answer"):
        one.choose(0, "machine")
    with pytest.raises(NotFoundError, match="there is no 4"):
        one.choose(3, "consensus")
    with pytest.raises(NotFoundError, match="No adjudication of case_0"):
        adjudication_records(store, "case_0")


def test_who_has_yet_to_read_a_case_blinded_does_not_settle_it(ws: Workspace, store: ReviewStore) -> None:
    assign(ws, store, AssignSpec(readers=("eve",), by="lead"))
    with pytest.raises(DataError, match="eve is to read case_0 blinded"):
        adjudicate(ws, store, "case_0", by="eve")
    assert list(list_differences(ws, store, [], by="eve")) == []
    assert adjudicate(ws, store, "case_0", by="bob").n_open == 3
    assert len(list(list_differences(ws, store, [], by="bob"))) == 1
    adjudicate(ws, store, "case_0", by="bob").finish(allow_open=True)
    seen = only_own(ws, store, "eve").store.adjudications
    assert (seen.of("case_0", "adjudicated"), seen.everything(), seen.outcomes()) == ([], [], [])
    assert len(store.adjudications.outcomes()) == 1


def test_what_one_reader_sees_changes_nothing_for_the_others(ws: Workspace, store: ReviewStore) -> None:
    begin_reading(ws, ItemKey("case_0", "eve"))  # open: nobody else's business, and no answer yet
    seen = only_own(ws, store, "eve")
    assert "eve" in seen.workspace.dataset.readers
    one = adjudicate(seen.workspace, seen.store, "case_0", by="eve")
    assert one.case.readers == ("a", "b", "c")
    one.finish(allow_open=True)
    assert set(store.items()) == {ItemKey("case_0", r) for r in ("a", "b", "c", "adjudicated")}
    assert "adjudicated" in seen.workspace.dataset.readers
    one.choose(0, "reader", "a")
    one.finish(allow_open=True)
    assert len(store.corrections(ItemKey("case_0", "adjudicated"))) == 1


def test_the_log_is_the_same_in_every_database(url: str) -> None:
    """Choices, what was painted and outcomes come back as they were given, from SQLite and from PostgreSQL."""
    painted = bytes(range(256))
    first = AdjudicationEntry("c", "adjudicated", "begin", "eve", source="vote")
    second = AdjudicationEntry("c", "adjudicated", "region", "eve", "a1", "repainted", painted=painted)
    third = AdjudicationEntry("c", "adjudicated", "region", "bob", "a2", "reader", "ann")
    with ReviewStore.open(url) as opened:
        log = opened.adjudications
        log.append(first)
        log.append(second, third)
        assert log.of("c", "adjudicated") == [first, second, third]
        assert log.of("c", "other") == []
        assert [e.painted for e in log.everything()] == [None, None, None]
        undone = log.undo("c", "adjudicated", "eve")
        assert undone is not None
        assert undone.undoes == second.decision_id
        assert log.undo("c", "adjudicated", "eve") is None  # a beginning is not taken back
        assert list(fold_choices(log.of("c", "adjudicated")).by_region) == ["a2"]
        with pytest.raises(StoreError, match="refused an entry"):
            log.append(AdjudicationEntry("c", "adjudicated", "region", "eve", "a3", "consensus"), third)
        assert len(log.of("c", "adjudicated")) == 4  # both or none


def test_the_models_answer_is_offered_where_it_is_kept(ws: Workspace, store: ReviewStore, monkeypatch) -> None:
    folder = ws.root / "models" / "m1" / "predictions"
    said = B.copy()
    said[5, 0, 0] = 2  # outside of all regions: never taken
    write_label_map(folder / "case_0.nii.gz", LabelMap(said, GRID))
    monkeypatch.setattr(_read, "find_model", lambda ws: SimpleNamespace(model_id="m1"))
    monkeypatch.setattr(_read, "prediction_folder", lambda ws, model_id: folder)
    one = adjudicate(ws, store, "case_0", by="eve")
    assert one.case.machine_name == "m1"
    before = one.label.copy()
    one.choose(2, "machine")
    mine = one.case.disputed == 3
    assert (one.label[mine] == 1).all()
    np.testing.assert_array_equal(one.label[~mine], before[~mine])
    record = one.finish(allow_open=True)
    assert (record.regions[2].choice, record.regions[2].chosen) == ("machine", "m1")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_label_is_the_start_and_the_last_choice_of_each_region(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.zeros((4, 16, 16), np.uint16)
    truth[1:3, 4:12, 4:12] = rng.integers(1, 3)
    labels = np.stack([np.roll(truth, rng.integers(-2, 3, 3), (0, 1, 2)) for _ in range(3)])
    labels[rng.random(labels.shape) < 0.02] = 2
    names = ("a", "b", "c")
    case = make_case("x", GRID, names, labels)
    entries: list[AdjudicationEntry] = []
    expected = case.label_of("staple").copy()
    np.testing.assert_array_equal(expected[case.disputed == 0], labels[0][case.disputed == 0])
    last: dict[int, int] = {}
    entries.append(AdjudicationEntry("x", "adjudicated", "begin", "eve", source="staple"))
    for _ in range(12):
        row, who = int(rng.integers(len(case.regions))), int(rng.integers(3))
        fields = {"region_id": case.ids[row], "source": "reader", "source_name": names[who]}
        entries.append(AdjudicationEntry("x", "adjudicated", "region", "eve", **fields))
        if rng.random() < 0.3:
            entries.append(AdjudicationEntry("x", "adjudicated", "undo", "eve", undoes=entries[-1].decision_id))
        else:
            last[row] = who
    for row, who in last.items():
        mine = case.disputed == row + 1
        expected[mine] = labels[who][mine]
    np.testing.assert_array_equal(outcome(case, entries), expected)
    assert set(fold_choices(entries).by_region) == {case.ids[row] for row in last}
