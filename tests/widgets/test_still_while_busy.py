"""While a job runs and nothing changes, nothing is drawn: what moves takes a core from the work it tells of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtGui import QMovie
from qtpy.QtWidgets import QLabel, QProgressBar

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import Status
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import prepare
from napari_aleatoric.widgets import hub_of, show_docks

pytestmark = pytest.mark.gui

STARTING = JobStatus(Status.BUSY)  # nothing is known of how far it is
HALF = JobStatus(Status.BUSY, done=0.998, total=2.0, message="Learning")
DONE = JobStatus(Status.COMPLETED, result={})


def test_nothing_moves_while_a_job_runs(make_napari_viewer: Any, tmp_path: Path) -> None:
    write_samples(tmp_path / "samples", SampleSpec(n_cases=1, matrix=32))
    viewer = make_napari_viewer(show=True)
    review, _ = show_docks(viewer)
    hub = hub_of(viewer)
    hub.performers()["show_training"]()
    hub.session.attach(prepare(Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))))
    window = viewer.window._qt_window
    shown = []
    for status in (STARTING, HALF):
        hub.session.job_changed.emit(status)
        bars = [bar for bar in window.findChildren(QProgressBar) if bar.isVisible()]
        assert review.job.bar in bars
        assert [bar for bar in bars if bar.minimum() == bar.maximum()] == []  # Qt lets such a bar move by itself
        movies = [label.movie() for label in window.findChildren(QLabel) if label.movie() is not None]
        assert [movie.state() for movie in movies] == [QMovie.MovieState.Paused] * len(movies)
        assert movies, "napari's wheel is where?"
        shown.append((review.job.bar.value(), review.job.bar.isTextVisible(), review.job.bar.text()))
    assert shown[0][:2] == (0, False)
    assert shown[1] == (499, True, "50%")  # rounded as in the words below it
    assert not review.open_bar.score_button.isEnabled()
    hub.session.job_changed.emit(DONE)
    assert review.open_bar.score_button.isEnabled()  # the next one may be started
    assert not review.job.bar.isVisible()
    hub.close()
