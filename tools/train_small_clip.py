"""Train the small text-image network that is shipped with the project.

    python tools/train_small_clip.py data  --data FOLDER --run RUN       # slices and labels of all sources, once
    python tools/train_small_clip.py train --run RUN --minutes 60        # goes on where it stopped
    python tools/train_small_clip.py evaluate --run RUN --data FOLDER    # the tables of the model card
    python tools/train_small_clip.py export --run RUN --to FOLDER

Sources and what is held out: ``_sources.py``. Pairs are drawn with the DHN-NCE loss; sentences that may be true of
another image do not count against it. Two terms are our own: sentences about structures that are surely absent are
pushed away (``--absent``), and the patches that show what a sentence names are drawn to it (``--places``).
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from _clip_views import SIDE, LabelledSlice, View, absent_words, may_be_true, view_of
from _clip_words import corpus, describe, write_words
from _sources import LabelledCase, labelled_cases
from skimage.transform import downscale_local_mean
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from napari_aleatoric.foundation._text_image_files import TextImageFiles
from napari_aleatoric.foundation._torch._text_image import OpenClipModel
from napari_aleatoric.foundation._torch._text_image_net import build_network, build_tokenizer
from napari_aleatoric.segmentation._stack import SliceStack
from napari_aleatoric.training._torch._dhn_nce import dhn_nce

SHARE = {"samples": 0.45, "hippocampus": 0.15, "nodules": 0.1, "sarcomas": 0.1, "bodies": 0.2}
MIN_PIXELS = 12
LARGEST = 320  # pixels of a kept slice; larger ones are halved
N_ABSENT = 2  # sentences of what is not there, for each view


def collect(args: argparse.Namespace) -> None:
    """Cut all cases into slices once, and write the words."""
    found: dict[str, list[LabelledSlice]] = {"train": [], "test": []}
    for case in labelled_cases(args.data, args.cases):
        split = "test" if case.held_out else "train"
        planes = ("axial", "coronal", "sagittal") if case.all_planes and split == "train" else ("axial",)
        for plane in planes:
            found[split] += slices_of(case, plane)
    args.run.mkdir(parents=True, exist_ok=True)
    for split, slices in found.items():
        torch.save([vars(s) for s in slices], args.run / f"{split}.pt")
        print(split, {name: sum(s.source == name for s in slices) for name in SHARE})
    names = {name for s in found["train"] for name in s.names.values()}
    print(write_words(args.run / "words", corpus(sorted(names))), "words")


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
    """Read what `collect` wrote; a file of this script's own making."""
    return [LabelledSlice(**row) for row in torch.load(run / f"{split}.pt", weights_only=False)]


class Batches(Dataset[tuple[list[View], list[str], Tensor]]):
    """Batch number n is the same whenever it is asked for."""

    def __init__(self, slices: Sequence[LabelledSlice], first: int, args: argparse.Namespace) -> None:
        self._pools = [[s for s in slices if s.source == name] for name in SHARE]
        self._shares = np.array(
            [share if pool else 0 for share, pool in zip(SHARE.values(), self._pools, strict=True)]
        )
        self._first, self._size, self._strength = first, args.batch, args.strength

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, number: int) -> tuple[Any, ...]:
        rng = np.random.default_rng([17, self._first + number])
        views: list[View] = []
        while len(views) < self._size:
            pool = self._pools[int(rng.choice(len(self._pools), p=self._shares / self._shares.sum()))]
            view = view_of(pool[int(rng.integers(len(pool)))], rng, strength=self._strength)
            if view is not None:
                views.append(view)
        absent = [absent_words(view, rng, N_ABSENT) for view in views]
        whose = torch.tensor([row for row, some in enumerate(absent) for _ in some])
        pixels, places = torch.stack([v.pixels for v in views]), torch.stack([v.place for v in views])
        texts = [v.caption for v in views]
        return pixels, places, texts, negatives_of(views), [text for some in absent for text in some], whose


def negatives_of(views: Sequence[View]) -> Tensor:
    """Return which captions (columns) say nothing that may be true of which views (rows)."""
    return torch.tensor([[not may_be_true(other.claim, view) for other in views] for view in views])


def make(run: Path, state: dict[str, Tensor] | None = None) -> tuple[Any, Any, TextImageFiles]:
    """Make network and tokenizer as the program will."""
    text = {path.name: path.read_bytes() for path in sorted((run / "words").iterdir())}
    n_words = len(json.loads(text["tokenizer.json"])["model"]["vocab"])
    files = TextImageFiles("clip-small", describe(n_words), run / "state.pt", text)
    torch.manual_seed(0)
    network = build_network(files)
    if state is not None:
        network.load_state_dict(state)
    return network, build_tokenizer(files), files


def losses(network: Any, words: Any, batch: tuple[Any, ...], args: argparse.Namespace, device: str) -> Tensor:
    """DHN-NCE of the pairs, and our two terms."""
    pixels, places, texts, negatives, absent, whose = batch
    pixels = ((pixels.to(device) - 0.5) / 0.25)[:, None].expand(-1, 3, -1, -1)
    kind = torch.device(device).type
    fast = kind == "cuda" or bool(torch.cpu._is_amx_tile_supported())
    with torch.autocast(kind, dtype=torch.bfloat16, enabled=fast):
        visual = network.visual
        tokens = visual.ln_post(visual.transformer(visual._embeds(pixels)))[:, 1:] @ visual.proj
        spoken = network.encode_text(words([*texts, *absent]).to(device))
    tokens, spoken = tokens.float(), F.normalize(spoken.float(), dim=-1)
    images, own = F.normalize(tokens.mean(dim=1), dim=-1), spoken[: len(texts)]
    total = dhn_nce(images, own, temperature=args.temperature, negatives=negatives.to(device))
    if args.absent and absent:
        scores = (images[whose] * spoken[len(texts) :]).sum(dim=-1)
        own_scores = (images * own).sum(dim=-1)[whose]
        total = total + args.absent * F.softplus((scores - own_scores) / args.temperature).mean()
    if args.places:
        shares = F.avg_pool2d(places.to(device).float()[:, None], SIDE // visual.grid_size[0]).flatten(1)
        shares = shares / shares.sum(dim=1, keepdim=True).clamp(min=1e-6)
        near = torch.einsum("ntd,nd->nt", F.normalize(tokens, dim=-1), own) / args.temperature
        total = total - args.places * (shares * near.log_softmax(dim=1)).sum(dim=1).mean()
    return total


def train(args: argparse.Namespace) -> None:
    """Train for some minutes, or up to a number of steps; the state is kept every minute."""
    torch.set_num_threads(args.threads)
    device = ("cuda" if torch.cuda.is_available() else "cpu") if args.device == "auto" else args.device
    network, words, _ = make(args.run)
    network = network.to(device).train()
    groups = [
        {"params": [p for p in network.parameters() if (p.ndim > 1) == heavy], "weight_decay": 0.1 * heavy}
        for heavy in (True, False)
    ]
    optimiser = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98))
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    state_file, number, spent_s = args.run / "state.pt", 0, 0.0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True, map_location=device)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        average, number, spent_s = state["average"], state["step"], state["seconds"]
    ready = iter(
        DataLoader(Batches(load(args.run, "train"), number, args), batch_size=None, num_workers=args.workers)
    )
    begun = kept = time.monotonic()
    first, budget_s, recent = number, 60.0 * args.minutes, []

    def keep() -> None:
        seconds = spent_s + time.monotonic() - begun
        values = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "average": average}
        torch.save({**values, "step": number, "seconds": seconds}, state_file.with_suffix(".new"))
        state_file.with_suffix(".new").replace(state_file)

    while (elapsed := time.monotonic() - begun) < budget_s and number < (args.steps or 10**9):
        if args.at_most and number - first >= args.at_most:
            break
        done = number / args.steps if args.steps else elapsed / budget_s
        cool = min(1.0, (1 - done) / args.cool) if args.cool else 1.0
        for group in optimiser.param_groups:
            cosine = 0.5 - 0.5 * float(np.cos(np.pi * cool))
            group["lr"] = args.rate * min(1.0, (number + 1) / 300) * max(cosine, 0.01)
        loss = losses(network, words, next(ready), args, device)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        number += 1
        momentum = min(0.999, 1 - 1 / (number / 10 + 1))
        with torch.no_grad():
            for key, value in network.state_dict().items():
                average[key].lerp_(value, 1 - momentum)
        recent.append(float(loss.detach()))
        if number % args.log_every == 0:
            line = [number, round(spent_s + elapsed), round(float(np.mean(recent)), 4)]
            print(*line, flush=True)
            with (args.run / "log.csv").open("a", newline="") as out:
                csv.writer(out).writerow(line)
            recent = []
        if time.monotonic() - kept > 60:
            kept = time.monotonic()
            keep()
    keep()


def averaged(run: Path) -> OpenClipModel:
    """Return the averaged network as the program has it."""
    state = torch.load(run / "state.pt", weights_only=True, map_location="cpu")["average"]
    network, _, files = make(run, state)
    return OpenClipModel(files, network, "clip-small")


def evaluate(args: argparse.Namespace) -> None:
    """Print retrieval, Dice and "not found" of the held-out cases as markdown, and keep it in the run's folder."""
    from _clip_measure import calibrate, retrieval_table, words_table

    torch.set_num_threads(args.threads)
    model = averaged(args.run)
    limits = calibrate(model, load(args.run, "train"))
    (args.run / "limits.json").write_text(json.dumps(limits))
    parts = [retrieval_table(model, load(args.run, "test")), words_table(model, args.data, args.cases or 4, limits)]
    text = "\n\n".join([*parts, f"Limits, from training slices: {json.dumps(limits)}"])
    (args.run / "held_out.md").write_text(text + "\n")
    print(text)


def export(args: argparse.Namespace) -> None:
    """Write the averaged weights in half precision, as a folder that the program loads."""
    model = averaged(args.run)
    model.network.half()
    about = model._files.config
    if (args.run / "limits.json").exists():
        about["aleatoric"] = json.loads((args.run / "limits.json").read_text())  # type: ignore[index]
    model.save(args.to)
    print(args.to, {path.name: path.stat().st_size for path in sorted(args.to.iterdir())})


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["data", "train", "evaluate", "export"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--cases", type=int, help="of each source, at most")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--steps", type=int, default=0, help="in all; the rate then falls by steps, not by time")
    parser.add_argument("--at-most", type=int, default=0, help="steps in this call")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument(
        "--cool", type=float, default=0.7, help="last part in which the rate falls to 0, by a cosine"
    )
    parser.add_argument("--temperature", type=float, default=0.1)
    parser.add_argument("--absent", type=float, default=1.0, help="weight of what is not there")
    parser.add_argument("--places", type=float, default=0.5, help="weight of where it is; 0 = pairs alone")
    parser.add_argument("--strength", type=float, default=1.0, help="of the disturbances of the views, 0 to 1")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1, help="processes that make views")
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--to", type=Path)
    args = parser.parse_args()
    {"data": collect, "train": train, "evaluate": evaluate, "export": export}[args.what](args)


if __name__ == "__main__":
    main()
