"""Fine-tuning a text-image model: stops at any step and goes on as if it had not."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.foundation import OpenClipModel
from napari_aleatoric.model import Reporter
from napari_aleatoric.training._clip_pairs import CaptionedImage, caption_slice
from napari_aleatoric.training._clip_retrieval import Retrieval, retrieval
from napari_aleatoric.training._clip_spec import ClipTuneSpec

from ._dhn_nce import dhn_nce
from ._kept_state import keep_state, read_state

__all__ = ["tune_clip"]

_KEEP_EVERY_S = 15.0
_KEEP_SHARE = 20.0  # keeping a large network takes at most a twentieth of the time
_CLIP = 1.0  # norm of the gradient
_LOOKED_AT_ONCE = 16


def tune_clip(
    learned: Sequence[CaptionedImage],
    held: Sequence[CaptionedImage],
    model: OpenClipModel,
    spec: ClipTuneSpec,
    state_file: Path,
    reporter: Reporter,
) -> tuple[Retrieval, Retrieval]:
    """Train the model in place and return the retrieval on what was held out, before and after.

    Every epoch has an order of its own; pairs that do not fill a last batch wait for the next epoch. Dropout and
    order follow from seed and number of the step, so a run that was stopped goes on over the same numbers.
    """
    batch = min(spec.batch, len(learned))
    per_epoch = len(learned) // batch
    total = per_epoch * spec.epochs
    network = model.network
    parameters = [p for p in network.requires_grad_(True).parameters() if p.is_floating_point()]
    optimiser = torch.optim.AdamW(parameters, lr=spec.learning_rate, weight_decay=spec.weight_decay)
    asked = f"{spec.model_copy(update={'device': 'auto'}).digest} {model.name} {_named(learned)} {_named(held)}"
    state = read_state(state_file, asked, needed="before")
    if state is None:
        first, before = 0, _looked(held, model, reporter, "Searching before the learning")
    else:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        first, before = int(state["step"]), _retrieval_of(state["before"])
    number, kept, pause = first, time.monotonic(), _KEEP_EVERY_S

    def keep() -> None:
        nonlocal kept, pause
        started = time.monotonic()
        values = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
        keep_state(state_file, asked, {**values, "step": number, "before": asdict(before)})
        kept = time.monotonic()
        pause = max(_KEEP_EVERY_S, _KEEP_SHARE * (kept - started))

    network.train()
    try:
        while number < total:
            reporter.step(number, total, "Learning")
            for group in optimiser.param_groups:
                group["lr"] = spec.learning_rate * (1 - (1 - spec.decay) * number / max(1, total - 1))
            epoch, place = divmod(number, per_epoch)
            order = np.random.default_rng([spec.seed, epoch]).permutation(len(learned))
            pairs = [learned[row] for row in order[place * batch : (place + 1) * batch]]
            loss = _step(pairs, model, spec, optimiser, parameters, number)
            number += 1
            reporter.metric("loss", loss, number)
            if time.monotonic() - kept > pause:
                keep()
    except Cancelled:  # comes between two steps only
        keep()
        raise
    finally:
        network.eval().requires_grad_(False)
    keep()
    reporter.step(total, total, "Searching after the learning")
    return before, _looked(held, model, reporter, "Searching after the learning")


def _step(
    pairs: Sequence[CaptionedImage],
    model: OpenClipModel,
    spec: ClipTuneSpec,
    optimiser: torch.optim.Optimizer,
    parameters: Sequence[torch.Tensor],
    number: int,
) -> float:
    pixels = model.pixels([caption_slice(pair) for pair in pairs])
    words = model.words([pair.caption for pair in pairs])
    cards = [pixels.device] if pixels.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cards):
        torch.manual_seed(spec.seed * 1_000_003 + number)
        images = F.normalize(model.network.encode_image(pixels).float(), dim=-1)
        texts = F.normalize(model.network.encode_text(words).float(), dim=-1)
    loss = dhn_nce(
        images, texts, temperature=spec.temperature, beta_image=spec.beta_image, beta_text=spec.beta_text
    )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(parameters, _CLIP)
    optimiser.step()
    return float(loss.detach())


def _looked(pairs: Sequence[CaptionedImage], model: OpenClipModel, reporter: Reporter, message: str) -> Retrieval:
    images = []
    for start in range(0, len(pairs), _LOOKED_AT_ONCE):
        reporter.step(start, len(pairs), message)
        part = pairs[start : start + _LOOKED_AT_ONCE]
        images.append(model.embed_images([caption_slice(pair) for pair in part]))
    captions = [pair.caption for pair in pairs]
    return retrieval(np.concatenate(images), model.embed_texts(captions), captions)


def _named(pairs: Sequence[CaptionedImage]) -> str:
    text = "\0".join(f"{pair.image.name} {pair.slice_index} {pair.caption}" for pair in pairs)
    return f"{len(pairs)}-{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _retrieval_of(values: dict[str, Any]) -> Retrieval:
    return Retrieval(**{**values, **{k: tuple(values[k]) for k in ("image_to_text", "text_to_image")}})
