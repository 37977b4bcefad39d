"""Which of two judges foretells the labels of cases better that neither has seen. Our own proposal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.io import write_whole
from napari_aleatoric.model import CaseFiles, Reporter
from napari_aleatoric.uncertainty import ScoreSpec, look_box

from ._case import UNREADABLE, CaseReader
from ._judge import Judge
from ._plan import TrainingPlan

__all__ = ["Arbiter", "Verdict"]

_MOST_CASES = 24
_FEWEST_CASES = 8
_MOST_VOXELS = 12_000_000  # of all cases that are asked about: about a minute
_CLEARLY = 2.0  # standard errors of the mean difference


@dataclass(frozen=True)
class Verdict:
    """How well two judges foretold the labels of the same unseen cases.

    Parameters
    ----------
    n_cases : int
        Compared; 0 if there were too few small ones.
    first, second : float
        Mean Brier score, 0 (right and sure) to 2 (wrong and sure).
    second_leads : bool
        Whether the second is better by more than two standard errors of the mean difference.
    """

    n_cases: int = 0
    first: float = math.nan
    second: float = math.nan
    second_leads: bool = False


class Arbiter:
    """Asks two judges about cases that neither has learned from, and keeps what came of it.

    At most 24 cases of at most 12 million voxels together, spread over the data set; of fewer than 8 nothing is
    concluded. A case's Brier score is the mean of Σ_c (p_c − [c is the label])² over the voxels that the label or
    one of the two calls something else than background. Wrong labels count against both.

    Parameters
    ----------
    spec : ScoreSpec
        Decides what is looked at.
    reader : CaseReader
        Reads the cases.
    cases : mapping of str to CaseFiles
        By `case_digest`.
    folder : Path
        Where the verdict is kept, so that a run that goes on has the same weights.
    """

    def __init__(self, spec: ScoreSpec, reader: CaseReader, cases: Mapping[str, CaseFiles], folder: Path) -> None:
        self._spec, self._reader, self._cases = spec, reader, cases
        self._file = folder / "second_opinion.json"

    def decide(
        self, plan: TrainingPlan, firsts: Mapping[int, Judge], seconds: Mapping[int, Judge], reporter: Reporter
    ) -> Verdict:
        """Compare the judges of the same folds, or return what was found for this plan before.

        Raises
        ------
        Cancelled
            If the reporter, or a judge, was asked to stop.
        """
        before = self.kept(plan)
        if before is not None:
            return before
        cases = list(self._asked(plan, firsts))
        scores = []
        if len(cases) >= _FEWEST_CASES:
            for number, case in enumerate(cases):
                reporter.step(number, len(cases), f"Compared the judges on {number} of {len(cases)} cases")
                fold = plan.folds[case.case_id]
                found = self._scores(case, firsts[fold], seconds[fold])
                if found is not None:
                    scores.append(found)
        verdict = _verdict(np.array(scores).reshape(-1, 2))
        write_whole(self._file, json.dumps({"plan": plan.digest, **asdict(verdict)}, indent=1).encode())
        return verdict

    def kept(self, plan: TrainingPlan) -> Verdict | None:
        """Return what was found for a plan; None if nothing was, or it is damaged."""
        try:
            values = json.loads(self._file.read_text("utf-8"))
            return Verdict(**values) if values.pop("plan") == plan.digest else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _asked(self, plan: TrainingPlan, judges: Mapping[int, Judge]) -> Iterator[CaseFiles]:
        """Yield cases that can be asked about; one that a run of one fold only has seen is none."""
        if plan.n_folds < 2:
            return
        able = [
            c for c, digest in sorted(plan.training.items()) if plan.folds[c] in judges and digest in self._cases
        ]
        left = _MOST_VOXELS
        for case_id in _spread(able, _MOST_CASES):
            case = self._cases[plan.training[case_id]]
            n = self._reader.n_voxels(case)
            if 0 < n <= left:
                left -= n
                yield case

    def _scores(self, files: CaseFiles, first: Judge, second: Judge) -> tuple[float, float] | None:
        try:
            case = self._reader.read(files)
        except UNREADABLE:
            return None  # it is told where the case is measured
        box = look_box(case.labels, self._spec)
        p, q = (np.asarray(judge.predict(case, box), dtype=np.float32) for judge in (first, second))
        found = [_brier(p, q, label[box.slices]) for label in case.labels]
        known = [pair for pair in found if pair is not None]
        if not known:
            return None
        return float(np.mean([a for a, _ in known])), float(np.mean([b for _, b in known]))


def _spread(names: Sequence[str], most: int) -> list[str]:
    """At most so many of them, evenly."""
    if len(names) <= most:
        return list(names)
    return [names[k * len(names) // most] for k in range(most)]


def _brier(p: NDArray[np.float32], q: NDArray[np.float32], label: NDArray[Any]) -> tuple[float, float] | None:
    """Brier scores of two sets of probabilities (K, Z, Y, X) where anyone sees a class; None if nowhere."""
    counts = (label > 0) | (p.argmax(axis=0) > 0) | (q.argmax(axis=0) > 0)
    if not counts.any():
        return None
    given = np.arange(len(p))[:, np.newaxis] == label[counts][np.newaxis]
    one, other = (float(((values[:, counts] - given) ** 2).sum(axis=0).mean()) for values in (p, q))
    return one, other


def _verdict(scores: NDArray[np.float64]) -> Verdict:
    """Compare pairs of scores (n, 2)."""
    n = len(scores)
    if n < _FEWEST_CASES:
        return Verdict()
    ahead = scores[:, 0] - scores[:, 1]
    error = float(ahead.std(ddof=1)) / math.sqrt(n)
    first, second = scores.mean(axis=0)
    return Verdict(n, float(first), float(second), bool(ahead.mean() > _CLEARLY * error))
