"""The network: MONAI's dynamic U-Net in a small size."""

from __future__ import annotations

import torch
from monai.networks.nets.dynunet import DynUNet
from torch import Tensor, nn

from napari_aleatoric.training._plan import NetPlan

__all__ = ["Flat", "build_net"]


class Flat(nn.Module):
    """A two-dimensional network that takes and gives volumes of one slice."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.inner(pixels[:, :, 0])
        return found[:, :, None]


def build_net(plan: NetPlan, seed: int) -> nn.Module:
    """Return an untrained network: patches (N, C, Z, Y, X) → logits (N, K, Z, Y, X); the seed decides its weights.

    Axes along which the patch is one voxel thick, or that are not halved, have kernels of one voxel at that level
    only where the patch is flat there; elsewhere 3 voxels.
    """
    first = 1 if plan.is_flat else 0
    strides = [stride[first:] for stride in plan.strides]
    kernels = [[1 if n == 1 else 3 for n in plan.patch_zyx[first:]] for _ in strides]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net: nn.Module = DynUNet(
            spatial_dims=2 if plan.is_flat else 3,
            in_channels=plan.n_channels,
            out_channels=plan.n_rows,
            kernel_size=kernels,
            strides=strides,
            upsample_kernel_size=strides[1:],
            filters=plan.widths,
            norm_name=("INSTANCE", {"affine": True}),
        )
    return Flat(net) if plan.is_flat else net
