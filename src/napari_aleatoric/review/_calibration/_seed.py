"""One seed of a calibration: plant, score, and keep what every measure said, so that no seed is done twice."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.io import Workspace, write_whole
from napari_aleatoric.model import ItemKey, Reporter, SubReporter
from napari_aleatoric.review._scoring._run import Probe, score_workspace
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.samples import ErrorRecord
from napari_aleatoric.uncertainty import ScoreSpec, Trial

from ._aside import aside
from ._planted_copy import PlantedCopy, PlantedLabels
from ._planted_scores import Contender, Histograms, all_scores, heat_of_errors

__all__ = ["SeedOutcome", "SeedReporter", "read_outcome", "run_seed", "write_outcome"]

_PLANTED, _SCORED = 0.04, 0.97  # how far a seed is after these steps


@dataclass(frozen=True, eq=False)
class SeedOutcome:
    """What was wrong in a seed, and what every measure said.

    Parameters
    ----------
    seed : int
        Which.
    keys : sequence of ItemKey
        The n labels that were scored.
    errors : mapping of ItemKey to ErrorRecord
        The wrong ones among them.
    contenders : sequence of Contender
        All measures and orders.
    scores : mapping of str to numpy.ndarray of float64, shape (n,)
        By name of the contender; high = suspicious, NaN = not measured.
    heat : mapping of str to mapping of str to numpy.ndarray of int64, shape (2, 256)
        Voxels near the errors by map, kind of error, wrong (row 0) or right (1), and value of the map.
    failed : mapping of str to int
        How many labels did not take a kind of error.
    notes : sequence of str
        What scoring said.
    judge : str
        Who judged the labels: one of `uncertainty.JUDGES`.
    seconds : float
        Wall time.
    """

    seed: int
    keys: Sequence[ItemKey]
    errors: Mapping[ItemKey, ErrorRecord]
    contenders: Sequence[Contender]
    scores: Mapping[str, NDArray[np.float64]]
    heat: Mapping[str, Mapping[str, NDArray[np.int64]]]
    failed: Mapping[str, int]
    notes: Sequence[str]
    judge: str
    seconds: float

    def trial(self, cases: Mapping[str, int]) -> Trial:
        """Return truth and scores for the statistics; ``cases`` gives every case its number."""
        units = np.array([cases[key.case_id] for key in self.keys], dtype=np.int64)
        wrong = np.array([key in self.errors for key in self.keys], dtype=bool)
        return Trial(units, wrong, self.scores)


class SeedReporter:
    """A part of a calibration: its progress within the whole, its words after the number of the seed.

    Parameters
    ----------
    parent : Reporter
        Who is told.
    number, total : int
        Which part, counted from 0, of how many.
    """

    def __init__(self, parent: Reporter, number: int, total: int) -> None:
        self._inner = SubReporter(parent, float(number), number + 1.0, float(total))
        self._words = f"Round {number + 1} of {total}: "

    def step(self, done: float, total: float, message: str = "") -> None:
        """Report to the parent in its own measure."""
        self._inner.step(done, total, f"{self._words}{message}")

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Hand on."""
        self._inner.metric(name, value, step)


def run_seed(
    copy: PlantedCopy, seed: int, score: ScoreSpec, reporter: Reporter, probe: Probe | None = None
) -> SeedOutcome:
    """Plant the errors of a seed and score the copy; after a stop it goes on where it was."""
    begun = time.monotonic()
    planted = copy.plant(seed, SubReporter(reporter, 0.0, _PLANTED, 1.0))
    ws = copy.workspace(planted, partial(reporter.step, _PLANTED, 1.0, "Planting errors"))
    # nothing may be judged by what was learned from the labels of another seed
    spec = score.model_copy(update={"max_training_change": 0.0})
    summary = score_workspace(ws, spec, SubReporter(reporter, _PLANTED, _SCORED, 1.0), probe=probe)
    with ReviewStore.open(ws.store_url) as store:
        table, listed, scores = aside(partial(all_scores, store), partial(reporter.step, _SCORED, 1.0, "Ordering"))
    scored = set(table.keys)
    heat: dict[str, dict[str, NDArray[np.int64]]] = {}
    for number, (key, error) in enumerate(planted.errors.items()):
        part = _SCORED + (1 - _SCORED) * number / len(planted.errors)
        if key not in scored:
            continue
        found = aside(partial(_heat, copy, ws, key), partial(reporter.step, part, 1.0, "Looking at the maps"))
        for name, counts in found.items():
            kinds = heat.setdefault(name, {})
            kinds[error.kind] = kinds.get(error.kind, 0) + np.stack(counts)
    return SeedOutcome(
        seed=seed,
        keys=list(table.keys),
        errors={key: error for key, error in planted.errors.items() if key in scored},
        contenders=listed,
        scores=scores,
        heat=heat,
        failed=_failed(planted),
        notes=summary.notes,
        judge=table.judge or "light",
        seconds=time.monotonic() - begun,
    )


def _heat(copy: PlantedCopy, ws: Workspace, key: ItemKey) -> Histograms:
    return heat_of_errors(ws, key, copy.before(key), ws.load_label(*key, warn=False))


def _failed(planted: PlantedLabels) -> dict[str, int]:
    return {str(kind): count for kind, count in planted.failed.items()}


def write_outcome(folder: Path, outcome: SeedOutcome) -> None:
    """Keep what a seed showed."""
    content = {
        "seed": outcome.seed,
        "keys": [list(key) for key in outcome.keys],
        "errors": [[list(key), error.to_json()] for key, error in outcome.errors.items()],
        "contenders": [asdict(contender) for contender in outcome.contenders],
        "scores": {n: [None if math.isnan(v) else v for v in s.tolist()] for n, s in outcome.scores.items()},
        "heat": {name: {k: h.tolist() for k, h in kinds.items()} for name, kinds in outcome.heat.items()},
        "failed": dict(outcome.failed),
        "notes": list(outcome.notes),
        "judge": outcome.judge,
        "seconds": outcome.seconds,
    }
    write_whole(folder / f"seed-{outcome.seed}.json", json.dumps(content, allow_nan=False).encode())


def read_outcome(folder: Path, seed: int) -> SeedOutcome | None:
    """Read what a seed showed; None if it was not finished or its file is damaged."""
    try:
        content = json.loads((folder / f"seed-{seed}.json").read_text("utf-8"))
        return SeedOutcome(
            seed=int(content["seed"]),
            keys=[ItemKey(*key) for key in content["keys"]],
            errors={ItemKey(*key): ErrorRecord.from_json(error) for key, error in content["errors"]},
            contenders=[Contender(**one) for one in content["contenders"]],
            scores={name: np.array(values, dtype=np.float64) for name, values in content["scores"].items()},
            heat={
                name: {kind: np.array(h, dtype=np.int64) for kind, h in kinds.items()}
                for name, kinds in content["heat"].items()
            },
            failed=content["failed"],
            notes=content["notes"],
            judge=str(content["judge"]),
            seconds=float(content["seconds"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
