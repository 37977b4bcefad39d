"""What the Training dock shows, worked out from what is known. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from napari_aleatoric.jobs import JobStatus, duration_in_words
from napari_aleatoric.model import Status

from ._training_machine import Machine
from ._training_rows import TrainingRow
from ._training_shelf import TrainingFacts
from ._training_time import duration_sentence
from ._training_wishes import TrainingWishes

__all__ = ["TrainingPreview", "TrainingView", "progress_in_words", "training_view"]


@dataclass(frozen=True)
class TrainingPreview:
    """What would be learned from now.

    Parameters
    ----------
    sentence : str
        "Learns from 181 of 201 cases; 12 corrected, 8 excluded; holds back 20."; "" where there is a problem.
    remarks : tuple of str
        What to know about the held-out cases.
    problem : str
        Why nothing can be learned, and what to do.
    advice : str
        What was done since the last training, and whether it pays to train again.
    several_readers : bool
        Whether a case that is learned from has labels of several readers.
    """

    sentence: str = ""
    remarks: tuple[str, ...] = ()
    problem: str = ""
    advice: str = ""
    several_readers: bool = False


@dataclass(frozen=True)
class TrainingView:
    """Everything that is shown, apart from the curves.

    Parameters
    ----------
    wishes : TrainingWishes
        What is chosen.
    selection, duration, machine : str
        What is learned from, how long it takes, where it runs.
    remarks : tuple of str
        What to know about the held-out cases.
    problem : str
        Why it cannot be started; "" if it can.
    advice : str
        What was done since the last training, and whether it pays to train again.
    several_readers : bool
        Whether there are readers to choose.
    is_running, is_stopping : bool
        Whether a training is under way; whether it was asked to stop.
    fraction : float or None
        How far it is, 0 to 1; None where that is not known yet.
    progress : str
        How it goes, or how it ended.
    can_start, can_resume, can_promote, can_roll_back, can_predict : bool
        Which buttons work; all but the first and ``can_roll_back`` are about the chosen row.
    rows : tuple of TrainingRow
        The newest first.
    chosen : TrainingRow or None
        Whose curves and judgement are shown.
    """

    wishes: TrainingWishes = field(default_factory=TrainingWishes)
    selection: str = ""
    duration: str = ""
    machine: str = ""
    remarks: tuple[str, ...] = ()
    problem: str = ""
    advice: str = ""
    several_readers: bool = False
    is_running: bool = False
    is_stopping: bool = False
    fraction: float | None = None
    progress: str = ""
    can_start: bool = False
    can_resume: bool = False
    can_promote: bool = False
    can_roll_back: bool = False
    can_predict: bool = False
    rows: tuple[TrainingRow, ...] = ()
    chosen: TrainingRow | None = None


def training_view(
    wishes: TrainingWishes,
    spec: dict[str, Any],
    preview: TrainingPreview | None,
    facts: TrainingFacts | None,
    machine: Machine | str | None,
    status: JobStatus | None,
    other_job: str,
) -> TrainingView:
    """Work out what is shown.

    Parameters
    ----------
    wishes, spec
        What is chosen, and the settings that follow from it as plain values.
    preview : TrainingPreview or None
        None while it is read.
    facts : TrainingFacts or None
        None while they are read; without a data set, too.
    machine : Machine or str or None
        Where it would run; a sentence why nothing can be trained here; None while that is looked at.
    status : JobStatus or None
        Of the training that is under way, or was last.
    other_job : str
        Name of another job that is under way.
    """
    rows = facts.rows if facts is not None else ()
    chosen = facts.row(facts.chosen) if facts is not None else None
    is_running = status is not None and not status.is_over
    free = not is_running and not other_job
    problem = preview.problem if preview is not None else ""
    if isinstance(machine, str):
        problem = machine
    elif not problem and other_job and not is_running:
        problem = f"Another piece of work is under way ({other_job}); train when it is over."
    return TrainingView(
        wishes=wishes,
        selection=preview.sentence if preview is not None else "",
        duration=duration_sentence(spec, rows) if preview is not None and preview.sentence else "",
        machine=machine.sentence if isinstance(machine, Machine) else "",
        remarks=preview.remarks if preview is not None else (),
        problem=problem,
        advice=preview.advice if preview is not None else "",
        several_readers=(preview is not None and preview.several_readers) or wishes.readers != "random",
        is_running=is_running,
        is_stopping=is_running and status is not None and status.cancelling,
        fraction=status.fraction if is_running and status is not None and status.total > 0 else None,
        progress="" if status is None else progress_in_words(status),
        can_start=free and not problem and preview is not None and bool(preview.sentence),
        can_resume=free and chosen is not None and chosen.can_go_on and not isinstance(machine, str),
        can_promote=chosen is not None and bool(chosen.model_id) and not chosen.is_promoted,
        can_roll_back=any(row.is_promoted for row in rows),
        can_predict=free and chosen is not None and bool(chosen.model_id) and not isinstance(machine, str),
        rows=rows,
        chosen=chosen,
    )


def progress_in_words(status: JobStatus) -> str:
    """Say how a training goes: "Learning: 41 %, about 6 min left. Loss 0.52 after 120 steps."."""
    if status.is_over:
        return "" if status.status is Status.COMPLETED else status.sentence
    if status.cancelling:
        return "Stopping … What it has learned is kept."
    if status.total <= 0:
        return f"{status.message or 'Starting'} …"
    left = "" if status.eta_s is None else f", about {duration_in_words(status.eta_s)} left"
    words = f"{status.message or 'Working'}: {status.fraction:.0%}{left}."
    for prefix in ("baseline/", ""):
        points = status.metrics.get(f"{prefix}loss", ())
        if points:
            step, loss = points[-1]
            return f"{words} Loss {loss:.3g} after {step:,} steps."
    return words
