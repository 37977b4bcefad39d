"""One network with two predictors, and beside it a small one that says how unsure each reader's label is."""

from __future__ import annotations

import copy
from typing import Any

import torch
from monai.networks.nets.unet import UNet
from torch import Tensor, nn

from napari_aleatoric.training._model_plan import ModelPlan
from napari_aleatoric.training._readers_spec import UmaSpec

from ._losses._bounded import bounded
from ._patches import IGNORED
from ._reader_loss import readers_present
from ._unet import Flat

__all__ = ["LogVariance", "WithReaders", "build_log_variance", "head_of", "with_readers"]

_LEVELS = 3  # of the small network
_HEADS = {"unet": "model.2", "segresnet": "conv_final", "swinunetr": "out", "dynunet": "output_block"}


class LogVariance(nn.Module):
    """A small U-Net, one for all readers: image and a reader's label → log-variance of that label, voxel by voxel.

    Parameters
    ----------
    plan : ModelPlan
        Of the network that it stands beside; its first levels are taken.
    width : int
        Channels of the finest level.
    limit : float
        Log-variances stay between minus this and this.
    """

    def __init__(self, plan: ModelPlan, width: int, limit: float) -> None:
        super().__init__()
        first = 1 if plan.is_flat else 0
        strides = [stride[first:] for stride in plan.strides[1:_LEVELS]] or [(1,) * (3 - first)]
        network = UNet(
            spatial_dims=3 - first,
            in_channels=plan.n_inputs + plan.n_rows - 1,
            out_channels=1,
            channels=[width << level for level in range(len(strides) + 1)],
            strides=strides,  # type: ignore[arg-type]
            num_res_units=1,
            norm=("INSTANCE", {"affine": True}),
        )
        self.network = Flat(network) if plan.is_flat else network
        self.n_rows = plan.n_rows
        self.limit = limit

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return log-variances (M, z, y, x) of images (M, C, z, y, x) and one label each, int64 (M, z, y, x)."""
        classes = torch.arange(1, self.n_rows, device=labels.device).reshape(1, -1, 1, 1, 1)
        drawn = (labels[:, None] == classes).to(images.dtype)
        raw: Tensor = self.network(torch.cat([images, drawn], dim=1))
        return bounded(raw[:, 0].float(), self.limit)


class WithReaders(nn.Module):
    """A network, its second predictor and the readers' uncertainty; `with_readers` makes it.

    Only ``network`` is kept once the training is over: trunk and first predictor.

    Parameters
    ----------
    network : torch.nn.Module
        Images → logits.
    head_name : str
        Its part that makes the logits out of the trunk's features.
    auxiliary : torch.nn.Module or None
        The second predictor, of the same make.
    log_variance : LogVariance or None
        The readers' uncertainty.
    """

    def __init__(
        self, network: nn.Module, head_name: str, auxiliary: nn.Module | None, log_variance: LogVariance | None
    ) -> None:
        super().__init__()
        self.network = network
        self.head_name = head_name
        self.auxiliary = auxiliary
        self.log_variance = log_variance

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return both predictors' logits (N, K, z, y, x) and log-variances (N, R, z, y, x) of labels of that shape.

        What is switched off is None. The log-variance of a reader without a label is 0.
        """
        seen: list[Tensor] = []
        hook = self.network.get_submodule(self.head_name).register_forward_pre_hook(
            lambda _, inputs: seen.append(inputs[0])
        )
        try:
            primary: Tensor = self.network(images)
        finally:
            hook.remove()
        auxiliary: Tensor | None = (
            None if self.auxiliary is None else self.auxiliary(seen[0]).reshape(primary.shape)
        )
        return primary, auxiliary, None if self.log_variance is None else self._of_readers(images, labels)

    def _of_readers(self, images: Tensor, labels: Tensor) -> Tensor:
        assert self.log_variance is not None
        rows = readers_present(labels).flatten().nonzero()[:, 0]
        if not len(rows):  # its parameters still have a gradient, of 0
            rows = rows.new_zeros(1)
        flat = labels.flatten(0, 1)
        found: Tensor = self.log_variance(images[rows // labels.shape[1]], flat[rows])
        every: Tensor = found.new_zeros(flat.shape).index_copy(0, rows, found)
        by_reader: Tensor = every.reshape(labels.shape)
        return by_reader.masked_fill(labels == IGNORED, 0.0)


def head_of(network: nn.Module, plan: ModelPlan) -> str:
    """Return the name of the part that makes logits out of the features of a network from `build_network`."""
    if plan.network in _HEADS:
        name = _HEADS[plan.network]
    else:
        layers: Any = network.get_submodule("inner.decoder" if plan.is_flat else "decoder")
        name = f"decoder.seg_layers.{len(layers.seg_layers) - 1}"
    return f"inner.{name}" if plan.is_flat else name


def build_log_variance(plan: ModelPlan, spec: UmaSpec, seed: int) -> LogVariance:
    """Return the untrained small network of a plan; the seed decides its weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LogVariance(plan, spec.width, spec.log_variance_limit)


def with_readers(network: nn.Module, plan: ModelPlan, spec: UmaSpec, seed: int) -> WithReaders:
    """Give a network from `build_network` a second predictor and the readers' uncertainty, as far as switched on.

    Parameters
    ----------
    network : torch.nn.Module
        On its device; stays as it is.
    plan, spec
        Of the training.
    seed : int
        Of the first weights.
    """
    name = head_of(network, plan)
    device = next(network.parameters()).device
    auxiliary = None
    if spec.route and spec.auxiliary:
        auxiliary = copy.deepcopy(network.get_submodule(name)).cpu()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            for layer in auxiliary.modules():
                if callable(anew := getattr(layer, "reset_parameters", None)):
                    anew()
        auxiliary.to(device)
    learned = None
    if spec.maps == "learned":
        learned = build_log_variance(plan, spec, seed + 2).to(device)
    return WithReaders(network, name, auxiliary, learned)
