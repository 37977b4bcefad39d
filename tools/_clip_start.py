"""The small text-image network before its training: its lower layers are those of the small segmenter.

The segmenter shipped with the project (``sam-small``) has learnt from the same images where one thing ends and
another begins. Its image network is a plain vision transformer; open_clip's own class holds the same layers under
other names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from napari_aleatoric.foundation._torch._sam_net import _positions

__all__ = ["FROZEN", "below", "start_from_segmenter"]

FROZEN = 3  # layers that stay as the segmenter has them
_WEIGHTS = Path(__file__).parents[1] / "src/napari_aleatoric/foundation/weights/sam-small.safetensors"
_BLOCK = {
    "norm1": "ln_1",
    "norm2": "ln_2",
    "attn.proj": "attn.out_proj",
    "mlp.lin1": "mlp.c_fc",
    "mlp.lin2": "mlp.c_proj",
}


def start_from_segmenter(visual: Any) -> None:
    """Put the segmenter's layers into a vision transformer of open_clip that has no norm before its first layer."""
    theirs = {
        key.removeprefix("image_encoder."): value.float()
        for key, value in load_file(_WEIGHTS).items()
        if key.startswith("image_encoder.")
    }
    places = _positions(theirs["pos_embed"], *visual.grid_size).flatten(0, 2)
    with torch.no_grad():
        visual.conv1.weight.copy_(theirs["patch_embed.proj.weight"])
        visual.positional_embedding[1:] = places + theirs["patch_embed.proj.bias"]  # conv1 has no bias of its own
        visual.positional_embedding[:1] = 0
        visual.class_embedding.zero_()  # a token that nothing asks for
        for number, block in enumerate(visual.transformer.resblocks):
            ours = dict(block.named_parameters())
            prefix = f"blocks.{number}."
            for end in ("weight", "bias"):
                ours[f"attn.in_proj_{end}"].copy_(theirs[f"{prefix}attn.qkv.{end}"])
                for their_name, our_name in _BLOCK.items():
                    ours[f"{our_name}.{end}"].copy_(theirs[f"{prefix}{their_name}.{end}"])
    visual.requires_grad_(False)
    for part in (*visual.transformer.resblocks[FROZEN:], visual.ln_post):
        part.requires_grad_(True)
    visual.proj.requires_grad_(True)


def below(visual: Any, pixels: Tensor) -> Tensor:
    """Return the answer of the frozen layers, (N, T, C), to pixels (N, SIDE, SIDE) in 0 … 1."""
    from _clip_words import MEAN, STD

    mean, deviation = (torch.tensor(v, device=pixels.device).view(3, 1, 1) for v in (MEAN, STD))
    with torch.no_grad():
        hidden: Tensor = visual._embeds((pixels[:, None] - mean) / deviation)
        for block in visual.transformer.resblocks[:FROZEN]:
            hidden = block(hidden)
    return hidden
