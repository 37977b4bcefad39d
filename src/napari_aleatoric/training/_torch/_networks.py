"""The networks that can be trained: MONAI's, and nnU-Net's own."""

from __future__ import annotations

from typing import Any

import torch
from monai.networks.nets.dynunet import DynUNet
from monai.networks.nets.segresnet import SegResNet
from monai.networks.nets.swin_unetr import SwinUNETR
from monai.networks.nets.unet import UNet
from torch import nn

from napari_aleatoric.errors import MissingExtraError
from napari_aleatoric.training._model_plan import ModelPlan

from ._unet import Flat

__all__ = ["build_network"]

_BLOCKS = (1, 2, 2, 4)  # of SegResNet, by level; its paper's
_RESIDUAL_BLOCKS = (1, 3, 4, 6, 6, 6)  # of nnU-Net's residual encoder, by level
_SWIN_WINDOW = 7


def build_network(plan: ModelPlan, seed: int) -> nn.Module:
    """Return an untrained network: patches (N, `n_inputs`, Z, Y, X) → logits (N, K, Z, Y, X).

    Two-dimensional ones take and give volumes of one slice. The seed decides the weights. Parameters that have no
    part in the logits do not ask for a gradient.

    Raises
    ------
    MissingExtraError
        If nnU-Net's networks are not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _MAKERS[plan.network](plan)
    return Flat(network) if plan.is_flat else network


def _unet(plan: ModelPlan) -> nn.Module:
    first = 1 if plan.is_flat else 0
    return UNet(
        spatial_dims=3 - first,
        in_channels=plan.n_inputs,
        out_channels=plan.n_rows,
        channels=plan.widths,
        strides=[stride[first:] for stride in plan.strides[1:]],  # type: ignore[misc]
        num_res_units=2,
        norm=("INSTANCE", {"affine": True}),
    )


def _segresnet(plan: ModelPlan) -> nn.Module:
    levels = len(plan.strides)
    return SegResNet(
        spatial_dims=2 if plan.is_flat else 3,
        init_filters=plan.widths[0],
        in_channels=plan.n_inputs,
        out_channels=plan.n_rows,
        blocks_down=_BLOCKS[:levels],
        blocks_up=(1,) * (levels - 1),
    )


def _swinunetr(plan: ModelPlan) -> nn.Module:
    return SwinUNETR(
        in_channels=plan.n_inputs,
        out_channels=plan.n_rows,
        feature_size=plan.widths[0],
        window_size=_SWIN_WINDOW,
        spatial_dims=2 if plan.is_flat else 3,
    )


def _dynunet(plan: ModelPlan) -> nn.Module:
    strides, kernels = _levels(plan)
    return DynUNet(
        spatial_dims=2 if plan.is_flat else 3,
        in_channels=plan.n_inputs,
        out_channels=plan.n_rows,
        kernel_size=kernels,
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=plan.widths,
        norm_name=("INSTANCE", {"affine": True}),
    )


def _plainconvunet(plan: ModelPlan) -> nn.Module:
    from_nnunet = _nnunet()
    return _trained_only(from_nnunet.PlainConvUNet(**_settings(plan), n_conv_per_stage=2))


def _resenc(plan: ModelPlan) -> nn.Module:
    from_nnunet = _nnunet()
    blocks = _RESIDUAL_BLOCKS[: len(plan.widths)]
    blocks += (blocks[-1],) * (len(plan.widths) - len(blocks))
    return _trained_only(from_nnunet.ResidualEncoderUNet(**_settings(plan), n_blocks_per_stage=blocks))


def _nnunet() -> Any:
    try:
        from dynamic_network_architectures.architectures import unet  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError.for_extra("ai", "train nnU-Net's networks") from error
    return unet


def _settings(plan: ModelPlan) -> dict[str, Any]:
    strides, kernels = _levels(plan)
    return {
        "input_channels": plan.n_inputs,
        "n_stages": len(plan.widths),
        "features_per_stage": plan.widths,
        "conv_op": nn.Conv2d if plan.is_flat else nn.Conv3d,
        "kernel_sizes": kernels,
        "strides": strides,
        "num_classes": plan.n_rows,
        "n_conv_per_stage_decoder": [2 if plan.network == "plainconvunet" else 1] * (len(plan.widths) - 1),
        "conv_bias": True,
        "norm_op": nn.InstanceNorm2d if plan.is_flat else nn.InstanceNorm3d,
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": nn.LeakyReLU,
        "nonlin_kwargs": {"inplace": True},
    }


def _levels(plan: ModelPlan) -> tuple[list[tuple[int, ...]], list[list[int]]]:
    """Strides and kernels by level, z left out where the network is flat.

    As in nnU-Net's planning, a kernel has one voxel along an axis until its spacing is within twice the finest.
    """
    first = 1 if plan.is_flat else 0
    spacing = list(plan.spacing_zyx_mm[first:])
    strides, kernels = [], []
    for stride in plan.strides:
        strides.append(tuple(stride[first:]))
        spacing = [a * b for a, b in zip(spacing, stride[first:], strict=True)]
        finest = min(spacing)
        kernels.append([1 if step > 2 * finest else 3 for step in spacing])
    return strides, kernels


def _trained_only(network: Any) -> nn.Module:
    """Freeze the heads of deep supervision, which are made and not used."""
    for head in network.decoder.seg_layers[:-1]:
        head.requires_grad_(False)
    trained: nn.Module = network
    return trained


_MAKERS = {
    "unet": _unet,
    "segresnet": _segresnet,
    "swinunetr": _swinunetr,
    "dynunet": _dynunet,
    "plainconvunet": _plainconvunet,
    "resenc": _resenc,
}
