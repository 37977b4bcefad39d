"""Train the small text-image network that is shipped with the project.

    python tools/train_small_clip.py data  --data FOLDER --run RUN       # slices and labels of all sources, once
    python tools/train_small_clip.py views --run RUN --shards 12         # what the frozen layers answer, once
    python tools/train_small_clip.py train --run RUN --minutes 60        # goes on where it stopped
    python tools/train_small_clip.py evaluate --run RUN --data FOLDER    # the tables of the model card
    python tools/train_small_clip.py export --run RUN --to FOLDER

Sources and what is held out: ``_sources.py``; the lower layers are the small segmenter's and stay so:
``_clip_start.py``; what is learnt from: ``_clip_loss.py``.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _clip_batches import Batches, draw_views, shards_of
from _clip_loss import Judge, losses
from _clip_start import start_from_segmenter
from _clip_views import LabelledSlice, bare_name
from _clip_words import corpus, describe, write_words
from _sources import SOURCES, LabelledCase, labelled_cases, validation_cases
from skimage.transform import downscale_local_mean
from torch import Tensor

from napari_aleatoric.foundation._text_image_files import WEIGHTS_NAME, TextImageFiles
from napari_aleatoric.foundation._torch._text_image import OpenClipModel
from napari_aleatoric.foundation._torch._text_image_net import build_network, build_tokenizer
from napari_aleatoric.segmentation._stack import SliceStack

_MANY = ("hippocampus", "nodules")
ADVICE = "advice.json"
MIN_PIXELS = 12
LARGEST = 320  # pixels of a kept slice; larger ones are halved


def collect(args: argparse.Namespace) -> None:
    """Cut all cases into slices once, and write the words."""
    args.run.mkdir(parents=True, exist_ok=True)
    names: set[str] = set()
    for source in SOURCES:
        found: dict[str, list[LabelledSlice]] = {"train": [], "test": []}
        most = args.cases if source in _MANY else None
        for case in labelled_cases(args.data, most, (source,)):
            names |= set() if case.held_out else set(case.names.values())
            split = "test" if case.held_out else "train"
            planes = ("axial", "coronal", "sagittal") if case.all_planes and split == "train" else ("axial",)
            for plane in planes:
                found[split] += slices_of(case, plane)
        for split, slices in found.items():
            torch.save([vars(s) for s in slices], args.run / f"{split}-{source}.pt")
            print(source, split, len(slices), flush=True)
    print(write_words(args.run / "words", corpus(sorted(names))), "words", flush=True)


def slices_of(case: LabelledCase, plane: Any) -> list[LabelledSlice]:
    """Return the slices of a case that show something labelled, as they are shown in the program."""
    stack = SliceStack.of(case.volume, plane)
    middle, found = stack.middle_lps_x(), []
    width = 2 * abs(float(np.abs(stack.lps_x(0) - middle).max())) * 0.9
    for number in range(len(stack)):
        label = stack.take(number, case.label).astype(np.uint8)
        if np.count_nonzero(label) < MIN_PIXELS:
            continue
        image, lps = stack.image(number), stack.lps_x(number)
        step = -(-max(image.shape) // LARGEST)
        if step > 1:
            image = downscale_local_mean(image, (step, step)).astype(np.uint8)
            label, lps = label[::step, ::step], lps[::step, ::step]
        across = (float(lps[0, 0]), float(lps[0, 1] - lps[0, 0]), float(lps[1, 0] - lps[0, 0]))
        found.append(
            LabelledSlice(
                image,
                label,
                case.names,
                case.source,
                case.case_id,
                case.volume.modality,
                stack.axis,
                across if case.knows_sides else (),
                middle,
                width,
            )
        )
    return found


def load(run: Path, split: str) -> list[LabelledSlice]:
    """Read what `collect` wrote so far; files of this script's own making."""
    files = [run / f"{split}-{source}.pt" for source in SOURCES]
    rows = [torch.load(file, weights_only=False) for file in files if file.exists()]
    return [LabelledSlice(**row) for some in rows for row in some]


def structure_names(run: Path) -> tuple[str, ...]:
    """Return what is labelled in the training's slices, by the library's words, without sides."""
    return tuple(sorted({bare_name(name) for item in load(run, "train") for name in item.names.values()}))


def views(args: argparse.Namespace) -> None:
    """Draw views and keep what the frozen layers answer, so that they need not be run again and again."""
    torch.set_num_threads(args.threads)
    network, _, _ = make(args.run)
    draw_views(network.visual.eval(), load(args.run, "train"), args.run, args.shards, args.strength)


def make(run: Path, state: dict[str, Tensor] | None = None) -> tuple[Any, Any, TextImageFiles]:
    """Make network and tokenizer as the program will."""
    text = {path.name: path.read_bytes() for path in sorted((run / "words").iterdir())}
    n_words = len(json.loads(text["tokenizer.json"])["model"]["vocab"])
    files = TextImageFiles("clip-small", describe(n_words), run / "state.pt", text)
    torch.manual_seed(0)
    network = build_network(files)
    start_from_segmenter(network.visual)
    if state is not None:
        network.load_state_dict(state)
    return network, build_tokenizer(files), files


def train(args: argparse.Namespace) -> None:
    """Train for some minutes, or up to a number of steps; the state is kept every minute."""
    torch.set_num_threads(args.threads)
    network, words, _ = make(args.run)
    names = structure_names(args.run)
    network, judge = network.train(), Judge(len(names), int(describe(0)["model_cfg"]["embed_dim"]))
    begun_before = {id(p) for p in network.visual.transformer.parameters()}
    learnt = [p for p in (*network.parameters(), *judge.parameters()) if p.requires_grad]
    groups = [
        {"params": some, "weight_decay": 0.05 * heavy, "slower": 0.5 if known else 1.0}
        for heavy in (True, False)
        for known in (True, False)
        if (some := [p for p in learnt if (p.ndim > 1) == heavy and (id(p) in begun_before) == known])
    ]
    optimiser = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98))
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    state_file, number, spent_s = args.run / "state.pt", 0, 0.0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        network.load_state_dict(state["network"])
        judge.load_state_dict(state["judge"])
        optimiser.load_state_dict(state["optimiser"])
        average, number, spent_s = state["average"], state["step"], state["seconds"]
    batches = Batches(shards_of(args.run), names, words, args.batch)
    begun = kept = time.monotonic()
    first, budget_s, recent = number, 60.0 * args.minutes, []

    def keep() -> None:
        seconds = spent_s + time.monotonic() - begun
        values = {"network": network.state_dict(), "judge": judge.state_dict(), "average": average}
        values |= {"optimiser": optimiser.state_dict(), "step": number, "seconds": seconds}
        torch.save(values, state_file.with_suffix(".new"))
        state_file.with_suffix(".new").replace(state_file)

    while (elapsed := time.monotonic() - begun) < budget_s and number < (args.steps or 10**9):
        if args.at_most and number - first >= args.at_most:
            break
        done = number / args.steps if args.steps else elapsed / budget_s
        cool = min(1.0, (1 - done) / args.cool) if args.cool else 1.0
        for group in optimiser.param_groups:
            cosine = 0.5 - 0.5 * float(np.cos(np.pi * cool))
            group["lr"] = group["slower"] * args.rate * min(1.0, (number + 1) / 60) * max(cosine, 0.01)
        parts = losses(network, judge, batches[number], args)
        optimiser.zero_grad()
        torch.stack(parts).sum().backward()
        torch.nn.utils.clip_grad_norm_(learnt, 1.0)
        optimiser.step()
        number += 1
        momentum = min(0.995, 1 - 1 / (number / 10 + 1))
        with torch.no_grad():
            for key, value in network.state_dict().items():
                average[key].lerp_(value, 1 - momentum)
        recent.append([float(part.detach()) for part in parts])
        if number % args.log_every == 0:
            line = [number, round(spent_s + elapsed), *np.mean(recent, axis=0).round(4).tolist()]
            print(*line, flush=True)
            with (args.run / "log.csv").open("a", newline="") as out:
                csv.writer(out).writerow(line)
            recent = []
        if time.monotonic() - kept > 60:
            kept = time.monotonic()
            keep()
            batches.look_again(args.run)
    keep()


def averaged(run: Path) -> OpenClipModel:
    """Return the averaged network as the program has it."""
    state = torch.load(run / "state.pt", weights_only=True, map_location="cpu")
    network, _, files = make(run, state["average"])
    about: Any = files.config["aleatoric"]
    for name in ("scale", "offset"):  # of the judge, without which patches are not told apart as sharply
        about[f"patch_{name}"] = round(float(state["judge"][name]), 3)
    if (run / ADVICE).exists():
        about |= json.loads((run / ADVICE).read_text())
    return OpenClipModel(files, network, "clip-small")


def untrained(run: Path) -> OpenClipModel:
    """Return the network before its first step, as the program has it."""
    network, _, files = make(run)
    return OpenClipModel(files, network, "clip-small-untrained")


def evaluate(args: argparse.Namespace) -> None:
    """Print retrieval, Dice and "not found" of the held-out cases as markdown, and keep it in the run's folder."""
    from _clip_measure import Remembering, calibrate, retrieval_table, sharpen, words_table

    torch.set_num_threads(args.threads)
    before, test = untrained(args.run), load(args.run, "test")
    (args.run / ADVICE).unlink(missing_ok=True)
    apart, advice = list(validation_cases(args.data, (args.cases or 10**6) // 2)), {}
    for choose in (sharpen, calibrate):
        advice |= choose(Remembering(averaged(args.run)), apart)
        (args.run / ADVICE).write_text(json.dumps(advice))
    model = Remembering(averaged(args.run))
    limits = {name: value for name, value in advice.items() if name.startswith("least")}
    parts = [f"Retrieval before the training:\n\n{retrieval_table(before, test)}"]
    parts += [f"After it:\n\n{retrieval_table(model, test)}"]
    parts += [words_table(model, args.data, args.held_out, limits, ("samples", "hippocampus"))]
    parts += [words_table(model, args.data, args.held_out, limits, ("bodies",), in_3d=False)]
    text = "\n\n".join([*parts, f"Advice, from volumes apart from both: {json.dumps(advice)}"])
    (args.run / "held_out.md").write_text(text + "\n")
    print(text)


def export(args: argparse.Namespace) -> None:
    """Write the averaged weights in half precision, as a folder that the program loads, and their digest."""
    model = averaged(args.run)
    model.network.half()
    model.save(args.to)
    weights = (args.to / WEIGHTS_NAME).read_bytes()
    licence = f"CC-BY-SA-4.0; see docs/models/{args.to.name}.md for whose images it learned from"
    record = {"sha256": hashlib.sha256(weights).hexdigest(), "size_bytes": len(weights), "licence": licence}
    args.to.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    print(args.to, {path.name: path.stat().st_size for path in sorted(args.to.iterdir())})


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["data", "views", "train", "evaluate", "export"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--cases", type=int, help="of hippocampi and of nodules, at most, half of them held out")
    parser.add_argument("--held-out", type=int, default=4, help="volumes of each source that are measured")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--steps", type=int, default=0, help="in all; the rate then falls by steps, not by time")
    parser.add_argument("--at-most", type=int, default=0, help="steps in this call")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument(
        "--cool", type=float, default=0.7, help="last part in which the rate falls to 0, by a cosine"
    )
    parser.add_argument("--temperature", type=float, default=0.1)
    parser.add_argument("--pairs", type=float, default=0.2, help="weight of DHN-NCE")
    parser.add_argument("--absent", type=float, default=0.5, help="weight of what is not there, of whole images")
    parser.add_argument("--places", type=float, default=1.0, help="weight of where it is")
    parser.add_argument("--words", type=float, default=1.0, help="weight of which word is which")
    parser.add_argument("--strength", type=float, default=1.0, help="of the disturbances of the views, 0 to 1")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shards", type=int, default=12, help="of 200 views each")
    parser.add_argument("--log-every", type=int, default=20)
    parser.add_argument("--to", type=Path)
    args = parser.parse_args()
    {"data": collect, "views": views, "train": train, "evaluate": evaluate, "export": export}[args.what](args)


if __name__ == "__main__":
    main()
