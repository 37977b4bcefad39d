"""Labels less the noise that a second head finds in them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from napari_aleatoric.errors import DataError

from ._class_sums import soft_sums
from ._known import Known

__all__ = ["LabelNoise", "noise_loss"]

_GUARD = 1e-6  # beside the standard deviation
_SURE = 1e-4  # probabilities stay this far from 0 and 1, so that no voxel's slope outgrows all others'


class LabelNoise(nn.Module):
    """Makes ỹ = clip(y − ε̂·g, 0, 1), with g the sigmoid of the second head's logits.

    DUO (arXiv 2604.10963): ỹ = y − ε̂·f(x) with Σ ε̂ = 0 and the mean of ε̂² = 1. The sigmoid, the clip and free
    parameters ε that are standardised to ε̂ are our proposals. Without names there is one ε for every class, and
    ε̂ is standardised over the classes, as the paper's figure shows; with names one for every class of every sample,
    standardised over all samples of the training, as its equation says (over a batch of two it could only be ±1).

    Where ε̂ > 0 a class can lose voxels, where ε̂ < 0 it can gain some. A class's ε starts so that the background
    loses and the others gain, for what is overlooked is the commonest error (our proposal); a sample's at random.

    Parameters
    ----------
    n_classes : int
        K, background among them.
    sample_names : sequence of str, optional
        The training's samples; `sample_index` is a row of these.
    seed : int
        Of what is random in the first ε.
    """

    def __init__(self, n_classes: int, sample_names: Sequence[str] | None, seed: int) -> None:
        super().__init__()
        rows = 1 if sample_names is None else len(sample_names)
        self._by_sample = rows > 1  # of a single sample the mean is 0 only if the number is
        first = torch.randn((rows, n_classes), generator=torch.Generator().manual_seed(seed))
        if not self._by_sample:
            first = 0.1 * first - 1
            first[:, 0] += 2
        self.epsilon = nn.Parameter(first)

    def size(self, sample_index: Tensor | None, batch: int) -> Tensor:
        """ε̂ of the samples of a batch, shape (B, K)."""
        over = 0 if self._by_sample else 1
        centred = self.epsilon - self.epsilon.mean(dim=over, keepdim=True)
        deviation = centred.square().mean(dim=over, keepdim=True)
        sizes = centred / ((deviation + _GUARD**2).sqrt() + _GUARD)
        if not self._by_sample:
            return sizes.expand(batch, -1)
        if sample_index is None or sample_index.shape != (batch,):
            came = "none" if sample_index is None else f"shape {tuple(sample_index.shape)}"
            raise DataError(
                f"Expected sample_index with a row of sample_names for each of the {batch} samples, got {came}."
            )
        index = sample_index.to(sizes.device)
        if bool(((index < 0) | (index >= len(sizes))).any()):
            raise DataError(f"Expected sample_index from 0 to {len(sizes) - 1}, got {index.tolist()}.")
        return sizes[index]

    def denoised(self, given: Tensor, noise_logits: Tensor, sample_index: Tensor | None) -> Tensor:
        """ỹ of parts (B, K, N), with a gradient to the second head and to ε."""
        sizes = self.size(sample_index, len(given)).to(given.dtype)
        return (given - sizes[:, :, None] * noise_logits.sigmoid()).clamp(0, 1)

    def nothing(self, noise_logits: Tensor) -> Tensor:
        """Return 0 with a gradient of 0, so that all processes of a training wait for the same gradients."""
        return 0 * (noise_logits.flatten()[:1].clamp(-1, 1).sum() + self.epsilon.sum())


def noise_loss(
    logs: Tensor,
    denoised: Tensor,
    known: Known,
    class_weight: Tensor,
    dice_classes: Tensor,
    *,
    beta: float,
    smooth: float,
) -> Tensor:
    """How badly denoised targets agree with what the network says; the gradient reaches the targets alone.

    β·Dice + (1 − β)·binary cross-entropy of every class, with the network's answer held fast (our proposal: the
    paper's released text holds the target fast, and then the second head never learns).

    Parameters
    ----------
    logs : torch.Tensor, shape (B, K, N)
        ln p of the network.
    denoised : torch.Tensor, shape (B, K, N)
        ỹ with its gradient.
    known : Known
        Weights.
    class_weight : torch.Tensor, shape (B, K)
        Factor of every class.
    dice_classes : torch.Tensor, shape (K,)
        Weights of the classes in Dice; their sum is 1.
    beta, smooth : float
        As of `LossSpec`.

    Returns
    -------
    torch.Tensor, shape (B,)
    """
    logs = logs.detach()
    sums = soft_sums(logs, denoised, known)
    p = logs.exp().clamp(_SURE, 1 - _SURE)
    rest = (1 - p).log()
    entropy = -(rest + denoised * (p.log() - rest))
    binary = torch.einsum("bkn,bn->bk", entropy, known.weight) / known.weight.sum(dim=1).clamp(min=1)[:, None]
    by_class = beta * sums.dice_loss(smooth) * dice_classes + (1 - beta) * binary / logs.shape[1]
    return (class_weight * by_class).sum(dim=1)
