"""The trainings of a workspace, one row each: its runs, its model, what it showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from ._training_wishes import loss_in_words, preset_in_words

if TYPE_CHECKING:
    from napari_aleatoric.jobs import JobStatus
    from napari_aleatoric.review import Judgement, ModelRecord

__all__ = ["TrainingRow", "TrainingRun", "run_models", "training_row", "when_of_run"]

_STATES = {"pending": "starting", "busy": "training", "cancelled": "stopped", "failed": "failed"}


class TrainingRun(Protocol):
    """What is asked of a run here; `jobs.JobHandle` is one."""

    @property
    def run_id(self) -> str:
        """Sorts by time."""

    @property
    def spec(self) -> dict[str, Any]:
        """Settings of the retraining, plain values."""


@dataclass(frozen=True)
class TrainingRow:
    """One training.

    Parameters
    ----------
    key : str
        The model's id; where there is none yet, the first run's.
    model_id : str
        Id of the finished model; "" until there is one.
    when : datetime
        When it began.
    preset, loss : str
        In words.
    dice : str
        Mean Dice on the held-out cases, with its interval; "–" before it was judged.
    state : str
        "training", "stopped", "failed", "unfinished" or "finished".
    is_promoted : bool
        Whether it is the model in use.
    sentence : str
        What the judgement comes to, or how it ended.
    remarks : tuple of str
        What to know when reading that.
    selection : str
        What it learned from.
    seconds : float
        How long it took; 0 where that is not known.
    spec : dict
        Its settings, plain values.
    run_ids : tuple of str
        Its background jobs, the oldest first; none where it was trained in the foreground.
    """

    key: str
    model_id: str
    when: datetime
    preset: str
    loss: str
    dice: str = "–"
    state: str = "unfinished"
    is_promoted: bool = False
    sentence: str = ""
    remarks: tuple[str, ...] = ()
    selection: str = ""
    seconds: float = 0.0
    spec: dict[str, Any] = field(default_factory=dict)
    run_ids: tuple[str, ...] = ()

    @property
    def can_go_on(self) -> bool:
        """Whether it is neither finished nor under way."""
        return self.state in ("stopped", "failed", "unfinished")


def when_of_run(run_id: str) -> datetime:
    """Return when a run was asked for, from its id: "20261121-182455-…" is in UTC."""
    return datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def run_models(runs: Sequence[TrainingRun], records: Sequence[ModelRecord]) -> dict[str, str]:
    """Return which model each run trained, by run; "" where it was stopped before there was one.

    The same labels and settings lead to the same model: that is the one with the run's settings that was begun
    while it ran, else the last one that was begun before.

    Parameters
    ----------
    runs, records
        The oldest first.
    """
    found = {}
    starts = [when_of_run(run.run_id) for run in runs]
    for i, run in enumerate(runs):
        same = [(datetime.fromisoformat(r.created), r.model_id) for r in records if _agree(r.spec, run.spec)]
        end = starts[i + 1] if i + 1 < len(runs) else None
        during = [name for at, name in same if starts[i] <= at and (end is None or at < end)]
        before = [name for at, name in same if at < starts[i]]
        found[run.run_id] = during[0] if during else before[-1] if before else ""
    return found


def _agree(one: Any, other: Any) -> bool:
    """Whether settings are the same, as far as both name them: a newer version may know more of them."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_agree(one[name], other[name]) for name in one.keys() & other.keys())
    return bool(one == other)


def training_row(
    runs: Sequence[TrainingRun],
    record: ModelRecord | None,
    judgement: Judgement | None,
    status: JobStatus | None,
    promoted: str,
) -> TrainingRow:
    """Return one training.

    Parameters
    ----------
    runs : sequence
        Its jobs, the oldest first.
    record : ModelRecord, optional
        Its model; without one there is at least one run.
    judgement : Judgement, optional
        How it was judged.
    status : JobStatus, optional
        Of the last run; needed only where it is not finished.
    promoted : str
        Id of the model in use.
    """
    spec: Mapping[str, Any] = record.spec if record is not None else runs[-1].spec
    is_finished = record is not None and record.status == "finished"
    state = "finished" if is_finished else _STATES.get(str(status.status.value), "unfinished") if status else ""
    mean = None if judgement is None else judgement.of_class("after")
    ended = status.sentence if status is not None and status.is_over and not is_finished else ""
    return TrainingRow(
        key=record.model_id if record is not None else runs[0].run_id,
        model_id=record.model_id if record is not None and is_finished else "",
        when=datetime.fromisoformat(record.created) if record is not None else when_of_run(runs[0].run_id),
        preset=preset_in_words(spec),
        loss=loss_in_words(spec),
        dice="–" if mean is None else mean.dice.words(3),
        state=state or "unfinished",
        is_promoted=record is not None and record.model_id == promoted,
        sentence=judgement.sentence if judgement is not None else ended,
        remarks=judgement.notes if judgement is not None else (),
        selection=record.selection if record is not None else "",
        seconds=record.seconds if record is not None and len(runs) <= 1 else 0.0,
        spec=dict(spec),
        run_ids=tuple(run.run_id for run in runs),
    )
