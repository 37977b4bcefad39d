"""What the window says of how readers agree: compared, stopped and blinded when it has to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume, reader_colours
from napari_aleatoric.review import report_readers
from napari_aleatoric.session import Agreement, ReviewSession, prepare

GRID = Geometry((6, 16, 14), (2.0, 1.0, 1.0))
READERS = ("anna", "ben", "cleo")


def made(root: Path, readers: tuple[str, ...] = READERS) -> Workspace:
    rows = ["case,image,label,reader,class_names"]
    for case in range(3):
        write_volume(root / "data" / f"c{case}.nii.gz", Volume(np.zeros(GRID.shape_zyx, np.int16), GRID))
        for r, reader in enumerate(readers):
            label = np.zeros(GRID.shape_zyx, np.uint8)
            label[1:5, 3 : 9 + r * case, 3:9] = 1
            if case < 2:
                label[5, 12, 12] = 2
            write_label_map(root / "data" / f"c{case}_{r}.nii.gz", LabelMap(label, GRID))
            rows.append(f"c{case},c{case}.nii.gz,c{case}_{r}.nii.gz,{reader},1=liver;2=cyst")
    (root / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / "workspace", scan(root / "data"))


class Later:
    """A worker whose work is done when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def __call__(self, work: Callable[[], None]) -> None:
        self.waiting.append(work)

    def run(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def agreement(tmp_path: Path, later: Later) -> Agreement:
    session = ReviewSession(reader="dora")
    session.attach(prepare(made(tmp_path)))
    return Agreement(session, worker=later)


def test_what_is_shown_is_the_report(agreement: Agreement, later: Later) -> None:
    assert agreement.view.is_open
    assert "reads every label once" in agreement.view.words
    agreement.compare()
    assert agreement.view.busy
    later.run()
    view = agreement.view
    workspace = agreement._session.workspace
    assert workspace is not None
    report = report_readers(workspace)
    assert (view.busy, view.class_names, view.class_name) == (False, ("liver", "cyst"), "liver")
    assert report.kappa.words(3) in view.headline
    assert [r.name for r in view.readers] == list(READERS)
    assert {r.name: r.colour for r in view.readers} == reader_colours(READERS)
    known = {(p.first, p.second): p.dice.value for p in report.pairs if p.class_name == "liver"}
    for i, a in enumerate(READERS):
        for j, b in enumerate(READERS):
            expected = None if i == j else known.get((a, b), known.get((b, a)))
            assert view.pairs[i][j].dice == expected
    assert [c.case_id for c in view.cases] == ["c2", "c1", "c0"]
    agreement.choose("cyst")
    assert agreement.view.class_name == "cyst"
    assert [c.dice for c in agreement.view.cases] == [1.0, 1.0, None]


def test_a_click_goes_to_the_case(agreement: Agreement) -> None:
    session = agreement._session
    gone: list[object] = []
    session.go = gone.append  # type: ignore[method-assign, assignment]
    agreement.go("c1")
    assert session.full_queue is not None
    assert gone == [next(k for k in map(session.full_queue.key, range(9)) if k.case_id == "c1")]
    agreement.go("nowhere")
    assert len(gone) == 1


def test_stopped_it_keeps_what_was_shown(agreement: Agreement, later: Later) -> None:
    agreement.compare()
    later.run()
    before = agreement.view
    agreement.compare()
    agreement.cancel()
    assert agreement.view.stopping
    later.run()
    assert not agreement.view.busy
    assert agreement.view.readers == before.readers
    assert "Stopped" in agreement.view.words


def test_cases_that_are_hidden_from_the_reader_are_left_out(
    agreement: Agreement, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def hidden(_: object, reader: str) -> frozenset[str]:
        asked.append(reader)
        return frozenset({"c2"})

    monkeypatch.setattr("napari_aleatoric.review._study._blindness.hidden_cases", hidden)
    agreement.compare()
    later.run()
    assert asked == ["dora"]
    assert {c.case_id for c in agreement.view.cases} == {"c0", "c1"}


def test_report_is_saved_as_a_folder(agreement: Agreement, later: Later, tmp_path: Path) -> None:
    said: list[list[str]] = []
    refused: list[str] = []
    agreement.refused.connect(lambda notice: refused.append(notice.text))
    agreement.save(tmp_path / "out", said.append)
    later.run()
    assert said == []  # there is nothing to save yet
    agreement.compare()
    later.run()
    agreement.save(tmp_path / "out", said.append)
    later.run()
    assert "report.html" in said[0]
    assert (tmp_path / "out" / "pairs.svg").is_file()
    agreement.save(tmp_path / "out", said.append)
    later.run()
    assert len(said) == 1
    assert "empty folder" in refused[0]
    assert agreement.view.readers


def test_one_reader_has_nobody_to_agree_with(tmp_path: Path, later: Later) -> None:
    session = ReviewSession(reader="dora")
    agreement = Agreement(session, worker=later)
    assert not agreement.view.is_open
    session.attach(prepare(made(tmp_path, ("anna",))))
    assert not agreement.view.is_open
    assert agreement.view.words == "No case has labels of two readers."


def test_another_data_set_drops_the_answer_that_is_under_way(
    agreement: Agreement, later: Later, tmp_path: Path
) -> None:
    agreement.compare()
    agreement._session.attach(prepare(made(tmp_path / "other", ("anna", "ben"))))
    assert not agreement.view.busy
    later.run()
    assert agreement.view.readers == ()
    agreement.compare()
    later.run()
    assert [r.name for r in agreement.view.readers] == ["anna", "ben"]
