"""The steps of scoring: read a case, draw its samples, learn the models, measure its labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import AleatoricError, DataError
from napari_aleatoric.foundation import Box, FeatureSource, ImageEncoder
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import CaseFiles, Geometry, ItemKey, Problem, Reporter, Volume
from napari_aleatoric.uncertainty import (
    CaseSamples,
    DifficultyScores,
    LabelScorer,
    LabelScores,
    LightClassifier,
    ScoreSpec,
    draw_voxels,
    evened,
    gather_features,
    label_facts,
    look_box,
)

from ._corrections import current_label
from ._score_difficulty import DifficultyWork
from ._score_plan import SampleCache, TrainingPlan
from ._store import ReviewStore
from ._threads import in_threads, together, usable_cores

__all__ = ["UNREADABLE", "Measured", "ScoreWork", "draw_samples", "learn", "measure", "read_case"]

R = TypeVar("R")

UNREADABLE = (
    AleatoricError,
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What reading or measuring one case may raise without stopping the others."""

_LARGE = 8_000_000  # voxels × labels; such cases are worked on one at a time
_MOST_ROWS = 2_000_000  # sampled voxels that a model learns from: memory does not grow with ever more cases
_AT_ONCE = 1 << 24  # voxels whose label values are looked up together

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
    encoder : ImageEncoder
        What sees the images.
    cache : SampleCache
        Samples of earlier runs.
    corrections : mapping of ItemKey to str
        Id of the saved version that counts now, of the labels that have one.
    digests : mapping of str to str
        `case_digest` by case id.
    difficulty : DifficultyWork, optional
        Asks the frozen segmenter; without one the difficulty is read from the light classifier.
    """

    ws: Workspace
    store: ReviewStore
    spec: ScoreSpec
    encoder: ImageEncoder
    cache: SampleCache
    corrections: Mapping[ItemKey, str]
    digests: Mapping[str, str]
    difficulty: DifficultyWork | None = None


@dataclass(frozen=True, eq=False)
class LoadedCase:
    """A case in memory, upright.

    Parameters
    ----------
    volume : Volume
        The image.
    source : FeatureSource
        The prepared image.
    geometry : Geometry
        Its grid.
    readers : tuple of str
        Whose labels could be read.
    labels : numpy.ndarray of uint16, shape (R, Z, Y, X)
        Class indices by reader.
    refused : tuple of Problem
        Labels that could not be read.
    """

    volume: Volume
    source: FeatureSource
    geometry: Geometry
    readers: tuple[str, ...]
    labels: NDArray[np.uint16]
    refused: tuple[Problem, ...]

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres; NaN where unknown."""
        return self.geometry.voxel_volume_ml if self.geometry.spacing_known else float("nan")


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
    """

    case_id: str
    geometry: Geometry | None
    scores: Mapping[str, LabelScores]
    refused: tuple[Problem, ...]
    difficulty: Mapping[str, DifficultyScores] = field(default_factory=dict)


def _sentence(error: BaseException) -> str:
    if isinstance(error, AleatoricError):
        return str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory for this case. Crop its image, or score it on a larger machine."
    return f"The case could not be read ({type(error).__name__}). Open its files to see what is wrong with them."


def read_case(work: ScoreWork, case: CaseFiles) -> LoadedCase:
    """Read image and labels of a case.

    Raises
    ------
    AleatoricError, OSError, ValueError, RuntimeError
        If the image or all labels cannot be read.
    """
    volume = work.ws.load_image(case.case_id).upright()
    labels, readers, refused = [], [], []
    for files in case.labels:
        key = ItemKey(case.case_id, files.reader)
        try:
            corrected = key in work.corrections
            label = current_label(work.ws, work.store, key) if corrected else work.ws.load_label(*key)
        except UNREADABLE as error:
            refused.append(Problem(case.case_id, f"{_whose(files.reader)}{_sentence(error)}"))
            continue
        labels.append(_index_of(work, label.upright().data))
        readers.append(files.reader)
    if not labels:
        raise DataError(" ".join(problem.sentence for problem in refused))
    together = labels[0][np.newaxis] if len(labels) == 1 else np.stack(labels)
    return LoadedCase(
        volume, work.encoder.prepare(volume), volume.geometry, tuple(readers), together, tuple(refused)
    )


def _index_of(work: ScoreWork, values: NDArray[Any]) -> NDArray[np.uint16]:
    """Class indices of label values, shape (Z, Y, X), a few slices at a time: looking them up takes many copies."""
    result = np.empty(values.shape, dtype=np.uint16)
    step = max(1, _AT_ONCE * len(values) // max(1, values.size))
    for first in range(0, len(values), step):
        result[first : first + step] = work.ws.dataset.classes.index_map(values[first : first + step])
    return result


def _is_large(work: ScoreWork, case: CaseFiles) -> bool:
    """Whether a case is to be alone in memory; one that cannot be read is not."""
    try:
        shape = work.ws.grid(case.case_id).shape_zyx
    except UNREADABLE:
        return False
    return shape[0] * shape[1] * shape[2] * max(1, len(case.labels)) >= _LARGE


def _each(work: ScoreWork, function: Callable[[CaseFiles], R], cases: Sequence[CaseFiles]) -> Iterator[R]:
    """Apply a function to cases: the small ones several at a time, then the large ones one after the other.

    A large result is gone before the next large case is read, so that memory does not grow with their number.
    """
    large = [case for case in cases if _is_large(work, case)]
    small = [case for case in cases if case not in large]
    with closing(in_threads(function, small)) as found:
        yield from found
    for case in large:
        yield function(case)


def _whose(reader: str) -> str:
    return f"Label of {reader}: " if reader else ""


def draw_samples(work: ScoreWork, cases: Sequence[CaseFiles]) -> Generator[tuple[Problem, ...], None, None]:
    """Draw and keep the samples of every case that has none; yields what was refused, once per case."""

    def one(case: CaseFiles) -> tuple[Problem, ...]:
        digest = work.digests[case.case_id]
        try:
            loaded = read_case(work, case)
            box = look_box(loaded.labels, work.spec)
            voxels = draw_voxels(loaded.labels, box, case.case_id, work.spec)
            features = gather_features(loaded.source, box, voxels)
            samples = CaseSamples(features, loaded.labels[(slice(None), *voxels.T)].T)
            facts = {
                reader: label_facts(label, loaded.voxel_ml)
                for reader, label in zip(loaded.readers, loaded.labels, strict=True)
            }
            work.cache.put(digest, samples, facts)
        except UNREADABLE as error:
            return (Problem(case.case_id, _sentence(error)),)
        return loaded.refused

    missing = [case for case in cases if not work.cache.has(work.digests[case.case_id])]
    yield from (() for _ in range(len(cases) - len(missing)))
    yield from _each(work, one, missing)


def learn(
    work: ScoreWork, plan: TrainingPlan, folds: Sequence[int], reporter: Reporter, done: float, total: float
) -> dict[int, LightClassifier]:
    """Learn the models of some folds from the kept samples."""
    n_rows = work.ws.dataset.classes.n_rows

    def one(fold: int) -> LightClassifier:
        cases = plan.learned_from(fold)
        every = math.ceil(len(cases) * work.spec.samples_per_case / _MOST_ROWS)
        samples = [work.cache.samples(plan.training[case]).thinned(every) for case in cases]
        return LightClassifier(n_rows, work.spec).fit(samples, n_threads)

    n_threads = max(1, usable_cores() // max(1, len(folds)))
    message = f"Learning from {len(plan.training)} cases"
    models = together(one, list(folds), reporter, done, total, message)
    return dict(zip(folds, models, strict=True))


def measure(
    work: ScoreWork,
    plan: TrainingPlan,
    models: Mapping[int, LightClassifier],
    todo: Mapping[str, Sequence[str]],
    probe: Probe | None,
) -> Generator[Measured, None, None]:
    """Measure the labels of some cases (case id → readers), one result per case; large cases come last."""

    def one(case: CaseFiles) -> Measured:
        try:
            return finish(case.case_id, read_case(work, case))
        except UNREADABLE as error:
            return Measured(case.case_id, None, {}, (Problem(case.case_id, _sentence(error)),))

    def finish(case_id: str, loaded: LoadedCase) -> Measured:
        wanted = set(todo[case_id])
        by_reader = {r: label for r, label in zip(loaded.readers, loaded.labels, strict=True) if r in wanted}
        scores = _judged(work, models[plan.folds[case_id]], case_id, loaded, by_reader, probe)
        difficulty: Mapping[str, DifficultyScores] = {}
        if work.difficulty is not None:
            difficulty = work.difficulty.measure(loaded.volume, by_reader)
        return Measured(case_id, loaded.geometry, scores, loaded.refused, difficulty)

    yield from _each(work, one, [work.ws.dataset.case(case_id) for case_id in todo])


def _judged(
    work: ScoreWork,
    model: LightClassifier,
    case_id: str,
    loaded: LoadedCase,
    labels: Mapping[str, NDArray[np.uint16]],
    probe: Probe | None,
) -> dict[str, LabelScores]:
    """Scores of some labels of a case by reader, from a classifier that has not seen it."""
    box = look_box(loaded.labels, work.spec)
    raw: Iterable[NDArray[Any]] = model.predict_slabs(loaded.source, box, loaded.labels)
    if probe is not None:
        whole = model.predict(loaded.source, box, loaded.labels)
        probe(case_id, box, whole)
        raw = [whole]
    facts = work.cache.facts(work.digests[case_id])
    scorers = {
        reader: LabelScorer(
            label,
            box,
            [c for c in model.classes if c != 0],
            work.spec,
            voxel_ml=loaded.voxel_ml,
            facts=facts.get(reader),
            scales=work.difficulty is None,
        )
        for reader, label in labels.items()
    }
    for slab in evened(raw, box.shape_zyx[0]):
        for scorer in scorers.values():
            scorer.add(slab)
    return {reader: scorer.result() for reader, scorer in scorers.items()}
