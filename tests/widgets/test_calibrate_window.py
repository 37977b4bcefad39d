"""The window *Which measure works on my data?*: it shows what is known, starts a job, and changes the order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QLabel, QPushButton

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import Status
from napari_aleatoric.review import CalibrateSpec, CalibrationRecord, calibration_folder, default_order
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import prepare
from napari_aleatoric.widgets import hub_of
from napari_aleatoric.widgets.uncertainty._calibrate_window import calibrate_button, open_calibration

pytestmark = pytest.mark.gui


def row(
    name: str, title: str, value: float, *, question: str = "label_risk", detail: bool = False
) -> dict[str, Any]:
    figure = {"value": value, "low": value - 0.05, "high": min(1.0, value + 0.04)}
    return {
        "name": name,
        "title": title,
        "question": question,
        "order": True,
        "detail": detail,
        "auroc": figure,
        "average_precision": figure,
        "precision_top": figure,
        "by_kind": {"missing": [value - 0.1, 7], "over": [value, 9]},
        "by_severity": {"mild": [value, 16]},
        "weakest_kind": "missing",
        "voxel_auroc": 0.97,
    }


def record(**changes: Any) -> CalibrationRecord:
    nothing = {"value": None}
    line = {"share": 0.17, "precision": {"value": 0.81, "low": 0.7, "high": 0.9}, "recall": {"value": 0.7}}
    content: dict[str, Any] = {
        "created": "2026-01-01T00:00:00+00:00",
        "spec": {},
        "planting_digest": "0",
        "labels_digest": "0",
        "versions": {},
        "judge": "light",
        "n_cases": 201,
        "n_labels": 201,
        "least_cases": 23,
        "n_errors": 120,
        "n_errors_reported": 80,
        "mean_dice": 0.77,
        "rounds_choosing": (0,),
        "rounds_reporting": (1, 2),
        "rows": [
            row("worst_class", "Label risk of the worst class", 0.95),
            row("label_risk", "Label risk", 0.91),
            row("perception_scale_crop", "Perception scale: crop", 0.6, question="difficulty", detail=True),
            row("random", "Random", 0.5, question=""),
        ],
        "default_order": "label_risk",
        "best_order": "worst_class",
        "chosen_order": "worst_class",
        "difference_choosing": nothing,
        "difference_reporting": {"value": 0.04, "low": 0.01, "high": 0.07},
        "error_rate": 0.2,
        "line": line,
        "lines": [line],
        "notes": ["Your own labels count as right."],
        "verdict": "Use ‘Label risk of the worst class’.",
        "line_sentence": "If 20 % of your labels are wrong, about 8 in 10 of the first 34 have an error.",
        "methods": "The order was tested with planted errors.",
        "seconds": 600.0,
    }
    return CalibrationRecord.model_validate({**content, **changes})


@pytest.fixture
def opened(make_napari_viewer: Any, tmp_path: Path, qtbot: Any) -> Any:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=2, matrix=32))
    ws = Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))
    hub = hub_of(make_napari_viewer())
    hub.session.attach(prepare(ws))
    yield hub, ws
    hub.close()


def keep(ws: Workspace, made: CalibrationRecord) -> None:
    folder = calibration_folder(ws)
    folder.mkdir(exist_ok=True)
    (folder / "record.json").write_text(made.model_dump_json(), encoding="utf-8")


def test_the_last_result_is_shown_and_its_order_used(opened: Any, qtbot: Any) -> None:
    hub, ws = opened
    keep(ws, record())
    button = calibrate_button(hub)
    qtbot.addWidget(button)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    window = open_calibration(hub)
    card = window.card
    qtbot.waitUntil(card.table.isVisible, timeout=20_000)
    assert window.width() <= 1366
    assert window.height() <= 700
    assert [card.table.item(r, 0).text() for r in range(card.table.rowCount())] == [
        "Label risk of the worst class",
        "Label risk",
        "Random",
    ]
    assert card.table.item(0, 1).text() == "0.95 [0.90, 0.99]"
    assert card.table.item(0, 4).text() == "missing slices 0.85 (7)"
    assert card.table.item(0, 0).font().bold()
    assert not card.table.item(1, 0).font().bold()
    assert card.verdict.text().startswith("Use ")
    assert "8 in 10" in card.line.text()
    assert card.stale.isVisible()  # made on other labels
    qtbot.mouseClick(card.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "The order was tested with planted errors."
    assert card.use.isEnabled()
    qtbot.mouseClick(card.use, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: card.use.text().startswith("In use"), timeout=20_000)
    assert not card.use.isEnabled()
    assert default_order(ws) == "worst_class"
    assert hub.session.filter.strategy == "worst_class"
    window.close()


def whole(window: Any) -> bool:
    """Whether every text and button of the window has the room that it needs, within the window."""
    shown = [part for part in window.findChildren((QLabel, QPushButton)) if part.isVisible()]
    for part in shown:
        needed = part.heightForWidth(part.width()) if part.hasHeightForWidth() else part.minimumSizeHint().height()
        bottom = part.mapTo(window, part.rect().bottomLeft()).y()
        if part.height() < needed or bottom >= window.height():
            return False
    return len(shown) > 5


@pytest.mark.parametrize("size", [(980, 600), (640, 300)])
def test_long_sentences_are_never_cut(opened: Any, qtbot: Any, size: tuple[int, int]) -> None:
    hub, ws = opened
    window = open_calibration(hub)
    window.resize(*size)
    qtbot.waitUntil(window.card.nothing.isVisible, timeout=20_000)
    assert window.card.nothing.text().startswith("Nothing is known yet.")
    qtbot.waitUntil(lambda: whole(window), timeout=20_000)
    long = "A sentence that says with all its figures what a place in the queue means. "
    keep(ws, record(verdict=3 * long, line_sentence=4 * long, notes=tuple(5 * [long])))
    window.look()  # while it is open, as after a calibration
    qtbot.waitUntil(window.card.table.isVisible, timeout=20_000)
    assert not window.card.nothing.isVisible()
    qtbot.waitUntil(lambda: whole(window), timeout=20_000)
    assert window.card.table.height() >= 140
    assert window.width() <= 1366
    assert window.height() <= 700
    window.close()


def test_too_few_cases_show_a_sentence_and_no_table(opened: Any, qtbot: Any) -> None:
    hub, ws = opened
    keep(ws, record(n_cases=6, rows=(), line=None, lines=(), verdict="6 cases are too few.", line_sentence=""))
    window = open_calibration(hub)
    qtbot.waitUntil(window.card.verdict.isVisible, timeout=20_000)
    assert window.card.verdict.text() == "6 cases are too few."
    assert not window.card.table.isVisible()
    assert not window.card.use.isVisible()
    window.close()


def test_it_starts_a_job_shows_it_and_stops_it(opened: Any, qtbot: Any, monkeypatch: Any) -> None:
    hub, _ = opened
    started: list[tuple[str, CalibrateSpec]] = []
    window = open_calibration(hub)
    monkeypatch.setattr(hub.session, "start", lambda door, spec: started.append((door, spec)))
    window.rounds.setValue(2)
    window.rate.setValue(10)
    qtbot.mouseClick(window.start, Qt.MouseButton.LeftButton)
    ((door, spec),) = started
    assert door == "calibrate"
    assert (spec.seeds, spec.fraction, spec.error_rate) == (2, 0.2, 0.1)

    class Job:
        door = "calibrate"
        stopped = False

        def cancel(self) -> None:
            self.stopped = True

        def status(self) -> JobStatus:
            return JobStatus(Status.BUSY, done=1, total=4, message="Round 1 of 2: Scored c")

    hub.session._jobs.job = job = Job()
    hub.session.job_changed.emit(job.status())
    assert window.progress.bar.isVisible()
    assert window.progress.bar.value() == 250
    assert "Round 1 of 2" in window.progress.words.text()
    assert not window.start.isEnabled()
    qtbot.mouseClick(window.progress.cancel, Qt.MouseButton.LeftButton)
    assert job.stopped
    hub.session.job_changed.emit(JobStatus(Status.CANCELLED))  # the session lets go of the job after it has told
    assert not window.progress.bar.isVisible()
    assert window.start.isEnabled()
    assert "Stopped" in window.progress.words.text()
    window.close()


def test_a_real_job_ends_with_its_sentence_on_the_card(opened: Any, qtbot: Any) -> None:
    hub, _ = opened
    window = open_calibration(hub)
    assert not window.card.verdict.isVisible()
    qtbot.mouseClick(window.start, Qt.MouseButton.LeftButton)
    assert not window.start.isEnabled()
    qtbot.waitUntil(window.card.verdict.isVisible, timeout=300_000)  # a job has the lowest priority
    assert window.card.verdict.text().startswith("2 cases are too few: at least 23 are needed")
    qtbot.waitUntil(window.start.isEnabled, timeout=20_000)
    assert not window.progress.bar.isVisible()
    window.close()
