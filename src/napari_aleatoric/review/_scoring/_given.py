"""Probabilities that the user brought as a judge: nothing is trained here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_aleatoric.errors import AleatoricError, DataError
from napari_aleatoric.foundation import Box
from napari_aleatoric.io import ProbabilityFiles, ProbabilityFolder, Workspace, read_probabilities
from napari_aleatoric.model import CaseFiles, Reporter
from napari_aleatoric.uncertainty import EnsembleSums, LabelFacts, ScoreSpec

from ._cache import FactsCache, scoring_folder
from ._case import LoadedCase
from ._judge import Costs, Judge
from ._plan import TrainingPlan

__all__ = ["EnsembleJudge", "GivenKind"]


class GivenKind:
    """Reads the probabilities of every case from a folder, or from those of several networks.

    See `ProbabilityFolder` for the files.

    Parameters
    ----------
    ws : Workspace
        Where counts are kept.
    spec : ScoreSpec
        Names the folders.
    cases : sequence of CaseFiles
        The labelled cases.
    """

    name = "probabilities"
    learns = False

    def __init__(self, ws: Workspace, spec: ScoreSpec, cases: Sequence[CaseFiles]) -> None:
        self._ws = ws
        names = spec.ensemble or (spec.probabilities,)
        self._folders = [ProbabilityFolder(Path(name).expanduser(), ws.dataset.classes) for name in names]
        self._cache = FactsCache(scoring_folder(ws) / self.name)
        self._files: dict[str, tuple[ProbabilityFiles, ...]] = {}
        self._refused: dict[str, AleatoricError] = {}
        for case in cases:
            try:
                self._files[case.case_id] = tuple(folder.find(case.case_id) for folder in self._folders)
            except AleatoricError as error:
                self._refused[case.case_id] = error
        every = range(ws.dataset.classes.n_rows)
        found = [files for by_folder in self._files.values() for files in by_folder]
        given = [set(files.class_indices or every) | {0} for files in found]
        self._classes = tuple(sorted(set.intersection(*given))) if given else (0,)

    @property
    def identity(self) -> str:
        """Kind, and size and date of all files: other probabilities, other scores."""
        by_folder = zip(*self._files.values(), strict=True) if self._files else [() for _ in self._folders]
        digests = [folder.digest(files) for folder, files in zip(self._folders, by_folder, strict=True)]
        return f"{self.name}-{'+'.join(sorted(digests))}"

    @property
    def remarks(self) -> list[str]:
        """Classes that cannot be judged."""
        names = [c.class_name for c in self._ws.dataset.classes if c.class_index not in self._classes]
        if not names or not self._files:
            return []
        return [f"Some or all cases have no probabilities of {', '.join(names)}, so it has no label risk."]

    def has(self, digest: str) -> bool:
        """Whether the counts of that content are kept."""
        return self._cache.has(digest)

    def are_kept(self, digests: Collection[str]) -> bool:
        """Nothing is learned from them, so nothing has to be kept."""
        return True

    def keep(self, digest: str, case: LoadedCase) -> None:
        """Count what there is in the labels of a case; refuse one without probabilities."""
        if case.case_id in self._refused:
            raise self._refused[case.case_id]
        self._cache.put(digest, case.facts())

    def facts(self, digest: str) -> dict[str, LabelFacts]:
        """Return the counts of a kept case by reader."""
        return self._cache.facts(digest)

    def costs(self, n_cases: int, n_folds: int) -> Costs:
        """How long the parts take."""
        return Costs(1.0 * n_cases, 0.0, 4.0 * n_cases)

    def learn(self, plan: TrainingPlan, folds: Sequence[int], reporter: Reporter) -> Mapping[int, Judge]:
        """Return the same judge for all folds."""
        kind = GivenJudge if len(self._folders) == 1 else EnsembleJudge
        judge = kind(self._ws, self._files, self._classes)
        return dict.fromkeys(folds, judge)

    def keep_only(self, digests: Sequence[str]) -> None:
        """Delete all other counts."""
        self._cache.keep_only(digests)

    def judged(self, plan: TrainingPlan) -> tuple[str, tuple[str, ...]]:
        """Return the name."""
        return self.name, ()

    def provenance(self, plan: TrainingPlan) -> dict[str, Any]:
        """Return name and identity of the files."""
        return {"name": self.name, "files": self.identity, "packages": ("SimpleITK",)}


class GivenJudge:
    """Reads what another model said.

    Parameters
    ----------
    ws : Workspace
        Of the cases.
    files : mapping of str to tuple of ProbabilityFiles
        Of every network, by case id.
    classes : tuple of int
        Class indices that all cases have probabilities of.
    """

    def __init__(
        self, ws: Workspace, files: Mapping[str, tuple[ProbabilityFiles, ...]], classes: tuple[int, ...]
    ) -> None:
        self._ws, self._files = ws, files
        self.classes = classes

    def predict_slabs(self, case: LoadedCase, box: Box) -> Iterator[NDArray[Any]]:
        """Read the block in one piece."""
        yield self.predict(case, box)

    def predict(self, case: LoadedCase, box: Box) -> NDArray[Any]:
        """Read the block."""
        return next(self.members(case, box))

    def members(self, case: LoadedCase, box: Box) -> Iterator[NDArray[Any]]:
        """Read the block of one network after the other."""
        if case.case_id not in self._files:
            raise DataError(f"There are no probabilities of case '{case.case_id}'.")
        classes, grid = self._ws.dataset.classes, self._ws.grid(case.case_id)
        for files in self._files[case.case_id]:
            yield read_probabilities(files, classes, grid)[(slice(None), *box.slices)]


class EnsembleJudge(GivenJudge):
    """Several networks: their mean judges; see `GivenJudge`."""

    def predict(self, case: LoadedCase, box: Box) -> NDArray[Any]:
        """Return the mean of all networks."""
        return self.together(case, box).result().mean

    def together(self, case: LoadedCase, box: Box) -> EnsembleSums:
        """Add up all networks, one after the other."""
        sums = EnsembleSums()
        for member in self.members(case, box):
            sums.add(member)
        return sums
