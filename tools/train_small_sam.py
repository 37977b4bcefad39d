"""Train the small Segment Anything network that is shipped with the project.

    python tools/train_small_sam.py data  --data FOLDER --run RUN        # slices and masks of all sources, once
    python tools/train_small_sam.py train --run RUN --minutes 60         # goes on where it stopped
    python tools/train_small_sam.py evaluate --run RUN [--untrained]     # the table of the model card
    python tools/train_small_sam.py export --run RUN --to FILE.safetensors

FOLDER holds the public data sets ``msd_hippocampus`` (CC-BY-SA 4.0), ``lidc_4rater`` and ``ibsi_sts`` (CC BY 3.0);
the synthetic abdomens are made by the project itself. The network is promptable and knows no classes: boxes, points
and earlier answers are simulated from the masks.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from _sources import hippocampi, is_held_out, nodules, samples, sarcomas
from numpy.typing import NDArray
from torch import Tensor

from napari_aleatoric.foundation._intensity import intensity_range, to_uint8
from napari_aleatoric.foundation._torch._sam_net import (
    ARCHITECTURES,
    build_sam,
    decode,
    encode,
    prompt_tokens,
)

SOURCES = ("samples", "hippocampus", "nodules", "sarcomas")
SHARE = {"samples": 0.18, "hippocampus": 0.5, "nodules": 0.18, "sarcomas": 0.14}  # of the training slices
KINDS = {"box": 0.6, "point": 0.3, "both": 0.1}  # of the first prompts
CLICKS_EVERY = 4  # of the evaluated slices, as clicks take several looks
MIN_PIXELS = 12  # of a mask in a slice that is trained on
SIDE = 256
MEAN, STD = 123.675, 58.395  # the first of Segment Anything's three channels; grey images fill all three


# -- data ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slice:
    """One grey slice and the mask of one object in it."""

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    source: str
    case_id: str


def cases(folder: Path) -> Iterator[tuple[str, str, NDArray[Any], dict[str, NDArray[np.bool_]], bool]]:
    """Yield source, case, image (Z, Y, X) upright, masks by name, and whether all three planes are of use."""
    for found in (hippocampi(folder), nodules(folder), sarcomas(folder), samples()):
        for case in found:
            masks = {str(v): case.label == v for v in case.names if (case.label == v).any()}
            if case.source == "hippocampus":
                masks["hippocampus"] = case.label > 0
            yield case.source, case.case_id, case.volume.data, masks, case.all_planes


def collect(folder: Path, run: Path) -> None:
    """Cut all cases into slices once."""
    found: dict[str, list[Slice]] = {"train": [], "test": []}
    for source, case_id, volume, masks, all_planes in cases(folder):
        grey = to_uint8(volume, intensity_range(volume))
        split = "test" if is_held_out(source, case_id) else "train"
        for axis in (0, 1, 2) if all_planes and split == "train" else (0,):
            for mask in masks.values():
                rolled, image = np.moveaxis(mask, axis, 0), np.moveaxis(grey, axis, 0)
                for z in np.flatnonzero(rolled.sum(axis=(1, 2)) >= MIN_PIXELS):
                    found[split].append(Slice(image[z].copy(), rolled[z].copy(), source, case_id))
    run.mkdir(parents=True, exist_ok=True)
    for split, slices in found.items():
        torch.save([(s.image, s.mask, s.source, s.case_id) for s in slices], run / f"{split}.pt")
        counts = {name: sum(s.source == name for s in slices) for name in SOURCES}
        n_cases = {name: len({s.case_id for s in slices if s.source == name}) for name in SOURCES}
        print(split, counts, "cases", n_cases)


def load(run: Path, split: str) -> list[Slice]:
    """Read what `collect` wrote; a file of this script's own making."""
    return [Slice(*row) for row in torch.load(run / f"{split}.pt", weights_only=False)]


# -- batches ---------------------------------------------------------------------------------------------


def bounds(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) of the pixels of a mask, ends included."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def window(item: Slice, rng: np.random.Generator | None, zoom: float) -> tuple[float, float, float]:
    """Centre (x, y) and side, in pixels of the slice, of the square that the network sees."""
    x0, y0, x1, y1 = bounds(item.mask)
    extent = max(x1 - x0, y1 - y0) + 1.0
    side = extent * zoom
    centre = np.array([(x0 + x1) / 2.0, (y0 + y1) / 2.0])
    if rng is not None:
        centre += rng.uniform(-0.5, 0.5, 2) * max(0.0, side - 1.1 * extent)
    return float(centre[0]), float(centre[1]), float(side)


def sample(item: Slice, rng: np.random.Generator, kind: str, strength: float) -> tuple[Tensor, Tensor]:
    """One augmented view: image (SIDE, SIDE) in 0 … 1 and soft mask of the same shape.

    Boxes are mostly seen as a window round them, at times in a whole slice; a click has no window at first, and
    one round the first answer then. ``strength`` (0 to 1) is how often the view is disturbed, and how much it is
    turned and stretched.
    """
    nearest, widest = (1.4, 6.0) if kind == "point" else (1.15, 2.2 if rng.random() < 0.7 else 5.0)
    zoom = float(np.exp(rng.uniform(np.log(nearest), np.log(widest))))
    x, y, side = window(item, rng, zoom)
    angle = rng.normal(0, 0.25 * strength)
    flip = rng.choice([-1.0, 1.0], 2)
    stretch = np.exp(rng.normal(0, 0.12 * strength))
    half = side / 2.0
    c, s = np.cos(angle), np.sin(angle)
    to_slice = np.array([[c * stretch, -s], [s, c / stretch]]) @ np.diag(flip) * half
    height, width = item.image.shape
    theta = np.array(
        [
            [to_slice[0, 0] * 2 / width, to_slice[0, 1] * 2 / width, (2 * x + 1) / width - 1],
            [to_slice[1, 0] * 2 / height, to_slice[1, 1] * 2 / height, (2 * y + 1) / height - 1],
        ]
    )
    grid = F.affine_grid(torch.from_numpy(theta).float()[None], [1, 1, SIDE, SIDE], align_corners=False)
    both = torch.from_numpy(np.stack([item.image.astype(np.float32) / 255.0, item.mask.astype(np.float32)]))[None]
    out = F.grid_sample(both, grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0]
    return _look(out[0], rng, strength), out[1]


def _look(image: Tensor, rng: np.random.Generator, strength: float) -> Tensor:
    """Other scanners: contrast, gamma, inversion, noise, blur."""
    if rng.random() < 0.6 * strength:
        image = image.clamp(0, 1) ** float(np.exp(rng.normal(0, 0.35)))
    if rng.random() < 0.6 * strength:
        image = (image - 0.5) * float(np.exp(rng.normal(0, 0.3))) + 0.5 + float(rng.normal(0, 0.12))
    if rng.random() < 0.15 * strength:
        image = 1.0 - image
    if rng.random() < 0.25 * strength:
        image = F.avg_pool2d(image[None, None], 5, 1, 2)[0, 0]
    if rng.random() < 0.4 * strength:
        noise = torch.from_numpy(rng.normal(0, rng.uniform(0.01, 0.06), image.shape).astype(np.float32))
        image = image + noise
    return image.clamp(0, 1)


def batches(slices: list[Slice], size: int, seed: int, strength: float) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Endless batches: kind of the first prompt, images (B, SIDE, SIDE) in 0 … 1 and soft masks."""
    rng = np.random.default_rng(seed)
    by_source = {name: [s for s in slices if s.source == name] for name in SOURCES}
    names, shares = list(SHARE), np.array(list(SHARE.values()))
    while True:
        rows = []
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        while len(rows) < size:
            pool = by_source[str(rng.choice(names, p=shares / shares.sum()))]
            image, mask = sample(pool[rng.integers(len(pool))], rng, kind, strength)
            if (mask > 0.5).sum() >= 40:
                rows.append((image, mask))
        yield kind, torch.stack([r[0] for r in rows]), torch.stack([r[1] for r in rows])


def read_ahead(source: Iterator[Any], depth: int = 6) -> Iterator[Any]:
    """Make batches in a thread of their own."""
    ready: queue.Queue[Any] = queue.Queue(depth)

    def work() -> None:
        for item in source:
            ready.put(item)

    threading.Thread(target=work, daemon=True).start()
    while True:
        yield ready.get()


# -- prompts ---------------------------------------------------------------------------------------------


def boxes_of(masks: Tensor, rng: np.random.Generator, jitter: float) -> Tensor:
    """Boxes (B, 4) round soft masks (B, S, S), each side moved by a random part of the extent."""
    rows = []
    for mask in masks:
        x0, y0, x1, y1 = bounds((mask > 0.5).numpy())
        w, h = x1 - x0 + 1, y1 - y0 + 1
        d = rng.normal(0, jitter, 4) * np.array([w, h, w, h])
        rows.append([x0 + d[0], y0 + d[1], x1 + d[2], y1 + d[3]])
    return torch.tensor(rows, dtype=torch.float32)


def points_in(where: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """One random pixel (x, y) of each map (B, S, S) of bool; and whether there was one."""
    points, found = [], []
    for one in where:
        ys, xs = np.nonzero(one.numpy())
        found.append(len(ys) > 0)
        k = rng.integers(len(ys)) if len(ys) else 0
        points.append([xs[k], ys[k]] if len(ys) else [0, 0])
    return torch.tensor(points, dtype=torch.float32)[:, None], torch.tensor(found)


# -- training --------------------------------------------------------------------------------------------


def losses(logits: Tensor, iou: Tensor, masks: Tensor, ambiguous: bool) -> Tensor:
    """Cross-entropy, Dice and the error of the estimated overlap.

    Parameters
    ----------
    logits : torch.Tensor, shape (B, 4, S/4, S/4)
    iou : torch.Tensor, shape (B, 4)
    masks : torch.Tensor, shape (B, S, S)
    ambiguous : bool
        After a single point: the best of the three answers learns; else the single answer.
    """
    half = masks.shape[-1] // 2
    target = F.interpolate(masks[:, None], size=(half, half), mode="area")
    logits = F.interpolate(logits, size=(half, half), mode="bilinear", align_corners=False)
    logits, iou = (logits[:, 1:], iou[:, 1:]) if ambiguous else (logits[:, :1], iou[:, :1])
    target = target.expand_as(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=(2, 3))
    p = logits.sigmoid()
    overlap, total = (p * target).sum(dim=(2, 3)), (p + target).sum(dim=(2, 3))
    dice = 1 - (2 * overlap + 1) / (total + 1)
    with torch.no_grad():
        hard, true = p > 0.5, target > 0.5
        truth = (hard & true).sum(dim=(2, 3)) / (hard | true).sum(dim=(2, 3)).clamp(min=1)
    per_answer = 2 * entropy + dice
    best = per_answer.argmin(dim=1, keepdim=True)
    return per_answer.gather(1, best).mean() + 0.2 * F.mse_loss(iou, truth)


def has_fast_bfloat16() -> bool:
    """Whether this processor multiplies matrices of bfloat16 faster than of float32."""
    return bool(torch.cpu._is_amx_tile_supported())


def step(sam: Any, kind: str, images: Tensor, masks: Tensor, size: int, rng: np.random.Generator) -> Tensor:
    """Forward passes of one batch at one input size: a first prompt and, at times, a correction."""
    if size != SIDE:
        images = F.interpolate(images[:, None], size=(size, size), mode="area")[:, 0]
        masks = F.interpolate(masks[:, None], size=(size, size), mode="area")[:, 0]
    pixels = ((images * 255.0 - MEAN) / STD)[:, None].expand(-1, 3, -1, -1)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_fast_bfloat16()):
        embedded = encode(sam, pixels)
    embedded = embedded.float()
    boxes = boxes_of(masks, rng, float(rng.choice([0.01, 0.04, 0.1]))) if kind != "point" else None
    points, labels = None, None
    if kind != "box":
        points, _ = points_in(masks > 0.5, rng)
        labels = torch.ones(points.shape[:2])
    sparse, dense = prompt_tokens(sam, (size, size), points, labels, boxes, None)
    logits, iou = decode(sam, embedded, sparse, dense)
    total = losses(logits, iou, masks, kind == "point")
    if rng.random() < 0.25:  # a click where the answer was wrong, with the answer as a mask prompt
        answer = logits[:, :1].detach() if kind != "point" else logits[:, 1:2].detach()
        shown = F.interpolate(answer, size=(size, size), mode="bilinear")[:, 0] > 0
        wrong = shown != (masks > 0.5)
        more, found = points_in(wrong, rng)
        inside = (masks > 0.5)[torch.arange(len(masks)), more[:, 0, 1].long(), more[:, 0, 0].long()]
        kinds = torch.where(found, inside.float(), torch.full_like(found, -1, dtype=torch.float32))[:, None]
        keep_box = boxes if rng.random() < 0.7 else None
        all_points = more if points is None else torch.cat([points, more], dim=1)
        all_labels = kinds if labels is None else torch.cat([labels, kinds], dim=1)
        sparse, dense = prompt_tokens(sam, (size, size), all_points, all_labels, keep_box, answer)
        logits, iou = decode(sam, embedded, sparse, dense)
        total = 0.6 * total + 0.6 * losses(logits, iou, masks, ambiguous=False)
    return total


def train(args: argparse.Namespace) -> None:
    """Train for some minutes; the state is kept every minute, so a later call goes on from there."""
    torch.set_num_threads(args.threads)
    slices = load(args.run, "train")
    sam = build_sam(ARCHITECTURES["small"])
    torch.manual_seed(0)
    for parameter in [sam.image_encoder.pos_embed]:
        torch.nn.init.trunc_normal_(parameter, std=0.02)
    sam.train()
    decayed = [p for p in sam.parameters() if p.ndim > 1]
    plain = [p for p in sam.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98), fused=True)
    state_file, log_file = args.run / "state.pt", args.run / "log.csv"
    average = {k: v.detach().clone() for k, v in sam.state_dict().items()}
    number, spent_s = 0, 0.0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        sam.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        average, number, spent_s = state["average"], state["step"], state["seconds"]
    source = read_ahead(batches(slices, args.batch, 1000 + number, args.strength))
    rng = np.random.default_rng(number)
    begun, kept, recent = time.monotonic(), time.monotonic(), []
    budget_s = 60.0 * args.minutes
    while (elapsed := time.monotonic() - begun) < budget_s:
        warm = min(1.0, (number + 1) / 300)
        cool = min(1.0, (budget_s - elapsed) / (args.cool * budget_s)) if args.cool else 1.0
        for group in optimiser.param_groups:
            group["lr"] = args.rate * warm * max(cool, 0.01)
        kind, images, masks = next(source)
        size = int(rng.choice(args.sizes))
        loss = step(sam, kind, images, masks, size, rng)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(sam.parameters(), 1.0)
        optimiser.step()
        number += 1
        momentum = min(0.999, 1 - 1 / (number / 10 + 1))
        with torch.no_grad():
            for key, value in sam.state_dict().items():
                average[key].lerp_(value, 1 - momentum)
        recent.append(float(loss.detach()))
        if number % 50 == 0:
            line = [number, round(spent_s + elapsed), round(float(np.mean(recent)), 4)]
            print(*line, flush=True)
            with log_file.open("a", newline="") as out:
                csv.writer(out).writerow(line)
            recent = []
        if time.monotonic() - kept > 60:
            kept = time.monotonic()
            _keep(state_file, sam, optimiser, average, number, spent_s + elapsed)
    _keep(state_file, sam, optimiser, average, number, spent_s + time.monotonic() - begun)


def _keep(path: Path, sam: Any, optimiser: Any, average: dict[str, Tensor], number: int, seconds: float) -> None:
    state = {
        "network": sam.state_dict(),
        "optimiser": optimiser.state_dict(),
        "average": average,
        "step": number,
        "seconds": seconds,
    }
    fresh = path.with_suffix(".new")
    torch.save(state, fresh)
    fresh.replace(path)


# -- held-out table --------------------------------------------------------------------------------------


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Overlap of two masks; 1 where both are empty."""
    total = int(a.sum()) + int(b.sum())
    return 1.0 if total == 0 else 2.0 * int((a & b).sum()) / total


def clicked(segmenter: Any, item: Slice, clicks: int) -> NDArray[np.bool_]:
    """Answer after some clicks as a careful person sets them: each in the middle of what is most wrong."""
    from scipy.ndimage import distance_transform_edt

    from napari_aleatoric.foundation import Prompt

    answer = np.zeros_like(item.mask)
    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    for _ in range(clicks):
        wrong = answer != item.mask
        if not wrong.any():
            break
        depth = distance_transform_edt(np.pad(wrong, 1))[1:-1, 1:-1]
        y, x = (int(v) for v in np.unravel_index(int(depth.argmax()), depth.shape))
        points, labels = (*points, (float(x), float(y))), (*labels, int(item.mask[y, x]))
        answer = segmenter.segment(item.image, Prompt(points_xy=points, point_labels=labels)).on_slice() > 0
    return answer


def evaluate(args: argparse.Namespace) -> None:
    """Dice from the tight box, and from clicks, of every held-out slice.

    Two means over the cases: of a case's mean over its slices, in which a sliver counts as much as the middle of
    the object, and of a case's Dice pooled over its slices, as of a volume.
    """
    from skimage.filters import threshold_otsu

    from napari_aleatoric.foundation import Prompt
    from napari_aleatoric.foundation._torch._sam import SamSegmenter

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    network, untrained = build_sam(ARCHITECTURES["small"]), build_sam(ARCHITECTURES["small"])
    network.load_state_dict(torch.load(args.run / "state.pt", weights_only=True)["average"])
    makers = {
        "box, whole slice": SamSegmenter(network, "small", focus=None),
        "box": SamSegmenter(network, "small", mirrored=True),
        "box, one view": SamSegmenter(network, "small"),
        "untrained": SamSegmenter(untrained, "untrained"),
    }
    slices = load(args.run, "test")[:: args.every]
    found: dict[str, dict[str, dict[str, list[tuple[int, int]]]]] = {}
    for number, item in enumerate(slices):
        x0, y0, x1, y1 = bounds(item.mask)
        row = found.setdefault(item.source, {})
        filled = np.zeros_like(item.mask)
        filled[y0 : y1 + 1, x0 : x1 + 1] = True
        inside = item.image[y0 : y1 + 1, x0 : x1 + 1]
        bright = np.zeros_like(item.mask)
        if inside.min() < inside.max():
            bright[y0 : y1 + 1, x0 : x1 + 1] = inside > threshold_otsu(inside)
        dark = filled & ~bright
        answers = {"filled box": filled, "Otsu in the box": bright, "Otsu, the better side": bright}
        if dice(dark, item.mask) > dice(bright, item.mask):
            answers["Otsu, the better side"] = dark
        for name, maker in makers.items():
            prompt = Prompt(box_xyxy=(x0, y0, x1, y1))
            answers[name] = maker.segment(item.image, prompt).on_slice() > 0
        for clicks in (1, 3) if number % CLICKS_EVERY == 0 else ():
            answers[f"{clicks} click{'s' if clicks > 1 else ''}"] = clicked(makers["box"], item, clicks)
        for name, answer in answers.items():
            counts = (int((answer & item.mask).sum()), int(answer.sum()) + int(item.mask.sum()))
            row.setdefault(name, {}).setdefault(item.case_id, []).append(counts)

    def mean_of(by_case: dict[str, list[tuple[int, int]]], pooled: bool) -> float:
        if pooled:
            values = [2 * sum(i for i, _ in rows) / sum(n for _, n in rows) for rows in by_case.values()]
        else:
            values = [float(np.mean([2 * i / n for i, n in rows])) for rows in by_case.values()]
        return round(float(np.mean(values)), 4)

    result = {
        title: {source: {name: mean_of(v, pooled) for name, v in row.items()} for source, row in found.items()}
        for title, pooled in (("mean over slices, then cases", False), ("pooled over a case", True))
    }
    sizes = {source: [len(row["box"]), sum(map(len, row["box"].values()))] for source, row in found.items()}
    text = json.dumps({"dice": result, "cases and slices": sizes}, indent=1)
    print(text)
    (args.run / "held_out.json").write_text(text)


def export(args: argparse.Namespace) -> None:
    """Write the averaged weights in half precision."""
    from safetensors.torch import save_file

    average = torch.load(args.run / "state.pt", weights_only=True)["average"]
    args.to.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous() for k, v in average.items()}, args.to, metadata={"architecture": "small"})
    record = {
        "sha256": hashlib.sha256(args.to.read_bytes()).hexdigest(),
        "size_bytes": args.to.stat().st_size,
        "licence": "CC-BY-SA-4.0; see docs/models/sam-small.md for whose images it learned from",
    }
    args.to.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    print(args.to, record)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["data", "train", "evaluate", "export"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument(
        "--cool", type=float, default=0.3, help="last part of the time in which the rate falls to 0"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 256, 256, 192, 128])
    parser.add_argument("--strength", type=float, default=1.0, help="of the disturbances of the views, 0 to 1")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="evaluate every so many slices only")
    parser.add_argument("--to", type=Path)
    args = parser.parse_args()
    {"data": lambda: collect(args.data, args.run), "train": lambda: train(args)}.get(
        args.what, lambda: {"evaluate": evaluate, "export": export}[args.what](args)
    )()


if __name__ == "__main__":
    main()
