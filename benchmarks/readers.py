"""Do the measures of several readers find the one label that is wrong? LIDC nodules with four readers each.

    python benchmarks/readers.py                       # all nodules, seeds 0 to 4; minutes, no model is asked
    python benchmarks/readers.py --cases 40 --seeds 0

In a quarter of the cases the mask of one reader who drew the nodule, drawn by lot, is spoilt: eroded or dilated by
1 or 2 voxels, shifted by 2 or 4, or emptied. All four masks are then measured as the scoring door does. AUROC of
the spoilt labels among all labels (800 where there are 200 cases), and of the cases with one among all cases,
measure by measure; a value that could not be measured comes last, as in the queue. The readers' own disagreement
stays in, so that a label which one reader left empty counts as right unless it was emptied here. *First of its
case*: how often the spoilt label stands out most among the four of its case; chance is a quarter, ties are shared.
Intervals are 95 %, from drawing nodules again, the same in all seeds. Nothing was chosen on these figures.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "2")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy import ndimage  # noqa: E402

from napari_aleatoric.io import read_label_map, scan  # noqa: E402
from napari_aleatoric.model import WHOLE_CASE  # noqa: E402
from napari_aleatoric.uncertainty import MEASURES, READER_MEASURES, auroc, score_readers  # noqa: E402

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"
LIDC = Path(os.environ.get("ALEATORIC_TEST_DATA", _DEFAULT)) / "lidc_4rater"
KINDS = ("eroded 1", "eroded 2", "dilated 1", "dilated 2", "shifted 2", "shifted 4", "emptied")
_SHARE = 0.25
_MARGIN = 8  # voxels round what anybody drew: more than anything is moved
_COUNTS = ("n_readers", "n_drew")

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Spoilt:
    """What was done to a case: which reader's row (−1: nothing), and how."""

    row: int = -1
    kind: str = ""


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    began = time.monotonic()
    cases = _read(arguments.data, arguments.cases)
    print(f"{len(cases)} nodules read in {time.monotonic() - began:.0f} s", flush=True)
    rounds = []
    for seed in arguments.seeds:
        began = time.monotonic()
        rounds.append(one_round(cases, seed))
        print(f"seed {seed}: {time.monotonic() - began:.0f} s", flush=True)
    report = summary(rounds, arguments.draws)
    print(f"\n{len(cases)} nodules, seeds {arguments.seeds}\n\n{report['markdown']}")
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "readers.json").write_text(json.dumps(report, indent=1))


def spoil(mask: BoolArray, kind: str, rng: np.random.Generator) -> BoolArray:
    """Return a spoilt copy of a mask (Z, Y, X); one that erosion would empty is eroded less."""
    what, _, amount = kind.partition(" ")
    if what == "emptied":
        return np.zeros_like(mask)
    n = int(amount)
    if what == "shifted":
        angle = rng.uniform(0, 2 * np.pi)
        return np.roll(mask, (round(n * np.sin(angle)), round(n * np.cos(angle))), axis=(1, 2))
    if what == "dilated":
        return np.asarray(ndimage.binary_dilation(mask, iterations=n))
    for times in range(n, 0, -1):
        smaller = np.asarray(ndimage.binary_erosion(mask, iterations=times))
        if smaller.any():
            return smaller
    return mask


def one_round(cases: Sequence[BoolArray], seed: int) -> tuple[list[Spoilt], list[list[Mapping[str, float]]]]:
    """Spoil and measure; returns what was done to every case, and its readers' measures of the whole case."""
    rng = np.random.default_rng(seed)
    chosen = set(rng.permutation(len(cases))[: round(_SHARE * len(cases))].tolist())
    done, found = [], []
    for i, masks in enumerate(cases):
        spoilt, labels = Spoilt(), masks.astype(np.uint8)
        if i in chosen:
            row = int(rng.choice(np.flatnonzero(masks.any(axis=(1, 2, 3)))))
            spoilt = Spoilt(row, str(rng.choice(KINDS)))
            labels[row] = spoil(masks[row], spoilt.kind, rng)
        scores = score_readers(labels, maps=False)
        done.append(spoilt)
        found.append(
            [
                {v.measure: v.value for v in (*scores.values, *own) if v.class_index == WHOLE_CASE}
                for own in scores.values_by_row
            ]
        )
    return done, found


def summary(
    rounds: Sequence[tuple[list[Spoilt], list[list[Mapping[str, float]]]]], draws: int = 200
) -> dict[str, Any]:
    """Return figures and a table of all rounds together."""
    n_cases = len(rounds[0][0])
    rng = np.random.default_rng(0)
    times = [rng.integers(0, n_cases, n_cases) for _ in range(draws)]
    rows = {}
    for name in READER_MEASURES:
        values = [_values(found, name) for _, found in rounds]
        if name in _COUNTS or not any(np.isfinite(v).any() for v in values):
            continue
        of_case = all(bool(np.all(v == v[:, :1])) for v in values)
        rows[name] = _figures([done for done, _ in rounds], values, of_case, times)
    return {"rows": rows, "markdown": _table(rows), "n_cases": n_cases, "rounds": len(rounds)}


def _values(found: Sequence[Sequence[Mapping[str, float]]], name: str) -> FloatArray:
    """Shape (cases, readers), high = worse; −inf where it was not measured."""
    sign = MEASURES[name].sign
    return np.array([[sign * own[name] if name in own else -np.inf for own in case] for case in found])


def _figures(
    done: Sequence[Sequence[Spoilt]],
    values: Sequence[FloatArray],
    of_case: bool,
    times: Sequence[NDArray[np.int64]],
) -> dict[str, Any]:
    wrong = [_wrong(d, v.shape) for d, v in zip(done, values, strict=True)]
    if of_case:
        values, wrong = [v[:, :1] for v in values], [w.any(axis=1, keepdims=True) for w in wrong]

    def mean(which: NDArray[np.int64] | None = None) -> float:
        picked = slice(None) if which is None else which
        return float(
            np.mean([auroc(v[picked].ravel(), w[picked].ravel()) for v, w in zip(values, wrong, strict=True)])
        )

    drawn = [mean(which) for which in times]
    kinds = {}
    for kind in KINDS:
        rest = [np.array([s.kind in ("", kind) for s in d]) for d in done]
        each = [auroc(v[r].ravel(), w[r].ravel()) for v, w, r in zip(values, wrong, rest, strict=True)]
        known = [value for value in each if np.isfinite(value)]
        kinds[kind] = float(np.mean(known)) if known else float("nan")
    return {
        "of_case": of_case,
        "auroc": mean(),
        "interval": [float(np.percentile(drawn, q)) for q in (2.5, 97.5)],
        "first": None if of_case else float(np.mean(_firsts(done, values))),
        "by_kind": kinds,
    }


def _wrong(done: Sequence[Spoilt], shape: tuple[int, ...]) -> BoolArray:
    wrong = np.zeros(shape, dtype=bool)
    for i, spoilt in enumerate(done):
        if spoilt.row >= 0:
            wrong[i, spoilt.row] = True
    return wrong


def _firsts(done: Sequence[Sequence[Spoilt]], values: Sequence[FloatArray]) -> list[float]:
    """How far each spoilt label is the worst of its case: 1, or its share of a tie."""
    return [
        float(own[s.row] == own.max()) / int((own == own.max()).sum())
        for d, v in zip(done, values, strict=True)
        for s, own in zip(d, v, strict=True)
        if s.row >= 0
    ]


def _table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        f"| measure | of | AUROC | first of its case | {' | '.join(KINDS)} |",
        "|---|---|---|---|" + "---|" * len(KINDS),
    ]
    for name, row in sorted(rows.items(), key=lambda item: (item[1]["of_case"], -item[1]["auroc"])):
        low, high = row["interval"]
        first = "" if row["first"] is None else f"{row['first']:.2f}"
        kinds = " | ".join(f"{row['by_kind'][kind]:.2f}" for kind in KINDS)
        what = "case" if row["of_case"] else "label"
        lines.append(f"| `{name}` | {what} | {row['auroc']:.3f} [{low:.3f}, {high:.3f}] | {first} | {kinds} |")
    return "\n".join(lines)


def _read(folder: Path, limit: int) -> list[BoolArray]:
    """Masks of every case, shape (R, Z, Y, X), cut to what anybody drew and a margin; along z as they are."""
    found = []
    for case in scan(folder).cases[: limit or None]:
        masks = np.stack([read_label_map(label.paths[0]).upright().data > 0 for label in case.labels])
        box: list[slice] = [slice(None), slice(None)]
        for axis in (2, 3):
            where = np.flatnonzero(masks.any(axis=tuple(a for a in range(4) if a != axis)))
            box.append(slice(max(0, int(where[0]) - _MARGIN), int(where[-1]) + 1 + _MARGIN))
        found.append(masks[tuple(box)])
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=LIDC)
    parser.add_argument("--cases", type=int, default=0, help="so many only; 0 = all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--draws", type=int, default=200, help="of the bootstrap")
    parser.add_argument("--out", type=Path, help="folder for the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
