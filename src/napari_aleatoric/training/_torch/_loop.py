"""The training loop: stops at any step and goes on as if it had not."""

from __future__ import annotations

import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.model import Reporter
from napari_aleatoric.training._plan import NetPlan
from napari_aleatoric.uncertainty import QuickNetSpec

from ._kept_state import keep_state, read_state
from ._patches import IGNORED, PatchDraw
from ._unet import build_net

__all__ = ["base_loss", "train_net"]

_KEEP_EVERY_S = 15.0
_CLIP = 1.0  # norm of the gradient
_WARM = 0.05  # first part of the training in which the rate rises


def base_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy plus Dice, over the voxels that are not `IGNORED`.

    Dice is 1 − 2·Σpy / (Σp + Σy) of every class but background that the batch shows or predicts, the sums over the
    whole batch, then their mean.

    Parameters
    ----------
    logits : torch.Tensor, shape (N, K, z, y, x)
    target : torch.Tensor of int64, shape (N, z, y, x)

    Returns
    -------
    torch.Tensor, scalar
    """
    entropy = F.cross_entropy(logits, target, ignore_index=IGNORED)
    known = (target != IGNORED)[:, None]
    given = F.one_hot(target.clamp(min=0), logits.shape[1]).movedim(-1, 1) * known
    p = logits.softmax(dim=1) * known
    over = (0, *range(2, logits.ndim))
    overlap, total = (p * given).sum(over)[1:], (p + given).sum(over)[1:]
    return entropy + (1 - (2 * overlap + 1) / (total + 1)).mean()


def train_net(
    plan: NetPlan,
    draw: PatchDraw,
    spec: QuickNetSpec,
    state_file: Path,
    reporter: Reporter,
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> nn.Module:
    """Train a network for ``spec.iterations`` steps and return it with the averaged weights of the last of them.

    The state is kept every 15 seconds and when the work is stopped; a later call with the same plan and spec goes
    on from there, over the same patches, and ends with the same weights (on the same device, to rounding).

    Parameters
    ----------
    plan : NetPlan
        The network.
    draw : PatchDraw
        Patches of every step.
    spec : QuickNetSpec
        How long and how fast.
    state_file : Path
        Where the state is kept between runs. A file of another plan or spec is replaced.
    reporter : Reporter
        Hears of every step, and may stop there.
    device, dtype
        Where, and in which precision the network runs.
    """
    net = build_net(plan, spec.seed).to(device).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=spec.learning_rate, weight_decay=spec.weight_decay)
    average = {name: torch.zeros_like(value) for name, value in net.state_dict().items()}
    asked = _asked(plan, spec)
    first, counted = 0, 0
    state = read_state(state_file, asked, needed="average", device=device)
    if state is not None:
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        average, first, counted = state["average"], int(state["step"]), int(state["counted"])
    averaged_from = math.floor(spec.iterations * (1 - spec.average_last))
    number = first
    kept = time.monotonic()

    def keep() -> None:
        values = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "average": average}
        keep_state(state_file, asked, {**values, "step": number, "counted": counted})

    try:
        while number < spec.iterations:
            reporter.step(number, spec.iterations, "Learning")
            for group in optimiser.param_groups:
                group["lr"] = spec.learning_rate * _rate(number / spec.iterations)
            images, labels = draw.step(number)
            with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
                logits = net(images.to(device))
            loss = base_loss(logits.float(), labels.to(device))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), _CLIP)
            optimiser.step()
            number += 1
            reporter.metric("loss", float(loss.detach()), number)
            if number > averaged_from:
                counted += 1
                for name, value in net.state_dict().items():
                    average[name] += (value - average[name]) / counted
            if time.monotonic() - kept > _KEEP_EVERY_S:
                kept = time.monotonic()
                keep()
    except Cancelled:  # comes between two steps only; of anything else the last kept state is the whole one
        keep()
        raise
    keep()
    net.load_state_dict(average)
    return net.eval()


def _rate(part: float) -> float:
    """Factor of the learning rate: a short rise, then half a cosine down to 5 %."""
    if part < _WARM:
        return (part + 0.01) / (_WARM + 0.01)
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (part - _WARM) / (1 - _WARM)))


def _asked(plan: NetPlan, spec: QuickNetSpec) -> str:
    return f"{plan.to_json()} {spec.digest}"
