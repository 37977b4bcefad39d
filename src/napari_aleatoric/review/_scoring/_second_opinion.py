"""A judge with a second opinion: the mean of two judges that learned from the same cases. Our own proposal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import Reporter, SubReporter
from napari_aleatoric.uncertainty import LabelFacts

from ._case import LoadedCase
from ._judge import Costs, Judge, JudgeKind, in_one_piece
from ._plan import TrainingPlan

__all__ = ["SecondOpinionJudge", "SecondOpinionKind"]

_SECOND_COSTS = 0.05  # of a unit of the light classifier's costs in those of the network, seconds


class SecondOpinionKind:
    """Lets one kind judge, and another one beside it; see `SecondOpinionJudge`.

    On hippocampus labels with planted errors the network with a quarter of the light classifier ranks the cases as
    well as alone, and finds the wrong voxels better (chosen on one seed, which is not reported).

    Parameters
    ----------
    first, second : JudgeKind
        Both learn from the cases. Each keeps what it keeps alone, so that changing the weight trains nothing anew.
    weight : float
        Of the second, above 0 and below 1.
    """

    learns = True

    def __init__(self, first: JudgeKind, second: JudgeKind, weight: float) -> None:
        self._first, self._second, self._weight = first, second, weight

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self._first.name}+{self._second.name}"

    @property
    def identity(self) -> str:
        """Both identities and the weight."""
        return f"{self._first.identity}+{self._weight!r}*{self._second.identity}"

    def has(self, digest: str) -> bool:
        """Whether both have what they need."""
        return self._first.has(digest) and self._second.has(digest)

    def are_kept(self, digests: Collection[str]) -> bool:
        """Whether both can be made again."""
        return self._first.are_kept(digests) and self._second.are_kept(digests)

    def keep(self, digest: str, case: LoadedCase) -> None:
        """Keep what either lacks."""
        for kind in (self._first, self._second):
            if not kind.has(digest):
                kind.keep(digest, case)

    def facts(self, digest: str) -> dict[str, LabelFacts]:
        """Return the counts of a kept case by reader."""
        return self._first.facts(digest)

    def costs(self, n_cases: int, n_folds: int) -> Costs:
        """How long the parts take, both together."""
        both = zip(self._first.costs(n_cases, n_folds), self._second_costs(n_cases, n_folds), strict=True)
        return Costs(*(a + b for a, b in both))

    def learn(self, plan: TrainingPlan, folds: Sequence[int], reporter: Reporter) -> Mapping[int, Judge]:
        """Learn the first, whose work outlives a stop, then the second.

        Raises
        ------
        Cancelled
            If the reporter asked to stop.
        """
        n = len(plan.training)
        one, other = self._first.costs(n, len(folds)).learn, self._second_costs(n, len(folds)).learn
        upto = one / (one + other) if one + other else 0.5
        firsts = self._first.learn(plan, folds, SubReporter(reporter, 0, upto, 1))
        seconds = self._second.learn(plan, folds, SubReporter(reporter, upto, 1, 1))
        return {fold: SecondOpinionJudge(firsts[fold], seconds[fold], self._weight) for fold in folds}

    def keep_only(self, digests: Sequence[str]) -> None:
        """Delete what either keeps of all other cases."""
        self._first.keep_only(digests)
        self._second.keep_only(digests)

    def provenance(self, plan: TrainingPlan) -> dict[str, Any]:
        """Return what is said of the first, and as ``second_opinion`` the weight and what is said of the other."""
        first, second = self._first.provenance(plan), self._second.provenance(plan)
        packages = (*first["packages"], *second.pop("packages"))
        beside = {"weight": self._weight, **second}
        return {**first, "name": self.name, "second_opinion": beside, "packages": packages}

    def _second_costs(self, n_cases: int, n_folds: int) -> Costs:
        return Costs(*(_SECOND_COSTS * part for part in self._second.costs(n_cases, n_folds)))


class SecondOpinionJudge:
    """The weighted mean of two judges, class by class: (1 − w) p + w q.

    What only one of them knows a class for, it says alone, and the other one shares out the rest: with the sum m of
    q over the classes that only the second knows, p becomes q there and (1 − m) p elsewhere, and likewise q. So a
    class is not doubted everywhere because one of the two has never seen it.

    Parameters
    ----------
    first, second : Judge
        Of the same fold.
    weight : float
        w, of the second.
    """

    def __init__(self, first: Judge, second: Judge, weight: float) -> None:
        self._first, self._second = first, second
        self._weights = np.float32(1 - weight), np.float32(weight)
        one, other = set(first.classes), set(second.classes)
        self.classes = tuple(sorted(one | other))
        self._only_first, self._only_second = sorted(one - other), sorted(other - one)

    def predict_slabs(self, case: LoadedCase, box: Box) -> Iterator[NDArray[np.float32]]:
        """Yield the slabs of the first, mixed with the same slices of the second; of each one slab is held."""
        others = self._second.predict_slabs(case, box)
        held: NDArray[Any] | None = None
        used = 0  # slices of what is held
        for found in self._first.predict_slabs(case, box):
            slab = np.asarray(found, dtype=np.float32)
            done = 0
            while done < slab.shape[1]:
                if held is None or used == held.shape[1]:
                    held = None  # gone before the next is made
                    held, used = next(others), 0
                n = min(slab.shape[1] - done, held.shape[1] - used)
                self._mix(slab[:, done : done + n], held[:, used : used + n])
                done, used = done + n, used + n
            yield slab
            del found, slab  # before the next is made

    def predict(self, case: LoadedCase, box: Box) -> NDArray[np.float16]:
        """Predict the whole block, in half precision."""
        return in_one_piece(self.predict_slabs(case, box))

    def _mix(self, p: NDArray[np.float32], q: NDArray[Any]) -> None:
        """Write the mean of some slices, both (K, n, Y, X), into the first."""
        one, other = self._weights
        rest_of_first: Any = one
        rest_of_second: Any = other
        if self._only_second:
            rest_of_first = one * (1 - q[self._only_second].sum(axis=0, dtype=np.float32))
        if self._only_first:
            rest_of_second = other * (1 - p[self._only_first].sum(axis=0, dtype=np.float32))
        for c in self.classes:
            if c in self._only_first:
                p[c] *= rest_of_first + other
            elif c in self._only_second:
                p[c] = q[c] * (rest_of_second + one)
            else:
                p[c] *= rest_of_first
                p[c] += rest_of_second * q[c]
