"""Names of SAM 2's tensors: those of the published checkpoints → those of transformers' classes.

Meta's checkpoints, and those trained with Meta's program such as MedSAM2's, name the parts after Meta's own classes
(github.com/facebookresearch/sam2, Apache-2.0). The parts and their shapes are the same; only names differ, four
embeddings of points stand apart there and in one table here, and the matrix of positions is named once there and
twice here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

__all__ = ["from_published", "looks_published"]

_WHOLE = {
    "maskmem_tpos_enc": "memory_temporal_positional_encoding",
    "no_mem_embed": "no_memory_embedding",
    "no_mem_pos_enc": "no_memory_positional_encoding",
    "no_obj_ptr": "no_object_pointer",
    "no_obj_embed_spatial": "occlusion_spatial_embedding_parameter",
    "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix": (
        "prompt_encoder.shared_embedding.positional_embedding"
    ),
}
_POSITIONS = "prompt_encoder.shared_embedding.positional_embedding"
_POSITIONS_AGAIN = "shared_image_embedding.positional_embedding"
_POINTS = "prompt_encoder.point_embed.weight"
_POINT = re.compile(r"sam_prompt_encoder\.point_embeddings\.([0-3])\.weight")

_THREE = {"0": "proj_in", "1": "layers.0", "2": "proj_out"}  # of a network of three layers, and of two below
_TWO = {"0": "proj_in", "1": "proj_out"}
_DOWN = {"0": "conv1", "1": "layer_norm1", "3": "conv2", "4": "layer_norm2", "6": "conv3"}
_UP = {"0": "upscale_conv1", "1": "upscale_layer_norm", "3": "upscale_conv2"}
_MEMORY = {"pix_feat_proj": "feature_projection", "out_proj": "projection"}
_FUSER = {"dwconv": "depthwise_conv", "pwconv1": "pointwise_conv1", "pwconv2": "pointwise_conv2", "gamma": "scale"}


def looks_published(names: Mapping[str, object]) -> bool:
    """Whether tensors are named as in a published checkpoint of SAM 2."""
    return any(name.startswith(("image_encoder.trunk.", "sam_mask_decoder.")) for name in names)


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name tensors as transformers' classes do; what no rule knows keeps its name, and is found foreign later."""
    found: dict[str, Tensor] = {}
    points: dict[int, Tensor] = {}
    for name, tensor in state.items():
        point = _POINT.fullmatch(name)
        if point:
            points[int(point[1])] = tensor
        else:
            found[_renamed(name)] = tensor
    if _POSITIONS in found:
        found[_POSITIONS_AGAIN] = found[_POSITIONS]
    if len(points) == 4 and len({(each.shape, each.dtype) for each in points.values()}) == 1:
        found[_POINTS] = torch.cat([points[n] for n in range(4)])
    return found


def _renamed(name: str) -> str:
    if name in _WHOLE:
        return _WHOLE[name]
    part, _, rest = name.partition(".")
    rules: dict[str, Callable[[str], str]] = {
        "image_encoder": _image_encoder,
        "memory_attention": lambda text: f"memory_attention.{_attention(text)}",
        "memory_encoder": _memory_encoder,
        "sam_prompt_encoder": _prompt_encoder,
        "sam_mask_decoder": _mask_decoder,
        "obj_ptr_proj": lambda text: f"object_pointer_proj.{_layers(text, _THREE)}",
        "obj_ptr_tpos_proj": lambda text: f"temporal_positional_encoding_projection_layer.{text}",
    }
    return rules[part](rest) if part in rules else name


def _layers(text: str, numbers: Mapping[str, str]) -> str:
    """``layers.0.weight`` → ``proj_in.weight`` and the like, at the end of a name."""
    return re.sub(r"(^|\.)layers\.(\d+)\.(weight|bias)$", lambda m: f"{m[1]}{numbers.get(m[2], '?')}.{m[3]}", text)


def _numbered(text: str, before: str, numbers: Mapping[str, str]) -> str:
    return re.sub(rf"^{before}\.(\d+)\.", lambda m: f"{numbers.get(m[1], '?')}.", text)


def _attention(text: str) -> str:
    return re.sub(r"(^|\.)norm", r"\1layer_norm", text).replace(".out_proj.", ".o_proj.")


def _image_encoder(text: str) -> str:
    if text.startswith("neck."):
        return "vision_encoder." + re.sub(r"^(neck\.convs\.\d+)\.conv\.", r"\1.", text)
    text = text.removeprefix("trunk.")
    text = re.sub(r"^patch_embed\.proj\.", "patch_embed.projection.", text)
    text = re.sub(r"\.norm(\d)\.", r".layer_norm\1.", text)
    return "vision_encoder.backbone." + (_layers(text, _TWO) if ".mlp." in text else text)


def _memory_encoder(text: str) -> str:
    part, _, rest = text.partition(".")
    if part == "mask_downsampler":
        number, _, kind = rest.removeprefix("encoder.").partition(".")
        step, place = divmod(int(number), 3) if number.isdigit() else (0, 2)
        inner = "final_conv" if number == "12" else f"layers.{step}.{('conv', 'layer_norm', '?')[place]}"
        return f"memory_encoder.mask_downsampler.{inner}.{kind}"
    if part == "fuser":
        names = "|".join(_FUSER)
        rest = re.sub(rf"^(layers\.\d+)\.({names})(?=\.|$)", lambda m: f"{m[1]}.{_FUSER[m[2]]}", rest)
        return "memory_encoder.memory_fuser." + re.sub(r"^(layers\.\d+)\.norm\.", r"\1.layer_norm.", rest)
    return f"memory_encoder.{_MEMORY.get(part, part)}.{rest}"


def _prompt_encoder(text: str) -> str:
    if text.startswith("mask_downscaling."):
        return "prompt_encoder.mask_embed." + _numbered(text, "mask_downscaling", _DOWN)
    return f"prompt_encoder.{text}"


def _mask_decoder(text: str) -> str:
    if text.startswith("transformer."):
        text = _attention(text)
        text = _layers(text, _TWO) if ".mlp." in text else text
    elif text.startswith("output_upscaling."):
        text = _numbered(text, "output_upscaling", _UP)
    else:
        text = _layers(text, _THREE)
    return f"mask_decoder.{text}"
