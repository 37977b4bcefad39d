"""A judge with a second opinion: the mean of two judges that learned from the same cases. Our own proposal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import Reporter, SubReporter
from napari_aleatoric.uncertainty import LabelFacts

from ._arbiter import Arbiter, Verdict
from ._case import LoadedCase
from ._judge import Costs, Judge, JudgeKind, in_one_piece
from ._plan import TrainingPlan

__all__ = ["SecondOpinionJudge", "SecondOpinionKind"]

_NAMES = {"network": "the network", "light": "the light classifier"}
_COMPARING = 0.03  # part of the learning that goes into comparing the two
_SECOND_COSTS = 0.05  # of a unit of the light classifier's costs in those of the network, seconds


class SecondOpinionKind:
    """Lets one kind judge, and another one beside it; see `SecondOpinionJudge`.

    On hippocampus labels with planted errors the network with a quarter of the light classifier ranks the cases as
    well as alone, and finds the wrong voxels better (chosen on one seed, which is not reported).

    An arbiter asks the data whether the first is to be heard at all: where the second clearly foretells the labels
    of unseen cases better, it judges alone. So it is where a network can learn little in minutes, as from some
    dozens of small crops.

    Parameters
    ----------
    first, second : JudgeKind
        Both learn from the cases. Each keeps what it keeps alone, so that changing the weight trains nothing anew.
    weight : float
        Of the second, above 0 and below 1; with an arbiter, where the second does not judge alone.
    arbiter : Arbiter, optional
        Without one the weight stays.
    """

    learns = True

    def __init__(self, first: JudgeKind, second: JudgeKind, weight: float, arbiter: Arbiter | None = None) -> None:
        self._first, self._second, self._weight, self._arbiter = first, second, weight, arbiter

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self._first.name}+{self._second.name}"

    @property
    def identity(self) -> str:
        """Both identities, the weight, and whether it may become 1."""
        weight = f"{self._weight!r}*" if self._arbiter is None else f"{self._weight!r}?"
        return f"{self._first.identity}+{weight}{self._second.identity}"

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
        """Learn the first, whose work outlives a stop, then the second; then compare the two.

        Raises
        ------
        Cancelled
            If the reporter asked to stop.
        """
        n = len(plan.training)
        one, other = self._first.costs(n, len(folds)).learn, self._second_costs(n, len(folds)).learn
        learned = 1.0 if self._arbiter is None else 1 - _COMPARING
        upto = learned * (one / (one + other) if one + other else 0.5)
        firsts = self._first.learn(plan, folds, SubReporter(reporter, 0, upto, 1))
        seconds = self._second.learn(plan, folds, SubReporter(reporter, upto, learned, 1))
        weight = self._weight
        if self._arbiter is not None:
            verdict = self._arbiter.decide(plan, firsts, seconds, SubReporter(reporter, learned, 1, 1))
            weight = self._weight_after(verdict)
        return {fold: _together(firsts[fold], seconds[fold], weight) for fold in folds}

    def keep_only(self, digests: Sequence[str]) -> None:
        """Delete what either keeps of all other cases."""
        self._first.keep_only(digests)
        self._second.keep_only(digests)

    def judged(self, plan: TrainingPlan) -> tuple[str, tuple[str, ...]]:
        """Return both names, or the second's and why it judges alone."""
        verdict = self._verdict(plan)
        if verdict is None or not verdict.second_leads:
            return self.name, ()
        first, second = (_NAMES.get(kind.name, kind.name) for kind in (self._first, self._second))
        why = (
            f"{second[0].upper()}{second[1:]} judged alone: it foretold the labels of {verdict.n_cases} cases that "
            f"it had not seen better than {first} (Brier score {verdict.second:.2f} against {verdict.first:.2f}; "
            "0 is best)."
        )
        return self._second.name, (why,)

    def provenance(self, plan: TrainingPlan) -> dict[str, Any]:
        """Return what is said of the first, and as ``second_opinion`` the weight and what is said of the other.

        With an arbiter also how many cases they were ``compared`` on, and the Brier scores of both; see `Verdict`.
        """
        first, second = self._first.provenance(plan), self._second.provenance(plan)
        packages = (*first["packages"], *second.pop("packages"))
        verdict = self._verdict(plan)
        beside: dict[str, Any] = {"weight": self._weight_after(verdict), **second}
        if verdict is not None:
            brier = {"first": verdict.first, "second": verdict.second} if verdict.n_cases else {}
            beside |= {"compared": verdict.n_cases, **({"brier": brier} if brier else {})}
        return {**first, "name": self.judged(plan)[0], "second_opinion": beside, "packages": packages}

    def _verdict(self, plan: TrainingPlan) -> Verdict | None:
        return self._arbiter.kept(plan) if self._arbiter is not None else None

    def _weight_after(self, verdict: Verdict | None) -> float:
        """Return the weight of the second."""
        return 1.0 if verdict is not None and verdict.second_leads else self._weight

    def _second_costs(self, n_cases: int, n_folds: int) -> Costs:
        return Costs(*(_SECOND_COSTS * part for part in self._second.costs(n_cases, n_folds)))


def _together(first: Judge, second: Judge, weight: float) -> Judge:
    """Join two judges; what the first says is not worked out if nothing of it counts."""
    if weight == 1 and set(first.classes) <= set(second.classes):
        return second
    return SecondOpinionJudge(first, second, weight)


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
