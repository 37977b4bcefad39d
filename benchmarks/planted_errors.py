"""Which score finds label errors? Errors of known kinds are planted into a private copy and looked for.

    python benchmarks/planted_errors.py                        # hippocampus, all cases, 3 seeds
    python benchmarks/planted_errors.py --samples              # the synthetic abdomens, 3 seeds
    python benchmarks/planted_errors.py --severities subtle --out subtle.json

The copy is scored through the product's own door, so the classifier learns from the planted labels too.
cleanlab scores the same out-of-sample probabilities: evened out as our measures see them, and raw.
Every fifth case gets one error; kinds and severities take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "2")

import numpy as np  # noqa: E402
from detection import bootstrap, detection, voxel_auroc  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy import ndimage  # noqa: E402

from napari_aleatoric.foundation import Box  # noqa: E402
from napari_aleatoric.io import Workspace, read_label_map, read_map, scan, write_label_map  # noqa: E402
from napari_aleatoric.model import WHOLE_CASE, ItemKey, LabelMap  # noqa: E402
from napari_aleatoric.review import ReviewStore, score_workspace  # noqa: E402
from napari_aleatoric.samples import (  # noqa: E402
    ErrorKind,
    ErrorRecord,
    SampleSpec,
    Severity,
    plant_error,
    read_truth,
    write_samples,
)
from napari_aleatoric.uncertainty import LABEL_RISK_MAP, STRATEGIES, ScoreSpec, ScoreTable, rank, smoothed  # noqa: E402

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"
HIPPOCAMPUS = Path(os.environ.get("ALEATORIC_TEST_DATA", _DEFAULT)) / "msd_hippocampus"


@dataclass
class Outcome:
    """One seed: what was wrong, and what every score said."""

    keys: list[ItemKey]
    truth: dict[str, ErrorRecord | None]
    scores: dict[str, NDArray[np.float64]]
    heat: dict[str, NDArray[np.uint8]]
    changed: dict[str, NDArray[np.bool_]]
    seconds: float

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Which cases carry an error."""
        return np.array([self.truth[key.case_id] is not None for key in self.keys])


def main() -> None:
    arguments = _arguments()
    outcomes = []
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
            if arguments.samples:
                outcome = _samples_outcome(Path(scratch), seed, arguments)
            else:
                outcome = _planted_outcome(arguments.data, Path(scratch), seed, arguments)
        outcomes.append(outcome)
        found = detection(outcome.scores["label_risk"], outcome.wrong)
        print(f"seed {seed}: AUROC {found.auroc:.3f}, {outcome.seconds:.0f} s", flush=True)
    report = summarise(outcomes)
    report["settings"] = {
        "data": "samples" if arguments.samples else arguments.data.name,
        "cases": len(outcomes[0].keys),
        "seeds": arguments.seeds,
        "severities": [str(s) for s in arguments.severities],
        "encoder": arguments.encoder,
    }
    print_report(report)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(report, indent=1), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HIPPOCAMPUS, help="data set with one good label per case")
    parser.add_argument("--samples", action="store_true", help="use synthetic abdomens instead")
    parser.add_argument("--cases", type=int, default=0, help="only the first so many (samples: how many to draw)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fraction", type=float, default=0.2, help="share of cases that get an error")
    parser.add_argument("--severities", nargs="+", type=Severity, default=[Severity.MILD, Severity.SEVERE])
    parser.add_argument("--encoder", default="filter-bank", help="what the AUV is read from")
    parser.add_argument("--scratch", type=Path, help="folder for the private copies (several hundred MB)")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    return parser.parse_args()


def _planted_outcome(data: Path, scratch: Path, seed: int, arguments: argparse.Namespace) -> Outcome:
    """Copy the labels, plant errors into some, score."""
    source = scan(data)
    cases = source.cases[: arguments.cases or None]
    copy = scratch / "data"
    for name in ("imagesTr", "labelsTr"):
        (copy / name).mkdir(parents=True)
    errors = _draw_errors(len(cases), seed, arguments)
    truth: dict[str, ErrorRecord | None] = {}
    changed: dict[str, NDArray[np.bool_]] = {}
    for index, case in enumerate(cases):
        image = copy / "imagesTr" / f"{case.case_id}.nii.gz"
        image.symlink_to(case.image.resolve())
        label = read_label_map(case.labels[0].paths[0])
        planted, truth[case.case_id] = _plant(label, errors.get(index), np.random.default_rng([seed, index]))
        if truth[case.case_id] is not None:
            before, after = label.upright().data, LabelMap(planted, label.geometry).upright().data
            changed[case.case_id] = before != after
        write_label_map(copy / "labelsTr" / f"{case.case_id}.nii.gz", LabelMap(planted, label.geometry))
    _describe(copy, source.classes.names, [case.case_id for case in cases])
    return _score(copy, scratch / "review", seed, truth, changed, arguments)


def _samples_outcome(scratch: Path, seed: int, arguments: argparse.Namespace) -> Outcome:
    """Draw abdomens with their own planted errors, score."""
    severity = arguments.severities[-1]
    spec = SampleSpec(n_cases=arguments.cases or 24, seed=seed, severity=severity)
    clean = spec.model_copy(update={"error_fraction": 0.0})
    write_samples(scratch / "data", spec)
    write_samples(scratch / "clean", clean)
    truth = read_truth(scratch / "data")
    changed = {}
    for case_id, error in truth.items():
        if error is not None:
            name = f"{case_id}.nii.gz"
            before = read_label_map(scratch / "clean" / "labelsTr" / name).upright().data
            changed[case_id] = before != read_label_map(scratch / "data" / "labelsTr" / name).upright().data
    return _score(scratch / "data", scratch / "review", seed, truth, changed, arguments)


def _draw_errors(n: int, seed: int, arguments: argparse.Namespace) -> dict[int, tuple[ErrorKind, Severity]]:
    """Say which cases get what: kinds take turns, severities within kinds."""
    rng = np.random.default_rng([seed, 2**31])
    chosen = rng.permutation(n)[: round(arguments.fraction * n)]
    kinds = list(ErrorKind)
    severities = arguments.severities
    return {
        int(case): (kinds[turn % len(kinds)], severities[(turn // len(kinds)) % len(severities)])
        for turn, case in enumerate(chosen)
    }


def _plant(
    label: LabelMap, error: tuple[ErrorKind, Severity] | None, rng: np.random.Generator
) -> tuple[NDArray[Any], ErrorRecord | None]:
    return (label.data, None) if error is None else plant_error(label.data, *error, rng)


def _describe(folder: Path, names: dict[int, str], case_ids: list[str]) -> None:
    content = {
        "name": "planted",
        "modality": {"0": "image"},
        "labels": {"0": "background", **{str(value): name for value, name in names.items()}},
        "numTraining": len(case_ids),
        "training": [
            {"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"} for name in case_ids
        ],
        "test": [],
    }
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")


def _score(
    data: Path,
    root: Path,
    seed: int,
    truth: dict[str, ErrorRecord | None],
    changed: dict[str, NDArray[np.bool_]],
    arguments: argparse.Namespace,
) -> Outcome:
    workspace = Workspace.create(root, scan(data))
    classes = workspace.dataset.classes
    quality: dict[str, float] = {}
    raw_quality: dict[str, float] = {}
    predicted: dict[str, NDArray[np.bool_]] = {}

    def probe(case_id: str, box: Box, probabilities: NDArray[Any]) -> None:
        label = classes.index_map(workspace.load_label(case_id).upright().data)
        raw_quality[case_id] = _cleanlab_quality(label[box.slices], probabilities)
        quality[case_id] = _cleanlab_quality(label[box.slices], smoothed(probabilities))  # as the measures see them
        if case_id in changed:
            predicted[case_id] = np.zeros(label.shape, dtype=bool)
            predicted[case_id][box.slices] = probabilities.argmax(axis=0) > 0

    begun = time.monotonic()
    score_workspace(workspace, ScoreSpec(seed=seed, encoder=arguments.encoder), probe=probe)
    seconds = time.monotonic() - begun
    with ReviewStore.open(workspace.store_url) as store:
        table = store.score_table()
    keys = list(table.keys)
    scores = {name: _suspicion(table, name) for name in STRATEGIES}
    scores["cleanlab"] = np.array([-quality.get(key.case_id, np.nan) for key in keys])
    scores["cleanlab_raw"] = np.array([-raw_quality.get(key.case_id, np.nan) for key in keys])
    heat = {}
    for key in keys:
        if key.case_id in predicted:
            near = _near(workspace, key, predicted[key.case_id])
            heat[key.case_id] = read_map(workspace, key, LABEL_RISK_MAP).of(WHOLE_CASE)[near]
            changed[key.case_id] = changed[key.case_id][near]
    return Outcome(keys, truth, scores, heat, changed, seconds)


def _suspicion(table: ScoreTable, strategy: str) -> NDArray[np.float64]:
    """Turn the strategy's own order into a score, ties broken as the queue breaks them; high = first."""
    ranking = rank(table, strategy)
    suspicion = np.empty(len(ranking.order))
    suspicion[ranking.order] = np.arange(len(ranking.order), 0, -1)
    return suspicion


def _cleanlab_quality(label: NDArray[Any], probabilities: NDArray[Any]) -> float:
    """Score one case with cleanlab's own segmentation score, its slices laid one below the other."""
    from cleanlab.segmentation.rank import get_label_quality_scores

    flat = probabilities.reshape(1, len(probabilities), -1, label.shape[-1]).astype(np.float64)
    labels = label.reshape(1, -1, label.shape[-1]).astype(np.int64)
    result, _ = get_label_quality_scores(labels, flat, method="softmin", verbose=False)
    return float(result[0])


def _near(workspace: Workspace, key: ItemKey, predicted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels within 3 voxels of the given label or the prediction."""
    label = workspace.load_label(*key).upright().data
    return np.asarray(ndimage.distance_transform_edt((label == 0) & ~predicted) <= 3)


def summarise(outcomes: list[Outcome]) -> dict[str, Any]:
    """Figures over all seeds."""
    wrongs = [outcome.wrong for outcome in outcomes]
    methods = {}
    for name in outcomes[0].scores:
        scores = [outcome.scores[name] for outcome in outcomes]
        each = [asdict(detection(score, wrong)) for score, wrong in zip(scores, wrongs, strict=True)]
        methods[name] = {
            **{figure: float(np.mean([one[figure] for one in each])) for figure in each[0]},
            "auroc_95": bootstrap(scores, wrongs),
            "auroc_seeds": [one["auroc"] for one in each],
            "auroc_by_kind": _by(scores, outcomes, lambda error: str(error.kind)),
            "auroc_by_severity": _by(scores, outcomes, lambda error: str(error.severity)),
        }
    ours = [outcome.scores["label_risk"] for outcome in outcomes]
    peer = [outcome.scores["cleanlab"] for outcome in outcomes]
    errors = [error for outcome in outcomes for error in outcome.truth.values() if error is not None]
    return {
        "methods": methods,
        "label_risk_minus_cleanlab": {
            "auroc": methods["label_risk"]["auroc"] - methods["cleanlab"]["auroc"],
            "auroc_95": bootstrap(ours, wrongs, peer),
        },
        "voxel_auroc": {
            "all": voxel_auroc(*_maps(outcomes, lambda _: True)),
            **{kind: voxel_auroc(*_maps(outcomes, lambda e, k=kind: str(e.kind) == k)) for kind in _kinds(errors)},
        },
        "planted": {"errors": len(errors), "mean_dice": float(np.mean([error.dice for error in errors]))},
        "seconds": [round(outcome.seconds, 1) for outcome in outcomes],
    }


def _kinds(errors: list[ErrorRecord]) -> list[str]:
    return sorted({str(error.kind) for error in errors})


def _by(scores: list[NDArray[np.float64]], outcomes: list[Outcome], group_of: Any) -> dict[str, float]:
    """AUROC of the errors of each group against all right labels, mean over seeds."""
    found: dict[str, list[float]] = {}
    for score, outcome in zip(scores, outcomes, strict=True):
        errors = [outcome.truth[key.case_id] for key in outcome.keys]
        groups = np.array(["" if error is None else group_of(error) for error in errors])
        for group in np.unique(groups[groups != ""]):
            rows = (groups == "") | (groups == group)
            found.setdefault(str(group), []).append(detection(score[rows], outcome.wrong[rows]).auroc)
    return {group: float(np.mean(values)) for group, values in sorted(found.items())}


def _maps(outcomes: list[Outcome], wanted: Any) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.bool_]]]:
    pairs: Iterator[tuple[NDArray[np.uint8], NDArray[np.bool_]]] = (
        (outcome.heat[case], outcome.changed[case])
        for outcome in outcomes
        for case, error in outcome.truth.items()
        if error is not None and wanted(error) and case in outcome.heat
    )
    listed = list(pairs)
    return [heat for heat, _ in listed], [changed for _, changed in listed]


def print_report(report: dict[str, Any]) -> None:
    """Print the figures as a table."""
    planted = report["planted"]
    print(f"\n{report['settings']}")
    print(f"{planted['errors']} errors planted, mean Dice to the label before {planted['mean_dice']:.3f}")
    print(f"scoring took {report['seconds']} s\n")
    print(f"{'order':<16}{'AUROC':>7}{'95 % interval':>18}{'AP':>7}{'top 20 %':>10}   worst kind")
    ordered = sorted(report["methods"].items(), key=lambda item: -item[1]["auroc"])
    for name, figures in ordered:
        low, high = figures["auroc_95"]
        kind, value = min(figures["auroc_by_kind"].items(), key=lambda item: item[1])
        print(
            f"{name:<16}{figures['auroc']:>7.3f}{f'[{low:.3f}, {high:.3f}]':>18}"
            f"{figures['average_precision']:>7.3f}{figures['precision_top20']:>10.3f}   {kind} {value:.3f}"
        )
    difference = report["label_risk_minus_cleanlab"]
    low, high = difference["auroc_95"]
    print(f"\nlabel_risk − cleanlab: {difference['auroc']:+.3f} [{low:+.3f}, {high:+.3f}]")
    kinds = report["methods"]["label_risk"]["auroc_by_kind"]
    print("label_risk by kind:     " + ", ".join(f"{kind} {value:.3f}" for kind, value in kinds.items()))
    grades = report["methods"]["label_risk"]["auroc_by_severity"]
    print("label_risk by severity: " + ", ".join(f"{grade} {value:.3f}" for grade, value in grades.items()))
    print(
        "voxel AUROC:            "
        + ", ".join(f"{kind} {value:.3f}" for kind, value in report["voxel_auroc"].items())
    )


if __name__ == "__main__":
    main()
