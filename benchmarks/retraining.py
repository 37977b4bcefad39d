"""What helps a network that is trained on wrong labels: filters, weights, losses, or putting labels right.

    python benchmarks/retraining.py --keep work                   # hippocampus, seeds 0 1 2, 20 % and 40 % errors
    python benchmarks/retraining.py --keep work --arms plain oracle relabel_20 --fractions 0.2 --cases 60
    python benchmarks/retraining.py --keep work --samples         # synthetic abdomens

Every second case is held out and keeps its own label. Of the others, a fifth (or two fifths) get an error of a
known kind; kinds and severities take turns. They are scored by the program's default judge, which learns from the
planted labels, too. Then every arm trains a network from scratch, by the very door that ``aleatoric train`` opens,
with the same budget of gradients, and is judged on the held-out cases:

plain               Dice and cross-entropy on all labels, wrong ones among them
filter_risk         without the worst labels by label risk: as many as there are errors
filter_auv          without the worst labels by the AUV, as many
voxel_risk          every voxel counts 1 minus its label risk
duo, duo_denoise    the DUO loss; with its label denoising
umedsam, umedsam_sharp   U-MedSAM's loss; with sharpness-aware steps, half as many of them
sharp               Dice and cross-entropy with sharpness-aware steps, half as many of them
oracle              the wrong labels left out
relabel_20          the first 20 % of the queue put right, in the order of the label risk
clean               all wrong labels put right: what there is to win at most

The unit of all intervals is the held-out case, its Dice averaged over the seeds. "Recovered" is the part of the
oracle's gain over plain that an arm reaches.

With --keep, what is done already is read from there, and a stopped run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "2")

import numpy as np  # noqa: E402

from napari_aleatoric.io import Workspace, scan, write_label_map, write_whole  # noqa: E402
from napari_aleatoric.model import Decision, ItemKey, SilentReporter, Verdict  # noqa: E402
from napari_aleatoric.review import (  # noqa: E402
    FilterSpec,
    RetrainSpec,
    ReviewStore,
    build_queue,
    preview_retraining,
    retrain,
    score_workspace,
)
from napari_aleatoric.review._calibration._planted_errors import plant_one, turn_of  # noqa: E402
from napari_aleatoric.samples import ErrorKind, SampleSpec, Severity, write_samples  # noqa: E402
from napari_aleatoric.training import LossSpec, TrainSpec  # noqa: E402
from napari_aleatoric.uncertainty import ScoreSpec  # noqa: E402

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"
HIPPOCAMPUS = Path(os.environ.get("ALEATORIC_TEST_DATA", _DEFAULT)) / "msd_hippocampus"
LOSSES = {
    "duo": LossSpec(kind="duo"),
    "duo_denoise": LossSpec(kind="duo", denoise=True),
    "umedsam": LossSpec(kind="umedsam"),
    "umedsam_sharp": LossSpec(kind="umedsam", sharpness_aware=True),
    "sharp": LossSpec(sharpness_aware=True),
}
ARMS = ("plain", "filter_risk", "filter_auv", "voxel_risk", *LOSSES, "oracle", "relabel_20", "clean")
SCORED = {"filter_risk", "filter_auv", "voxel_risk", "relabel_20"}
"""Arms that ask the scores; without them none are made."""


class Terminal(SilentReporter):
    """Says twice a minute where it is."""

    def __init__(self, words: str) -> None:
        self._words, self._last = words, time.monotonic()

    def step(self, done: float, total: float, message: str = "") -> None:
        """Say it."""
        if time.monotonic() - self._last > 30:
            self._last = time.monotonic()
            print(f"    {self._words}: {done / total:.0%} {message}", flush=True)


@dataclass(frozen=True, eq=False)
class Trial:
    """One seed at one rate of errors: the workspaces that differ in their labels only."""

    clean: Workspace
    folder: Path
    seed: int
    fraction: float
    held_out: float
    judge: str
    severities: tuple[Severity, ...]

    @property
    def base(self) -> RetrainSpec:
        """Split and judging, the same for every arm."""
        return RetrainSpec(held_out=self.held_out, split_seed=0)

    def free_cases(self) -> list[str]:
        """Ids of the cases that are not held out."""
        split = preview_retraining(self.clean, self.base)
        return sorted(case.case_id for case in (*split.learn, *split.validation))

    def plant(self) -> dict[str, Path]:
        """Plant the errors; the wrong label's file by case."""
        note = self.folder / "planted.json"
        if note.exists():
            return {case: self.folder / name for case, name in json.loads(note.read_text("utf-8")).items()}
        cases = np.random.default_rng([self.seed, 2**30]).permutation(self.free_cases()).tolist()
        wanted, found = round(self.fraction * len(cases)), {}
        for number, case_id in enumerate(cases):
            if len(found) == wanted:
                break
            kinds, severity = turn_of(self.seed * wanted + len(found), tuple(ErrorKind), self.severities)
            rng = np.random.default_rng([self.seed, number])
            planted = plant_one(self.clean.load_label(case_id), self.clean.dataset.classes, kinds, severity, rng)
            if planted is not None:
                found[case_id] = f"wrong-{number}.nrrd"
                write_label_map(self.folder / found[case_id], planted.label)
        write_whole(note, json.dumps(found).encode())
        return {case: self.folder / name for case, name in found.items()}

    def workspace(self, name: str, wrong: Mapping[str, Path]) -> Workspace:
        """Return the workspace in which these labels are wrong."""
        root = self.folder / name
        if Workspace.is_workspace(root):
            return Workspace.open(root)
        cases = tuple(
            replace(case, labels=(replace(case.labels[0], paths=(wrong[case.case_id],)),))
            if case.case_id in wrong
            else case
            for case in self.clean.dataset.cases
        )
        return Workspace.create(root, replace(self.clean.dataset, cases=cases, problems=()))


def trained(ws: Workspace, spec: RetrainSpec, file: Path, words: str) -> dict[str, float]:
    """Train and judge, or read what came of it; mean Dice of every held-out case."""
    if not file.exists():
        begun = time.monotonic()
        outcome = retrain(ws, spec, Terminal(words))
        dice: dict[str, list[float]] = {}
        for row in outcome.judgement.rows:
            if row.model == "after":
                dice.setdefault(row.case_id, []).append(row.dice)
        found = {case: float(np.mean(values)) for case, values in dice.items()}
        seconds = time.monotonic() - begun
        write_whole(file, json.dumps({"dice": found, "seconds": seconds, "learned": outcome.selection}).encode())
        print(f"  {words}: {np.mean(list(found.values())):.4f} after {seconds:.0f} s", flush=True)
    return {case: float(value) for case, value in json.loads(file.read_text("utf-8"))["dice"].items()}


def worst_first(ws: Workspace, among: Collection[str]) -> list[str]:
    """Cases in the order of the queue by label risk."""
    with ReviewStore.open(ws.store_url) as store:
        queue = build_queue(store, ws.dataset.classes, strategy="label_risk")
    return [key.case_id for key in map(queue.key, range(len(queue))) if key.case_id in among]


def reject(ws: Workspace, cases: Collection[str]) -> None:
    """Take labels out of what is learned from, as a reader would."""
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        states = store.states()
        for key in ws.dataset.items:
            if key.case_id in cases and states[ItemKey(*key)].verdict is not Verdict.REJECTED:
                store.decide(
                    Decision(
                        case_id=key.case_id,
                        label_reader=key.label_reader,
                        verdict=Verdict.REJECTED,
                        reader="oracle",
                    )
                )


def run(trial: Trial, arms: Collection[str], train: TrainSpec) -> dict[str, dict[str, float]]:
    """Train all arms of a trial; Dice by arm and held-out case."""
    trial.folder.mkdir(parents=True, exist_ok=True)
    wrong = trial.plant()
    noisy = trial.workspace("noisy", wrong)
    words = f"{trial.fraction:.0%} errors, seed {trial.seed}"
    scored = trial.folder / "scored"
    if SCORED & set(arms) and not scored.exists():
        score_workspace(noisy, ScoreSpec(seed=trial.seed, judge=trial.judge), Terminal(f"{words}, scoring"))
        scored.touch()
    base = trial.base.model_copy(update={"train": train.model_copy(update={"seed": trial.seed})})
    kept = (0.0, 100 * (1 - trial.fraction))

    def with_loss(loss: LossSpec) -> RetrainSpec:
        half = train.iterations // 2 if loss.sharpness_aware else train.iterations
        return base.model_copy(update={"train": base.train.model_copy(update={"loss": loss, "iterations": half})})

    specs = {
        "filter_risk": base.model_copy(update={"filter": FilterSpec(measure="label_risk", percentiles=kept)}),
        "filter_auv": base.model_copy(update={"filter": FilterSpec(measure="auv", percentiles=kept)}),
        "voxel_risk": base.model_copy(update={"voxel_weights": True}),
        **{name: with_loss(loss) for name, loss in LOSSES.items()},
    }
    found = {}
    for arm in arms:
        ws = noisy
        if arm == "oracle":
            ws = trial.workspace("oracle", wrong)
            reject(ws, wrong)
        elif arm == "clean":
            ws = trial.workspace("clean", {})
        elif arm == "relabel_20":
            free = trial.free_cases()
            seen = worst_first(noisy, free)[: round(0.2 * len(free))]
            ws = trial.workspace("relabelled", {case: path for case, path in wrong.items() if case not in seen})
        found[arm] = trained(ws, specs.get(arm, base), trial.folder / f"{arm}.json", f"{words}, {arm}")
    return found


def table(trials: Mapping[float, list[dict[str, dict[str, float]]]], draws: int = 2000) -> str:
    """Mean Dice of every arm with its interval, its gain over plain, and how much of the oracle's gain that is."""
    lines = []
    for fraction, outcomes in trials.items():
        arms = list(outcomes[0])
        cases = sorted(outcomes[0][arms[0]])
        dice = {
            arm: np.mean([[outcome[arm][case] for case in cases] for outcome in outcomes], axis=0) for arm in arms
        }
        take = np.random.default_rng(0).integers(0, len(cases), (draws, len(cases)))

        def interval(values: np.ndarray, take: np.ndarray = take) -> str:
            low, high = np.percentile(values[take].mean(axis=1), (2.5, 97.5))
            return f"{values.mean():+.4f} [{low:+.4f}, {high:+.4f}]"

        seeds = f"{len(outcomes)} seed{'s' if len(outcomes) > 1 else ''}"
        lines += [f"\n{fraction:.0%} of the labels wrong, {len(cases)} held-out cases, {seeds}\n"]
        lines += ["| arm | Dice | minus plain | recovered |", "|---|---|---|---|"]
        for arm in arms:
            gain = dice[arm] - dice["plain"] if "plain" in dice else np.full(len(cases), np.nan)
            part = "" if "oracle" not in dice else f"{gain.mean() / (dice['oracle'] - dice['plain']).mean():.0%}"
            lines.append(f"| {arm} | {interval(dice[arm]).lstrip('+')} | {interval(gain)} | {part} |")
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HIPPOCAMPUS, help="data set with one good label per case")
    parser.add_argument("--samples", action="store_true", help="use synthetic abdomens instead")
    parser.add_argument("--cases", type=int, default=0, help="only the first so many (samples: how many to draw)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.2, 0.4], help="wrong labels")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--judge", default="auto", help="that scores the labels: auto, network or light")
    parser.add_argument(
        "--severities", nargs="+", choices=[s.value for s in Severity], default=["mild", "severe"], help="of errors"
    )
    parser.add_argument("--held-out", type=float, default=0.5, help="part of the cases that is held out")
    parser.add_argument("--iterations", type=int, default=0, help="steps of the optimiser; 0: the preset's")
    parser.add_argument("--preset", default="quick", help="of the training")
    parser.add_argument("--keep", type=Path, required=True, help="folder for everything; what is there is used")
    arguments = parser.parse_args()
    keep = arguments.keep.resolve()
    if Workspace.is_workspace(keep / "clean"):
        clean = Workspace.open(keep / "clean")
    else:
        data = arguments.data
        if arguments.samples:
            data = keep / "samples"
            write_samples(data, SampleSpec(n_cases=arguments.cases or 24, error_fraction=0.0))
        dataset = scan(data)
        if arguments.cases:
            dataset = replace(dataset, cases=dataset.cases[: arguments.cases])
        clean = Workspace.create(keep / "clean", dataset)
    changes = {"iterations": arguments.iterations} if arguments.iterations else {}
    train = TrainSpec.of_preset(arguments.preset, **changes)
    outcomes: dict[float, list[dict[str, dict[str, float]]]] = {}
    for fraction in arguments.fractions:
        for seed in arguments.seeds:
            folder = keep / f"{fraction:g}-{seed}"
            severities = tuple(map(Severity, arguments.severities))
            trial = Trial(clean, folder, seed, fraction, arguments.held_out, arguments.judge, severities)
            outcomes.setdefault(fraction, []).append(run(trial, arguments.arms, train))
    text = table(outcomes)
    write_whole(keep / "table.md", text.encode())
    print(text)


if __name__ == "__main__":
    main()
