"""The light classifier as a judge: no torch, no training of minutes."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.foundation import Box, ImageEncoder
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Reporter
from napari_aleatoric.uncertainty import (
    CaseSamples,
    LabelFacts,
    LightClassifier,
    ScoreSpec,
    draw_voxels,
    gather_features,
    look_box,
)

from ._cache import SampleCache, scoring_folder
from ._case import LoadedCase
from ._judge import Costs, Judge
from ._plan import TrainingPlan
from ._threads import together, usable_cores

__all__ = ["HeedingClassifier", "LightKind"]

_PIECE = 1 << 14  # voxels predicted before it is asked whether anybody still waits
_MOST_ROWS = 2_000_000  # sampled voxels that a model learns from: memory does not grow with ever more cases


class LightKind:
    """Learns trees from sampled voxels; see `LightClassifier`.

    Parameters
    ----------
    ws : Workspace
        Where samples are kept.
    spec : ScoreSpec
        Settings.
    encoder : ImageEncoder
        What sees the images.
    stopping : threading.Event
        Set once a stop was asked for; a very large volume's prediction ends then.
    """

    name = "light"
    learns = True

    def __init__(self, ws: Workspace, spec: ScoreSpec, encoder: ImageEncoder, stopping: threading.Event) -> None:
        self._spec, self._encoder, self._stopping = spec, encoder, stopping
        self._n_rows = ws.dataset.classes.n_rows
        self._cache = SampleCache(scoring_folder(ws) / encoder.name)

    @property
    def identity(self) -> str:
        """Name of the features; the other settings are in the digest of the spec."""
        return self._encoder.name

    def has(self, digest: str) -> bool:
        """Whether samples of that content are kept."""
        return self._cache.has(digest)

    def are_kept(self, digests: Collection[str]) -> bool:
        """Whether samples of all of them are kept."""
        return all(map(self._cache.has, digests))

    def keep(self, digest: str, case: LoadedCase) -> None:
        """Draw and keep the samples of a case."""
        box = look_box(case.labels, self._spec)
        voxels = draw_voxels(case.labels, box, case.case_id, self._spec, go_on=self._go_on)
        features = gather_features(self._encoder.prepare(case.volume), box, voxels, go_on=self._go_on)
        samples = CaseSamples(features, case.labels[(slice(None), *voxels.T)].T)
        self._cache.put_samples(digest, samples, case.facts())

    def facts(self, digest: str) -> dict[str, LabelFacts]:
        """Return the counts of a kept case by reader."""
        return self._cache.facts(digest)

    def costs(self, n_cases: int, n_folds: int) -> Costs:
        """How long the parts take."""
        return Costs(1.0 * n_cases, 3.0 * n_cases, 6.0 * n_cases)

    def learn(self, plan: TrainingPlan, folds: Sequence[int], reporter: Reporter) -> Mapping[int, Judge]:
        """Learn the models of some folds from the kept samples."""

        def one(fold: int) -> LightJudge:
            cases = plan.learned_from(fold)
            every = math.ceil(len(cases) * self._spec.samples_per_case / _MOST_ROWS)
            samples = [self._cache.samples(plan.training[case]).thinned(every) for case in cases]
            model = HeedingClassifier(self._n_rows, self._spec, self._stopping)
            model.fit(samples, n_threads, stopping=self._stopping)
            return LightJudge(model, self._encoder, self._stopping)

        n_threads = max(1, usable_cores() // max(1, len(folds)))
        message = f"Learning from {len(plan.training)} cases"
        judges = together(one, list(folds), reporter, 0.0, 1.0, message)
        return dict(zip(folds, judges, strict=True))

    def keep_only(self, digests: Sequence[str]) -> None:
        """Delete all other samples."""
        self._cache.keep_only(digests)

    def judged(self, plan: TrainingPlan) -> tuple[str, tuple[str, ...]]:
        """Return the name."""
        return self.name, ()

    def provenance(self, plan: TrainingPlan) -> dict[str, Any]:
        """Return name, features and packages; the settings are in the spec."""
        return {"name": self.name, "features": self._encoder.name, "packages": ("scikit-learn",)}

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise Cancelled("Stopped as asked.")


class HeedingClassifier(LightClassifier):
    """A light classifier that ends with `Cancelled` once a stop was asked for.

    Parameters
    ----------
    n_rows, spec
        As of `LightClassifier`.
    stopping : threading.Event
        Set when it is to stop.
    """

    def __init__(self, n_rows: int, spec: ScoreSpec, stopping: threading.Event) -> None:
        super().__init__(n_rows, spec)
        self._stopping = stopping

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict rows of features (n, F), a piece after the other; returns shape (n, K), rows sum to 1."""
        result = np.empty((len(features), self._n_rows), dtype=np.float32)
        for first in range(0, len(features), _PIECE):
            if self._stopping.is_set():
                raise Cancelled("Stopped as asked.")
            part = slice(first, first + _PIECE)
            result[part] = super().probabilities(features[part])
        return result


class LightJudge:
    """A trained light classifier that is asked about cases.

    Parameters
    ----------
    model : LightClassifier
        Trained.
    encoder : ImageEncoder
        What sees the images.
    stopping : threading.Event
        Set once a stop was asked for.
    """

    def __init__(self, model: LightClassifier, encoder: ImageEncoder, stopping: threading.Event) -> None:
        self._model, self._encoder, self._stopping = model, encoder, stopping

    @property
    def classes(self) -> tuple[int, ...]:
        """Class indices that were in the training data."""
        return self._model.classes

    def predict_slabs(self, case: LoadedCase, box: Box) -> Iterator[NDArray[Any]]:
        """Predict a few slices after the other; finely where the labels have a border or are doubted."""
        source = self._encoder.prepare(case.volume)
        return self._model.predict_slabs(source, box, case.labels, stopping=self._stopping)

    def predict(self, case: LoadedCase, box: Box) -> NDArray[Any]:
        """Predict the whole block."""
        return self._model.predict(self._encoder.prepare(case.volume), box, case.labels)
