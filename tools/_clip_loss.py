"""What the small text-image network learns from: pairs, what is not there, and where a thing is.

The pairs are drawn together with DHN-NCE (`napari_aleatoric.training`). The two other terms are our own proposal:

* *what is not there*: a whole image suits each sentence that is true of it better than all of the batch that are
  surely not (one softmax for each true sentence);
* *where it is*: each patch, by its cosine similarity with a sentence, says how much of it shows what the sentence
  names (cross-entropy and Dice against the labels); sentences about what is surely not in the image are answered
  with nowhere. Scale and offset of that answer are learnt and thrown away afterwards. A random half of the patches
  is left out in every step, which halves its cost.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
import torch.nn.functional as F
from _clip_batches import Batch
from _clip_start import FROZEN
from torch import Tensor, nn

from napari_aleatoric.training._torch._dhn_nce import dhn_nce

__all__ = ["Judge", "encode", "losses"]


class Judge(nn.Module):
    """Scale and offset from a cosine similarity to the logit of "this patch shows it"."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(20.0))
        self.offset = nn.Parameter(torch.tensor(-6.0))

    def forward(self, likeness: Tensor) -> Tensor:
        """Return logits."""
        return self.scale * likeness + self.offset


def encode(network: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the batch's patches (B, T, D), not of length 1, and sentences (S, D) of length 1."""
    visual, hidden = network.visual, batch.hidden
    for block in visual.transformer.resblocks[FROZEN:]:
        hidden = block(hidden)
    patches = visual.ln_post(hidden)[:, 1:] @ visual.proj
    length = batch.words.shape[1]  # as encode_text, without what is padding in all sentences
    spoken = network.token_embedding(batch.words) + network.positional_embedding[:length]
    spoken = network.ln_final(network.transformer(spoken, attn_mask=network.attn_mask[:length, :length]))
    ends = (batch.words == network.text_eos_id).int().argmax(dim=1)
    spoken = spoken[torch.arange(len(ends)), ends] @ network.text_projection
    return patches, F.normalize(spoken, dim=-1)


def losses(network: Any, judge: Judge, batch: Batch, args: argparse.Namespace) -> list[Tensor]:
    """Return the three terms with their weights."""
    patches, spoken = encode(network, batch)
    images = F.normalize(patches.mean(dim=1), dim=-1)
    pairs = dhn_nce(
        images, spoken[batch.firsts], temperature=args.temperature, negatives=batch.negatives[:, batch.firsts]
    )
    likeness = images @ spoken.T / args.temperature
    own = likeness[batch.whose, torch.arange(len(batch.whose))]
    others = likeness.masked_fill(~batch.negatives, float("-inf"))[batch.whose]
    there = (torch.logsumexp(torch.cat([own[:, None], others], dim=1), dim=1) - own).mean()
    logits = judge(torch.einsum("btd,sd->bst", F.normalize(patches, dim=-1), spoken))
    shown = logits[batch.whose, torch.arange(len(batch.whose))]
    inside = shown.sigmoid()
    dice = 1 - (2 * (inside * batch.places).sum(dim=1) + 1) / (inside.sum(dim=1) + batch.places.sum(dim=1) + 1)
    right = F.binary_cross_entropy_with_logits(shown, batch.places, reduction="none").mean(dim=1)
    nowhere = F.softplus(logits[batch.absent]).mean() if batch.absent.any() else logits.sum() * 0
    return [args.pairs * pairs, args.absent * there, args.places * (dice + right).mean() + args.places * nowhere]
