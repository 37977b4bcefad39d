"""Walking the regions in which readers differ, without a window."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume, reader_colours
from napari_aleatoric.review import adjudication_records
from napari_aleatoric.session import Adjudicating, ReviewSession, prepare

GRID = Geometry(shape_zyx=(6, 20, 24), spacing_zyx_mm=(3.0, 0.8, 0.8))


CALLS: queue.Queue[Callable[[], None]] = queue.Queue()  # what threads bring for the main thread


def told() -> None:
    """Let the main thread hear of one thing."""
    with contextlib.suppress(queue.Empty):
        CALLS.get(timeout=1)()


def drawn(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Squares of 4 × 4 in slices 1..4, each with the value, its corner, and how many slices."""
    found = np.zeros(GRID.shape_zyx, np.uint8)
    for value, y, x, depth in boxes:
        found[1 : 1 + depth, y : y + 4, x : x + 4] = value
    return found


LABELS = {
    "a": drawn((2, 1, 1, 4), (2, 8, 8, 3), (7, 14, 16, 2)),
    "b": drawn((2, 1, 1, 4), (2, 14, 16, 2)),
    "c": drawn((2, 1, 12, 1)),
}


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    data = tmp_path / "data"
    rows = ["case,image,label,reader,class_names"]
    for case in ("one", "two"):
        write_volume(data / f"{case}.nii.gz", Volume(np.zeros(GRID.shape_zyx, np.int16), GRID))
        for reader, label in LABELS.items():
            if case == "one" or reader != "c":
                write_label_map(data / f"{case}{reader}.nii.gz", LabelMap(label, GRID))
                rows.append(f"{case},{case}.nii.gz,{case}{reader}.nii.gz,{reader},2=liver;7=tumour")
    (data / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(tmp_path / "workspace", scan(data))


@pytest.fixture
def session(ws: Workspace) -> Iterator[ReviewSession]:
    made = ReviewSession(deliver=CALLS.put, reader="eve")
    made.attach(prepare(ws))
    yield made
    made.close()


@pytest.fixture
def state(session: ReviewSession) -> Iterator[Adjudicating]:
    made = Adjudicating(session, worker=lambda work: work())
    yield made
    made.close()


def test_cases_are_listed_with_what_is_open(state: Adjudicating) -> None:
    state.look()
    assert [(row.case_id, row.n_regions, row.words) for row in state.view.cases] == [
        ("one", 4, "4 of 4 open"),
        ("two", 2, "2 of 2 open"),
    ]
    assert not state.view.is_listing


def opened(state: Adjudicating, session: ReviewSession, case_id: str) -> None:
    """Open a case, and wait for its image, which a thread reads."""
    state.open(case_id)
    until = time.monotonic() + 60
    while state.view.shown != case_id:
        assert time.monotonic() < until, state.view
        told()


def test_choices_walk_on_and_undo_walks_back(state: Adjudicating, session: ReviewSession) -> None:
    boxes: list[object] = []
    looked: list[int] = []
    state.label_changed.connect(boxes.append)
    state.region_changed.connect(lambda region: looked.append(region.n_voxels))
    opened(state, session, "one")
    colours = reader_colours("abc")
    assert [(m.number, m.name, m.colour) for m in state.view.readers] == [
        (n, name, colours[name]) for n, name in enumerate("abc", start=1)
    ]
    assert not session.options.label_visible
    assert [row.size for row in state.view.regions] == ["123 mm³", "92 mm³", "61 mm³", "31 mm³"]
    assert state.view.regions[2].said == "liver: 2 · tumour: 1 · none: 3"
    assert state.view.progress == "0 of 4 regions"
    assert looked == [64]
    state.choose_reader(3)
    state.choose_consensus()
    assert (state.view.row, state.view.progress) == (2, "2 of 4 regions")
    assert boxes == [state.scene.regions[0].box, state.scene.regions[1].box]
    assert not state.scene.shown[state.scene.regions[0].box].any()  # c drew nothing there
    state.choose_reader(9)  # nobody
    state.choose_machine()  # none is kept
    assert state.view.n_open == 2
    state.choose_reader(1)
    assert (state.scene.shown[state.scene.regions[2].box] == 2).all()  # class indices: tumour is the second
    state.undo()
    assert (state.view.row, state.view.regions[2].choice) == (2, "–")
    assert not (state.scene.shown[state.scene.regions[2].box] == 2).any()
    state.step(-1)
    assert state.view.row == 1
    state.step(-2)
    assert state.view.row == 3  # round again


def test_painting_is_the_choice_and_impossible_numbers_are_taken_back(
    state: Adjudicating, session: ReviewSession
) -> None:
    opened(state, session, "one")
    region = state.scene.regions[1]
    z, y, x = region.start_zyx
    state.scene.shown[z, y, x : x + 2] = 1
    state.scene.shown[5, 19, 0] = 1
    state.painted()
    assert state.view.regions[1].choice == "repainted"
    assert len(state.of.choices.corrections) == 1
    state.scene.shown[z, y, x] = 9
    state.painted()
    assert state.scene.shown[z, y, x] == 1
    np.testing.assert_array_equal(state.scene.shown, state.of.label)


def test_finish_says_what_is_open_and_saves(state: Adjudicating, session: ReviewSession, ws: Workspace) -> None:
    state.look()
    opened(state, session, "two")
    state.finish()
    assert state.view.sentence.startswith("2 regions still open")
    state.choose_reader(1)
    state.choose_reader(2)
    state.finish()
    assert state.view.sentence == "Saved as the label of 'adjudicated'."
    assert state.view.cases[1].words == "saved"
    (record,) = adjudication_records(session.store, "two")
    assert [r.chosen for r in record.regions] == ["a", "b"]
    state.leave()
    assert session.options.label_visible
    assert state.view.shown == ""
    opened(state, session, "two")
    assert state.view.readers[-1].name == "b"  # the outcome is nobody's own
    assert state.view.n_open == 0


def test_another_case_on_the_screen_ends_it(state: Adjudicating, session: ReviewSession, ws: Workspace) -> None:
    opened(state, session, "one")
    state.choose_reader(2)
    scenes: list[object] = []
    state.scene_changed.connect(scenes.append)
    opened(state, session, "two")
    assert scenes[0] is None
    opened(state, session, "one")
    assert state.view.progress == "1 of 4 regions"
