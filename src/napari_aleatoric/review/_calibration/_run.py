"""The calibration door: plant known errors into a private copy of the labels, and see which measure finds them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from napari_aleatoric.errors import DataError, WorkspaceError
from napari_aleatoric.io import Workspace, try_lock, write_whole
from napari_aleatoric.model import Reporter, SilentReporter, SubReporter
from napari_aleatoric.review._scoring._difficulty import frozen_model
from napari_aleatoric.review._scoring._plan import SCORING_VERSION
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import least_cases

from ._order import calibration_folder, labels_digest
from ._planted_copy import PlantedCopy, plantable_kinds
from ._record import CalibrationRecord
from ._result import DataFacts, empty_record, record_of
from ._seed import SeedOutcome, SeedReporter, read_outcome, run_seed, write_outcome
from ._spec import CalibrateSpec
from ._table import calibration_csv, calibration_markdown

__all__ = ["calibrate"]

_DEFAULT = CalibrateSpec()
_COUNTING = 0.02  # of a round: what the statistics cost
_COPY = "calibration-"  # how the names of private copies in the folder of runs begin


def calibrate(ws: Workspace, spec: CalibrateSpec = _DEFAULT, reporter: Reporter | None = None) -> CalibrationRecord:
    """Find out which measure finds wrong labels in this data set.

    In every round errors of known kinds are planted into some labels of a private copy, the copy is scored as any
    data set is, and every measure is asked how well it finds them. The data set is only read; the copy lies in the
    workspace's folder of runs and is removed in the end. Rounds that were finished are kept: after a stop, or when
    more rounds are asked for, only the others are done.

    The record is written to ``calibration`` in the workspace (``record.json``, ``table.csv``, ``table.md``). It
    names the order that the evidence speaks for; `use_order` makes it the order of the queue.

    Parameters
    ----------
    ws : Workspace
        The data set, with the labels as they are now: saved corrections count.
    spec : CalibrateSpec
        Settings.
    reporter : Reporter, optional
        Hears of every case, and may stop the run there.

    Returns
    -------
    CalibrationRecord
        With too few cases to tell anything it has no rows and says so, unless ``spec.anyway``.

    Raises
    ------
    DataError
        If no label takes an error, or another calibration of the workspace is running.
    Cancelled
        If the reporter asked to stop.
    """
    reporter = reporter or SilentReporter()
    folder = calibration_folder(ws)
    with _alone(folder), ReviewStore.open(ws.store_url) as store:
        store.follow(ws)
        facts = _facts(ws, store, spec)
        if len(facts.cases) < facts.least_cases and not spec.anyway:
            record = empty_record(facts, spec)
            _keep(folder, record)
            reporter.step(1.0, 1.0, "Too few cases")
            return record
        total = float(spec.seeds)
        counting = total * (1 - _COUNTING)
        outcomes = _rounds(ws, store, spec, facts, SubReporter(reporter, 0.0, counting, total))
        record = record_of(facts, spec, outcomes, SubReporter(reporter, counting, total, total))
        _keep(folder, record)
        _remove_others(folder, facts.planting_digest)
        _remove_copies(ws, "")
    reporter.step(total, total, "Calibrated")
    return record


def _facts(ws: Workspace, store: ReviewStore, spec: CalibrateSpec) -> DataFacts:
    cases = [case for case in ws.dataset.cases if case.labels]
    if not cases:
        raise DataError("Expected a data set with labels to plant errors into; this one has none.")
    readers = {label.reader for case in cases for label in case.labels}
    if spec.reader and spec.reader not in readers:
        known = ", ".join(sorted(readers - {""})) or "none"
        raise DataError(f"There is no reader '{spec.reader}' in this data set; its readers: {known}.")
    with_reader = [case for case in cases if not spec.reader or spec.reader in {x.reader for x in case.labels}]
    labels = labels_digest(ws, store)
    extra = [find_spec(name) is not None for name in ("torch", "monai")]  # what 'auto' comes to
    parts = (spec.planting_digest, labels, SCORING_VERSION, frozen_model(spec.score), extra)
    text = json.dumps([*parts, metadata.version("napari-aleatoric")])
    return DataFacts(
        cases=[case.case_id for case in cases],
        n_labels=sum(len(case.labels) for case in cases),
        kinds=plantable_kinds(spec, ws),
        n_errors=max(1, round(spec.fraction * len(with_reader))),
        least_cases=least_cases(spec.fraction),
        labels_digest=labels,
        planting_digest=hashlib.blake2b(text.encode(), digest_size=8).hexdigest(),
    )


def _rounds(
    ws: Workspace, store: ReviewStore, spec: CalibrateSpec, facts: DataFacts, reporter: Reporter
) -> list[SeedOutcome]:
    """Do the rounds that are not done yet; returns all of them, in their order."""
    kept = calibration_folder(ws) / facts.planting_digest
    seeds = range(spec.first_seed, spec.first_seed + spec.seeds)
    done = {seed: found for seed in seeds if (found := read_outcome(kept, seed)) is not None}
    name = f"{_COPY}{facts.planting_digest}"
    _remove_copies(ws, name)
    copy = PlantedCopy(ws, store, spec, ws.runs_dir / name)
    for number, seed in enumerate(seeds):
        reporter.step(float(number), float(spec.seeds), f"Round {number + 1} of {spec.seeds}")
        if seed not in done:
            done[seed] = run_seed(copy, seed, spec.score, SeedReporter(reporter, number, spec.seeds))
            write_outcome(kept, done[seed])
    return [done[seed] for seed in seeds]


def _keep(folder: Path, record: CalibrationRecord) -> None:
    write_whole(folder / "table.csv", calibration_csv(record).encode())
    write_whole(folder / "table.md", calibration_markdown(record).encode())
    write_whole(folder / "record.json", record.model_dump_json(indent=1).encode())


def _remove_others(folder: Path, digest: str) -> None:
    """Forget the rounds of labels or settings that are no longer asked for."""
    for path in folder.iterdir():
        if path.is_dir() and path.name != digest:
            shutil.rmtree(path, ignore_errors=True)


def _remove_copies(ws: Workspace, keep: str) -> None:
    for path in ws.runs_dir.glob(f"{_COPY}*"):
        if path.name != keep:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder for this process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / ".lock").open("ab", buffering=0)
    except OSError as error:
        raise WorkspaceError(
            f"The folder of the calibration cannot be written ({error.strerror or type(error).__name__}). Check "
            "free space and permissions of the workspace."
        ) from error
    with stream:
        if not try_lock(stream):
            raise DataError("This workspace is being calibrated already; wait for the end of it, or stop it.")
        yield
