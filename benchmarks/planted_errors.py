"""Which score finds label errors? Errors of known kinds are planted into a private copy and looked for.

    python benchmarks/planted_errors.py                        # hippocampus, all cases, seeds 0 1 2
    python benchmarks/planted_errors.py --seeds 10 11          # others, to choose a setting on
    python benchmarks/planted_errors.py --samples              # the synthetic abdomens
    python benchmarks/planted_errors.py --severities subtle --out subtle.json

The copy is planted and scored by the very parts that ``aleatoric calibrate`` is made of, once with each judge: the
light classifier, with the difficulty from the filter bank, and the small network, with the difficulty from
Segment Anything. Both learn from the planted labels too. cleanlab's own package scores the same out-of-sample
probabilities: as predicted, and evened out as our measures see them. Every fifth case gets one error; kinds and
severities take turns. Seeds 0, 1 and 2 are reported and nothing is chosen on them.

With --keep, seeds that are done already are read from there, and one that was stopped goes on with its features and
networks.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "2")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from planted_report import report_of  # noqa: E402

from napari_aleatoric.foundation import Box  # noqa: E402
from napari_aleatoric.io import Workspace, scan  # noqa: E402
from napari_aleatoric.model import ItemKey, SilentReporter  # noqa: E402
from napari_aleatoric.review import CalibrateSpec, ReviewStore  # noqa: E402
from napari_aleatoric.review._calibration._planted_copy import PlantedCopy  # noqa: E402
from napari_aleatoric.review._calibration._planted_scores import Contender, heat_of_errors  # noqa: E402
from napari_aleatoric.review._calibration._seed import (  # noqa: E402
    SeedOutcome,
    read_outcome,
    run_seed,
    write_outcome,
)
from napari_aleatoric.samples import SampleSpec, Severity, write_samples  # noqa: E402
from napari_aleatoric.uncertainty import LABEL_RISK_MAP, ScoreSpec, smoothed  # noqa: E402

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"
HIPPOCAMPUS = Path(os.environ.get("ALEATORIC_TEST_DATA", _DEFAULT)) / "msd_hippocampus"
ENCODERS = {"light": "filter-bank", "network": "sam-small"}


class Terminal(SilentReporter):
    """Says twice a minute where it is."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def step(self, done: float, total: float, message: str = "") -> None:
        """Say it."""
        if time.monotonic() - self._last > 30:
            self._last = time.monotonic()
            print(f"    {done / total:.0%} {message}", flush=True)


class Peers:
    """Hears the out-of-sample probabilities of every case: what cleanlab says of them, and what was predicted."""

    def __init__(self, wrong: set[str]) -> None:
        self.workspace: Workspace | None = None
        self.quality: dict[str, dict[str, float]] = {"cleanlab": {}, "cleanlab_raw": {}}
        self.predicted: dict[str, NDArray[np.bool_]] = {}
        self._wrong = wrong

    def __call__(self, case_id: str, box: Box, probabilities: NDArray[Any]) -> None:
        """Take in one case."""
        assert self.workspace is not None
        classes = self.workspace.dataset.classes
        label = classes.index_map(self.workspace.load_label(case_id).upright().data)
        evened = smoothed(probabilities)
        self.quality["cleanlab_raw"][case_id] = _cleanlab_quality(label[box.slices], probabilities)
        self.quality["cleanlab"][case_id] = _cleanlab_quality(label[box.slices], evened)
        if case_id in self._wrong:
            found = np.zeros(label.shape, dtype=bool)
            found[box.slices] = evened.argmax(axis=0) > 0
            self.predicted[case_id] = found


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as temporary:
        kept = arguments.keep if arguments.keep is not None else Path(temporary)
        work = kept / "work"
        ws = _workspace(work, arguments)
        by_judge: dict[str, list[SeedOutcome]] = {judge: [] for judge in arguments.judges}
        for seed in arguments.seeds:
            for judge in arguments.judges:
                outcome = read_outcome(kept / judge, seed)
                if outcome is None:
                    outcome = _seed(ws, work / f"seed-{seed}-{judge}", seed, judge, arguments)
                    write_outcome(kept / judge, outcome)
                    shutil.rmtree(work / f"seed-{seed}-{judge}", ignore_errors=True)
                by_judge[judge].append(outcome)
                print(f"seed {seed}, {judge}: {outcome.seconds:.0f} s", flush=True)
        report = report_of(by_judge, [case.case_id for case in ws.dataset.cases], arguments.draws)
    report["settings"] = {
        "data": "samples" if arguments.samples else arguments.data.name,
        "cases": len(ws.dataset.cases),
        "seeds": arguments.seeds,
        "fraction": arguments.fraction,
        "severities": [str(s) for s in arguments.severities],
        "encoders": {judge: ENCODERS[judge] for judge in arguments.judges},
    }
    print(f"\n{report['settings']}\n\n{report['markdown']}")
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(report, indent=1), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HIPPOCAMPUS, help="data set with one good label per case")
    parser.add_argument("--samples", action="store_true", help="use synthetic abdomens instead")
    parser.add_argument("--cases", type=int, default=0, help="only the first so many (samples: how many to draw)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--judges", nargs="+", choices=list(ENCODERS), default=list(ENCODERS))
    parser.add_argument("--fraction", type=float, default=0.2, help="share of cases that get an error")
    parser.add_argument("--severities", nargs="+", type=Severity, default=[Severity.MILD, Severity.SEVERE])
    parser.add_argument("--draws", type=int, default=1000, help="of the bootstrap")
    parser.add_argument("--scratch", type=Path, help="folder for the private copies (several hundred MB)")
    parser.add_argument("--keep", type=Path, help="folder for the scores of every seed; those there are used")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    return parser.parse_args()


def _workspace(work: Path, arguments: argparse.Namespace) -> Workspace:
    if Workspace.is_workspace(work / "workspace"):
        return Workspace.open(work / "workspace")
    data = arguments.data
    if arguments.samples:
        data = work / "samples"
        write_samples(data, SampleSpec(n_cases=arguments.cases or 24, error_fraction=0.0))
    dataset = scan(data)
    if arguments.cases:
        dataset = replace(dataset, cases=dataset.cases[: arguments.cases])
    return Workspace.create(work / "workspace", dataset)


def _seed(ws: Workspace, folder: Path, seed: int, judge: str, arguments: argparse.Namespace) -> SeedOutcome:
    """Plant the errors of a seed, score with a judge; add what cleanlab says and the maps near the prediction."""
    score = ScoreSpec(judge=judge, encoder=ENCODERS[judge], seed=seed)
    score = score.model_copy(update={"network": score.network.model_copy(update={"seed": seed})})
    spec = CalibrateSpec(fraction=arguments.fraction, severities=tuple(arguments.severities), score=score)
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        copy = PlantedCopy(ws, store, spec, folder)
        planted = copy.plant(seed, SilentReporter())
        for old in (folder / "workspace").glob("review.db*"):  # of a stopped run: cleanlab wants all cases
            old.unlink()
        peers = Peers({key.case_id for key in planted.errors})
        peers.workspace = private = copy.workspace(planted)
        outcome = run_seed(copy, seed, score, Terminal(), peers)
        heat: dict[str, NDArray[np.int64]] = {}
        for key, error in outcome.errors.items():
            near = peers.predicted.get(key.case_id)
            label = private.load_label(*key, warn=False)
            wrong, right = heat_of_errors(private, key, copy.before(key), label, near)[LABEL_RISK_MAP]
            heat[error.kind] = heat.get(error.kind, 0) + np.stack([wrong, right])
    found = {name: _column(outcome.keys, -1.0, values) for name, values in peers.quality.items()}
    cleanlab = [
        Contender("cleanlab", "cleanlab, same probabilities", "label_risk", False, False, ""),
        Contender("cleanlab_raw", "cleanlab, before they are evened out", "label_risk", False, False, ""),
    ]
    return replace(
        outcome,
        contenders=[*outcome.contenders, *cleanlab],
        scores={**outcome.scores, **found},
        heat={**outcome.heat, "near_prediction": heat},
    )


def _column(keys: Any, sign: float, values: dict[str, float]) -> NDArray[np.float64]:
    return np.array([sign * values.get(ItemKey(*key).case_id, np.nan) for key in keys])


def _cleanlab_quality(label: NDArray[Any], probabilities: NDArray[Any]) -> float:
    """Score one case with cleanlab's own segmentation score, its slices laid one below the other."""
    from cleanlab.segmentation.rank import get_label_quality_scores

    flat = probabilities.reshape(1, len(probabilities), -1, label.shape[-1]).astype(np.float64)
    labels = label.reshape(1, -1, label.shape[-1]).astype(np.int64)
    result, _ = get_label_quality_scores(labels, flat, method="softmin", verbose=False)
    return float(result[0])


if __name__ == "__main__":
    main()
