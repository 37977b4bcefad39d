"""What the small text-image network learns from: pairs, what is not there, and where a thing is.

The pairs are drawn together with DHN-NCE (`napari_aleatoric.training`). The other terms are our own proposal:

* *what is not there*: a whole image suits each sentence that is true of it better than all of the batch that are
  surely not (one softmax for each true sentence);
* *where it is*: each patch, by its cosine similarity with a sentence, says how much of it shows what the sentence
  names (cross-entropy and Dice against the labels); sentences about what is surely not in the image are answered
  with nowhere. Scale and offset of that answer are learnt, too. In every step each structure that is labelled
  anywhere is asked for, by a sentence drawn anew, in all views of which it is known whether they show it; and by
  a learnt vector of its own, its *anchor*, because patches find their structure long before the sentences are
  understood. Anchors are thrown away afterwards. A random half of the patches is left out in every step, which
  halves its cost;
* *which word is which*: the sentence about a structure is nearer to its anchor than to the others' (softmax).
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


_WORD_TEMPERATURE = 0.1
_SMOOTH = 0.1  # patches, of the Dice loss
_LEAST = 0.05  # patches that something covers


class Judge(nn.Module):
    """From a cosine similarity to the logit of "this patch shows it"; and a vector for each structure."""

    def __init__(self, n_structures: int, n_channels: int) -> None:
        super().__init__()
        self.anchors = nn.Parameter(torch.randn(n_structures, n_channels) * 0.1)
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
    """Return the four terms with their weights."""
    patches, spoken = encode(network, batch)
    said, asked = spoken.split([len(spoken) - batch.n_structures, batch.n_structures])
    images = F.normalize(patches.mean(dim=1), dim=-1)
    pairs = dhn_nce(
        images, said[batch.firsts], temperature=args.temperature, negatives=batch.negatives[:, batch.firsts]
    )
    likeness = images @ said.T / args.temperature
    own = likeness[batch.whose, torch.arange(len(batch.whose))]
    others = likeness.masked_fill(~batch.negatives, float("-inf"))[batch.whose]
    there = (torch.logsumexp(torch.cat([own[:, None], others], dim=1), dim=1) - own).mean()
    patches, anchors = F.normalize(patches, dim=-1), F.normalize(judge.anchors, dim=-1)
    logits = judge(torch.einsum("btd,sd->bst", patches, said))
    shown = logits[batch.whose, torch.arange(len(batch.whose))]
    places = _inside(shown, batch.places, batch.whose) + _nowhere(logits[batch.absent])
    seen = batch.structures.amax(dim=2) > 0
    views = seen.nonzero()[:, 0]
    for vectors in (asked, anchors):
        logits = judge(torch.einsum("btd,cd->bct", patches, vectors))
        places = places + 2 * _inside(logits[seen], batch.structures[seen], views)
        places = places + 2 * _nowhere(logits[batch.judged & ~seen])
    which = torch.arange(batch.n_structures)
    words = F.cross_entropy(asked @ anchors.T / _WORD_TEMPERATURE, which)
    return [args.pairs * pairs, args.absent * there, args.places * places, args.words * words]


def _inside(logits: Tensor, places: Tensor, views: Tensor) -> Tensor:
    """Dice and cross-entropies of what is there; logits and parts of patches (N, T), and their views (N,).

    Each view counts as much: a whole body shows dozens of structures and an abdomen three. A small structure covers
    a patch or two, so one of the cross-entropies takes inside and outside for equally large.
    """
    if not len(logits):
        return logits.sum()
    inside, much, little = logits.sigmoid(), F.softplus(logits), F.softplus(-logits)
    dice = 1 - (2 * (inside * places).sum(dim=1) + _SMOOTH) / (inside.sum(dim=1) + places.sum(dim=1) + _SMOOTH)
    all_alike = (little * places + much * (1 - places)).mean(dim=1)
    in_mean = (little * places).sum(dim=1) / places.sum(dim=1).clamp(min=_LEAST)
    out_mean = (much * (1 - places)).sum(dim=1) / (1 - places).sum(dim=1).clamp(min=_LEAST)
    weights = 1 / torch.bincount(views).to(logits)[views]
    return ((dice + all_alike + 0.5 * (in_mean + out_mean)) * weights).sum() / weights.sum()


def _nowhere(logits: Tensor) -> Tensor:
    """Cross-entropy of what is not there; logits (N, T)."""
    return F.softplus(logits).mean() if len(logits) else logits.sum()
