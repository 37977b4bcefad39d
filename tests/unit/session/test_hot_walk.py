"""Walking the hot regions of a label, without a window."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.io import Workspace, scan, write_label_map, write_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, Verdict, Volume
from napari_aleatoric.review import AssignSpec, assign, begin_assignment, read_barred
from napari_aleatoric.session import HotWalk, ReviewSession, prepare
from napari_aleatoric.session._hot_changes import nearby_of
from napari_aleatoric.uncertainty import hot_regions

GRID = Geometry(shape_zyx=(6, 30, 40), spacing_zyx_mm=(3.0, 1.0, 1.0))
ONE, TWO = ItemKey("one"), ItemKey("two")
HOT = (
    (2, slice(3, 9), slice(3, 9), 250),
    (2, slice(18, 22), slice(30, 34), 200),
    (4, slice(4, 6), slice(30, 33), 150),
)


def heat(*spots: tuple[int, slice, slice, int]) -> np.ndarray:
    values = np.zeros((1, *GRID.shape_zyx), np.uint8)
    for z, y, x, value in spots:
        values[0, z, y, x] = value
    return values


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    data = tmp_path / "data"
    rows = ["case,image,label,reader,class_names"]
    label = np.zeros(GRID.shape_zyx, np.uint8)
    label[1:5, 2:24, 2:36] = 2
    for case in ("one", "two"):
        write_volume(data / f"{case}.nii.gz", Volume(np.zeros(GRID.shape_zyx, np.int16), GRID))
        write_label_map(data / f"{case}_label.nii.gz", LabelMap(label, GRID))
        rows.append(f"{case},{case}.nii.gz,{case}_label.nii.gz,,2=liver")
    (data / "manifest.csv").write_text("\n".join(rows))
    ws = Workspace.create(tmp_path / "workspace", scan(data))
    for key in ws.dataset.items:
        write_map(ws, key, "label_risk", heat(*HOT), (1,), GRID, {})
    return ws


class Now(ReviewSession):
    """A session whose reading and writing the test can wait for."""

    def __init__(self, workspace: Workspace, reader: str = "Ann") -> None:
        self.waiting: list[Callable[[], None]] = []
        super().__init__(deliver=self.waiting.append, reader=reader)
        self.said: list[str] = []
        self.notice.connect(lambda n: self.said.append(n.text))
        self.attach(prepare(workspace))

    def settle(self) -> None:
        desk: Any = self._desk
        for _ in range(6000):
            while self.waiting:
                self.waiting.pop(0)()
            wanted = desk.screen.wanted
            is_there = wanted is None or (self.item is not None and self.item.key == wanted)
            if is_there and not desk.painting._saver.futures and not desk.barring._saver.futures:
                return
            time.sleep(0.005)
        raise TimeoutError

    def show(self, key: ItemKey = ONE) -> Any:
        self.go(key)
        self.settle()
        return self.item


@pytest.fixture
def session(ws: Workspace) -> Iterator[Now]:
    session = Now(ws)
    yield session
    session.close()


@pytest.fixture
def walk(session: Now) -> Iterator[HotWalk]:
    walk = HotWalk(session, worker=lambda work: work())
    yield walk
    walk.close()


def kinds(walk: HotWalk) -> list[str]:
    return [row.kind for row in walk.view.rows]


def test_regions_are_listed_when_somebody_walks_them_and_the_heaviest_is_first(session: Now, walk: HotWalk) -> None:
    session.show()
    assert walk.view.rows == ()
    seen: list[Any] = []
    walk.looked.connect(lambda region: seen.append(region.centre_zyx))
    walk.turn_on(go=True)
    first, second, third = walk.view.rows
    assert (first.class_name, first.slices, first.size, first.heat) == ("liver", "3", "0.11 ml", "0.98–0.98")
    assert (first.place, second.place, third.place) == (
        "right, anterior",
        "left, posterior",
        "left, anterior, superior",
    )
    assert walk.view.progress == "3 of 3 regions left"
    assert seen[0][0] == 2
    walk.step(+1)
    walk.step(+1)
    walk.step(+1)
    assert (walk.view.row, session.said[-1:]) == (2, ["This is the last region of this case."])
    assert seen[-1] == walk.region.centre_zyx == third.centre_zyx  # type: ignore[union-attr]
    walk.turn_off()
    assert walk.view.rows == ()


def test_the_threshold_is_that_of_the_heatmap_and_the_region_in_question_stays(session: Now, walk: HotWalk) -> None:
    session.show()
    walk.turn_on()
    walk.go_to(1)
    session.options.threshold = 0.75
    assert len(walk.view.rows) == 2
    assert walk.view.rows[walk.view.row].place == "left, posterior"
    session.options.threshold = 0.95
    assert len(walk.view.rows) == 1
    assert walk.view.row == 0
    session.options.hidden_classes = frozenset({1})
    assert walk.view.rows == ()
    assert walk.view.sentence == "All classes are switched off."


def test_of_moves_of_the_threshold_only_the_last_is_looked_at(session: Now) -> None:
    waiting: list[Callable[[], None]] = []
    walk = HotWalk(session, worker=waiting.append)
    session.show()
    walk.turn_on()
    for percent in (30, 40, 50, 75):
        session.options.threshold = percent / 100
    assert walk.view.is_busy
    n = 0
    while waiting:
        waiting.pop(0)()
        n += 1
    assert n == 2, "the first, and the newest"
    assert len(walk.view.rows) == 2
    walk.close()


def test_what_is_said_is_on_the_disk_and_holds_after_a_restart(ws: Workspace, session: Now, walk: HotWalk) -> None:
    session.show()
    walk.turn_on()
    walk.say("accepted")
    assert kinds(walk) == ["accepted", "", ""]
    assert walk.view.row == 1, "the next open one"
    walk.say("excluded")
    assert walk.view.proposal is None
    walk.say("accepted")
    assert walk.view.proposal is Verdict.ACCEPTED
    assert walk.view.progress == "All 3 regions settled"
    assert "accepted" in session.said[-1]
    assert session.store is not None
    assert session.store.state(ONE).verdict is None, "nothing is recorded by itself"
    session.close()
    again = Now(ws, "Ben")
    again.show()
    later = HotWalk(again, worker=lambda work: work())
    later.turn_on()
    assert kinds(later) == ["accepted", "excluded", "accepted"]
    assert {row.by for row in later.view.rows} == {"Ann"}
    later.undo()
    assert again.said[-1:] == ["Ann said so. Say what holds for you instead."]
    later.say("repainted")
    assert later.view.rows[0].by == "Ben"
    later.close()
    again.close()


def test_an_excluded_region_is_not_learned_from_until_it_is_taken_back(
    ws: Workspace, session: Now, walk: HotWalk
) -> None:
    item = session.show()
    item.barred.mask[2, 3, 3] = 1  # somebody had painted there before
    walk.turn_on()
    walk.say("excluded")
    assert item.barred.mask.sum() == 36
    assert item.barred.mask[2, 3:9, 3:9].all()
    assert session.unsaved
    walk.go_to(0)
    walk.undo()
    assert kinds(walk) == ["", "", ""]
    assert item.barred.mask.sum() == 1
    assert item.barred.mask[2, 3, 3] == 1, "what was barred before stays so"
    walk.say("excluded")
    session.leave()
    session.settle()
    assert read_barred(ws, ONE, GRID).sum() == 36


def test_an_exclusion_whose_voxels_are_all_erased_holds_no_more(session: Now, walk: HotWalk) -> None:
    item = session.show()
    walk.turn_on()
    walk.say("excluded")
    item.barred.mask[2, 3:9, 3:8] = 0
    walk.follow()
    assert kinds(walk) == ["excluded", "", ""]
    item.barred.mask[...] = 0
    walk.follow()
    assert kinds(walk) == ["", "", ""]


def test_painting_in_or_near_the_region_in_question_marks_it_and_undoing_unmarks_it(
    session: Now, walk: HotWalk
) -> None:
    item = session.show()
    walk.turn_on()
    item.label[2, 10, 10] = 0  # two voxels off, at a corner
    walk.follow()
    assert kinds(walk) == ["repainted", "", ""]
    assert walk.view.row == 0, "one goes on when one has painted"
    item.label[2, 10, 10] = 2
    walk.follow()
    assert kinds(walk) == ["", "", ""]
    item.label[2, 12, 12] = 0  # too far off
    walk.follow()
    assert kinds(walk) == ["", "", ""]


def test_a_region_that_nobody_looks_at_needs_half_of_its_voxels(session: Now, walk: HotWalk) -> None:
    item = session.show()
    walk.turn_on()
    item.label[2, 18:22, 30] = 0
    walk.follow()
    assert kinds(walk) == ["", "", ""]
    item.label[2, 18:22, 30:32] = 0
    walk.follow()
    assert kinds(walk) == ["", "repainted", ""]


def test_a_repainted_case_is_proposed_as_corrected_also_when_it_is_saved(session: Now, walk: HotWalk) -> None:
    item = session.show()
    walk.turn_on()
    item.label[2, 4:8, 4:8] = 0
    session.painted()
    session.keep_strokes()
    walk.step(+1)
    assert kinds(walk) == ["repainted", "", ""]
    walk.say("accepted")
    walk.say("accepted")
    assert walk.view.proposal is Verdict.CORRECTED
    session.save()
    session.settle()
    assert session.item is not None
    assert session.item.label_version
    assert walk.view.proposal is Verdict.CORRECTED
    assert kinds(walk) == ["repainted", "accepted", "accepted"], "saving makes nothing unpainted"


def test_the_walk_leads_to_the_next_case_if_wished(session: Now, walk: HotWalk) -> None:
    session.show()
    walk.turn_on()
    walk.go_on_at_the_end(True)
    walk.go_to(2)
    walk.step(+1)
    session.settle()
    assert session.item is not None
    assert session.item.key == TWO
    assert [row.kind for row in walk.view.rows] == ["", "", ""]


def test_who_reads_blinded_is_told_of_no_region(ws: Workspace) -> None:
    opened = prepare(ws)
    assign(ws, opened.store, AssignSpec(readers=("Ada",), rule="listed", cases=("one",)))
    begin_assignment(ws, opened.store, "one", "Ada")
    opened.store.close()
    own = ItemKey("one", "Ada")
    write_map(ws.seen_by("Ada"), own, "label_risk", heat(*HOT), (1,), GRID, {})
    session = Now(ws, "Ada")
    item = session.show(own)
    assert item.blinded
    walk = HotWalk(session, worker=lambda work: work())
    walk.turn_on()
    assert walk.view.rows == ()
    assert walk.view.progress == "Blinded reading: nothing of the machine is shown."
    walk.say("accepted")
    assert session.store is not None
    assert session.store.regions.everything() == []
    walk.close()
    session.close()


def test_near_is_two_voxels_off_and_inside_the_volume() -> None:
    values = np.zeros((3, 8, 8), np.uint8)
    values[0, 0, 0:2] = 255
    (region,) = hot_regions(lambda _: values, [1], 0.5).regions
    near = nearby_of(region, values.shape)
    whole = np.zeros(values.shape, bool)
    whole[near.box] = near.near
    place = np.stack(np.meshgrid(*map(np.arange, values.shape), indexing="ij"), axis=-1)
    far = np.min([np.abs(place - at).max(axis=-1) for at in ((0, 0, 0), (0, 0, 1))], axis=0)
    np.testing.assert_array_equal(whole, far <= 2)


def test_a_failed_search_is_told(session: Now) -> None:
    walk = HotWalk(session, worker=lambda work: work())
    item = session.show()
    item.heat.of = lambda _: 1 / 0
    walk.turn_on()
    assert session.said[-1].startswith("The regions could not be found.")
    assert not walk.view.is_busy
    walk.close()
