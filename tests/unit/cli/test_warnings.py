"""What libraries warn of is said once, as a sentence, and never in Python's own form."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from napari_aleatoric.cli._terminal import BarReporter, plain_warnings
from napari_aleatoric.io import write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume

SHAPE = (6, 16, 18)


@pytest.fixture
def odd_data(tmp_path: Path) -> Path:
    """Three cases: one image is a series, and one label has a value that the names leave out."""
    import SimpleITK

    folder = tmp_path / "data"
    folder.mkdir()
    rows = ["case,image,label,reader,patient,class_names"]
    for i in range(3):
        rng = np.random.default_rng(i)
        label = np.zeros(SHAPE, np.uint8)
        label[1:5, 4:11, 5 + i : 12] = 1
        image = (50.0 * label + rng.normal(0, 5, SHAPE)).astype(np.float32)
        write_volume(folder / f"{i}.nii.gz", Volume(image, Geometry(SHAPE)))
        if i == 1:
            label[2, 2:4, 2:4] = 7
        write_label_map(folder / f"{i}_label.nii.gz", LabelMap(label, Geometry(SHAPE)))
        rows.append(f"c{i},{i}.nii.gz,{i}_label.nii.gz,,,1=box")
    series = SimpleITK.JoinSeries([SimpleITK.ReadImage(str(folder / "2.nii.gz"))] * 3)
    SimpleITK.WriteImage(series, str(folder / "2.nii.gz"))
    (folder / "manifest.csv").write_text("\n".join(rows))
    return folder


def aleatoric(*arguments: object) -> tuple[list[str], list[str]]:
    """Run the program; returns the lines of standard output and of standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "napari_aleatoric.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr.splitlines()


def test_odd_files_are_told_in_sentences(odd_data: Path, tmp_path: Path) -> None:
    ws, spec = tmp_path / "review", tmp_path / "spec.json"
    spec.write_text('{"rounds": 5, "samples_per_case": 200, "encoder": "filter-bank"}')
    series = "2.nii.gz holds 3 channels or time points; the first one is used."
    _, _ = aleatoric("init", odd_data, "--workspace", ws, "--class-names", "1=box")
    out, err = aleatoric("score", ws, "--spec", spec, "--light")
    assert any("3 of 3 labels scored" in line for line in out)
    assert err.count(series) == 1  # read more than once, said once
    assert sum("c1" in line and "7" in line and line.endswith(".") for line in err) == 1
    assert not any("Warning" in line or ".py" in line or "warnings.warn" in line for line in err)


def test_each_warning_to_the_user_is_said_once_from_any_thread(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        for _ in range(3):
            warnings.warn("One file\n is odd.", UserWarning, stacklevel=1)
            warnings.warn("invalid value", RuntimeWarning, stacklevel=1)
            warnings.warn("to be removed", DeprecationWarning, stacklevel=1)

    before = warnings.showwarning
    with plain_warnings():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        work()
    assert capsys.readouterr().err == "One file is odd.\n"
    assert warnings.showwarning is before


def test_warnings_are_printed_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(
        "napari_aleatoric.cli._terminal.Console",
        lambda **more: Console(file=screen, force_terminal=True, width=100, highlight=False),
    )
    with plain_warnings(), BarReporter("Scoring") as reporter:
        reporter.step(1, 4, "Read 1 of 4 cases")
        warnings.warn("One file is odd.", UserWarning, stacklevel=1)
        reporter.step(2, 4, "Read 2 of 4 cases")
    (line,) = [line for line in screen.getvalue().splitlines() if "odd" in line]
    assert line.rsplit("\r")[-1].rsplit("\x1b[2K")[-1].strip() == "One file is odd."


def test_lines_of_a_log_tell_the_share_that_is_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "napari_aleatoric.cli._terminal.Console",
        lambda **more: Console(file=io.StringIO(), force_terminal=False, width=100, highlight=False),
    )
    with BarReporter("Scoring") as reporter:
        reporter._last_time = -60.0  # lines come every ten seconds
        reporter.step(0.05059, 3, "Round 1 of 3: read 3 of 24 cases")
    assert capsys.readouterr().err == "Round 1 of 3: read 3 of 24 cases (2%)\n"
