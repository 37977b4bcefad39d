"""Small random SAM 2 networks, and transformers' own forward pass on them rounded as embeddings are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Sam2VideoConfig, Sam2VideoModel

SIDE = 128
WIDTH = 128


def small_config(side: int = SIDE) -> Any:
    """Everything as in the published ones, only smaller: windows that do not fit, pooling, global attention."""
    grid = side // 16
    hiera = {
        "model_type": "sam2_hiera_det_model",
        "image_size": [side, side],
        "hidden_size": 16,
        "embed_dim_per_stage": [16, 32, 48, 64],
        "num_attention_heads_per_stage": [1, 2, 3, 4],
        "blocks_per_stage": [1, 2, 2, 1],
        "global_attention_blocks": [4],
        "window_size_per_stage": [8, 4, 6, 3],
        "window_positional_embedding_background_size": [5, 5],
    }
    vision = {
        "model_type": "sam2_vision_model",
        "backbone_config": hiera,
        "backbone_channel_list": [64, 48, 32, 16],
        "backbone_feature_sizes": [[4 * grid] * 2, [2 * grid] * 2, [grid] * 2],
        "fpn_hidden_size": WIDTH,
    }
    return Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"image_size": side, "hidden_size": WIDTH},
        mask_decoder_config={"hidden_size": WIDTH, "mlp_dim": 64, "iou_head_hidden_dim": 32},
        image_size=side,
        num_maskmem=4,
        max_object_pointers_in_encoder=5,
        memory_attention_hidden_size=WIDTH,
        memory_attention_num_layers=2,
        memory_attention_feed_forward_hidden_size=64,
        memory_attention_rope_feat_sizes=[grid, grid],
        memory_encoder_hidden_size=WIDTH,
        mask_downsampler_embed_dim=WIDTH,
        memory_fuser_embed_dim=WIDTH,
        memory_fuser_intermediate_dim=64,
    )


def randomise(net: Any, seed: int) -> Any:
    """Numbers with which everything matters: much of a new network is zero, or hardly more."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            fan = parameter[0].numel() if parameter.ndim > 1 else 1
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name and name.endswith("weight"):
                parameter.copy_(1 + 0.1 * noise)
            elif parameter.ndim == 1:
                parameter.copy_(0.1 * noise)
            elif "embed" in name or "token" in name or "encoding" in name or "memory_temporal" in name:
                parameter.copy_(0.5 * noise)
            else:
                parameter.copy_(1.5 * noise / fan**0.5)
    return net.eval().requires_grad_(False)


def video_net(seed: int = 0, side: int = SIDE) -> Any:
    torch.manual_seed(seed)
    return randomise(Sam2VideoModel(small_config(side)), seed)


def rounded(net: Any) -> Any:
    """Let a network round its features to half precision, as an embedding keeps them."""
    own = net.get_image_features

    def features(*arguments: Any, **options: Any) -> Any:
        found = own(*arguments, **options)
        found.fpn_hidden_states = [each.half().float() for each in found.fpn_hidden_states]
        return found

    net.get_image_features = features
    return net


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """A slice without any symmetry, and channels that differ."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = (
        90 * y / height + 40 * x / width + 60 * ((y < height / 3) & (x > width / 2)) + rng.uniform(0, 50, y.shape)
    )
    return np.stack([np.roll(base, 5 * c, axis=1) * (1 - 0.2 * c) for c in range(3)], axis=-1).astype(np.uint8)
