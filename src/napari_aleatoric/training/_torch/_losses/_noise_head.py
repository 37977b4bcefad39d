"""A second head beside the one that makes the logits."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from napari_aleatoric.errors import DataError, NotFoundError

__all__ = ["WithNoiseHead", "with_noise_head"]

_FIRST_BIAS = -2.0  # labels are taken for right at first: the sigmoid of this is 0.12


class WithNoiseHead(nn.Module):
    """A network and its noise head; `with_noise_head` makes it.

    Parameters
    ----------
    network : torch.nn.Module
        Images → logits (B, K, *S). It stays as it is, and is asked alone once the training is over.
    head_name : str
        Name of its convolution that makes the logits, as in ``network.named_modules()``.
    seed : int
        Of the noise head's first weights.
    """

    def __init__(self, network: nn.Module, head_name: str, seed: int) -> None:
        super().__init__()
        self.network = network
        self.head_name = head_name
        head = copy.deepcopy(self._head())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            head.cpu().reset_parameters()
        head.to(self._head().weight.device)
        if head.bias is None:
            head.bias = nn.Parameter(head.weight.new_zeros(head.out_channels))
        with torch.no_grad():
            head.bias.fill_(_FIRST_BIAS)
        self.noise_head = head.requires_grad_()

    def forward(self, *images: Any, **others: Any) -> tuple[Tensor, Tensor]:
        """Return the network's logits and the noise logits, both of shape (B, K, *S).

        The noise head sees what the network's last convolution sees, detached: it changes nothing in the network.
        """
        seen: list[Tensor] = []
        hook = self._head().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
        try:
            logits = self.network(*images, **others)
        finally:
            hook.remove()
        if len(seen) != 1:
            raise DataError(
                f"Expected the network to use its layer '{self.head_name}' once, and it was used {len(seen)} "
                "times. Name the convolution that makes the logits with head_name."
            )
        noise: Tensor = self.noise_head(seen[0])
        if noise.shape != logits.shape and noise.numel() == logits.numel() and noise.shape[:2] == logits.shape[:2]:
            noise = noise.reshape(logits.shape)  # a flat network behind an axis of one slice
        if noise.shape != logits.shape:
            raise DataError(
                f"Expected the layer '{self.head_name}' to make the logits' shape {tuple(logits.shape)}, and it "
                f"makes {tuple(noise.shape)}. Name the convolution that makes the logits with head_name."
            )
        return logits, noise

    def _head(self) -> Any:
        return self.network.get_submodule(self.head_name)


def with_noise_head(network: nn.Module, head_name: str | None = None, seed: int = 0) -> WithNoiseHead:
    """Give a network a second head that says where its labels are wrong (DUO, arXiv 2604.10963).

    Parameters
    ----------
    network : torch.nn.Module
        Any whose last convolution makes the logits.
    head_name : str, optional
        That convolution, where it is not the last one in ``network.named_modules()``.
    seed : int
        Of the noise head's first weights.

    Raises
    ------
    NotFoundError
        If there is no such convolution.
    """
    convolutions = [name for name, layer in network.named_modules() if isinstance(layer, _ConvNd)]
    if head_name is None and convolutions:
        head_name = convolutions[-1]
    if head_name is None or head_name not in convolutions:
        asked = "a convolution" if head_name is None else f"a convolution '{head_name}'"
        raise NotFoundError(
            f"Expected {asked} that makes the logits, and {type(network).__name__} has "
            f"{', '.join(convolutions[-3:]) or 'none'}. Label denoising needs one: choose another, or do "
            "without."
        )
    return WithNoiseHead(network, head_name, seed)
