"""The steps of scoring: read and keep every case, then measure the labels with judges that have not seen them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.foundation import Box
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import CaseFiles, Geometry, ItemKey, Problem
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import (
    DifficultyScores,
    EnsembleSums,
    LabelScorer,
    LabelScores,
    ScoreSpec,
    evened,
    look_box,
)

from ._beside import Beside, BesideScorer
from ._case import UNREADABLE, CaseReader, LoadedCase, each_case, reason_in_words
from ._difficulty import DifficultyWork
from ._given import EnsembleJudge
from ._judge import Judge, JudgeKind
from ._plan import TrainingPlan

__all__ = ["Measured", "Probe", "ScoreWork", "keep_cases", "measure"]

_SLICES = 16  # of an ensemble, whose entropies are worked out together

Probe = Callable[[str, Box, NDArray[Any]], None]


@dataclass(frozen=True, eq=False)
class ScoreWork:
    """What all steps of one run share.

    Parameters
    ----------
    ws, store : Workspace, ReviewStore
        Where things are.
    spec : ScoreSpec
        Settings.
    reader : CaseReader
        Reads the cases.
    kind : JudgeKind
        Who judges.
    corrections : mapping of ItemKey to str
        Id of the saved version that counts now, of the labels that have one.
    digests : mapping of str to str
        `case_digest` by case id.
    difficulty : DifficultyWork, optional
        Asks the frozen segmenter; without one the difficulty is read from the judge's probabilities.
    stopping : threading.Event
        Set when the run is to stop: threads at work look at it.
    waiting : callable
        Called twice a second while a case is waited for; may raise `Cancelled`.
    """

    ws: Workspace
    store: ReviewStore
    spec: ScoreSpec
    reader: CaseReader
    kind: JudgeKind
    corrections: Mapping[ItemKey, str]
    digests: Mapping[str, str]
    difficulty: DifficultyWork | None
    stopping: threading.Event
    waiting: Callable[[], None]


@dataclass(frozen=True, eq=False)
class Measured:
    """What came out for one case.

    Parameters
    ----------
    case_id : str
        The case.
    geometry : Geometry or None
        Its upright grid; None if the case could not be read.
    scores : mapping of str to LabelScores
        By reader.
    refused : tuple of Problem
        What could not be measured.
    difficulty : mapping of str to DifficultyScores
        What the frozen segmenter said, by reader.
    beside : Beside
        Ambiguity, soft overlap and spread of readers.
    """

    case_id: str
    geometry: Geometry | None
    scores: Mapping[str, LabelScores]
    refused: tuple[Problem, ...]
    difficulty: Mapping[str, DifficultyScores] = field(default_factory=dict)
    beside: Beside = field(default_factory=Beside)


def keep_cases(work: ScoreWork, cases: Sequence[CaseFiles]) -> Generator[tuple[Problem, ...], None, None]:
    """Read and keep what the judge needs of every case that is not kept; yields what was refused, once per case."""

    def one(case: CaseFiles) -> tuple[Problem, ...]:
        try:
            loaded = work.reader.read(case)
            work.kind.keep(work.digests[case.case_id], loaded)
        except Cancelled:
            raise
        except UNREADABLE as error:
            return (Problem(case.case_id, reason_in_words(error)),)
        return loaded.refused

    missing = [case for case in cases if not work.kind.has(work.digests[case.case_id])]
    yield from (() for _ in range(len(cases) - len(missing)))
    yield from each_case(work.reader, one, missing, work.waiting)


def measure(
    work: ScoreWork,
    plan: TrainingPlan,
    judges: Mapping[int, Judge],
    todo: Mapping[str, Sequence[str]],
    probe: Probe | None,
) -> Generator[Measured, None, None]:
    """Measure the labels of some cases (case id → readers), one result per case; large cases come last."""

    def one(case: CaseFiles) -> Measured:
        try:
            return finish(work.reader.read(case))
        except Cancelled:
            raise
        except UNREADABLE as error:
            return Measured(case.case_id, None, {}, (Problem(case.case_id, reason_in_words(error)),))

    def finish(loaded: LoadedCase) -> Measured:
        wanted = set(todo[loaded.case_id])
        by_reader = {r: label for r, label in zip(loaded.readers, loaded.labels, strict=True) if r in wanted}
        scores, beside = _judged(work, judges[plan.folds[loaded.case_id]], loaded, by_reader, probe)
        difficulty: Mapping[str, DifficultyScores] = {}
        if work.difficulty is not None:
            difficulty = work.difficulty.measure(loaded.volume, by_reader)
        return Measured(loaded.case_id, loaded.geometry, scores, loaded.refused, difficulty, beside)

    cases = [work.ws.dataset.case(case_id) for case_id in todo]
    yield from each_case(work.reader, one, cases, work.waiting)


def _judged(
    work: ScoreWork,
    judge: Judge,
    case: LoadedCase,
    labels: Mapping[str, NDArray[np.uint16]],
    probe: Probe | None,
) -> tuple[dict[str, LabelScores], Beside]:
    """Scores of some labels of a case by reader, from a judge that has not seen it; and what goes beside them."""
    box = look_box(case.labels, work.spec)
    together: EnsembleSums | None = None
    if isinstance(judge, EnsembleJudge):
        together = judge.together(case, box)
        raw: Iterable[NDArray[Any]] = _means(together, box.shape_zyx[0])
        if probe is not None:
            probe(case.case_id, box, together.result().mean)
    elif probe is not None:
        whole = judge.predict(case, box)
        probe(case.case_id, box, whole)
        raw = [whole]
    else:
        raw = judge.predict_slabs(case, box)
    facts = work.kind.facts(work.digests[case.case_id])
    known = [c for c in judge.classes if c != 0]
    scorers = {
        reader: LabelScorer(
            label,
            box,
            known,
            work.spec,
            voxel_ml=case.voxel_ml,
            facts=facts.get(reader),
            scales=work.difficulty is None,
        )
        for reader, label in labels.items()
    }
    beside = BesideScorer(case, box, known, labels, maps=work.spec.maps)
    for slab in evened(raw, box.shape_zyx[0]):
        if work.stopping.is_set():
            raise Cancelled("Stopped as asked.")
        for scorer in scorers.values():
            scorer.add(slab)
        beside.add(slab, together.result(slice(slab.start, slab.stop)) if together is not None else None)
    return {reader: scorer.result() for reader, scorer in scorers.items()}, beside.result()


def _means(together: EnsembleSums, depth: int) -> Iterator[NDArray[Any]]:
    """Mean probabilities of an ensemble, a few slices after the other."""
    for first in range(0, depth, _SLICES):
        yield together.result(slice(first, min(first + _SLICES, depth))).mean
