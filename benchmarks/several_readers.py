"""How to learn from several readers' labels? LIDC nodules with four readers each, UMA-Net against its baselines.

    python benchmarks/several_readers.py --keep work                  # all arms, seeds 0 1 2, clean and corrupted
    python benchmarks/several_readers.py --keep work --part validation --seeds 0   # to choose settings on
    python benchmarks/several_readers.py --keep work --arms uma vote --seeds 0

Every nodule is of another patient. One half of the nodules is held out; of the other half, from which all networks
learn, a quarter is the validation part on which settings were chosen. Every arm trains the same small U-Net from
the same first weights by `train_model`, with as many steps of as many patches (8 of 48 × 48 in one slice, in the
middle of the crop, where the nodule lies), so with an equal budget of gradients of the network:

random, each        one reader drawn for every patch; all in every patch, each counting alike
vote, staple        one label made of all
one                 reader 1 only: whoever is listed first, another person from nodule to nodule
uma                 UMA-Net with our formulas
uma_even            without weights: all readers count alike everywhere
uma_departure       readers weighed by their departure from each other, which needs no training
uma_voxel           a weight for each voxel of each reader, not one for each reader of a patch
uma_routed          with quality: the lower half of the patches goes to the second predictor
uma_left_out        the lower half is not learned from

Corrupted: in the training part only, reader 1's masks are spoilt, a third by each kind, which the seed draws: left
empty; grown by 4 voxels in the slices; moved within the slices by 1.5 times the nodule's diameter (at least 8
voxels) in a random direction. Held-out labels are never touched.

Figures, over the held-out nodules, the readers' empty masks being answers: Dice of p > 0.5 and the vote (both
empty: 1); generalised energy distance 2·E d(S, Y) − E d(S, S') − E d(Y, Y') with d = 1 − IoU (both empty: 0), Y the
four readers and S the 16 sets p > (k + ½)/16, for every arm alike; Spearman's rank correlation of the network's
uncertainty (mean 1 − Dice of those sets' pairs) and 1 − mean pairwise Dice of the readers, raw and with what the
size of the vote explains taken out of both. Means over seeds; intervals: nodules drawn again with replacement.

With --keep, what is done already is read from there, and a stopped training goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from readers_report import case_figures, table  # noqa: E402
from scipy import ndimage  # noqa: E402

from napari_aleatoric.foundation import Box  # noqa: E402
from napari_aleatoric.io import Workspace, scan, write_whole  # noqa: E402
from napari_aleatoric.training import (  # noqa: E402
    CaseGrid,
    CaseShelf,
    ModelPlan,
    NetCase,
    TrainingSet,
    TrainSpec,
    UmaSpec,
    learned_labels,
    model_case,
    plan_model,
    train_model,
)

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"
LIDC = Path(os.environ.get("ALEATORIC_TEST_DATA", _DEFAULT)) / "lidc_4rater"
ARMS: dict[str, dict[str, Any]] = {
    "random": {"readers": "random"},
    "each": {"readers": "each"},
    "vote": {"readers": "vote"},
    "staple": {"readers": "staple"},
    "one": {"readers": "random"},
    "uma": {"readers": "uma"},
    "uma_even": {"readers": "uma", "uma": {"weigh": False}},
    "uma_departure": {"readers": "uma", "uma": {"maps": "departure"}},
    "uma_voxel": {"readers": "uma", "uma": {"apart": "voxel"}},
    "uma_routed": {"readers": "uma", "uma": {"route": True}},
    "uma_left_out": {"readers": "uma", "uma": {"route": True, "auxiliary": False}},
}
CONDITIONS = ("clean", "corrupted")
_SIDE = 48
_SPOILT = 0  # row of the reader whose masks are spoilt
_TRAIN = TrainSpec(
    network="unet",
    dimensions="2d",
    width=8,
    patch_zyx=(1, _SIDE, _SIDE),
    batch=8,
    iterations=250,
    learning_rate=0.005,
    uma=UmaSpec(width=4),
    device="cpu",
)


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    keep = arguments.keep.resolve()
    plan = plan_model([CaseGrid((8, _SIDE, _SIDE), (1.0, 1.0, 1.0))], 1, ["nodule"], _TRAIN)
    cases = prepared(arguments.data, keep, plan)
    learned, judged = split(sorted(cases), arguments.part)
    print(f"{len(learned)} nodules to learn from, {len(judged)} to judge by ({arguments.part})", flush=True)
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for seed in arguments.seeds:
        for condition in arguments.conditions:
            for arm in arguments.arms:
                tag = arguments.tag if arm.startswith("uma") else ""
                folder = keep / arguments.part / condition / f"{arm}{tag}-{seed}"
                rows = one_arm(cases, learned, judged, plan, folder, arm, condition, seed, _changes(arguments))
                found.setdefault(condition, {}).setdefault(arm, []).append(rows)
    text = table(found, arguments.draws)
    write_whole(keep / f"table-{arguments.part}{arguments.tag}.md", text.encode())
    print(text, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=LIDC, help="data set with four readers a case")
    parser.add_argument("--keep", type=Path, required=True, help="folder for everything; what is there is used")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--part", choices=("held_out", "validation"), default="held_out", help="judged on")
    parser.add_argument("--iterations", type=int, default=_TRAIN.iterations, help="steps of the optimiser")
    parser.add_argument("--uma", type=json.loads, default={}, help="other settings of UMA-Net, as JSON")
    parser.add_argument("--tag", default="", help="name of the settings of UMA-Net, kept apart from others")
    parser.add_argument("--draws", type=int, default=1000, help="of the bootstrap")
    return parser.parse_args()


def _changes(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"iterations": arguments.iterations, "uma": arguments.uma}


def prepared(data: Path, keep: Path, plan: ModelPlan) -> dict[str, NetCase]:
    """Read every nodule with its readers' masks, the middle of its crop, on its own grid; kept."""
    shelf = CaseShelf(keep / "cases")
    dataset = scan(data)
    if not all(shelf.has(case.case_id) for case in dataset.cases):
        ws = Workspace.open(keep / "ws") if Workspace.is_workspace(keep / "ws") else None
        ws = ws or Workspace.create(keep / "ws", dataset)
        for case in dataset.cases:
            volume = ws.load_image(case.case_id).upright()
            readers = sorted(label.reader for label in case.labels)
            maps = [ws.load_label(case.case_id, reader).upright().data > 0 for reader in readers]
            depth, height, width = volume.geometry.shape_zyx
            first = ((height - _SIDE) // 2, (width - _SIDE) // 2)
            box = Box((0, *first), (depth, first[0] + _SIDE, first[1] + _SIDE))
            shelf.put(case.case_id, model_case(volume, np.stack(maps).astype(np.uint16), box, plan))
    return {case.case_id: shelf.get(case.case_id) for case in dataset.cases}


def split(case_ids: Sequence[str], part: str) -> tuple[list[str], list[str]]:
    """Half is held out; of the others a quarter is the validation part. Always the same."""
    order = np.random.default_rng(7).permutation(list(case_ids)).tolist()
    half = len(order) // 2
    held, free = order[:half], order[half:]
    quarter = len(free) // 4
    return (free, held) if part == "held_out" else (free[quarter:], free[:quarter])


def corrupted(labels: NDArray[np.uint16], kind: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Spoil one reader's mask; (R, Z, Y, X)."""
    out = np.array(labels)
    mask = out[_SPOILT] > 0
    if kind == 0 or not mask.any():
        mask = np.zeros_like(mask)
    elif kind == 1:
        disc = np.hypot(*np.indices((9, 9)) - 4) <= 4
        mask = ndimage.binary_dilation(mask, disc[np.newaxis])
    else:
        diameter = 2 * np.sqrt(mask.sum(axis=(1, 2)).max() / np.pi)
        angle, far = rng.uniform(0, 2 * np.pi), max(8.0, 1.5 * diameter)
        mask = ndimage.shift(mask, (0, far * np.sin(angle), far * np.cos(angle)), order=0, prefilter=False)
    out[_SPOILT] = mask
    return out


def one_arm(
    cases: dict[str, NetCase],
    learned: Sequence[str],
    judged: Sequence[str],
    plan: ModelPlan,
    folder: Path,
    arm: str,
    condition: str,
    seed: int,
    changes: dict[str, Any],
) -> dict[str, Any]:
    """Train an arm and judge it, or read what came of it with the same settings."""
    settings = {**ARMS[arm], "seed": seed, "iterations": changes["iterations"]}
    if settings["readers"] == "uma":
        settings["uma"] = _TRAIN.uma.model_copy(update={**settings.get("uma", {}), **changes["uma"]})
    spec = _TRAIN.model_copy(update=settings)
    file = folder / "figures.json"
    if file.exists():
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if found["spec"] == spec.changed():
            return found
    begun = time.monotonic()
    shelf, rng = CaseShelf(folder / "cases"), np.random.default_rng([seed, 1])
    kinds = rng.permutation(np.arange(len(learned)) % 3)
    for name, kind in zip(learned, kinds, strict=True):
        case = cases[name]
        own = np.random.default_rng([seed, int(kind), len(name), *name.encode()])
        labels = corrupted(case.labels, int(kind), own) if condition == "corrupted" else case.labels
        labels = labels[_SPOILT : _SPOILT + 1] if arm == "one" else learned_labels(labels, spec.readers)
        shelf.put(name, NetCase(case.image, np.asarray(labels, dtype=np.uint16)))
    model = train_model(plan, shelf, TrainingSet(tuple(learned)), spec, folder / "model")
    rows = {}
    for name in judged:
        case = cases[name]
        p = model.predict(case, case.image.shape[1:]).probabilities[1].astype(np.float32)
        rows[name] = case_figures(p, np.asarray(case.labels) > 0)
    seconds = time.monotonic() - begun
    result = {"spec": spec.changed(), "seconds": seconds, "cases": rows}
    shelf.keep_only(())
    write_whole(file, json.dumps(result).encode())
    means = {name: np.nanmean([row[name] for row in rows.values()]) for name in ("dice", "ged")}
    words = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
    print(f"  {condition}, {folder.name}: {words} after {seconds:.0f} s", flush=True)
    return result


if __name__ == "__main__":
    main()
