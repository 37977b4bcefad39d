"""SAM 2 through transformers' classes: its published sizes, inputs of any size, and its forward pass in two halves.

The classes are transformers' own (Ravi et al. 2024, arXiv 2408.00714; transformers ≥ 4.56). They are made from a
configuration and given numbers that were checked; nothing here asks the network or runs code from a file.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import Sam2Config, Sam2Model, Sam2VideoConfig, Sam2VideoModel

from napari_aleatoric.errors import DataError

from ._base import PATCH
from ._prompt_tensors import PromptTensors

__all__ = ["SAM2_SIZES", "at_size", "build_sam2", "config_from", "decode", "encode", "published_config", "step_of"]

Net = Any  # Sam2Model or Sam2VideoModel: transformers is only partly typed
Config = Any  # Sam2Config or Sam2VideoConfig

_HIERA: Mapping[str, dict[str, Any]] = {
    "tiny": {},
    "small": {"blocks_per_stage": [1, 2, 11, 2], "global_attention_blocks": [7, 10, 13]},
    "base_plus": {
        "hidden_size": 112,
        "embed_dim_per_stage": [112, 224, 448, 896],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 3, 16, 3],
        "global_attention_blocks": [12, 16, 20],
        "window_positional_embedding_background_size": [14, 14],
    },
    "large": {
        "hidden_size": 144,
        "embed_dim_per_stage": [144, 288, 576, 1152],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 6, 36, 4],
        "global_attention_blocks": [23, 33, 43],
        "window_size_per_stage": [8, 4, 16, 8],
    },
}
"""What differs from the smallest in the published configurations of SAM 2.1's image encoder."""

SAM2_SIZES: Mapping[str, tuple[str, int]] = {
    "sam2.1_hiera_tiny": ("tiny", 1024),
    "sam2.1_hiera_tiny_512": ("tiny", 512),
    "sam2.1_hiera_small": ("small", 1024),
    "sam2.1_hiera_base_plus": ("base_plus", 1024),
    "sam2.1_hiera_large": ("large", 1024),
}
"""Architectures by name: image encoder, side of the input in pixels. MedSAM2 is the one with 512."""


def published_config(architecture: str) -> Config:
    """Return the configuration of a published network, a key of `SAM2_SIZES`."""
    size, side = SAM2_SIZES[architecture]
    hiera = {"model_type": "sam2_hiera_det_model", "image_size": [side, side], **_HIERA[size]}
    grid = side // PATCH
    vision: dict[str, Any] = {
        "model_type": "sam2_vision_model",
        "backbone_config": hiera,
        "backbone_feature_sizes": [[4 * grid, 4 * grid], [2 * grid, 2 * grid], [grid, grid]],
    }
    if "embed_dim_per_stage" in hiera:
        vision["backbone_channel_list"] = hiera["embed_dim_per_stage"][::-1]
    return Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"image_size": side},
        image_size=side,
        memory_attention_rope_feat_sizes=[grid, grid],
    )


def config_from(values: Mapping[str, Any], shown: str) -> Config:
    """Make a configuration from the contents of a ``config.json``.

    Raises
    ------
    DataError
        If it is of another kind of network, or its values fit nothing.
    """
    kinds: dict[Any, Any] = {"sam2": Sam2Config, "sam2_video": Sam2VideoConfig}
    kind = values.get("model_type")
    if kind not in kinds:
        raise DataError(
            f"{shown} describes another network: expected a config.json with the model_type sam2 or sam2_video, "
            f"got '{kind}'. Choose the folder of a SAM 2 network."
        )
    allowed = {key: value for key, value in values.items() if key not in ("auto_map", "_name_or_path")}
    try:
        config = kinds[kind].from_dict(allowed)
        side, patch = config.prompt_encoder_config.image_size, config.prompt_encoder_config.patch_size
        fits = isinstance(side, int) and patch == PATCH and side >= PATCH and side % step_of(config) == 0
    except Exception as error:  # transformers checks with exceptions of many kinds
        raise DataError(
            f"{shown} has a config.json that makes no network ({' '.join(str(error).split())[:100]}). Get it again."
        ) from error
    if not fits:
        raise DataError(
            f"{shown} describes a network with an input of {side} pixels in patches of {patch}: expected a "
            f"multiple of {step_of(config)} in patches of {PATCH}. Choose the folder of a published SAM 2 network."
        )
    return config


def build_sam2(config: Config) -> Net:
    """Return the network without numbers (on the device ``meta``), in evaluation mode."""
    kind: Any = Sam2VideoModel if isinstance(config, Sam2VideoConfig) else Sam2Model
    with torch.device("meta"):
        return kind(config).eval().requires_grad_(False)


def step_of(config: Config) -> int:
    """Return what the input's side has to be a multiple of: whole windows of positions, whole cells when pooled."""
    hiera = config.vision_config.backbone_config
    pooled = 2**hiera.num_query_pool_stages
    return int(hiera.patch_stride[0]) * math.lcm(int(hiera.window_size_per_stage[0]), pooled)


def at_size(net: Net, size: int) -> None:
    """Make a network ready for inputs of another side, in pixels; its weights stay as they are.

    Everything that depends on the size is where positions are counted: of prompts, of the image embedding and of
    the memory, which SAM 2's own program too computes anew for another size. Hiera stretches its own positions.
    """
    grid = size // PATCH
    if net.prompt_encoder.input_image_size == size and not _unready(net):
        return
    net.prompt_encoder.input_image_size = size
    net.prompt_encoder.image_embedding_size = (grid, grid)
    net.prompt_encoder.mask_input_size = (4 * grid, 4 * grid)
    net.backbone_feature_sizes = [[4 * grid, 4 * grid], [2 * grid, 2 * grid], [grid, grid]]
    if not hasattr(net, "memory_attention"):
        return
    net.image_size = size
    memory = net.memory_attention
    config = copy.deepcopy(net.config)
    config.memory_attention_rope_feat_sizes = [grid, grid]
    device = net.no_memory_embedding.device
    with torch.device("cpu"):
        memory.rotary_emb = type(memory.rotary_emb)(config=config).to(device)
        if hasattr(memory, "position_ids"):
            memory.position_ids = memory.precompute_positions(config).to(device)


def _unready(net: Net) -> bool:
    """Whether positions were never computed, because the network was made without numbers."""
    return any(each.is_meta for each in net.buffers())


def encode(net: Net, pixels: Tensor) -> list[Tensor]:
    """Run the image encoder.

    Parameters
    ----------
    net : Sam2Model or Sam2VideoModel
        The network.
    pixels : torch.Tensor, shape (N, 3, S, S)
        Standardised with ImageNet's mean and deviation; S a multiple of `step_of`.

    Returns
    -------
    list of torch.Tensor
        The image embedding (N, E, S/16, S/16) without the sign for "no memory", and the finer maps of the decoder,
        (N, E/8, S/4, S/4) and (N, E/4, S/8, S/8).
    """
    finest, fine, coarse = net.vision_encoder(pixels, return_dict=True).fpn_hidden_states
    return [coarse, net.mask_decoder.conv_s0(finest), net.mask_decoder.conv_s1(fine)]


def decode(net: Net, maps: list[Tensor], given: PromptTensors) -> tuple[Tensor, Tensor]:
    """Answer one prompt on each of B slices, as single images; the network has to be `at_size`.

    Parameters
    ----------
    net : Sam2Model or Sam2VideoModel
        The network.
    maps : list of torch.Tensor
        From `encode`.
    given : PromptTensors
        The prompts.

    Returns
    -------
    logits : torch.Tensor, shape (B, S/4, S/4)
        The single answer, or another where that one is unsteady (the network's own rule); after a lone point the
        best of three.
    iou : torch.Tensor, shape (B,)
        Estimated intersection over union.
    """
    coarse, finest, fine = maps
    n = coarse.shape[0]
    points = None if given.points is None else given.points.unsqueeze(1)
    labels = None if given.labels is None else given.labels.unsqueeze(1).to(torch.int32)
    boxes = None if given.boxes is None else given.boxes.unsqueeze(1)
    if points is None and boxes is None:  # an empty point, as the network was trained
        points = coarse.new_zeros((n, 1, 1, 2))
        labels = -torch.ones((n, 1, 1), dtype=torch.int32, device=coarse.device)
    sparse, dense = net.prompt_encoder(points, labels, boxes, given.masks)
    logits, iou, _, _ = net.mask_decoder(
        image_embeddings=coarse + net.no_memory_embedding.reshape(1, -1, 1, 1),
        image_positional_embeddings=net.get_image_wide_positional_embeddings().expand(n, -1, -1, -1),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=given.lone_point,
        high_resolution_features=[finest, fine],
    )
    best = iou[:, 0].argmax(dim=1)
    row = torch.arange(n, device=best.device)
    return logits[row, 0, best], iou[row, 0, best]
