"""How far each reader is. Pure, but for the log."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from pydantic import BaseModel, ConfigDict

from napari_aleatoric.review._storage._store import ReviewStore

from ._assignment import Assignment
from ._steps import assignments

__all__ = ["ReaderProgress", "progress_of", "study_progress"]


class ReaderProgress(BaseModel):
    """How far one reader is; honeypots count like all else, so that the numbers do not give them away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reader: str
    assigned: int
    begun: int
    answered: int
    revealed: int
    given_away: int
    median_minutes: float | None


def progress_of(found: Iterable[Assignment]) -> tuple[ReaderProgress, ...]:
    """Count assignments by reader, in the order of their names.

    ``assigned`` counts all that is or was to be read and was not given away, ``begun`` what waits for its answer,
    ``given_away`` what was handed over or withdrawn; minutes are from the beginning to the answer.
    """
    by_reader: dict[str, list[Assignment]] = {}
    for one in found:
        by_reader.setdefault(one.reader, []).append(one)
    result = []
    for reader, own in sorted(by_reader.items()):
        states = [a.state for a in own]
        given_away = states.count("handed over") + states.count("withdrawn")
        minutes = [a.minutes for a in own if a.state == "answered" and a.minutes is not None]
        result.append(
            ReaderProgress(
                reader=reader,
                assigned=len(own) - given_away,
                begun=states.count("begun"),
                answered=states.count("answered"),
                revealed=sum(a.revealed is not None for a in own if a.state == "answered"),
                given_away=given_away,
                median_minutes=median(minutes) if minutes else None,
            )
        )
    return tuple(result)


def study_progress(store: ReviewStore) -> tuple[ReaderProgress, ...]:
    """Tell how far every reader is."""
    return progress_of(assignments(store))
