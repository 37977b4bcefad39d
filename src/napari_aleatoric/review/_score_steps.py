"""The steps of scoring: read a case, draw its samples, learn the models, measure its labels."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import AleatoricError, DataError
from napari_aleatoric.foundation import Box, FeatureSource, ImageEncoder
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import CaseFiles, Geometry, ItemKey, Problem, Reporter, Volume
from napari_aleatoric.uncertainty import (
    CaseProbabilities,
    CaseSamples,
    DifficultyScores,
    LabelScores,
    LightClassifier,
    ScoreSpec,
    draw_voxels,
    gather_features,
    label_facts,
    look_box,
    score_label,
)

from ._corrections import current_label
from ._score_difficulty import DifficultyWork
from ._score_plan import SampleCache, TrainingPlan
from ._store import ReviewStore
from ._threads import in_threads, together, usable_cores

__all__ = ["UNREADABLE", "Measured", "ScoreWork", "draw_samples", "learn", "measure", "read_case"]

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
    large: threading.Lock = field(default_factory=threading.Lock)


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
        labels.append(work.ws.dataset.classes.index_map(label.upright().data))
        readers.append(files.reader)
    if not labels:
        raise DataError(" ".join(problem.sentence for problem in refused))
    return LoadedCase(
        volume, work.encoder.prepare(volume), volume.geometry, tuple(readers), np.stack(labels), tuple(refused)
    )


def _whose(reader: str) -> str:
    return f"Label of {reader}: " if reader else ""


def draw_samples(work: ScoreWork, cases: Sequence[CaseFiles]) -> Generator[tuple[Problem, ...], None, None]:
    """Draw and keep the samples of every case that has none; yields what was refused, once per case."""

    def one(case: CaseFiles) -> tuple[Problem, ...]:
        digest = work.digests[case.case_id]
        if work.cache.has(digest):
            return ()
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

    return in_threads(one, cases)


def learn(
    work: ScoreWork, plan: TrainingPlan, folds: Sequence[int], reporter: Reporter, done: float, total: float
) -> dict[int, LightClassifier]:
    """Learn the models of some folds from the kept samples."""
    n_rows = work.ws.dataset.classes.n_rows

    def one(fold: int) -> LightClassifier:
        samples = [work.cache.samples(plan.training[case]) for case in plan.learned_from(fold)]
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
    """Measure the labels of some cases (case id → readers), one result per case, in their order."""

    def one(case_id: str) -> Measured:
        try:
            loaded = read_case(work, work.ws.dataset.case(case_id))
            if loaded.labels.size < _LARGE:
                return finish(case_id, loaded)
            with work.large:
                return finish(case_id, loaded)
        except UNREADABLE as error:
            return Measured(case_id, None, {}, (Problem(case_id, _sentence(error)),))

    def finish(case_id: str, loaded: LoadedCase) -> Measured:
        model = models[plan.folds[case_id]]
        box = look_box(loaded.labels, work.spec)
        found = model.predict(loaded.source, box, loaded.labels)
        if probe is not None:
            probe(case_id, box, found)
        probabilities = CaseProbabilities.of(found, box, [c for c in model.classes if c != 0])
        wanted = set(todo[case_id])
        scores = {
            reader: score_label(
                probabilities, label, work.spec, voxel_ml=loaded.voxel_ml, scales=work.difficulty is None
            )
            for reader, label in zip(loaded.readers, loaded.labels, strict=True)
            if reader in wanted
        }
        difficulty: Mapping[str, DifficultyScores] = {}
        if work.difficulty is not None:
            by_reader = dict(zip(loaded.readers, loaded.labels, strict=True))
            difficulty = work.difficulty.measure(loaded.volume, {r: by_reader[r] for r in scores})
        return Measured(case_id, loaded.geometry, scores, loaded.refused, difficulty)

    return in_threads(one, list(todo))
