"""What a judge of labels is, whichever it is: how it learns, and what it is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import Reporter
from napari_aleatoric.uncertainty import LabelFacts

from ._case import LoadedCase
from ._plan import TrainingPlan

__all__ = ["Costs", "Judge", "JudgeKind", "in_one_piece"]


class Costs(NamedTuple):
    """About how long the parts of a run take, in any unit; for the progress."""

    read: float
    learn: float
    measure: float


class Judge(Protocol):
    """Says how likely every class is at every voxel of a case that it has not seen.

    Contract
    --------
    * May be asked by several threads at once.
    * The probabilities do not use the labels of the case they are of.
    """

    @property
    def classes(self) -> tuple[int, ...]:
        """Class indices that it knows, 0 (background) among them; the others always get probability 0."""

    def predict_slabs(self, case: LoadedCase, box: Box) -> Iterator[NDArray[Any]]:
        """Yield probabilities (K, n, Y, X) of the block, a few slices after the other; they sum to 1 over K."""

    def predict(self, case: LoadedCase, box: Box) -> NDArray[Any]:
        """Return probabilities (K, Z, Y, X) of the whole block."""


class JudgeKind(Protocol):
    """One kind of judge: what it keeps of the cases, and how its judges come to be.

    Contract
    --------
    * ``name`` is one of `uncertainty.JUDGES`; ``identity`` changes with everything that changes its answers
      besides the cases that are learned from.
    * Whatever is kept lies in the workspace's embeddings folder and may be deleted at any time.
    """

    @property
    def name(self) -> str:
        """Which kind."""

    @property
    def identity(self) -> str:
        """Kind, settings and everything else that its answers depend on."""

    @property
    def learns(self) -> bool:
        """Whether its judges learn from cases of the data set."""

    def has(self, digest: str) -> bool:
        """Whether what is needed of a case of that content is kept."""

    def are_kept(self, digests: Collection[str]) -> bool:
        """Whether judges can be made again from these cases, as they were when they were kept."""

    def keep(self, digest: str, case: LoadedCase) -> None:
        """Keep what is needed of a case."""

    def facts(self, digest: str) -> dict[str, LabelFacts]:
        """Return the counts of a kept case by reader; empty if they are absent or damaged."""

    def costs(self, n_cases: int, n_folds: int) -> Costs:
        """How long the parts take."""

    def learn(self, plan: TrainingPlan, folds: Sequence[int], reporter: Reporter) -> Mapping[int, Judge]:
        """Make the judges of some folds; the reporter hears of 0 to 1 in all, and may stop it."""

    def keep_only(self, digests: Sequence[str]) -> None:
        """Delete what is kept of all other cases."""

    def judged(self, plan: TrainingPlan) -> tuple[str, tuple[str, ...]]:
        """Return who judges after the learning, one of `uncertainty.JUDGES`, and what to know about it."""

    def provenance(self, plan: TrainingPlan) -> dict[str, Any]:
        """Return name, settings and packages, to be stored beside the scores."""


def in_one_piece(slabs: Iterable[NDArray[Any]]) -> NDArray[np.float16]:
    """Put slabs (K, n, Y, X) together, in half precision; shape (K, Z, Y, X)."""
    parts = [part.astype(np.float16) for part in slabs]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
