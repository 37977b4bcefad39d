"""Which score agrees with the disagreement of readers? LIDC nodules with four readers each.

    python benchmarks/reader_disagreement.py                    # all nodules that four readers drew, seeds 0 1 2
    python benchmarks/reader_disagreement.py --seeds 10         # another seed, to choose a setting on

Every nodule is given the mask of one reader, drawn by lot; the copy is scored through the product's own door, so
the judge learns from these masks only. The target is 1 − mean pairwise Dice of all four readers. Spearman's rank
correlation is told raw, and with what the size of the given mask explains taken out of both sides. Intervals:
nodules drawn again with replacement, the same in all seeds. Seeds 0, 1 and 2 are reported and nothing is chosen on
them.

Voxel maps: AUROC for voxels in which not all four readers agree, and in which not all of the three readers do whose
mask was not given; within 3 voxels of any reader's mask.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "2")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from planted_errors import ENCODERS, Terminal  # noqa: E402
from scipy import ndimage  # noqa: E402
from scipy.stats import spearmanr  # noqa: E402

from napari_aleatoric.foundation import Box  # noqa: E402
from napari_aleatoric.io import Workspace, map_names, read_map, scan  # noqa: E402
from napari_aleatoric.model import WHOLE_CASE, CaseFiles, Dataset, ItemKey  # noqa: E402
from napari_aleatoric.review import ReviewStore, score_workspace  # noqa: E402
from napari_aleatoric.review._calibration._planted_scores import contenders  # noqa: E402
from napari_aleatoric.uncertainty import (  # noqa: E402
    MEASURES,
    STRATEGIES,
    ScoreSpec,
    levelset_spread,
    percentile_rank,
    rank,
    size_removed,
    smoothed,
    voxel_auroc,
)

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"
LIDC = Path(os.environ.get("ALEATORIC_TEST_DATA", _DEFAULT)) / "lidc_4rater"
_NEAR = 3


@dataclass
class Round:
    """One seed: truth, sizes and scores of the same nodules in the same order."""

    disagreement: NDArray[np.float64]
    size: NDArray[np.float64]
    scores: dict[str, NDArray[np.float64]]
    titles: dict[str, str]
    questions: dict[str, str]
    voxels: dict[str, dict[str, float]]
    seconds: float


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    dataset = _nodules(arguments.data, arguments.cases, arguments.partial)
    rounds = []
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
            rounds.append(_round(dataset, Path(scratch), seed, arguments.judge))
        print(f"seed {seed}: {rounds[-1].seconds:.0f} s", flush=True)
    report = _report(rounds, arguments.draws)
    report["settings"] = {
        "data": arguments.data.name,
        "nodules": len(dataset.cases),
        "seeds": arguments.seeds,
        "judge": arguments.judge,
        "encoder": ENCODERS[arguments.judge],
    }
    print(f"\n{report['settings']}\n\n{report['markdown']}")
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(report, indent=1), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=LIDC, help="data set with four readers a case, and cases.csv")
    parser.add_argument("--cases", type=int, default=0, help="only the first so many")
    parser.add_argument("--partial", action="store_true", help="also nodules that some readers left empty")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--judge", choices=list(ENCODERS), default="network")
    parser.add_argument("--draws", type=int, default=1000, help="of the bootstrap")
    parser.add_argument("--scratch", type=Path, help="folder for the workspaces (several hundred MB)")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    return parser.parse_args()


def _nodules(folder: Path, n: int, partial: bool) -> Dataset:
    with (folder / "cases.csv").open(encoding="utf-8", newline="") as stream:
        wanted = {row["case"] for row in csv.DictReader(stream) if partial or row["group"] == "all4"}
    dataset = scan(folder)
    cases = [case for case in dataset.cases if case.case_id in wanted and len(case.labels) == 4]
    return replace(dataset, cases=tuple(cases[: n or None]))


def _round(dataset: Dataset, scratch: Path, seed: int, judge: str) -> Round:
    """Give every nodule one reader's mask, score, and compare with all four."""
    rng = np.random.default_rng(seed)
    given = [_given(case, int(rng.integers(len(case.labels)))) for case in dataset.cases]
    whole = Workspace.create(scratch / "all", dataset)
    ws = Workspace.create(scratch / "given", replace(dataset, cases=tuple(given), readers=("",)))
    spreads: dict[str, float] = {}

    def probe(case_id: str, box: Box, probabilities: NDArray[Any]) -> None:
        spreads[case_id] = levelset_spread(smoothed(probabilities)[1])

    begun = time.monotonic()
    spec = ScoreSpec(judge=judge, encoder=ENCODERS[judge], seed=seed)
    spec = spec.model_copy(update={"network": spec.network.model_copy(update={"seed": seed})})
    for note in score_workspace(ws, spec, Terminal(), probe=probe).notes:
        print(f"seed {seed}: {note}", flush=True)
    seconds = time.monotonic() - begun
    with ReviewStore.open(ws.store_url) as store:
        table = store.score_table()
    masks = {key.case_id: _masks(whole, key.case_id) for key in table.keys}
    scores, titles, questions = {}, {}, {}
    for one in contenders(table):
        if one.name in MEASURES and MEASURES[one.name].stored:
            found = MEASURES[one.name].sign * table.column(one.name)
        elif one.name in STRATEGIES:
            ranking = rank(table, one.name)
            found = np.where(np.isnan(ranking.score), np.nan, -ranking.position.astype(float))
        else:
            continue
        if np.isfinite(found).any():
            scores[one.name], titles[one.name], questions[one.name] = found, one.title, one.question
    scores["levelset_probe"] = np.array([spreads.get(key.case_id, np.nan) for key in table.keys])
    titles["levelset_probe"], questions["levelset_probe"] = "Spread of level sets, from here", "ambiguity"
    if {"levelset", "soft_dice_gap"} <= set(scores):
        scores["both"] = percentile_rank(scores["levelset"]) + percentile_rank(scores["soft_dice_gap"])
        titles["both"], questions["both"] = "Mean rank of spread of level sets and soft extent", ""
    return Round(
        disagreement=np.array([_disagreement(masks[key.case_id]) for key in table.keys]),
        size=table.column("volume_voxels"),
        scores=scores,
        titles=titles,
        questions=questions,
        voxels=_voxels(
            ws, list(table.keys), masks, {c.case_id: r for c, r in zip(dataset.cases, given, strict=True)}
        ),
        seconds=seconds,
    )


def _given(case: CaseFiles, number: int) -> CaseFiles:
    return replace(case, labels=(replace(case.labels[number], reader=""),))


def _masks(ws: Workspace, case_id: str) -> dict[Path, NDArray[np.bool_]]:
    return {
        label.paths[0]: ws.load_label(case_id, label.reader, warn=False).upright().data > 0
        for label in ws.dataset.case(case_id).labels
    }


def _disagreement(masks: dict[Path, NDArray[np.bool_]]) -> float:
    """1 − mean pairwise Dice; two empty masks agree."""
    dice = []
    for a, b in combinations(masks.values(), 2):
        total = int(a.sum()) + int(b.sum())
        dice.append(2.0 * int((a & b).sum()) / total if total else 1.0)
    return 1.0 - float(np.mean(dice))


def _voxels(
    ws: Workspace, keys: list[ItemKey], masks: dict[str, dict[Path, NDArray[np.bool_]]], given: dict[str, CaseFiles]
) -> dict[str, dict[str, float]]:
    """AUROC of every map for voxels that not all readers agree on."""
    counts: dict[tuple[str, str], NDArray[np.int64]] = {}
    for key in keys:
        own = given[key.case_id].labels[0].paths[0]
        every = np.stack(list(masks[key.case_id].values()))
        others = np.stack([mask for path, mask in masks[key.case_id].items() if path != own])
        near = ndimage.distance_transform_edt(~every.any(axis=0)) <= _NEAR
        for name in map_names(ws, key):
            found = read_map(ws, key, name)
            if WHOLE_CASE not in found.class_indices:
                continue
            heat = found.of(WHOLE_CASE)
            for whose, group in (("four readers", every), ("the other three", others)):
                split = group.any(axis=0) & ~group.all(axis=0)
                pair = [np.bincount(heat[near & part], minlength=256) for part in (split, ~split)]
                counts[name, whose] = counts.get((name, whose), 0) + np.stack(pair)
    result: dict[str, dict[str, float]] = {}
    for (name, whose), pair in counts.items():
        result.setdefault(name, {})[whose] = voxel_auroc(*pair)
    return result


def correlations(score: NDArray[np.float64], truth: NDArray[np.float64], size: NDArray[np.float64]) -> list[float]:
    """Spearman's correlation of the cases that have a score: raw, and with size taken out of both sides."""
    known = np.isfinite(score) & np.isfinite(size) & (size > 0)
    if known.sum() < 3:
        return [float("nan"), float("nan")]
    raw = spearmanr(score[known], truth[known]).statistic
    beyond = [size_removed(values[known], size[known]) for values in (score, truth)]
    rest = spearmanr(*beyond).statistic if all(np.ptp(b) > 1e-9 for b in beyond) else float("nan")
    return [float(raw), float(rest)]


def _report(rounds: list[Round], draws: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    n = len(rounds[0].disagreement)
    chosen = rng.integers(0, n, (draws, n))
    rows = []
    for name in rounds[0].scores:
        if not all(name in one.scores for one in rounds):
            continue
        value = np.mean([correlations(r.scores[name], r.disagreement, r.size) for r in rounds], axis=0)
        drawn = [
            np.mean([correlations(r.scores[name][i], r.disagreement[i], r.size[i]) for r in rounds], axis=0)
            for i in chosen
        ]
        ends = np.full((2, 2), np.nan)  # what size explains altogether leaves nothing
        for side in np.flatnonzero(np.isfinite(value)):
            ends[:, side] = np.nanpercentile(np.array(drawn)[:, side], [2.5, 97.5])
        low, high = ends
        measured = float(np.mean([np.isfinite(r.scores[name]).mean() for r in rounds]))
        rows.append(
            {
                "name": name,
                "title": rounds[0].titles[name],
                "question": rounds[0].questions[name],
                "raw": [float(value[0]), float(low[0]), float(high[0])],
                "size_removed": [float(value[1]), float(low[1]), float(high[1])],
                "measured": measured,
            }
        )
    rows.sort(key=lambda row: -row["raw"][0])
    voxels = {
        name: {whose: float(np.mean([r.voxels[name][whose] for r in rounds])) for whose in rounds[0].voxels[name]}
        for name in rounds[0].voxels
    }
    lines = ["| measure | raw [95 %] | size removed [95 %] | measured |", "|---|---|---|---|"]
    for row in rows:
        figures = [_words(row[side]) for side in ("raw", "size_removed")]
        lines.append(f"| {row['title']} | {figures[0]} | {figures[1]} | {row['measured']:.0%} |")
    lines += ["", "| voxel map | four readers | the other three |", "|---|---|---|"]
    lines += [f"| {name} | {v['four readers']:.3f} | {v['the other three']:.3f} |" for name, v in voxels.items()]
    lines.append(f"\nscoring took {[round(one.seconds) for one in rounds]} s")
    return {"rows": rows, "voxels": voxels, "markdown": "\n".join(lines)}


def _words(figure: list[float]) -> str:
    return "{:+.2f} [{:+.2f}, {:+.2f}]".format(*figure) if np.isfinite(figure[0]) else "–"


if __name__ == "__main__":
    main()
