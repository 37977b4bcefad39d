"""Reads the trainings of a workspace again and again, each file as seldom as can be. For a thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_aleatoric.io import Workspace
from napari_aleatoric.jobs import JobHandle, JobStatus, runs

from ._training_curves import TrainingCurves, training_curves
from ._training_rows import TrainingRow, run_models, training_row

if TYPE_CHECKING:
    from napari_aleatoric.review import Judgement, ModelRecord

__all__ = ["TrainingFacts", "TrainingShelf", "whole_curves"]

_DOOR = "train"


@dataclass(frozen=True)
class TrainingFacts:
    """What is known of the trainings of a workspace.

    Parameters
    ----------
    rows : tuple of TrainingRow
        The newest first.
    chosen : str
        Key of the row that the curves are of; "" where there is none.
    curves : TrainingCurves
        Of that row.
    running : str
        Id of the run that is under way; "" for none.
    status : JobStatus or None
        Where that run stands.
    """

    rows: tuple[TrainingRow, ...] = ()
    chosen: str = ""
    curves: TrainingCurves = field(default_factory=TrainingCurves)
    running: str = ""
    status: JobStatus | None = None

    def row(self, key: str) -> TrainingRow | None:
        """Return a row; None if there is none of that key."""
        return next((row for row in self.rows if row.key == key), None)


def whole_curves(workspace: Workspace, row: TrainingRow) -> TrainingCurves:
    """Read every point that the runs of a training reported. Runs in any thread."""
    statuses = (JobHandle(workspace.root, run_id).status() for run_id in row.run_ids)
    return training_curves((status.metrics for status in statuses), most=None)


class TrainingShelf:
    """Trainings of one workspace. One call at a time, from any thread.

    Parameters
    ----------
    workspace : Workspace
        The open one.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._runs: dict[str, JobHandle] = {}
        self._over: dict[str, JobStatus] = {}
        self._judgements: dict[str, Judgement | None] = {}

    def handle(self, run_id: str) -> JobHandle:
        """Return a run that was read."""
        return self._runs[run_id]

    def read(self, chosen: str = "") -> TrainingFacts:
        """Read what there is.

        Parameters
        ----------
        chosen : str
            Key of the row to read curves of; "" or one that is gone = the newest.

        Raises
        ------
        AleatoricError
            If a file of the workspace is damaged.
        """
        from napari_aleatoric.review import list_models, promoted_model

        handles = [self._runs.setdefault(h.run_id, h) for h in reversed(runs(self._workspace)) if h.door == _DOOR]
        records = {record.model_id: record for record in list_models(self._workspace)}
        in_use = promoted_model(self._workspace)
        model_of = run_models(handles, list(records.values()))
        groups: dict[str, list[JobHandle]] = {name: [] for name in records}
        for handle in handles:
            groups.setdefault(model_of[handle.run_id] or handle.run_id, []).append(handle)
        rows = []
        for key, own in groups.items():
            record = records.get(key)
            is_finished = record is not None and record.status == "finished"
            status = None if is_finished or not own else self._status(own[-1])
            promoted = in_use.model_id if in_use is not None else ""
            rows.append(training_row(own, record, self._judgement(record), status, promoted))
        rows.sort(key=lambda row: (row.when, row.key), reverse=True)
        last = self._status(handles[-1]) if handles else None
        running = handles[-1].run_id if last is not None and not last.is_over else ""
        shown = next((row for row in rows if row.key == chosen), rows[0] if rows else None)
        curves = TrainingCurves()
        if shown is not None:
            curves = training_curves(self._status(self._runs[run_id]).metrics for run_id in shown.run_ids)
        return TrainingFacts(
            tuple(rows), shown.key if shown is not None else "", curves, running, last if running else None
        )

    def _status(self, handle: JobHandle) -> JobStatus:
        known = self._over.get(handle.run_id)
        if known is not None:
            return known
        status = handle.status()
        if status.is_over:
            self._over[handle.run_id] = status
        return status

    def _judgement(self, record: ModelRecord | None) -> Judgement | None:
        from napari_aleatoric.review import read_judgement

        if record is None or record.status != "finished":
            return None
        if record.model_id not in self._judgements:
            self._judgements[record.model_id] = read_judgement(self._workspace, record.model_id)
        return self._judgements[record.model_id]
