"""What a training makes small: the terms of its loss, put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from napari_aleatoric.errors import DataError
from napari_aleatoric.training._loss_spec import LossSpec

from ._class_sums import class_sums, soft_sums
from ._focal import focal_loss
from ._known import Known, known, wide
from ._label_noise import LabelNoise, noise_loss
from ._scale import perception_scales
from ._shape import SignedDistances, shape_loss
from ._term_weights import TermWeights

__all__ = ["LossParts", "Objective", "build_objective", "parameter_groups"]


@dataclass(frozen=True, eq=False)
class LossParts:
    """A loss and what it came from.

    Parameters
    ----------
    total : torch.Tensor, scalar
        What is made small.
    terms : mapping of str to torch.Tensor
        Every term before its weight, detached scalars: ``dice`` and ``cross_entropy`` of all kinds, ``focal`` and
        ``shape`` of umedsam with the factors ``weight_…`` of all four, ``noise`` while labels are denoised.
    class_weight : torch.Tensor, shape (K,)
        Factor of every class, mean over the samples: within [1/(1 + α), 1] with DUO, else 1.
    scale : torch.Tensor, shape (K,)
        Perception scale of every class, mean over the samples; NaN where the kind does not measure it.
    """

    total: Tensor
    terms: Mapping[str, Tensor]
    class_weight: Tensor
    scale: Tensor


class Objective(nn.Module):
    """A loss with the parameters of its own; `build_objective` makes it.

    Parameters
    ----------
    spec : LossSpec
        Which, and how.
    n_classes : int
        K, background (index 0) among them.
    sample_names : sequence of str, optional
        The training's samples, for label denoising.
    """

    def __init__(self, spec: LossSpec, n_classes: int, sample_names: Sequence[str] | None = None) -> None:
        super().__init__()
        self.spec = spec
        self.n_classes = n_classes
        rows = sample_names if spec.noise_size == "sample" else None
        self.label_noise = LabelNoise(n_classes, rows, spec.seed) if spec.denoise else None
        names = ("dice", "cross_entropy", "focal", *(("shape",) if spec.shape else ()))
        self.term_weights = TermWeights(names, spec.log_variance_limit) if spec.kind == "umedsam" else None
        self._distances = SignedDistances()
        counted = torch.ones(n_classes)
        if not spec.include_background:
            counted[0] = 0
        self.dice_classes: Tensor
        self.register_buffer("dice_classes", counted / counted.sum(), persistent=False)

    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        part: float,
        voxel_weight: Tensor | None = None,
        sample_weight: Tensor | None = None,
        noise_logits: Tensor | None = None,
        sample_index: Tensor | None = None,
    ) -> LossParts:
        """Compare logits with a target; in float32 whatever the precision around it.

        Every term is a mean over the voxels of a sample, then over the samples. With
        L_c = β·Dice_c/K' + (1 − β)·CE_c (K' classes have a Dice; the CE_c add up to the cross-entropy) dice_ce is
        Σ L_c, DUO Σ L_c / (1 + α·S_c) with S of the network's own logits (arXiv 2604.10963), and umedsam
        Σ L_i / (2σ_i²) + ln(1 + σ_i²) over its terms with learned σ_i (arXiv 2408.08881).

        Parameters
        ----------
        logits : torch.Tensor, shape (B, K, Z, Y, X) or (B, K, Y, X)
            Before the softmax.
        target : torch.Tensor
            Class indices of int64, shape (B, *S), −1 where nothing is known; or parts of every class as floating
            numbers, shape (B, K, *S), below 0 where nothing is known.
        part : float
            How much of the training is done, 0 to 1; see ``LossSpec.strength``.
        voxel_weight : torch.Tensor, shape (B, *S), optional
            How much a voxel counts beside the others of its sample; 0 = as if it were not there.
        sample_weight : torch.Tensor, shape (B,), optional
            How much a sample counts beside the others.
        noise_logits : torch.Tensor, shape (B, K, *S), optional
            Of the second head (`with_noise_head`); needed with, and only with, ``spec.denoise``.
        sample_index : torch.Tensor of int64, shape (B,), optional
            Row of every sample in ``sample_names``; needed where labels are denoised with sizes of the samples.

        Raises
        ------
        DataError
            If something has another shape or type, a class does not exist, or a weight is negative.
        """
        if logits.ndim > 1 and logits.shape[1] != self.n_classes:
            raise DataError(f"Expected logits of {self.n_classes} classes, got shape {tuple(logits.shape)}.")
        if (noise_logits is not None) != self.spec.denoise:
            came = "none" if noise_logits is None else "some"
            raise DataError(
                f"Expected noise logits if and only if denoise is set; it is {self.spec.denoise}, and {came} came."
            )
        if noise_logits is not None and noise_logits.shape != logits.shape:
            raise DataError(
                f"Expected noise logits in the logits' shape {tuple(logits.shape)}, got "
                f"{tuple(noise_logits.shape)}."
            )
        with torch.autocast(logits.device.type, enabled=False):
            logits = _exact(logits)
            facts = known(logits, target, voxel_weight, sample_weight)
            if self.term_weights is not None:
                return self._learned(self.term_weights, logits, target, facts)
            return self._by_class(logits, facts, self.spec.strength(part), noise_logits, sample_index)

    def _by_class(
        self, logits: Tensor, facts: Known, strength: float, noise_logits: Tensor | None, index: Tensor | None
    ) -> LossParts:
        spec, dice_classes = self.spec, self.dice_classes.to(wide(logits.device))
        weight = dice_classes.new_ones((len(logits), self.n_classes))
        scale = torch.full_like(weight, torch.nan)
        if spec.kind == "duo":
            scale = self._scales(logits, facts)
            weight = 1 / (1 + spec.alpha * strength * scale)
        flat, noise = logits.flatten(2), None
        if self.label_noise is not None and noise_logits is not None and strength > 0:
            logs, given = flat.log_softmax(dim=1), facts.given(self.n_classes)
            denoised = self.label_noise.denoised(given, _exact(noise_logits).flatten(2), index)
            of_samples = noise_loss(
                logs, denoised, facts, weight.detach(), dice_classes, beta=spec.beta, smooth=spec.smooth
            )
            noise = facts.mean(of_samples)
            learned = torch.lerp(given, denoised.detach(), strength)
            sums = soft_sums(logs, learned / learned.sum(dim=1, keepdim=True).clamp(min=1), facts)
        else:
            sums = class_sums(flat, facts)
        dice, entropy = sums.dice_loss(spec.smooth) * dice_classes, sums.cross_entropy()
        total = facts.mean((weight * (spec.beta * dice + (1 - spec.beta) * entropy)).sum(dim=1))
        terms = {"dice": facts.mean(dice.sum(dim=1)), "cross_entropy": facts.mean(entropy.sum(dim=1))}
        if noise is not None:
            terms["noise"] = noise
            total = total + noise
        elif self.label_noise is not None and noise_logits is not None:
            total = total + self.label_noise.nothing(_exact(noise_logits))
        return _parts(total, terms, facts.mean(weight), facts.mean(scale), logits.dtype)

    def _scales(self, logits: Tensor, facts: Known) -> Tensor:
        maps = logits.detach() if self.spec.detach_scale else logits
        seen = None if facts.everywhere else (facts.weight > 0).reshape(len(logits), *logits.shape[2:])
        return perception_scales(maps, seen)

    def _learned(self, term_weights: TermWeights, logits: Tensor, target: Tensor, facts: Known) -> LossParts:
        spec, flat = self.spec, logits.flatten(2)
        sums = class_sums(flat, facts)
        dice_classes = self.dice_classes.to(wide(logits.device))
        terms = {
            "dice": facts.mean((sums.dice_loss(spec.smooth) * dice_classes).sum(dim=1)),
            "cross_entropy": facts.mean(sums.cross_entropy().sum(dim=1)),
            "focal": facts.mean(focal_loss(flat, sums, facts, spec.focal_gamma, spec.focal_weight)),
        }
        if spec.shape:
            distance = self._distances(target, facts, tuple(logits.shape[2:]), self.n_classes)
            terms["shape"] = facts.mean(shape_loss(flat, distance, facts))
        total = term_weights({name: value.to(logits.dtype) for name, value in terms.items()})
        total = total * (facts.share.sum() > 0)  # nothing known, nothing learned
        told = {**terms, **{f"weight_{name}": value for name, value in term_weights.weights().items()}}
        ones = torch.ones(self.n_classes, device=logits.device)
        return _parts(total, told, ones, ones * torch.nan, logits.dtype)


def _exact(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


def _parts(
    total: Tensor, terms: Mapping[str, Tensor], class_weight: Tensor, scale: Tensor, dtype: torch.dtype
) -> LossParts:
    return LossParts(
        total.to(dtype),
        {name: value.detach().to(dtype) for name, value in terms.items()},
        class_weight.detach().to(dtype),
        scale.detach().to(dtype),
    )


def build_objective(spec: LossSpec, n_classes: int, sample_names: Sequence[str] | None = None) -> Objective:
    """Make the loss of a training, with all its own parameters.

    Make it once, and the optimiser after it (`parameter_groups`): parameters of a loss that is replaced later are
    never learned.

    Parameters
    ----------
    spec : LossSpec
        Which, and how.
    n_classes : int
        K, background (index 0) among them.
    sample_names : sequence of str, optional
        The training's samples, in the order that ``sample_index`` counts; needed for ``noise_size="sample"``.

    Raises
    ------
    DataError
        If there are fewer than two classes, samples of one name, or none where they are needed.
    """
    if n_classes < 2:
        raise DataError(f"Expected at least two classes, background among them, got {n_classes}.")
    if sample_names is not None and (not sample_names or len(set(sample_names)) < len(sample_names)):
        raise DataError("Expected at least one sample, each under its own name; leave sample_names out otherwise.")
    if spec.denoise and spec.noise_size == "sample" and sample_names is None:
        raise DataError("Expected sample_names with noise_size 'sample', got none. Give them, or take 'class'.")
    return Objective(spec, n_classes, sample_names)


def parameter_groups(
    network: nn.Module, objective: nn.Module, lr: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Make groups for an optimiser: the network's parameters, and the loss's own without weight decay.

    Parameters
    ----------
    network, objective : torch.nn.Module
        Both final, and on their device.
    lr : float
        Rate of both (as U-MedSAM's sibling does).
    weight_decay : float
        Of the network; a decay would draw log-variances and noise sizes to 0.
    """

    def learned(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
        return [p for p in parameters if p.requires_grad]

    groups = [{"params": learned(network.parameters()), "lr": lr, "weight_decay": weight_decay}]
    own = learned(objective.parameters())
    return [*groups, {"params": own, "lr": lr, "weight_decay": 0.0}] if own else groups
