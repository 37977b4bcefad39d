"""``demo``: the whole way from generated cases to a reviewed queue, with the known truth beside it."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from napari_aleatoric.errors import AleatoricError

from ._screen import ScreenError, child_environment, has_screen, virtual_screen
from ._terminal import BarReporter, note, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.samples import ErrorRecord, SampleSpec

__all__ = ["DemoResult", "Found", "demo", "found_measures"]


@dataclass(frozen=True)
class Found:
    """How well an order of the queue finds the planted errors.

    Parameters
    ----------
    n_cases, n_wrong : int
        How many, and how many of them are wrong.
    among_first : int
        How many of the first ``n_wrong`` of the queue are wrong.
    auroc, average_precision : float
        Of the score, over all cases; NaN where nothing or everything is wrong.
    """

    n_cases: int
    n_wrong: int
    among_first: int
    auroc: float
    average_precision: float


@dataclass(frozen=True)
class DemoResult:
    """What the demo found.

    Parameters
    ----------
    rows : list of dict
        The queue, worst first, each with ``"truth"``: the planted error in words, or "".
    finding : Finding
        How well it found them.
    seconds : dict of float
        How long each part took.
    """

    rows: list[dict[str, Any]]
    finding: Found
    seconds: dict[str, float]


def demo(
    cases: Annotated[int, typer.Option("--cases", min=4, help="How many abdomens.")] = 24,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another number gives other patients.")] = 0,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where samples and review are kept. Default: ./aleatoric-demo")
    ] = None,
    headless: Annotated[
        Path | None,
        typer.Option(
            "--headless", metavar="DIR", help="Drive the window on a virtual screen; write DIR/summary.html."
        ),
    ] = None,
) -> None:
    """Generate cases with known label errors, score them, show the queue with the truth, open the window."""
    place = folder if folder is not None else (headless / "demo" if headless else Path("aleatoric-demo"))
    from napari_aleatoric.samples import SampleSpec

    result, workspace = _prepare(place, SampleSpec(n_cases=cases, seed=seed))
    _print_queue(result)
    if headless is None and has_screen():
        from ._window import show_and_wait

        note("The window opens; close it to end.")
        show_and_wait(workspace)
        return
    out = headless if headless is not None else place / "summary"
    if headless is None:
        note("There is no screen: the window is driven on a virtual one.")
    _headless(workspace, out, result)
    print_line(f"Summary: {out / 'summary.html'}")


def _prepare(place: Path, spec: SampleSpec) -> tuple[DemoResult, Path]:
    from napari_aleatoric.io import Workspace, scan
    from napari_aleatoric.review import ReviewStore, build_queue, score_workspace
    from napari_aleatoric.samples import is_complete, read_truth, write_samples
    from napari_aleatoric.uncertainty import ScoreSpec

    from ._scores import queue_rows

    data, root = place / f"samples-{spec.digest}", place / f"review-{spec.digest}"
    seconds: dict[str, float] = {}
    begun = time.monotonic()
    if not is_complete(data, spec):
        with BarReporter("Drawing cases") as reporter:
            write_samples(data, spec, reporter)
    seconds["samples"] = time.monotonic() - begun
    begun = time.monotonic()
    opened: Workspace
    if Workspace.is_workspace(root):
        opened = Workspace.open(root)
    else:
        with BarReporter("Reading labels") as reporter:
            opened = Workspace.create(root, scan(data, reporter=reporter))
    note("The light classifier judges the labels here, to be quick; 'aleatoric score' trains a network if it can.")
    with BarReporter("Scoring") as reporter:
        score_workspace(opened, ScoreSpec(judge="light"), reporter=reporter)
    seconds["scoring"] = time.monotonic() - begun
    truth = read_truth(data)
    with ReviewStore.open(opened.store_url) as store:
        rows = queue_rows(build_queue(store, opened.dataset.classes))
    for row in rows:
        error = truth.get(row["case"])
        row["truth"] = error.sentence if error is not None else ""
    return DemoResult(rows, found_measures(rows, truth), seconds), root


def found_measures(rows: list[dict[str, Any]], truth: dict[str, ErrorRecord | None]) -> Found:
    """Measure how well the queue's order finds the wrong cases.

    AUROC is the probability that a wrong case stands before a right one (Mann–Whitney); average precision is
    the mean, over the wrong cases, of the share of wrong ones down to each.

    Parameters
    ----------
    rows : list of dict
        The queue, worst first, with ``"case"``.
    truth : dict
        Planted error of each case, or None.
    """
    wrong = np.array([truth.get(row["case"]) is not None for row in rows], dtype=bool)
    n, k = len(wrong), int(wrong.sum())
    if k in (0, n):
        return Found(n, k, k, float("nan"), float("nan"))
    place = np.flatnonzero(wrong)
    right_before = place - np.arange(k)
    auroc = 1.0 - float(right_before.mean()) / (n - k)
    precision = (np.arange(k) + 1) / (place + 1)
    return Found(n, k, int(wrong[:k].sum()), auroc, float(precision.mean()))


def _print_queue(result: DemoResult) -> None:
    shown = result.rows[: max(10, result.finding.n_wrong)]
    print_table(
        ["rank", "case", "score", "class", "why", "planted (the truth)"],
        [
            (str(r["rank"]), r["case"], f"{r['score'] or 0:.3f}", r["class_name"], r["reason"], r["truth"] or "–")
            for r in shown
        ],
        right=(0, 2),
    )
    print_line(sentence_of(result.finding))


def sentence_of(finding: Found) -> str:
    """Say in words how many errors were found where."""
    expected = finding.n_wrong**2 / finding.n_cases
    return (
        f"{finding.n_wrong} of {finding.n_cases} labels are wrong; {finding.among_first} of them are among "
        f"the first {finding.n_wrong} of the queue (by chance {expected:.1f} would be). AUROC {finding.auroc:.3f}, "
        f"average precision {finding.average_precision:.3f}."
    )


def _headless(workspace: Path, out: Path, result: DemoResult) -> None:
    from ._summary import write_summary

    out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with virtual_screen() as display:
        command = [sys.executable, "-m", "napari_aleatoric.cli", "tour", str(workspace), str(out)]
        done = subprocess.run(
            command, env=child_environment(display), capture_output=True, text=True, timeout=600, check=False
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        (out / "window.log").write_text(done.stdout + done.stderr, encoding="utf-8")
        kind = ScreenError if done.returncode < 0 else AleatoricError
        raise kind(f"The window could not be driven: {last} (window.log beside the summary has the rest)")
    result.seconds["window"] = time.monotonic() - begun
    write_summary(out, result)
