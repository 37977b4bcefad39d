"""Who judges: what was asked for, or what is here and makes sense; and how a run is stopped while it waits."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, MissingExtraError
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, RecordingReporter, Volume
from napari_aleatoric.review import ReviewStore, score_workspace
from napari_aleatoric.review._scoring import _choice
from napari_aleatoric.review._scoring._progress import ScoreProgress
from napari_aleatoric.review._scoring._threads import in_threads, one_by_one
from napari_aleatoric.uncertainty import ScoreSpec

GRID = Geometry((6, 10, 12), (2.0, 1.0, 1.0))
FAST = {"rounds": 5, "samples_per_case": 200, "encoder": "filter-bank"}


def data_set(root: Path, n: int) -> Workspace:
    rng = np.random.default_rng(0)
    rows = ["case,image,label,class_names"]
    for k in range(n):
        label = np.zeros(GRID.shape_zyx, np.uint8)
        label[1:5, 3:7, 3:8] = 1
        image = (rng.normal(0, 9, GRID.shape_zyx) + 90 * label).astype(np.int16)
        write_volume(root / "data" / f"i{k}.nii.gz", Volume(image, GRID))
        write_label_map(root / "data" / f"l{k}.nii.gz", LabelMap(label, GRID))
        rows.append(f"c{k},i{k}.nii.gz,l{k}.nii.gz,1=liver")
    (root / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / "workspace", scan(root / "data"))


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_choice, "find_spec", lambda name: None)


@pytest.fixture
def torch_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_choice, "find_spec", lambda name: object())


@pytest.mark.usefixtures("no_torch")
def test_without_torch_the_light_classifier_judges_and_a_network_is_refused(tmp_path: Path) -> None:
    ws = data_set(tmp_path, 4)
    with pytest.raises(MissingExtraError, match=r"napari-aleatoric\[ai\]"):
        score_workspace(ws, ScoreSpec(judge="network", **FAST))
    summary = score_workspace(ws, ScoreSpec(**FAST))
    assert (summary.judge, summary.n_scored, summary.notes) == ("light", 4, ())
    with ReviewStore.open(ws.store_url) as store:
        assert store.score_table().judge == "light"


@pytest.mark.usefixtures("torch_there")
@pytest.mark.parametrize("judge", ["auto", "network"])
def test_three_cases_are_too_few_for_a_network_and_that_is_said(tmp_path: Path, judge: Any) -> None:
    summary = score_workspace(data_set(tmp_path, 3), ScoreSpec(judge=judge, **FAST))
    assert (summary.judge, summary.n_scored) == ("light", 3)
    assert "3 labelled cases are too few to train a network" in summary.notes[0]
    assert "light classifier" in summary.notes[0]


@pytest.mark.usefixtures("torch_there")
def test_auto_is_the_network_where_torch_is(tmp_path: Path) -> None:
    ws = data_set(tmp_path, 4)
    cases = list(ws.dataset.cases)
    digests = {case.case_id: case.case_id for case in cases}
    for judge, expected in (("auto", "network+light"), ("light", "light")):
        spec = ScoreSpec.model_validate({"judge": judge, **FAST})
        kind, remarks = _choice.choose_kind(
            ws,
            spec,
            cases,
            None,
            digests,
            threading.Event(),
            lambda: None,  # type: ignore[arg-type]
        )
        assert (kind.name, remarks) == (expected, [])


@pytest.mark.usefixtures("torch_there")
def test_where_nothing_is_labelled_there_is_nothing_to_train_for(tmp_path: Path) -> None:
    data_set(tmp_path, 4)
    for k in range(4):
        empty = LabelMap(np.zeros(GRID.shape_zyx, np.uint8), GRID)
        write_label_map(tmp_path / "data" / f"l{k}.nii.gz", empty)
    (tmp_path / "data" / "manifest.csv").write_text(
        "\n".join(["case,image,label", *(f"c{k},i{k}.nii.gz,l{k}.nii.gz" for k in range(4))])
    )
    ws = Workspace.create(tmp_path / "unlabelled", scan(tmp_path / "data"))
    assert len(ws.dataset.classes) == 0
    summary = score_workspace(ws, ScoreSpec(**FAST))
    assert (summary.judge, summary.n_scored) == ("light", 4)


def test_light_scores_hold_whether_light_was_asked_for_or_all_there_is(tmp_path: Path, monkeypatch: Any) -> None:
    ws = data_set(tmp_path, 4)
    score_workspace(ws, ScoreSpec(judge="light", **FAST))
    monkeypatch.setattr(_choice, "find_spec", lambda name: None)
    again = score_workspace(ws, ScoreSpec(**FAST))
    assert (again.n_scored, again.n_reused, again.models_kept) == (0, 4, True)


@pytest.mark.parametrize("run", [in_threads, one_by_one])
def test_a_stop_is_heard_while_one_case_takes_long(run: Any) -> None:
    stopping = threading.Event()
    progress = ScoreProgress(RecordingReporter(cancel_after=2), stopping)
    progress.step(1, 10, "Scored a")

    def slow(item: int) -> int:
        stopping.wait(30)
        return item

    begun = time.monotonic()
    with pytest.raises(Cancelled):
        list(run(slow, [1, 2, 3], progress.again))
    assert time.monotonic() - begun < 20
    assert stopping.is_set()


@pytest.mark.parametrize("run", [in_threads, one_by_one])
def test_results_come_in_order_and_errors_come_through(run: Any) -> None:
    assert list(run(lambda n: n * n, range(9))) == [n * n for n in range(9)]
    with pytest.raises(ZeroDivisionError):
        list(run(lambda n: 1 // n, [1, 0], lambda: None))
